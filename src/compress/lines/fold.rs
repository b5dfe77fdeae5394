//! Which frames of stack traces need not be shown.
//!
//! Frames that were shown before are folded whole and point at the first;
//! frames that a recursion repeats point at its first round; a long trace keeps
//! its innermost and outermost frames, those of the program's own code, and
//! what that code called. What is folded is counted, and named by its library.

use super::Lines;
use super::token::mix;
use super::trace::{Style, Trace};
use super::write;
use crate::text::counted;
use std::collections::HashMap;
use std::ops::Range;

/// What is done with a trace's lines.
#[derive(Debug, PartialEq, Eq)]
pub enum Fold {
    /// The same frames stand at this line already.
    SameAs {
        /// The lines folded.
        lines: Range<usize>,
        /// The first line of the frames that are shown.
        first: usize,
    },
    /// Frames that repeat those right before them.
    Again {
        /// The lines folded.
        lines: Range<usize>,
        /// The lines of the first round.
        round: Range<usize>,
        /// How many rounds are folded.
        times: usize,
    },
    /// Frames in the middle that are not the program's own.
    Middle {
        /// The lines folded.
        lines: Range<usize>,
        /// How many frames they are.
        frames: usize,
        /// Whose they are: `org.springframework.aop ×12, java.lang.reflect ×3`.
        whose: String,
    },
}

impl Fold {
    /// The lines folded.
    pub fn lines(&self) -> &Range<usize> {
        match self {
            Fold::SameAs { lines, .. } | Fold::Again { lines, .. } | Fold::Middle { lines, .. } => lines,
        }
    }

    /// What a marker says of it; `number` gives a line's number in the whole text.
    pub fn told(&self, number: impl Fn(usize) -> usize) -> String {
        match self {
            Fold::SameAs { first, .. } => format!("the same stack frames as at line {}", number(*first)),
            Fold::Again { round, times, .. } if round.len() == 1 => {
                format!("the frame at line {} {times} times more", number(round.start))
            }
            Fold::Again { round, times, .. } => {
                let (first, last) = (number(round.start), number(round.end - 1));
                format!("the frames at lines {first}-{last} {times} times more")
            }
            Fold::Middle { frames, whose, .. } if whose.is_empty() => counted(*frames, "frame"),
            Fold::Middle { frames, whose, .. } => format!("{} of {whose}", counted(*frames, "frame")),
        }
    }
}

/// How many frames of a trace are kept.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// A trace of this many frames or fewer is shown whole, unless it was shown before.
    pub short: usize,
    /// Frames kept at the inner end of a long trace, where it failed.
    pub inner: usize,
    /// Frames kept at its outer end.
    pub outer: usize,
    /// Frames of the program's own code that are kept in one trace.
    pub own: usize,
    /// Frames of a library that own code called: so many are kept at each such place.
    pub called: usize,
}

impl Ends {
    /// Among other lines that matter as much.
    pub const AMONG_LINES: Ends = Ends { short: 8, inner: 4, outer: 1, own: 12, called: 0 };
}

/// Longest round of a recursion that is seen, in frames.
const LONGEST_ROUND: usize = 24;
/// A recursion is folded when it hides so many frames.
const LEAST_AGAIN: usize = 3;
/// Libraries that are counted one by one.
const MOST_COUNTED: usize = 32;
/// Libraries that a fold names.
const NAMED: usize = 6;

/// What may be folded of `traces`; a frame that has a line which is `asked` for is not.
pub fn folds(lines: &Lines<'_>, traces: &[Trace], ends: &Ends, asked: impl Fn(usize) -> bool) -> Vec<Fold> {
    let mut shown: HashMap<u64, usize> = HashMap::new();
    let mut folds = Vec::new();
    for trace in traces {
        let frames: Vec<u64> =
            (0..trace.frames.len()).map(|frame| digest_of(lines, trace.frame(frame))).collect();
        let digest = frames.iter().fold(frames.len() as u64, |digest, frame| mix(digest, *frame));
        match shown.get(&digest) {
            Some(&first) => folds.push(Fold::SameAs { lines: trace.lines.clone(), first }),
            None => {
                shown.insert(digest, trace.lines.start);
                folds.extend(folds_of(lines, trace, &frames, ends, &asked));
            }
        }
    }
    folds
}

