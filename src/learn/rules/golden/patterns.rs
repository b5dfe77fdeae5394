//! Patterns: every one gives its advice, and nothing else.

use super::*;

pub(super) const TABS: &str = "func main() {\n\tfmt.Println(\"hello\")\n}\n";

/// Every one gives its advice, and nothing else.
pub(super) const PATTERNS: &[Case] = &[
    (
        "tabs",
        2,
        |talk, _| {
            talk.read("/p/a.go", TABS).edit("/p/a.go", "    fmt.Println(\"hello\")", MISSING, FAILED);
        },
        "Files `*.go` are indented with tabs: copy them exactly into the old text of an edit.",
    ),
    (
        "tabs, behind the numbers of the tool",
        2,
        |talk, _| {
            talk.read(
                "/p/a.go",
                "     1\u{2192}func main() {\n     2\u{2192}\tfmt.Println(\"hello\")\n     3\u{2192}}\n",
            )
            .edit("/p/a.go", "    fmt.Println(\"hello\")", MISSING, FAILED);
        },
        "Files `*.go` are indented with tabs: copy them exactly into the old text of an edit.",
    ),
    (
        "spaces",
        2,
        |talk, _| {
            talk.read("/p/a.py", "def main():\n    print_hello()\n").edit(
                "/p/a.py",
                "\tprint_hello()",
                MISSING,
                FAILED,
            );
        },
        "Files `*.py` are indented with spaces, not tabs: copy them exactly into the old text of an edit.",
    ),
    (
        "line numbers",
        2,
        |talk, _| {
            talk.read("/p/a.py", "1\tdef main():\n2\t    print_hello()\n").edit(
                "/p/a.py",
                "1\tdef main():\n2\t    print_hello()",
                MISSING,
                FAILED,
            );
        },
        "Leave out the line numbers that reading a file shows from the old text of an edit.",
    ),
    (
        "an edit after an edit",
        2,
        |talk, _| {
            talk.read("/p/a.py", "first_thing()\nsecond_thing()\n")
                .edit("/p/a.py", "first_thing()", "ok", Ending::Worked)
                .edit("/p/a.py", "first_thing()\nsecond_thing()", MISSING, FAILED);
        },
        "Read the lines again before editing the same place a second time: an edit changes what can match.",
    ),
    (
        "a formatter",
        2,
        |talk, _| {
            talk.read("/p/a.ts", "const value = 1\n").edit(
                "/p/a.ts",
                "const value = 1",
                "File has been modified since read, either by the user or by a linter. Read it again.",
                FAILED,
            );
        },
        "Read a file again right before editing it: files here are changed by others (a formatter, the user) after they were read.",
    ),
    (
        "not read",
        2,
        |talk, _| {
            talk.edit(
                "/p/a.ts",
                "const value = 1",
                "File has not been read yet. Read it first before writing to it.",
                FAILED,
            );
        },
        "Read a file before editing it.",
    ),
    (
        "not unique",
        2,
        |talk, _| {
            talk.read("/p/a.ts", "go()\ngo()\n").edit(
                "/p/a.ts",
                "go()",
                "Found 2 matches of the string to replace, but replace_all is false.",
                FAILED,
            );
        },
        "Give the old text of an edit enough lines around it to stand in the file only once.",
    ),
    (
        "smart quotes",
        2,
        |talk, _| {
            talk.read("/p/a.md", "say \u{201c}hello there\u{201d} to all\n").edit(
                "/p/a.md",
                "say \"hello there\" to all",
                MISSING,
                FAILED,
            );
        },
        "Copy quotes, dashes and blanks of `*.md` exactly into the old text of an edit: some are not ASCII.",
    ),
    (
        "a shortened text",
        2,
        |talk, _| {
            talk.read("/p/a.md", "first line of it\nsecond line of it\n").edit(
                "/p/a.md",
                "first line of it\n[headroom: 1 of 2 lines left out; original kept: headroom retrieve 0123456789abcdef0123]",
                MISSING,
                FAILED,
            );
        },
        "Get the original of a shortened text before editing by it: its markers do not stand in the file.",
    ),
    (
        "a loop of a failing command",
        2,
        |talk, _| {
            for _ in 0..3 {
                talk.run("terraform validate", "Error: unsupported block type in main", FAILED)
                    .read("/p/main.tf", "resource x");
            }
        },
        "When `terraform validate` has failed twice in the same way, do not run it again before something has changed.",
    ),
    (
        "a loop of a working command",
        2,
        |talk, _| {
            for _ in 0..4 {
                talk.ran("cargo tree", &rows("crate", 80));
            }
        },
        "Do not repeat `cargo tree` when nothing has changed: it gives the same result.",
    ),
    (
        "a loop of reading",
        2,
        |talk, _| {
            for _ in 0..3 {
                talk.read("/p/docs/plan.md", &rows("plan", 80)).ran("ls docs", "plan.md");
            }
        },
        "Do not read `docs/plan.md` again when nothing has changed: its text still stands above.",
    ),
    (
        "a big file, with nothing between",
        2,
        |talk, _| {
            for _ in 0..4 {
                talk.read("/p/docs/api.json", &rows("api", 500));
            }
        },
        "`docs/api.json` is large: search in it or read the lines you need, not the whole file again.",
    ),
    (
        "a big file",
        2,
        |talk, _| {
            for _ in 0..3 {
                talk.read("/p/docs/api.json", &rows("api", 500)).ran("cargo fmt", "");
            }
        },
        "`docs/api.json` is large: search in it or read the lines you need, not the whole file again.",
    ),
    (
        "a big output",
        2,
        |talk, _| {
            for _ in 0..3 {
                talk.ran("git log --stat", &rows("commit", 500)).ran("cargo fmt", "");
            }
        },
        "`git log --stat` prints a lot: ask for less (a range, a filter, fewer fields) before running it again.",
    ),
    (
        "a noisy command",
        2,
        |talk, day| {
            for at in 0..3 {
                let output: String = (0..500)
                    .map(|row| format!("   Compiling part-{row} v{at}.{day}.1 in the workspace\n"))
                    .collect();
                talk.ran("cargo build --all", &output).edit("/p/a.rs", "x", "ok", Ending::Worked);
            }
        },
        "Shorten outputs of `cargo build` more: they are big, alike, and the command works.",
    ),
    (
        "originals asked back",
        2,
        |talk, day| {
            for at in 0..2 {
                let log = rows(&format!("commit {day} {at}"), 200);
                talk.ran("git log -p", &log).call(
                    "mcp__headroom__headroom_retrieve",
                    &json!({"key": "0123456789abcdef0123"}),
                    &log,
                    Ending::Worked,
                );
            }
        },
        "Keep outputs of `command:git log` whole: the agent asks for the originals in most cases.",
    ),
    (
        "originals asked back on the command line",
        2,
        |talk, day| {
            for at in 0..2 {
                let table = rows(&format!("insert {day} {at}"), 200);
                talk.read(&format!("/p/db/{at}.sql"), &table).ran(
                    "headroom retrieve 0123456789abcdef0123 --lines 5-30",
                    &table.lines().skip(4).take(26).collect::<Vec<_>>().join("\n"),
                );
            }
        },
        "Keep outputs of `path:*.sql` whole: the agent asks for the originals in most cases.",
    ),
    (
        "a full window, by a command",
        2,
        |talk, day| {
            talk.ran("journalctl -u web", &rows(&format!("journal {day}"), 2_500)).compact(60_000);
        },
        "Outputs of `journalctl` fill the context window: print less of them (one target, a filter, the last lines).",
    ),
    (
        "a full window, by files",
        2,
        |talk, day| {
            for at in 0..10 {
                talk.read(&format!("/p/src/{at}.rs"), &rows(&format!("source {day} {at}"), 250));
            }
            talk.compact(60_000);
        },
        "Files read whole fill the context window: search first, then read the lines you need.",
    ),
    (
        "a full window, by a server's tool",
        2,
        |talk, day| {
            talk.call(
                "mcp__db__query",
                &json!({"q": day}),
                &rows(&format!("user {day}"), 2_500),
                Ending::Worked,
            )
            .compact(60_000);
        },
        "Answers of `mcp__db__query` fill the context window: ask it for less (a filter, fewer fields, one page).",
    ),
    (
        "another package manager",
        2,
        |talk, _| {
            talk.ran("npm install", "added 3").person("no, use pnpm").ran("pnpm install", "done");
        },
        "Use `pnpm`, not `npm`.",
    ),
    (
        "another tool, both named",
        2,
        |talk, _| {
            talk.ran("black src", "done")
                .person("Use ruff format instead of black.")
                .ran("ruff format src", "done");
        },
        "Use `ruff format`, not `black`.",
    ),
    (
        "never a command",
        2,
        |talk, _| {
            talk.ran("npm run e2e", "ok").person("don't run npm run e2e").ran("ls", "a");
        },
        "Do not run `npm run e2e` unless you are asked to.",
    ),
    (
        "not all tests",
        2,
        |talk, _| {
            talk.ran("pytest -q", "ok")
                .person("please don't run the whole test suite")
                .ran("pytest tests/test_a.py", "ok");
        },
        "Do not run all tests with `pytest` unless you are asked to: run those of what you changed.",
    ),
];
