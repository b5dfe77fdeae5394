//! A course, sent through a simulated prompt cache: what each of its requests would have read, written and paid.
//!
//! Every request is a beginning of one growing history, so a request costs the same however long its history is.

use super::course::{Course, Step, Tool, Turn, Way};
use crate::conversation::CacheAsk;
use crate::prompt_cache::cache::{Breakpoints, Row};
use crate::prompt_cache::growing::Growing;
use crate::prompt_cache::habits::Habit;
use crate::receipt::Usage;
use crate::units::{Millis, Tokens};
use std::collections::HashMap;
use std::time::Duration;

/// What the call takes that asks an original back, in tokens of output.
pub const CALL: u64 = 80;

/// How long the texts of a course are for the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// Tokens of the provider for ten thousand of ours.
    pub scale: u64,
    /// What stands ahead of the history in every request (system, tools): no transcript holds it.
    pub preamble: u64,
    /// True when what the model wrote is as long in later requests as the provider counted it as output.
    pub heard: bool,
}

impl Measure {
    /// So many of our tokens in the provider's, to the nearest.
    pub fn of(self, tokens: u64) -> u64 {
        let scaled = u128::from(tokens) * u128::from(self.scale) + 5_000;
        u64::try_from(scaled / 10_000).unwrap_or(u64::MAX)
    }
}

/// How a course is sent.
#[derive(Clone, Copy, Debug)]
pub struct Road<'a> {
    /// The course.
    pub course: &'a Course,
    /// Direct or under a profile.
    pub way: Way,
    /// How long its texts are.
    pub measure: Measure,
    /// Tokens of the preamble that the cache holds before the first request.
    pub warm: u64,
    /// What every request asks of the cache, in place of what was asked.
    pub ask: Option<CacheAsk>,
}

/// A request and its bill.
#[derive(Clone, Copy, Debug)]
pub struct Billed {
    /// Which turn.
    pub turn: usize,
    /// What it would have cost.
    pub usage: Usage,
    /// How many blocks of the course it read from the cache.
    pub read: usize,
    /// `Some` for a request that only asks back an output of this tool, ahead of the turn's own.
    pub fetches: Option<Tool>,
}

/// What stands ahead of the history: what the cache holds of it from the start, and the rest.
const AHEAD: usize = 2;

/// Sends every request of the course in order.
pub fn walk(road: &Road<'_>, see: &mut dyn FnMut(Billed)) {
    let Road { course, way, measure, .. } = *road;
    let warm = road.warm.min(measure.preamble);
    let mut stack = Stack::of(warm, measure);
    let mut caches: HashMap<u16, Cache> = HashMap::new();
    let usual = usual_ask(course);
    let first = course.turns.iter().find_map(|turn| turn.at);
    let mut now = Duration::ZERO;
    // What the answer before took, until something stands behind it.
    let mut unsaid = 0;
    let mut asked_back =
        course.asked_back.iter().filter(|asked| way == Way::With(usize::from(asked.profile))).peekable();

    for step in &course.steps {
        match step {
            Step::Block(block) => {
                let is_the_models = measure.heard && block.tool == Tool::MODEL;
                let tokens = if is_the_models { 0 } else { u64::from(way.of(block)) };
                stack.push(tokens, std::mem::take(&mut unsaid));
                stack.whole.push(stack.beginnings.len());
            }
            Step::Cut(blocks) => {
                unsaid = 0;
                stack.cut(*blocks as usize);
                caches.values_mut().for_each(|cache| cache.growing.cut(stack.beginnings.len()));
            }
            Step::Request(number) => {
                let Some(turn) = course.turns.get(*number as usize) else { continue };
                // Times that run backwards are taken to stand still.
                now = now.max(since(first, turn.at));
                let output = output_of(turn, measure);
                unsaid = if measure.heard { output } else { 0 };
                // Originals that were asked back would not have been without us.
                if way == Way::Direct && turn.fetches {
                    continue;
                }
                let cache = caches.entry(turn.model).or_insert_with(|| {
                    let mut cache = Cache { habit: Habit::of(course.model(turn)), ..Cache::default() };
                    cache.warm(warm, road.ask.unwrap_or(usual), now);
                    cache
                });
                let ask = road.ask.unwrap_or(match turn.ask {
                    CacheAsk::FiveMinutes | CacheAsk::OneHour => turn.ask,
                    _ => usual,
                });
                while let Some(asked) = asked_back.next_if(|asked| asked.turn <= *number) {
                    let usage = Usage { output: Tokens(CALL), ..cache.bill(&stack, ask, 0 < warm, now, 0) };
                    see(Billed {
                        turn: *number as usize,
                        usage,
                        read: stack.within(usage.cache_read),
                        fetches: Some(asked.tool),
                    });
                    stack.push(u64::from(asked.tokens), CALL);
                }
                let usage =
                    Usage { output: Tokens(output), ..cache.bill(&stack, ask, 0 < warm, now, behind(turn)) };
                see(Billed {
                    turn: *number as usize,
                    usage,
                    read: stack.within(usage.cache_read),
                    fetches: None,
                });
            }
        }
    }
}

/// How long a turn's answer was: as the provider said, else as it is counted.
pub fn output_of(turn: &Turn, measure: Measure) -> u64 {
    turn.usage.map_or_else(|| measure.of(turn.said.0), |usage| usage.output.0)
}

fn since(first: Option<Millis>, at: Option<Millis>) -> Duration {
    let passed = first.zip(at).map_or(0, |(first, at)| at.0.saturating_sub(first.0));
    Duration::from_millis(u64::try_from(passed).unwrap_or(0))
}

