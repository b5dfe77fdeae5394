//! Stack traces: where their frames are, in every language's way of writing them.
//!
//! Only frames are found here: the message above (or, in Python, below) them,
//! `Caused by:` and its like are lines as any other. Which frames need not be
//! shown is [`super::fold`]'s to say.

use super::Lines;
use std::ops::Range;

/// Frames of one trace: a run of lines.
#[derive(Debug, PartialEq, Eq)]
pub struct Trace {
    /// The lines of the frames, without the messages around them.
    pub lines: Range<usize>,
    /// Where each frame begins (a frame may have several lines).
    pub frames: Vec<u32>,
    /// How its frames are written.
    pub style: Style,
}

/// How frames are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// `  File "x.py", line 3, in f`, then source lines: innermost last.
    Python,
    /// `\tat a.b.C.d(C.java:3)`, `    at f (x.js:1:2)`, `   at A.B() in x.cs:line 3`.
    At,
    /// `main.f(0x1)` and, indented, `\t/x.go:3 +0x1d`.
    Go,
    /// `  12: std::rt::…` and `             at /rustc/…`, or `#3  0x… in f () at x.c:4`.
    Numbered,
    /// `\tfrom /app/x.rb:3:in 'f'`, `    (app 1.0.0) lib/x.ex:3: X.f/1`.
    From,
    /// `==71==    by 0x10C: f (x.c:4)`.
    Valgrind,
}

impl Trace {
    /// The lines of one frame.
    pub fn frame(&self, frame: usize) -> Range<usize> {
        let end = self.frames.get(frame + 1).map_or(self.lines.end, |next| *next as usize);
        self.frames[frame] as usize..end
    }
}

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

/// The trace whose first frame is at line `at`.
fn trace_at(lines: &Lines<'_>, at: usize) -> Option<Trace> {
    let next = (at + 1 < lines.len()).then(|| lines.get(at + 1));
    let style = style_of(lines.get(at), next)?;
    let mut frames = Vec::new();
    let mut end = at;
    while end < lines.len() {
        let line = lines.get(end);
        let next = (end + 1 < lines.len()).then(|| lines.get(end + 1));
        match style {
            Style::Python if is_python_frame(line) => {
                frames.push(end as u32);
                let indent = indent_of(line);
                end += 1;
                // The frame's source lines and the marks under them are indented deeper.
                while end < lines.len()
                    && (indent < indent_of(lines.get(end)) && !lines.get(end).trim().is_empty()
                        || lines.get(end).trim_start().starts_with("[Previous line repeated "))
                {
                    end += 1;
                }
            }
            Style::At if is_at_frame(line) => {
                frames.push(end as u32);
                end += 1;
                while end < lines.len() && is_lock(lines.get(end)) {
                    end += 1;
                }
            }
            Style::Go if is_go_call(line) && next.is_some_and(is_go_place) => {
                frames.push(end as u32);
                end += 2;
            }
            Style::Numbered if is_numbered_frame(line, next) => {
                frames.push(end as u32);
                end += 1;
                while end < lines.len() && lines.get(end).trim_start().starts_with("at ") {
                    end += 1;
                }
            }
            Style::From if is_from_frame(line) => {
                frames.push(end as u32);
                end += 1;
            }
            Style::Valgrind if is_valgrind_frame(line) => {
                frames.push(end as u32);
                end += 1;
            }
            _ => break,
        }
    }
    Some(Trace { lines: at..end, frames, style })
}

/// How the frame that `line` begins is written; `None` when it begins none.
pub fn style_of(line: &str, next: Option<&str>) -> Option<Style> {
    // Nearly every line is no frame: what its first letters tell is asked first.
    match line.bytes().find(|byte| !matches!(byte, b' ' | b'\t'))? {
        b'F' | b'|' if is_python_frame(line) => Some(Style::Python),
        b'a' | b'.' if is_at_frame(line) => Some(Style::At),
        b'#' | b'0'..=b'9' if is_numbered_frame(line, next) => Some(Style::Numbered),
        b'f' | b'(' if is_from_frame(line) => Some(Style::From),
        b'=' if is_valgrind_frame(line) => Some(Style::Valgrind),
        _ if next.is_some_and(is_go_place) && is_go_call(line) => Some(Style::Go),
        _ => None,
    }
}

fn indent_of(line: &str) -> usize {
    line.bytes().take_while(|byte| matches!(byte, b' ' | b'\t' | b'|')).count()
}

/// `  File "x.py", line 3, in f`, perhaps in a group of exceptions: `  |   File "x.py", …`.
fn is_python_frame(line: &str) -> bool {
    let body = &line[indent_of(line)..];
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

/// `\t- locked <0x00000006c0> (a java.lang.Object)`, under the frame that holds or waits.
fn is_lock(line: &str) -> bool {
    let body = line.trim_start();
    body.len() < line.len()
        && ["- locked ", "- waiting ", "- parking ", "- eliminated "]
            .iter()
            .any(|start| body.starts_with(start))
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

/// `   3: core::panicking::panic`, `#3  0x00007f in main () at x.c:4`, `#0 /app/x.php(12): f()`,
/// `3   libfoo.dylib   0x00000001a2 f + 8`.
fn is_numbered_frame(line: &str, next: Option<&str>) -> bool {
    let body = line.trim_start();
    let digits = body.strip_prefix('#').unwrap_or(body);
    let width = digits.bytes().take_while(u8::is_ascii_digit).count();
    if !(1..=4).contains(&width) {
        return false;
    }
    let rest = &digits[width..];
    let symbol = |rest: &str| {
        let rest = rest.trim_start();
        rest.contains("::") || rest.starts_with("0x") || rest.contains('(') || rest.starts_with(['_', '<'])
    };
    if digits.len() < body.len() {
        return rest.starts_with(' ') && symbol(rest);
    }
    if let Some(rest) = rest.strip_prefix(": ").filter(|_| body.len() < line.len()) {
        // A plain name is a frame where its place stands under it.
        let placed = || next.is_some_and(|next| next.trim_start().starts_with("at ") && next.contains(':'));
        return symbol(rest) || placed();
    }
    rest.starts_with("  ")
        && rest.split_ascii_whitespace().nth(1).is_some_and(|word| {
            word.strip_prefix("0x")
                .is_some_and(|hex| 8 <= hex.len() && hex.bytes().all(|byte| byte.is_ascii_hexdigit()))
        })
}

/// `\tfrom /app/x.rb:3:in 'f'`, `    (phoenix 1.7.10) lib/phoenix/router.ex:432: Phoenix.Router.call/2`.
fn is_from_frame(line: &str) -> bool {
    let body = line.trim_start();
    body.len() < line.len()
        && (body.starts_with("from ") && body.contains(".rb:")
            || body.starts_with('(') && (body.contains(".ex:") || body.contains(".erl:")))
}

/// `==71==    at 0x10C: f (x.c:4)`.
fn is_valgrind_frame(line: &str) -> bool {
    let Some(rest) = line.strip_prefix("==") else { return false };
    let width = rest.bytes().take_while(u8::is_ascii_digit).count();
    let Some(body) = rest[width..].strip_prefix("==").filter(|_| 0 < width) else { return false };
    let body = body.trim_start();
    body.starts_with("at 0x") || body.starts_with("by 0x")
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
}
