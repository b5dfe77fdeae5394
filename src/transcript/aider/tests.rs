//! What aider wrote, and what else it may.

use crate::transcript::sample::{broken, expected, recorded, source, told, told_in};
use crate::transcript::{Format, recognise};

#[test]
fn what_aider_wrote_is_read_in_order() {
    for name in ["chat.md", "llm.log"] {
        let path = recorded(&format!("aider/{name}"));
        assert_eq!(recognise(&path).unwrap(), Some(Format::Aider));
        let (told, skipped) = told(&source(&path, Format::Aider, None));
        assert_eq!((skipped.unreadable, skipped.unknown), (0, 0));
        // The folder is that of the file.
        let (about, told): (Vec<String>, Vec<String>) =
            told.into_iter().partition(|line| line.contains(" about aider "));
        assert_eq!(told, expected(&format!("aider/{name}.told")));
        assert_eq!(about.last().unwrap().contains(" openai/gpt-4o 0.86.2 "), name == "chat.md", "{about:?}");
    }
}

/// What a chat says behind its beginning.
fn chat(text: &str) -> Vec<String> {
    let (told, skipped) =
        told_in(format!("# aider chat started at 2026-11-20 10:00:00\n{text}").as_bytes(), Format::Aider);
    assert_eq!((skipped.unreadable, skipped.unknown), (0, 0));
    told.into_iter().skip(1).collect()
}

#[test]
fn commands_and_checks_end_as_aider_says() {
    for (text, expected) in [
        (
            "#### /test make check  \n#### go on  \n",
            &[
                "2 call run-1 bash {\"command\":\"make check\"}",
                "2 result run-1 worked  +0",
                "3 person: go on +0",
            ][..],
        ),
        ("#### !ls  \n", &["2 call run-1 bash {\"command\":\"ls\"}", "2 result run-1 unknown  +0"]),
        (
            "#### /git status  \n",
            &["2 call run-1 bash {\"command\":\"git status\"}", "2 result run-1 unknown  +0"],
        ),
        (
            "> make all  \n> Run shell command? (Y)es/(N)o [Yes]: y  \n> Running make all  \n",
            &["4 call run-1 bash {\"command\":\"make all\"}", "4 result run-1 unknown  +0"],
        ),
        (
            "> Attempt to fix lint errors? (Y)es/(N)o [Yes]: y  \n",
            &["2 call lint-1 lint {}", "2 result lint-1 failed  +0"],
        ),
        (
            "#### /add a.py  \n#### /ask why?  \n#### no, use pnpm\n#### please  \n",
            &["3 person: why? +0", "4 person: no, use pnpm|please +0"],
        ),
        ("#### one  \n#### /clear  \n", &["2 person: one +0", "3 back 1"]),
        (
            "Hello\n#### A heading\n> a quote\n\n> ^C KeyboardInterrupt  \n",
            &["2 said Hello|#### A heading|> a quote", "6 answered  -", "6 interrupted"],
        ),
    ] {
        assert_eq!(chat(text), expected, "{text}");
    }
}

#[test]
fn edits_that_were_refused_are_denied_and_those_of_which_nothing_is_said_unknown() {
    let block = |path: &str| format!("{path}\n```\n<<<<<<< SEARCH\na\n=======\nb\n>>>>>>> REPLACE\n```\n");
    let text = format!(
        "{}{}{}> Tokens: 842 sent, 1.2k cache write, 12 cache hit, 1.5M received.  \n> b.py  \n> Allow edits to file that has not been added to the chat? (Y)es/(N)o [Yes]: n  \n> Skipping edits to c.py  \n",
        block("a.py"),
        block("b.py"),
        block("c.py")
    );
    let told = chat(&text);
    let ends: Vec<&String> =
        told.iter().filter(|line| line.contains(" result ") || line.contains(" answered ")).collect();
    assert_eq!(
        ends,
        [
            "26 answered  0+12r+1200w>1500000",
            "28 result edit-2 denied  +0",
            "29 result edit-3 denied  +0",
            "2 result edit-1 unknown  +0"
        ]
    );
}

#[test]
fn each_session_of_a_file_says_whose_it_is() {
    let text = "# aider chat started at 2026-11-20 10:00:00\n> Model: m with diff edit format  \n#### one  \n# aider chat started at 2026-11-21 09:00:00\n#### two  \n";
    let (told, _) = told_in(text.as_bytes(), Format::Aider);
    let about = told.iter().filter_map(|line| line.split_once(" about aider "));
    let sessions: Vec<&str> = about.filter_map(|(_, rest)| rest.split(' ').next()).collect();
    assert_eq!(sessions, ["100000-2026-11-20", "100000-2026-11-20", "090000-2026-11-21"]);
}

#[test]
fn a_broken_file_is_read_as_far_as_it_goes() {
    for name in ["aider/chat.md", "aider/llm.log"] {
        let whole = std::fs::read(recorded(name)).unwrap();
        for seed in 0..150 {
            let (told, _) = told_in(&broken(&whole, seed), Format::Aider);
            assert!(told.len() < 200, "{seed}");
        }
    }
}
