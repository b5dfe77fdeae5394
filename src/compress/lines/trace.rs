//! Stack traces: where their frames are, which may be folded.
//!
//! Only frames are ever folded: the message above (or, in Python, below) them,
//! `Caused by:` and its like are lines as any other. A trace that was shown
//! before is folded whole and points at the first; a long one keeps its
//! innermost and outermost frames and those of the program's own code.

use super::Lines;
use super::token::mix;
use std::collections::HashMap;
use std::ops::Range;

/// Frames of one trace: a run of lines.
#[derive(Debug, PartialEq, Eq)]
pub struct Trace {
    /// The lines of the frames, without the messages around them.
    pub lines: Range<usize>,
    /// Where each frame begins (a frame may have several lines).
    frames: Vec<u32>,
    style: Style,
}

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
    /// Frames in the middle that are not the program's own.
    Middle {
        /// The lines folded.
        lines: Range<usize>,
        /// How many frames they are.
        frames: usize,
    },
}

impl Fold {
    /// The lines folded.
    pub fn lines(&self) -> &Range<usize> {
        match self {
            Fold::SameAs { lines, .. } | Fold::Middle { lines, .. } => lines,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// `  File "x.py", line 3, in f`, then source lines: innermost last.
    Python,
    /// `\tat a.b.C.d(C.java:3)`, `    at f (x.js:1:2)`, `   at A.B() in x.cs:line 3`.
    At,
    /// `main.f(0x1)` and, indented, `\t/x.go:3 +0x1d`.
    Go,
    /// `  12: std::rt::…` and `             at /rustc/…`, or `#3  0x… in f () at x.c:4`.
    Numbered,
}

/// A trace of this many frames or fewer is shown whole, unless it was shown before.
const SHORT: usize = 8;
/// Frames kept at the inner end of a long trace.
const INNER: usize = 4;
/// Frames kept at its outer end.
const OUTER: usize = 1;
/// Frames of the program's own code that are kept in one trace.
const OWN: usize = 12;

/// Parts of frames that are not the program's own code.
const LIBRARIES: &[&str] = &[
    "site-packages/",
    "dist-packages/",
    "lib/python",
    "<frozen ",
    "node_modules/",
    "node:",
    "(internal/",
    "at java.",
    "at javax.",
    "at jakarta.",
    "at jdk.",
    "at sun.",
    "at com.sun.",
    "at java.base/",
    "at kotlin.",
    "at kotlinx.",
    "at scala.",
    "at akka.",
    "at org.springframework.",
    "at org.apache.",
    "at org.hibernate.",
    "at org.junit.",
    "at org.eclipse.",
    "at org.gradle.",
    "at org.jboss.",
    "at org.testng.",
    "at org.mockito.",
    "at io.netty.",
    "at io.micronaut.",
    "at io.quarkus.",
    "at reactor.",
    "at rx.",
    "at com.zaxxer.",
    "at com.fasterxml.",
    "at com.google.",
    "at com.mysql.",
    "at org.postgresql.",
    "at System.",
    "at Microsoft.",
    "/usr/local/go/src/",
    "/go/pkg/mod/",
    "/libexec/src/",
    "runtime.",
    "testing.tRunner",
    "/rustc/",
    "/.cargo/registry/",
    "/library/std/",
    "/library/core/",
    "std::",
    "core::",
    "alloc::",
    "tokio::",
    "__libc_start",
    "/gems/",
    "/vendor/",
];

/// The traces in `lines`, in order.
pub fn find(lines: &Lines<'_>) -> Vec<Trace> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        match trace_at(lines, at) {
            Some(trace) => {
                at = trace.lines.end;
                if 2 <= trace.frames.len() {
                    found.push(trace);
                }
            }
            None => at += 1,
        }
    }
    found
}

/// What may be folded of `traces`.
pub fn folds(lines: &Lines<'_>, traces: &[Trace]) -> Vec<Fold> {
    let mut shown: HashMap<u64, usize> = HashMap::new();
    let mut folds = Vec::new();
    for trace in traces {
        let digest = trace
            .lines
            .clone()
            .fold(trace.frames.len() as u64, |digest, line| mix(digest, digest_of(lines.get(line))));
        match shown.get(&digest) {
            Some(&first) => folds.push(Fold::SameAs { lines: trace.lines.clone(), first }),
            None => {
                shown.insert(digest, trace.lines.start);
                folds.extend(trace.middle(lines));
            }
        }
    }
    folds
}

