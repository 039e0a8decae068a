//! The connection to the API server: how long it may be silent, and what is sent again.

use std::time::Duration;

use kube::client::Body;
use kube::client::retry::RetryPolicy;
use kube::{Client, Config};
use tower::retry::Retry;
use tower::{BoxError, ServiceExt};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an answer may be silent. A watch of nothing is, for the 290 seconds that it is asked for at a time.
const SILENT: Duration = Duration::from_mins(5);

/// A configuration whose connections end when nothing comes over them any more, and whose client sends nothing twice:
/// what is sent again has to pass the fence again.
pub(super) fn bounded(mut config: Config) -> Config {
    config.connect_timeout = Some(CONNECT);
    config.read_timeout = Some(SILENT);
    // Else the time that a connection was idle would count.
    config.reset_reader_on_write = true;
    config.default_retry = false;
    config
}

/// A client that sends again, through the one that it is made of, what the API server refuses for the moment.
pub(super) fn resent(client: Client, namespace: &str) -> Client {
    let once = tower::service_fn(move |request: http::Request<Body>| {
        let client = client.clone();
        async move { client.send(request).await }
    });
    Client::new(Retry::new(RetryPolicy::server_retry(), once.map_err(BoxError::from)), namespace)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Instant;

    use http::{Method, Request, Response, StatusCode};

    use super::super::term::{Term, fenced};
    use super::*;

    /// How often a server that refuses at first got a request, and what came of it.
    async fn sent(method: Method, ends: bool) -> (usize, Option<StatusCode>) {
        let (term, count) = (Term::none(), Arc::new(AtomicUsize::new(0)));
        term.extend(Instant::now());
        let server = {
            let (term, count) = (term.clone(), Arc::clone(&count));
            tower::service_fn(move |_: Request<Body>| {
                let is_first = count.fetch_add(1, Ordering::SeqCst) == 0;
                if ends {
                    term.end();
                }
                let status = if is_first { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::OK };
                let answer = Response::builder().status(status).body(Body::empty());
                std::future::ready(answer)
            })
        };
        let client = resent(fenced(Client::new(server, "default"), term, "default"), "default");
        let request = Request::builder().method(method).uri("/api").body(Body::empty()).unwrap();
        let answer = client.send(request).await;
        (count.load(Ordering::SeqCst), answer.ok().map(|answer| answer.status()))
    }

    #[tokio::test]
    async fn what_is_sent_again_passes_the_fence_again() {
        assert_eq!(sent(Method::PATCH, false).await, (2, Some(StatusCode::OK)));
        assert_eq!(sent(Method::PATCH, true).await, (1, None), "nothing is written after the term");
        assert_eq!(sent(Method::GET, true).await, (2, Some(StatusCode::OK)), "whoever waits may read");
    }

    #[tokio::test]
    async fn the_client_itself_sends_nothing_twice_and_lets_watches_live() {
        let config = bounded(Config::new("http://127.0.0.1:1".parse().unwrap()));
        assert!(!config.default_retry);
        assert!(config.connect_timeout.is_some() && config.reset_reader_on_write);
        let watch = Duration::from_secs(kube::runtime::watcher::Config::default().timeout.unwrap_or(290).into());
        assert!(config.read_timeout.is_some_and(|silent| silent > watch));
    }
}
