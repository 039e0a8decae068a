//! `stop_signal`: how a container is told to stop.
//!
//! Container runtimes send the signal that the image names, or SIGTERM. Where the file wants another one, a hook before
//! the stop sends it, and waits for the end of the container; the runtime's signal then finds nobody. Kubernetes' own
//! field for it, `lifecycle.stopSignal`, is behind a feature gate that is off by default (`ContainerStopSignals`), and
//! dropped without a word then.

use k8s_openapi::api::core::v1::{Container, ExecAction, LifecycleHandler, PodSpec};

use super::context::{Context, Unit};
use super::lifecycle::quoted;
use super::notes::Notes;
use super::shared_pod;

/// The signals of Linux by their numbers, from 1 on; those from 34 on have no names of their own (signal(7)).
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
    "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",
    "PWR", "SYS",
];
/// Further names of some of them.
const ALIASES: [(&str, u8); 3] = [("CLD", 17), ("IOT", 6), ("POLL", 29)];
/// The first and the last real-time signal that the C library leaves to programs.
const REAL_TIME: std::ops::RangeInclusive<u8> = 34..=64;
const KILL: u8 = 9;
const TERM: u8 = 15;
const STOP: u8 = 19;

/// How the script of a hook ends that has sent the signal to process 1.
const WAIT: &str = " 1 && while kill -0 1; do sleep 1 || break; done";
/// How a command of that script begins.
const SEND: &str = "kill -";

/// Lets the containers of a pod be told to stop as the file says.
pub(super) fn send(context: &Context, unit: &Unit, pod: &mut PodSpec, notes: &mut Notes) {
    let is_program = !shares_processes(pod);
    for unit in std::iter::once(unit).chain(shared_pod::members(context, unit)) {
        let text = unit.service.container.stop_signal.as_str();
        let path = format!("{}.stop_signal", unit.path);
        if text.is_empty() {
            continue;
        }
        let Some(signal) = number(text) else {
            notes.rejected(path, format!("`{text}` is no signal of Linux: give a name such as SIGINT"));
            continue;
        };
        let image = context.image(unit.service);
        if signal == image.and_then(|image| number(&image.stop_signal)).unwrap_or(TERM) {
            continue;
        }
        let instead = "the image's own is sent, SIGTERM if it has none";
        let container = pod.containers.iter_mut().find(|container| container.name == unit.name);
        match container {
            Some(container) if is_program && !matches!(signal, KILL | STOP) => {
                add_hook(container, signal);
                notes.approximated(
                    path,
                    format!(
                        "is sent by a hook, with the shell of the image, `sh`; where there is none, {instead}: set \
                         STOPSIGNAL in the image"
                    ),
                );
            }
            // The kernel keeps these from process 1, unless they come from outside of the container.
            _ if is_program => notes.approximated(
                path,
                format!("cannot be sent from inside of the container: {instead}; shorten `stop_grace_period` instead"),
            ),
            _ => notes.approximated(
                path,
                format!(
                    "cannot be sent where process 1 is not the container's own: {instead}; set STOPSIGNAL in the image"
                ),
            ),
        }
    }
}

/// Takes the hooks out again where an override, which is at `path`, puts another process into the place of the
/// program: they would stop that one.
pub(super) fn fit_processes(path: &str, pod: &mut PodSpec, notes: &mut Notes) {
    if !shares_processes(pod) {
        return;
    }
    for container in &mut pod.containers {
        let Some(lifecycle) = &mut container.lifecycle else { continue };
        let hook = lifecycle.pre_stop.as_mut().and_then(|handler| handler.exec.as_mut()?.command.as_mut());
        let Some(script) = hook.and_then(|command| command.last_mut()) else { continue };
        let Some((before, _)) = script.strip_suffix(WAIT).and_then(|script| script.rsplit_once(SEND)) else { continue };
        let before = before.trim_end_matches("; ").to_owned();
        if before.is_empty() {
            lifecycle.pre_stop = None;
        } else {
            *script = before;
        }
        if *lifecycle == k8s_openapi::api::core::v1::Lifecycle::default() {
            container.lifecycle = None;
        }
        notes.approximated(path, "keeps the `stop_signal` from being sent, for process 1 is not the container's own");
    }
}

/// Whether process 1 of a container is another one's.
fn shares_processes(pod: &PodSpec) -> bool {
    pod.share_process_namespace == Some(true) || pod.host_pid == Some(true)
}