impl Trace {
    /// The frames that are neither at an end nor the program's own.
    fn middle(&self, lines: &Lines<'_>) -> Vec<Fold> {
        let count = self.frames.len();
        if count <= SHORT {
            return Vec::new();
        }
        let (first, last) = if self.style == Style::Python { (OUTER, INNER) } else { (INNER, OUTER) };
        let own: Vec<bool> = (0..count).map(|frame| self.is_own(lines, frame)).collect();
        // Of too many own frames (or when nothing is known of them) the inner ones count.
        let mut left = OWN;
        let mut keep = vec![false; count];
        let inner_first: Vec<usize> =
            if self.style == Style::Python { (0..count).rev().collect() } else { (0..count).collect() };
        for frame in inner_first {
            let end = frame < first || count - last <= frame;
            keep[frame] = end || (own[frame] && 0 < left);
            left -= usize::from(keep[frame] && !end);
        }
        super::write::gaps(&keep)
            .into_iter()
            .map(|gap| Fold::Middle {
                lines: self.frame(gap.start).start..self.frame(gap.end - 1).end,
                frames: gap.len(),
            })
            .collect()
    }

    fn frame(&self, frame: usize) -> Range<usize> {
        let end = self.frames.get(frame + 1).map_or(self.lines.end, |next| *next as usize);
        self.frames[frame] as usize..end
    }

    fn is_own(&self, lines: &Lines<'_>, frame: usize) -> bool {
        // A source line may well name a library; only the frame's own line tells where it is.
        let told = if self.style == Style::Python { 1 } else { 2 };
        !self.frame(frame).take(told).any(|line| {
            let line = lines.get(line);
            LIBRARIES.iter().any(|library| line.contains(library))
        })
    }
}

/// The trace whose first frame is at line `at`.
fn trace_at(lines: &Lines<'_>, at: usize) -> Option<Trace> {
    let style = style_of(lines.get(at)).or_else(|| {
        let next = (at + 1 < lines.len()).then(|| lines.get(at + 1))?;
        (is_go_call(lines.get(at)) && is_go_place(next)).then_some(Style::Go)
    })?;
    let mut frames = Vec::new();
    let mut end = at;
    while end < lines.len() {
        let line = lines.get(end);
        let next = || (end + 1 < lines.len()).then(|| lines.get(end + 1));
        match style {
            Style::Python if is_python_frame(line) => {
                frames.push(end as u32);
                let indent = indent_of(line);
                end += 1;
                // The frame's source lines and the marks under them are indented deeper.
                while end < lines.len()
                    && indent < indent_of(lines.get(end))
                    && !lines.get(end).trim().is_empty()
                {
                    end += 1;
                }
            }
            Style::At if is_at_frame(line) => {
                frames.push(end as u32);
                end += 1;
            }
            Style::Go if is_go_call(line) && next().is_some_and(is_go_place) => {
                frames.push(end as u32);
                end += 2;
            }
            Style::Numbered if is_numbered_frame(line) => {
                frames.push(end as u32);
                end += 1;
                while end < lines.len() && lines.get(end).trim_start().starts_with("at ") {
                    end += 1;
                }
            }
            _ => break,
        }
    }
    Some(Trace { lines: at..end, frames, style })
}

fn style_of(line: &str) -> Option<Style> {
    if is_python_frame(line) {
        Some(Style::Python)
    } else if is_at_frame(line) {
        Some(Style::At)
    } else if is_numbered_frame(line) {
        Some(Style::Numbered)
    } else {
        None
    }
}

fn indent_of(line: &str) -> usize {
    line.bytes().take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}

fn is_python_frame(line: &str) -> bool {
    let body = line.trim_start();
    body.len() < line.len() && body.starts_with("File \"") && body.contains("\", line ")
}

fn is_at_frame(line: &str) -> bool {
    let body = line.trim_start();
    body.len() < line.len()
        && (body.starts_with("at ") && 5 < body.len() || is_more(body))
        && !body.trim_end().ends_with([':', ';', '{'])
}

/// `... 23 more`, `... 23 common frames omitted`.
fn is_more(body: &str) -> bool {
    body.strip_prefix("... ").is_some_and(|rest| rest.starts_with(|each: char| each.is_ascii_digit()))
}

/// `main.(*Server).handle(0xc0000, 0x1)`, `created by net/http.(*Server).Serve in goroutine 1`.
fn is_go_call(line: &str) -> bool {
    !line.starts_with([' ', '\t'])
        && (line.starts_with("created by ")
            || line.ends_with(')') && line.contains('.') && line.contains('('))
}

