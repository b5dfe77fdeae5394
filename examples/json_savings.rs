//! What the JSON compressor makes of files: `cargo run --release --example json_savings [--show] [--query TEXT] [--lossless] FILE …`
#![allow(clippy::print_stdout, clippy::disallowed_methods)]

use headroom::compress::{Allowance, Effort, Hint, Loss, json};
use headroom::tokens;
use headroom::units::{Key, Work};
use std::time::Instant;

fn main() {
    let mut files = Vec::new();
    let (mut show, mut lossless, mut query) = (false, false, String::new());
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--show" => show = true,
            "--lossless" => lossless = true,
            "--query" => query = arguments.next().unwrap_or_default(),
            _ => files.push(argument),
        }
    }
    let key = Key::parse("0123456789abcdef0123").expect("twenty hex digits");
    tokens::warm();
    println!(
        "{:>9} {:>8} {:>8} {:>6} {:>9} {:>8}  how / file",
        "bytes", "before", "after", "saved", "ms", "MB/s"
    );
    for file in files {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        let loss = if lossless { Loss::Nothing } else { Loss::KeptUnder(&key) };
        let allowance = Allowance { loss, effort: Effort::Balanced, work: Work(u64::MAX) };
        let hint = Hint { query: &query, ..Hint::default() };
        let mut best = f64::MAX;
        let mut made = json::compress(&text, &hint, &allowance);
        for _ in 0..9 {
            let start = Instant::now();
            made = json::compress(&text, &hint, &allowance);
            best = best.min(start.elapsed().as_secs_f64());
        }
        let before = tokens::count(&text).0;
        let (after, how) = match &made {
            Ok(made) => (tokens::count(&made.text).0, made.compressor),
            Err(refusal) => (before, refusal.name()),
        };
        println!(
            "{:>9} {before:>8} {after:>8} {:>5.1}% {:>9.3} {:>8.1}  {how} {file}",
            text.len(),
            100.0 - 100.0 * after as f64 / before.max(1) as f64,
            best * 1e3,
            text.len() as f64 / best / 1e6,
        );
        if let (true, Ok(made)) = (show, &made) {
            println!("{}\n", made.text);
        }
    }
}
