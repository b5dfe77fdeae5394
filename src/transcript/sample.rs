//! For tests: what a transcript says, a short line for each entry; and transcripts with something broken in them.

use super::{Author, Ending, Entry, Event, Format, Skipped, Source, read};
use crate::units::Millis;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// A recorded file.
pub(super) fn recorded(name: &str) -> PathBuf {
    // The crate's own folder, or that of a crate beside its `src`.
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = Path::new("tests/fixtures/transcripts").join(name);
    [here.join(&folder), here.join("..").join(&folder)]
        .into_iter()
        .find(|path| path.exists())
        .expect("recorded")
}

/// A file as a source.
pub(super) fn source(path: &Path, format: Format, session: Option<&str>) -> Source {
    Source {
        path: path.to_owned(),
        session: session.map(str::to_owned),
        format,
        bytes: 0,
        modified: Millis(0),
    }
}

/// What is said in a file.
pub(super) fn told(source: &Source) -> (Vec<String>, Skipped) {
    let mut told = Vec::new();
    let skipped = read(source, &mut |entry| {
        told.push(line(&entry));
        ControlFlow::Continue(())
    });
    (told, skipped.expect("it is a file"))
}

/// What a recorded file was found to say, when it was read by eye: a line for each entry.
pub(super) fn expected(name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(recorded(name)).expect("it is there");
    text.lines().map(str::to_owned).collect()
}

/// What is said in a file with this text.
pub(super) fn told_in(text: &[u8], format: Format) -> (Vec<String>, Skipped) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("session.jsonl");
    std::fs::File::create(&path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, text))
        .expect("written");
    told(&source(&path, format, None))
}

/// An entry as a short line.
pub(super) fn line(entry: &Entry) -> String {
    let thread = if entry.thread.is_empty() { String::new() } else { format!("[{}] ", entry.thread) };
    let text = match &entry.event {
        Event::About(about) => format!(
            "about {} {} {:?} {} {} {:?}",
            about.agent, about.session, about.folder, about.model, about.version, about.parent
        ),
        Event::Prompt(prompt) => {
            let who = if prompt.by == Author::Person { "person" } else { "client" };
            format!("{who}: {} +{}", head(&prompt.text), prompt.images)
        }
        Event::Said(text) => format!("said {}", head(text)),
        Event::Thought { bytes } => format!("thought {bytes}"),
        Event::Call(call) => format!("call {} {} {}", call.id, call.tool, head(&call.arguments)),
        Event::Result(outcome) => {
            let ending = match outcome.ending {
                Ending::Failed(Some(code)) => format!("failed({code})"),
                Ending::Failed(None) => "failed".to_owned(),
                other => format!("{other:?}").to_lowercase(),
            };
            format!("result {} {ending} {} +{}", outcome.id, head(&outcome.text), outcome.images)
        }
        Event::Answered(answered) => {
            let usage = answered.usage.map_or("-".to_owned(), |usage| {
                let (read, written) = (usage.cache_read.0, usage.cache_write_5m.0 + usage.cache_write_1h.0);
                format!("{}+{read}r+{written}w>{}", usage.uncached.0, usage.output.0)
            });
            format!("answered {} {usage}", answered.model)
        }
        Event::Compacted(compacted) => {
            format!(
                "compacted {:?} {} {:?}",
                compacted.before.map(|tokens| tokens.0),
                head(&compacted.summary),
                compacted.by
            )
        }
        Event::Interrupted => "interrupted".to_owned(),
        Event::Back { to } => format!("back {to}"),
    };
    format!("{} {thread}{text}", entry.line)
}

/// The beginning of a text, on one line.
fn head(text: &str) -> String {
    let mut head: String = text.chars().take(90).collect::<String>().replace('\n', "|");
    if text.chars().count() > 90 {
        head.push('…');
    }
    head
}

/// `text` as it may be found after a crash, or by an enemy: cut off, bytes changed, lines doubled, left out, in other places.
pub(super) fn broken(text: &[u8], seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut roll = |sides: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % sides.max(1) as u64).unwrap_or(0)
    };
    let mut text = text.to_vec();
    for _ in 0..=roll(4) {
        let at = roll(text.len());
        match roll(6) {
            0 => text.truncate(at),
            1 if !text.is_empty() => {
                text[at] = [0, 0xFF, b'"', b'{', b'}', b'[', b'\n', b'\\', b'9', b' '][roll(10)]
            }
            2 => {
                let end = (at + roll(200)).min(text.len());
                text.drain(at..end);
            }
            3 => {
                let end = (at + roll(400)).min(text.len());
                let piece = text[at..end].to_vec();
                let to = roll(text.len());
                text.splice(to..to, piece);
            }
            4 => {
                let words: [&[u8]; 6] = [b"null", b"-1", b"1e999", b"[[[[", b"{}", b"\"\\ud800\""];
                let to = roll(text.len());
                text.splice(to..to, words[roll(6)].to_vec());
            }
            _ => {
                let mut lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
                let (one, other) = (roll(lines.len()), roll(lines.len()));
                lines.swap(one, other);
                text = lines.join(&b'\n');
            }
        }
    }
    text
}
