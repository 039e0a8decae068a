use serde_json::json;

use kube::Client;

use super::super::references::References;
use super::*;
use crate::api::v1alpha1::ComposeStackStatus;

#[path = "../../../tests/harness/registry.rs"]
#[allow(missing_docs, unreachable_pub, reason = "shared with the tests of the whole program")]
mod test_registry;

use test_registry::TestRegistry;

fn config() -> serde_json::Value {
    json!({"architecture": "amd64", "os": "linux", "config": {
        "User": "999:999", "ExposedPorts": {"5432/tcp": {}}, "Cmd": ["serve"], "Entrypoint": ["/run"],
        "Volumes": {"/data": {}}, "WorkingDir": "/srv", "StopSignal": "SIGINT",
        "Healthcheck": {"Test": ["CMD", "check"], "Interval": 5_000_000_000_i64, "Retries": 2},
    }})
}

/// The file's client is never asked: there are no pull secrets.
fn client() -> Client {
    let service = tower::service_fn(|_: http::Request<kube::client::Body>| async {
        Err::<http::Response<kube::client::Body>, _>(std::io::Error::other("not to be asked"))
    });
    Client::new(service, "default")
}

fn stack(images: Vec<ImageStatus>) -> ComposeStack {
    let mut stack = ComposeStack::new("shop", crate::api::v1alpha1::ComposeStackSpec::default());
    stack.status = Some(ComposeStackStatus { images, ..ComposeStackStatus::default() });
    stack
}

fn wanted(image: &str) -> WantedImage {
    WantedImage { image: image.to_owned(), platform: String::new(), period: None }
}

async fn read_one(registry: &Registry, image: &str, recorded: Vec<ImageStatus>, again: Again) -> ImageStatus {
    let stack = stack(recorded);
    let references = References::default();
    let reader = Reader::new(&client(), &stack, &references);
    let (mut images, next) = images(registry, &reader, &stack, &[wanted(image)], again).await;
    assert_eq!(next, None);
    assert_eq!(images.len(), 1);
    images.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_image_says_of_itself_is_read() {
    let server = tokio::task::spawn_blocking(|| TestRegistry::start(None)).await.unwrap();
    let image = server.push("team/db", &config());
    let read = read_one(&Registry::default(), &image, Vec::new(), Again::None).await;
    assert_eq!(read.unread, None);
    assert!(read.digest.starts_with("sha256:"));
    assert_eq!((read.user.as_str(), read.exposed_ports.as_slice()), ("999:999", &["5432/tcp".to_owned()][..]));
    assert_eq!(
        (read.cmd, read.entrypoint, read.volumes),
        (vec!["serve".into()], vec!["/run".into()], vec!["/data".into()])
    );
    assert_eq!((read.working_dir.as_str(), read.stop_signal.as_str()), ("/srv", "SIGINT"));
    assert_eq!(read.platforms, ["linux/amd64"]);
    let check = read.health_check.unwrap();
    assert_eq!((check.interval.as_deref(), check.retries, check.timeout), (Some("5s"), Some(2), None));
    tokio::task::spawn_blocking(|| drop(server)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_leads_to_the_wanted_platform() {
    let server = tokio::task::spawn_blocking(|| TestRegistry::start(None)).await.unwrap();
    let of = |user: &str| json!({"architecture": "x", "os": "linux", "config": {"User": user}});
    let image =
        server.push_index("app", &[("linux/amd64", of("1")), ("linux/arm64", of("2")), ("unknown/unknown", of("3"))]);
    let want = WantedImage { image: image.clone(), platform: "linux/arm64".to_owned(), period: None };
    let stack = stack(Vec::new());
    let references = References::default();
    let reader = Reader::new(&client(), &stack, &references);
    let (read, _) = images(&Registry::default(), &reader, &stack, &[want], Again::None).await;
    assert_eq!((read[0].user.as_str(), read[0].platforms.len()), ("2", 2));
    tokio::task::spawn_blocking(|| drop(server)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_recorded_is_not_asked_for_again() {
    let server = tokio::task::spawn_blocking(|| TestRegistry::start(None)).await.unwrap();
    let image = server.push("app", &config());
    let registry = Registry::default();
    let old = ImageStatus { image: image.clone(), user: "7".to_owned(), ..ImageStatus::default() };
    let unread = ImageStatus { unread: Some("gone".to_owned()), ..old.clone() };
    for (record, again, user) in [
        (&old, Again::None, "7"),
        (&old, Again::Unread, "7"),
        (&unread, Again::None, "7"),
        (&unread, Again::Unread, "999:999"),
        (&old, Again::All, "999:999"),
    ] {
        let read = read_one(&registry, &image, vec![record.clone()], again).await;
        assert_eq!(read.user, user, "{again:?}");
    }
    // Twice the manifest, and the configuration once.
    assert_eq!(server.asked().len(), 3);
    server.corrupt();
    assert_eq!(read_one(&Registry::default(), &image, vec![old.clone()], Again::All).await, old);
    let read = read_one(&Registry::default(), &image, Vec::new(), Again::All).await;
    assert_eq!(read.unread.as_deref(), Some("its registry's answer is not understood"));
    tokio::task::spawn_blocking(|| drop(server)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_image_needs_its_credential() {
    let server = tokio::task::spawn_blocking(|| TestRegistry::start(Some("user:word"))).await.unwrap();
    let image = server.push("app", &config());
    let reference = Reference::parse(&image).unwrap();
    let registry = Registry::default();
    let secret = |password: &str| {
        let auths = json!({"auths": {(server.address.to_string()): {"username": "user", "password": password}}});
        credentials::parse(&BTreeMap::from([(".dockerconfigjson".to_owned(), auths.to_string().into_bytes())]))
    };
    assert!(registry.read(&reference, "", &secret("word")).await.is_ok());
    for credentials in [Vec::new(), secret("wrong")] {
        let error = registry.read(&reference, "", &credentials).await.unwrap_err();
        assert_eq!(error, registry::ReadError::Refused);
    }
    tokio::task::spawn_blocking(|| drop(server)).await.unwrap();
}

#[tokio::test]
async fn a_registry_that_is_not_there_is_told_of() {
    let read = read_one(&Registry::default(), "127.0.0.1:1/app", Vec::new(), Again::None).await;
    assert_eq!(read.unread.as_deref(), Some("its registry cannot be reached"));
    let read = read_one(&Registry::default(), "Not A Reference", Vec::new(), Again::None).await;
    assert_eq!(read.unread.as_deref(), Some("is no reference of an image"));
}

/// A registry that takes connections and says nothing.
#[tokio::test]
async fn a_registry_that_did_not_answer_is_not_waited_for_in_each_pass() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let image = format!("{}/app", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            kept.push(connection);
        }
    });
    let registry = Registry::default();
    registry.silent.failed(Reference::parse(&image).unwrap().host(), Instant::now());

    // What was recorded is gone on with, and nothing is asked.
    let unread = ImageStatus { image: image.clone(), unread: Some("gone".to_owned()), ..ImageStatus::default() };
    assert_eq!(read_one(&registry, &image, vec![unread.clone()], Again::Unread).await, unread);
    assert_eq!(connections.load(Ordering::SeqCst), 0);
    // Nothing is known of it: it is asked, and not for long.
    let began = Instant::now();
    let read = read_one(&registry, &image, Vec::new(), Again::None).await;
    assert_eq!(read.unread.as_deref(), Some(LATE));
    assert!(began.elapsed() < IMAGE && connections.load(Ordering::SeqCst) == 1);
}
