//! Which attribute an error message of the reference implementation names.

/// The attribute that a message is about.
#[derive(Debug, PartialEq, Eq)]
pub enum Named {
    /// These attributes, each of them.
    Exactly(Vec<String>),
    /// This attribute or one below it.
    Below(String),
    /// None: the message is about a document as a whole, or names no place.
    Nothing,
}

/// The attribute that a message of an error class names, in the spelling of [`spelled`]; `None` for a message that is
/// not known here.
pub fn named(class: &str, message: &str) -> Option<Named> {
    match class {
        "schema" => schema(message),
        "consistency" => consistency(message),
        "interpolation" => interpolation(message),
        "decode" => Some(decode(message)),
        _ => Some(Named::Nothing),
    }
}

/// A path as paths are compared: every index is `[]`, and nothing but dots is between the steps.
pub fn spelled(path: &str) -> String {
    let path = path.replace("[]", "0");
    let steps = path.split(['.', '[', ']']).filter(|step| !step.is_empty());
    let steps = steps.map(|step| if step.bytes().all(|byte| byte.is_ascii_digit()) { "[]" } else { step });
    steps.collect::<Vec<_>>().join(".")
}

/// What stands in quotes of a kind.
fn quoted(text: &str, quote: char) -> Vec<&str> {
    text.split(quote).skip(1).step_by(2).collect()
}

fn schema(message: &str) -> Option<Named> {
    let message = match message.strip_prefix("validating ") {
        // A file's name has no colon followed by a space.
        Some(rest) => rest.split_once(": ")?.1,
        None => message,
    };
    if message.starts_with("json: unsupported value") {
        return Some(Named::Nothing);
    }
    let kinds = [
        " must be ",
        " additional properties ",
        " missing propert",
        " false schema",
        " value must be ",
        " does not match pattern ",
        " items at ",
        " '",
    ];
    let (start, kind) = kinds.into_iter().filter_map(|kind| Some((message.find(kind)?, kind))).min()?;
    let (path, rest) = message.split_at(start);
    let below = |names: Vec<&str>| names.into_iter().map(|name| spelled(&format!("{path}.{name}"))).collect();
    Some(Named::Exactly(match kind {
        // The message names the mapping, and what is wrong in it.
        " additional properties " | " missing propert" => below(quoted(rest, '\'')),
        _ => vec![spelled(path)],
    }))
}

fn interpolation(message: &str) -> Option<Named> {
    if message.starts_with("failed to read ") {
        return Some(Named::Nothing);
    }
    let places = message.lines().filter_map(|line| {
        let place = line
            .strip_prefix("error while interpolating ")
            .map(|rest| rest.split(": ").next().unwrap_or_default())
            .or_else(|| {
                line.strip_prefix("invalid interpolation format for ").map(|rest| rest.trim_end_matches('.'))
            })?;
        Some(spelled(place))
    });
    let places: Vec<String> = places.collect();
    (!places.is_empty()).then_some(Named::Exactly(places))
}

fn decode(message: &str) -> Named {
    if message.starts_with("decoding failed") {
        let places = message.lines().filter(|line| line.starts_with('\''));
        return match places.map(|line| spelled(quoted(line, '\'')[0])).next() {
            // The message names the list, not the item.
            Some(place) => Named::Below(place),
            None => Named::Nothing,
        };
    }
    for prefix in ["service device ", "service ports "] {
        if let Some(rest) = message.strip_prefix(prefix) {
            return Named::Below(spelled(rest.split(' ').next().unwrap_or_default()));
        }
    }
    Named::Nothing
}

fn consistency(message: &str) -> Option<Named> {
    let message = message.trim_end_matches(": invalid compose project");
    if let Some(ring) = message.strip_prefix("dependency cycle detected: ") {
        let (from, upon) = ring.split_once(" -> ")?;
        let upon = upon.split(" -> ").next()?;
        return Some(Named::Below(format!("services.{from}.depends_on.{upon}")));
    }
    let quotes = quoted(message, '"');
    if message.contains(" is declared both as a service and a job") {
        return Some(Named::Exactly(vec![format!("jobs.{}", quotes.first()?)]));
    }
    if let Some(rest) = message.strip_prefix("job ") {
        let job = quotes.first().filter(|_| rest.contains("depends on undefined"))?;
        return Some(Named::Below(spelled(&format!("jobs.{job}.depends_on.{}", quotes.get(1)?))));
    }
    if message.starts_with("secret ") && message.contains(" must declare either ") {
        return Some(Named::Below(spelled(&format!("secrets.{}", quotes.first()?))));
    }
    if message.starts_with("service.build.platforms MUST") || message.starts_with("healthcheck.test must start") {
        return Some(Named::Nothing);
    }
    if let Some(rest) = message.strip_prefix("service ") {
        let service = match quotes.first() {
            Some(service) if rest.starts_with('"') => service,
            _ => rest.split(' ').next()?,
        };
        let last = || message.rsplit(' ').next().unwrap_or_default();
        let after = |words: &str| message.split_once(words).map(|(_, name)| name.to_owned());
        let attribute = if message.contains("neither an image nor a build") {
            return Some(Named::Exactly(vec![format!("services.{service}")]));
        } else if message.contains("mutually exclusive `network_mode`") {
            "network_mode".to_owned()
        } else if message.contains("mutualy exclusive dockerfile") {
            "build".to_owned()
        } else if message.contains("not found for network_mode") {
            // It names the service that is missing, not the one that shares its network.
            return Some(Named::Nothing);
        } else if message.contains("depends on undefined service") || message.contains("cannot depend on job") {
            format!("depends_on.{}", quotes.get(1)?)
        } else if let Some(network) = after("undefined network ") {
            format!("networks.{network}")
        } else if let Some(model) = after("undefined model ") {
            format!("models.{model}")
        } else if message.contains("undefined volume") {
            "volumes".to_owned()
        } else if message.contains("undefined build secret") {
            "build.secrets".to_owned()
        } else if message.contains("undefined config") {
            "configs".to_owned()
        } else if message.contains("undefined secret") {
            "secrets".to_owned()
        } else if message.contains("additional contexts") {
            format!("build.additional_contexts.{}", last())
        } else {
            return None;
        };
        return Some(Named::Below(spelled(&format!("services.{service}.{attribute}"))));
    }
    let (path, rest) = message.split_once(": ")?;
    let path = spelled(path);
    let attribute = if rest.starts_with("conflicting parameters ") {
        quoted(rest, '"').get(1).copied()?
    } else if rest.starts_with("name and external.name conflict") {
        "name"
    } else if rest.starts_with("container name ") {
        "container_name"
    } else if let Some(rest) = rest.strip_prefix("can't set container_name and ") {
        // The message has the two names in each other's place.
        let service = rest.split(' ').next()?;
        return Some(Named::Exactly(vec![format!("services.{service}.container_name")]));
    } else if let Some(rest) = rest.strip_prefix("can't set distinct values on ") {
        quoted(rest, '\'').first().copied()?
    } else if [
        "attributes are mutually exclusive",
        "attributes are exclusive",
        "must be set",
        "target is required",
        "can't be blank",
        "invalid ip address",
        "already mounted as",
    ]
    .iter()
    .any(|words| rest.contains(words))
    {
        return Some(Named::Below(path));
    } else if rest.starts_with("must be ") {
        return Some(Named::Exactly(vec![path]));
    } else {
        return None;
    };
    Some(Named::Exactly(vec![format!("{path}.{attribute}")]))
}
