//! What the demo's model says and asks for, turn by turn.
//!
//! It knows nothing but what stands in the request, as a model does: the file that it
//! reads comes out of a listing, the key that it asks for out of a marker.

use super::outputs::{LOG, ORDERS, PODS, TESTS};
use super::script::{Asked, Pace, Script, Turn, by_history};
use crate::units::Key;
use serde_json::json;
use std::time::Duration;

/// What the person asks.
pub const QUESTION: &str = "Some customers can't check out since 9:58. What is wrong, and what should we do?";

/// What the agent searches the current folder for.
const PATTERN: &str = "(?i)error";

/// The files that a model would read first, the likeliest first.
const LIKELY: &[&str] =
    &["README.md", "README", "Cargo.toml", "package.json", "pyproject.toml", "go.mod", "Makefile"];

/// The model of `headroom demo`.
pub fn script() -> Script {
    let fixed = |text: &str| Turn::says(text);
    let mut looks_around = by_history([
        fixed("I'll look at the cluster first, and at what is in this folder.")
            .and_calls("Bash", json!({"command": PODS.line}))
            .and_calls("Bash", json!({"command": "ls"})),
        fixed("One checkout pod is in CrashLoopBackOff: OOMKilled, 17 restarts. Its log will say more.")
            .and_calls("Bash", json!({"command": LOG.line})),
    ]);
    Box::new(move |asked| {
        let turn = match asked.turns() {
            2 => searches(asked),
            3 => fixed(
                "Order 50231 failed with an issuer timeout, and the process died writing a cart snapshot.",
            )
            .and_calls("Bash", json!({"command": ORDERS.line}))
            .and_calls("Bash", json!({"command": TESTS.line})),
            4 => asks_back(asked),
            5 => fixed(
                "Two things. The checkout pod is killed for memory: snapshot::encode tries to allocate 512 MiB \
                 for a cart of 4096 lines, and the test that should have caught it fails. Orders 50231 and 50404 \
                 are not its fault: the card issuer timed out. Raise the snapshot limit's check before the next \
                 release, and retry those two orders.",
            ),
            _ => looks_around(asked),
        };
        turn.after(Duration::from_millis(40)).at_pace(Pace::Events(Duration::from_millis(6)))
    })
}

/// Searches the folder, and reads the likeliest file of the listing.
fn searches(asked: &Asked<'_>) -> Turn {
    let turn =
        Turn::says("It ran out of memory while it wrote a snapshot. Does this folder know of such an error?")
            .and_calls("Grep", json!({"pattern": PATTERN}));
    let listing = asked.results().into_iter().nth(1).map(|(_, text)| text).unwrap_or_default();
    let files: Vec<&str> = listing.lines().filter(|name| !name.ends_with('/')).collect();
    let likely = LIKELY.iter().find(|name| files.contains(name)).or(files.first());
    match likely {
        Some(file) => turn.and_calls("Read", json!({"file_path": file})),
        None => turn,
    }
}

/// Asks for the original of something that was left out: of the test run, if it can choose.
fn asks_back(asked: &Asked<'_>) -> Turn {
    let mut keyed: Vec<(String, Key)> = asked
        .results()
        .into_iter()
        .filter_map(|(id, text)| {
            let (_, argument) = asked.call(&id)?;
            Some((argument, key_in(&text)?))
        })
        .collect();
    keyed.sort_by_key(|(argument, _)| argument != TESTS.line);
    match keyed.first() {
        Some((argument, key)) => {
            let says = format!(
                "Not all that `{argument}` printed is here. I want to see the rest, so I ask for it."
            );
            Turn::says(&says).and_calls("Bash", json!({"command": format!("headroom retrieve {key}")}))
        }
        None => Turn::says("Nothing was left out of what I read."),
    }
}

/// The key that a marker in `text` names.
fn key_in(text: &str) -> Option<Key> {
    text.split("headroom retrieve ").skip(1).find_map(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
        Key::parse(&digits)
    })
}
