//! scratch
use headroom::compress::*;
use headroom::tokens;
use headroom::units::*;
#[allow(clippy::print_stdout, clippy::disallowed_methods)]
fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let show = args.iter().any(|a| a == "--show");
    let nothing = args.iter().any(|a| a == "--lossless");
    let key = Key::parse("0123456789abcdef0123").unwrap();
    let loss = if nothing { Loss::Nothing } else { Loss::KeptUnder(&key) };
    let mut total = (0, 0);
    let stdin = std::io::read_to_string(std::io::stdin()).unwrap();
    let mut by: std::collections::BTreeMap<String, (usize, u64, u64)> = Default::default();
    for line in stdin.lines() {
        let v: serde_json::Value = serde_json::from_str(line).unwrap();
        let g = |k: &str| v[k].as_str().unwrap_or("").to_owned();
        let (id, tool, command, query, content) =
            (g("id"), g("tool"), g("command"), g("query"), g("content"));
        let hint = Hint {
            tool: &tool,
            command: &command,
            path: "",
            query: &query,
            failed: v["failed"].as_bool().unwrap_or(false),
        };
        let allow = Allowance { loss, effort: Effort::Balanced, work: Work(1 << 40) };
        let t = std::time::Instant::now();
        let kind = content::kind_of(&content, &hint);
        let tk = t.elapsed();
        let t = std::time::Instant::now();
        let r = match kind {
            Kind::Log => log::compress(&content, &hint, &allow),
            Kind::Build => build::compress(&content, &hint, &allow),
            Kind::Search => search::compress(&content, &hint, &allow),
            _ => Err(headroom::refusal::Refusal::NoCompressor),
        };
        let tc = t.elapsed();
        let before = tokens::count(&content).0;
        let (after, what) = match &r {
            Ok(s) => (tokens::count(&s.text).0, s.compressor.to_owned()),
            Err(e) => (before, format!("-{e}")),
        };
        let worth = r.as_ref().is_ok_and(|s| worth_it(Tokens(before), Tokens(after), s.left_out));
        let after2 = if worth { after } else { before };
        total.0 += before;
        total.1 += after2;
        let e = by.entry(format!("{} {}", kind.name(), what)).or_default();
        e.0 += 1;
        e.1 += before;
        e.2 += after2;
        if args.iter().any(|a| a == "--json") {
            println!(
                "{}",
                serde_json::json!({"id": id, "kind": kind.name(), "what": what, "before": before, "after": after2, "text": if worth { &r.as_ref().unwrap().text } else { &content }})
            );
            continue;
        }
        println!(
            "{id:40} {:6} {what:16} {before:7} -> {after:7} {} {:5.1}%  route {:?} compress {:?} ({:.0} MB/s)",
            kind.name(),
            if worth { "ok" } else { "--" },
            100.0 - 100.0 * after as f64 / before.max(1) as f64,
            tk,
            tc,
            content.len() as f64 / 1e6 / (tc.as_secs_f64() + tk.as_secs_f64())
        );
        if show {
            if let Ok(s) = r {
                println!("{}", s.text);
            } else {
                println!("{content}");
            }
        }
    }
    if !args.iter().any(|a| a == "--json") {
        println!(
            "total {} -> {} saved {:.1}%",
            total.0,
            total.1,
            100.0 - 100.0 * total.1 as f64 / total.0.max(1) as f64
        );
        for (k, (n, a, b)) in by {
            println!("  {k:30} {n:4} {a:8} -> {b:8} {:.1}%", 100.0 - 100.0 * b as f64 / a.max(1) as f64);
        }
    }
}
