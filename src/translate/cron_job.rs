//! Jobs of the file's top level: a CronJob for each of their schedules, and a suspended one for those that people start;
//! and services that labels of kompose make a CronJob.

use std::borrow::Cow;

use k8s_openapi::api::batch::v1::{CronJob, CronJobSpec, JobSpec, JobTemplateSpec};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

use super::context::{Context, Unit};
use super::dns_label::label;
use super::kompose::Cron;
use super::notes::Notes;
use super::{cron, labels};
use crate::api::names::LABEL_MANAGED_BY;
use crate::compose::Project;
use crate::compose::model::{Job, Schedule, Service};

/// A CronJob appends eleven characters to its name for its Jobs (Kubernetes, "CronJob").
const MAX_NAME: usize = 52;
/// The schedule of a CronJob that is only started by hand; Kubernetes wants one, and the 31st of February never comes.
const NEVER: &str = "0 0 31 2 *";
/// How late a run may begin whose missed fires are skipped. Below 10 s, runs in time may be taken for late ones.
const DEADLINE_SECONDS: i64 = 30;

/// The project with its jobs among the services: they share one space of names, and most attributes.
pub(super) fn among_services(project: &Project) -> Cow<'_, Project> {
    if project.jobs.is_empty() {
        return Cow::Borrowed(project);
    }
    let mut project = project.clone();
    for (key, job) in &project.jobs {
        let Job { profiles, triggers: _, container, workload, extensions } = job.clone();
        let service = Service { profiles, container, workload, extensions, ..Service::default() };
        project.services.insert(key.clone(), Box::new(service));
    }
    Cow::Owned(project)
}

/// The CronJobs of a job: one for each schedule, the first one under the job's own name.
pub(super) fn cron_jobs(context: &Context, unit: &Unit, template: &PodTemplateSpec, notes: &mut Notes) -> Vec<CronJob> {
    if let Some(cron) = &unit.kompose.cron {
        return vec![cron_job(context, unit, &unit.name, by_labels(cron, spec(context, unit, template)))];
    }
    let triggers = context.project.jobs.get(unit.key).and_then(|job| job.triggers.clone()).unwrap_or_default();
    let path = format!("{}.triggers", unit.path);
    note_manual(triggers.manual, triggers.schedule.is_empty(), &path, notes);
    let name = |index: usize| if index == 0 { unit.name.clone() } else { format!("{}-{}", unit.name, index + 1) };
    if triggers.schedule.is_empty() {
        let spec = CronJobSpec { schedule: NEVER.to_owned(), suspend: Some(true), ..spec(context, unit, template) };
        return vec![cron_job(context, unit, &name(0), spec)];
    }
    let mut list = Vec::new();
    for (index, schedule) in triggers.schedule.iter().enumerate() {
        let path = format!("{path}.schedule[{index}]");
        if index > 0 {
            notes.approximated(
                path.clone(),
                "is a CronJob of its own: its runs may overlap those of the other schedules",
            );
        }
        let spec = scheduled(schedule, &path, spec(context, unit, template), notes);
        list.push(cron_job(context, unit, &name(index), spec));
    }
    list
}

/// A CronJob as kompose writes it, with the defaults of Kubernetes.
fn by_labels(cron: &Cron, mut spec: CronJobSpec) -> CronJobSpec {
    if let Some(job) = &mut spec.job_template.spec {
        job.backoff_limit = cron.backoff_limit;
    }
    CronJobSpec {
        schedule: cron.schedule.clone(),
        concurrency_policy: Some(cron.concurrency.unwrap_or("Allow").to_owned()),
        suspend: Some(false),
        ..spec
    }
}

fn note_manual(manual: Option<bool>, unscheduled: bool, path: &str, notes: &mut Notes) {
    match (manual, unscheduled) {
        (Some(false), true) => notes.rejected(
            format!("{path}.manual"),
            "nothing is left that would start the job: give it a schedule, or allow to start it by hand",
        ),
        (Some(false), false) => notes.approximated(
            format!("{path}.manual"),
            "whoever may create Jobs in the namespace can start it by hand all the same",
        ),
        _ => {}
    }
}

fn scheduled(schedule: &Schedule, path: &str, spec: CronJobSpec, notes: &mut Notes) -> CronJobSpec {
    let (zone, expression) = cron::split_zone(&schedule.cron);
    let problem = cron::check(expression).err();
    let mut is_understood = problem.is_none();
    if let Some(problem) = problem {
        notes.rejected(format!("{path}.cron"), format!("{problem}; without a schedule, the job is started by hand"));
    }
    let (place, zone) =
        if schedule.timezone.is_empty() { ("cron", zone) } else { ("timezone", Some(schedule.timezone.as_str())) };
    // The platform's own time, as when nothing is given.
    let mut zone = zone.filter(|zone| !zone.eq_ignore_ascii_case("Local"));
    if let Some(unknown) = zone.take_if(|zone| !cron::is_zone(zone)) {
        notes.rejected(
            format!("{path}.{place}"),
            format!(
                "`{unknown}` is no time zone, such as `Europe/Paris`; without a schedule, the job is started by hand"
            ),
        );
        is_understood = false;
    }
    let skips = schedule.missed_fires == "skip";
    // A CronJob that may not overlap begins a run that came due meanwhile as soon as it can, unless it is too late.
    if schedule.concurrency == "queue" {
        notes.approximated(
            format!("{path}.concurrency"),
            if skips {
                "a run that comes due while another one goes on begins after it only if that is within 30 s, since \
                 missed runs are skipped"
            } else {
                "runs that come due while another one goes on are one, which begins after it"
            },
        );
    } else if !skips {
        notes.approximated(
            format!("{path}.missed_fires"),
            "a run that comes due while another one goes on counts as missed, and is made up for once: with `skip` it \
             is not",
        );
    }
    CronJobSpec {
        schedule: if is_understood { expression } else { NEVER }.to_owned(),
        time_zone: zone.map(str::to_owned),
        starting_deadline_seconds: skips.then_some(DEADLINE_SECONDS),
        suspend: Some(!is_understood),
        ..spec
    }
}

