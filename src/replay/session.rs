//! One session's figures: as recorded, direct, and with headroom.

use super::course::{Course, Tool, Way};
use super::fit::{self, Basis, Fit};
use super::rebuild::{Reads, Rebuilt};
use super::tools::{self, ToolRow};
use super::walk::{self, Billed, Measure, Road};
use crate::conversation::CacheAsk;
use crate::ledger::price::{Exact, Prices};
use crate::receipt::Usage;
use crate::transcript::{About, Skipped};
use crate::units::{Millis, Tokens};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// How far the simulation may be off what was recorded, in thousandths.
pub const MAY_BE_OFF: u64 = 50;

/// What some requests cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// How many.
    pub requests: u64,
    /// Their tokens.
    pub usage: Usage,
    /// Their money at list prices; `None` where a price is not known.
    pub money: Option<Exact>,
}

impl Default for Figures {
    fn default() -> Figures {
        Figures { requests: 0, usage: Usage::default(), money: Some(Exact(0)) }
    }
}

impl Figures {
    /// Adds others.
    pub fn add(&mut self, other: &Figures) {
        self.requests += other.requests;
        let (sum, more) = (&mut self.usage, &other.usage);
        sum.uncached += more.uncached;
        sum.cache_read += more.cache_read;
        sum.cache_write_5m += more.cache_write_5m;
        sum.cache_write_1h += more.cache_write_1h;
        sum.output += more.output;
        self.money = self.money.zip(other.money).map(|(sum, more)| sum + more);
    }

    fn enter(&mut self, usage: Usage, money: Option<Exact>) {
        self.add(&Figures { requests: 1, usage, money });
    }
}

/// A session with headroom, under one profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct With {
    /// The profile, by its place among the names.
    pub profile: usize,
    /// What it would have cost, ours included.
    pub figures: Figures,
    /// How many originals are taken to be asked back; the requests for them are in the figures.
    pub asked_back: u64,
    /// What was saved by tool, net.
    pub tools: Vec<ToolRow>,
}

/// The direct simulation against the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SelfTest {
    /// How many requests have a recorded usage.
    pub requests: u64,
    /// How far the input tokens are off, class by class, in thousandths of the recorded input.
    pub tokens_off: u64,
    /// How far the money is off, in thousandths, signed; `None` where a price is not known.
    pub money_off: Option<i64>,
}

impl SelfTest {
    /// The larger of both.
    pub fn off(&self) -> u64 {
        self.tokens_off.max(self.money_off.map_or(0, i64::unsigned_abs))
    }

    /// True when the simulation fits what was recorded.
    pub fn fits(&self) -> bool {
        self.off() <= MAY_BE_OFF
    }
}

/// What came of one session.
#[derive(Clone, Debug)]
pub struct Session {
    /// The file.
    pub path: PathBuf,
    /// Whose it is.
    pub about: About,
    /// The model of most of its requests.
    pub model: String,
    /// When it began.
    pub began: Option<Millis>,
    /// The profile under which it ran through headroom, by its place; `None` when it did not.
    pub through: Option<usize>,
    /// What its usage says it cost; `None` when none was recorded.
    pub recorded: Option<Figures>,
    /// What it would have cost without headroom.
    pub direct: Figures,
    /// What it would have cost with it.
    pub with: Vec<With>,
    /// How the lengths of its texts were come by.
    pub basis: Basis,
    /// Tokens of the provider for ten thousand of ours.
    pub scale: u64,
    /// What stands ahead of the history of its first thread, in the provider's tokens.
    pub preamble: u64,
    /// The simulation against the record; `None` when no usage was recorded.
    pub test: Option<SelfTest>,
    /// What it would have cost had every request asked to be kept five minutes, and an hour.
    pub kept: Option<(Exact, Exact)>,
    /// Files that were read more than once.
    pub reads: Vec<(String, Reads)>,
    /// What filled the window before each compaction: tokens by tool.
    pub windows: Vec<Vec<(String, u64)>>,
    /// What could not be read.
    pub skipped: Skipped,
}

/// What the figures are worked out with.
#[derive(Clone, Debug)]
pub struct Terms<'a> {
    /// The profiles that are looked at, by their places among the names.
    pub profiles: &'a [usize],
    /// List prices.
    pub prices: &'a Prices,
    /// Tokens of our own tool's definition (o200k), where the agent is given it.
    pub overhead: Tokens,
    /// The profile under which the session ran through headroom.
    pub through: Option<usize>,
}

