//! The project directory, which no cluster has: where it stands in for the paths of a Compose file.

/// What all paths have in front that were relative in the Compose file. No host has this path, so that they are told
/// apart from the host's own.
const ROOT: &str = "/.compose-project";

/// Where the project directory is mounted in the virtual file system. It lies deep, so that `../x` is told apart from
/// `/x`.
pub const PROJECT_DIRECTORY: &str = "/.compose-project/-/-/-/-/-/-/-/-";

/// A path that was relative in the Compose file, as it is given from the project directory: `conf/app.ini`, `../shared`,
/// or `.`; none when it was absolute.
pub fn as_relative(path: &str) -> Option<String> {
    let below = path.strip_prefix(ROOT)?;
    if !below.is_empty() && !below.starts_with('/') {
        return None;
    }
    let parts = |path: &str| path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (from, to) = (parts(PROJECT_DIRECTORY), parts(path));
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let mut way = vec!["..".to_owned(); from.len() - shared];
    way.extend_from_slice(&to[shared..]);
    Some(if way.is_empty() { ".".to_owned() } else { way.join("/") })
}

/// A path as people wrote it.
pub(super) fn shown(path: &str) -> String {
    as_relative(path).unwrap_or_else(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_relative_is_told_from_what_was_absolute() {
        let relative = |path: &str| as_relative(path).unwrap_or_default();
        let above = PROJECT_DIRECTORY.rsplit_once('/').unwrap().0;
        assert_eq!(relative(PROJECT_DIRECTORY), ".");
        assert_eq!(relative(&format!("{PROJECT_DIRECTORY}/a/b")), "a/b");
        assert_eq!(relative(&format!("{above}/data")), "../data");
        assert_eq!(relative(above), "..");
        assert_eq!(as_relative("/data"), None);
        assert_eq!(as_relative("/.compose-project-2/x"), None);
    }
}
