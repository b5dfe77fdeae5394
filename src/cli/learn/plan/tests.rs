//! What belongs where: which file, which agents, what needs a yes, what has aged.

use super::*;
use crate::agent::definition;
use crate::learn::evidence::Evidence;
use crate::learn::lesson::{Because, Lesson};
use crate::learn::peril::Peril;
use crate::store::Limits;
use std::fs;

const DAY: i64 = 86_400_000;
const NOW: Millis = Millis(20_000 * DAY);

struct Desk {
    folder: tempfile::TempDir,
    store: Store,
}

impl Desk {
    fn new(files: &[&str]) -> Desk {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&folder.path().join("data"), Limits::default()).expect("a store");
        let desk = Desk { folder, store };
        fs::create_dir_all(desk.project().join(".git")).expect("a folder");
        for file in files {
            fs::write(desk.project().join(file), "x\n").expect("a file");
        }
        desk
    }

    fn home(&self) -> PathBuf {
        fs::canonicalize(self.folder.path()).expect("it is there")
    }

    fn project(&self) -> PathBuf {
        self.home().join("shop")
    }

    fn found(&self, agents: &[&str], patterns: Vec<Advice>) -> Found {
        Found {
            project: self.project(),
            sessions: 2,
            agents: agents.iter().map(|&agent| agent.to_owned()).collect(),
            patterns,
            view: View::Whole,
            ..Found::default()
        }
    }

    fn plan(&self, found: &Found, wishes: &Wishes, now: Millis) -> Plan {
        let agents = definition::known(Path::new("/nowhere")).expect("the built-in ones");
        let settings = self.home().join("config.toml");
        plan(found, &agents, &self.home(), &settings, wishes, &self.store, now)
    }

    /// Plans and writes; says which files have changed.
    fn write(&self, found: &Found, now: Millis) -> Vec<String> {
        let amendments = Amendments::below(&self.home().join("data"));
        let plan = self.plan(found, &no_wishes(), now);
        let changed = plan
            .files
            .iter()
            .filter(|file| file.goal.write(&amendments, &self.store, now).expect("it can be written"));
        changed.map(|file| file.name.clone()).collect()
    }
}

fn no_wishes() -> Wishes {
    Wishes { yes: Vec::new(), target: None, again: Again::No }
}

fn advice(id: &str, sentence: &str, agents: &[&str], last: Millis) -> Advice {
    let lesson =
        Lesson::UseCommand { not: "a".to_owned(), instead: "b".to_owned(), because: Because::NotFound };
    let agents = agents.iter().map(|&agent| agent.into()).collect();
    Advice {
        id: id.to_owned(),
        project: "/shop".into(),
        lesson,
        evidence: Evidence { times: 2, sessions: 2, agents, last: Some(last), ..Evidence::default() },
        sentence: sentence.to_owned(),
        scope: Scope::Memory,
        consent: Consent::Free,
    }
}

fn file(name: &str, fate: Fate) -> Outcome {
    Outcome::File { name: name.to_owned(), fate }
}

#[test]
fn advice_goes_into_the_files_of_the_agents_that_met_it() {
    let desk = Desk::new(&[]);
    let patterns = vec![
        advice("1", "Run `make`.", &["claude", "codex", "gemini", "opencode"], NOW),
        advice("2", "Run `just`.", &["codex"], NOW),
        advice("3", "Run `tup`.", &["nobody"], NOW),
    ];
    let found = desk.found(&["claude", "codex", "gemini", "opencode"], patterns);
    let plan = desk.plan(&found, &no_wishes(), NOW);
    assert_eq!(
        plan.outcomes,
        [
            vec![
                file("CLAUDE.md", Fate::Added),
                file("AGENTS.md", Fate::Added),
                file("GEMINI.md", Fate::Added)
            ],
            vec![file("AGENTS.md", Fate::Added)],
            vec![Outcome::NoFile],
        ]
    );
    let desk = Desk::new(&["AGENTS.md"]);
    std::os::unix::fs::symlink("AGENTS.md", desk.project().join("CLAUDE.md")).expect("a link");
    let found = desk.found(&["claude", "codex"], vec![advice("1", "Run `make`.", &["claude", "codex"], NOW)]);
    assert_eq!(desk.plan(&found, &no_wishes(), NOW).files.len(), 1, "one file of two names is written once");
}

