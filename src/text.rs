//! Words and numbers as people read them.

/// `1 row`, `412 rows`: a count with its noun; `noun` is the singular.
pub fn counted(count: usize, noun: &str) -> String {
    let plural = match noun {
        "match" => "matches".to_owned(),
        "entry" => "entries".to_owned(),
        "retry" => "retries".to_owned(),
        _ => format!("{noun}s"),
    };
    let noun = if count == 1 { noun.to_owned() } else { plural };
    format!("{count} {noun}")
}
