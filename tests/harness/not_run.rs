//! What is not run says so, also where the test passes.

use std::io::Write as _;

/// Says that the test, or a part of it, is not run, and why. The framework keeps what a test that passes has printed with
/// `println!`, and one that did nothing would look like any other.
pub fn not_run(why: &str) {
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    let _ = writeln!(std::io::stderr(), "not run: {test}: {why}");
}
