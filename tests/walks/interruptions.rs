//! An operator that is interrupted again and again while stacks change.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use proptest::prelude::Rng;
use proptest::test_runner::TestRng;

use crate::harness::Operator;

/// Interrupts an operator at random moments until the walks are over; returns the last one, and how often which was done.
pub fn interrupt(
    mut operator: Operator,
    start: impl Fn() -> Operator,
    mut rng: TestRng,
    over: &AtomicBool,
) -> (Operator, BTreeMap<&'static str, usize>) {
    let mut counts = BTreeMap::new();
    loop {
        let pause = Duration::from_millis(u64::from(4_000 + rng.next_u32() % 16_000));
        let until = Instant::now() + pause;
        while Instant::now() < until {
            if over.load(Ordering::Relaxed) {
                return (operator, counts);
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        let what = match rng.next_u32() % 3 {
            0 => {
                operator.kill();
                operator = start();
                "killed"
            }
            1 => {
                let (_, well) = operator.terminate();
                assert!(well, "an operator that was asked to end failed: {}", operator.log());
                operator = start();
                "ended"
            }
            _ => {
                operator.signal("-STOP");
                std::thread::sleep(Duration::from_secs(2));
                operator.signal("-CONT");
                "paused"
            }
        };
        *counts.entry(what).or_default() += 1;
    }
}
