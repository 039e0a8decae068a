//! What of a project its services use.

use std::collections::BTreeSet;

use super::{MountKind, Project};

impl Project {
    /// The project without the networks, volumes, secrets, configs and models that no enabled service uses: what
    /// `docker compose config` prints unless it is told `--all-resources`. As in the reference implementation
    /// (compose-go, `WithoutUnnecessaryResources`), jobs do not count as users.
    #[must_use]
    pub fn without_unnecessary_resources(mut self) -> Self {
        let mut networks = BTreeSet::new();
        let mut volumes = BTreeSet::new();
        let mut secrets = BTreeSet::new();
        let mut configs = BTreeSet::new();
        let mut models = BTreeSet::new();
        for service in self.services.values() {
            let container = &service.container;
            networks.extend(container.networks.keys());
            let mounts = container.volumes.iter().filter(|mount| mount.kind == MountKind::Volume);
            volumes.extend(mounts.map(|mount| &mount.source));
            let build = service.workload.build.iter().flat_map(|build| &build.secrets);
            secrets.extend(container.secrets.iter().chain(build).map(|secret| &secret.source));
            configs.extend(container.configs.iter().map(|config| &config.source));
            models.extend(container.models.keys());
        }
        self.networks.retain(|key, _| networks.contains(key));
        self.volumes.retain(|key, _| volumes.contains(key));
        self.secrets.retain(|key, _| secrets.contains(key));
        self.configs.retain(|key, _| configs.contains(key));
        self.models.retain(|key, _| models.contains(key));
        self
    }
}
