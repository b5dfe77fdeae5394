//! `headroom learn` from outside: sessions on disk in, a block in the memory file out; asked, applied, undone.

use crate::terminal::Terminal;
use crate::world::World;
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

/// A session of Claude Code in the world's project, written as it is worked on.
struct Session {
    id: String,
    folder: PathBuf,
    day: u32,
    lines: Vec<Value>,
}

impl Session {
    fn new(world: &World, id: &str, day: u32) -> Session {
        let session = Session { id: id.to_owned(), folder: world.project(), day, lines: Vec::new() };
        session.prompt("Mend the total in the cart.")
    }

    fn put(&mut self, kind: &str, message: Value) {
        let number = self.lines.len();
        let uuid = |number: usize| format!("{}-{number}", self.id);
        let (minute, second) = (number / 60, number % 60);
        let line = json!({
            "parentUuid": (0 < number).then(|| uuid(number - 1)), "isSidechain": false, "userType": "external",
            "cwd": self.folder, "sessionId": self.id, "version": "2.1.197", "gitBranch": "main", "type": kind,
            "message": message, "uuid": uuid(number),
            "timestamp": format!("2026-11-{:02}T09:{minute:02}:{second:02}.000Z", self.day),
        });
        self.lines.push(line);
    }

    fn says(&mut self, block: Value) {
        let usage = json!({"input_tokens": 4, "cache_creation_input_tokens": 300,
            "cache_read_input_tokens": 12_000, "output_tokens": 60});
        let id = format!("msg_{}_{}", self.id, self.lines.len());
        self.put(
            "assistant",
            json!({"id": id, "type": "message", "role": "assistant", "model": "claude-sonnet-4-6",
                "content": [block], "usage": usage}),
        );
    }

    fn prompt(mut self, text: &str) -> Session {
        self.put("user", json!({"role": "user", "content": text}));
        self
    }

    fn tool(mut self, name: &str, input: &Value, output: &str, failed: bool) -> Session {
        let id = format!("toolu_{}_{}", self.id, self.lines.len());
        self.says(json!({"type": "tool_use", "id": id, "name": name, "input": input}));
        let mut result = json!({"type": "tool_result", "tool_use_id": id, "content": output});
        if failed {
            result["is_error"] = true.into();
        }
        self.put("user", json!({"role": "user", "content": [result]}));
        self
    }

    fn runs(self, command: &str, output: &str) -> Session {
        self.tool("Bash", &json!({"command": command, "description": "Runs it"}), output, false)
    }

    fn fails(self, command: &str, code: i32, output: &str) -> Session {
        let output = format!("Exit code {code}\n{output}");
        self.tool("Bash", &json!({"command": command, "description": "Runs it"}), &output, true)
    }

    /// Puts it where Claude Code keeps it.
    fn ends(mut self, world: &mut World) {
        self.says(json!({"type": "text", "text": "Done."}));
        let folder: String = self
            .folder
            .to_string_lossy()
            .chars()
            .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' })
            .collect();
        let text: String = self.lines.iter().map(|line| format!("{line}\n")).collect();
        world.file(&format!("home/.claude/projects/{folder}/{}.jsonl", self.id), text);
    }
}

/// Sessions in which edits failed because the file is indented with tabs.
fn worked_on() -> World {
    let mut world = World::new();
    world.may_leave("work/CLAUDE.md");
    for (id, day) in [("aaaa1111", 16), ("bbbb2222", 18)] {
        edits_tabs(Session::new(&world, id, day)).ends(&mut world);
    }
    world.file("work/main.go", "func main() {\n\tfmt.Println(\"hello\")\n}\n");
    world
}

/// An edit of a file with tabs, written with blanks.
fn edits_tabs(session: Session) -> Session {
    let file = session.folder.join("main.go");
    let edit = json!({"file_path": file, "old_string": "    fmt.Println(\"hello\")\n}", "new_string": "}"});
    session
        .tool(
            "Read",
            &json!({"file_path": file}),
            "     1\tfunc main() {\n     2\t\tfmt.Println(\"hello\")\n     3\t}\n",
            false,
        )
        .tool("Edit", &edit, "<tool_use_error>String to replace not found in file.</tool_use_error>", true)
}

fn memory(world: &World) -> Option<String> {
    fs::read_to_string(world.project().join("CLAUDE.md")).ok()
}

