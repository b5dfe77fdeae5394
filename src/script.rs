//! The command lines inside a program that a model wrote.
//!
//! Codex lets its models call tools from JavaScript:
//! `const r = await tools.exec_command({cmd: "cargo test", max_output_tokens: 4000})`.
//! *Invariant:* a hint only: what can't be made out is left out. One pass.

/// What stands before the arguments of a command.
const CALL: &str = "exec_command(";

/// The names under which a command line stands.
const NAMES: [&str; 2] = ["cmd", "command"];

/// The command lines that `program` runs, in order, joined as a shell would; empty when there are none.
pub fn commands(program: &str) -> String {
    let calls = program.split(CALL).skip(1);
    let found: Vec<String> = calls.filter_map(command_in).collect();
    found.join(" && ")
}

/// The first string literal in `program` that holds `text`, from there to its end; `None` when there is none.
pub fn literal_with(program: &str, text: &str) -> Option<String> {
    let at = program.find(text)?;
    let before = program.get(..at)?;
    let quote = before.rfind(['"', '\'', '`'])?;
    let literal = text_of(program.get(quote..)?)?;
    let begins = literal.find(text)?;
    literal.get(begins..).map(str::to_owned)
}

/// The string that stands under `name` in the first call of `function`; `None` when there is none.
pub fn argument(program: &str, function: &str, name: &str) -> Option<String> {
    let at = program.find(function)?;
    let mut rest = program.get(at + function.len()..)?;
    loop {
        let at = rest.find(name)?;
        let begins =
            rest[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric() && before != '_');
        rest = rest.get(at + name.len()..)?;
        if let Some(value) = begins.then(|| value_after(rest)).flatten() {
            return text_of(value);
        }
    }
}

/// The first string that stands under one of the names, in the arguments of one call.
fn command_in(arguments: &str) -> Option<String> {
    let mut rest = arguments;
    loop {
        let at = rest.find(NAMES[0].chars().next()?)?;
        let before = rest[..at].chars().next_back();
        rest = &rest[at..];
        let begins = before.is_none_or(|before| !before.is_alphanumeric() && before != '_');
        let name = NAMES.iter().find(|name| begins && rest.starts_with(**name));
        if let Some(value) = name.and_then(|name| value_after(&rest[name.len()..])) {
            return text_of(value);
        }
        rest = &rest[1..];
    }
}

/// What stands behind a colon (the name may have been quoted).
fn value_after(rest: &str) -> Option<&str> {
    let rest = rest.strip_prefix(['"', '\'']).unwrap_or(rest);
    Some(rest.trim_start().strip_prefix(':')?.trim_start())
}

/// The text of the string literal that `literal` begins with.
fn text_of(literal: &str) -> Option<String> {
    let mut letters = literal.chars();
    let quote = letters.next().filter(|quote| matches!(quote, '"' | '\'' | '`'))?;
    let mut text = String::new();
    loop {
        match letters.next()? {
            end if end == quote => return Some(text),
            '\\' => match letters.next()? {
                'n' => text.push('\n'),
                't' => text.push('\t'),
                'r' => text.push('\r'),
                // A line that goes on.
                '\n' => {}
                other => text.push(other),
            },
            letter => text.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_found_however_its_string_is_written() {
        let cases = [
            (r#"const r = await tools.exec_command({cmd: "cat a.json", max: 2});"#, "cat a.json"),
            (r#"tools.exec_command({"cmd":"grep \"x\" a\nls"})"#, "grep \"x\" a\nls"),
            (r"tools.exec_command({ max_cmd: 1, 'command' : 'ls -l' })", "ls -l"),
            (
                "tools.exec_command({cmd:`git log`}); tools.exec_command({cmd:'git diff'})",
                "git log && git diff",
            ),
            ("tools.exec_command({cmd})", ""),
            ("tools.exec_command({cmd: name})", ""),
            ("tools.exec_command({cmd: \"never ends", ""),
            ("text('cmd: \"x\"')", ""),
            ("", ""),
        ];
        for (program, want) in cases {
            assert_eq!(commands(program), want, "{program}");
        }
    }

    #[test]
    fn a_text_is_found_in_the_string_that_holds_it() {
        let program = r#"const p = "*** Begin\n+a\n*** End"; text(await tools.apply_patch(p));"#;
        assert_eq!(literal_with(program, "*** Begin").as_deref(), Some("*** Begin\n+a\n*** End"));
        assert_eq!(literal_with("*** Begin", "*** Begin"), None);
        assert_eq!(literal_with("`never *** Begin", "*** Begin"), None);
        let program = "await tools.mcp__headroom__headroom_retrieve({ lines: 'x', key: \"ab12\" })";
        assert_eq!(argument(program, "headroom_retrieve(", "key").as_deref(), Some("ab12"));
        assert_eq!(argument(program, "headroom_retrieve(", "query"), None);
        assert_eq!(argument(program, "other(", "key"), None);
    }
}
