//! Command lines, and what is read in them.

use super::*;
use proptest::prelude::*;

fn words(line: &str) -> Vec<String> {
    Line::read(line).commands.iter().map(|command| command.words.join(" ")).collect()
}

#[test]
fn the_commands_of_a_line_are_told_apart() {
    let cases: &[(&str, &[&str])] = &[
        ("cargo test", &["cargo test"]),
        ("cd a && npm test 2>&1 | tail -5", &["npm test", "tail -5"]),
        ("A=1 B='2 3' make x", &["make x"]),
        ("sudo -E apt-get install x", &["apt-get install x"]),
        ("time timeout 60 pytest -q", &["pytest -q"]),
        ("env -u A B=1 node a.js", &["A B=1 node a.js"]),
        ("bash -lc 'cd a && ls -l'", &["ls -l"]),
        ("bash -lc \"sh -c 'ls -l'\"", &["ls -l"]),
        ("echo 'a && b; c' \"d | e\"", &["echo a && b; c d | e"]),
        ("cat <<EOF > f\nrm -rf x\nEOF\nls", &["cat", "ls"]),
        ("cat <<'E' && ls\n$(a)\nE", &["cat", "ls"]),
        ("ls # and more; rm", &["ls"]),
        ("(cd a && make) && ls", &["make", "ls"]),
        ("for f in *; do wc $f; done", &["f in *", "wc $f"]),
        ("echo $(rm -rf \"a b\" | c) d", &["echo $(rm -rf \"a b\" | c) d"]),
        ("echo `a; b` ${c;d}", &["echo `a; b` ${c;d}"]),
        ("a \\\n  --b", &["a --b"]),
        ("ls > out.txt 2> 'err or.txt' -l", &["ls -l"]),
        ("make &> log & ls", &["make", "ls"]),
        ("", &[]),
        ("&& || ;;", &[]),
        ("'", &[]),
    ];
    for (line, want) in cases {
        assert_eq!(words(line), *want, "{line}");
    }
}

#[test]
fn the_exit_status_tells_what_it_can() {
    use Shows::*;
    let cases: &[(&str, &[Shows])] = &[
        ("a", &[Success]),
        ("a && b", &[Success, Success]),
        ("a; b", &[Nothing, Success]),
        ("a || b", &[Nothing, Success]),
        ("a | tail", &[Filtered, Success]),
        ("a | b", &[Nothing, Success]),
        ("set -o pipefail; a | b", &[Success, Success]),
        ("a && b | head -3", &[Success, Filtered, Success]),
        ("a; echo $?", &[Echoed, Success]),
        ("a; echo \"exit: $?\"", &[Echoed, Success]),
        ("a && b; c && d", &[Nothing, Nothing, Success, Success]),
        ("a &", &[Nothing]),
        ("if a; then b; fi", &[Nothing, Nothing]),
        ("a\nb\n", &[Nothing, Success]),
        ("sudo a", &[Nothing]),
    ];
    for (line, want) in cases {
        let shows: Vec<Shows> = Line::read(line).commands.iter().map(|command| command.shows).collect();
        assert_eq!(shows, *want, "{line}");
    }
}

#[test]
fn folders_variables_and_sourced_files_hold_for_what_follows() {
    let line = Line::read(
        "a && cd web/app && source ../.venv/bin/activate && export B=1 && C=2 b; cd /x; (cd y; c); d",
    );
    let told: Vec<_> = line
        .commands
        .iter()
        .map(|command| {
            (command.program(), command.folder.as_deref(), command.sourced.is_some(), command.variables.len())
        })
        .collect();
    let want = [
        ("a", None, false, 0),
        ("b", Some("web/app"), true, 2),
        ("c", Some("/x/y"), true, 1),
        ("d", Some("/x"), true, 1),
    ];
    assert_eq!(told, want);
}

proptest! {
    #[test]
    fn any_line_is_read(line in "[a-c&|;<>()$`'\"\\\\{}# \n=!-]{0,200}") {
        let read = Line::read(&line);
        prop_assert!(read.commands.len() <= COMMANDS * WORDS);
    }

    #[test]
    fn any_text_is_read(line in ".{0,400}") {
        Line::read(&line);
    }
}

#[test]
fn long_hostile_lines_are_read_to_an_end() {
    for piece in ["(", "$(", "`", "'", "\"", "<<a\n", "a;", "${", "<(", "\\", "a && ", "| ", "sudo "] {
        let line = piece.repeat(16_384 / piece.len());
        assert!(Line::read(&line).commands.len() <= COMMANDS * WORDS, "{piece}");
    }
}
