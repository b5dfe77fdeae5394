//! What must hold of whatever a compressor makes, as one check: for tests, for
//! fuzzing, and for anyone who adds a compressor.
//!
//! Every compressor checks its own work before it hands it out. This check is
//! written apart from them, so that they don't judge themselves.

use super::lines::verbatim_subsequence;
use super::{Allowance, Hint, Kind, LOSSLESS_FLOOR, LOSSY_FLOOR, Loss, Shortened, compress};
use crate::marker;
use crate::tokens;
use serde::de::IgnoredAny;

/// A law that a shortened text breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The same text gave two results.
    #[error("the same text, hint and allowance gave two results")]
    Changing,
    /// It is not shorter.
    #[error("{before} bytes became {after}")]
    Longer {
        /// Bytes of the text.
        before: usize,
        /// Bytes of what was made of it.
        after: usize,
    },
    /// It saves less than its floor.
    #[error("{saved} tokens saved, where {floor} are the least")]
    BelowFloor {
        /// Tokens saved; negative when there are more.
        saved: i64,
        /// The floor of law 5.
        floor: u64,
    },
    /// Something is left out where nothing may be.
    #[error("something is left out, and nothing may be")]
    LeftOut,
    /// Something is left out, and no marker names the key.
    #[error("something is left out, and no marker says how to get it")]
    NoWayBack,
    /// Nothing is left out, and a marker names the key.
    #[error("nothing is left out, and a marker says that something is")]
    NothingMissing,
    /// The key is named more than once.
    #[error("the key is named {0} times")]
    NamedAgain(usize),
    /// A line that is no marker is no line of the text, or stands in another order.
    #[error("a line is shown that the text does not have there")]
    NotVerbatim,
    /// JSON became something that is neither JSON nor one of our tables.
    #[error("JSON became something that is neither JSON nor a table with its legend")]
    NoJson,
}

/// Shortens `text` and holds the result against the laws; `None` when the compressor refused.
///
/// # Errors
/// The first law that is broken.
pub fn check(text: &str, hint: &Hint<'_>, allowance: &Allowance<'_>) -> Result<Option<Shortened>, Broken> {
    let made = compress(text, hint, allowance);
    let again = compress(text, hint, allowance);
    let same = match (&made, &again) {
        (Ok(made), Ok(again)) => made.text == again.text && made.left_out == again.left_out,
        (Err(made), Err(again)) => made == again,
        _ => false,
    };
    if !same {
        return Err(Broken::Changing);
    }
    let Ok(made) = made else { return Ok(None) };
    holds(text, &made, allowance)?;
    Ok(Some(made))
}

/// Holds what was made of `text` against the laws.
///
/// # Errors
/// The first law that is broken.
pub fn holds(text: &str, made: &Shortened, allowance: &Allowance<'_>) -> Result<(), Broken> {
    let (before, after) = (text.len(), made.text.len());
    if before <= after {
        return Err(Broken::Longer { before, after });
    }
    let saved = tokens::count(text).0 as i64 - tokens::count(&made.text).0 as i64;
    let floor = if made.left_out { LOSSY_FLOOR.0 } else { LOSSLESS_FLOOR.0 };
    if saved < floor as i64 {
        return Err(Broken::BelowFloor { saved, floor });
    }
    let named = match allowance.loss {
        Loss::Nothing if made.left_out => return Err(Broken::LeftOut),
        Loss::Nothing => 0,
        Loss::KeptUnder(key) => made.text.matches(&format!("headroom retrieve {key}")).count(),
    };
    match (made.left_out, named) {
        (true, 0) if !allowance.part.key_named => return Err(Broken::NoWayBack),
        (false, 1..) => return Err(Broken::NothingMissing),
        (true, 2..) => return Err(Broken::NamedAgain(named)),
        _ => {}
    }
    let is_json = |text: &str| serde_json::from_str::<IgnoredAny>(text).is_ok();
    match made.kind {
        Kind::Json if is_json(text) && !is_json(&made.text) && !made.text.starts_with(marker::OPEN) => {
            Err(Broken::NoJson)
        }
        Kind::Json | Kind::Mixed => Ok(()),
        _ if made.left_out && !verbatim_subsequence(text, &made.text) => Err(Broken::NotVerbatim),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Key;

    fn key() -> Key {
        Key::parse("0123456789abcdef0123").expect("a key")
    }

    fn text() -> String {
        (0..400)
            .map(|at| format!("2026-03-04T10:00:00Z INFO line {at} of a log that nobody reads\n"))
            .collect()
    }

    #[test]
    fn what_the_compressors_make_holds() {
        let key = key();
        let hint = Hint { command: "docker logs web", ..Hint::default() };
        for allowance in [Allowance::lossless(), Allowance::kept_under(&key)] {
            assert!(check(&text(), &hint, &allowance).expect("every law holds").is_some());
        }
    }

    #[test]
    fn every_law_is_broken_by_something() {
        let key = key();
        let kept = Allowance::kept_under(&key);
        let way_back =
            format!("[headroom: 399 lines left out (2-400); original kept: headroom retrieve {key}]\n");
        let first = "2026-03-04T10:00:00Z INFO line 0 of a log that nobody reads\n";
        let made =
            |text: String, left_out: bool, kind: Kind| Shortened { text, kind, compressor: "x", left_out };
        let log = |text: String, left_out: bool| made(text, left_out, Kind::Log);
        let cases = [
            ("all is well", log(format!("{first}{way_back}"), true), kept, None),
            ("longer", log(text() + "more", true), kept, Some("became")),
            ("hardly shorter", log(text()[1..].to_owned(), false), kept, Some("tokens saved")),
            ("lossless, and yet", log(first.to_owned(), true), Allowance::lossless(), Some("nothing may be")),
            ("no way back", log(first.to_owned(), true), kept, Some("no marker")),
            ("nothing missing", log(format!("{first}{way_back}"), false), kept, Some("nothing is left out")),
            ("named twice", log(format!("{way_back}{way_back}"), true), kept, Some("named 2 times")),
            (
                "re-worded",
                log(format!("INFO line 0\n{way_back}"), true),
                kept,
                Some("the text does not have"),
            ),
        ];
        for (name, made, allowance, want) in cases {
            let said = holds(&text(), &made, &allowance).err().map(|broken| broken.to_string());
            match want {
                None => assert_eq!(said, None, "{name}"),
                Some(want) => {
                    assert!(said.as_ref().is_some_and(|said| said.contains(want)), "{name}: {said:?}")
                }
            }
        }
        let json = format!("[{}]", vec!["{\"id\":1,\"name\":\"a name\"}"; 400].join(","));
        let odd = made(format!("[1, {way_back}"), true, Kind::Json);
        assert_eq!(holds(&json, &odd, &kept), Err(Broken::NoJson));
    }
}
