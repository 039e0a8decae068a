//! A project in which every field has a value. There is no `..Default` in it: a new field does not compile here until
//! it is populated, and then fails the test until it has a row.

use std::collections::{BTreeMap, BTreeSet};

use crate::compose::model::{
    BindOptions, BlkioConfig, Build, ByteSize, ContainerSpec, CredentialSpec, DependencyCondition, Deploy, Develop,
    DevelopTrigger, DeviceMapping, DeviceRequest, DiscreteResource, Duration, EnvFile, Extends, Extensions, FileMode,
    FileObject, FileReference, GenericResource, HealthCheck, Hook, Hosts, ImageOptions, Ipam, Job, Logging, Mount,
    MountKind, Network, Placement, PlacementPreference, Port, PreStartHook, Provider, Resource, Resources,
    RestartPolicy, Schedule, Service, ServiceDependency, ServiceModel, ServiceNetwork, TmpfsOptions, Triggers, Ulimits,
    UpdateConfig, Volume, VolumeOptions, WorkloadSpec,
};
use crate::compose::{Positions, Project};

fn text() -> String {
    "x".to_owned()
}

fn list() -> Vec<String> {
    vec![text()]
}

fn map() -> BTreeMap<String, String> {
    one(text())
}

fn one<T>(value: T) -> BTreeMap<String, T> {
    BTreeMap::from([(text(), value)])
}

fn none() -> Extensions {
    Extensions::new()
}

/// The project.
pub(in crate::translate) fn project() -> Project {
    Project {
        name: text(),
        services: one(Box::new(service())),
        jobs: one(Job {
            profiles: list(),
            triggers: Some(Triggers {
                manual: Some(true),
                schedule: vec![Schedule {
                    cron: text(),
                    timezone: text(),
                    concurrency: text(),
                    missed_fires: text(),
                    extensions: none(),
                }],
                extensions: none(),
            }),
            container: container(),
            workload: workload(),
            extensions: none(),
        }),
        networks: one(network()),
        volumes: one(Volume {
            name: text(),
            driver: text(),
            driver_opts: map(),
            external: true,
            labels: map(),
            extensions: none(),
        }),
        secrets: one(file_object()),
        configs: one(file_object()),
        models: BTreeMap::new(),
        extensions: none(),
        disabled_services: BTreeMap::new(),
        working_dir: text(),
        warnings: Vec::new(),
        tainted: BTreeSet::new(),
        positions: Positions::default(),
    }
}

fn service() -> Service {
    Service {
        profiles: list(),
        deploy: Some(Box::new(deploy())),
        develop: Some(Box::new(Develop { watch: vec![DevelopTrigger::default()], extensions: none() })),
        restart: text(),
        scale: Some(2),
        attach: Some(false),
        container_name: text(),
        provider: Some(Box::new(Provider { kind: text(), options: BTreeMap::new(), extensions: none() })),
        extends: Some(Box::new(Extends { file: text(), service: text() })),
        external_links: list(),
        links: list(),
        net: text(),
        pre_start: vec![PreStartHook { container: container(), per_replica: true, extensions: none() }],
        post_start: vec![Hook { user: text(), ..Hook::default() }],
        pre_stop: vec![Hook { user: text(), ..Hook::default() }],
        container: container(),
        workload: workload(),
        extensions: none(),
    }
}

fn workload() -> WorkloadSpec {
    WorkloadSpec {
        build: Some(Box::new(Build { context: text(), ..Build::default() })),
        depends_on: one(ServiceDependency {
            condition: DependencyCondition::Healthy,
            restart: true,
            required: true,
            extensions: none(),
        }),
        dockerfile: text(),
        expose: list(),
        healthcheck: Some(Box::new(HealthCheck {
            test: list(),
            timeout: Some(Duration(1)),
            interval: Some(Duration(1)),
            retries: Some(1),
            start_period: Some(Duration(1)),
            start_interval: Some(Duration(1)),
            disable: true,
            extensions: none(),
        })),
        ports: vec![Port {
            name: text(),
            mode: text(),
            host_ip: text(),
            target: 1,
            published: text(),
            protocol: text(),
            app_protocol: text(),
            extensions: none(),
        }],
        stdin_open: true,
        tty: true,
    }
}

