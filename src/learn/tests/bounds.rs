//! Hostile transcripts: learning ends, and keeps little.

use super::{Machine, NOW};
use crate::learn::Learner;
use crate::learn::step::{Excerpt, Folder, Recent};
use crate::transcript::{About, Author, Call, Ending, Entry, Event, Outcome, Prompt};
use crate::units::Millis;
use proptest::prelude::*;

fn call(id: &str, command: &str) -> Event {
    let arguments = serde_json::json!({ "command": command }).to_string();
    Event::Call(Call { id: id.to_owned(), tool: "Bash".to_owned(), arguments })
}

fn result(id: &str, text: &str, ending: Ending) -> Event {
    Event::Result(Outcome { id: id.to_owned(), text: text.to_owned(), images: 0, ending })
}

fn entry(line: u64, thread: &str, event: Event) -> Entry {
    Entry { line, at: Some(Millis(line as i64)), thread: thread.into(), event }
}

#[test]
fn threads_and_calls_without_end_are_let_go() {
    let mut learner = Learner::new();
    learner.session(&About::default(), "/p");
    for number in 0..3_000 {
        let name = number.to_string();
        learner.see(&entry(number, &name, call(&name, "python a.py")));
        if number % 3 == 0 {
            learner.see(&entry(
                number,
                &name,
                result(&name, "bash: python: command not found", Ending::Failed(None)),
            ));
        }
    }
    let (advice, _) = learner.weigh(&Machine { without: &[], memory: "" }, NOW);
    assert!(advice.is_empty());
}

#[test]
fn a_thread_keeps_its_newest_moments_only() {
    let mut folder = Folder::new("claude", "/p");
    let mut recent = Recent::of("s".into(), "claude".into(), "/p".into());
    let command = format!("echo {}", "x".repeat(1 << 16));
    for number in 0..600 {
        let id = number.to_string();
        folder.fold(&entry(number, "", call(&id, &command)));
        let text = "y\n".repeat(1 << 13);
        let moment = folder.fold(&entry(number, "", result(&id, &text, Ending::Worked)));
        recent.push(moment.expect("a step").1);
    }
    assert!(recent.bytes() <= 8 << 20, "{}", recent.bytes());
    assert!(recent.steps_before().count() < super::super::step::RECENT);
}

#[test]
fn an_excerpt_holds_both_ends() {
    let text = format!("first\n{}\nlast", "middle\n".repeat(10_000));
    let excerpt = Excerpt::of(&text);
    assert!(excerpt.head.starts_with("first") && excerpt.tail.ends_with("last"));
    assert_eq!(excerpt.bytes, text.len() as u64);
    let short = Excerpt::of("a\u{e9}b");
    assert_eq!((short.head.as_str(), short.tail.as_str()), ("a\u{e9}b", ""));
}

/// Any entry, of few ids, commands and outputs, so that they meet.
fn any_entry() -> impl Strategy<Value = Event> {
    let id = prop::sample::select(vec!["a", "b", "c", ""]);
    let command = prop_oneof![
        prop::sample::select(vec!["python a", "npm test", "cd x && pytest | tail", "\0", "$(", "'"])
            .prop_map(str::to_owned),
        ".{0,60}",
    ];
    let text = prop_oneof![
        prop::sample::select(vec![
            "bash: python: command not found",
            "Missing script: \"test\"",
            "invalid option -- x",
            ""
        ])
        .prop_map(str::to_owned),
        ".{0,80}",
    ];
    let ending = prop::sample::select(vec![
        Ending::Worked,
        Ending::Failed(Some(127)),
        Ending::Failed(None),
        Ending::Denied,
        Ending::Interrupted,
        Ending::Unknown,
    ]);
    prop_oneof![
        (id.clone(), command).prop_map(|(id, command)| call(id, &command)),
        (id, text.clone(), ending).prop_map(|(id, text, ending)| result(id, &text, ending)),
        text.prop_map(|text| Event::Prompt(Prompt { text, by: Author::Person, images: 0 })),
        Just(Event::Interrupted),
        Just(Event::Back { to: 0 }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_transcript_is_learned_from(events in prop::collection::vec(any_entry(), 0..60), at in any::<i64>()) {
        let mut learner = Learner::new();
        learner.session(&About::default(), "/p");
        for (line, event) in events.into_iter().enumerate() {
            let entry = Entry { at: Some(Millis(at)), ..entry(line as u64, "", event) };
            learner.see(&entry);
        }
        let (advice, _) = learner.weigh(&Machine { without: &[], memory: "" }, NOW);
        for passed in advice {
            prop_assert!(crate::learn::block::is_fit(&passed.sentence), "{}", passed.sentence);
        }
    }
}
