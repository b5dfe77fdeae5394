//! Twins of the patterns that are noise: none gives anything to write.

use super::patterns::TABS;
use super::*;

/// None gives anything to write.
pub(super) const TWINS: &[Case] = &[
    (
        "tabs once",
        1,
        |talk, _| {
            talk.read("/p/a.go", TABS).edit("/p/a.go", "    fmt.Println(\"hello\")", MISSING, FAILED);
        },
        "",
    ),
    (
        "different reasons",
        2,
        |talk, day| {
            if day == 0 {
                talk.read("/p/a.go", TABS).edit("/p/a.go", "    fmt.Println(\"hello\")", MISSING, FAILED);
            } else {
                talk.read("/p/a.py", "go()\ngo()\n").edit(
                    "/p/a.py",
                    "go()",
                    "Found 2 matches of the string to replace",
                    FAILED,
                );
            }
        },
        "",
    ),
    (
        "an old text out of the blue",
        3,
        |talk, _| {
            talk.read("/p/a.go", TABS).edit("/p/a.go", "return errors.New(\"other\")", MISSING, FAILED);
        },
        "",
    ),
    (
        "an edit that is not allowed",
        3,
        |talk, _| {
            talk.read("/p/a.go", TABS).edit(
                "/p/a.go",
                "    fmt.Println(\"hello\")",
                "permission denied by the system",
                FAILED,
            );
        },
        "",
    ),
    (
        "edits that work",
        3,
        |talk, _| {
            talk.read("/p/a.go", TABS).edit(
                "/p/a.go",
                "\tfmt.Println(\"hello\")",
                "The file was updated",
                Ending::Worked,
            );
        },
        "",
    ),
    (
        "a failure tried again, once",
        1,
        |talk, _| {
            talk.read("/p/a.go", TABS);
            for _ in 0..4 {
                talk.edit("/p/a.go", "    fmt.Println(\"hello\")", MISSING, FAILED);
            }
        },
        "",
    ),
    (
        "an edit of a file that was read before the summary",
        3,
        |talk, _| {
            talk.read("/p/a.py", "first_thing()\n").compact(90_000).edit(
                "/p/b.py",
                "other_thing()",
                MISSING,
                FAILED,
            );
        },
        "",
    ),
    (
        "tests that fail until the code is right",
        3,
        |talk, _| {
            for _ in 0..4 {
                talk.run("npm test", "3 failed", FAILED).edit("/p/a.ts", "some_call()", "ok", Ending::Worked);
            }
            talk.ran("npm test", "all passed");
        },
        "",
    ),
    (
        "waiting for a service",
        3,
        |talk, _| {
            for _ in 0..5 {
                talk.run("curl -sf localhost:8080", "", FAILED);
            }
            talk.ran("curl -sf localhost:8080", "ok");
        },
        "",
    ),
    (
        "waiting in words",
        3,
        |talk, _| {
            for _ in 0..5 {
                talk.ran("sleep 10 && gh run list", &rows("run", 40));
            }
        },
        "",
    ),
    (
        "a look at the state now and then",
        3,
        |talk, _| {
            for _ in 0..6 {
                talk.ran("git status", "nothing to commit");
            }
        },
        "",
    ),
    (
        "greps that find nothing",
        3,
        |talk, _| {
            for at in 0..6 {
                talk.run(&format!("grep -r name{at} src"), "", FAILED);
            }
        },
        "",
    ),
    (
        "the person asks for it again",
        3,
        |talk, _| {
            for _ in 0..4 {
                talk.run("npm test", "3 failed", FAILED).person("and once more");
            }
        },
        "",
    ),
    (
        "a big file twice",
        3,
        |talk, _| {
            for _ in 0..2 {
                talk.read("/p/docs/api.json", &rows("api", 500)).ran("cargo fmt", "");
            }
        },
        "",
    ),
    (
        "a big file in one session",
        1,
        |talk, _| {
            for _ in 0..5 {
                talk.read("/p/docs/api.json", &rows("api", 500)).ran("cargo fmt", "");
            }
        },
        "",
    ),
    (
        "a big file that changes",
        3,
        |talk, day| {
            for at in 0..5 {
                talk.read("/p/src/a.rs", &rows(&format!("v{day}.{at}"), 500)).edit(
                    "/p/src/a.rs",
                    "row",
                    "ok",
                    Ending::Worked,
                );
            }
        },
        "",
    ),
    (
        "a big file that is needed again after each summary",
        3,
        |talk, _| {
            for _ in 0..4 {
                talk.read("/p/docs/api.json", &rows("api", 500)).compact(190_000);
            }
        },
        "",
    ),
    (
        "a file read in parts",
        3,
        |talk, _| {
            for at in 0..5 {
                let arguments =
                    json!({"file_path": "/p/docs/api.json", "offset": at * 400 + 1, "limit": 400});
                talk.call("Read", &arguments, &rows(&format!("api {at}"), 400), Ending::Worked);
            }
        },
        "",
    ),
    (
        "another diff each time",
        3,
        |talk, day| {
            for at in 0..4 {
                talk.ran("git diff", &rows(&format!("+ line {day} {at}"), 500)).edit(
                    "/p/a.rs",
                    "x",
                    "ok",
                    Ending::Worked,
                );
            }
        },
        "",
    ),
    (
        "a build whose warnings are used",
        3,
        |talk, _| {
            for at in 0..3 {
                talk.ran(
                    "cargo build",
                    &format!("{}warning: unused in crates/deep/src/part_{at}.rs:3\n", rows("building", 500)),
                )
                .read(&format!("/p/crates/deep/src/part_{at}.rs"), "text");
            }
        },
        "",
    ),
    (
        "a build that fails",
        3,
        |talk, _| {
            for _ in 0..3 {
                talk.run("cargo build", &rows("error", 500), FAILED).edit(
                    "/p/a.rs",
                    "x",
                    "ok",
                    Ending::Worked,
                );
            }
        },
        "",
    ),
    (
        "an original now and then",
        3,
        |talk, day| {
            for at in 0..6 {
                let log = rows(&format!("commit {day} {at}"), 200);
                talk.ran(&format!("git log -p -{}", at + 1), &log);
                if at < 2 {
                    talk.call(
                        "mcp__headroom__headroom_retrieve",
                        &json!({"key": "0123456789abcdef0123"}),
                        &log,
                        Ending::Worked,
                    );
                }
            }
        },
        "",
    ),
    (
        "a window that many things fill",
        3,
        |talk, day| {
            for at in 0..8 {
                talk.ran(&format!("program{at} x"), &rows(&format!("out {day} {at}"), 500));
            }
            talk.compact(60_000);
        },
        "",
    ),
    (
        "a summary after little",
        3,
        |talk, _| {
            talk.read("/p/a.rs", "fn main() {}").compact(300);
        },
        "",
    ),
    (
        "a correction once",
        1,
        |talk, _| {
            talk.ran("npm install", "added").person("no, use pnpm").ran("pnpm install", "done");
        },
        "",
    ),
    (
        "a correction that did not work",
        3,
        |talk, _| {
            talk.ran("npm install", "added").person("no, use bun").run("bun install", "bun: broken", FAILED);
        },
        "",
    ),
    (
        "a question",
        3,
        |talk, _| {
            talk.ran("npm install", "added")
                .person("could we use pnpm instead of npm?")
                .ran("pnpm install", "done");
        },
        "",
    ),
    (
        "for now",
        3,
        |talk, _| {
            talk.ran("npm run e2e", "ok").person("don't run npm run e2e yet").ran("ls", "a");
        },
        "",
    ),
    (
        "talk about code",
        3,
        |talk, _| {
            talk.ran("cargo check", "ok")
                .person("no, use a hash map instead of a list")
                .ran("cargo test", "ok");
        },
        "",
    ),
    (
        "thanks",
        3,
        |talk, _| {
            talk.ran("cargo check", "ok").person("great, thanks").ran("cargo test", "ok");
        },
        "",
    ),
];
