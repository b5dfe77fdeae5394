//! The floors: which room may use which, and which outside thing only one room may say.
//!
//! Two tables and the tests that hold `src` to them. ARCHITECTURE.md tells the same in words.

#![allow(missing_docs)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The rooms, floor by floor from the ground. A room uses rooms on lower floors, and its own files.
const FLOORS: &[&[&str]] = &[
    &["units"],
    &["conversation", "refusal", "marker", "tokens", "text", "script", "secrets"],
    &["receipt"],
    &["wire", "compress", "store", "transcript", "prompt_cache"],
    &["ledger", "agent", "learn"],
    &["rewrite", "retrieve"],
    &["proxy", "mcp", "demo", "replay"],
    &["config"],
    &["cli", "main"],
];

/// An outside thing, and the rooms (or files) that alone may say it.
struct Outside {
    says: &'static [&'static str],
    only: &'static [&'static str],
    because: &'static str,
}

const OUTSIDE: &[Outside] = &[
    Outside {
        says: &["rusqlite", "SELECT ", "INSERT INTO", "PRAGMA "],
        only: &["store", "transcript/opencode"],
        because: "only the store speaks SQL, and what reads the database of another program",
    },
    Outside {
        says: &["println!", "eprintln!", "print!(", "eprint!(", "anstream", "comfy_table", "indicatif"],
        only: &["cli"],
        because: "only the cli prints",
    },
    Outside {
        says: &["env::var", "env::vars", "env::set_var", "env::remove_var"],
        only: &["config/env.rs"],
        because: "one file reads the environment; what is below gets it as a parameter",
    },
    Outside {
        says: &["Command::new", "portable_pty", "signal_hook"],
        only: &["agent"],
        because: "only agent starts programs",
    },
    Outside {
        says: &["hyper::", "hyper_util::", "rustls", "aws_sigv4"],
        only: &["proxy", "demo"],
        because: "the sockets",
    },
    Outside { says: &["rmcp::"], only: &["mcp"], because: "one room speaks the Model Context Protocol" },
    Outside {
        says: &["clap::", "clap_mangen"],
        only: &["cli"],
        because: "the command line is read in one place",
    },
    Outside { says: &["tiktoken::"], only: &["tokens.rs"], because: "tokens are counted in one place" },
    Outside {
        says: &["SystemTime::now", "Instant::now"],
        only: &["proxy", "mcp", "demo", "cli", "agent", "library"],
        because: "time comes in as a parameter below the sockets",
    },
    Outside {
        says: &["getrandom"],
        only: &["store", "proxy", "mcp", "demo", "cli"],
        because: "chance comes in as a parameter below the sockets (the store makes its own secret)",
    },
];

/// A room (or a file), and what it never says.
struct Absent {
    from: &'static [&'static str],
    says: &'static [&'static str],
    because: &'static str,
}

const ABSENT: &[Absent] = &[
    Absent {
        from: &["compress"],
        says: &["std::time", "std::net", "std::fs", "std::thread", "use tokio", "Wire::"],
        because: "a compressor sees a text, a hint and an allowance",
    },
    Absent {
        from: &["wire"],
        says: &["serde_json::to_", "std::fs", "std::time", "std::thread", "std::net"],
        because: "wire reports spans and writes nothing",
    },
    Absent {
        from: &["rewrite"],
        says: &["std::fs", "std::net", "std::time", "use tokio", "anyhow", "Result<Rewritten"],
        because: "the rewrite cannot fail and does nothing but rewrite",
    },
    Absent {
        from: &["rewrite/policy.rs"],
        says: &["Wire::", "anthropic", "openai"],
        because: "a provider's peculiarity enters as a fact on a block",
    },
    Absent {
        from: &["retrieve"],
        says: &["std::net", "use tokio"],
        because: "an original is read, not fetched",
    },
];

/// Words that name nothing.
const DRAWERS: &[&str] =
    &["core", "common", "utils", "util", "helpers", "helper", "manager", "handler", "misc"];

/// One file of `src`: where it lies, its room, and its code without comments and tests.
struct Source {
    path: PathBuf,
    room: String,
    code: String,
}

