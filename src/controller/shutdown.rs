//! The request to end.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Whether the process was asked to end: from the first signal on.
#[derive(Debug)]
pub(super) struct Shutdown(watch::Receiver<bool>);

impl Shutdown {
    /// Requested by SIGTERM or SIGINT; a second one ends the process at once.
    ///
    /// # Errors
    /// When the signals cannot be caught.
    pub(super) fn on_signals() -> std::io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (sender, receiver) = watch::channel(false);
        tokio::spawn(async move {
            for signals in 1.. {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
                if signals > 1 {
                    tracing::warn!("asked twice to end: ending now");
                    std::process::exit(1);
                }
                tracing::info!("asked to end: finishing what runs");
                let _ = sender.send(true);
            }
        });
        Ok(Self(receiver))
    }

    /// Completes with the request.
    pub(super) async fn requested(&self) {
        // The sender lives as long as the process.
        let _ = self.0.clone().wait_for(|requested| *requested).await;
    }
}
