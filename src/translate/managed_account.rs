//! `credential_spec`: the group managed account that a Windows container runs as (Kubernetes, "Configure GMSA").

use k8s_openapi::api::core::v1::WindowsSecurityContextOptions;

use super::context::{Context, Unit};
use super::file_object::external_name;
use super::notes::Notes;
use super::project_directory::{PROJECT_DIRECTORY, shown};
use crate::compose::ProjectFiles;

/// How long such a specification may be (Kubernetes, `maxGMSACredentialSpecLength`).
const MAX_BYTES: usize = 64 * 1024;

/// The options of a container that runs as a managed account.
pub(super) fn options(context: &Context, unit: &Unit, notes: &mut Notes) -> Option<WindowsSecurityContextOptions> {
    let credentials = unit.service.container.credential_spec.as_ref()?;
    let path = format!("{}.credential_spec", unit.path);
    if !credentials.registry.is_empty() {
        notes.rejected(
            format!("{path}.registry"),
            "pods cannot name a key of a node's registry: give the specification by `file` or `config`",
        );
        return None;
    }
    let external = context.project.configs.get(&credentials.config).filter(|config| config.external);
    if let Some(config) = external {
        let name = external_name(&credentials.config, config);
        notes.approximated(
            format!("{path}.config"),
            format!(
                "is the GMSACredentialSpec `{name}` of the cluster, which has to be there, with the webhook that reads it"
            ),
        );
        return Some(WindowsSecurityContextOptions {
            gmsa_credential_spec_name: Some(name),
            ..WindowsSecurityContextOptions::default()
        });
    }
    let (attribute, found) = match (credentials.config.as_str(), credentials.file.as_str()) {
        ("", "") => return None,
        ("", path) => ("file", file(context, path)),
        (key, _) => ("config", config(context, key)),
    };
    let path = format!("{path}.{attribute}");
    match found {
        Ok(text) if text.len() > MAX_BYTES => {
            notes.error(path, "Invalid", "the specification is longer than 64 KiB, which Kubernetes does not take");
            None
        }
        Ok(text) => Some(WindowsSecurityContextOptions {
            gmsa_credential_spec: Some(text),
            ..WindowsSecurityContextOptions::default()
        }),
        // Docker Compose passes over it; a stack of Swarm does not.
        Err(("NotFound", problem)) => {
            notes.rejected(path, problem);
            None
        }
        Err((reason, problem)) => {
            notes.error(path, reason, problem);
            None
        }
    }
}

type Problem = (&'static str, String);

/// Where a specification lies that is given by `file`, which the loader leaves as it is written.
pub(super) fn path_of(file: &str) -> String {
    let name = file.strip_prefix("file://").unwrap_or(file);
    if name.starts_with('/') { name.to_owned() } else { format!("{PROJECT_DIRECTORY}/{name}") }
}

fn file(context: &Context, file: &str) -> Result<String, Problem> {
    let path = path_of(file);
    let missing = |error: &dyn std::fmt::Display| {
        let name = shown(&path);
        ("NotInProject", format!("`{name}`: {error} among the project's files; add it to spec.files or spec.filesFrom"))
    };
    let file = context.stack.files.read(&path).map_err(|error| missing(&error))?;
    readable(file.content, file.secret)
}

fn config(context: &Context, key: &str) -> Result<String, Problem> {
    let known = context.project.configs.get(key);
    let config = known.ok_or_else(|| ("NotFound", format!("there is no `{key}` among the configs")))?;
    if !config.file.is_empty() {
        return file(context, &config.file);
    }
    if config.content.is_empty() {
        return Err((
            "Invalid",
            format!(
                "the config `{key}` has to be given by `content` or `file`, or be external: it is a part of the pod"
            ),
        ));
    }
    readable(config.content.clone().into_bytes(), context.project.tainted.contains(&format!("configs.{key}.content")))
}

/// It is a part of the pod, which everybody may read who may read pods.
fn readable(content: Vec<u8>, secret: bool) -> Result<String, Problem> {
    if secret {
        return Err((
            "SecretExposed",
            "comes from a Secret, and would be readable in the pod: it holds no secret, so give it \
                                      by spec.files"
                .to_owned(),
        ));
    }
    String::from_utf8(content)
        .map_err(|_| ("Invalid", "is no text: expected the JSON of a credential specification".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::fixture;

    fn account(credentials: &str) -> (Option<String>, Vec<String>) {
        let (options, notes) = noted(credentials);
        (options.and_then(|options| options.gmsa_credential_spec), notes)
    }

    fn noted(credentials: &str) -> (Option<WindowsSecurityContextOptions>, Vec<String>) {
        let mut stack = fixture::stack();
        fixture::add_file(&mut stack, "spec.json", b"{}", false);
        fixture::add_file(&mut stack, "secret.json", b"{}", true);
        let text = format!(
            "services: {{web: {{image: x, credential_spec: {credentials}}}}}\nconfigs: {{spec: {{content: '{{}}'}}, ext: \
             {{external: true}}, var: {{environment: NONE}}}}"
        );
        fixture::with_stack(&text, &stack, |context, notes| {
            let options = options(context, &context.units["web"], notes);
            (options, std::mem::take(notes).summary())
        })
    }

    #[test]
    fn specifications_are_a_part_of_the_container() {
        for credentials in ["{config: spec}", "{file: spec.json}", "{file: \"file://spec.json\"}"] {
            assert_eq!(account(credentials), (Some("{}".to_owned()), vec![]), "{credentials}");
        }
    }

    #[test]
    fn an_external_config_is_a_specification_of_the_cluster() {
        let (options, notes) = noted("{config: ext}");
        assert_eq!(options.unwrap().gmsa_credential_spec_name.as_deref(), Some("ext"));
        assert_eq!(notes, ["services.web.credential_spec.config: Approximated"]);
        assert_eq!(noted("{}"), (None, vec![]));
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        for (credentials, path) in [
            ("{registry: spec}", "registry: Rejected"),
            ("{file: absent.json}", "file: Error"),
            ("{file: secret.json}", "file: Error"),
            ("{config: absent}", "config: Rejected"),
            ("{config: var}", "config: Error"),
        ] {
            let noted = vec![format!("services.web.credential_spec.{path}")];
            assert_eq!(account(credentials), (None, noted), "{credentials}");
        }
    }
}