#[test]
fn what_failed_again_and_again_is_shown_first_and_written_when_asked_for() {
    let world = worked_on();
    let shown = world.run(&["learn"]).succeeded();
    assert!(shown.starts_with("Found 1 recurring pattern in 2 sessions:\n"), "{shown}");
    for words in
        ["2 times in 2 sessions", "last on 2026-11-18", "→ would be added to CLAUDE.md", "+- ", "--apply"]
    {
        assert!(shown.contains(words), "{words:?} is not in\n{shown}");
    }
    assert_eq!(memory(&world), None, "nothing is written in a pipe");

    let shown = world.run(&["learn", "--apply"]).succeeded();
    assert!(shown.contains("→ added to CLAUDE.md") && shown.contains("Wrote CLAUDE.md"), "{shown}");
    let written = memory(&world).expect("it was made");
    assert!(
        written.contains("are indented with tabs") && written.contains("(2 times, last 2026-11-18)"),
        "{written}"
    );

    let again = world.run(&["learn", "--apply"]).succeeded();
    assert!(again.contains("→ stands in CLAUDE.md") && !again.contains("Wrote"), "{again}");
    assert_eq!(memory(&world), Some(written), "a second run changes nothing");

    let undone = world.run(&["learn", "--undo"]).succeeded();
    assert!(undone.starts_with("CLAUDE.md is gone again"), "{undone}");
    assert_eq!(memory(&world), None);
    let undone = world.run(&["learn", "--undo"]).succeeded();
    assert!(undone.starts_with("Nothing to undo"), "{undone}");
}

#[test]
fn the_rest_of_the_file_keeps_every_byte() {
    let mut world = worked_on();
    let own = b"\xef\xbb\xbf# Shop\r\n\r\nCaf\x97 \x00 rules\r\nno end of line";
    let path = world.file("work/CLAUDE.md", own);
    world.run(&["learn", "--apply"]).succeeded();
    let written = fs::read(&path).expect("it is there");
    assert!(written.starts_with(own) && written.len() > own.len());
    world.run(&["learn", "--undo"]).succeeded();
    assert_eq!(fs::read(&path).expect("it is there"), own);
}

#[test]
fn what_a_person_deletes_stays_away_until_it_is_asked_for_again() {
    let world = worked_on();
    world.run(&["learn", "--apply"]).succeeded();
    let written = memory(&world).expect("it was made");
    let kept: String =
        written.lines().filter(|line| !line.starts_with("- ")).map(|line| format!("{line}\n")).collect();
    fs::write(world.project().join("CLAUDE.md"), &kept).expect("a person deletes the line");
    let shown = world.run(&["learn", "--apply"]).succeeded();
    assert!(shown.contains("→ dismissed"), "{shown}");
    assert_eq!(memory(&world), Some(kept));
    let shown: Value =
        serde_json::from_str(&world.run(&["learn", "--json"]).succeeded()).expect("it is JSON");
    assert_eq!(shown["projects"][0]["patterns"][0]["outcomes"][0]["what"], "dismissed");
    world.run(&["learn", "--apply", "--again"]).succeeded();
    assert_eq!(memory(&world), Some(written));
}

/// Sessions in which a task was asked for that is not there, and another did the work.
fn wrong_task() -> World {
    let mut world = World::new();
    world.may_leave("work/CLAUDE.md");
    world.agent("make", "exit 0");
    for (id, day) in [("aaaa1111", 16), ("bbbb2222", 18)] {
        Session::new(&world, id, day)
            .fails("make test", 2, "make: *** No rule to make target 'test'.  Stop.")
            .runs("make unit-test", "all is well")
            .ends(&mut world);
    }
    world
}

#[test]
fn a_cause_that_was_mended_takes_its_line_along() {
    let mut world = wrong_task();
    world.run(&["learn", "--apply"]).succeeded();
    let written = memory(&world).expect("it was made");
    assert!(written.contains("- Run `make unit-test`, not `make test`"), "{written}");
    Session::new(&world, "cccc3333", 19).runs("make test", "all is well").ends(&mut world);
    let shown = world.run(&["learn"]).succeeded();
    assert!(shown.contains("1 line would leave CLAUDE.md: not true any more."), "{shown}");
    assert_eq!(memory(&world), Some(written));
    let shown = world.run(&["learn", "--apply"]).succeeded();
    assert!(shown.contains("1 line left CLAUDE.md: not true any more."), "{shown}");
    assert_eq!(memory(&world).as_deref(), Some(""), "the block goes with its last line");
}

