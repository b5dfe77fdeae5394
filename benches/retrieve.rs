//! How long a part of a long original takes: lines, words, a regular expression, rows.

use divan::{Bencher, black_box};
use headroom::retrieve::{Part, part};

fn main() {
    divan::main();
}

const SIZES: [usize; 2] = [1 << 20, 10 << 20];

fn repeated(bytes: usize, line: impl Fn(usize) -> String) -> String {
    let mut text = String::with_capacity(bytes + 200);
    for number in 0.. {
        if bytes < text.len() {
            break;
        }
        text.push_str(&line(number));
    }
    text
}

fn log(bytes: usize) -> String {
    repeated(bytes, |number| match number % 1_000 {
        777 => format!(
            "2026-03-04T10:00:00Z ERROR worker-{} payment {number} refused: card expired\n",
            number % 7
        ),
        _ => format!(
            "2026-03-04T10:00:00Z INFO worker-{} handled GET /api/items/{number} in {} ms\n",
            number % 7,
            number % 977
        ),
    })
}

fn rows(bytes: usize) -> String {
    let row = |number: usize| {
        format!(
            "{{\"id\": {number}, \"status\": {}, \"region\": \"eu-{}\", \"user\": {{\"name\": \"user {number}\"}}, \"ms\": {}}},\n",
            if number % 100 == 7 { 503 } else { 200 },
            number % 9,
            number % 977
        )
    };
    format!("[{}{{\"id\": -1}}]", repeated(bytes, row))
}

fn asked(bencher: Bencher<'_, '_>, text: &str, wanted: Part) {
    bencher
        .counter(divan::counter::BytesCount::new(text.len()))
        .bench_local(|| part(black_box(text), &wanted).map(|part| part.len()));
}

#[divan::bench(args = SIZES, sample_count = 10)]
fn lines_at_the_end(bencher: Bencher<'_, '_>, bytes: usize) {
    let text = log(bytes);
    let last = text.lines().count();
    asked(bencher, &text, Part::parse(Some(&format!("{}-{last}", last - 9)), None, None).expect("a range"));
}

#[divan::bench(args = SIZES, sample_count = 10)]
fn words_in_a_log(bencher: Bencher<'_, '_>, bytes: usize) {
    asked(bencher, &log(bytes), Part::Query("why was the payment refused".to_owned()));
}

#[divan::bench(args = SIZES, sample_count = 10)]
fn words_in_rows(bencher: Bencher<'_, '_>, bytes: usize) {
    asked(bencher, &rows(bytes), Part::Query("user 777".to_owned()));
}

#[divan::bench(args = SIZES, sample_count = 10)]
fn regular_expression(bencher: Bencher<'_, '_>, bytes: usize) {
    asked(bencher, &log(bytes), Part::Query("/payment \\d+ refused/i".to_owned()));
}

#[divan::bench(args = SIZES, sample_count = 10)]
fn rows_filtered(bencher: Bencher<'_, '_>, bytes: usize) {
    asked(
        bencher,
        &rows(bytes),
        Part::parse(None, None, Some("status >= 500 | select id, user.name")).expect("rows"),
    );
}

#[divan::bench(args = SIZES, sample_count = 10)]
fn rows_summed_up(bencher: Bencher<'_, '_>, bytes: usize) {
    asked(bencher, &rows(bytes), Part::parse(None, None, Some("count, p95(ms) by region")).expect("rows"));
}
