//! The files of the project directory that a project refers to, for those who have to read them before it is translated.

use super::managed_account;
use super::project_directory::as_relative;
use crate::compose::Project;
use crate::compose::model::{ContainerSpec, FileObject, Mount, MountKind, PreStartHook, Service, WorkloadSpec};

/// A place in a Compose file that names a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileReference {
    /// The attribute.
    pub path: String,
    /// The file, where the loader has it.
    pub file: String,
    /// Whether it may be a directory, whose files are meant.
    pub may_be_directory: bool,
}

/// The files that the translation looks at: those of configs, secrets and managed accounts, and binds of services, of
/// what prepares them, and of jobs.
pub fn file_references(project: &Project) -> Vec<FileReference> {
    let mut references = Vec::new();
    for (section, objects) in [("configs", &project.configs), ("secrets", &project.secrets)] {
        let is_read = |object: &FileObject| !object.external && !object.file.is_empty();
        references.extend(objects.iter().filter(|(_, object)| is_read(object)).map(|(key, object)| FileReference {
            path: format!("{section}.{key}.file"),
            file: object.file.clone(),
            may_be_directory: false,
        }));
    }
    for (key, service) in &project.services {
        let path = format!("services.{key}");
        of_container(&path, &service.container, Some(&service.workload), &mut references);
        for (index, hook) in service.pre_start.iter().enumerate() {
            let workload = shares_image(service, hook).then_some(&service.workload);
            of_container(&format!("{path}.pre_start[{index}]"), &hook.container, workload, &mut references);
        }
    }
    for (key, job) in &project.jobs {
        of_container(&format!("jobs.{key}"), &job.container, Some(&job.workload), &mut references);
    }
    references
}

fn of_container(
    path: &str,
    container: &ContainerSpec,
    workload: Option<&WorkloadSpec>,
    references: &mut Vec<FileReference>,
) {
    let credentials = container.credential_spec.as_ref().filter(|spec| spec.config.is_empty() && !spec.file.is_empty());
    references.extend(credentials.map(|credentials| FileReference {
        path: format!("{path}.credential_spec.file"),
        file: managed_account::path_of(&credentials.file),
        may_be_directory: false,
    }));
    for (index, mount) in container.volumes.iter().enumerate().filter(|(_, mount)| mount.kind == MountKind::Bind) {
        let source = mount.source.trim_end_matches('/');
        if as_relative(source).is_some() && !workload.is_some_and(|workload| is_build_context(workload, source)) {
            references.push(FileReference {
                path: format!("{path}.volumes[{index}]"),
                file: source.to_owned(),
                may_be_directory: true,
            });
        }
    }
}

/// Whether a path is what the image was built from, which holds its content already.
pub(super) fn is_build_context(workload: &WorkloadSpec, source: &str) -> bool {
    workload.build.as_ref().is_some_and(|build| build.context.trim_end_matches('/') == source)
}

/// Whether the image of a step before a service is the service's, and holds its build context.
pub(super) fn shares_image(service: &Service, hook: &PreStartHook) -> bool {
    hook.container.image == service.container.image
}

/// Whether a mount is a bind of what the service's image was built from.
pub(super) fn is_bound_context(service: &Service, mount: &Mount) -> bool {
    let source = mount.source.trim_end_matches('/');
    mount.kind == MountKind::Bind && as_relative(source).is_some() && is_build_context(&service.workload, source)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::{PROJECT_DIRECTORY, fixture};

    #[test]
    fn every_place_that_names_a_file_is_found() {
        let bind = |name: &str| format!("{{type: bind, source: {PROJECT_DIRECTORY}/{name}, target: /t}}");
        let text = format!(
            "services: {{a: {{image: x, build: {{context: {PROJECT_DIRECTORY}/src}}, volumes: [{}, {}, {{type: bind, source: \
             /srv, target: /s}}], credential_spec: {{file: \"file://account.json\"}}, pre_start: [{{image: x, volumes: \
             [{}]}}]}}}}\njobs: {{j: {{image: x, volumes: [{}]}}}}\nconfigs: {{c: {{file: {PROJECT_DIRECTORY}/c.txt}}, e: \
             {{external: true, file: x}}}}",
            bind("src/"),
            bind("conf"),
            bind("hook"),
            bind("dump.sh"),
        );
        let found: Vec<String> = file_references(&fixture::project(&text))
            .iter()
            .map(|reference| format!("{}: {}", reference.path, as_relative(&reference.file).unwrap_or_default()))
            .collect();
        assert_eq!(
            found,
            [
                "configs.c.file: c.txt",
                "services.a.credential_spec.file: account.json",
                "services.a.volumes[1]: conf",
                "services.a.pre_start[0].volumes[0]: hook",
                "jobs.j.volumes[0]: dump.sh",
            ]
        );
    }
}