/// What may be folded of a trace that was not shown before.
fn folds_of(
    lines: &Lines<'_>,
    trace: &Trace,
    digests: &[u64],
    ends: &Ends,
    asked: impl Fn(usize) -> bool,
) -> Vec<Fold> {
    let count = trace.frames.len();
    if count <= ends.short {
        return Vec::new();
    }
    let rounds = rounds(digests);
    let mut again = vec![false; count];
    for round in &rounds {
        again[round.folded.clone()].fill(true);
    }
    let mut folds: Vec<Fold> = rounds
        .iter()
        .map(|round| Fold::Again {
            lines: span(trace, &round.folded),
            round: span(trace, &(round.folded.start - round.frames..round.folded.start)),
            times: round.folded.len() / round.frames,
        })
        .collect();
    // From here on, the frames that do not repeat, the innermost first.
    let mut left: Vec<usize> = (0..count).filter(|&frame| !again[frame]).collect();
    if trace.style == Style::Python {
        left.reverse();
    }
    let mut keep = again;
    let own: Vec<bool> = left.iter().map(|&frame| is_own(lines, trace, frame)).collect();
    let mut owned = 0;
    for (order, &frame) in left.iter().enumerate() {
        let end = order < ends.inner || left.len() <= order + ends.outer;
        let mine = own[order] && owned < ends.own;
        owned += usize::from(mine);
        // Own code calls what stands one nearer to the inner end.
        let called =
            !own[order] && own[order..].iter().take(ends.called + 1).any(|own| *own) && owned < ends.own;
        let wanted = trace.frame(frame).any(&asked);
        keep[frame] |= end || mine || called || wanted || left.len() <= ends.short;
    }
    folds.extend(write::gaps(&keep).into_iter().map(|gap| Fold::Middle {
        lines: span(trace, &gap),
        frames: gap.len(),
        whose: whose(lines, trace, gap),
    }));
    folds.sort_by_key(|fold| fold.lines().start);
    folds
}

/// The lines of these frames.
fn span(trace: &Trace, frames: &Range<usize>) -> Range<usize> {
    trace.frame(frames.start).start..trace.frame(frames.end - 1).end
}

/// Frames that repeat the `frames` frames before them.
struct Rounds {
    folded: Range<usize>,
    frames: usize,
}

/// Where frames repeat in rounds, the shortest round first.
fn rounds(digests: &[u64]) -> Vec<Rounds> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < digests.len() {
        let like = |round: usize| {
            digests[at..]
                .iter()
                .zip(digests.get(at + round..).unwrap_or_default())
                .take_while(|(a, b)| a == b)
        };
        // Two rounds more are asked for; only then is the whole run measured.
        let round = (1..=LONGEST_ROUND)
            .find(|&round| like(round).take(2 * round).count() == 2 * round && LEAST_AGAIN <= 2 * round + 1);
        match round {
            Some(round) => {
                let times = like(round).count() / round;
                let folded = at + round..at + round + times * round;
                at = folded.end;
                if LEAST_AGAIN <= folded.len() {
                    found.push(Rounds { folded, frames: round });
                }
            }
            None => at += 1,
        }
    }
    found
}

