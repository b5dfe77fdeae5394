//! Sessions that the real Codex wrote, whole and broken.

use super::super::{Format, sample};
use super::*;

const RECORDED: [&str; 4] = ["programs", "functions", "stopped", "compacted"];

#[test]
fn recorded_sessions_are_told_entry_by_entry() {
    for name in RECORDED {
        let path = sample::recorded(&format!("codex/{name}.jsonl"));
        let (told, skipped) = sample::told(&sample::source(&path, Format::Codex, None));
        assert_eq!(skipped, Skipped::default(), "{name}");
        assert_eq!(told, sample::expected(&format!("codex/{name}.told")), "{name}");
    }
}

#[test]
fn a_file_that_was_cut_off_is_told_up_to_the_cut() {
    for name in RECORDED {
        let text = std::fs::read(sample::recorded(&format!("codex/{name}.jsonl"))).unwrap();
        let (whole, _) = sample::told_in(&text, Format::Codex);
        for cut in (0..text.len()).step_by(311) {
            let (told, skipped) = sample::told_in(&text[..cut], Format::Codex);
            assert!(skipped.unreadable <= 1, "{name} cut at {cut}: {skipped:?}");
            // An answer that is open at the cut has ended there, and what was held back is told.
            let same = whole.iter().zip(&told).take_while(|(whole, told)| whole == told).count();
            assert!(told.len() <= same + 16, "{name} cut at {cut}: {:?}", told.get(same..));
            let lines = text[..cut].iter().filter(|&&byte| byte == b'\n').count() as u64;
            let complete = whole.iter().filter(|entry| line_of(entry) + 4 < lines).count();
            assert!(complete <= same, "{name} cut at {cut}: {:?}", told.get(same..));
        }
    }
}

/// The line that an entry was told of.
fn line_of(told: &str) -> u64 {
    told.split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn no_damage_stops_the_reading() {
    for name in RECORDED {
        let text = std::fs::read(sample::recorded(&format!("codex/{name}.jsonl"))).unwrap();
        for seed in 0..120 {
            sample::told_in(&sample::broken(&text, seed), Format::Codex);
        }
    }
}
