//! What images say of themselves: EXPOSE, HEALTHCHECK, USER and the like, read from their registries.
//!
//! What was read is recorded in the stack's status and read again only on request, so that a registry that is gone, or
//! a tag that moved, changes nothing that was decided before; unless `pull_policy` asks for it by time.

mod config;
mod credentials;
mod reference;
mod registry;
mod silent;
mod timed;

pub use registry::Registry;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt};
use k8s_openapi::jiff::Timestamp;

use self::credentials::Credential;
use self::reference::Reference;
use self::registry::ReadError;
use self::timed::Periods;
use super::reader::Reader;
use crate::api::ComposeStack;
use crate::api::v1alpha1::ImageStatus;

/// How long one image may take.
const IMAGE: Duration = Duration::from_secs(8);
/// How long one that was not recorded yet may take when its registry did not answer lately.
const DOUBTFUL: Duration = Duration::from_secs(2);
/// How long all images of a stack may take.
const STACK: Duration = Duration::from_secs(20);
/// What is said of an image whose registry did not answer.
const LATE: &str = "its registry did not answer in time";
/// How many images of a stack are read at a time.
const CONCURRENCY: usize = 4;
/// How many images the status holds.
const RECORDED: usize = 100;
/// How many bytes one of them may take there.
const RECORD: usize = 4096;

/// Which images are read that were asked for before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// None.
    None,
    /// Those that could not be read.
    Unread,
    /// All.
    All,
}

/// An image whose configuration is wanted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WantedImage {
    /// The reference as the file has it.
    pub image: String,
    /// The platform that the file asks for, such as `linux/arm64`; empty for none.
    pub platform: String,
    /// How old what is known of it may become; none for ever.
    pub period: Option<Duration>,
}

/// The configurations of images: what is recorded in the stack's status, and for the rest what registries answer. An
/// image that cannot be read is recorded as such, with the reason. With them, in how long the next one is to be looked
/// up, where time asks for it.
pub async fn images(
    registry: &Registry,
    reader: &Reader<'_>,
    stack: &ComposeStack,
    wanted: &[WantedImage],
    again: Again,
) -> (Vec<ImageStatus>, Option<Duration>) {
    let (now, periods) = (Timestamp::now(), Periods::of(wanted));
    let recorded: BTreeMap<&str, &ImageStatus> =
        stack.status.iter().flat_map(|status| &status.images).map(|record| (record.image.as_str(), record)).collect();
    let mut known = BTreeMap::new();
    let mut missing = BTreeMap::new();
    for wanted in wanted {
        let record = recorded.get(wanted.image.as_str());
        if let Some(record) = record {
            known.insert(wanted.image.clone(), periods.kept((*record).clone()));
        }
        let is_due = match (record, again) {
            (None, _) | (_, Again::All) => true,
            (Some(record), Again::Unread) if record.unread.is_some() => true,
            (Some(record), _) => periods.is_due(record, now),
        };
        if is_due && missing.len() < RECORDED {
            missing.entry(wanted.image.as_str()).or_insert(wanted);
        }
    }
    if !missing.is_empty() {
        let credentials = credentials_of(reader, stack).await;
        let deadline = Instant::now() + STACK;
        let reads = missing.into_values().map(|wanted| {
            let record = recorded.get(wanted.image.as_str()).copied().filter(|_| again != Again::All);
            read(registry, wanted, record, &credentials, deadline)
        });
        let answers: Vec<ImageStatus> = stream::iter(reads.collect::<Vec<_>>()).buffered(CONCURRENCY).collect().await;
        for answer in answers {
            let better =
                known.remove(&answer.image).filter(|record| answer.unread.is_some() && record.unread.is_none());
            let answer = periods.checked(better, answer, now);
            known.insert(answer.image.clone(), answer);
        }
    }
    let images: Vec<ImageStatus> = known.into_values().take(RECORDED).collect();
    let next = periods.next(&images, now);
    (images, next)
}

/// Reads an image, unless its registry did not answer lately, and there is a record of the image to go on with.
async fn read(
    registry: &Registry,
    wanted: &WantedImage,
    record: Option<&ImageStatus>,
    credentials: &[Credential],
    deadline: Instant,
) -> ImageStatus {
    let now = Instant::now();
    let left = deadline.saturating_duration_since(now);
    let result = match Reference::parse(&wanted.image) {
        None => Err("is no reference of an image".to_owned()),
        Some(reference) => {
            let (host, silent) = (reference.host(), &registry.silent);
            let is_paused = silent.is_paused(host, now);
            if is_paused && let Some(record) = record {
                let unread = record.unread.clone().or_else(|| Some(LATE.to_owned()));
                return ImageStatus { image: wanted.image.clone(), unread, ..ImageStatus::default() };
            }
            let time = if is_paused { DOUBTFUL } else { IMAGE };
            let work = registry.read(&reference, &wanted.platform, credentials);
            let answer = tokio::time::timeout(time.min(left), work).await;
            match &answer {
                Err(_) if left < time => {}
                Err(_) | Ok(Err(ReadError::Unreachable)) => silent.failed(host, Instant::now()),
                Ok(_) => silent.answered(host),
            }
            answer.map_or_else(|_| Err(LATE.to_owned()), |answer| answer.map_err(|error| error.to_string()))
        }
    };
    let status = result.map(|config| config.status(&wanted.image));
    let is_small = |status: &ImageStatus| serde_json::to_vec(status).is_ok_and(|bytes| bytes.len() <= RECORD);
    let unread = match status {
        Ok(status) if is_small(&status) => return status,
        Ok(_) => "its configuration is unusually large".to_owned(),
        Err(reason) => reason,
    };
    tracing::debug!(image = %wanted.image, %unread, "an image's configuration could not be read");
    ImageStatus { image: wanted.image.clone(), unread: Some(unread), ..ImageStatus::default() }
}

/// The credentials of the stack's pull secrets. The kubelet goes on without one that it cannot use, and so does this.
async fn credentials_of(reader: &Reader<'_>, stack: &ComposeStack) -> Vec<Credential> {
    let mut credentials = Vec::new();
    for reference in &stack.spec.image_pull_secrets {
        match reader.find_secret("spec.imagePullSecrets", &reference.name).await {
            Ok(data) => credentials.extend(credentials::parse(&data.unwrap_or_default())),
            Err(error) => tracing::debug!(%error, "a pull secret could not be read"),
        }
    }
    credentials
}

#[cfg(test)]
mod tests;
