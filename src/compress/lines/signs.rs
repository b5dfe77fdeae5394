//! Signs of trouble in one line.
//!
//! A line's own level (`ERROR`, `level=warn`, `[error]`, `E0311`, `<3>`) is believed
//! first; without one, words decide. A line that calls itself information but
//! speaks of a failure is kept apart as [`Sign::Mention`].

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use std::sync::LazyLock;

/// How much trouble a line speaks of, least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Sign {
    /// None.
    #[default]
    Plain,
    /// The line calls itself information but has a word of trouble.
    Mention,
    /// A warning.
    Warning,
    /// An error.
    Error,
    /// The end of something: panic, fatal, out of memory.
    Fatal,
}

impl Sign {
    /// True for errors and worse.
    pub fn is_trouble(self) -> bool {
        Sign::Error <= self
    }
}

/// What a word says.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    /// As a level: nothing is wrong.
    Calm,
    Warning,
    Error,
    Fatal,
    /// Trouble only where a level stands.
    LevelOnly(Sign),
    /// Followed by a number: trouble unless it is 0.
    Exit,
    /// Followed by two digits and a space: a server error in an access log.
    Status,
}

/// Words and what they say; letters in either case. A word may begin in the
/// middle of `CamelCase`, not in the middle of a plain word.
const WORDS: &[(&str, Says)] = &[
    ("info", Says::Calm),
    ("debug", Says::Calm),
    ("trace", Says::Calm),
    ("verbose", Says::Calm),
    ("notice", Says::Calm),
    ("err", Says::LevelOnly(Sign::Error)),
    ("severe", Says::LevelOnly(Sign::Error)),
    ("alert", Says::LevelOnly(Sign::Fatal)),
    ("crit", Says::LevelOnly(Sign::Fatal)),
    ("emerg", Says::LevelOnly(Sign::Fatal)),
    ("fatal", Says::Fatal),
    ("panic", Says::Fatal),
    ("critical", Says::Fatal),
    ("emergency", Says::Fatal),
    ("out of memory", Says::Fatal),
    ("oom-kill", Says::Fatal),
    ("oomkilled", Says::Fatal),
    ("segfault", Says::Fatal),
    ("segmentation fault", Says::Fatal),
    ("core dumped", Says::Fatal),
    ("no space left", Says::Fatal),
    ("error", Says::Error),
    ("exception", Says::Error),
    ("traceback", Says::Error),
    ("fail", Says::Error),
    ("failed", Says::Error),
    ("failure", Says::Error),
    ("assertion", Says::Error),
    ("abort", Says::Error),
    ("crash", Says::Error),
    ("killed", Says::Error),
    ("deadlock", Says::Error),
    ("corrupt", Says::Error),
    ("denied", Says::Error),
    ("refused", Says::Error),
    ("timed out", Says::Error),
    ("unable to", Says::Error),
    ("undefined reference", Says::Error),
    ("no such file", Says::Error),
    ("unhandled", Says::Error),
    ("uncaught", Says::Error),
    ("unreachable", Says::Error),
    ("connection reset", Says::Error),
    ("broken pipe", Says::Error),
    ("exhausted", Says::Error),
    ("violation", Says::Error),
    ("call trace", Says::Error),
    ("oops", Says::Error),
    ("exit code ", Says::Exit),
    ("exit code: ", Says::Exit),
    ("exit status ", Says::Exit),
    ("exited with code ", Says::Exit),
    ("exited with ", Says::Exit),
    ("return code ", Says::Exit),
    ("\" 5", Says::Status),
    ("warn", Says::Warning),
    ("warning", Says::Warning),
    ("deprecated", Says::Warning),
    ("cannot", Says::Warning),
    ("could not", Says::Warning),
    ("can't", Says::Warning),
    ("not found", Says::Warning),
    ("does not exist", Says::Warning),
    ("invalid", Says::Warning),
    ("unauthorized", Says::Warning),
    ("forbidden", Says::Warning),
    ("rejected", Says::Warning),
    ("conflict", Says::Warning),
    ("overflow", Says::Warning),
    ("rollback", Says::Warning),
    ("rolled back", Says::Warning),
    ("timeout", Says::Warning),
    ("retrying", Says::Warning),
    ("degraded", Says::Warning),
    ("throttl", Says::Warning),
    ("dropped", Says::Warning),
    ("unexpected", Says::Warning),
    ("mismatch", Says::Warning),
    ("missing", Says::Warning),
    ("stalled", Says::Warning),
    ("slow query", Says::Warning),
    ("fehler", Says::Error),
    ("fehlgeschlagen", Says::Error),
    ("warnung", Says::Warning),
    ("erreur", Says::Error),
    ("échec", Says::Error),
    ("avertissement", Says::Warning),
    ("erro:", Says::Error),
    ("falha", Says::Error),
    ("fallo", Says::Error),
    ("advertencia", Says::Warning),
    ("ошибка", Says::Error),
    ("Ошибка", Says::Error),
    ("ОШИБКА", Says::Error),
    ("сбой", Says::Error),
    ("предупреждение", Says::Warning),
    ("Предупреждение", Says::Warning),
    ("错误", Says::Error),
    ("失败", Says::Error),
    ("异常", Says::Error),
    ("警告", Says::Warning),
    ("エラー", Says::Error),
    ("失敗", Says::Error),
    ("例外", Says::Error),
    ("오류", Says::Error),
    ("실패", Says::Error),
    ("경고", Says::Warning),
];