/// Parts of a frame's line (or of its place's) that are not the program's own code, by the frame's style.
fn libraries(style: Style) -> &'static [&'static str] {
    match style {
        Style::Python => {
            &["site-packages/", "dist-packages/", "lib/python", "lib64/python", "\\Lib\\", "<frozen "]
        }
        Style::At => &["node_modules/", "(node:", "at node:", "(internal/", "/.pnpm/"],
        Style::Go => {
            &["/go/src/", "/usr/lib/go", "/go/pkg/mod/", "/libexec/src/", "/vendor/", "/hostedtoolcache/go/"]
        }
        Style::Numbered => &[
            "/rustc/",
            "/.cargo/registry/",
            "/.cargo/git/",
            "/library/std/",
            "/library/core/",
            "/gems/",
            "/vendor/",
            "/sysdeps/",
            "/sanitizer_common/",
            "/usr/include/",
            "libc.so",
            "libpthread",
            "ld-linux",
            "libstdc++",
            "/usr/lib/",
            "/lib/x86_64-linux-gnu/",
            "/lib/aarch64-linux-gnu/",
            "compiler-rt/",
            " ?? ",
            "(package:flutter/",
            "(dart:",
            "libsystem_",
            "libdyld",
            "CoreFoundation",
            "UIKitCore",
        ],
        Style::From => {
            &["/gems/", "/lib/ruby/", "<internal:", "(elixir ", "(stdlib ", "(phoenix ", "(plug ", "(ecto "]
        }
        Style::Valgrind => &["(in /usr/lib", "(in /lib", "/usr/libexec/valgrind", "vg_replace_", "vgpreload"],
    }
}

/// Packages of frames that say `at package.Class.method(…)`.
const PACKAGES: &[&str] = &[
    "java.",
    "javax.",
    "jakarta.",
    "jdk.",
    "sun.",
    "com.sun.",
    "kotlin.",
    "kotlinx.",
    "scala.",
    "akka.",
    "clojure.",
    "groovy.",
    "android.",
    "androidx.",
    "com.android.",
    "dalvik.",
    "org.springframework.",
    "org.apache.",
    "org.hibernate.",
    "org.junit.",
    "junit.",
    "org.eclipse.",
    "org.gradle.",
    "org.jboss.",
    "org.testng.",
    "org.mockito.",
    "org.codehaus.",
    "org.aspectj.",
    "org.postgresql.",
    "org.slf4j.",
    "org.jetbrains.",
    "org.elasticsearch.",
    "org.quartz.",
    "org.thymeleaf.",
    "io.netty.",
    "io.micronaut.",
    "io.quarkus.",
    "io.undertow.",
    "io.vertx.",
    "io.grpc.",
    "io.lettuce.",
    "io.reactivex.",
    "io.micrometer.",
    "io.opentelemetry.",
    "reactor.",
    "rx.",
    "okhttp3.",
    "okio.",
    "retrofit2.",
    "feign.",
    "redis.clients.",
    "ch.qos.logback.",
    "net.bytebuddy.",
    "net.sf.cglib.",
    "com.zaxxer.",
    "com.fasterxml.",
    "com.google.",
    "com.mysql.",
    "com.mongodb.",
    "com.amazonaws.",
    "com.netflix.",
    "com.intellij.",
    "software.amazon.",
    "oracle.",
    "System.",
    "Microsoft.",
    "Npgsql.",
    "Newtonsoft.",
    "Xunit.",
    "NUnit.",
];

/// Names that symbols of libraries begin with, where a frame tells no place.
const SYMBOLS: &[&str] = &[
    "std::",
    "core::",
    "alloc::",
    "tokio::",
    "hyper:",
    "futures_util::",
    "rayon",
    "test::",
    "rust_begin_unwind",
    "__rust",
    "__libc",
    "__GI_",
    "__pthread",
    "__asan",
    "__interceptor",
    "__sanitizer",
    "_start",
    "raise",
    "abort",
    "start_thread",
    "clone",
    "boost::",
    "QCoreApplication::",
];

