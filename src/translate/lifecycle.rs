//! `post_start` and `pre_stop`: commands that run in a service's container.
//!
//! Kubernetes has one command for each, without a user, an environment or a directory of its own, and does not expand
//! it. What is more than that becomes a script for the image's shell.

use k8s_openapi::api::core::v1::{ExecAction, Lifecycle, LifecycleHandler};

use super::context::Unit;
use super::notes::Notes;
use crate::compose::model::{ContainerSpec, Hook};

/// How much longer a pod is given to stop when it has `pre_stop`: Docker Compose runs these before the time of
/// `stop_grace_period` begins, in Kubernetes they are part of it.
const PRE_STOP_SECONDS: i64 = 30;

/// The hooks of the service's container.
pub(super) fn lifecycle(unit: &Unit, notes: &mut Notes) -> Option<Lifecycle> {
    let service = unit.service;
    let post_start = handler(unit, &service.post_start, "post_start", notes);
    let pre_stop = handler(unit, &service.pre_stop, "pre_stop", notes);
    if pre_stop.is_some() {
        notes.approximated(
            format!("{}.pre_stop", unit.path),
            format!(
                "runs at every stop, and has to end within the {PRE_STOP_SECONDS} s that are added to the time to stop"
            ),
        );
    }
    (post_start.is_some() || pre_stop.is_some()).then_some(Lifecycle { post_start, pre_stop, stop_signal: None })
}

/// What `pre_stop` adds to the time that a pod has to stop, in seconds.
pub(super) fn stop_seconds(unit: &Unit) -> i64 {
    if unit.service.pre_stop.is_empty() { 0 } else { PRE_STOP_SECONDS }
}

fn handler(unit: &Unit, hooks: &[Hook], attribute: &str, notes: &mut Notes) -> Option<LifecycleHandler> {
    if hooks.is_empty() {
        return None;
    }
    let path = format!("{}.{attribute}", unit.path);
    let mut runnable = Vec::new();
    for (index, hook) in hooks.iter().enumerate() {
        note_rights(&unit.service.container, hook, &format!("{path}[{index}]"), notes);
        if hook.command.as_ref().is_some_and(|words| !words.is_empty()) {
            runnable.push((index, hook));
        }
    }
    let command = match runnable.as_slice() {
        [] => return None,
        [(_, hook)] if is_plain(hook) => hook.command.clone()?,
        _ => {
            notes.approximated(path.clone(), "is run by the shell of the image, `sh`, which has to be there");
            let steps = runnable.iter().map(|(index, hook)| step(hook, &format!("{path}[{index}]"), notes));
            vec!["sh".to_owned(), "-c".to_owned(), steps.collect::<Vec<_>>().join(" && ")]
        }
    };
    Some(LifecycleHandler { exec: Some(ExecAction { command: Some(command) }), ..LifecycleHandler::default() })
}

/// Whether the command alone says what is to be done.
fn is_plain(hook: &Hook) -> bool {
    hook.working_dir.is_empty() && hook.environment.values().all(Option::is_none)
}

fn note_rights(container: &ContainerSpec, hook: &Hook, path: &str, notes: &mut Notes) {
    if !hook.user.is_empty() && hook.user != container.user {
        notes.rejected(
            format!("{path}.user"),
            "a hook runs as the container's own user: let `pre_start` do what another user has to, or set `user:` on \
             the service and drop it in the command",
        );
    }
    if hook.privileged && !container.privileged {
        notes.rejected(
            format!("{path}.privileged"),
            "a hook has the container's own privileges: let `pre_start` do what needs more",
        );
    }
}

/// One hook in a shell of its own, so that neither its directory nor its variables reach the next one.
fn step(hook: &Hook, path: &str, notes: &mut Notes) -> String {
    let mut parts = Vec::new();
    if !hook.working_dir.is_empty() {
        parts.push(format!("cd {}", quoted(&hook.working_dir)));
    }
    for (name, value) in &hook.environment {
        let Some(value) = value else { continue };
        if is_variable(name) {
            parts.push(format!("export {name}={}", quoted(value)));
        } else {
            notes.rejected(
                format!("{path}.environment.{name}"),
                "the shell knows only variables of letters, digits and `_`: set it on the service",
            );
        }
    }
    let words: Vec<String> = hook.command.iter().flatten().map(|word| quoted(word)).collect();
    parts.push(format!("exec {}", words.join(" ")));
    format!("( {} )", parts.join(" && "))
}

fn is_variable(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// The word, so that a shell takes it as it is (POSIX, "Single-Quotes").
pub(super) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::fixture;

    fn hooks(service: &str) -> (Option<Vec<String>>, Vec<String>) {
        fixture::with(&format!("services: {{web: {{image: x, {service}}}}}"), |context, notes| {
            let lifecycle = lifecycle(&context.units["web"], notes).unwrap_or_default();
            let handler = lifecycle.post_start.or(lifecycle.pre_stop);
            (handler.and_then(|handler| handler.exec?.command), std::mem::take(notes).summary())
        })
    }

    #[test]
    fn one_simple_hook_needs_no_shell() {
        let (command, notes) = hooks("user: \"1\", post_start: [{command: [a, \"echo $(id)\"], user: \"1\"}]");
        assert_eq!(command.unwrap(), ["a", "echo $(id)"]);
        assert_eq!(notes, Vec::<String>::new());
        assert_eq!(hooks("pre_stop: [{command: [a]}]").1, ["services.web.pre_stop: Approximated"]);
    }

    #[test]
    fn several_hooks_are_one_script() {
        let (command, notes) = hooks(
            "post_start: [{command: [touch, \"it's\"], working_dir: /srv/a b}, {command: [b], environment: {A: \"$x\", \
             NONE: null}}]",
        );
        let script = r"( cd '/srv/a b' && exec 'touch' 'it'\''s' ) && ( export A='$x' && exec 'b' )";
        assert_eq!(command.unwrap(), ["sh", "-c", script]);
        assert_eq!(notes, ["services.web.post_start: Approximated"]);
    }

    /// Run by a real shell: each step in its own directory with its own variables, and none after one that failed.
    #[test]
    fn the_script_does_what_it_says() {
        let run = |hooks_text: &str| {
            let command = hooks(&format!("post_start: {hooks_text}")).0.unwrap();
            let output = std::process::Command::new(&command[0]).args(&command[1..]).output().unwrap();
            (output.status.success(), String::from_utf8(output.stdout).unwrap())
        };
        let print = |text: &str| format!("{{command: [printf, \"%s;\", \"{text}\"]}}");
        let step =
            "{command: [sh, -c, 'printf \"%s;\" \"$PWD\" \"$A\"'], working_dir: /usr, environment: {A: \"a'b $(x)\"}}";
        assert_eq!(run(&format!("[{step}, {}]", print("$HOME * last"))), (true, "/usr;a'b $(x);$HOME * last;".into()));
        assert_eq!(run(&format!("[{{command: [\"false\"]}}, {}]", print("last"))), (false, String::new()));
    }

    #[test]
    fn rights_of_its_own_are_rejected() {
        let (_, notes) = hooks("post_start: [{command: [a], user: root, privileged: true, environment: {a-b: c}}]");
        assert_eq!(
            notes,
            [
                "services.web.post_start: Approximated",
                "services.web.post_start[0].environment.a-b: Rejected",
                "services.web.post_start[0].privileged: Rejected",
                "services.web.post_start[0].user: Rejected"
            ]
        );
    }
}
