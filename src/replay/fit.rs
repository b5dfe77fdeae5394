//! How long a session's texts are for its provider, learnt from the usage that it recorded.
//!
//! A line for each thread: the provider's count of a request's input over our count of its history. Where the line
//! cuts is what stands around the history (system, tools, what the client adds to each request); how steep it is, is how many of
//! its tokens one of ours is. Where our own count fits exactly, it is taken as it is.

use super::course::{Course, Step, Tool, Way};
use super::walk::Measure;
use crate::units::Tokens;

/// One to one.
pub const EVEN: u64 = 10_000;

/// Slopes that a vocabulary can have over o200k, in ten-thousandths; what lies beyond is not the vocabulary's doing.
const SLOPES: (u64, u64) = (7_000, 22_000);

/// Requests with usage, and tokens between the shortest and the longest of them, from which a slope is learnt.
const LEAST: (usize, u64) = (4, 2_000);

/// What is taken to stand ahead of a history where nothing tells: what Claude Code's and Codex's system prompts and tools
/// come to without any server's tools.
const ASSUMED_AHEAD: u64 = 16_000;

/// What a session's usage says of the length of its texts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// Of each course.
    pub measures: Vec<Measure>,
    /// How it was come by.
    pub basis: Basis,
}

/// How a measure was come by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Our own count fits every request to the token.
    Exact,
    /// A line through so many requests.
    Line(usize),
    /// Too few requests for a slope: one that was assumed, or learnt from other sessions of the model.
    Few(usize),
    /// No usage was recorded.
    Nothing,
}

/// One request: our tokens, the provider's own count of what the model wrote before, and its count of the whole.
#[derive(Clone, Copy, Debug)]
struct Point {
    ours: u64,
    written: u64,
    theirs: u64,
}

/// Learns from the requests of a session that went `way`; `slope` where they are too few.
pub fn fit(courses: &[Course], way: Way, slope: Option<u64>) -> Fit {
    let counted: Vec<Vec<Point>> = courses.iter().map(|course| points(course, way, false)).collect();
    let requests = counted.iter().map(Vec::len).sum();
    if requests == 0 {
        let measure = Measure { scale: slope.unwrap_or(EVEN), preamble: ASSUMED_AHEAD, heard: false };
        return Fit { measures: vec![measure; courses.len()], basis: Basis::Nothing };
    }
    if 1 < requests && off(&counted, EVEN) == 0 {
        return Fit { measures: measures(&counted, EVEN, false), basis: Basis::Exact };
    }
    let heard: Vec<Vec<Point>> = courses.iter().map(|course| points(course, way, true)).collect();
    let line = |threads: &[Vec<Point>]| {
        let learnt = steepness(threads);
        let scale = learnt.or(slope).unwrap_or(EVEN);
        (off(threads, scale), scale, learnt.is_some())
    };
    let (as_counted, as_heard) = (line(&counted), line(&heard));
    let ((_, scale, learnt), heard, threads) =
        if as_heard.0 < as_counted.0 { (as_heard, true, &heard) } else { (as_counted, false, &counted) };
    let basis = if learnt { Basis::Line(requests) } else { Basis::Few(requests) };
    Fit { measures: measures(threads, scale, heard), basis }
}

/// The requests of a course whose usage is known. What the model wrote is counted, or (`heard`) taken from the usage.
fn points(course: &Course, way: Way, heard: bool) -> Vec<Point> {
    let mut sums: Vec<(u64, u64)> = Vec::new();
    let mut unsaid = 0;
    let mut points = Vec::new();
    for step in &course.steps {
        match step {
            Step::Block(block) => {
                let (ours, written) = sums.last().copied().unwrap_or_default();
                let is_the_models = heard && block.tool == Tool::MODEL;
                let tokens = if is_the_models { 0 } else { u64::from(way.of(block)) };
                sums.push((ours + tokens, written + std::mem::take(&mut unsaid)));
            }
            Step::Cut(blocks) => {
                unsaid = 0;
                sums.truncate(*blocks as usize);
            }
            Step::Request(number) => {
                let Some(turn) = course.turns.get(*number as usize) else { continue };
                let (ours, written) = sums.last().copied().unwrap_or_default();
                if let Some(usage) = turn.usage.filter(|usage| Tokens(0) < usage.input()) {
                    points.push(Point { ours, written, theirs: usage.input().0 });
                }
                unsaid = if heard { turn.usage.map_or(turn.said.0, |usage| usage.output.0) } else { 0 };
            }
        }
    }
    points
}

/// The slope of the line through all threads, each with a cut of its own; `None` of too few points.
fn steepness(threads: &[Vec<Point>]) -> Option<u64> {
    let (mut over, mut under, mut range, mut requests) = (0.0, 0.0, 0, 0);
    for points in threads.iter().filter(|points| 1 < points.len()) {
        let count = points.len() as f64;
        let ours = points.iter().map(|point| point.ours as f64).sum::<f64>() / count;
        let rest = points.iter().map(|point| point.theirs as f64 - point.written as f64).sum::<f64>() / count;
        for point in points {
            let x = point.ours as f64 - ours;
            over += x * (point.theirs as f64 - point.written as f64 - rest);
            under += x * x;
        }
        let least = points.iter().map(|point| point.ours).min().unwrap_or(0);
        range = range.max(points.iter().map(|point| point.ours).max().unwrap_or(0) - least);
        requests += points.len();
    }
    if requests < LEAST.0 || range < LEAST.1 || under == 0.0 {
        return None;
    }
    let slope = (over / under * EVEN as f64).round();
    Some((slope.max(0.0) as u64).clamp(SLOPES.0, SLOPES.1))
}

/// What stands ahead of each thread; of those without usage, what stands ahead of the others.
fn measures(threads: &[Vec<Point>], scale: u64, heard: bool) -> Vec<Measure> {
    let ahead: Vec<Option<u64>> = threads.iter().map(|points| cut(points, scale)).collect();
    let other = median(ahead.iter().flatten().map(|ahead| *ahead as i128).collect());
    let other = other.map_or(ASSUMED_AHEAD, |ahead| u64::try_from(ahead).unwrap_or(0));
    ahead.into_iter().map(|ahead| Measure { scale, preamble: ahead.unwrap_or(other), heard }).collect()
}

/// Where the line of one thread cuts: the median of what is left of its points.
fn cut(points: &[Point], scale: u64) -> Option<u64> {
    let left = points.iter().map(|point| rest(point, scale)).collect();
    median(left).map(|left| u64::try_from(left).unwrap_or(0))
}

fn rest(point: &Point, scale: u64) -> i128 {
    let measure = Measure { scale, preamble: 0, heard: false };
    i128::from(point.theirs) - i128::from(point.written) - i128::from(measure.of(point.ours))
}

/// How far all points lie off their thread's line, summed.
fn off(threads: &[Vec<Point>], scale: u64) -> u128 {
    let thread = |points: &Vec<Point>| -> u128 {
        let Some(middle) = median(points.iter().map(|point| rest(point, scale)).collect()) else { return 0 };
        points.iter().map(|point| (rest(point, scale) - middle).unsigned_abs()).sum()
    };
    threads.iter().map(thread).sum()
}

fn median(mut of: Vec<i128>) -> Option<i128> {
    of.sort_unstable();
    of.get(of.len() / 2).copied()
}
