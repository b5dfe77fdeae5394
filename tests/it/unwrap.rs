//! Agents that only a file of the user's can point at us: the file while they run, after they ended, and after a crash.

use crate::world::{World, eventually, terminate};
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command};

const SETTINGS: &str =
    "{\r\n    // mine\r\n    \"model\": 1e2, /* why */\r\n    \"provider\": { \"baseUrl\": \"OWN\", },\r\n}";

/// A world with an agent that reads its base URL from a settings file, writes it down, and runs until it is told to end.
fn patched(format: &str, settings: &str) -> (World, PathBuf) {
    let mut world = World::new();
    let upstream = world.provider().base_url();
    let file = if format == "toml" { "config.toml" } else { "settings.json" };
    world.agent(
        "other",
        &format!(
            "url=$(grep -o 'http://127[^\"]*' ~/.other/{file} | head -n 1)\n\
             echo \"$url\" >> \"$TMPDIR/seen\"\n\
             while [ -e \"$TMPDIR/$1\" ]; do sleep 0.02; done; exit 3"
        ),
    );
    world.file(
        "headroom/agents/other.toml",
        format!(
            "name = \"other\"\ntitle = \"Other\"\nbinary = \"other\"\nwire = \"anthropic\"\n\
             [upstream]\ndefault = \"{upstream}\"\n\
             [[patches]]\nfile = \"~/.other/{file}\"\nformat = \"{format}\"\nkey = [\"provider\", \"baseUrl\"]\nvalue = \"{{url}}\"\n"
        ),
    );
    let path = world.file(&format!("home/.other/{file}"), settings.replace("OWN", &upstream));
    world.may_leave("tmp/seen");
    (world, path)
}

impl World {
    fn tmp(&self, name: &str) -> PathBuf {
        self.home().with_file_name("tmp").join(name)
    }

    /// Starts the agent and waits until it has read its settings; it runs until `stay` is removed.
    fn started(&self, stay: &str) -> Child {
        let before = self.seen().len();
        fs::write(self.tmp(stay), "").expect("a file");
        let child = self.headroom(&["wrap", "--quiet", "other", stay]).spawn().expect("headroom starts");
        eventually("the agent has read its settings", || before < self.seen().len());
        child
    }

    fn seen(&self) -> Vec<String> {
        let seen = fs::read_to_string(self.tmp("seen")).unwrap_or_default();
        seen.lines().map(str::to_owned).collect()
    }

    fn end(&self, stay: &str, mut child: Child) {
        fs::remove_file(self.tmp(stay)).expect("it is there");
        assert_eq!(child.wait().expect("it ends").code(), Some(3));
    }
}

#[test]
fn the_file_names_us_while_the_agent_runs_and_is_the_same_to_the_byte_after() {
    let toml = "# mine\r\n[provider]\r\nbaseUrl = 'OWN' # why\r\n";
    let missing = "model = \"x\"";
    for (format, settings) in [("json", SETTINGS), ("json", "{}"), ("toml", toml), ("toml", missing)] {
        let (world, path) = patched(format, settings);
        let before = fs::read(&path).expect("it is there");
        let child = world.started("stay");
        let url = world.seen().remove(0);
        assert!(url.contains(":") && url != world.provider().base_url(), "{url}");
        assert!(fs::read_to_string(&path).expect("it is there").contains(&url));
        world.end("stay", child);
        assert_eq!(fs::read(&path).expect("it is there"), before, "{settings}");
    }
}

#[test]
fn a_killed_run_is_undone_by_the_next_command_and_a_terminated_one_by_itself() {
    let (world, path) = patched("json", SETTINGS);
    let before = fs::read(&path).expect("it is there");
    let mut child = world.started("stay");
    child.kill().expect("it was alive");
    let _ = child.wait();
    assert_ne!(fs::read(&path).expect("it is there"), before, "nobody was left to undo it");
    let said = world.run(&["config", "path"]).succeeded_saying("a run that was killed had left this behind");
    assert!(!said.is_empty());
    assert_eq!(fs::read(&path).expect("it is there"), before);
    let _ = world.run(&["config", "path"]).succeeded();
    fs::remove_file(world.tmp("stay")).expect("it is there");

    let mut child = world.started("stay");
    terminate(child.id());
    assert_eq!(child.wait().expect("it ends").code(), Some(143));
    assert_eq!(fs::read(&path).expect("it is there"), before);
    fs::remove_file(world.tmp("stay")).expect("it is there");
}