/// What a thread asks of the cache where a turn does not tell.
fn usual_ask(course: &Course) -> CacheAsk {
    let asked = course.turns.iter().map(|turn| turn.ask).max().unwrap_or_default();
    if matches!(asked, CacheAsk::FiveMinutes | CacheAsk::OneHour) {
        return asked;
    }
    let mut usages = course.turns.iter().filter_map(|turn| turn.usage).peekable();
    let unknown = usages.peek().is_none();
    let cached = usages.any(|usage| Tokens(0) < usage.cache_read);
    if unknown || cached { CacheAsk::FiveMinutes } else { asked }
}

/// The history as it stands: every beginning of it, and how long that is.
struct Stack {
    measure: Measure,
    beginnings: Vec<u64>,
    lengths: Vec<Tokens>,
    /// What the lengths are made of: our tokens, and the provider's own.
    sums: Vec<(u64, u64)>,
    /// How many beginnings there are after each block of the course.
    whole: Vec<usize>,
    made: u64,
}

impl Stack {
    fn of(warm: u64, measure: Measure) -> Stack {
        Stack {
            measure,
            beginnings: vec![0, 1],
            lengths: vec![Tokens(warm), Tokens(measure.preamble)],
            sums: vec![(0, 0); AHEAD],
            whole: Vec::new(),
            made: 1,
        }
    }

    fn push(&mut self, ours: u64, theirs: u64) {
        let (before, and) = self.sums.last().copied().unwrap_or_default();
        let sums = (before + ours, and + theirs);
        self.made += 1;
        self.beginnings.push(self.made);
        self.lengths.push(Tokens(self.measure.preamble + self.measure.of(sums.0) + sums.1));
        self.sums.push(sums);
    }

    /// How many blocks of the course lie within the first `tokens`.
    fn within(&self, tokens: Tokens) -> usize {
        let beginnings = self.lengths.partition_point(|length| *length <= tokens);
        self.whole.partition_point(|whole| *whole <= beginnings)
    }

    fn cut(&mut self, blocks: usize) {
        self.whole.truncate(blocks);
        let left = self.whole.last().copied().unwrap_or(AHEAD);
        self.beginnings.truncate(left);
        self.lengths.truncate(left);
        self.sums.truncate(left);
    }
}

/// The cache of one model.
struct Cache {
    habit: Habit,
    breakpoints: Breakpoints<u64>,
    growing: Growing,
    /// Tokens that stood behind the last breakpoint of the request before.
    late: u64,
}

impl Default for Cache {
    fn default() -> Cache {
        Cache {
            habit: Habit::of(""),
            breakpoints: Breakpoints::default(),
            growing: Growing::default(),
            late: 0,
        }
    }
}

impl Cache {
    /// The cache holds what stands ahead, as far as the first recorded request found it there.
    fn warm(&mut self, warm: u64, ask: CacheAsk, now: Duration) {
        if warm == 0 {
            return;
        }
        match self.habit {
            Habit::Breakpoints(_) => self.breakpoints.hold(0, keep(ask).unwrap_or_default(), now),
            Habit::Prefixes(_, keep) => self.growing.hold(1, now + keep),
        }
    }

    /// What the history costs as it stands.
    fn bill(&mut self, stack: &Stack, ask: CacheAsk, is_warm: bool, now: Duration, behind: u64) -> Usage {
        match self.habit {
            Habit::Prefixes(grain, keep) => self.growing.bill(&stack.lengths, grain, keep, now),
            Habit::Breakpoints(shortest) => {
                // Behind the system prompt, and on the last block: where clients put them.
                let last = stack.beginnings.len().saturating_sub(1);
                let marked = [is_warm.then_some(0), Some(1), (1 < last).then_some(last)];
                let breakpoints: Vec<(usize, Duration)> = keep(ask)
                    .into_iter()
                    .flat_map(|keep| marked.into_iter().flatten().map(move |at| (at, keep)))
                    .collect();
                let row =
                    Row { beginnings: &stack.beginnings, lengths: &stack.lengths, breakpoints: &breakpoints };
                let bill = self.breakpoints.bill_row(&row, shortest, now);
                self.breakpoints.settle(&bill, now);
                self.behind_the_last(bill.usage, behind, stack.lengths.get(1).copied().unwrap_or_default())
            }
        }
    }
}

impl Cache {
    /// A client may put its last breakpoint before the end: what stands `behind` it is neither read nor written, and the
    /// next request writes it where it would have read it.
    fn behind_the_last(&mut self, bill: Usage, behind: u64, ahead: Tokens) -> Usage {
        let Usage { mut uncached, cache_read, .. } = bill;
        let late = if ahead < cache_read { self.late.min(cache_read.0) } else { 0 };
        let is_hour = bill.cache_write_5m < bill.cache_write_1h;
        let written = late + if is_hour { bill.cache_write_1h.0 } else { bill.cache_write_5m.0 };
        self.late = behind.min(written);
        uncached += Tokens(self.late);
        let written = Tokens(written - self.late);
        let cache_read = Tokens(cache_read.0 - late);
        if is_hour {
            Usage { uncached, cache_read, cache_write_1h: written, ..bill }
        } else {
            Usage { uncached, cache_read, cache_write_5m: written, ..bill }
        }
    }
}

/// How much of a recorded request stood behind the client's last breakpoint: what a cache that was used left out.
fn behind(turn: &Turn) -> u64 {
    let used = turn.usage.filter(|usage| usage.uncached < usage.input());
    used.map_or(0, |usage| usage.uncached.0)
}

fn keep(ask: CacheAsk) -> Option<Duration> {
    match ask {
        CacheAsk::FiveMinutes => Some(Duration::from_secs(300)),
        CacheAsk::OneHour => Some(Duration::from_secs(3_600)),
        CacheAsk::None | CacheAsk::Automatic => None,
    }
}