#[test]
fn every_room_uses_lower_floors_only() {
    let mut wrong = Vec::new();
    for source in sources() {
        // `lib.rs` and the library's face above all floors compose; nothing below may use them.
        let Some(own) = floor(&source.room) else { continue };
        for used in rooms_used(&source.code) {
            let Some(theirs) = floor(&used) else { continue };
            if used != source.room && own <= theirs {
                wrong.push(format!("{} uses {used}", source.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "against the floors:\n{}", wrong.join("\n"));
}

#[test]
fn every_outside_thing_is_said_in_its_own_room_only() {
    let mut wrong = Vec::new();
    for source in sources() {
        for outside in OUTSIDE {
            let at_home =
                outside.only.iter().any(|only| source.path.starts_with(only) || source.room == *only);
            for word in outside.says.iter().filter(|word| !at_home && source.code.contains(**word)) {
                wrong.push(format!("{} says `{}`: {}", source.path.display(), word.trim(), outside.because));
            }
        }
    }
    assert!(wrong.is_empty(), "in the wrong room:\n{}", wrong.join("\n"));
}

#[test]
fn what_is_absent_from_a_room_stays_absent() {
    let mut wrong = Vec::new();
    for source in sources() {
        for absent in ABSENT {
            let here = absent.from.iter().any(|from| source.path.starts_with(from) || source.room == *from);
            for word in absent.says.iter().filter(|word| here && source.code.contains(**word)) {
                wrong.push(format!("{} says `{word}`: {}", source.path.display(), absent.because));
            }
        }
    }
    assert!(wrong.is_empty(), "should be absent:\n{}", wrong.join("\n"));
}

#[test]
fn every_room_has_its_floor_and_every_file_its_duty() {
    let known: BTreeSet<&str> = FLOORS.iter().copied().flatten().copied().collect();
    let rooms: BTreeSet<String> = sources().into_iter().map(|source| source.room).collect();
    let homeless: Vec<&String> = rooms
        .iter()
        .filter(|room| !known.contains(room.as_str()) && !FACE.contains(&room.as_str()))
        .collect();
    assert!(homeless.is_empty(), "no floor for {homeless:?}");
    for source in sources() {
        let name = source.path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        assert!(!DRAWERS.contains(&name.as_str()), "{} is named after a drawer", source.path.display());
        let text = fs::read_to_string(root().join(&source.path)).expect("it was just listed");
        assert!(text.starts_with("//! "), "{} does not say its duty first", source.path.display());
    }
}

#[test]
fn the_tables_can_fail() {
    assert_eq!(
        rooms_used("use crate::{store::Store, wire};\nlet x = crate::cli::main();"),
        set(&["store", "wire", "cli"])
    );
    assert_eq!(rooms_used("use crate::rewrite::{Desk, crate_name};"), set(&["rewrite"]));
    let code = code_of(
        "// println!\nlet a = 1; // rusqlite\nlet url = \"http://x\";\n#[cfg(test)]\nmod tests { clap::x }\n",
    );
    assert!(!code.contains("println") && !code.contains("rusqlite") && !code.contains("clap"));
    assert!(code.contains("http://x"));
    assert!(floor("wire") == floor("store") && floor("units") < floor("cli"));
}

/// Above the floors: the list of rooms and the library's face.
const FACE: &[&str] = &["lib", "library"];

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|&word| word.to_owned()).collect()
}

/// The rooms that follow a `crate::` in `code`.
fn rooms_used(code: &str) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        match rest.strip_prefix('{') {
            None => drop(used.insert(word(rest))),
            Some(group) => {
                let mut depth = 0_usize;
                let mut starts = true;
                for (index, letter) in group.char_indices() {
                    match letter {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => starts = true,
                        _ if starts && letter.is_alphabetic() => {
                            used.insert(word(&group[index..]));
                            starts = false;
                        }
                        _ => {}
                    }
                }
            }
        }
    }
    used
}

fn word(text: &str) -> String {
    text.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

fn sources() -> Vec<Source> {
    let mut folders = vec![root()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of src").flatten() {
            let path = entry.path();
            if path.is_dir() && !is_test(&path) {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test(&path) {
                let inside = path.strip_prefix(root()).expect("it lies in src").to_owned();
                let first =
                    inside.components().next().expect("a name").as_os_str().to_string_lossy().into_owned();
                let room = first.trim_end_matches(".rs").to_owned();
                let code = code_of(&fs::read_to_string(&path).expect("a source file"));
                sources.push(Source { path: inside, room, code });
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

/// A room's own tests may use what they need.
fn is_test(path: &Path) -> bool {
    path.file_stem().is_some_and(|name| name == "tests")
}

/// `text` without its comments and without the tests at its end.
fn code_of(text: &str) -> String {
    let body = text.find("#[cfg(test)]\nmod ").map_or(text, |tests| &text[..tests]);
    let mut code = String::new();
    for line in body.lines() {
        let comment = line.match_indices("//").map(|(at, _)| at).find(|&at| !line[..at].ends_with(':'));
        code.push_str(comment.map_or(line, |at| &line[..at]));
        code.push('\n');
    }
    code
}
