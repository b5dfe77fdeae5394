//! Text of no kind that is known: told by its patterns where it plainly has some.
//!
//! *Invariant:* what may be source code or prose is left alone, letter for
//! letter: somebody may edit it, and nothing in it is like the rest.

use super::lines::pattern::Patterns;
use super::lines::{Lines, exact, write};
use super::{Allowance, Hint, Kind, Loss, Shortened, log};
use crate::refusal::Refusal;

/// Bytes from which on lines of a plainly repeating text may be left out: some 4,000 tokens.
const LONG: usize = 14_000;
/// A pattern of so many lines repeats.
const OFTEN: u32 = 12;
/// One line in so many may be of a pattern that does not, at most.
const SELDOM: usize = 5;
/// One line in so many may look like code, at most.
const CODE: usize = 4;
/// A text of which a terminal shows so small a part was progress.
const PROGRESS: usize = 2;

/// Shortens `text`, or says why not.
///
/// # Errors
/// [`Refusal::NoCompressor`] when it does not plainly repeat, and what [`exact::encode`] says.
pub fn compress(text: &str, hint: &Hint<'_>, allowance: &Allowance<'_>) -> Result<Shortened, Refusal> {
    let lines = Lines::of(text).ok_or(Refusal::OverBudget)?;
    let progress = lines.cleaned() && lines.text().len() * PROGRESS <= text.len();
    if !progress && looks_like_code(&lines) {
        return Err(Refusal::NoCompressor);
    }
    let shown = match allowance.loss {
        Loss::KeptUnder(key) if progress || LONG <= text.len() && repeats(&lines) => {
            log::shorten(text, hint, allowance, key)?
        }
        _ => None,
    };
    if let Some(text) = shown.filter(|shown| write::saves_enough(text, shown)) {
        return Ok(Shortened { text, kind: Kind::Other, compressor: "other-patterns", left_out: true });
    }
    let text = exact::encode_asked(text, hint.query)?;
    Ok(Shortened { text, kind: Kind::Other, compressor: "lines-exact", left_out: false })
}

/// True when nearly all lines are of a few patterns.
fn repeats(lines: &Lines<'_>) -> bool {
    let Some(patterns) = Patterns::of(lines) else { return false };
    let seldom = |line: &usize| patterns.list[patterns.of_line[*line] as usize].count < OFTEN;
    (0..lines.len()).filter(seldom).count() * SELDOM <= lines.len()
}

/// Lines that are indented, or end as lines of code do.
fn looks_like_code(lines: &Lines<'_>) -> bool {
    let code = |line: &&str| {
        line.starts_with("  ") && line.trim_start().starts_with(|each: char| each.is_alphabetic())
            || line.starts_with('\t')
            || line.trim_end().ends_with(['{', '}', ';', ',', ':', '\\'])
            || line.starts_with(['#', '/', '*', '<'])
    };
    let all = lines.iter().filter(|line| !line.trim().is_empty()).count();
    all < lines.iter().filter(code).count() * CODE
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Key;

    fn compressor_of(text: &str) -> Result<&'static str, Refusal> {
        let key = Key::parse("0123456789abcdef0123").expect("a key");
        let short = compress(text, &Hint::default(), &Allowance::kept_under(&key))?;
        assert!(short.text.len() < text.len());
        Ok(short.compressor)
    }

    #[test]
    fn what_plainly_repeats_is_told_by_its_patterns() {
        let readings: String = (0..900)
            .map(|n| format!("sensor=b{} temp={}.{} bat={}%\n", n % 30, 20 + n % 3, n % 10, 90 + n % 9))
            .collect();
        let progress: String = (0..900).map(|n| format!("receiving: {n} of 900\r")).collect();
        let code: String = (0..900)
            .map(|n| format!("fn step_{n}(x: u32) -> u32 {{\n    let y = x + {n};\n    y\n}}\n"))
            .collect();
        assert_eq!(compressor_of(&readings), Ok("other-patterns"));
        assert_eq!(compressor_of(&progress), Ok("other-patterns"));
        assert_eq!(compressor_of(&code), Err(Refusal::NoCompressor));
    }
}