fn is_own(lines: &Lines<'_>, trace: &Trace, frame: usize) -> bool {
    // A source line may well name a library; only the frame's own line tells where it is.
    let told = if matches!(trace.style, Style::Go | Style::Numbered) { 2 } else { 1 };
    let span = trace.frame(frame);
    let first = lines.get(span.start);
    let placed = trace.style == Style::Numbered && 1 < span.len();
    if span.take(told).any(|line| {
        let line = lines.get(line);
        libraries(trace.style).iter().any(|library| line.contains(library))
    }) {
        return false;
    }
    match trace.style {
        Style::At => {
            let call = call_of(first);
            !first.trim_start().starts_with("...")
                && !PACKAGES.iter().any(|package| call.starts_with(package))
        }
        Style::Go => !["runtime.", "testing.", "panic("].iter().any(|start| first.starts_with(start)),
        Style::Numbered if !placed => {
            let symbol = symbol_of(first);
            !SYMBOLS.iter().any(|start| symbol.starts_with(start))
        }
        _ => true,
    }
}

/// What is called in `at java.base/java.lang.Thread.run(Thread.java:833)`.
fn call_of(line: &str) -> &str {
    let body = line.trim_start();
    let body = body.strip_prefix("at ").unwrap_or(body);
    let body = body.strip_prefix("async ").unwrap_or(body);
    let call = &body[..body.find('(').unwrap_or(body.len())];
    call.rsplit('/').next().unwrap_or(call)
}

/// The symbol in `   3: <T as core::any::Any>::f` or `#3  0x00007f in f () at x.c:4`.
fn symbol_of(line: &str) -> &str {
    let body = line.trim_start().trim_start_matches(|each: char| each == '#' || each.is_ascii_digit());
    let body = body.trim_start_matches([':', ' ']);
    let body =
        body.split_once(" in ").filter(|(before, _)| before.starts_with("0x")).map_or(body, |(_, rest)| rest);
    body.trim_start_matches(['<', '&'])
}

/// Whose frames these are, the most frequent first.
fn whose(lines: &Lines<'_>, trace: &Trace, frames: Range<usize>) -> String {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    let mut more = 0_usize;
    for frame in frames {
        let span = trace.frame(frame);
        let place = if trace.style == Style::Go { span.start } else { span.end - 1 };
        let name = library_of(trace.style, lines.get(span.start), lines.get(place));
        match counts.iter_mut().find(|(its, _)| *its == name) {
            Some((_, count)) => *count += 1,
            None if name.is_empty() => {}
            None => counts.push((name, 1)),
        }
        // Frames of ever new libraries are not worth a name each.
        if MOST_COUNTED < counts.len() {
            counts.pop();
            more += 1;
        }
    }
    counts.sort_by_key(|count| std::cmp::Reverse(count.1));
    more += counts.len().saturating_sub(NAMED);
    let mut told: Vec<String> = counts
        .iter()
        .take(NAMED)
        .map(|(name, count)| if *count == 1 { (*name).to_owned() } else { format!("{name} ×{count}") })
        .collect();
    if 0 < more {
        told.push("others".to_owned());
    }
    told.join(", ")
}

