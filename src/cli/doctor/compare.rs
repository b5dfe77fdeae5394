//! What the agent sent beside what arrived, and what it sends through us beside what it sends without.
//!
//! *Invariant:* a login is named by its header and a digest, never shown.

use super::line::Line;
use super::route::Rehearsal;
use crate::agent::definition::Agent;
use crate::demo::asked::{Asked, Wire};
use crate::demo::provider::Seen;
use crate::demo::provider::tap::Heard;
use crate::text::counted;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Headers that log in.
const LOGINS: &[&str] =
    &["authorization", "x-api-key", "x-goog-api-key", "api-key", "cookie", "chatgpt-account-id"];

/// Headers that belong to one hop, or to the framing of a body or a WebSocket, which each hop does for itself.
const OF_ONE_HOP: &[&str] = &[
    "host",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "trailer",
    "upgrade",
    "expect",
    "sec-websocket-key",
    "sec-websocket-extensions",
];

/// All that can be told from a run against the built-in provider.
pub(super) fn look(agent: &Agent, run: &Rehearsal, direct: &[Seen]) -> Vec<Line> {
    let pairs = run.trip.pairs(&run.seen);
    vec![logins(&pairs), headers(&pairs), bodies(run, &pairs), streaming(run, &pairs)]
        .into_iter()
        .chain(same(agent, run, direct))
        .chain([retrieval(agent, run)])
        .collect()
}

type Pairs<'a> = [(&'a Heard, &'a Seen)];
type Headers = BTreeMap<String, Vec<Vec<u8>>>;

fn by_name(headers: &[(String, Vec<u8>)]) -> Headers {
    let mut found = Headers::new();
    for (name, value) in headers {
        found.entry(name.to_lowercase()).or_default().push(value.clone());
    }
    found
}

fn logins(pairs: &Pairs<'_>) -> Line {
    let mut shown = BTreeSet::new();
    let mut broken = BTreeSet::new();
    for (heard, seen) in pairs {
        let (sent, came) = (by_name(&heard.headers), by_name(&seen.headers));
        for name in LOGINS {
            match (sent.get(*name), came.get(*name)) {
                (None, None) => {}
                (sent, came) if sent == came => {
                    let value = sent.and_then(|values| values.first()).cloned().unwrap_or_default();
                    shown.insert(format!("{name} ({})", &blake3::hash(&value).to_hex()[..8]));
                }
                _ => {
                    broken.insert(*name);
                }
            }
        }
        let key = |target: &str| {
            target.split(['?', '&']).find_map(|part| part.strip_prefix("key=").map(str::to_owned))
        };
        match (key(&heard.target), key(&seen.target)) {
            (None, None) => {}
            (sent, came) if sent == came => {
                let digest = blake3::hash(sent.unwrap_or_default().as_bytes()).to_hex();
                shown.insert(format!("key in the URL ({})", &digest[..8]));
            }
            _ => {
                broken.insert("key in the URL");
            }
        }
    }
    let all = |names: BTreeSet<String>| names.into_iter().collect::<Vec<_>>().join(", ");
    if !broken.is_empty() {
        let names = all(broken.into_iter().map(str::to_owned).collect());
        return Line::red(
            "auth",
            format_args!("changed on its way: {names}"),
            "this is a fault of headroom's: please report it",
        );
    }
    match shown.is_empty() {
        true => Line::unknown("auth", "no request with a login was seen", ""),
        false => Line::green("auth", format_args!("arrived as it was sent: {}", all(shown))),
    }
}