#[allow(clippy::too_many_lines, reason = "a container has as many attributes as the specification says")]
fn container() -> ContainerSpec {
    ContainerSpec {
        annotations: map(),
        blkio_config: Some(Box::new(BlkioConfig { weight: 10, ..BlkioConfig::default() })),
        cap_add: list(),
        cap_drop: list(),
        cgroup_parent: text(),
        cgroup: text(),
        cpu_count: 1,
        cpu_percent: 1.0,
        cpu_period: 1,
        cpu_quota: 1,
        cpu_rt_period: 1,
        cpu_rt_runtime: 1,
        cpus: 1.0,
        cpuset: text(),
        cpu_shares: 1,
        command: Some(list()),
        configs: vec![file_reference()],
        credential_spec: Some(Box::new(CredentialSpec {
            config: text(),
            file: text(),
            registry: text(),
            extensions: none(),
        })),
        device_cgroup_rules: list(),
        devices: vec![DeviceMapping { source: text(), ..DeviceMapping::default() }],
        dns: list(),
        dns_opt: list(),
        dns_search: list(),
        domainname: text(),
        entrypoint: Some(list()),
        environment: one(Some(text())),
        env_file: vec![EnvFile { path: text(), required: false, format: text() }],
        extra_hosts: Hosts(one(list())),
        group_add: list(),
        gpus: vec![device_request()],
        hostname: text(),
        image: text(),
        init: Some(true),
        ipc: text(),
        isolation: text(),
        labels: map(),
        label_file: list(),
        logging: Some(Box::new(Logging { driver: text(), options: map(), extensions: none() })),
        log_driver: text(),
        log_opt: map(),
        mem_limit: ByteSize(1),
        mem_reservation: ByteSize(1),
        memswap_limit: ByteSize(1),
        mem_swappiness: ByteSize(1),
        mac_address: text(),
        models: one(Some(ServiceModel { endpoint_var: text(), model_var: text(), extensions: none() })),
        network_mode: text(),
        networks: one(Some(Box::new(ServiceNetwork {
            aliases: list(),
            driver_opts: map(),
            gw_priority: 1,
            interface_name: text(),
            ipv4_address: text(),
            ipv6_address: text(),
            link_local_ips: list(),
            mac_address: text(),
            priority: 1,
            use_service_name_alias: Some(false),
            extensions: none(),
        }))),
        oom_kill_disable: true,
        oom_score_adj: 1,
        pid: text(),
        pids_limit: 1,
        platform: text(),
        privileged: true,
        pull_policy: text(),
        pull_refresh_after: text(),
        read_only: true,
        runtime: text(),
        secrets: vec![file_reference()],
        security_opt: list(),
        shm_size: ByteSize(1),
        stop_grace_period: Some(Duration(1)),
        stop_signal: text(),
        storage_opt: map(),
        sysctls: map(),
        tmpfs: list(),
        ulimits: one(Ulimits::Single(1)),
        umask: Some(1),
        use_api_socket: true,
        user: text(),
        userns_mode: text(),
        uts: text(),
        volume_driver: text(),
        volumes: vec![Mount {
            kind: MountKind::Bind,
            source: text(),
            target: text(),
            read_only: true,
            consistency: text(),
            bind: Some(Box::new(BindOptions {
                selinux: text(),
                propagation: text(),
                create_host_path: false,
                recursive: text(),
                extensions: none(),
            })),
            volume: Some(VolumeOptions { labels: map(), nocopy: true, subpath: text(), extensions: none() }),
            tmpfs: Some(Box::new(TmpfsOptions { size: ByteSize(1), mode: 1, extensions: none() })),
            image: Some(Box::new(ImageOptions { subpath: text(), extensions: none() })),
            extensions: none(),
        }],
        volumes_from: list(),
        working_dir: text(),
    }
}

fn deploy() -> Deploy {
    let resource = || Resource {
        cpus: 1.0,
        memory: ByteSize(1),
        pids: 1,
        devices: vec![device_request()],
        generic_resources: vec![GenericResource {
            discrete_resource_spec: Some(DiscreteResource { kind: text(), value: 1, extensions: none() }),
            extensions: none(),
        }],
        extensions: none(),
    };
    let update_config = || UpdateConfig {
        parallelism: Some(1),
        delay: Duration(1),
        failure_action: text(),
        monitor: Duration(1),
        max_failure_ratio: 1.0,
        order: text(),
        extensions: none(),
    };
    Deploy {
        mode: text(),
        replicas: Some(1),
        labels: map(),
        update_config: Some(update_config()),
        rollback_config: Some(update_config()),
        resources: Resources { limits: Some(resource()), reservations: Some(resource()), extensions: none() },
        restart_policy: Some(RestartPolicy {
            condition: text(),
            delay: Some(Duration(1)),
            max_attempts: Some(1),
            window: Some(Duration(1)),
            extensions: none(),
        }),
        placement: Placement {
            constraints: list(),
            preferences: vec![PlacementPreference { spread: text(), extensions: none() }],
            max_replicas_per_node: 1,
            extensions: none(),
        },
        endpoint_mode: text(),
        extensions: none(),
    }
}

fn network() -> Network {
    Network {
        name: text(),
        driver: text(),
        driver_opts: map(),
        ipam: Ipam { driver: text(), ..Ipam::default() },
        external: true,
        internal: true,
        attachable: true,
        labels: map(),
        enable_ipv4: Some(true),
        enable_ipv6: Some(true),
        extensions: none(),
    }
}

fn file_object() -> FileObject {
    FileObject {
        name: text(),
        file: text(),
        environment: text(),
        content: text(),
        value: None,
        external: true,
        labels: map(),
        driver: text(),
        driver_opts: map(),
        template_driver: text(),
        extensions: none(),
    }
}

fn file_reference() -> FileReference {
    FileReference {
        source: text(),
        target: text(),
        uid: text(),
        gid: text(),
        mode: Some(FileMode(1)),
        extensions: none(),
    }
}

fn device_request() -> DeviceRequest {
    DeviceRequest { capabilities: list(), driver: text(), count: 1, device_ids: list(), options: map() }
}