/// The library, package or crate of a frame; empty when nothing tells.
fn library_of<'l>(style: Style, line: &'l str, place: &'l str) -> &'l str {
    let until = |text: &'l str, ends: &[char]| &text[..text.find(ends).unwrap_or(text.len())];
    let after = |mark: &str| line.rfind(mark).map(|at| &line[at + mark.len()..]);
    match style {
        Style::Python => after("-packages/")
            .or_else(|| after("lib/python").and_then(|rest| rest.split_once('/').map(|(_, rest)| rest)))
            .or_else(|| after("<frozen "))
            .map_or("", |rest| until(rest, &['/', '"', '>'])),
        Style::At => {
            if let Some(rest) = after("node_modules/") {
                let scope = if rest.starts_with('@') { rest.find('/').map_or(0, |at| at + 1) } else { 0 };
                return &rest[..rest[scope..].find('/').map_or(rest.len(), |at| scope + at)];
            }
            if let Some(at) = line.rfind("node:") {
                let name = &line[at..];
                return &name[..name[5..].find([':', ')']).map_or(name.len(), |end| 5 + end)];
            }
            let call = call_of(line);
            // Packages are written small; where nothing is, the first two names tell.
            let mut end = 0;
            for (order, name) in call.split('.').enumerate() {
                let small = name.starts_with(|each: char| each.is_ascii_lowercase());
                if 3 <= order
                    || (2 <= order || 0 < order && call.starts_with(|each: char| each.is_lowercase()))
                        && !small
                {
                    break;
                }
                end += name.len() + 1;
            }
            &call[..end.saturating_sub(1).min(call.len())]
        }
        Style::Go => {
            let name = line.strip_prefix("created by ").unwrap_or(line);
            let folder = name[..name.find('(').unwrap_or(name.len())].rfind('/').map_or(0, |at| at + 1);
            &name[..name[folder..].find('.').map_or(name.len(), |at| folder + at)]
        }
        Style::Numbered => {
            if let Some((_, rest)) = place.split_once("/registry/src/") {
                return until(rest.split_once('/').map_or("", |(_, rest)| rest), &['/']);
            }
            let symbol = symbol_of(line);
            until(symbol, &[':', '(', ' ', '<'])
        }
        Style::From => after("/gems/").map_or_else(
            || line.trim_start().strip_prefix('(').map_or("", |rest| until(rest, &[' ', ')'])),
            |rest| until(rest, &['/']),
        ),
        Style::Valgrind => {
            until(line.rsplit("(in ").next().unwrap_or(""), &[')']).rsplit('/').next().unwrap_or("")
        }
    }
}

/// A digest of a frame's lines without addresses and without the numbers that are made up at run time.
fn digest_of(lines: &Lines<'_>, span: Range<usize>) -> u64 {
    let mut digest = span.len() as u64;
    for line in span {
        let bytes = lines.get(line).as_bytes();
        let mut at = 0;
        // The number of a frame tells nothing of it.
        let body = bytes.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'#')).count();
        let number = bytes[body..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if 0 < number && matches!(bytes.get(body + number), Some(b' ' | b':')) {
            at = body + number;
        }
        while at < bytes.len() {
            let rest = &bytes[at..];
            if rest.starts_with(b"0x") {
                at += 2 + rest[2..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
                digest = mix(digest, 1);
            } else if rest.starts_with(b"oroutine ")
                || rest.starts_with(b"$Lambda$")
                || rest.starts_with(b"Accessor")
            {
                at += 8;
                at += bytes[at..].iter().take_while(|byte| matches!(byte, b' ' | b'0'..=b'9')).count();
                digest = mix(digest, 2);
            } else {
                digest = mix(digest, u64::from(bytes[at]));
                at += 1;
            }
        }
    }
    digest
}

#[cfg(test)]
mod tests {
    use super::super::trace::find;
    use super::*;

    #[test]
    fn a_second_like_trace_points_at_the_first() {
        let one = "E: x\n\tat a.B.c(B.java:3)\n\tat a.B.d(B.java:9)\n";
        let text = format!("{one}then\n{one}");
        let lines = Lines::of(&text).expect("short");
        assert_eq!(
            folds(&lines, &find(&lines), &Ends::AMONG_LINES, |_| false),
            [Fold::SameAs { lines: 5..7, first: 1 }]
        );
    }

    #[test]
    fn a_long_trace_keeps_its_ends_and_its_own_frames() {
        let mut text = "E: x\n\tat app.A.a(A.java:1)\n".to_owned();
        for n in 0..30 {
            let package = if n == 15 { "app.deep" } else { "org.springframework.aop" };
            text.push_str(&format!("\tat {package}.C{n}.call(C{n}.java:{n})\n"));
        }
        let lines = Lines::of(&text).expect("short");
        let folds = folds(&lines, &find(&lines), &Ends::AMONG_LINES, |_| false);
        assert_eq!(
            folds,
            [
                Fold::Middle { lines: 5..17, frames: 12, whose: "org.springframework.aop ×12".to_owned() },
                Fold::Middle { lines: 18..31, frames: 13, whose: "org.springframework.aop ×13".to_owned() }
            ]
        );
    }
}