/// What is dropped, added or changed between the agent and the upstream.
fn headers(pairs: &Pairs<'_>) -> Line {
    let mut wrong = BTreeSet::new();
    let mut most = 0;
    let mut betas = BTreeSet::new();
    for (heard, seen) in pairs {
        let changed_body = heard.body != seen.body;
        let skip = |name: &String| {
            OF_ONE_HOP.contains(&name.as_str())
                || (changed_body && matches!(name.as_str(), "content-length" | "content-encoding"))
        };
        // Where there was a length there may be chunks, and the other way round.
        let framing = |name: &String| name == "content-length";
        let (sent, came) = (by_name(&heard.headers), by_name(&seen.headers));
        for (name, values) in sent.iter().filter(|(name, _)| !skip(name)) {
            match came.get(name) {
                None if framing(name) => {}
                None => _ = wrong.insert(format!("{name} was dropped")),
                Some(other) if other != values => _ = wrong.insert(format!("{name} was changed")),
                Some(_) => {}
            }
        }
        for name in came.keys().filter(|name| !skip(name) && !framing(name) && !sent.contains_key(*name)) {
            wrong.insert(format!("{name} was added"));
        }
        most = most.max(sent.len());
        betas.extend(self::betas(&seen.headers));
    }
    if pairs.is_empty() {
        return Line::unknown("headers", "no request to compare", "");
    }
    if !wrong.is_empty() {
        let wrong: Vec<String> = wrong.into_iter().collect();
        return Line::red("headers", wrong.join(", "), "this is a fault of headroom's: please report it");
    }
    let betas = match betas.len() {
        0 => String::new(),
        some => format!(", {} among them", counted(some, "beta")),
    };
    Line::green("headers", format_args!("all {most} arrived as they were sent{betas}"))
}

fn betas(headers: &[(String, Vec<u8>)]) -> BTreeSet<String> {
    let lists = headers.iter().filter(|(name, _)| name.to_lowercase().ends_with("-beta"));
    let words = lists.flat_map(|(_, value)| {
        String::from_utf8_lossy(value).split(',').map(|word| word.trim().to_owned()).collect::<Vec<_>>()
    });
    words.filter(|word| !word.is_empty()).collect()
}

fn bodies(run: &Rehearsal, pairs: &Pairs<'_>) -> Line {
    let compared: Vec<&(&Heard, &Seen)> = pairs.iter().filter(|(heard, _)| heard.status != 101).collect();
    let same = compared.iter().filter(|(heard, seen)| heard.body == seen.body).count();
    let rewritten = usize::try_from(run.trip.counts.rewritten).unwrap_or(usize::MAX);
    match compared.len() {
        0 if pairs.is_empty() => Line::unknown("body", "no request to compare", ""),
        0 => Line::unknown("body", "the requests went over a WebSocket, where they are not compared", ""),
        all if same == all => Line::green(
            "body",
            format_args!("{} arrived byte for byte: nothing was to be shortened", counted(all, "request")),
        ),
        all if all - same <= rewritten => Line::green(
            "body",
            format_args!("{same} of {} arrived byte for byte, the others shortened", counted(all, "request")),
        ),
        _ => Line::red(
            "body",
            "a request arrived with other bytes although nothing was shortened",
            "this is a fault of headroom's: please report it",
        ),
    }
}

/// Whether the agent had the beginning of an answer before the provider had said its end.
fn streaming(run: &Rehearsal, pairs: &Pairs<'_>) -> Line {
    let streams: Vec<&(&Heard, &Seen)> = pairs.iter().filter(|(heard, _)| heard.streams).collect();
    if streams.is_empty() {
        let socket = pairs.iter().any(|(heard, _)| heard.status == 101);
        return match socket {
            true => Line::unknown(
                "streaming",
                "the answers came over a WebSocket, event by event; their times are not compared",
                "",
            ),
            false => Line::unknown("streaming", "the agent asked for no stream", ""),
        };
    }
    let early = streams.iter().filter(|(heard, seen)| {
        let first = heard.answered.map(|(first, _)| first.saturating_duration_since(run.began));
        first.zip(seen.answered.or(seen.left)).is_some_and(|(first, end)| first < end)
    });
    match early.count() {
        0 => Line::red(
            "streaming",
            "the agent saw nothing of an answer before its end",
            "this is a fault of headroom's: please report it",
        ),
        _ => Line::green("streaming", "the first words came before the last were said"),
    }
}

/// What decides on an agent's abilities, in the request that offers the most tools.
struct Asks {
    model: String,
    tools: BTreeSet<String>,
    deferred: usize,
    betas: BTreeSet<String>,
}

impl Asks {
    fn of(seen: &[Seen]) -> Option<Asks> {
        let all = seen.iter().filter(|seen| seen.is_message()).map(Asks::in_one);
        all.reduce(|most, next| if most.tools.len() < next.tools.len() { next } else { most })
    }

