//! What clients write around a command's output.
//!
//! Two kinds. Around what a tool answered many clients put lines of their own
//! (`Exit Code: 0`): the compressors see what is inside, the lines stay as they
//! are. And a client without tools shows an output in what it says as the user:
//! only where its definition names that frame does the part inside become a
//! tool's answer. *Invariant:* outside that part the user's text is the user's.

use crate::conversation::{Arguments, Call, Content, Conversation, Extent, Frame, Role, Said, ToolResult};
use crate::units::Span;
use crate::wire::json;
use std::ops::Range;

/// How lines begin that stand before an output, up to one that begins with [`OUTPUT`].
///
/// Seen with Gemini CLI 0.61, Qwen Code 0.15 and Codex 0.169.
const BEFORE: &[&str] = &[
    "<untrusted_context>",
    "Command: ",
    "Directory: ",
    "Script completed",
    "Script failed",
    "Wall time",
    "Exit code: ",
    "Chunk ID: ",
    "Process exited with code ",
    "Process running with session ID ",
    "Original token count: ",
    "Total output lines: ",
];

/// What the output itself stands behind.
const OUTPUT: &str = "Output:";

/// How lines begin that stand behind an output.
const BEHIND: &[&str] = &[
    "</untrusted_context>",
    "Error: ",
    "Exit Code: ",
    "Signal: ",
    "Background PIDs: ",
    "Process Group PGID: ",
];

/// How lines begin that stand behind an output which nothing stands before.
///
/// Seen with OpenHands CLI 1.16, droid 0.215 and Copilot CLI 1.0.
const BEHIND_ALONE: &[&str] = &[
    "[The command completed with exit code ",
    "[Command finished with exit code ",
    "[Current working directory: ",
    "[Python interpreter: ",
    "[Process exited with code ",
    "Full command output saved to: ",
    "<shellId: ",
];

/// The longest frame that is looked for, in lines.
const MOST_LINES: usize = 12;

/// Where the output itself stands in what a tool answered: all of it, when nothing is around it.
pub fn inside(text: &str) -> Range<usize> {
    let (start, signs) = match after_head(text) {
        Some(start) => (start, BEHIND),
        None => (0, BEHIND_ALONE),
    };
    let (mut end, mut behind) = (text.len(), text.len());
    for _ in 0..MOST_LINES {
        let Some(at) = text[start..behind].rfind('\n').map(|at| start + at) else { break };
        let line = &text[at + 1..behind];
        if signs.iter().any(|sign| line.starts_with(sign)) {
            end = at;
        } else if !line.is_empty() {
            break;
        }
        behind = at;
    }
    start..end
}

fn after_head(text: &str) -> Option<usize> {
    let mut at = 0;
    for _ in 0..MOST_LINES {
        let line = &text[at..];
        if let Some(rest) = line.strip_prefix(OUTPUT) {
            return rest.starts_with([' ', '\n']).then_some(at + OUTPUT.len() + 1);
        }
        if !BEFORE.iter().any(|sign| line.starts_with(sign)) {
            return None;
        }
        at += line.find('\n')? + 1;
    }
    None
}

/// True when a line of a frame says that the command failed: by an exit code that is not zero.
pub fn says_that_it_failed(frame: &str) -> bool {
    let known = |line: &&str| {
        [BEFORE, BEHIND, BEHIND_ALONE].iter().any(|signs| signs.iter().any(|sign| line.starts_with(sign)))
    };
    frame.lines().filter(known).any(|line| {
        let lower = line.to_ascii_lowercase();
        let code = lower.rsplit_once("code").map(|(_, code)| code.trim_start_matches([':', ' ']));
        let digits = code.map(|code| &code[..code.bytes().take_while(u8::is_ascii_digit).count()]);
        line.starts_with("Script failed") || digits.is_some_and(|digits| !digits.is_empty() && digits != "0")
    })
}

/// Makes an answer of a tool of each output that the client frames in what it says as the user,
/// and the client's own of what it then says in the model's place.
pub fn find(body: &[u8], conversation: &mut Conversation, frames: &[Frame]) {
    if frames.is_empty() {
        return;
    }
    let mut answer: Option<&str> = None;
    for number in 0..conversation.blocks.len() {
        let block = &mut conversation.blocks[number];
        let said = match block.content {
            Content::Said(said) => said,
            _ => {
                answer = None;
                continue;
            }
        };
        let Some(text) = json::text_of(said.text.of(body)) else {
            answer = None;
            continue;
        };
        if block.role == Role::Assistant {
            if answer.take().is_some_and(|answer| answer == text) {
                block.role = Role::User;
                block.content = Content::Sealed;
            }
            continue;
        }
        answer = None;
        let found = frames.iter().find_map(|frame| Some((frame, parts(&text, frame)?)));
        if let Some((frame, (command, output))) = found
            && let Some(place) = part_of(body, said, output)
        {
            let id = format!("framed {number}");
            block.content = Content::Result(ToolResult {
                id: id.clone(),
                failed: false,
                texts: vec![place],
                extent: Extent::Part,
            });
            let command = serde_json::json!({"command": &text[command]}).to_string();
            let arguments = Arguments::Heard(command.into());
            conversation.earlier_calls.push(Call { block: 0, id, tool: String::new(), arguments });
            answer = (!frame.answer.is_empty()).then_some(frame.answer.as_str());
        }
    }
}