/// Sends the signal after what the container does before its stop anyway, whether that succeeds or not.
fn add_hook(container: &mut Container, signal: u8) {
    let lifecycle = container.lifecycle.get_or_insert_default();
    let before = lifecycle.pre_stop.take().and_then(|handler| handler.exec?.command);
    let before = before.map(|words| words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ") + "; ");
    let script = format!("{}{SEND}{signal}{WAIT}", before.unwrap_or_default());
    let command = vec!["sh".to_owned(), "-c".to_owned(), script];
    lifecycle.pre_stop =
        Some(LifecycleHandler { exec: Some(ExecAction { command: Some(command) }), ..LifecycleHandler::default() });
}

/// The number of a signal by its name, with or without `SIG`, or by its number (moby, `signal.ParseSignal`).
fn number(text: &str) -> Option<u8> {
    let upper = text.to_ascii_uppercase();
    if let Ok(number) = upper.parse::<u8>() {
        return (1..=31).contains(&number).then_some(number).or_else(|| real_time(number));
    }
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some(above) = name.strip_prefix("RTMIN") {
        let above = if above.is_empty() { 0 } else { above.strip_prefix('+')?.parse::<u8>().ok()? };
        return real_time(REAL_TIME.start().checked_add(above)?);
    }
    if let Some(below) = name.strip_prefix("RTMAX") {
        let below = if below.is_empty() { 0 } else { below.strip_prefix('-')?.parse::<u8>().ok()? };
        return real_time(REAL_TIME.end().checked_sub(below)?);
    }
    let named = (1..).zip(NAMES).chain(ALIASES.map(|(alias, number)| (number, alias)));
    named.into_iter().find(|(_, known)| *known == name).map(|(number, _)| number)
}

fn real_time(number: u8) -> Option<u8> {
    REAL_TIME.contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::generated::Generated;
    use crate::translate::pod::template;
    use crate::translate::{Facts, fixture};

    /// The hook of the service `web`, and what is said of its signal.
    fn hook(services: &str, facts: &Facts) -> (Option<String>, Vec<String>) {
        fixture::with_facts(&format!("services: {{{services}}}"), &fixture::stack(), facts, |context, notes| {
            let template = template(context, &context.units["web"], None, &mut Generated::default(), notes);
            let container = template.spec.unwrap().containers.remove(0);
            let command = container.lifecycle.and_then(|lifecycle| lifecycle.pre_stop?.exec?.command);
            let said = std::mem::take(notes).summary().into_iter().filter(|note| note.contains("stop_signal"));
            (command.map(|mut command| command.pop().unwrap()), said.collect())
        })
    }

    #[test]
    fn signals_have_names_and_numbers() {
        for (text, expected) in [
            ("SIGTERM", Some(15)),
            ("quit", Some(3)),
            ("SIGIOT", Some(6)),
            ("9", Some(9)),
            ("SIGSYS", Some(31)),
            ("SIGRTMIN", Some(34)),
            ("SIGRTMIN+3", Some(37)),
            ("RTMAX-1", Some(63)),
            ("64", Some(64)),
            ("32", None),
            ("0", None),
            ("65", None),
            ("RTMIN+31", None),
            ("RTMAX-300", None),
            ("SIGNONE", None),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
    }

    #[test]
    fn another_signal_than_the_images_is_sent_by_a_hook() {
        let approximated = vec!["services.web.stop_signal: Approximated".to_owned()];
        let sigquit = format!("kill -3{WAIT}");
        let web = |service: &str| hook(&format!("web: {{image: x, {service}}}"), &Facts::default());
        assert_eq!(web("stop_signal: SIGQUIT"), (Some(sigquit.clone()), approximated.clone()));
        assert_eq!(web("stop_signal: \"15\""), (None, vec![]));
        assert_eq!(web("stop_signal: SIGKILL"), (None, approximated.clone()));
        assert_eq!(web("stop_signal: SIGX"), (None, vec!["services.web.stop_signal: Rejected".to_owned()]));
        assert_eq!(
            web("stop_signal: SIGQUIT, pre_stop: [{command: [a, b c]}]"),
            (Some(format!("'a' 'b c'; {sigquit}")), approximated.clone())
        );
        let image = fixture::image(serde_json::json!({"stopSignal": "SIGQUIT"}));
        assert_eq!(hook("web: {image: x, stop_signal: SIGQUIT}", &image), (None, vec![]));
        assert_eq!(hook("web: {image: x, stop_signal: TERM}", &image), (Some(format!("kill -15{WAIT}")), approximated));
    }

    #[test]
    fn nobody_elses_process_is_stopped() {
        for services in [
            "web: {image: x, stop_signal: SIGINT, init: true}",
            "web: {image: x, stop_signal: SIGINT, pid: host}",
            "web: {image: x, stop_signal: SIGINT}, side: {image: x, pid: \"service:web\"}",
        ] {
            let (hook, notes) = hook(services, &Facts::default());
            assert_eq!((hook, notes), (None, vec!["services.web.stop_signal: Approximated".to_owned()]), "{services}");
        }
    }

    #[test]
    fn an_override_that_shares_processes_takes_the_hook_out() {
        let signal = |more: &str, patch: &str| {
            let text = format!(
                "services: {{web: {{image: x, stop_signal: SIGINT, {more} x-kubernetes: {{patch: {{template: {{spec: \
                 {patch}}}}}}}}}}}"
            );
            let project = fixture::project(&text);
            let plan = crate::translate::translate(
                &project,
                &fixture::stack(),
                &Facts::default(),
                &crate::policy::Policy::default(),
            );
            let mut pod = plan.workloads[0].object.template().unwrap().spec.clone().unwrap();
            let lifecycle = pod.containers.remove(0).lifecycle;
            lifecycle.and_then(|lifecycle| lifecycle.pre_stop?.exec?.command).map(|mut command| command.pop().unwrap())
        };
        assert_eq!(signal("", "{priorityClassName: high}"), Some(format!("kill -2{WAIT}")));
        assert_eq!(signal("", "{hostPID: true}"), None);
        assert_eq!(signal("pre_stop: [{command: [a]}],", "{shareProcessNamespace: true}"), Some("'a'".to_owned()));
    }

    /// Run by a real shell, whose parent stands for process 1.
    #[test]
    fn the_script_tells_the_program_and_waits_for_its_end() {
        let script = format!("{SEND}10{WAIT}").replace(" 1 &&", " $PPID &&").replace("-0 1;", "-0 $PPID;");
        let program = r#"trap "echo told; exit 0" USR1; sh -c "$1" >/dev/null 2>&1 & wait; echo forgotten"#;
        let output = std::process::Command::new("sh").args(["-c", program, "program", &script]).output().unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "told\n");
    }
}