/// A level stands within this many bytes of the line's start, or it is a word like any other.
const LEVEL_WITHIN: usize = 96;

/// Words are looked for in this many bytes of a line: what matters stands near its start, and a line of
/// megabytes must not cost more than its length.
const LOOKED_AT: usize = 2_048;

static FINDER: LazyLock<AhoCorasick> = LazyLock::new(|| {
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .match_kind(MatchKind::LeftmostLongest)
        .kind(Some(AhoCorasickKind::DFA))
        .build(WORDS.iter().map(|(word, _)| word))
        .expect("a fixed table of words")
});

/// What `line` says.
pub fn of(line: &str) -> Sign {
    look(line).0
}

/// What `line` says, and whether every line of the same words says so, whatever its numbers are.
pub fn look(line: &str) -> (Sign, bool) {
    let whole = line.as_bytes();
    let bytes = &whole[..whole.len().min(LOOKED_AT)];
    if let Some(level) = lettered_level(bytes) {
        return (level, bytes[0] != b'<');
    }
    let mut level = None;
    let mut words = Sign::Plain;
    let mut steady = true;
    for found in FINDER.find_iter(bytes) {
        let (start, end) = (found.start(), found.end());
        if !begins_a_word(bytes, start) {
            continue;
        }
        let says = WORDS[found.pattern().as_usize()].1;
        let said = match says {
            Says::Calm => Sign::Plain,
            Says::Warning => Sign::Warning,
            Says::Error => Sign::Error,
            Says::Fatal => Sign::Fatal,
            Says::LevelOnly(sign) => sign,
            Says::Exit | Says::Status => {
                steady = false;
                let bad = match says {
                    Says::Exit => matches!(bytes.get(end), Some(b'1'..=b'9' | b'-')),
                    _ => is_status(&bytes[end..]),
                };
                if !bad {
                    continue;
                }
                Sign::Error
            }
        };
        let may_be_level = !matches!(says, Says::Exit | Says::Status);
        if said != Sign::Plain {
            let denied = denied(bytes, start, end);
            steady &= !denied && !is_counted(bytes, start, end);
            if denied {
                continue;
            }
        }
        if level.is_none() && may_be_level && stands_as_level(bytes, start, end) {
            level = Some(said);
        } else if !matches!(says, Says::LevelOnly(_)) {
            words = words.max(said);
        }
    }
    let sign = match level {
        Some(Sign::Plain) if Sign::Warning <= words => Sign::Mention,
        Some(level) => level,
        None => words,
    };
    (sign, steady)
}

/// True where a number stands next to the word: with 0 there, it would be no trouble.
fn is_counted(bytes: &[u8], start: usize, end: usize) -> bool {
    let before = bytes[..start].iter().rev().find(|byte| **byte != b' ');
    let after =
        bytes[end..].iter().take(16).find(|byte| !byte.is_ascii_alphabetic() && !b"_\"=: ".contains(byte));
    before.is_some_and(u8::is_ascii_digit) || after.is_some_and(u8::is_ascii_digit)
}

/// klog (`E0311 10:…`), logcat (`1234 E Tag`), the kernel and journal (`<3>`).
fn lettered_level(bytes: &[u8]) -> Option<Sign> {
    match bytes {
        [letter @ (b'I' | b'W' | b'E' | b'F'), a, b, c, d, b' ', ..]
            if [a, b, c, d].iter().all(|byte| byte.is_ascii_digit()) =>
        {
            Some(of_letter(*letter))
        }
        [b'<', priority @ b'0'..=b'7', b'>', ..] => Some(match priority {
            b'0'..=b'2' => Sign::Fatal,
            b'3' => Sign::Error,
            b'4' => Sign::Warning,
            _ => Sign::Plain,
        }),
        [b'0'..=b'9', ..] => bytes[..bytes.len().min(LEVEL_WITHIN)]
            .windows(4)
            .find(|four| {
                four[0].is_ascii_digit()
                    && four[1] == b' '
                    && matches!(four[2], b'W' | b'E' | b'F')
                    && matches!(four[3], b' ' | b'/')
            })
            .map(|four| of_letter(four[2])),
        _ => None,
    }
}

fn of_letter(letter: u8) -> Sign {
    match letter {
        b'F' => Sign::Fatal,
        b'E' => Sign::Error,
        b'W' => Sign::Warning,
        _ => Sign::Plain,
    }
}

