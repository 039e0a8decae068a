//! What is to be said about images whose configuration was read from their registries, or could not be.

use super::context::{Context, Unit};
use super::notes::Notes;

/// Notes what an image asks for that its pods do not have, and what is not known of it.
pub(super) fn note(context: &Context, unit: &Unit, notes: &mut Notes) {
    let container = &unit.service.container;
    let Some(image) = context.facts.images.get(&container.image) else { return };
    let path = format!("{}.image", unit.path);
    if let Some(reason) = &image.unread {
        notes.approximated(
            path,
            format!(
                "what the image says of itself is not known ({reason}), such as its HEALTHCHECK, EXPOSE and VOLUME; it is \
                 read again when the stack changes, or on request"
            ),
        );
        return;
    }
    let is_mounted = |path: &str| {
        let same = |target: &str| target.trim_end_matches('/') == path.trim_end_matches('/');
        container.volumes.iter().any(|mount| same(&mount.target))
            || container.tmpfs.iter().any(|text| same(text.split(':').next().unwrap_or(text)))
    };
    let kept: Vec<&str> = image.volumes.iter().map(String::as_str).filter(|path| !is_mounted(path)).collect();
    if !kept.is_empty() {
        notes.approximated(
            path,
            format!(
                "the image's VOLUME {} lives no longer than its container, where Docker keeps it until the service is \
                 removed: mount a named volume there",
                kept.join(" ")
            ),
        );
    }
    let wanted = container.platform.to_lowercase();
    let fits = |platform: &String| *platform == wanted || platform.starts_with(&format!("{wanted}/"));
    if !wanted.is_empty() && !image.platforms.is_empty() && !image.platforms.iter().any(fits) {
        notes.rejected(
            format!("{}.platform", unit.path),
            format!("`{}` has no image for {wanted}, only for {}", container.image, image.platforms.join(", ")),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::v1alpha1::ImageStatus;
    use crate::translate::{Facts, fixture};

    fn noted(service: &str, image: ImageStatus) -> Vec<String> {
        let facts = Facts { images: [("x".to_owned(), image)].into(), ..Facts::default() };
        let text = format!("services: {{web: {{image: x, {service}}}}}");
        fixture::with_facts(&text, &fixture::stack(), &facts, |context, notes| {
            note(context, &context.units["web"], notes);
            std::mem::take(notes).summary()
        })
    }

    #[test]
    fn volumes_that_nothing_is_mounted_at() {
        let image = ImageStatus { volumes: vec!["/data".to_owned()], ..ImageStatus::default() };
        assert_eq!(noted("", image.clone()), ["services.web.image: Approximated"]);
        for mounted in ["volumes: [{type: tmpfs, target: /data/}]", "tmpfs: [\"/data:size=1m\"]"] {
            assert_eq!(noted(mounted, image.clone()), Vec::<String>::new());
        }
    }

    #[test]
    fn platforms_that_there_is_no_image_for() {
        let platforms = vec!["linux/amd64".to_owned(), "linux/arm/v7".to_owned()];
        let image = ImageStatus { platforms, ..ImageStatus::default() };
        for (platform, expected) in [
            ("linux/amd64", vec![]),
            ("linux/arm", vec![]),
            ("linux", vec![]),
            ("linux/arm64", vec!["services.web.platform: Rejected"]),
        ] {
            assert_eq!(noted(&format!("platform: {platform}"), image.clone()), expected, "{platform}");
        }
    }

    #[test]
    fn an_image_that_could_not_be_read() {
        let image = ImageStatus { unread: Some("gone".to_owned()), ..ImageStatus::default() };
        assert_eq!(noted("", image), ["services.web.image: Approximated"]);
    }
}