/// Works out a session's figures; `slope` is what other sessions of its model taught.
pub fn figures(
    path: PathBuf,
    rebuilt: Rebuilt,
    skipped: Skipped,
    terms: &Terms<'_>,
    slope: Option<u64>,
) -> Session {
    let recorded_way = terms.through.map_or(Way::Direct, Way::With);
    let fit = fit::fit(&rebuilt.courses, recorded_way, slope);
    let roads: Vec<(&Course, Measure, u64)> = rebuilt
        .courses
        .iter()
        .zip(&fit.measures)
        .map(|(course, measure)| (course, *measure, warm(course, measure)))
        .collect();
    // What was recorded through headroom has our tool ahead of it already.
    let ahead = |measure: Measure, way: Way| {
        let ours = measure.of(terms.overhead.0);
        let preamble = match (terms.through, way) {
            (Some(_), Way::Direct) => measure.preamble.saturating_sub(ours),
            (None, Way::With(_)) => measure.preamble + ours,
            _ => measure.preamble,
        };
        Measure { preamble, ..measure }
    };
    let walked = |way: Way, ask: Option<CacheAsk>, see: &mut dyn FnMut(&Course, Billed)| {
        for &(course, measure, warm) in &roads {
            let road = Road { course, way, measure: ahead(measure, way), warm, ask };
            walk::walk(&road, &mut |billed| see(course, billed));
        }
    };
    let summed = |way: Way, ask: Option<CacheAsk>| {
        let mut figures = Figures::default();
        walked(way, ask, &mut |course, billed| {
            figures.enter(billed.usage, cost(terms.prices, model_of(course, &billed), &billed.usage));
        });
        figures
    };

    let mut direct = summed(Way::Direct, None);
    direct.take_back_calls(&rebuilt.courses, terms);
    let with = terms
        .profiles
        .iter()
        .map(|&profile| {
            let asked = |course: &Course| {
                course.asked_back.iter().filter(|asked| usize::from(asked.profile) == profile).count() as u64
            };
            With {
                profile,
                figures: summed(Way::With(profile), None),
                asked_back: rebuilt.courses.iter().map(asked).sum(),
                tools: tools::by_tool(&rebuilt, &roads, profile, terms, &ahead),
            }
        })
        .collect();
    let recorded = recorded(&rebuilt.courses, terms.prices);
    let test = recorded.as_ref().map(|recorded| {
        let mut simulated = Figures::default();
        walked(recorded_way, None, &mut |course, billed| {
            let recorded = course.turns.get(billed.turn).is_some_and(|turn| turn.usage.is_some());
            if billed.fetches.is_none() && recorded {
                simulated.enter(billed.usage, cost(terms.prices, model_of(course, &billed), &billed.usage));
            }
        });
        held_against(recorded, &simulated)
    });
    let five = summed(Way::Direct, Some(CacheAsk::FiveMinutes));
    let hour = summed(Way::Direct, Some(CacheAsk::OneHour));
    let name = |tool: Tool| rebuilt.tools.get(usize::from(tool.0)).cloned().unwrap_or_default();
    let windows = rebuilt.courses.iter().flat_map(|course| &course.windows);
    let windows = windows.map(|window| window.iter().map(|(tool, tokens)| (name(*tool), *tokens)).collect());
    let measure = fit.measures.first().copied();
    Session {
        path,
        model: main_model(&rebuilt),
        began: rebuilt.began,
        through: terms.through,
        recorded,
        direct,
        with,
        basis: fit.basis,
        scale: measure.map_or(fit::EVEN, |measure| measure.scale),
        preamble: measure.map_or(0, |measure| measure.preamble),
        test,
        kept: (five.usage != hour.usage).then(|| five.money.zip(hour.money)).flatten(),
        reads: rebuilt
            .reads
            .iter()
            .filter(|(_, reads)| 1 < reads.times)
            .map(|(file, reads)| (file.clone(), *reads))
            .collect(),
        windows: windows.collect(),
        about: rebuilt.about,
        skipped,
    }
}

/// How well the session tells the slope of its model: `None` when it does not.
pub fn slope_of(rebuilt: &Rebuilt, through: Option<usize>) -> Option<u64> {
    let Fit { measures, basis } = fit::fit(&rebuilt.courses, through.map_or(Way::Direct, Way::With), None);
    match basis {
        Basis::Exact | Basis::Line(_) => measures.first().map(|measure| measure.scale),
        Basis::Few(_) | Basis::Nothing => None,
    }
}

/// The model of most requests.
pub fn main_model(rebuilt: &Rebuilt) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for course in &rebuilt.courses {
        course.turns.iter().for_each(|turn| *counts.entry(course.model(turn)).or_default() += 1);
    }
    let most = counts.into_iter().filter(|(model, _)| !model.is_empty()).max_by_key(|(_, count)| *count);
    most.map_or_else(|| rebuilt.about.model.clone(), |(model, _)| model.to_owned())
}

/// What the cache held ahead of the first request: what its usage says was read, as far as it can stand ahead.
fn warm(course: &Course, measure: &Measure) -> u64 {
    let first = course.turns.first().and_then(|turn| turn.usage);
    first.map_or(0, |usage| usage.cache_read.0.min(measure.preamble))
}

/// The model of a bill's turn.
pub(super) fn model_of<'a>(course: &'a Course, billed: &Billed) -> &'a str {
    course.turns.get(billed.turn).map_or("", |turn| course.model(turn))
}

