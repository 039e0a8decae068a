//! What becomes of services one by one, without a look at what became of the others: several threads may share the work.

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use kube::core::DynamicObject;

use super::context::{Context, Unit};
use super::generated::Generated;
use super::kind::Kind;
use super::notes::Notes;
use super::plan::{Member, Plan, Workload, WorkloadObject};
use super::route::Via;
use super::{
    autoscaler, cron_job, daemon_set, deployment, discovery, external, gates, host_name, http_route, image_config,
    ingress, job, kind, labels, namespace_level, network_policy, overlay, placement, pod, pre_start, publish, rollout,
    shared_pod, stateful_set,
};

/// The objects of some services, and what there is to say.
#[derive(Default)]
pub(super) struct Made {
    /// The Services of the services' own names.
    pub(super) named: Vec<Service>,
    pub(super) published: Vec<Service>,
    pub(super) policies: Vec<NetworkPolicy>,
    pub(super) ingresses: Vec<Ingress>,
    pub(super) http_routes: Vec<DynamicObject>,
    pub(super) autoscalers: Vec<HorizontalPodAutoscaler>,
    pub(super) workloads: Vec<Workload>,
    pub(super) generated: Generated,
    pub(super) notes: Notes,
}

impl Made {
    pub(super) fn of(context: &Context, units: &[&Unit]) -> Self {
        let mut made = Self::default();
        for unit in units {
            made.add(context, unit);
        }
        made
    }

    fn add(&mut self, context: &Context, unit: &Unit) {
        let Self { named, published, policies, ingresses, http_routes, autoscalers, workloads, generated, notes } =
            self;
        note_differences(context, unit, notes);
        named.extend(discovery::own(context, unit));
        policies.extend(network_policy::of_service(context, unit));
        if let Some(service) = publish::service(context, unit, notes) {
            match &unit.route {
                Some(route) if route.via == Via::Ingress => {
                    ingresses.push(ingress::ingress(context, unit, route, &service));
                }
                Some(route) => http_routes.extend(http_route::http_routes(context, unit, route, &service)),
                None => {}
            }
            published.push(service);
        }
        workloads.extend(pre_start::workload(context, unit, generated, notes));
        if unit.host == unit.key {
            autoscalers.extend(autoscaler::autoscaler(context, unit, notes));
            workloads.extend(unit_workloads(context, unit, generated, notes));
        }
    }

    pub(super) fn append(&mut self, mut other: Self) {
        self.named.append(&mut other.named);
        self.published.append(&mut other.published);
        self.policies.append(&mut other.policies);
        self.ingresses.append(&mut other.ingresses);
        self.http_routes.append(&mut other.http_routes);
        self.autoscalers.append(&mut other.autoscalers);
        self.workloads.append(&mut other.workloads);
        self.generated.append(other.generated);
        self.notes.append(other.notes);
    }

    /// The objects as a plan, in the order of the services, and what there is to say.
    pub(super) fn into_plan(self) -> (Plan, Notes) {
        let Self { named, published, policies, ingresses, http_routes, autoscalers, workloads, generated, notes } =
            self;
        let mut services = named;
        services.extend(published);
        let plan = Plan {
            config_maps: generated.config_maps.into_values().collect(),
            secrets: generated.secrets.into_values().collect(),
            network_policies: policies,
            services,
            ingresses,
            http_routes,
            autoscalers,
            workloads,
            ..Plan::default()
        };
        (plan, notes)
    }
}

fn unit_workloads(
    context: &Context,
    unit: &Unit,
    generated: &mut Generated,
    notes: &mut Notes,
) -> impl Iterator<Item = Workload> + use<> {
    let restart_policy = matches!(unit.kind, Kind::Job | Kind::CronJob).then(|| job::restart_policy(unit));
    let template = pod::template(context, unit, restart_policy, generated, notes);
    let objects = match unit.kind {
        Kind::Deployment => vec![WorkloadObject::Deployment(Box::new(deployment::deployment(context, unit, template)))],
        Kind::StatefulSet => {
            vec![WorkloadObject::StatefulSet(Box::new(stateful_set::stateful_set(context, unit, template)))]
        }
        Kind::DaemonSet => vec![WorkloadObject::DaemonSet(Box::new(daemon_set::daemon_set(context, unit, template)))],
        Kind::Job => vec![WorkloadObject::Job(Box::new(job::job(context, unit, template)))],
        Kind::CronJob => {
            let list = cron_job::cron_jobs(context, unit, &template, notes);
            list.into_iter().map(|object| WorkloadObject::CronJob(Box::new(object))).collect()
        }
    };
    let (mut gates, discovery) = (gates::gates(context, unit, notes), discovery::discovery(context, unit));
    gates.extend(pre_start::gate(unit));
    gates.extend(shared_pod::members(context, unit).filter_map(pre_start::gate));
    let addresses = host_name::lacking(context, unit).into_iter().map(|name| format!("the address of Service {name}"));
    let lacks: Vec<String> = addresses.chain(external::lacking(context, unit)).collect();
    let members: Vec<Member> = shared_pod::members(context, unit)
        .map(|member| Member {
            service: member.key.to_owned(),
            name: member.name.clone(),
            image: member.service.container.image.clone(),
            discovery: discovery::discovery(context, member),
        })
        .collect();
    let objects: Vec<_> = objects.into_iter().map(|object| overlay::overlaid(context, unit, object, notes)).collect();
    for object in &objects {
        namespace_level::foresee(context, unit, object, notes);
    }
    let is_job = context.project.jobs.contains_key(unit.key);
    let rollout = rollout::rollout(context, unit);
    let (key, images) = (unit.key.to_owned(), objects.iter().map(|object| overlay::image(unit, object)));
    let images: Vec<String> = images.collect();
    objects.into_iter().zip(images).enumerate().map(move |(index, (object, image))| Workload {
        service: if index == 0 { key.clone() } else { format!("{key}-{}", index + 1) },
        is_job,
        image,
        object,
        gates: gates.clone(),
        lacks: lacks.clone(),
        discovery,
        members: members.clone(),
        rollout: rollout.clone(),
    })
}

fn note_differences(context: &Context, unit: &Unit, notes: &mut Notes) {
    kind::note_differences(unit, notes);
    rollout::note_differences(unit, notes);
    labels::note_deploy_labels(unit, notes);
    placement::note_exclusive_claims(context, unit, notes);
    image_config::note(context, unit, notes);
}
