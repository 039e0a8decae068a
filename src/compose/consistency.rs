//! What attributes of a project must be to each other: what is referred to exists, what excludes each other does not
//! stand together.

use std::collections::BTreeMap;

use super::diagnostic::ErrorClass;
use super::entries;
use super::graph::Graph;
use super::model::{MountKind, Project, Service};
use super::report::Report;
use crate::parallel::Threads;

/// What the checks need: the project as it is, and where to complain.
struct Checker<'a> {
    project: &'a Project,
    report: &'a mut Report,
}

/// Services and jobs share one space of names, whatever profiles enable.
pub(super) fn names(project: &Project, report: &mut Report) {
    for name in project.jobs.keys().filter(|name| project.services.contains_key(*name)) {
        let path = format!("jobs.{name}");
        let position = project.positions.get(&path);
        let message = format!("{name} is a service too; give one of the two another name");
        report.error_positioned(path, position, ErrorClass::Consistency, "Conflict", message);
    }
}

/// Checks the enabled services, the jobs and the resources; aligns `scale` and `deploy.replicas`.
pub(super) fn check(project: &mut Project, report: &mut Report, threads: Threads) {
    let services: Vec<_> = project.services.iter().collect();
    entries::in_parts(&services, report, threads, |services, report| {
        let mut checker = Checker { project, report };
        for (name, service) in services {
            checker.service(name, service);
        }
    });
    let mut checker = Checker { project, report };
    checker.jobs();
    checker.secrets();
    checker.container_names();
    checker.cycles();
    for service in project.services.values_mut() {
        if let (Some(scale), Some(deploy)) = (service.scale, &mut service.deploy) {
            deploy.replicas = Some(scale);
        }
    }
}

