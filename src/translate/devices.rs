//! Devices of nodes, which pods ask for by the name of a resource that a device plugin advertises.

use std::collections::{BTreeMap, BTreeSet};

use super::context::Unit;
use super::notes::Notes;
use crate::compose::model::{DeviceRequest, Resource};

/// What the driver of NVIDIA lets containers do (Docker Engine, `nvidia`): a request's other abilities are not its own.
const NVIDIA_ABILITIES: [&str; 6] = ["compute", "compat32", "graphics", "utility", "video", "display"];
/// The variable by which containers tell it.
const NVIDIA_VARIABLE: &str = "NVIDIA_DRIVER_CAPABILITIES";

/// How much of each resource the container of a service needs.
pub(super) fn requests(unit: &Unit, reservations: Option<&Resource>, notes: &mut Notes) -> BTreeMap<String, i64> {
    let mut counts = BTreeMap::new();
    for (path, request) in of_drivers(unit, reservations) {
        match by_driver(unit, request) {
            Ok(resource) => *counts.entry(resource).or_default() += request.count,
            Err(problem) => notes.rejected(path.clone(), problem),
        }
        for option in request.options.keys() {
            notes.approximated(
                format!("{path}.options.{option}"),
                "is not honoured: device plugins are set up for their node, not by what asks for a device",
            );
        }
    }
    by_path(unit, &mut counts, notes);
    generic(unit, reservations, &mut counts, notes);
    counts
}

/// The variables that tell drivers what to let the container do.
pub(super) fn variables(unit: &Unit) -> BTreeMap<String, String> {
    let reservations = unit.service.deploy.as_ref().and_then(|deploy| deploy.resources.reservations.as_ref());
    let mut abilities = Vec::new();
    for (_, request) in of_drivers(unit, reservations) {
        if by_driver(unit, request).is_ok_and(|resource| resource == "nvidia.com/gpu") {
            let own = request.capabilities.iter().filter(|ability| NVIDIA_ABILITIES.contains(&ability.as_str()));
            abilities.extend(own.cloned());
        }
    }
    abilities.dedup();
    let variable = (!abilities.is_empty()).then(|| (NVIDIA_VARIABLE.to_owned(), abilities.join(",")));
    variable.into_iter().collect()
}

/// The requests of a service, each with its path.
fn of_drivers<'a>(
    unit: &'a Unit,
    reservations: Option<&'a Resource>,
) -> impl Iterator<Item = (String, &'a DeviceRequest)> {
    let reserved = reservations.map_or(&[][..], |reserved| &reserved.devices);
    let sources = [("deploy.resources.reservations.devices", reserved), ("gpus", &unit.service.container.gpus)];
    sources.into_iter().flat_map(move |(attribute, requests)| {
        requests
            .iter()
            .enumerate()
            .map(move |(index, request)| (format!("{}.{attribute}[{index}]", unit.path), request))
    })
}

/// The resource that a driver's devices are: by the service's own table, else by what the vendors' plugins call them.
fn by_driver(unit: &Unit, request: &DeviceRequest) -> Result<String, String> {
    if !request.device_ids.is_empty() {
        return Err("Kubernetes picks the devices: give `count` instead of `device_ids`".to_owned());
    }
    if request.count < 1 {
        return Err("Kubernetes cannot give a container all devices of a node: give a `count`".to_owned());
    }
    if let Some(resource) = unit.drop_in.devices.get(&request.driver) {
        return Ok(resource.clone());
    }
    let is_gpu = |ability: &String| matches!(ability.as_str(), "gpu" | "nvidia");
    let capable =
        request.capabilities.iter().any(|ability| is_gpu(ability) || NVIDIA_ABILITIES.contains(&ability.as_str()));
    let resource = match request.driver.as_str() {
        "" | "nvidia" if capable || request.capabilities.is_empty() => "nvidia.com/gpu",
        "amd" => "amd.com/gpu",
        "intel" => "gpu.intel.com/i915",
        driver => {
            let driver = if driver.is_empty() { "DRIVER" } else { driver };
            return Err(format!(
                "only graphics processors of nvidia, amd and intel have a known name in Kubernetes: name the resource by \
                 `x-kubernetes: {{devices: {{{driver}: example.com/device}}}}`"
            ));
        }
    };
    Ok(resource.to_owned())
}

/// `devices`: by the service's own table, or by the class of a CDI name. A privileged container has all of them.
fn by_path(unit: &Unit, counts: &mut BTreeMap<String, i64>, notes: &mut Notes) {
    let container = &unit.service.container;
    let mut of_table = BTreeSet::new();
    for (index, device) in container.devices.iter().enumerate() {
        let path = format!("{}.devices[{index}]", unit.path);
        if let Some(resource) = unit.drop_in.devices.get(&device.source) {
            of_table.insert(resource.clone());
            notes.approximated(
                path,
                format!("is where the device plugin of `{resource}` puts it, with its permissions"),
            );
            continue;
        }
        if let Some((class, name)) = device.source.split_once('=').filter(|(class, _)| !class.starts_with('/')) {
            if name == "all" {
                notes.rejected(path, "Kubernetes cannot give a container all devices of a node: give them by number");
                continue;
            }
            *counts.entry(class.to_owned()).or_default() += 1;
            notes.approximated(path, format!("Kubernetes picks the device: one that a plugin advertises as `{class}`"));
            continue;
        }
        if container.privileged {
            if device.target != device.source && !device.target.is_empty() {
                notes.rejected(
                    path,
                    "a privileged container has the node's devices under their own names: leave out the target",
                );
            }
            continue;
        }
        notes.rejected(
            path,
            format!(
                "a device of the node needs a device plugin: name the resource that it advertises by `x-kubernetes: \
                 {{devices: {{{}: example.com/device}}}}`",
                device.source
            ),
        );
    }
    // One of a kind may be several files of the node.
    for resource in of_table {
        *counts.entry(resource).or_default() += 1;
    }
}