/// `\t/usr/local/go/src/net/http/server.go:3285 +0x4b4`.
fn is_go_place(line: &str) -> bool {
    line.starts_with('\t') && line.contains(".go:")
}

/// `   3: core::panicking::panic`, `#3  0x00007f in main () at x.c:4`, `#0 /app/x.php(12): f()`.
fn is_numbered_frame(line: &str) -> bool {
    let body = line.trim_start();
    let (digits, after) = match body.strip_prefix('#') {
        Some(rest) => (rest, " "),
        None if body.len() < line.len() => (body, ": "),
        None => return false,
    };
    let width = digits.bytes().take_while(u8::is_ascii_digit).count();
    (1..=4).contains(&width)
        && digits[width..].strip_prefix(after).is_some_and(|rest| {
            let rest = rest.trim_start();
            rest.contains("::") || rest.starts_with("0x") || rest.contains('(') || rest.starts_with('_')
        })
}

/// A digest of a frame's line without its addresses.
fn digest_of(line: &str) -> u64 {
    let mut digest = line.len() as u64;
    let bytes = line.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at..].starts_with(b"0x") {
            at += 2 + bytes[at + 2..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
            digest = mix(digest, 1);
        } else {
            digest = mix(digest, u64::from(bytes[at]));
            at += 1;
        }
    }
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(Range<usize>, usize)> {
        let lines = Lines::of(text).expect("short");
        find(&lines).into_iter().map(|trace| (trace.lines, trace.frames.len())).collect()
    }

    #[test]
    fn frames_are_found_in_every_language() {
        let cases: &[(&str, &str, Range<usize>, usize)] = &[
            (
                "Python",
                "Traceback (most recent call last):\n  File \"a.py\", line 3, in f\n    g()\n    ^^^\n  File \"b.py\", line 9, in g\n    raise ValueError(1)\nValueError: 1\n",
                1..6,
                2,
            ),
            (
                "Java",
                "java.lang.IllegalStateException: x\n\tat a.B.c(B.java:3)\n\tat a.B.d(B.java:9)\nCaused by: y\n",
                1..3,
                2,
            ),
            (
                "Node",
                "TypeError: x\n    at f (/a/b.js:1:2)\n    at Module._compile (node:internal:3)\n",
                1..3,
                2,
            ),
            (
                "Go",
                "goroutine 1 [running]:\nmain.f(0x1)\n\t/a/main.go:3 +0x1d\nmain.main()\n\t/a/main.go:9 +0x2\n\nexit status 2\n",
                1..5,
                2,
            ),
            (
                "Rust",
                "stack backtrace:\n   0: std::panicking::begin\n             at /rustc/x/lib.rs:1:2\n   1: app::main\n             at ./src/main.rs:3\nnote: x\n",
                1..5,
                2,
            ),
            ("gdb", "#0  0x00007f in raise () from libc\n#1  0x00008 in main () at x.c:4\n(gdb)\n", 0..2, 2),
        ];
        for (name, text, lines, frames) in cases {
            assert_eq!(found(text), [(lines.clone(), *frames)], "{name}");
        }
    }

    #[test]
    fn what_is_no_trace_is_not_folded() {
        for text in ["at noon we met\nat one we left\n", "  1: one\n  2: two\n", "f(x)\n\tg(y)\n"] {
            assert_eq!(found(text), [], "{text}");
        }
    }

    #[test]
    fn a_second_like_trace_points_at_the_first() {
        let one = "E: x\n\tat a.B.c(B.java:3)\n\tat a.B.d(B.java:9)\n";
        let text = format!("{one}then\n{one}");
        let lines = Lines::of(&text).expect("short");
        assert_eq!(folds(&lines, &find(&lines)), [Fold::SameAs { lines: 5..7, first: 1 }]);
    }

    #[test]
    fn a_long_trace_keeps_its_ends_and_its_own_frames() {
        let mut text = "E: x\n\tat app.A.a(A.java:1)\n".to_owned();
        for n in 0..30 {
            let package = if n == 15 { "app.deep" } else { "org.springframework.aop" };
            text.push_str(&format!("\tat {package}.C{n}.call(C{n}.java:{n})\n"));
        }
        let lines = Lines::of(&text).expect("short");
        let folds = folds(&lines, &find(&lines));
        assert_eq!(
            folds,
            [Fold::Middle { lines: 5..17, frames: 12 }, Fold::Middle { lines: 18..31, frames: 13 }]
        );
    }
}
