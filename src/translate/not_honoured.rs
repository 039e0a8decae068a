//! Fields of the spec that this version does not honour yet. A stack that sets one stalls: a field that is ignored
//! would be believed.

use crate::api::v1alpha1::ComposeStackSpec;

/// The fields that are set and not honoured, each with what to do.
pub fn not_honoured(spec: &ComposeStackSpec) -> Vec<String> {
    // Without `..`: a new field has to be thought of here.
    let ComposeStackSpec {
        compose_file: _,
        compose: _,
        compose_from: _,
        overrides: _,
        files: _,
        binary_files: _,
        files_from: _,
        env: _,
        env_from: _,
        profiles: _,
        unsupported: _,
        suspend: _,
        prune: _,
        interval: _,
        progress_deadline: _,
        service_account_name: _,
        volumes: _,
        publish: _,
        network_policy: _,
        resources: _,
        security: _,
        liveness: _,
        image_pull_secrets: _,
        build,
        models: _,
        service_overrides: _,
    } = spec;
    let fields = [("spec.build", build.is_some())];
    fields
        .into_iter()
        .filter(|(_, set)| *set)
        .map(|(field, _)| {
            format!("{field}: is not honoured by version {} of the operator: remove it", env!("CARGO_PKG_VERSION"))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::v1alpha1::BuildSettings;

    #[test]
    fn defaults_are_honoured_and_the_rest_is_named() {
        assert!(not_honoured(&ComposeStackSpec::default()).is_empty());
        let spec = ComposeStackSpec { build: Some(BuildSettings::default()), ..Default::default() };
        let lines = not_honoured(&spec);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].starts_with("spec.build: "));
    }
}
