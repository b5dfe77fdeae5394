//! Where a log stood still: gaps in its lines' times that are far from its usual pace.

use super::Lines;
use super::cuts::Cuts;
use super::token::{self, Class};

/// Gaps that are told at most, the longest first.
const GAPS: usize = 3;
/// A gap is this many times as long as all but one in a hundred …
const LONGER: f64 = 10.0;
/// … and so many seconds at least.
const SECONDS: f64 = 2.0;
/// Lines with a time, below which there is no pace.
const ENOUGH: usize = 40;
/// A line's time is among so many of its first tokens.
const AMONG: usize = 4;

/// The lines on both sides of the longest gaps.
pub fn gaps(lines: &Lines<'_>, cuts: &Cuts) -> Vec<(u32, u32)> {
    let mut passed: Vec<(f64, u32, u32)> = Vec::new();
    let mut before: Option<(f64, u32)> = None;
    for number in 0..lines.len() {
        let time = cuts.of(number).iter().take(AMONG).find(|cut| cut.class() == Class::Time);
        let Some(now) = time.and_then(|cut| seconds_of(cut.of(lines.get(number)))) else { continue };
        if let Some((then, line)) = before {
            passed.push((now - then, line, number as u32));
        }
        before = Some((now, number as u32));
    }
    if passed.len() < ENOUGH {
        return Vec::new();
    }
    let longest = |left: &(f64, u32, u32), right: &(f64, u32, u32)| {
        right.0.total_cmp(&left.0).then(left.1.cmp(&right.1))
    };
    let usual = passed.len() / 100 + GAPS;
    let usual = passed.select_nth_unstable_by(usual, longest).1.0;
    let mut gaps: Vec<(f64, u32, u32)> =
        passed.into_iter().filter(|gap| (usual * LONGER).max(SECONDS) <= gap.0).collect();
    gaps.sort_by(longest);
    gaps.truncate(GAPS);
    gaps.into_iter().map(|(_, before, after)| (before, after)).collect()
}

/// The seconds that a time stands for, from any one beginning: good for the time between two of one form.
fn seconds_of(time: &str) -> Option<f64> {
    let bytes = time.as_bytes();
    // In `11/Mar/2026:10:00:00` the clock is what stands last.
    let clock =
        bytes.windows(8).rposition(|eight| is_clock(eight) && eight[5] == b':' && is_clock(&eight[3..]));
    let clock = clock.or_else(|| bytes.windows(5).position(is_clock))?;
    let (hours, after) = number(bytes, clock);
    let (minutes, after) = number(bytes, after + 1);
    let (seconds, after) =
        if bytes.get(after) == Some(&b':') { number(bytes, after + 1) } else { (0, after) };
    let mut part = 0.0;
    if matches!(bytes.get(after), Some(b'.' | b',')) {
        let mut scale = 0.1;
        for digit in bytes[after + 1..].iter().take_while(|byte| byte.is_ascii_digit()) {
            part += f64::from(digit - b'0') * scale;
            scale /= 10.0;
        }
    }
    let day = day_of(&bytes[..clock]);
    Some((((day * 24 + hours) * 60 + minutes) * 60 + seconds) as f64 + part)
}

/// `10:00`
fn is_clock(bytes: &[u8]) -> bool {
    matches!(bytes, [a, b, b':', c, d, ..] if [a, b, c, d].iter().all(|byte| byte.is_ascii_digit()))
}

/// A number for the day: days of one month lie one apart, months 31. 0 without a date.
fn day_of(date: &[u8]) -> u64 {
    let month = token::MONTHS
        .iter()
        .position(|month| date.windows(3).any(|three| three == *month))
        .map(|month| month as u64 + 1);
    let mut numbers = [0_u64; 3];
    let mut at = 0;
    for place in &mut numbers {
        while at < date.len() && !date[at].is_ascii_digit() {
            at += 1;
        }
        (*place, at) = number(date, at);
    }
    let [first, second, third] = numbers;
    match month {
        // `11/Mar/2026`, `Mar 11`
        Some(month) => (second * 12 + month) * 31 + first,
        // `03-11`
        None if third == 0 => first * 31 + second,
        None => (first * 12 + second) * 31 + third,
    }
}

/// The number that stands at `at` (at most 9 digits), and where it ends.
fn number(bytes: &[u8], at: usize) -> (u64, usize) {
    let end = at
        + bytes.get(at..).unwrap_or_default().iter().take(9).take_while(|byte| byte.is_ascii_digit()).count();
    let value = bytes.get(at..end).unwrap_or_default();
    (value.iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0')), end)
}

#[cfg(test)]
mod tests {
    use super::super::pattern::Patterns;
    use super::*;

    #[test]
    fn times_of_one_form_lie_as_far_apart_as_they_say() {
        let cases = [
            ("2026-03-11T10:00:05.123Z", "2026-03-11T10:00:05.623Z", 0.5),
            ("2026/03/11 23:59:59", "2026/03/12 00:00:01", 2.0),
            ("11/Mar/2026:10:00:00 +0000", "11/Mar/2026:10:30:00 +0000", 1_800.0),
            ("Mar  1 10:00:00", "Mar  1 12:00:00", 7_200.0),
            ("10:00:00,250", "10:00:01,750", 1.5),
            ("03-11 10:00:00.000", "03-12 10:00:00.000", 86_400.0),
        ];
        for (early, late, want) in cases {
            let (early, late) = (seconds_of(early).expect("a time"), seconds_of(late).expect("a time"));
            assert!((late - early - want).abs() < 0.001, "{late} - {early}");
        }
    }

    #[test]
    fn a_log_that_stood_still_shows_where() {
        let text: String = (0..200)
            .map(|n| {
                let second = n * 2 + if n < 120 { 0 } else { 3_000 };
                format!("10:{:02}:{:02} INFO tick {n}\n", second / 60, second % 60)
            })
            .collect();
        let lines = Lines::of(&text).expect("short");
        assert_eq!(gaps(&lines, &Patterns::of(&lines).expect("few").cuts), [(119, 120)]);
    }
}
