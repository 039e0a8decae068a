//! Containers, and what hangs from them.

use std::collections::BTreeMap;

use super::super::attribute::At;
use super::super::model::{
    BindOptions, BlkioConfig, Build, ContainerSpec, CredentialSpec, DeviceMapping, DeviceRequest, EnvFile,
    FileReference, ImageOptions, Logging, Mount, ServiceModel, ServiceNetwork, SshKey, ThrottleDevice, TmpfsOptions,
    VolumeOptions, WeightDevice,
};
use super::super::node::Node;
use super::super::report::Report;
use super::{Decode, fill, hosts, texts, ulimits, variables};

fill!(ContainerSpec {
    annotations by texts, blkio_config, cap_add, cap_drop, cgroup_parent, cgroup, cpu_count, cpu_percent, cpu_period,
    cpu_quota, cpu_rt_period, cpu_rt_runtime, cpus, cpuset, cpu_shares, command, configs, credential_spec,
    device_cgroup_rules, devices, dns, dns_opt, dns_search, domainname, entrypoint, environment by variables, env_file,
    extra_hosts by hosts, group_add, gpus, hostname, image, init, ipc, isolation, labels by texts, label_file, logging,
    mem_limit, mem_reservation, memswap_limit, mem_swappiness, mac_address, models, network_mode, networks,
    oom_kill_disable, oom_score_adj, pid, pids_limit, platform, privileged, pull_policy, pull_refresh_after, read_only,
    runtime, secrets, security_opt, shm_size, stop_grace_period, stop_signal, storage_opt, sysctls by texts, tmpfs,
    ulimits by ulimits, umask, use_api_socket, user, userns_mode, uts, volumes, volumes_from, working_dir,
});
fill!(BlkioConfig {
    weight, weight_device, device_read_bps, device_read_iops, device_write_bps, device_write_iops,
} extensions extensions);
fill!(WeightDevice { path, weight });
fill!(ThrottleDevice { path, rate });
fill!(CredentialSpec { config, file, registry } extensions extensions);
fill!(DeviceMapping { source, target, permissions } extensions extensions);
fill!(DeviceRequest { capabilities, driver, count by count, device_ids, options by texts });
fill!(EnvFile { path, required, format });
fill!(Logging { driver, options by texts } extensions extensions);
fill!(ServiceModel { endpoint_var, model_var } extensions extensions);
fill!(ServiceNetwork {
    aliases, driver_opts by texts, gw_priority, interface_name, ipv4_address, ipv6_address, link_local_ips, mac_address,
    priority, use_service_name_alias,
} extensions extensions);
fill!(FileReference { source, target, uid, gid, mode } extensions extensions);
fill!(Mount {
    kind = "type", source, target, read_only, consistency, bind, volume, tmpfs, image,
} extensions extensions);
fill!(BindOptions { selinux, propagation, create_host_path, recursive } extensions extensions);
fill!(VolumeOptions { labels by texts, nocopy, subpath } extensions extensions);
fill!(TmpfsOptions { size, mode } extensions extensions);
fill!(ImageOptions { subpath } extensions extensions);
fill!(Build {
    context, dockerfile, dockerfile_inline, entitlements, args by variables, provenance, sbom, ssh by ssh,
    labels by texts, cache_from, cache_to, no_cache, no_cache_filter, additional_contexts by texts, pull,
    extra_hosts by hosts, isolation, network, target, secrets, shm_size, tags, ulimits by ulimits, platforms, privileged,
} extensions extensions);

fn ssh(node: &Node, at: &At<'_>, report: &mut Report) -> Option<Vec<SshKey>> {
    let keys: BTreeMap<String, String> = texts(node, at, report)?;
    Some(keys.into_iter().map(|(id, path)| SshKey { id, path }).collect())
}

/// A number of devices, or `all`.
fn count(node: &Node, at: &At<'_>, report: &mut Report) -> Option<i64> {
    if node.as_str().is_some_and(|text| text.eq_ignore_ascii_case("all")) {
        return Some(-1);
    }
    i64::decode(node, at, report)
}