fn spec(context: &Context, unit: &Unit, template: &PodTemplateSpec) -> CronJobSpec {
    let mut labels = labels::service_labels(context, unit);
    // The Jobs are the CronJob's own children, not the stack's.
    labels.remove(LABEL_MANAGED_BY);
    CronJobSpec {
        concurrency_policy: Some("Forbid".to_owned()),
        job_template: JobTemplateSpec {
            metadata: Some(ObjectMeta { labels: Some(labels), ..ObjectMeta::default() }),
            spec: Some(JobSpec { backoff_limit: Some(0), template: template.clone(), ..JobSpec::default() }),
        },
        ..CronJobSpec::default()
    }
}

fn cron_job(context: &Context, unit: &Unit, name: &str, spec: CronJobSpec) -> CronJob {
    CronJob {
        metadata: labels::deployed_metadata(context, unit, label(name, MAX_NAME)),
        spec: Some(spec),
        ..CronJob::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;
    use crate::translate::{Facts, Plan, WorkloadObject, fixture, translate};

    fn plan(triggers: &str) -> Plan {
        let text = format!("jobs: {{backup: {{image: x, triggers: {triggers}}}}}");
        translate(&fixture::project(&text), &fixture::stack(), &Facts::default(), &Policy::default())
    }

    fn specs(plan: &Plan) -> Vec<(String, CronJobSpec)> {
        let cron_job = |object: &WorkloadObject| match object {
            WorkloadObject::CronJob(object) => object.clone(),
            other => panic!("{other:?}"),
        };
        let objects = plan.workloads.iter().map(|workload| cron_job(&workload.object));
        objects.map(|object| (object.metadata.name.unwrap(), object.spec.unwrap())).collect()
    }

    fn noted(plan: &Plan) -> Vec<String> {
        let notes = plan.notes.iter().filter(|note| note.path.starts_with("jobs."));
        notes.map(|note| format!("{}: {}", note.path, note.level.as_str())).collect()
    }

    #[test]
    fn each_schedule_is_a_cron_job() {
        let plan = plan(
            "{schedule: [{cron: \"0 3 * * *\", timezone: Europe/Paris, missed_fires: skip}, {cron: \"TZ=UTC @weekly\", \
             concurrency: queue}]}",
        );
        let specs = specs(&plan);
        assert_eq!((specs[0].0.as_str(), specs[1].0.as_str()), ("backup", "backup-2"));
        let (first, second) = (&specs[0].1, &specs[1].1);
        assert_eq!((first.schedule.as_str(), first.time_zone.as_deref()), ("0 3 * * *", Some("Europe/Paris")));
        assert_eq!(first.starting_deadline_seconds, Some(30));
        assert_eq!((second.schedule.as_str(), second.time_zone.as_deref()), ("@weekly", Some("UTC")));
        assert_eq!((second.starting_deadline_seconds, second.suspend), (None, Some(false)));
        let path = "jobs.backup.triggers.schedule[1]";
        assert_eq!(noted(&plan), [format!("{path}: Approximated"), format!("{path}.concurrency: Approximated")]);
    }

    #[test]
    fn what_people_start_is_suspended() {
        let plan = plan("{manual: true}");
        let specs = specs(&plan);
        assert_eq!((specs.len(), specs[0].1.suspend), (1, Some(true)));
        assert_eq!(noted(&plan), Vec::<String>::new());
    }

    #[test]
    fn what_nothing_would_start_is_rejected() {
        assert_eq!(noted(&plan("{manual: false}")), ["jobs.backup.triggers.manual: Rejected"]);
        let scheduled = plan("{manual: false, schedule: [{cron: \"@daily\", missed_fires: skip}]}");
        assert_eq!(noted(&scheduled), ["jobs.backup.triggers.manual: Approximated"]);
    }

    #[test]
    fn a_job_whose_time_zone_cannot_be_read_is_left_to_people() {
        for (schedule, path) in [
            ("cron: \"@daily\", timezone: \"Mars X\"", "timezone"),
            ("cron: \"TZ=../x @daily\"", "cron"),
            ("cron: \"TZ= @daily\"", "cron"),
        ] {
            let plan = plan(&format!("{{schedule: [{{{schedule}, missed_fires: skip}}]}}"));
            assert_eq!(noted(&plan), [format!("jobs.backup.triggers.schedule[0].{path}: Rejected")]);
            let spec = &specs(&plan)[0].1;
            assert_eq!((spec.time_zone.as_deref(), spec.suspend), (None, Some(true)), "{schedule}");
        }
        let local = plan("{schedule: [{cron: \"@daily\", timezone: local, missed_fires: skip}]}");
        assert_eq!((specs(&local)[0].1.time_zone.as_deref(), noted(&local)), (None, vec![]));
    }

    #[test]
    fn a_job_whose_expression_cannot_be_read_is_left_to_people() {
        let plan = plan("{schedule: [{cron: \"0 25 * * *\", missed_fires: skip}]}");
        assert_eq!(noted(&plan), ["jobs.backup.triggers.schedule[0].cron: Rejected"]);
        let spec = &specs(&plan)[0].1;
        assert_eq!((spec.schedule.as_str(), spec.suspend), (NEVER, Some(true)));
    }
}