impl Checker<'_> {
    fn error(&mut self, path: String, reason: &'static str, message: impl Into<String>) {
        let mut place = path.as_str();
        let position = loop {
            if let Some(position) = self.project.positions.get(place) {
                break Some(position);
            }
            match place.rfind(['.', '[']) {
                Some(end) => place = &place[..end],
                None => break None,
            }
        };
        self.report.error_positioned(path, position, ErrorClass::Consistency, reason, message);
    }

    /// A name that stands in a list, as it may be shown; `list` is the path of the list. Items are not told apart: what
    /// was wrong with others may have shifted them.
    fn shown(&self, list: &str, name: &str) -> String {
        let tainted = &self.project.tainted;
        let tainted = tainted.range(list.to_owned()..).next().is_some_and(|path| path.starts_with(list));
        let secret = tainted || self.project.positions.get(list).is_some_and(|position| position.secret);
        if secret { "the name".to_owned() } else { name.to_owned() }
    }

    fn service(&mut self, name: &str, service: &Service) {
        let path = format!("services.{name}");
        let nothing = service.workload.build.is_none() && service.container.image.is_empty();
        if nothing && service.provider.is_none() && !self.report.is_broken(&path) {
            let message = "the service has neither an image nor a build; give it one of them";
            self.error(path.clone(), "MissingAttribute", message);
        }
        self.build(&path, service);
        self.networks(&path, service);
        self.dependencies(&path, service);
        self.references(&path, service);
        self.scale(&path, service);
        self.resources(&path, service);
        self.mounts(&path, service);
        if let Some(check) = &service.workload.healthcheck
            && let Some(first) = check.test.first()
            && !matches!(first.as_str(), "CMD" | "CMD-SHELL" | "NONE")
        {
            let message = "a list must begin with CMD, CMD-SHELL or NONE";
            self.error(format!("{path}.healthcheck.test"), "InvalidValue", message);
        }
        for (index, trigger) in service.develop.iter().flat_map(|develop| develop.watch.iter().enumerate()) {
            if trigger.target.is_empty() && !matches!(trigger.action.as_str(), "" | "rebuild" | "restart") {
                let message = format!("action {} needs a target: say where files go", trigger.action);
                self.error(format!("{path}.develop.watch[{index}].target"), "MissingAttribute", message);
            }
        }
    }

    fn build(&mut self, path: &str, service: &Service) {
        let Some(build) = &service.workload.build else { return };
        if !build.dockerfile_inline.is_empty() && !build.dockerfile.is_empty() {
            let message = "dockerfile and dockerfile_inline exclude each other; keep one of them";
            self.error(format!("{path}.build.dockerfile_inline"), "Conflict", message);
        }
        for (context, source) in &build.additional_contexts {
            let Some(target) = source.strip_prefix("service:") else { continue };
            let project = self.project;
            let found = project.services.get(target).or_else(|| project.disabled_services.get(target));
            let (reason, message) = match found {
                None => ("UndefinedService", format!("there is no service {target}")),
                Some(found) if found.workload.build.is_none() => {
                    ("InvalidValue", format!("service {target} has no build whose image could be used"))
                }
                Some(_) => continue,
            };
            self.error(format!("{path}.build.additional_contexts.{context}"), reason, message);
        }
        let platform = &service.container.platform;
        if !build.platforms.is_empty() && !platform.is_empty() && !build.platforms.contains(platform) {
            let message = "the platforms of the build must contain the platform of the service";
            self.error(format!("{path}.build.platforms"), "Conflict", message);
        }
        for (index, secret) in build.secrets.iter().enumerate() {
            if !self.project.secrets.contains_key(&secret.source) {
                let name = self.shown(&format!("{path}.build.secrets"), &secret.source);
                let message = format!("there is no secret {name}; define it under secrets");
                self.error(format!("{path}.build.secrets[{index}]"), "UndefinedSecret", message);
            }
        }
    }

    fn networks(&mut self, path: &str, service: &Service) {
        let container = &service.container;
        if !container.network_mode.is_empty() && !container.networks.is_empty() {
            let message = "network_mode and networks exclude each other; keep one of them";
            self.error(format!("{path}.network_mode"), "Conflict", message);
            return;
        }
        for network in container.networks.keys() {
            if !self.project.networks.contains_key(network) {
                let message = self.undefined("network", "networks", network);
                self.error(format!("{path}.networks.{network}"), "UndefinedNetwork", message);
            }
        }
        if let Some(target) = container.network_mode.strip_prefix("service:")
            && !self.project.services.contains_key(target)
            && !service.workload.depends_on.contains_key(target)
        {
            let message = format!("there is no service {target} whose network could be shared");
            self.error(format!("{path}.network_mode"), "UndefinedService", message);
        }
    }

    /// A reference to nothing. Of an object it may be that the definition was there, and lost on its way.
    fn undefined(&self, what: &str, section: &str, name: &str) -> String {
        let mut message = format!("there is no {what} {name}; define it under {section}");
        if self.report.any_object() {
            message = format!(
                "{message}. If it is defined as \"{name}:\" without a value, kubectl apply dropped that key on the \
                 client: write \"{name}: {{}}\", give the document as composeFile, or apply with --server-side"
            );
        }
        message
    }

    fn dependencies(&mut self, path: &str, service: &Service) {
        for (name, dependency) in &service.workload.depends_on {
            if self.project.services.contains_key(name) {
                continue;
            }
            let path = format!("{path}.depends_on.{name}");
            match self.project.disabled_services.get(name) {
                Some(_) if !dependency.required => {}
                Some(disabled) => {
                    let message = format!(
                        "service {name} is not enabled; activate one of its profiles ({}), or say required: false",
                        self.shown(&format!("services.{name}.profiles"), &disabled.profiles.join(", "))
                    );
                    self.error(path, "DisabledService", message);
                }
                None if self.project.jobs.contains_key(name) => {
                    self.error(
                        path,
                        "UndefinedService",
                        format!("{name} is a job, and only services can be waited for"),
                    );
                }
                None => self.error(path, "UndefinedService", format!("there is no service {name}")),
            }
        }
    }

    fn references(&mut self, path: &str, service: &Service) {
        let container = &service.container;
        for (index, mount) in container.volumes.iter().enumerate() {
            let named = mount.kind == MountKind::Volume && !mount.source.is_empty();
            if named && !self.project.volumes.contains_key(&mount.source) {
                let name = self.shown(&format!("{path}.volumes"), &mount.source);
                let message = self.undefined("volume", "volumes", &name);
                self.error(format!("{path}.volumes[{index}]"), "UndefinedVolume", message);
            }
        }
        for (index, config) in container.configs.iter().enumerate() {
            if !self.project.configs.contains_key(&config.source) {
                let name = self.shown(&format!("{path}.configs"), &config.source);
                let message = format!("there is no config {name}; define it under configs");
                self.error(format!("{path}.configs[{index}]"), "UndefinedConfig", message);
            }
        }
        for (index, secret) in container.secrets.iter().enumerate() {
            if !self.project.secrets.contains_key(&secret.source) {
                let name = self.shown(&format!("{path}.secrets"), &secret.source);
                let message = format!("there is no secret {name}; define it under secrets");
                self.error(format!("{path}.secrets[{index}]"), "UndefinedSecret", message);
            }
        }
        for model in container.models.keys() {
            if !self.project.models.contains_key(model) {
                let message = format!("there is no model {model}; define it under models");
                self.error(format!("{path}.models.{model}"), "UndefinedModel", message);
            }
        }
    }

    fn scale(&mut self, path: &str, service: &Service) {
        let replicas = service.deploy.as_ref().and_then(|deploy| deploy.replicas);
        if let (Some(scale), Some(replicas)) = (service.scale, replicas)
            && scale != replicas
        {
            let message = "scale and deploy.replicas differ; keep one of them";
            self.error(format!("{path}.scale"), "Conflict", message);
        }
        if service.scale.is_some_and(|scale| scale < 0) {
            self.error(format!("{path}.scale"), "InvalidValue", "the number of containers must be at least 0");
        } else if replicas.is_some_and(|replicas| replicas < 0) {
            let message = "the number of containers must be at least 0";
            self.error(format!("{path}.deploy.replicas"), "InvalidValue", message);
        }
        if service.replicas() > 1 && !service.container_name.is_empty() {
            let message = "only one container can have the name; take it out, or run one container";
            self.error(format!("{path}.container_name"), "Conflict", message);
        }
    }

    fn resources(&mut self, path: &str, service: &Service) {
        let Some(resources) = service.deploy.as_ref().map(|deploy| &deploy.resources) else { return };
        let container = &service.container;
        let mut conflict = |attribute: &str, other: &str| {
            let message = format!("{attribute} and deploy.resources.{other} differ; keep one of them");
            self.error(format!("{path}.{attribute}"), "Conflict", message);
        };
        if let Some(limits) = &resources.limits {
            #[allow(clippy::float_cmp, reason = "equal digits are meant")]
            if container.cpus != 0.0 && container.cpus != limits.cpus {
                conflict("cpus", "limits.cpus");
            }
            if container.mem_limit.0 != 0 && container.mem_limit != limits.memory {
                conflict("mem_limit", "limits.memory");
            }
            if container.pids_limit != 0 && container.pids_limit != limits.pids {
                conflict("pids_limit", "limits.pids");
            }
        }
        if let Some(reservations) = &resources.reservations
            && container.mem_reservation.0 != 0
            && container.mem_reservation != reservations.memory
        {
            conflict("mem_reservation", "reservations.memory");
        }
    }

    fn mounts(&mut self, path: &str, service: &Service) {
        let container = &service.container;
        let tmpfs = container.tmpfs.iter().map(|text| text.split(':').next().unwrap_or_default());
        let tmpfs = tmpfs.enumerate().map(|(index, target)| (format!("{path}.tmpfs[{index}]"), target));
        let volumes = container.volumes.iter().map(|mount| mount.target.as_str()).enumerate();
        let volumes = volumes.map(|(index, target)| (format!("{path}.volumes[{index}]"), target));
        let mut seen: BTreeMap<&str, String> = BTreeMap::new();
        for (place, target) in tmpfs.chain(volumes) {
            match seen.get(target) {
                Some(first) => {
                    let list = place.rsplit_once('[').map_or(place.as_str(), |(list, _)| list);
                    let target = self.shown(list, target);
                    let message = format!("{target} has a mount already, at {first}; keep one of the two");
                    self.error(place, "Conflict", message);
                }
                None => {
                    seen.insert(target, place);
                }
            }
        }
    }

    fn jobs(&mut self) {
        let project = self.project;
        for (name, job) in &project.jobs {
            for (upon, dependency) in &job.workload.depends_on {
                let known = project.jobs.contains_key(upon) || project.services.contains_key(upon);
                let off = project.disabled_services.contains_key(upon) && !dependency.required;
                if !known && !off {
                    let message = format!("there is no enabled service or job {upon}");
                    self.error(format!("jobs.{name}.depends_on.{upon}"), "UndefinedService", message);
                }
            }
        }
    }

    fn secrets(&mut self) {
        let project = self.project;
        for (name, secret) in &project.secrets {
            let path = format!("secrets.{name}");
            let nothing = secret.file.is_empty() && secret.environment.is_empty();
            if !secret.external && nothing && !self.report.is_broken(&path) {
                let message = "its content comes from nowhere; give file or environment";
                self.error(path, "MissingAttribute", message);
            }
        }
    }

    /// Every service with the name is told, for any of them may be the one to change.
    fn container_names(&mut self) {
        let project = self.project;
        let mut named: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, service) in project.services.iter().filter(|(_, service)| !service.container_name.is_empty()) {
            named.entry(&service.container_name).or_default().push(name);
        }
        for services in named.values().filter(|services| services.len() > 1) {
            for (index, name) in services.iter().enumerate() {
                let other = services[usize::from(index == 0)];
                let message = format!("service {other} has the same container name; it must be unique");
                self.error(format!("services.{name}.container_name"), "Conflict", message);
            }
        }
    }

    fn cycles(&mut self) {
        for cycle in Graph::new(self.project).cycles() {
            let first = cycle.0.first().cloned().unwrap_or_default();
            let next = cycle.0.get(1).unwrap_or(&first);
            let path = format!("services.{first}.depends_on.{next}");
            self.error(path, "DependencyCycle", format!("{cycle}; take one of the dependencies out"));
        }
    }
}
