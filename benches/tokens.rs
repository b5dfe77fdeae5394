//! How far the estimate of a text's tokens is from the count, by kind of text, and how fast both are.
//!
//! Prints a table; `docs/measured.md` quotes it. The texts are made here, from word lists and a
//! generator with a fixed seed, in pieces of 6 KB.
#![allow(clippy::print_stdout)]

use headroom::tokens::{self, Vocabulary};
use std::hint::black_box;
use std::time::Instant;

/// Bytes of a piece, and pieces of a kind.
const PIECE: usize = 6_000;
const PIECES: usize = 40;

fn main() {
    tokens::warm();
    tokens::count_in(Vocabulary::Cl100k, "warm");
    println!(
        "| text | bytes a token (o200k) | estimate, mean error | worst piece | all together | cl100k to o200k | count | estimate |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (name, make) in KINDS {
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
        let pieces: Vec<String> = (0..PIECES).map(|_| piece(*make, &mut chance)).collect();
        println!("{}", row(name, &pieces));
    }
}

fn piece(make: fn(&mut Chance) -> String, chance: &mut Chance) -> String {
    let mut text = String::new();
    while text.len() < PIECE {
        text.push_str(&make(chance));
    }
    text
}

#[allow(clippy::disallowed_methods)]
fn row(name: &str, pieces: &[String]) -> String {
    let bytes: usize = pieces.iter().map(String::len).sum();
    // The first pass counts: a second one would find its words in the tokenizer's cache.
    let speed = |work: &dyn Fn(&str) -> u64| {
        let start = Instant::now();
        let found: Vec<u64> = pieces.iter().map(|piece| black_box(work(piece))).collect();
        (found, bytes as f64 / start.elapsed().as_secs_f64() / 1e6)
    };
    let (counted, count_speed) = speed(&|text| tokens::count(text).0);
    let (estimated, estimate_speed) = speed(&|text| tokens::estimate_of(text).0);
    let (older, _) = speed(&|text| tokens::count_in(Vocabulary::Cl100k, text).0);
    let sum = |tokens: &[u64]| tokens.iter().sum::<u64>() as f64;
    let errors: Vec<f64> = counted
        .iter()
        .zip(&estimated)
        .map(|(count, estimate)| *estimate as f64 / *count as f64 * 100.0 - 100.0)
        .collect();
    let mean = errors.iter().map(|error| error.abs()).sum::<f64>() / errors.len() as f64;
    let worst = errors
        .iter()
        .copied()
        .fold(0.0, |worst: f64, error| if worst.abs() < error.abs() { error } else { worst });
    format!(
        "| {name} | {:.2} | {mean:.1} % | {worst:+.1} % | {:+.1} % | {:.2} | {count_speed:.0} MB/s | {estimate_speed:.0} MB/s |",
        bytes as f64 / sum(&counted),
        sum(&estimated) / sum(&counted) * 100.0 - 100.0,
        sum(&older) / sum(&counted),
    )
}

/// The same numbers on every run (xorshift64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }

    fn of<'a>(&mut self, words: &'a str) -> &'a str {
        let words: Vec<&str> = words.split(' ').collect();
        words[self.below(words.len())]
    }
}

/// A kind of text, and what makes a line of it.
type Kind = (&'static str, fn(&mut Chance) -> String);

const KINDS: &[Kind] = &[
    ("log", log),
    ("JSON rows", json),
    ("Rust code", code),
    ("English", |chance| sentence(chance, ENGLISH, " ", ". ")),
    ("German", |chance| sentence(chance, GERMAN, " ", ". ")),
    ("Russian", |chance| sentence(chance, RUSSIAN, " ", ". ")),
    ("Chinese", |chance| sentence(chance, CHINESE, "", "。")),
    ("Japanese", |chance| sentence(chance, JAPANESE, "", "。")),
    ("base64", |chance| {
        letters(chance, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 76)
    }),
    ("hex", |chance| letters(chance, "0123456789abcdef", 64)),
];

const ENGLISH: &str = "the server could not read this file because another process holds its lock while we wait for an answer from database and every request that came later was refused with a timeout so please check your configuration before you start again";
const GERMAN: &str = "der Dienst konnte die Datei nicht lesen weil ein anderer Prozess sie gesperrt hält während auf eine Antwort der Datenbank gewartet wird und jede spätere Anfrage wegen Zeitüberschreitung abgelehnt wurde bitte Konfiguration prüfen";
const RUSSIAN: &str = "служба не смогла прочитать файл потому что другой процесс держит блокировку пока мы ждём ответа от базы данных и каждый следующий запрос был отклонён по истечении времени проверьте настройки перед запуском";
const CHINESE: &str = "服务器 无法 读取 文件 因为 另一个 进程 占用 了 锁 我们 等待 数据库 的 响应 后来 的 请求 都 被 拒绝 请 检查 配置 然后 重新 启动 服务 连接 超时 订单 支付 成功 失败";
const JAPANESE: &str = "サーバー は ファイル を 読み込め ません でした 別の プロセス が ロック し ている ため データベース から の 応答 待って います 設定 確認 して 再起動 して ください 接続 タイムアウト エラー 注文";
const NAMES: &str = "user order item request session worker cache index token price region status total count retry queue batch shard";

fn sentence(chance: &mut Chance, words: &str, between: &str, end: &str) -> String {
    let length = 6 + chance.below(9);
    (0..length).map(|_| chance.of(words)).collect::<Vec<_>>().join(between) + end
}

fn letters(chance: &mut Chance, of: &str, width: usize) -> String {
    (0..width).map(|_| char::from(of.as_bytes()[chance.below(of.len())])).collect::<String>() + "\n"
}

fn log(chance: &mut Chance) -> String {
    format!(
        "2026-03-04T10:{:02}:{:02}.{:03}Z {} [{}-{}] {} {}={} took {} ms\n",
        chance.below(60),
        chance.below(60),
        chance.below(1_000),
        chance.of("INFO INFO INFO WARN ERROR DEBUG"),
        chance.of(NAMES),
        chance.below(16),
        sentence(chance, ENGLISH, " ", ""),
        chance.of(NAMES),
        chance.below(100_000),
        chance.below(3_000),
    )
}

fn json(chance: &mut Chance) -> String {
    format!(
        "{{\"id\": {}, \"{}_id\": \"{:08x}\", \"{}\": \"{}\", \"active\": {}, \"amount\": {}.{:02}}},\n",
        chance.below(1_000_000),
        chance.of(NAMES),
        chance.below(1 << 32),
        chance.of(NAMES),
        chance.of(ENGLISH),
        chance.below(2) == 0,
        chance.below(10_000),
        chance.below(100),
    )
}

fn code(chance: &mut Chance) -> String {
    let (one, other) = (chance.of(NAMES), chance.of(NAMES));
    match chance.below(3) {
        0 => format!("    let {one}_{other} = self.{one}.{other}({}, &mut {other}s)?;\n", chance.below(99)),
        1 => format!(
            "    if {one}.is_empty() {{\n        return Err({other}Error::Missing(\"{one}\"));\n    }}\n"
        ),
        _ => format!(
            "/// The {one} of each {other}.\npub fn {one}_of({other}: &str) -> Option<usize> {{\n    {other}.find(\"{one}\")\n}}\n\n"
        ),
    }
}
