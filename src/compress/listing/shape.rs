//! What a listing looks like, whoever printed it.

use super::super::content::Sample;
use super::rows::Cut;

/// Lines of a sample that must be there to tell a listing.
const FEW: usize = 8;

/// True when nearly all lines are paths, names in drawn trees, or rows of padded columns.
pub fn is_listing(sample: &Sample<'_>) -> bool {
    let lines = &sample.lines;
    let most = |count: usize| FEW <= lines.len() && lines.len() * 4 <= count * 5;
    most(lines.iter().filter(|line| is_drawn(line)).count())
        || is_status(lines)
        || most(lines.iter().filter(|line| is_path(line)).count())
        || most(lines.iter().filter(|line| is_long(line)).count())
        || is_table(sample)
}

/// `git status`, in words.
fn is_status(lines: &[std::borrow::Cow<'_, str>]) -> bool {
    FEW <= lines.len()
        && (lines[0].starts_with("On branch ") || lines[0].starts_with("HEAD detached at "))
        && lines.iter().any(|line| line.starts_with("Changes ") || line.starts_with("Untracked files"))
}

/// A line of a drawn tree.
pub fn is_drawn(line: &str) -> bool {
    ["── ", "─┬ ", "├─ ", "└─ ", "|-- ", "`-- ", "+--- ", "\\--- "].iter().any(|branch| line.contains(branch))
}

/// `src/a.rs`, `?? src/a.rs`, `4.0K\tsrc`.
fn is_path(line: &str) -> bool {
    let line = line.trim_end();
    let mut words = line.rsplit([' ', '\t']);
    let Some(path) = words.next() else { return false };
    let before = line.len() - path.len();
    before <= 24
        && words.count() <= 3
        && (path.contains('/') || path.contains('\\'))
        && !path.contains(['"', '\'', '(', ')', '{', '}', '<', '>', ';', ',', '=', '|'])
        && !path.starts_with("//")
        && !path.ends_with([':', '.'])
}

/// A line of `ls -l`.
fn is_long(line: &str) -> bool {
    let bytes = line.trim_start().as_bytes();
    bytes.len() < 12
        || matches!(bytes, [b'-' | b'd' | b'l' | b'c' | b'b' | b'p' | b's', b'r' | b'-', b'w' | b'-', ..])
}

/// Rows of padded columns under a heading of capitals: `NAME  READY  STATUS`, `USER PID %CPU`.
fn is_table(sample: &Sample<'_>) -> bool {
    let lines = &sample.lines;
    if lines.len() < FEW {
        return false;
    }
    let heading = lines.iter().take(8).find(|line| is_heading(line));
    let Some(heading) = heading else { return false };
    let mut cells = Vec::new();
    let words = {
        Cut::Words(usize::MAX).cells(heading, &mut cells);
        cells.len()
    };
    let wide = {
        Cut::Wide(usize::MAX).cells(heading, &mut cells);
        cells.len()
    };
    let rows = |cut: Cut| {
        let mut cells = Vec::new();
        lines.iter().filter(|line| cut.cells(line.trim_end(), &mut cells)).count()
    };
    let padded = lines.iter().filter(|line| line.trim().contains("  ")).count();
    let enough = |count: usize| lines.len() * 7 <= count * 10;
    3 <= words && lines.len() <= padded * 2 && enough(rows(Cut::Words(words)))
        || 2 <= wide && enough(rows(Cut::Wide(wide)))
}

/// `NAME   READY   STATUS`: words of capitals.
fn is_heading(line: &str) -> bool {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let capital = |word: &&&str| {
        word.bytes().any(|byte| byte.is_ascii_uppercase())
            && !word.bytes().any(|byte| byte.is_ascii_lowercase())
            || word.starts_with('%')
    };
    let named = words.iter().filter(capital).count();
    2 <= words.len() && words.len() * 3 <= named * 4
        || matches!(
            words.as_slice(),
            ["Package", "Version", ..] | ["Filesystem", ..] | ["Proto", "Recv-Q", ..]
        )
}
