use super::*;

fn kind(tool: &str, command: &str, text: &str) -> Kind {
    kind_of(text, &Hint { tool, command, ..Hint::default() })
}

#[test]
fn the_tool_decides_where_it_is_sure() {
    let source = "fn main() {\n    println!(\"hi\");\n}\n";
    let rows = format!("[{}]", ["{\"id\":1}"; 9].join(","));
    let log = "2026-03-11T10:00:00Z INFO a\n".repeat(9);
    let hits = "src/a.rs:3:fn a()\nsrc/a.rs:9:fn b()\nsrc/b.rs:9:fn b()\n";
    let cases = [
        ("a read", "Read", "", source, Kind::Read),
        ("a read of JSON", "Read", "", rows.as_str(), Kind::Read),
        ("a read of a log", "Read", "", log.as_str(), Kind::Read),
        ("a read by an MCP server", "mcp__files__read_text_file", "", rows.as_str(), Kind::Read),
        ("an edit", "Edit", "", source, Kind::Read),
        ("`cat` of source", "Bash", "cat src/main.rs", source, Kind::Read),
        ("`cat` of rows", "Bash", "cat orders.json", rows.as_str(), Kind::Json),
        ("`cat` of settings", "Bash", "cat package.json", "{\"name\": \"x\"}", Kind::Read),
        ("`cat` of a log", "shell", "cat app.log", log.as_str(), Kind::Log),
        ("a grep", "Grep", "", hits, Kind::Search),
        ("a grep that lists files", "Grep", "", "Found 2 files\nsrc/a.rs\nsrc/b.rs\n", Kind::Other),
        ("rows from anywhere", "mcp__db__query", "", rows.as_str(), Kind::Json),
        ("a build", "Bash", "cargo build", "   Compiling a v1.0.0\n", Kind::Build),
        ("a program that logs", "Bash", "cargo run", log.as_str(), Kind::Log),
        (
            "JSON of a build",
            "Bash",
            "cargo build --message-format=json",
            "{\"a\":1}\n{\"a\":2}\n",
            Kind::Json,
        ),
        ("a diff", "Bash", "git diff", "diff --git a/x b/x\n@@ -1 +1 @@\n-a\n+b\n", Kind::Diff),
    ];
    for (name, tool, command, text, want) in cases {
        assert_eq!(kind(tool, command, text), want, "{name}");
    }
}

#[test]
fn the_shape_decides_where_nothing_is_known() {
    let cases = [
        ("an object", "{\"a\": 1}", Kind::Json),
        ("an array", "[1, 2]", Kind::Json),
        ("one a line", "{\"a\":1}\n{\"a\":2}\n{\"a\":3}\n", Kind::Json),
        (
            "times are no grep hits",
            "2026-03-11T10:30:00 a\n2026-03-11T10:30:01 b\n2026-03-11T10:30:02 c\n",
            Kind::Log,
        ),
        ("clocks are no grep hits", "10:30:00 a: b\n10:30:01 a: b\n10:30:02 a: c\n", Kind::Log),
        ("bracketed levels", "[info] up\n[warn] slow\n[error] down]\n", Kind::Log),
        ("the kernel", "[    0.000000] Linux\n[    0.100000] CPU0\n[    1.200000] usb 1-1\n", Kind::Log),
        (
            "an access log",
            "1.2.3.4 - - [11/Mar/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 1\n1.2.3.4 - - [11/Mar/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 1\n1.2.3.4 - - [11/Mar/2026:10:00:00 +0000] \"GET / HTTP/1.1\" 200 1\n",
            Kind::Log,
        ),
        ("grep hits", "src/a.rs:3:fn a()\nsrc/a.rs:7:fn c()\nsrc/b.rs:9:fn b()\n", Kind::Search),
        ("gcc", "a.c:3:5: error: expected ';'\na.c:9:1: warning: unused\nb.c:1:1: error: x\n", Kind::Build),
        ("cargo", "   Compiling a v1.0.0\nerror[E0308]: mismatched types\n --> src/a.rs:1:1\n", Kind::Build),
        (
            "pytest",
            "===== test session starts =====\ncollected 2 items\n\na.py ..   [100%]\n\n==== 2 passed in 0.1s ====\n",
            Kind::Build,
        ),
        (
            "a crash",
            "Traceback (most recent call last):\n  File \"a.py\", line 1, in f\n    g()\n  File \"a.py\", line 2, in g\n    h()\nValueError: x\n",
            Kind::Log,
        ),
        (
            "numbered lines",
            "     1\tuse a;\n     2\tuse b;\n     3\t\n     4\tfn c() {}\n     5\t// d\n",
            Kind::Read,
        ),
        ("prose", "It was a dark and stormy night.\nThe rain fell in torrents.\n", Kind::Other),
        ("source", "fn main() {\n    let a = 1;\n}\n", Kind::Other),
        (
            "a listing",
            "total 8\n-rw-r--r-- 1 a a 12 Mar 11 10:00 x\n-rw-r--r-- 1 a a 12 Mar 11 10:00 y\ndrwxr-xr-x 1 a a 12 Mar 11 10:00 z\n",
            Kind::Other,
        ),
        ("nothing", "", Kind::Other),
    ];
    for (name, text, want) in cases {
        assert_eq!(kind("", "", text), want, "{name}");
        assert_eq!(kind("some_tool_9", "", text), want, "{name}, of an unknown tool");
    }
}