/// Resources that nodes of a Swarm advertise: by the service's own table, or by a name that is one of Kubernetes.
fn generic(unit: &Unit, reservations: Option<&Resource>, counts: &mut BTreeMap<String, i64>, notes: &mut Notes) {
    let resources = reservations.map_or(&[][..], |reserved| &reserved.generic_resources);
    for (index, resource) in resources.iter().enumerate() {
        let Some(wanted) = &resource.discrete_resource_spec else { continue };
        let own =
            unit.drop_in.devices.get(&wanted.kind).or_else(|| Some(&wanted.kind).filter(|kind| is_resource(kind)));
        match own {
            Some(name) => *counts.entry(name.clone()).or_default() += wanted.value,
            None => notes.approximated(
                format!("{}.deploy.resources.reservations.generic_resources[{index}]", unit.path),
                format!(
                    "is not reserved: nodes advertise resources by device plugins, so name one by `x-kubernetes: \
                     {{devices: {{{}: example.com/device}}}}`",
                    wanted.kind
                ),
            ),
        }
    }
}

/// Whether a name is one of an extended resource (Kubernetes, "Extended resources").
pub(super) fn is_resource(name: &str) -> bool {
    name.split_once('/').is_some_and(|(domain, _)| domain != "kubernetes.io" && !domain.ends_with(".kubernetes.io"))
        && super::dns_label::is_qualified_name(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::fixture;

    fn asked(service: &str) -> (String, BTreeMap<String, String>, Vec<String>) {
        fixture::with(&format!("services: {{web: {{image: x, {service}}}}}"), |context, notes| {
            let unit = &context.units["web"];
            let deploy = unit.service.deploy.as_ref();
            let counts = requests(unit, deploy.and_then(|deploy| deploy.resources.reservations.as_ref()), notes);
            let counts: Vec<String> = counts.iter().map(|(name, count)| format!("{name}={count}")).collect();
            (counts.join(" "), variables(unit), std::mem::take(notes).summary())
        })
    }

    #[test]
    fn graphics_processors_are_counted() {
        let (counts, variables, notes) = asked(
            "deploy: {resources: {reservations: {devices: [{capabilities: [gpu, utility], count: 2, options: {a: b}}, \
             {capabilities: [gpu], count: -1}, {capabilities: [tpu], count: 1}]}}}, gpus: [{driver: nvidia, count: 1}]",
        );
        assert_eq!(counts, "nvidia.com/gpu=3");
        assert_eq!(variables, BTreeMap::from([(NVIDIA_VARIABLE.to_owned(), "utility".to_owned())]));
        let devices = "services.web.deploy.resources.reservations.devices";
        assert_eq!(
            notes,
            [
                format!("{devices}[0].options.a: Approximated"),
                format!("{devices}[1]: Rejected"),
                format!("{devices}[2]: Rejected")
            ]
        );
    }

    #[test]
    fn the_table_of_a_service_names_resources() {
        let (counts, _, notes) = asked(
            "x-kubernetes: {devices: {/dev/kvm: devices.kubevirt.io/kvm, tpu: google.com/tpu, SSD: example.com/ssd}}, devices: \
             [{source: /dev/kvm, target: /dev/kvm}, {source: \"nvidia.com/gpu=0\"}, {source: \"nvidia.com/gpu=all\"}, {source: \
             /dev/fuse}], gpus: [{driver: tpu, count: 4}], deploy: {resources: {reservations: {generic_resources: \
             [{discrete_resource_spec: {kind: SSD, value: 2}}, {discrete_resource_spec: {kind: example.com/x, value: 1}}, \
             {discrete_resource_spec: {kind: RED, value: 1}}]}}}",
        );
        assert_eq!(
            counts,
            "devices.kubevirt.io/kvm=1 example.com/ssd=2 example.com/x=1 google.com/tpu=4 nvidia.com/gpu=1"
        );
        assert_eq!(
            notes,
            [
                "services.web.deploy.resources.reservations.generic_resources[2]: Approximated",
                "services.web.devices[0]: Approximated",
                "services.web.devices[1]: Approximated",
                "services.web.devices[2]: Rejected",
                "services.web.devices[3]: Rejected",
            ]
        );
    }

    #[test]
    fn a_privileged_container_has_all_devices() {
        let (counts, _, notes) = asked(
            "privileged: true, devices: [{source: /dev/fuse, target: /dev/fuse}, {source: /dev/a, target: /dev/b}]",
        );
        assert_eq!((counts.as_str(), notes), ("", vec!["services.web.devices[1]: Rejected".to_owned()]));
    }
}
