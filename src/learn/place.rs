//! Paths as a project knows them.

/// `path`, as it was written in `folder`, seen from `project`: relative inside of it, else as it stands. Parts that lead
/// back (`..`) are resolved; the disk is not asked.
pub fn relative(path: &str, folder: &str, project: &str) -> String {
    let absolute = if path.starts_with(['/', '~']) || is_drive(path) {
        path.to_owned()
    } else {
        format!("{}/{path}", if folder.is_empty() { project } else { folder })
    };
    let absolute = resolved(&absolute);
    let project = resolved(project);
    if absolute == project {
        return ".".to_owned();
    }
    let inside = absolute.strip_prefix(&project).and_then(|inside| inside.strip_prefix('/'));
    inside.map_or_else(|| absolute.clone(), str::to_owned)
}

/// `C:\\…`: a path of Windows, absolute as well.
fn is_drive(path: &str) -> bool {
    let mut letters = path.chars();
    letters.next().is_some_and(|letter| letter.is_ascii_alphabetic()) && letters.as_str().starts_with(":\\")
}

/// Without `.`, `..` and doubled separators.
fn resolved(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let root = if path.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}