/// Where the command and its output stand in a text of this frame.
fn parts(text: &str, frame: &Frame) -> Option<(Range<usize>, Range<usize>)> {
    if frame.command.is_empty() || frame.output.is_empty() || !text.starts_with(&frame.command) {
        return None;
    }
    let command = frame.command.len();
    let separator = command + text[command..].find(&frame.output)?;
    let output = separator + frame.output.len();
    let end = text.len().checked_sub(frame.end.len()).filter(|end| output <= *end)?;
    text.ends_with(&frame.end).then_some((command..separator, output..end))
}

fn part_of(body: &[u8], said: Said, part: Range<usize>) -> Option<Span> {
    let start = json::place_of(said.text.of(body), part.start)?;
    let end = json::place_of(said.text.of(body), part.end)?;
    Some(Span { start: said.text.start + start, end: said.text.start + end })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Wire;
    use proptest::prelude::*;

    #[test]
    fn the_output_is_told_from_what_stands_around_it() {
        let cases = [
            ("plain", "plain", false),
            ("", "", false),
            (
                "<untrusted_context>\nOutput: [\n 1]\nProcess Group PGID: 7\n</untrusted_context>",
                "[\n 1]",
                false,
            ),
            (
                "Command: ls\nDirectory: (root)\nOutput: a\nb\nError: (none)\nExit Code: 2\nSignal: 0\nProcess Group PGID: 1",
                "a\nb",
                true,
            ),
            ("Exit code: 0\nWall time: 0.1 seconds\nOutput:\n{}\n", "{}\n", false),
            ("Script failed\nWall time 0.0 seconds\nOutput:\n", "", true),
            ("Chunk ID: 1\nProcess exited with code 101\nOutput:\nx\nExit Code: 7", "x", true),
            (
                "[1]\n[The command completed with exit code 0.]\n[Command finished with exit code 0]",
                "[1]",
                false,
            ),
            (
                "[1]\n\n\nFull command output saved to: /x (2KB)\n\n[Process exited with code 3]",
                "[1]\n\n",
                true,
            ),
            ("a\n<shellId: 0 completed with exit code 1>", "a", true),
            ("a\n\n", "a\n\n", false),
            // A program that prints such lines itself, and one that begins like it.
            ("Output: a", "a", false),
            ("Command: a\nb\nOutput: c", "Command: a\nb\nOutput: c", false),
            ("Outputs: 3", "Outputs: 3", false),
            ("Exit Code: 0", "Exit Code: 0", false),
        ];
        for (text, want, failed) in cases {
            let inside = inside(text);
            assert_eq!(&text[inside.clone()], want, "{text}");
            let frame = format!("{}\n{}", &text[..inside.start], &text[inside.end..]);
            assert_eq!(says_that_it_failed(&frame), failed, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_has_an_inside(lines in prop::collection::vec(prop_oneof![
            prop::sample::select(BEFORE.to_vec()), prop::sample::select(BEHIND.to_vec()),
            Just("Output: é"), Just("Output:"), Just(""), Just("日本"),
        ], 0..30)) {
            let text = lines.join("\n");
            let inside = inside(&text);
            prop_assert!(inside.start <= inside.end && text.get(inside).is_some());
        }
    }

    fn ran() -> Frame {
        Frame {
            command: "I ran:\n\n".to_owned(),
            output: "\n\nIt said:\n\n".to_owned(),
            end: "\n".to_owned(),
            answer: "Ok.".to_owned(),
        }
    }

    fn read(messages: &str) -> (String, Conversation) {
        let body = format!(r#"{{"messages":[{messages}]}}"#);
        let mut conversation = Wire::OpenAiChat.read(body.as_bytes()).expect("readable");
        find(body.as_bytes(), &mut conversation, &[ran()]);
        (body, conversation)
    }

    #[test]
    fn only_the_output_of_a_frame_becomes_an_answer() {
        let (body, conversation) = read(
            r#"{"role":"user","content":"I ran:\n\nls \ud83d\ude00\n\nIt said:\n\n\u00e9 \"a\"\n\ttail\n"},
            {"role":"assistant","content":"Ok."},{"role":"user","content":"why?"}"#,
        );
        let Content::Result(result) = &conversation.blocks[0].content else { panic!("a result") };
        assert_eq!(&body[result.texts[0].range()], r#"\u00e9 \"a\"\n\ttail"#);
        assert_eq!(conversation.earlier_calls[0].id, result.id);
        let Arguments::Heard(arguments) = &conversation.earlier_calls[0].arguments else {
            panic!("a command")
        };
        assert_eq!(&**arguments, r#"{"command":"ls 😀"}"#);
        assert_eq!(conversation.tail(), 0, "the client said it all");
    }

    #[test]
    fn what_is_framed_otherwise_stays_the_users() {
        let others = [
            r#"{"role":"user","content":"So I ran:\n\nls\n\nIt said:\n\nx\n"}"#,
            r#"{"role":"user","content":"I ran:\n\nls\n\nIt said:\n\nx"}"#,
            r#"{"role":"user","content":"I ran:\n\nls"}"#,
            r#"{"role":"assistant","content":"I ran:\n\nls\n\nIt said:\n\nx\n"}"#,
        ];
        for other in others {
            let (_, conversation) = read(other);
            assert!(matches!(conversation.blocks[0].content, Content::Said(_)), "{other}");
        }
        let (_, conversation) = read(
            r#"{"role":"user","content":"I ran:\n\nls\n\nIt said:\n\nx\n"},{"role":"assistant","content":"Ok. I see."}"#,
        );
        assert_eq!(conversation.tail(), 2, "these are the model's own words");
    }
}
