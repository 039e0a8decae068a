//! Paths as text: POSIX rules, and the tell-tale signs of Windows paths.

/// A path without `.`, `..` and doubled slashes, as far as text can tell; `.` when nothing is left.
pub(super) fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            ".." if rooted => {}
            _ => parts.push(part),
        }
    }
    if parts.is_empty() {
        return if rooted { "/" } else { "." }.to_owned();
    }
    let mut cleaned = String::with_capacity(path.len());
    for part in parts {
        if rooted || !cleaned.is_empty() {
            cleaned.push('/');
        }
        cleaned.push_str(part);
    }
    cleaned
}

/// A path below a directory, cleaned.
pub(super) fn join(directory: &str, path: &str) -> String {
    match (directory.is_empty(), path.is_empty()) {
        (true, true) => String::new(),
        (true, false) => clean(path),
        (false, _) => clean(&format!("{directory}/{path}")),
    }
}

/// A path as it is, or below a directory when it is relative.
pub(super) fn absolute(directory: &str, path: &str) -> String {
    if path.starts_with('/') { clean(path) } else { join(directory, path) }
}

/// The directory that holds a path.
pub(super) fn parent(path: &str) -> String {
    match path.rfind('/') {
        Some(0) => "/".to_owned(),
        Some(slash) => clean(&path[..slash]),
        None => ".".to_owned(),
    }
}

/// The way from one absolute directory to another.
pub(super) fn relative(from: &str, to: &str) -> String {
    let (from, to) = (clean(from), clean(to));
    let split = |path: &str| path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let (from, to) = (split(&from), split(&to));
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let mut parts = vec!["..".to_owned(); from.len() - shared];
    parts.extend_from_slice(&to[shared..]);
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}

/// Whether a path is absolute on Windows: `C:\x`, `\\host\share`.
pub(super) fn is_windows_absolute(path: &str) -> bool {
    let slash = |byte: Option<&u8>| matches!(byte, Some(b'\\' | b'/'));
    let bytes = path.as_bytes();
    match bytes {
        [_, b':', ..] => slash(bytes.get(2)),
        [first, second, ..] => slash(Some(first)) && slash(Some(second)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_cleaned_and_joined_as_text() {
        for (path, cleaned) in [
            ("a/./b", "a/b"),
            ("a//b/", "a/b"),
            ("a/../..", ".."),
            ("/..", "/"),
            ("", "."),
            ("./", "."),
            ("../x", "../x"),
        ] {
            assert_eq!(clean(path), cleaned, "{path}");
        }
        assert_eq!(join("/p", "./x/../y"), "/p/y");
        assert_eq!(join("", "x"), "x");
        assert_eq!(absolute("/p", "/q/"), "/q");
        assert_eq!(parent("/a/b"), "/a");
        assert_eq!(parent("/a"), "/");
        assert_eq!(parent("a"), ".");
    }

    #[test]
    fn directories_have_a_way_between_them() {
        assert_eq!(relative("/a/b", "/a/b"), ".");
        assert_eq!(relative("/a/b", "/a/b/c"), "c");
        assert_eq!(relative("/a/b", "/a/c/d"), "../c/d");
        assert_eq!(relative("/", "/x"), "x");
    }

    #[test]
    fn windows_paths_are_told_apart() {
        assert!(is_windows_absolute("C:\\data"));
        assert!(is_windows_absolute("c:/data"));
        assert!(is_windows_absolute("\\\\host\\share"));
        assert!(!is_windows_absolute("data"));
        assert!(!is_windows_absolute("c:data"));
    }
}