    fn in_one(seen: &Seen) -> Asks {
        let whole = seen.json();
        let body = if whole["request"].is_object() { &whole["request"] } else { &whole };
        let asked = Asked { number: 0, wire: seen.wire.unwrap_or(Wire::Anthropic), body };
        let tools = asked.tools().into_iter().filter(|name| !name.contains("headroom"));
        let in_path = || {
            let (_, rest) = seen.target.split_once("/models/")?;
            rest.split([':', '?']).next()
        };
        let model = whole["model"].as_str().or_else(in_path).unwrap_or_default().to_owned();
        let deferred = body["tools"].as_array().into_iter().flatten();
        Asks {
            model,
            tools: tools.map(str::to_owned).collect(),
            deferred: deferred.filter(|tool| tool["defer_loading"] == Value::Bool(true)).count(),
            betas: betas(&seen.headers),
        }
    }
}

/// The tools, the model and the betas, through us and without us.
fn same(agent: &Agent, run: &Rehearsal, direct: &[Seen]) -> Vec<Line> {
    if !agent.can_be_asked() {
        return Vec::new();
    }
    let (Some(through), Some(alone)) = (Asks::of(&run.seen), Asks::of(direct)) else {
        return vec![Line::unknown(
            "same",
            "without headroom the agent asked nothing: there is nothing to compare",
            "",
        )];
    };
    let differ = |here: &BTreeSet<String>, there: &BTreeSet<String>| {
        let gone = there - here;
        let new = here - there;
        let said = |names: BTreeSet<String>, what: &str| {
            let names: Vec<String> = names.into_iter().collect();
            (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")))
        };
        [said(gone, "without"), said(new, "with")].into_iter().flatten().collect::<Vec<_>>().join(" and ")
    };
    let advice = "the agent takes another host than its provider's for a lesser one; please report it with the agent's version";
    let tools = match (differ(&through.tools, &alone.tools), through.deferred == alone.deferred) {
        (none, true) if none.is_empty() => {
            let deferred = if through.deferred == 0 {
                String::new()
            } else {
                format!(", {} deferred", through.deferred)
            };
            Line::green(
                "tools",
                format_args!("{}{deferred}, as without headroom", counted(through.tools.len(), "tool")),
            )
        }
        (none, _) if none.is_empty() => Line::red(
            "tools",
            format_args!("{} deferred through headroom, {} without", through.deferred, alone.deferred),
            advice,
        ),
        (words, _) => Line::red("tools", format_args!("through headroom it works {words}"), advice),
    };
    let window = match differ(&through.betas, &alone.betas) {
        _ if through.model != alone.model => Line::red(
            "window",
            format_args!("it asks for {} through headroom, and for {} without", through.model, alone.model),
            advice,
        ),
        none if none.is_empty() => {
            let betas = match alone.betas.len() {
                0 => String::new(),
                some => format!(" with {}", counted(some, "beta")),
            };
            Line::green("window", format_args!("{}{betas}, as without headroom", alone.model))
        }
        words => Line::red("window", format_args!("through headroom it asks {words}"), advice),
    };
    vec![tools, window]
}

/// Whether what was left out can be had again.
fn retrieval(agent: &Agent, run: &Rehearsal) -> Line {
    if run.came_back {
        return Line::green("retrieval", "an original that was planted came back to the model");
    }
    if run.ways_back.is_empty() {
        return Line::green(
            "retrieval",
            format_args!("{} has no way back, so only lossless changes are made", agent.title),
        );
    }
    if !agent.can_be_asked() {
        return Line::unknown("retrieval", "not tried: the agent was not run", "");
    }
    let offered = run.seen.iter().filter(|seen| seen.is_message()).any(|seen| {
        let body = seen.json().to_string();
        run.ways_back.iter().any(|tool| body.contains(&format!("\"{tool}\"")))
    });
    let way = run.ways_back.join(" or ");
    let given = agent.retrieval.as_ref().is_some_and(|retrieval| !retrieval.tools.is_empty());
    match offered {
        false if !given => Line::unknown(
            "retrieval",
            format_args!(
                "asked without a person, {} does not offer {way} to the model: only lossless changes are made then",
                agent.title
            ),
            "in its terminal it may offer it",
        ),
        true => Line::red(
            "retrieval",
            format_args!("{} offers {way}, and a planted original did not come back", agent.title),
            "a rule of the agent's may forbid it; `headroom wrap --no-mcp` makes only lossless changes meanwhile",
        ),
        false => Line::red(
            "retrieval",
            format_args!(
                "{} was given {way} and does not offer it to the model: nothing is left out then",
                agent.title
            ),
            "a policy or a setting of the agent's may forbid MCP servers",
        ),
    }
}