/// What a request costs at list prices; `None` where a price that is needed is not known.
pub fn cost(prices: &Prices, model: &str, usage: &Usage) -> Option<Exact> {
    let price = prices.of(model, usage.input())?;
    price.of(usage)
}

fn recorded(courses: &[Course], prices: &Prices) -> Option<Figures> {
    let mut figures = Figures::default();
    for course in courses {
        for turn in &course.turns {
            if let Some(usage) = turn.usage {
                figures.enter(usage, cost(prices, course.model(turn), &usage));
            }
        }
    }
    (0 < figures.requests).then_some(figures)
}

fn held_against(recorded: &Figures, simulated: &Figures) -> SelfTest {
    let (was, is) = (&recorded.usage, &simulated.usage);
    let classes = [
        (was.uncached, is.uncached),
        (was.cache_read, is.cache_read),
        (was.cache_write_5m, is.cache_write_5m),
        (was.cache_write_1h, is.cache_write_1h),
    ];
    // A token in the wrong class is off in two of them.
    let apart: u64 = classes.iter().map(|(was, is)| was.0.abs_diff(is.0)).sum();
    let longer = was.input().0.abs_diff(is.input().0);
    let tokens_off = thousandths(apart.saturating_add(longer) / 2, was.input().0);
    let money_off = recorded.money.zip(simulated.money).and_then(|(was, is)| {
        let off = (is.0 - was.0).checked_mul(1_000)?.checked_div(was.0)?;
        i64::try_from(off).ok()
    });
    SelfTest { requests: recorded.requests, tokens_off, money_off }
}

fn thousandths(part: u64, whole: u64) -> u64 {
    if whole == 0 {
        return 0;
    }
    u64::try_from(u128::from(part) * 1_000 / u128::from(whole)).unwrap_or(u64::MAX)
}

impl Session {
    /// Adds the session of a sub-agent that worked for this one.
    pub fn absorb(&mut self, child: Session) {
        self.direct.add(&child.direct);
        for with in child.with {
            let Some(sum) = self.with.iter_mut().find(|sum| sum.profile == with.profile) else { continue };
            sum.figures.add(&with.figures);
            sum.asked_back += with.asked_back;
            for row in with.tools {
                match sum.tools.iter_mut().find(|sum| sum.tool == row.tool) {
                    Some(sum) => sum.add(&row),
                    None => sum.tools.push(row),
                }
            }
        }
        self.test = match (self.test, child.test) {
            (Some(one), Some(other)) => Some(one.together(&other, &self.recorded, &child.recorded)),
            (one, other) => one.or(other),
        };
        match (&mut self.recorded, child.recorded) {
            (Some(sum), Some(more)) => sum.add(&more),
            (none, more) => *none = none.take().or(more),
        }
        self.kept = match (self.kept, child.kept) {
            (Some(one), Some(other)) => Some((one.0 + other.0, one.1 + other.1)),
            (one, other) => one.or(other),
        };
        self.reads.extend(child.reads);
        self.windows.extend(child.windows);
        self.skipped.unreadable += child.skipped.unreadable;
        self.skipped.unknown += child.skipped.unknown;
    }
}

impl SelfTest {
    /// The test of two sessions taken as one: each weighs as much as its recorded input.
    fn together(self, other: &SelfTest, own: &Option<Figures>, theirs: &Option<Figures>) -> SelfTest {
        let input = |figures: &Option<Figures>| figures.map_or(0, |figures| figures.usage.input().0);
        let (one, two) = (i128::from(input(own)), i128::from(input(theirs)));
        let weighed = |a: i64, b: i64| {
            let sum = (i128::from(a) * one + i128::from(b) * two) / (one + two).max(1);
            i64::try_from(sum).unwrap_or(i64::MAX)
        };
        let small = |off: u64| i64::try_from(off).unwrap_or(i64::MAX);
        SelfTest {
            requests: self.requests + other.requests,
            tokens_off: weighed(small(self.tokens_off), small(other.tokens_off)).unsigned_abs(),
            money_off: self.money_off.zip(other.money_off).map(|(a, b)| weighed(a, b)),
        }
    }
}

impl Figures {
    /// The calls that asked originals back would not have been made without us.
    fn take_back_calls(&mut self, courses: &[Course], terms: &Terms<'_>) {
        for course in courses {
            for pair in course.turns.windows(2).filter(|pair| pair[1].fetches) {
                let Some(usage) = pair[0].usage else { continue };
                let call = Usage { output: usage.output, ..Usage::default() };
                let was = cost(terms.prices, course.model(&pair[0]), &call);
                // What answered in its place is the answer to the request that fetched.
                let is = pair[1].usage.map(|usage| Usage { output: usage.output, ..Usage::default() });
                let is = is.unwrap_or_default();
                self.usage.output = Tokens(self.usage.output.0.saturating_sub(call.output.0)) + is.output;
                self.money = self
                    .money
                    .zip(was.zip(cost(terms.prices, course.model(&pair[1]), &is)))
                    .map(|(sum, (was, is))| sum - was + is);
            }
        }
    }
}