#[test]
fn runs_at_the_same_time_write_one_block() {
    let mut world = wrong_task();
    world.file("work/CLAUDE.md", "# Shop\n");
    let run = || {
        let mut command = world.headroom(&["learn", "--apply"]);
        command.stdout(std::process::Stdio::null()).spawn().expect("it starts")
    };
    let runs: Vec<_> = (0..4).map(|_| run()).collect();
    for mut run in runs {
        assert!(run.wait().expect("it ends").success());
    }
    let written = memory(&world).expect("it is there");
    assert!(written.starts_with("# Shop\n\n<!-- headroom:learn:start -->"), "{written}");
    assert_eq!((written.matches("learn:start").count(), written.matches("make unit-test").count()), (1, 1));
    assert!(world.run(&["learn"]).succeeded().contains("→ stands in CLAUDE.md"));
}

#[test]
fn ordinary_work_teaches_nothing() {
    let mut world = World::new();
    for (number, day) in [(1, 16), (2, 17), (3, 18)] {
        Session::new(&world, &format!("dddd{number}"), day)
            .fails("cargo test", 101, "test cart::total ... FAILED")
            .tool(
                "Edit",
                &json!({"file_path": world.project().join("a.rs"), "old_string": "a", "new_string": "b"}),
                "updated",
                false,
            )
            .runs("cargo test", "test result: ok")
            .fails("grep -rn coupon src", 1, "")
            .runs("grep -rn Coupon src", "src/cart.rs:1:struct Coupon;")
            .fails("ls docs", 2, "ls: cannot access 'docs': No such file or directory")
            .ends(&mut world);
    }
    let shown = world.run(&["learn", "--apply"]).succeeded();
    assert_eq!(shown, "No recurring patterns in 3 sessions.\n");
    let shown = world.run(&["learn", "--agent", "codex"]).succeeded();
    assert!(shown.starts_with("No recurring patterns: no session of the last 30d was found for "), "{shown}");
}

#[test]
fn a_person_at_a_terminal_is_asked() {
    for (key, writes) in [("n\n", false), ("y\n", true)] {
        let world = worked_on();
        let mut terminal = Terminal::start(&world.headroom(&["learn"]));
        terminal.sees("→ would be added to CLAUDE.md").sees("Change CLAUDE.md? [y/N] ").type_keys(key);
        terminal.sees(if writes { "Wrote CLAUDE.md" } else { "Nothing was written." });
        assert_eq!(terminal.ends(), 0);
        assert_eq!(memory(&world).is_some(), writes);
    }
}

#[test]
fn a_file_that_is_not_clear_is_left_alone_and_said_so() {
    let mut world = worked_on();
    let torn = "# Shop\n<!-- headroom:learn:start -->\n- mine\n";
    world.file("work/CLAUDE.md", torn);
    let ran = world.run(&["learn", "--apply"]);
    assert!(ran.stdout().contains("→ not written: CLAUDE.md can't be changed"), "{}", ran.stdout());
    let said = ran.failed_with(1);
    assert!(
        said.contains(
            "line 2 begins a block of headroom's that does not end; write `<!-- headroom:learn:end -->`"
        ),
        "{said}"
    );
    assert_eq!(memory(&world).as_deref(), Some(torn));
}

#[test]
fn what_cannot_be_read_is_said_and_what_can_is_learned_from() {
    let mut world = worked_on();
    let torn = world.file("tmp/torn.jsonl", "no transcript\n");
    let said = world.run(&["learn", "--session-log", &torn.to_string_lossy(), "tmp/none"]).failed_with(1);
    assert!(said.contains("tmp/none") && said.contains("torn.jsonl is no transcript"), "{said}");
    world.run(&["learn", "--since", "soon"]).failed_with(2);
    world.run(&["learn", "--apply", "--undo"]).failed_with(2);

    let sessions = fs::read_dir(world.home().join(".claude/projects")).expect("the sessions");
    let folder = sessions.flatten().next().expect("the project").path();
    let one = folder.join("aaaa1111.jsonl");
    let text = fs::read_to_string(&one).expect("a session");
    fs::write(&one, format!("{{\"half\n{text}\u{0}\n{{}}\n[1")).expect("it is damaged");
    let ran = world.run(&["learn", "--session-log", &one.to_string_lossy()]);
    let shown = ran.succeeded_saying("passed over as unreadable");
    assert_eq!(shown, "No recurring patterns in 1 session.\n");
}