#[test]
fn what_needs_a_yes_is_in_no_file_without_it() {
    let desk = Desk::new(&[]);
    let mut asked = advice("abcdef0123456789", "Run `curl -O x`.", &["claude"], NOW);
    asked.consent = Consent::Asked(vec![Peril::Fetches]);
    let found = desk.found(&["claude"], vec![asked]);
    let why = "it fetches something".to_owned();
    assert_eq!(desk.plan(&found, &no_wishes(), NOW).outcomes, [[Outcome::NeedsYes { why: why.clone() }]]);
    assert_eq!(desk.write(&found, NOW), Vec::<String>::new());
    for (yes, written) in [("abcdef01", true), ("bcdef", false), ("", false)] {
        let wishes = Wishes { yes: vec![yes.to_owned()], ..no_wishes() };
        let expected =
            if written { file("CLAUDE.md", Fate::Added) } else { Outcome::NeedsYes { why: why.clone() } };
        assert_eq!(desk.plan(&found, &wishes, NOW).outcomes, [[expected]], "{yes:?}");
    }
}

#[test]
fn a_place_of_this_machine_goes_into_no_file_that_others_read() {
    let here = || vec![advice("1", "Run `/opt/x/bin/y`.", &["claude"], NOW)];
    let desk = Desk::new(&["CLAUDE.md"]);
    let plan = desk.plan(&desk.found(&["claude"], here()), &no_wishes(), NOW);
    assert_eq!(plan.outcomes, [[Outcome::OnlyHere { name: "CLAUDE.md".to_owned() }]]);
    let desk = Desk::new(&["CLAUDE.md", "CLAUDE.local.md"]);
    let plan = desk.plan(&desk.found(&["claude"], here()), &no_wishes(), NOW);
    assert_eq!(plan.outcomes, [[file("CLAUDE.local.md", Fate::Added)]]);
    let wishes = Wishes { target: Some(desk.project().join("x.md")), ..no_wishes() };
    let plan = desk.plan(&desk.found(&["claude"], here()), &wishes, NOW);
    assert_eq!(plan.outcomes, [[file("x.md", Fate::Added)]]);
}

#[test]
fn a_line_goes_when_its_cause_was_not_seen_for_long_although_there_was_work() {
    let after = |days: i64| Millis(NOW.0 + days * DAY);
    // Days until the next run, ends of sessions since, whether all of them were looked at; whether the line goes.
    let cases = [
        (61, vec![30, 40, 59], View::Whole, true),
        (59, vec![30, 40, 58], View::Whole, false),
        (61, vec![30, 40], View::Whole, false),
        (61, vec![30, 40, 59], View::Part, false),
    ];
    for (days, ends, view, goes) in cases {
        let desk = Desk::new(&["CLAUDE.md"]);
        let found = desk.found(&["claude"], vec![advice("1", "Run `make`.", &["claude"], NOW)]);
        assert_eq!(desk.write(&found, NOW), ["CLAUDE.md"]);
        let ends = ends.into_iter().map(after).collect();
        let later = Found { ends, view, ..desk.found(&["claude"], Vec::new()) };
        let changed = desk.write(&later, after(days));
        assert_eq!(!changed.is_empty(), goes, "{days} days, {:?}", later.ends);
        let text = fs::read_to_string(desk.project().join("CLAUDE.md")).expect("it is there");
        assert_eq!(text == "x\n", goes, "{text}");
    }
}

#[test]
fn a_line_goes_at_once_when_it_is_not_true_any_more() {
    let desk = Desk::new(&["CLAUDE.md"]);
    let found = desk.found(&["claude"], vec![advice("1", "Run `make`.", &["claude"], NOW)]);
    desk.write(&found, NOW);
    let refuted = BTreeSet::from(["1".to_owned()]);
    let later = Found { refuted, view: View::Part, ..desk.found(&["claude"], Vec::new()) };
    assert_eq!(desk.plan(&later, &no_wishes(), NOW).files[0].leaving, [("1".to_owned(), Leaves::Refuted)]);
    assert_eq!(desk.write(&later, NOW), ["CLAUDE.md"]);
    assert_eq!(fs::read_to_string(desk.project().join("CLAUDE.md")).expect("it is there"), "x\n");
    assert_eq!(desk.write(&found, NOW), ["CLAUDE.md"], "true again, it is said again");
}

#[test]
fn the_home_folder_is_refused_and_a_named_file_is_not() {
    let desk = Desk::new(&[]);
    let found = Found {
        project: desk.home(),
        ..desk.found(&["claude"], vec![advice("1", "Run `make`.", &["claude"], NOW)])
    };
    let plan = desk.plan(&found, &no_wishes(), NOW);
    assert_eq!((plan.files.len(), plan.outcomes), (0, vec![vec![Outcome::NoFile]]));
    assert!(plan.remarks[0].contains("is no project"), "{:?}", plan.remarks);
}
