//! Work that ends in time and harms nobody else: a queue is nobody's alone.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt;

/// Work that did not come to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfinished {
    /// It took longer than it may.
    #[error("not done after {} s; it is tried again", .0.as_secs_f64())]
    Late(Duration),
    /// It met a fault of the operator's own.
    #[error("the operator failed on this stack; its log has the place, please report it")]
    Panicked,
}

impl Unfinished {
    /// The word for those who count.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Late(_) => "timeout",
            Self::Panicked => "panic",
        }
    }
}

/// Does the work, unless that takes too long or panics.
pub(super) async fn guarded<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, Unfinished> {
    match tokio::time::timeout(limit, AssertUnwindSafe(work).catch_unwind()).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(_)) => Err(Unfinished::Panicked),
        Err(_) => Err(Unfinished::Late(limit)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_hangs_or_panics_is_told_from_work_that_is_done() {
        let moment = Duration::from_millis(20);
        let panics = async { panic!("planted") };
        assert_eq!(guarded(Duration::from_mins(1), panics).await, Err::<(), _>(Unfinished::Panicked));
        assert_eq!(guarded(moment, std::future::pending::<()>()).await, Err(Unfinished::Late(moment)));
        assert_eq!(guarded(moment, std::future::ready(1)).await, Ok(1));
        assert_eq!(Unfinished::Late(Duration::from_mins(2)).to_string(), "not done after 120 s; it is tried again");
    }
}
