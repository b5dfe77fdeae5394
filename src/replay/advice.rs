//! What the same logs tell beside the saving: how long to keep the cache, what is read again, what fills the window.
//!
//! Each advice has its worth from the user's own sessions. What the logs do not show is not advised on: no transcript
//! holds the list of tools that was offered.

use super::session::Session;
use crate::ledger::price::Exact;
use std::collections::BTreeMap;

/// How much of the whole a change of the cache's time must be worth before it is advised, in hundredths of a per cent.
const WORTH_SAYING: i128 = 100;

/// Something that the user can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Advice {
    /// Keep the prompt cache for another time.
    Keep {
        /// The minutes that are cheaper.
        minutes: u64,
        /// What the sessions cost as they asked for it.
        asked: Exact,
        /// What they would have cost, had every request asked for that.
        instead: Exact,
        /// How many sessions that is from.
        sessions: usize,
    },
    /// A file is read again and again.
    ReadAgain {
        /// The file.
        file: String,
        /// How often it was read, over all sessions that read it more than once.
        times: u64,
        /// Tokens (o200k) of all reads but each session's first.
        tokens: u64,
    },
    /// What filled the window before compactions.
    Window {
        /// How many compactions.
        compactions: usize,
        /// The tools that filled it most, with their share in thousandths.
        tools: Vec<(String, u64)>,
    },
}

/// Times that a file must be read, and tokens that its further reads must take, before it is worth a line.
const READ_AGAIN: (u64, u64) = (3, 5_000);

/// The lines of one kind at most.
const MOST: usize = 3;

/// All advice, in the order of what it is worth.
pub fn of(sessions: &[Session]) -> Vec<Advice> {
    let mut advice = Vec::new();
    advice.extend(keep(sessions));
    advice.extend(read_again(sessions));
    advice.extend(window(sessions));
    advice
}

fn keep(sessions: &[Session]) -> Option<Advice> {
    let kept = sessions.iter().filter_map(|session| Some((session.direct.money?, session.kept?)));
    let (mut asked, mut five, mut hour, mut count) = (0, 0, 0, 0);
    for (direct, (at_five, at_hour)) in kept {
        asked += direct.0;
        five += at_five.0;
        hour += at_hour.0;
        count += 1;
    }
    let (minutes, instead) = if hour < five { (60, hour) } else { (5, five) };
    if asked <= 0 || (asked - instead) * 10_000 / asked < WORTH_SAYING {
        return None;
    }
    Some(Advice::Keep { minutes, asked: Exact(asked), instead: Exact(instead), sessions: count })
}

fn read_again(sessions: &[Session]) -> Vec<Advice> {
    let mut files: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for (file, reads) in sessions.iter().flat_map(|session| &session.reads) {
        let sum = files.entry(file).or_default();
        sum.0 += reads.times;
        sum.1 += reads.again;
    }
    let (often, long) = READ_AGAIN;
    let mut files: Vec<(&str, (u64, u64))> =
        files.into_iter().filter(|(_, (times, tokens))| often <= *times && long <= *tokens).collect();
    files.sort_by_key(|(file, (_, tokens))| (std::cmp::Reverse(*tokens), *file));
    let said = files.into_iter().take(MOST);
    said.map(|(file, (times, tokens))| Advice::ReadAgain { file: file.to_owned(), times, tokens }).collect()
}

fn window(sessions: &[Session]) -> Option<Advice> {
    let windows: Vec<_> = sessions.iter().flat_map(|session| &session.windows).collect();
    let mut tools: BTreeMap<&str, u64> = BTreeMap::new();
    windows.iter().copied().flatten().for_each(|(tool, tokens)| *tools.entry(tool).or_default() += tokens);
    let all: u64 = tools.values().sum();
    if all == 0 {
        return None;
    }
    let mut tools: Vec<(String, u64)> =
        tools.into_iter().map(|(tool, tokens)| (tool.to_owned(), tokens * 1_000 / all)).collect();
    tools.sort_by_key(|(tool, share)| (std::cmp::Reverse(*share), tool.clone()));
    tools.truncate(MOST);
    Some(Advice::Window { compactions: windows.len(), tools })
}