#[test]
fn two_at_once_each_have_their_own_and_the_last_restores() {
    let (world, path) = patched("json", SETTINGS);
    let before = fs::read(&path).expect("it is there");
    let one = world.started("one");
    let two = world.started("two");
    let seen = world.seen();
    assert_ne!(seen[0], seen[1], "each has a proxy of its own");
    world.end("one", one);
    assert!(fs::read_to_string(&path).expect("it is there").contains(&seen[1]), "the other one still runs");
    let _ = world.run(&["stats"]).succeeded();
    world.end("two", two);
    assert_eq!(fs::read(&path).expect("it is there"), before);
}

#[test]
fn unwrap_undoes_everything_says_what_and_lets_the_users_own_edits_stay() {
    let (world, path) = patched("json", SETTINGS);
    let upstream = world.provider().base_url();
    let before = fs::read_to_string(&path).expect("it is there");
    assert_eq!(world.run(&["unwrap"]).succeeded(), "nothing to undo: no file is changed\n");
    let child = world.started("stay");
    assert_eq!(
        world.run(&["unwrap", "claude"]).succeeded(),
        "nothing to undo: no file is changed for claude\n"
    );
    let said = world.run(&["unwrap", "cluade"]).failed_with(2);
    assert!(said.contains("no agent is called `cluade`"), "a slip is no all-clear: {said}");
    let said = world.run(&["unwrap", "other"]).succeeded();
    assert!(said.ends_with(&format!("settings.json: provider.baseUrl is \"{upstream}\" again\n")), "{said}");
    assert_eq!(fs::read_to_string(&path).expect("it is there"), before);
    world.end("stay", child);
    assert_eq!(fs::read_to_string(&path).expect("it is there"), before, "once is enough");

    let child = world.started("stay");
    let ours = world.seen().pop().expect("it was written down");
    let edited = fs::read_to_string(&path).expect("it is there").replace(&ours, "https://mine.example");
    fs::write(&path, &edited).expect("the user's own edit");
    let said = world.run(&["unwrap"]).succeeded();
    assert!(said.contains("was changed by somebody else meanwhile, and stays as it is"), "{said}");
    world.end("stay", child);
    assert_eq!(fs::read_to_string(&path).expect("it is there"), edited);
}

#[test]
fn a_file_that_cannot_be_understood_is_not_touched_and_the_agent_runs() {
    let (world, path) = patched("json", "{ \"provider\": ");
    let ran = world.run(&["wrap", "other", "none"]);
    let said = ran.stderr();
    assert_eq!(ran.code(), 3, "{said}");
    assert!(said.contains("it can't be understood; Other goes past headroom"), "{said}");
    assert_eq!(fs::read_to_string(path).expect("it is there"), "{ \"provider\": ");
    drop(ran);
}

#[test]
fn what_can_only_be_pasted_is_said_and_the_first_request_is_the_proof() {
    use std::io::{BufRead, BufReader};
    let mut world = World::new();
    let upstream = world.provider().base_url();
    world.set("OPENAI_BASE_URL", &format!("{upstream}/v1")).set("ANTHROPIC_BASE_URL", &upstream);
    let shown = world.run(&["wrap", "cursor", "--dry-run"]).succeeded();
    assert!(shown.contains("Override OpenAI Base URL"), "{shown}");

    let mut command: Command = world.headroom(&["wrap", "--quiet", "ide"]);
    let mut child = command.stdout(std::process::Stdio::piped()).spawn().expect("headroom starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let said: Vec<String> =
        lines.by_ref().take_while(|line| !line.contains("waiting for the first")).collect();
    let url = |what: &str| {
        let line = said.iter().find(|line| line.contains(what)).unwrap_or_else(|| panic!("{said:?}"));
        line[line.find("http://").expect("a URL")..].to_owned()
    };
    assert!(
        url("OpenAI Compatible").ends_with("/v1") && url("Anthropic").ends_with("/@anthropic"),
        "{said:?}"
    );
    let body = br#"{"model":"claude-sonnet-4-5","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
    let client = crate::world::Client::new(&url("Anthropic"));
    assert_eq!(client.message(body).status, 200);
    assert_eq!(lines.next().as_deref(), Some("the first request has come through headroom: it works"));
    assert_eq!(world.provider().messages().len(), 1);
    terminate(child.id());
    assert!(child.wait().expect("it ends").success());
}