/// True unless the match begins in the middle of a plain word.
fn begins_a_word(bytes: &[u8], start: usize) -> bool {
    if start == 0 || !bytes[start].is_ascii_alphabetic() {
        return true;
    }
    let before = bytes[start - 1];
    !before.is_ascii_alphabetic() || (before.is_ascii_lowercase() && bytes[start].is_ascii_uppercase())
}

/// True where the word stands as the line's level: `ERROR`, `[error]`, `level=error`, `error: …`.
fn stands_as_level(bytes: &[u8], start: usize, end: usize) -> bool {
    if LEVEL_WITHIN < start {
        return false;
    }
    let word = &bytes[start..end];
    let before = start.checked_sub(1).map(|at| bytes[at]);
    let after = bytes.get(end).copied();
    let joined = |byte: Option<u8>| {
        byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
    };
    if joined(before) || joined(after) || after == Some(b'-') || before == Some(b'-') {
        return false;
    }
    let upper = word.iter().all(|byte| byte.is_ascii_uppercase());
    let framed = matches!(before, Some(b'[' | b'=' | b'"' | b'(' | b'<' | b'|'))
        && matches!(after, None | Some(b']' | b' ' | b'"' | b')' | b'>' | b',' | b'\t' | b'|' | b':'));
    let opens = before.is_none() && matches!(after, Some(b':' | b']' | b'['));
    upper || framed || opens
}

/// `" 5` was found; true when two digits and a blank follow.
fn is_status(rest: &[u8]) -> bool {
    matches!(rest, [a, b, b' ', ..] if a.is_ascii_digit() && b.is_ascii_digit())
}

/// True for `0 errors`, `no error`, `errors=0`, `error: null`, `failover`.
fn denied(bytes: &[u8], start: usize, end: usize) -> bool {
    let before = &bytes[..start];
    let before = before.strip_suffix(b" ").unwrap_or(before);
    let denies = [&b"no"[..], b"No", b"0", b"without", b"zero", b"ignore", b"on", b"if"].iter().any(|word| {
        before.strip_suffix(*word).is_some_and(|rest| {
            !rest
                .last()
                .is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
        })
    });
    let mut after = &bytes[end..];
    for tail in [&b"s"[..], b"ures", b"ed", b"_count", b"_total"] {
        after = after.strip_prefix(tail).unwrap_or(after);
    }
    let after = after.strip_prefix(b"\"").unwrap_or(after);
    let value = after.strip_prefix(b"=").or_else(|| after.strip_prefix(b":")).map(<[u8]>::trim_ascii_start);
    let nothing = value.is_some_and(|value| {
        [&b"0"[..], b"null", b"None", b"nil", b"false", b"\"\""].iter().any(|word| {
            value.strip_prefix(*word).is_some_and(|rest| {
                !rest.first().is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'.')
            })
        })
    });
    let other_word = [&b"over"[..], b"safe", b"2ban", b"back"].iter().any(|tail| after.starts_with(tail));
    denies || nothing || other_word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_as_bad_as_it_says() {
        let cases = [
            ("2026-03-11T10:30:00.000Z ERROR db deadlock detected", Sign::Error),
            ("2026-03-11T10:30:00.000Z INFO db ready", Sign::Plain),
            ("2026-03-11 10:30:00 INFO retry failed once, going on", Sign::Mention),
            ("2026-03-11 10:30:00 WARN backoff exhausted", Sign::Warning),
            ("level=error msg=\"boom\"", Sign::Error),
            ("[error] 1#1: *2 connect() failed", Sign::Error),
            ("E0311 10:00:00.000000       1 reflector.go:138] watch", Sign::Error),
            ("I0311 10:00:00.000000       1 reflector.go:138] an error of old", Sign::Plain),
            ("03-11 10:00:00.000  1234  1234 E ActivityManager: ANR", Sign::Error),
            ("<3>usb 1-1: device descriptor read", Sign::Error),
            ("error: could not compile `x`", Sign::Error),
            ("java.lang.NullPointerException: x", Sign::Error),
            ("0 errors, 0 warnings", Sign::Plain),
            ("10 errors", Sign::Error),
            ("errors=0 done", Sign::Plain),
            ("failed: 0", Sign::Plain),
            ("switching to failover", Sign::Plain),
            ("the mirror is polished", Sign::Plain),
            ("1.2.3.4 - - [11/Mar/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 503 12", Sign::Error),
            ("1.2.3.4 - - [11/Mar/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 512", Sign::Plain),
            ("process exited with code 137", Sign::Error),
            ("process exited with code 0", Sign::Plain),
            ("thread 'main' panicked at src/main.rs:2:5", Sign::Fatal),
            ("Verbindung: Fehler beim Lesen", Sign::Error),
            ("数据库连接失败", Sign::Error),
            ("データベース エラー", Sign::Error),
            ("произошла ошибка", Sign::Error),
            ("warning: unused variable", Sign::Warning),
            ("plain words", Sign::Plain),
        ];
        for (line, want) in cases {
            assert_eq!(of(line), want, "{line}");
        }
    }
}
