#![no_main]

use headroom::transcript::lines::Lines;
use headroom::transcript::{Format, Source, claude, codex, gemini, plain};
use headroom::units::Millis;
use std::ops::ControlFlow;

// The first byte says in which format the rest is read; whatever it holds, the reading comes to its end, and line numbers
// lie within the file.
libfuzzer_sys::fuzz_target!(|recipe: &[u8]| {
    let Some((&format, text)) = recipe.split_first() else { return };
    let source =
        |format| Source { path: "s.jsonl".into(), session: None, format, bytes: 0, modified: Millis(0) };
    let last = text.split(|&byte| byte == b'\n').count() as u64;
    let mut see = |entry: headroom::transcript::Entry| {
        assert!((1..=last).contains(&entry.line), "{entry:?} stands in the file");
        ControlFlow::Continue(())
    };
    let mut lines = Lines::of(text);
    let read = match format % 4 {
        0 => claude::read(&mut lines, &source(Format::Claude), &mut see),
        1 => codex::read(&mut lines, &source(Format::Codex), &mut see),
        2 => gemini::read(&mut lines, &source(Format::Gemini), &mut see),
        _ => plain::read(&mut lines, &source(Format::Plain), &mut see),
    };
    read.expect("reading from memory does not fail");
});