#[test]
fn the_home_folder_gets_no_memory_file() {
    let mut world = World::new();
    for (id, day) in [("eeee1111", 17), ("eeee2222", 18)] {
        let mut session = Session::new(&world, id, day);
        session.folder = world.home();
        session.lines.clear();
        edits_tabs(session.prompt("Mend it.")).ends(&mut world);
    }
    let home = world.home();
    let home = home.to_string_lossy();
    let ran = world.run(&["learn", "--apply", "--project", &home]);
    ran.succeeded_saying("is no project");
    // Where a file is named, it is written.
    let target = world.project().join("notes.md");
    world.may_leave("work/notes.md");
    world.run(&["learn", "--apply", "--project", &home, "--target", &target.to_string_lossy()]).succeeded();
    assert!(fs::read_to_string(target).is_ok_and(|text| text.contains("with tabs")));
}

#[test]
fn what_headroom_can_do_itself_goes_into_its_own_settings() {
    let mut world = World::new();
    let pods: String =
        (0..400).map(|pod| format!("shop-{pod:04}   1/1   Running   {}   {pod}d\n", pod % 7)).collect();
    for (id, day) in [("ffff1111", 17), ("ffff2222", 18)] {
        let mut session = Session::new(&world, id, day);
        for key in ["0123456789abcdef0123", "0123456789abcdef0124"] {
            let pods = pods.replace("Running", if key.ends_with('3') { "Running" } else { "Pending" });
            session =
                session.runs("kubectl get pods", &pods).runs(&format!("headroom retrieve {key}"), &pods);
        }
        session.ends(&mut world);
    }
    let own = "# mine\r\n[rules]\r\n\"tool:mcp__db\" = \"never\"\r\n";
    let settings = world.headroom_home().join("config.toml");
    fs::write(&settings, own).expect("the user's settings");
    let shown = world.run(&["learn"]).succeeded();
    assert!(shown.contains("→ would be set in headroom's own settings: \"command:kubectl get"), "{shown}");
    let shown = world.run(&["learn", "--apply"]).succeeded();
    assert!(shown.contains("→ set in headroom's own settings"), "{shown}");
    let written = fs::read_to_string(&settings).expect("they are there");
    assert!(
        written.contains("\" = \"lossless\" # headroom learn") && written.starts_with("# mine\r\n"),
        "{written}"
    );
    assert!(world.run(&["config", "show"]).succeeded().contains("kubectl get"), "they can be read");
    let again = world.run(&["learn", "--apply"]).succeeded();
    assert!(again.contains("→ is set in headroom's own settings") && !again.contains("Wrote"), "{again}");

    fs::write(&settings, format!("{written}\"path:*.csv\" = \"lossless\"\r\n"))
        .expect("the user adds a rule");
    world.run(&["learn", "--undo", "--target", &settings.to_string_lossy()]).succeeded();
    let after = fs::read_to_string(&settings).expect("they are there");
    assert_eq!(after, format!("{own}\"path:*.csv\" = \"lossless\"\r\n"));

    // What was taken out by hand is not put there again.
    world.run(&["learn", "--apply"]).succeeded();
    fs::write(&settings, own).expect("the user takes it out");
    let shown = world.run(&["learn", "--apply"]).succeeded();
    assert!(shown.contains("→ dismissed"), "{shown}");
    assert_eq!(fs::read_to_string(&settings).expect("they are there"), own);
}

#[test]
fn every_project_gets_its_own_file_and_quiet_ones_are_only_counted() {
    let mut world = wrong_task();
    let quiet = world.project().join("quiet");
    world.file("work/quiet/.git/HEAD", "ref: refs/heads/main\n");
    world.may_leave("work/quiet/CLAUDE.md");
    let mut session = Session::new(&world, "eeee1111", 18);
    session.folder = quiet.clone();
    session.lines.clear();
    session.prompt("Look around.").runs("ls", "a\nb").ends(&mut world);
    let shown = world.run(&["learn", "--all", "--apply"]).succeeded();
    assert!(shown.contains("→ added to CLAUDE.md"), "{shown}");
    assert!(shown.ends_with("Read 3 sessions of 2 projects; 1 with recurring patterns.\n"), "{shown}");
    assert!(memory(&world).is_some() && !quiet.join("CLAUDE.md").exists());
}
