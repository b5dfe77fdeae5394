//! Rows of a table, as a small expression asks for them.
//!
//! ```text
//! expression = stage { "|" stage }                                at most 16 stages
//! stage      = [ "where" ] test                                   rows for which it is true
//!            | "select" column { "," column }                     those columns only
//!            | total { "," total } [ "by" column { "," column } ] one row a group; the largest first
//!            | "sort" column [ "desc" ] | "limit" N | "skip" N
//!            | "at" path                                          where the rows are; else: the longest array
//! total      = "count" | ( "sum" | "avg" | "min" | "max" ) "(" column ")"
//! test       = comparison, joined by "and" "or" "not" and parentheses
//! comparison = column ( "==" | "!=" | "<" | "<=" | ">" | ">=" ) value
//!            | column ( "~" | "!~" ) "regular expression"         anywhere in the value; (?i) ignores case
//!            | column "in" "(" value { "," value } ")"
//!            | column                                             there, and neither null nor false
//! column     = a name or a path (user.roles.0); in `backticks` when it has odd letters; "." is the row itself
//! value      = number, "text", 'text', word, true, false, null
//! ```
//!
//! `status>=500 and name~"api" | count by region`. A word is quoted or not alike. Numbers
//! compare as numbers, other texts letter by letter (so dates in ISO form work).
//!
//! Rows come out one a line, JSON as JSON (white space between its tokens taken out), CSV as CSV
//! under its header. Numbers stay as they are written; a sum of whole numbers is exact.

use super::PartError;
use super::table::{self, Cell, Table};
use regex::{Regex, RegexBuilder};
use std::cmp::Ordering;
use std::collections::HashMap;

/// Bytes of an expression.
const LENGTH: usize = 4_096;

/// Stages of an expression.
const STAGES: usize = 16;

/// Comparisons of one test: each looks at every row.
const COMPARISONS: usize = 64;

/// A read expression.
#[derive(Clone, Debug)]
pub struct Pipeline {
    place: Option<String>,
    stages: Vec<Stage>,
}

#[derive(Clone, Debug)]
enum Stage {
    Where(Vec<Step>),
    Select(Vec<String>),
    Totals(Vec<Total>, Vec<String>),
    Sort(String, Order),
    Limit(usize),
    Skip(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    Up,
    Down,
}

/// A test in the order it is worked off: each joins what stands on the stack.
#[derive(Clone, Debug)]
enum Step {
    Test(Comparison),
    Not,
    And,
    Or,
}

#[derive(Clone, Debug)]
struct Comparison {
    column: String,
    asks: Asks,
}

#[derive(Clone, Debug)]
enum Asks {
    Is(Operator, Value),
    Fits(Regex),
    FitsNot(Regex),
    OneOf(Vec<Value>),
    There,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Null,
    Switch(bool),
    Number(String),
    Text(String),
}

#[derive(Clone, Debug)]
struct Total {
    what: Figure,
    column: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Figure {
    Count,
    Sum,
    Average,
    Least,
    Greatest,
}

/// The rows of `text` that `pipeline` asks for, or what it sums up.
///
/// # Errors
/// [`PartError::NoRows`], [`PartError::NoColumn`].
pub fn run(text: &str, pipeline: &Pipeline) -> Result<String, PartError> {
    let table = table::read(text, pipeline.place.as_deref()).ok_or(PartError::NoRows)?;
    work_off(&table, &pipeline.stages)
}

/// Does the stages one after the other; what makes new rows begins a new table.
fn work_off(table: &Table<'_>, stages: &[Stage]) -> Result<String, PartError> {
    let mut rows = table.rows().to_vec();
    for (place, stage) in stages.iter().enumerate() {
        for column in stage.columns() {
            let there = rows.is_empty() || rows.iter().any(|row| table.written(row, column).is_some());
            if !there {
                return Err(PartError::NoColumn { wanted: column.to_owned(), there: table.columns() });
            }
        }
        match stage {
            Stage::Where(test) => rows.retain(|row| holds(table, row, test)),
            Stage::Limit(count) => rows.truncate(*count),
            Stage::Skip(count) => drop(rows.drain(..(*count).min(rows.len()))),
            Stage::Sort(column, order) => {
                let mut keyed: Vec<_> = rows.iter().map(|row| (table.cell(row, column), *row)).collect();
                keyed.sort_by(|(one, _), (other, _)| rank(one.as_ref(), other.as_ref(), *order));
                rows = keyed.into_iter().map(|(_, row)| row).collect();
            }
            Stage::Select(columns) => {
                let made = select(table, &rows, columns);
                return work_off(&made.table(), &stages[place + 1..]);
            }
            Stage::Totals(totals, by) => {
                let made = total(table, &rows, totals, by);
                let last = place + 1 == stages.len();
                return match made.lines().next().and_then(table::fields) {
                    Some(fields) if last && by.is_empty() && fields.len() == 1 => {
                        Ok(format!("{}\n", fields[0].1))
                    }
                    _ => work_off(&Table::Json(made.lines().collect()), &stages[place + 1..]),
                };
            }
        }
    }
    Ok(print(table, &rows))
}

impl Stage {
    fn columns(&self) -> Vec<&str> {
        match self {
            Stage::Where(steps) => steps
                .iter()
                .filter_map(|step| match step {
                    Step::Test(comparison) => Some(comparison.column.as_str()),
                    Step::Not | Step::And | Step::Or => None,
                })
                .collect(),
            Stage::Select(columns) => columns.iter().map(String::as_str).collect(),
            Stage::Totals(totals, by) => {
                let summed = totals.iter().filter(|total| total.what != Figure::Count);
                summed.map(|total| total.column.as_str()).chain(by.iter().map(String::as_str)).collect()
            }
            Stage::Sort(column, _) => vec![column],
            Stage::Limit(_) | Stage::Skip(_) => Vec::new(),
        }
    }
}

/// Rows that a stage made.
struct Made {
    text: String,
    by: Option<char>,
}

impl Made {
    fn table(&self) -> Table<'_> {
        match self.by {
            None => Table::Json(self.text.lines().collect()),
            Some(by) => Table::lines(&self.text, by),
        }
    }
}

fn select(table: &Table<'_>, rows: &[&str], columns: &[String]) -> Made {
    if let Table::Separated { by, .. } = table {
        let separator = by.to_string();
        let mut text = columns.join(&separator);
        for row in rows {
            let values: Vec<&str> =
                columns.iter().map(|column| table.written(row, column).unwrap_or("")).collect();
            text.push('\n');
            text.push_str(&values.join(&separator));
        }
        return Made { text, by: Some(*by) };
    }
    let mut text = String::new();
    for row in rows {
        let fields: Vec<String> = columns
            .iter()
            .filter_map(|column| {
                Some(format!("{}:{}", quoted(column), on_one_line(table.written(row, column)?)))
            })
            .collect();
        text.push_str(&format!("{{{}}}\n", fields.join(",")));
    }
    Made { text, by: None }
}

/// What is known of a group so far.
#[derive(Clone, Default)]
struct Tally {
    count: u64,
    /// Exact while every value is a whole number.
    whole: Option<i128>,
    broken: f64,
    least: Option<String>,
    greatest: Option<String>,
}

fn total(table: &Table<'_>, rows: &[&str], totals: &[Total], by: &[String]) -> String {
    let mut places: HashMap<Vec<String>, usize> = HashMap::new();
    let mut groups: Vec<(Vec<String>, u64, Vec<Tally>)> = Vec::new();
    if by.is_empty() {
        groups.push((Vec::new(), 0, vec![Tally::default(); totals.len()]));
        places.insert(Vec::new(), 0);
    }
    for row in rows {
        let name: Vec<String> = by.iter().map(|column| written(table.cell(row, column).as_ref())).collect();
        let place = *places.entry(name).or_insert_with_key(|name| {
            groups.push((name.clone(), 0, vec![Tally::default(); totals.len()]));
            groups.len() - 1
        });
        let (_, count, tallies) = &mut groups[place];
        *count += 1;
        for (total, tally) in totals.iter().zip(tallies) {
            if total.what != Figure::Count
                && let Some(number) = table.cell(row, &total.column).as_ref().and_then(number)
            {
                tally.add(&number);
            }
        }
    }
    // The most rows first; groups of equal size as they came.
    groups.sort_by_key(|(_, count, _)| std::cmp::Reverse(*count));
    let mut text = String::new();
    for (name, count, tallies) in groups {
        let named = by.iter().zip(name).map(|(column, value)| format!("{}:{value}", quoted(column)));
        let summed = totals.iter().zip(&tallies).map(|(total, tally)| total.written(count, tally));
        text.push_str(&format!("{{{}}}\n", named.chain(summed).collect::<Vec<_>>().join(",")));
    }
    text
}

impl Tally {
    fn add(&mut self, number: &str) {
        let whole = number.parse::<i128>().ok();
        self.whole = match (self.count, self.whole, whole) {
            (0, _, whole) => whole,
            (_, Some(sum), Some(whole)) => sum.checked_add(whole),
            _ => None,
        };
        self.broken += number.parse::<f64>().unwrap_or(0.0);
        self.count += 1;
        let below = |than: &Option<String>| {
            than.as_ref().is_none_or(|than| by_number(number, than) == Ordering::Less)
        };
        let above = |than: &Option<String>| {
            than.as_ref().is_none_or(|than| by_number(number, than) == Ordering::Greater)
        };
        if below(&self.least) {
            self.least = Some(number.to_owned());
        }
        if above(&self.greatest) {
            self.greatest = Some(number.to_owned());
        }
    }
}

impl Total {
    fn written(&self, rows: u64, tally: &Tally) -> String {
        let Total { what, column } = self;
        let sum = tally.whole.map_or_else(|| json_number(tally.broken), |whole| whole.to_string());
        let null = || "null".to_owned();
        let (name, value) = match what {
            Figure::Count => return format!("\"count\":{rows}"),
            Figure::Sum => ("sum", if tally.count == 0 { "0".to_owned() } else { sum }),
            Figure::Average if tally.count == 0 => ("avg", null()),
            Figure::Average => ("avg", json_number(tally.broken / tally.count as f64)),
            Figure::Least => ("min", tally.least.clone().unwrap_or_else(null)),
            Figure::Greatest => ("max", tally.greatest.clone().unwrap_or_else(null)),
        };
        format!("{}:{value}", quoted(&format!("{name}({column})")))
    }
}

fn json_number(number: f64) -> String {
    serde_json::Number::from_f64(number).map_or_else(|| "null".to_owned(), |number| number.to_string())
}

fn print(table: &Table<'_>, rows: &[&str]) -> String {
    let mut text = String::new();
    if let Table::Separated { line, .. } = table {
        text.push_str(line);
        text.push('\n');
    }
    for row in rows {
        match table {
            Table::Json(_) => text.push_str(&on_one_line(row)),
            Table::Separated { .. } => text.push_str(row),
        }
        text.push('\n');
    }
    text
}

/// A JSON value without the white space between its tokens.
pub(super) fn on_one_line(json: &str) -> String {
    let (mut text, mut quoted, mut escaped) = (String::with_capacity(json.len()), false, false);
    for letter in json.chars() {
        if quoted {
            (quoted, escaped) = (escaped || letter != '"', !escaped && letter == '\\');
        } else if letter.is_ascii_whitespace() {
            continue;
        } else {
            quoted = letter == '"';
        }
        text.push(letter);
    }
    text
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A cell as JSON.
fn written(cell: Option<&Cell<'_>>) -> String {
    match cell {
        None | Some(Cell::Null) => "null".to_owned(),
        Some(Cell::Switch(on)) => on.to_string(),
        Some(Cell::Number(number)) => number.to_string(),
        Some(Cell::Text(text)) => quoted(text),
        Some(Cell::Other(other)) => on_one_line(other),
    }
}

fn holds(table: &Table<'_>, row: &str, test: &[Step]) -> bool {
    let mut stack: Vec<bool> = Vec::new();
    for step in test {
        let value = match step {
            Step::Test(comparison) => comparison.holds(table, row),
            Step::Not => !stack.pop().unwrap_or(false),
            Step::And => stack.pop().unwrap_or(false) & stack.pop().unwrap_or(false),
            Step::Or => stack.pop().unwrap_or(false) | stack.pop().unwrap_or(false),
        };
        stack.push(value);
    }
    stack.pop().unwrap_or(false)
}

impl Comparison {
    fn holds(&self, table: &Table<'_>, row: &str) -> bool {
        let cell = table.cell(row, &self.column);
        let fits = |pattern: &Regex| match &cell {
            None | Some(Cell::Null) => false,
            Some(Cell::Text(text) | Cell::Number(text) | Cell::Other(text)) => pattern.is_match(text),
            Some(Cell::Switch(on)) => pattern.is_match(if *on { "true" } else { "false" }),
        };
        match &self.asks {
            Asks::Is(operator, value) => is(cell.as_ref(), *operator, value),
            Asks::Fits(pattern) => fits(pattern),
            Asks::FitsNot(pattern) => !fits(pattern),
            Asks::OneOf(values) => values.iter().any(|value| is(cell.as_ref(), Operator::Equal, value)),
            Asks::There => !matches!(cell, None | Some(Cell::Null | Cell::Switch(false))),
        }
    }
}

fn is(cell: Option<&Cell<'_>>, operator: Operator, value: &Value) -> bool {
    let order = match (cell, value) {
        (None | Some(Cell::Null), Value::Null) => Some(Ordering::Equal),
        (Some(Cell::Switch(one)), Value::Switch(other)) => Some(one.cmp(other)),
        (Some(Cell::Text(text)), Value::Switch(on)) => (*text == on.to_string()).then_some(Ordering::Equal),
        (Some(Cell::Number(one)), Value::Number(other)) => Some(by_number(one, other)),
        (Some(Cell::Text(one)), Value::Number(other)) if table::is_number(one) => Some(by_number(one, other)),
        (Some(Cell::Number(one)), Value::Text(other)) if table::is_number(other) => {
            Some(by_number(one, other))
        }
        (Some(Cell::Text(one)), Value::Text(other) | Value::Number(other)) => {
            Some((**one).cmp(other.as_str()))
        }
        _ => None,
    };
    match (operator, order) {
        (Operator::Unequal, order) => order != Some(Ordering::Equal),
        (_, None) => false,
        (Operator::Equal, Some(order)) => order.is_eq(),
        (Operator::Less, Some(order)) => order.is_lt(),
        (Operator::LessOrEqual, Some(order)) => order.is_le(),
        (Operator::Greater, Some(order)) => order.is_gt(),
        (Operator::GreaterOrEqual, Some(order)) => order.is_ge(),
    }
}

fn by_number(one: &str, other: &str) -> Ordering {
    match (one.parse::<i128>(), other.parse::<i128>()) {
        (Ok(one), Ok(other)) => one.cmp(&other),
        _ => {
            let read = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
            read(one).total_cmp(&read(other))
        }
    }
}

fn number(cell: &Cell<'_>) -> Option<String> {
    match cell {
        Cell::Number(number) => Some(number.to_string()),
        Cell::Text(text) if table::is_number(text) => Some(text.to_string()),
        _ => None,
    }
}

/// Numbers before texts before the rest; what is not there comes last, whichever way.
fn rank(one: Option<&Cell<'_>>, other: Option<&Cell<'_>>, order: Order) -> Ordering {
    let class = |cell: Option<&Cell<'_>>| match cell {
        Some(Cell::Number(_)) => 0,
        Some(Cell::Text(_)) => 1,
        Some(Cell::Switch(_)) => 2,
        Some(Cell::Other(_)) => 3,
        None | Some(Cell::Null) => 4,
    };
    let within = match (one, other) {
        (Some(Cell::Number(one)), Some(Cell::Number(other))) => by_number(one, other),
        (Some(Cell::Text(one)), Some(Cell::Text(other))) => one.cmp(other),
        (Some(Cell::Switch(one)), Some(Cell::Switch(other))) => one.cmp(other),
        _ => Ordering::Equal,
    };
    let within = if order == Order::Down { within.reverse() } else { within };
    class(one).cmp(&class(other)).then(within)
}

/// A word or a sign of an expression.
#[derive(Clone, Debug, PartialEq)]
enum Token {
    Word(String),
    Quoted(String),
    Name(String),
    Sign(&'static str),
}

/// Two letters first, so that `<=` is not read as `<`.
const SIGNS: [&str; 14] = ["==", "!=", "<=", ">=", "!~", "&&", "||", "=", "<", ">", "~", "(", ")", ","];

impl Pipeline {
    /// Reads an expression.
    ///
    /// # Errors
    /// [`PartError::Expression`], which says what is wrong.
    pub fn parse(expression: &str) -> Result<Pipeline, PartError> {
        parse(expression).map_err(|why| PartError::Expression { expression: shown(expression), why })
    }
}

/// An expression as a message shows it.
fn shown(expression: &str) -> String {
    match expression.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &expression[..end]),
        None => expression.to_owned(),
    }
}

fn parse(expression: &str) -> Result<Pipeline, String> {
    if expression.len() > LENGTH {
        return Err(format!("it is longer than {LENGTH} bytes"));
    }
    let mut pipeline = Pipeline { place: None, stages: Vec::new() };
    let stages = tokens(expression)?;
    if stages.len() > STAGES {
        return Err(format!("it has more than {STAGES} stages"));
    }
    for (place, stage) in stages.into_iter().enumerate() {
        let mut reader = Reader { tokens: stage, at: 0 };
        if place == 0 && reader.takes_keyword("at") {
            pipeline.place = Some(reader.column()?);
        } else {
            pipeline.stages.push(reader.stage()?);
        }
        reader.end()?;
    }
    Ok(pipeline)
}

/// The tokens of each stage.
fn tokens(expression: &str) -> Result<Vec<Vec<Token>>, String> {
    let mut stages = vec![Vec::new()];
    let mut rest = expression.trim_start();
    while let Some(first) = rest.chars().next() {
        let mut push = |token| stages.last_mut().expect("one from the start").push(token);
        if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            push(Token::Sign(sign));
            rest = &rest[sign.len()..];
        } else if first == '|' {
            stages.push(Vec::new());
            rest = &rest[1..];
        } else if matches!(first, '"' | '\'' | '`') {
            let (text, after) = until(&rest[1..], first).ok_or_else(|| format!("a {first} is not closed"))?;
            push(if first == '`' { Token::Name(text) } else { Token::Quoted(text) });
            rest = after;
        } else {
            let ends = |letter: char| letter.is_whitespace() || "|<>=!~(),\"'`&".contains(letter);
            let end = rest.find(ends).unwrap_or(rest.len());
            if end == 0 {
                return Err(format!("`{first}` stands where a column or a value should"));
            }
            push(Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        rest = rest.trim_start();
    }
    Ok(stages)
}

/// The text up to a closing quote, and what follows it; `\"` and `\\` stand for themselves.
fn until(text: &str, quote: char) -> Option<(String, &str)> {
    let (mut inner, mut escaped) = (String::new(), false);
    for (at, letter) in text.char_indices() {
        if escaped {
            if letter != quote && letter != '\\' {
                inner.push('\\');
            }
            inner.push(letter);
            escaped = false;
        } else if letter == '\\' {
            escaped = true;
        } else if letter == quote {
            return Some((inner, &text[at + letter.len_utf8()..]));
        } else {
            inner.push(letter);
        }
    }
    None
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
}

impl Reader {
    fn stage(&mut self) -> Result<Stage, String> {
        if self.takes_keyword("select") {
            return self.columns().map(Stage::Select);
        }
        if self.takes_keyword("limit") {
            return self.whole().map(Stage::Limit);
        }
        if self.takes_keyword("skip") {
            return self.whole().map(Stage::Skip);
        }
        if self.takes_keyword("at") {
            return Err("`at` can only come first".to_owned());
        }
        if self.takes_keyword("sort") {
            self.takes_keyword("by");
            let column = self.column()?;
            let down = self.takes_word("desc");
            if !down {
                self.takes_word("asc");
            }
            return Ok(Stage::Sort(column, if down { Order::Down } else { Order::Up }));
        }
        if let Some(total) = self.total()? {
            let mut totals = vec![total];
            while self.takes_sign(",") {
                totals.push(self.total()?.ok_or("after `,` comes another total, such as `sum(column)`")?);
            }
            let by = if self.takes_word("by") { self.columns()? } else { Vec::new() };
            return Ok(Stage::Totals(totals, by));
        }
        self.takes_keyword("where");
        self.test().map(Stage::Where)
    }

    fn total(&mut self) -> Result<Option<Total>, String> {
        if self.takes_keyword("count") {
            if self.takes_sign("(") {
                self.wants_sign(")")?;
            }
            return Ok(Some(Total { what: Figure::Count, column: String::new() }));
        }
        let sums = [
            ("sum", Figure::Sum),
            ("avg", Figure::Average),
            ("min", Figure::Least),
            ("max", Figure::Greatest),
        ];
        for (name, what) in sums {
            let called = self.tokens.get(self.at + 1) == Some(&Token::Sign("("));
            if called && self.takes_word(name) {
                self.wants_sign("(")?;
                let column = self.column()?;
                self.wants_sign(")")?;
                return Ok(Some(Total { what, column }));
            }
        }
        Ok(None)
    }

    /// Reads a test into the order in which it is worked off (the shunting yard): no recursion.
    fn test(&mut self) -> Result<Vec<Step>, String> {
        let (mut steps, mut waiting): (Vec<Step>, Vec<Option<Step>>) = (Vec::new(), Vec::new());
        let mut comparisons = 0;
        loop {
            // Here stands what can be true: perhaps after `not` and `(`.
            loop {
                if self.takes_keyword("not") {
                    waiting.push(Some(Step::Not));
                } else if self.takes_sign("(") {
                    waiting.push(None);
                } else {
                    break;
                }
            }
            steps.push(Step::Test(self.comparison()?));
            comparisons += 1;
            if comparisons > COMPARISONS {
                return Err(format!("it has more than {COMPARISONS} comparisons"));
            }
            while self.takes_sign(")") {
                loop {
                    match waiting.pop() {
                        None => return Err("a `)` has no `(`".to_owned()),
                        Some(None) => break,
                        Some(Some(step)) => steps.push(step),
                    }
                }
            }
            let next = if self.takes_word("and") || self.takes_sign("&&") {
                Step::And
            } else if self.takes_word("or") || self.takes_sign("||") {
                Step::Or
            } else {
                break;
            };
            while let Some(Some(step)) = waiting.last() {
                if step.binds() < next.binds() {
                    break;
                }
                steps.extend(waiting.pop().flatten());
            }
            waiting.push(Some(next));
        }
        for step in waiting.into_iter().rev() {
            steps.push(step.ok_or("a `(` is not closed")?);
        }
        Ok(steps)
    }

    fn comparison(&mut self) -> Result<Comparison, String> {
        let column = self.column()?;
        let operators = [
            ("==", Operator::Equal),
            ("=", Operator::Equal),
            ("!=", Operator::Unequal),
            ("<=", Operator::LessOrEqual),
            ("<", Operator::Less),
            (">=", Operator::GreaterOrEqual),
            (">", Operator::Greater),
        ];
        for (sign, operator) in operators {
            if self.takes_sign(sign) {
                return Ok(Comparison { column, asks: Asks::Is(operator, self.value()?) });
            }
        }
        let asks = if self.takes_sign("~") {
            Asks::Fits(self.pattern()?)
        } else if self.takes_sign("!~") {
            Asks::FitsNot(self.pattern()?)
        } else if self.takes_word("in") {
            self.wants_sign("(")?;
            let mut values = vec![self.value()?];
            while self.takes_sign(",") {
                values.push(self.value()?);
            }
            self.wants_sign(")")?;
            Asks::OneOf(values)
        } else {
            Asks::There
        };
        Ok(Comparison { column, asks })
    }

    fn pattern(&mut self) -> Result<Regex, String> {
        let pattern = match self.value()? {
            Value::Text(text) | Value::Number(text) => text,
            Value::Null | Value::Switch(_) => {
                return Err("after `~` comes a regular expression in quotes".to_owned());
            }
        };
        RegexBuilder::new(&pattern)
            .size_limit(1 << 20)
            .dfa_size_limit(1 << 20)
            .build()
            .map_err(|_| format!("`{pattern}` is no regular expression"))
    }

    fn value(&mut self) -> Result<Value, String> {
        let value = match self.tokens.get(self.at) {
            Some(Token::Quoted(text) | Token::Name(text)) => Value::Text(text.clone()),
            Some(Token::Word(word)) => match word.as_str() {
                "null" => Value::Null,
                "true" => Value::Switch(true),
                "false" => Value::Switch(false),
                word if table::is_number(word) => Value::Number(word.to_owned()),
                word => Value::Text(word.to_owned()),
            },
            _ => return Err(format!("a value is missing {}", self.place())),
        };
        self.at += 1;
        Ok(value)
    }

    fn columns(&mut self) -> Result<Vec<String>, String> {
        let mut columns = vec![self.column()?];
        while self.takes_sign(",") {
            columns.push(self.column()?);
        }
        Ok(columns)
    }

    fn column(&mut self) -> Result<String, String> {
        match self.tokens.get(self.at) {
            Some(Token::Word(name) | Token::Name(name) | Token::Quoted(name)) => {
                self.at += 1;
                Ok(name.clone())
            }
            _ => Err(format!("a column is missing {}", self.place())),
        }
    }

    fn whole(&mut self) -> Result<usize, String> {
        match self.tokens.get(self.at) {
            Some(Token::Word(digits)) if digits.parse::<usize>().is_ok() => {
                self.at += 1;
                digits.parse().map_err(|_| String::new())
            }
            _ => Err(format!("a whole number is missing {}", self.place())),
        }
    }

    fn end(&self) -> Result<(), String> {
        if self.at == self.tokens.len() { Ok(()) } else { Err(format!("nothing fits {}", self.place())) }
    }

    /// Where the reader stands, for a message.
    fn place(&self) -> String {
        match self.tokens.get(self.at) {
            None => "at the end of a stage".to_owned(),
            Some(Token::Sign(sign)) => format!("at `{sign}`"),
            Some(Token::Word(word) | Token::Quoted(word) | Token::Name(word)) => format!("at `{word}`"),
        }
    }

    fn wants_sign(&mut self, sign: &'static str) -> Result<(), String> {
        if self.takes_sign(sign) { Ok(()) } else { Err(format!("a `{sign}` is missing {}", self.place())) }
    }

    fn takes_sign(&mut self, sign: &str) -> bool {
        let taken = matches!(self.tokens.get(self.at), Some(Token::Sign(there)) if *there == sign);
        self.at += usize::from(taken);
        taken
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let taken = matches!(self.tokens.get(self.at), Some(Token::Word(there)) if there == word);
        self.at += usize::from(taken);
        taken
    }

    /// Takes a word that begins a stage, unless it is compared: then it is a column of that name.
    fn takes_keyword(&mut self, word: &str) -> bool {
        let compared = match self.tokens.get(self.at + 1) {
            Some(Token::Sign(sign)) => !matches!(*sign, "(" | ","),
            Some(Token::Word(next)) => {
                next == "in" && self.tokens.get(self.at + 2) == Some(&Token::Sign("("))
            }
            _ => false,
        };
        !compared && self.takes_word(word)
    }
}

impl Step {
    /// Which goes first when both could.
    fn binds(&self) -> u8 {
        match self {
            Step::Or => 1,
            Step::And => 2,
            Step::Not => 3,
            Step::Test(_) => 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const JSON: &str = r#"[
      {"id": 1, "name": "api-gateway", "status": 200, "region": "eu", "ms": 12.50, "user": {"roles": ["admin", "dev"]}},
      {"id": 2, "name": "web", "status": 503, "region": "us", "ms": 7, "error": "no upstream"},
      {"id": 3, "name": "api", "status": 500, "region": "eu", "ms": 1e3, "error": null, "down": true},
      {"id": 12345678901234567890123, "name": "API", "status": 404, "region": "eu", "ms": null, "note": "a, \"b\" | c"}
    ]"#;

    const CSV: &str = "id,name,bytes\n1,\"Smith, Ann\",100\n2,Lee,25\n3,\"Say \"\"hi\"\"\",7\n";

    fn asked(text: &str, expression: &str) -> Result<String, PartError> {
        run(text, &Pipeline::parse(expression)?)
    }

    /// The ids of the rows that are given.
    fn ids(text: &str, expression: &str) -> String {
        let rows = asked(text, &format!("{expression} | select id")).expect("rows");
        rows.lines()
            .map(|row| row.trim_start_matches("{\"id\":").trim_end_matches('}'))
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn a_test_keeps_the_rows_for_which_it_is_true() {
        let big = "12345678901234567890123";
        let cases = [
            ("status>=500", "2 3".to_owned()),
            ("status >= 500 and name~\"api\"", "3".to_owned()),
            ("name ~ \"(?i)api\"", format!("1 3 {big}")),
            ("name !~ api", format!("2 {big}")),
            ("region = eu and not status == 200", format!("3 {big}")),
            ("not (region == 'eu' or status > 500)", String::new()),
            ("region == eu and status == 200 or status == 503", "1 2".to_owned()),
            ("region == eu and (status == 404 or status == 503)", big.to_owned()),
            ("status in (200, 404)", format!("1 {big}")),
            ("error", "2".to_owned()),
            ("error == null", format!("1 3 {big}")),
            ("error != null", "2".to_owned()),
            ("down", "3".to_owned()),
            ("down == true", "3".to_owned()),
            ("ms > 10", "1 3".to_owned()),
            ("ms == 12.5", "1".to_owned()),
            ("user.roles.0 == admin", "1".to_owned()),
            ("user.roles ~ dev", "1".to_owned()),
            ("id == 12345678901234567890123", big.to_owned()),
            ("id > 12345678901234567890122", big.to_owned()),
            ("name == \"web\" || status == 404", format!("2 {big}")),
            ("name < b", format!("1 3 {big}")),
            ("`region` == eu && status != 200", format!("3 {big}")),
            ("note ~ \"a, \\\"b\\\" \\| c\"", big.to_owned()),
            ("where status == 200", "1".to_owned()),
            ("status > 1 | limit 2", "1 2".to_owned()),
            ("skip 1 | limit 1", "2".to_owned()),
            ("sort ms", format!("2 1 3 {big}")),
            ("sort ms desc", format!("3 1 2 {big}")),
            ("sort by name", format!("{big} 3 1 2")),
        ];
        for (expression, want) in cases {
            assert_eq!(ids(JSON, expression), want, "{expression}");
        }
    }

    #[test]
    fn columns_come_as_they_are_written() {
        let rows = asked(JSON, "status < 600 | select ms, id, `note` | skip 2").expect("rows");
        assert_eq!(
            rows,
            "{\"ms\":1e3,\"id\":3}\n{\"ms\":null,\"id\":12345678901234567890123,\"note\":\"a, \\\"b\\\" | c\"}\n"
        );
        let rows = asked(JSON, "limit 1").expect("rows");
        let want = "{\"id\":1,\"name\":\"api-gateway\",\"status\":200,\"region\":\"eu\",\"ms\":12.50,\"user\":{\"roles\":[\"admin\",\"dev\"]}}\n";
        assert_eq!(rows, want);
    }

    #[test]
    fn totals_are_exact_and_the_largest_group_comes_first() {
        let cases = [
            ("count", "4\n"),
            ("status >= 500 | count", "2\n"),
            ("count by region", "{\"region\":\"eu\",\"count\":3}\n{\"region\":\"us\",\"count\":1}\n"),
            ("sum(status)", "1607\n"),
            ("sum(id)", "12345678901234567890129\n"),
            ("sum(ms)", "1019.5\n"),
            ("min(ms), max(ms)", "{\"min(ms)\":7,\"max(ms)\":1e3}\n"),
            ("avg(status)", "401.75\n"),
            ("region == nowhere | count", "0\n"),
            ("region == nowhere | sum(ms)", "0\n"),
            ("region == nowhere | avg(ms)", "null\n"),
            (
                "count, max(status) by region | limit 1",
                "{\"region\":\"eu\",\"count\":3,\"max(status)\":500}\n",
            ),
            ("count by region | count < 2", "{\"region\":\"us\",\"count\":1}\n"),
            ("count by error | select error", "{\"error\":null}\n{\"error\":\"no upstream\"}\n"),
        ];
        for (expression, want) in cases {
            assert_eq!(asked(JSON, expression).as_deref(), Ok(want), "{expression}");
        }
    }

    #[test]
    fn separated_values_stay_separated_values() {
        let cases = [
            ("bytes > 20", "id,name,bytes\n1,\"Smith, Ann\",100\n2,Lee,25\n"),
            ("name ~ Smith | select name,id", "name,id\n\"Smith, Ann\",1\n"),
            ("name == 'Say \"hi\"' | select bytes", "bytes\n7\n"),
            ("select name, bytes | bytes < 10", "name,bytes\n\"Say \"\"hi\"\"\",7\n"),
            ("sort bytes desc | limit 1", "id,name,bytes\n1,\"Smith, Ann\",100\n"),
            ("sum(bytes)", "132\n"),
            ("count by name | limit 1", "{\"name\":\"Smith, Ann\",\"count\":1}\n"),
        ];
        for (expression, want) in cases {
            assert_eq!(asked(CSV, expression).as_deref(), Ok(want), "{expression}");
        }
        let tabs = "pid\tname\n1\tinit\n42\tsh\n";
        assert_eq!(asked(tabs, "pid > 1").as_deref(), Ok("pid\tname\n42\tsh\n"));
    }

    #[test]
    fn rows_are_found_where_they_are() {
        let cases = [
            ("{\"total\": 2, \"items\": [{\"id\": 1}, {\"id\": 2}]}", "count", "2\n"),
            ("{\"a\": [1], \"data\": {\"rows\": [{\"id\": 1}, {\"id\": 2}]}}", "id > 1", "{\"id\":2}\n"),
            ("{\"a\": [1, 2, 3], \"data\": {\"rows\": [{\"id\": 1}]}}", "at data.rows | count", "1\n"),
            ("[1, 2, 30]", ". > 1", "2\n30\n"),
            ("[[1, \"a\"], [2, \"b\"]]", "1 == b", "[2,\"b\"]\n"),
            ("{\"id\": 1}\n{\"id\": 2}\n", "id == 2", "{\"id\":2}\n"),
            ("Output:\n{\"id\": 1}\n{\"id\": 2}\n", "id == 2", "{\"id\":2}\n"),
            ("3 rows\n[{\"id\": 1}]\n", "count", "1\n"),
        ];
        for (text, expression, want) in cases {
            assert_eq!(asked(text, expression).as_deref(), Ok(want), "{text} {expression}");
        }
        for text in ["", "some words\nand more words\n", "{\"id\": 1}", "[1, 2", "a,b\n"] {
            assert_eq!(asked(text, "count"), Err(PartError::NoRows), "{text}");
        }
        assert_eq!(asked("[]", "id > 1 | select id").as_deref(), Ok(""));
        let wrong = asked(JSON, "nmae == x").expect_err("no such column");
        let said =
            "no row has a column `nmae`; there are: id, name, status, region, ms, user, error, down, note";
        assert_eq!(wrong.to_string(), said);
    }

    #[test]
    fn what_is_misspelt_is_said() {
        let cases = [
            ("", "a column is missing at the end of a stage"),
            ("status >=", "a value is missing at the end of a stage"),
            ("status = = 3", "a value is missing at `=`"),
            ("(status > 3", "a `(` is not closed"),
            ("status > 3)", "a `)` has no `(`"),
            ("name ~ \"(\"", "`(` is no regular expression"),
            ("name == \"x", "a \" is not closed"),
            ("limit x", "a whole number is missing at `x`"),
            ("status > 3 | | count", "a column is missing at the end of a stage"),
            ("status > 3 status", "nothing fits at `status`"),
            ("count | at x", "`at` can only come first"),
            ("count, x", "after `,` comes another total, such as `sum(column)`"),
            ("a & b", "`&` stands where a column or a value should"),
        ];
        for (expression, why) in cases {
            let error = Pipeline::parse(expression).expect_err(expression);
            assert_eq!(
                error,
                PartError::Expression { expression: expression.to_owned(), why: why.to_owned() }
            );
        }
        let long = "(".repeat(3_000) + "a" + &")".repeat(900);
        assert!(Pipeline::parse(&long).is_err());
        assert!(Pipeline::parse(&"not ".repeat(1_000)).is_err());
        assert!(Pipeline::parse(&vec!["count"; 17].join("|")).is_err());
        assert!(Pipeline::parse(&vec!["a"; 65].join(" and ")).is_err());
    }

    #[test]
    fn deep_and_odd_json_is_no_harm() {
        let deep = format!("[{{\"a\": {}1{}}}]", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(asked(&deep, "a | count").as_deref(), Ok("1\n"));
        let open = "[".repeat(100_000);
        assert_eq!(asked(&open, "count"), Err(PartError::NoRows));
    }

    proptest! {
        #[test]
        fn no_expression_and_no_text_do_harm(text in any::<String>(), expression in "[a-c0-9 |=<>~!()\"',.&-]{0,40}") {
            if let Ok(pipeline) = Pipeline::parse(&expression) {
                for text in [text.as_str(), JSON, CSV] {
                    let _ = run(text, &pipeline);
                }
            }
        }

        #[test]
        fn a_test_and_its_opposite_part_the_rows(bound in 0..700_u32, word in "[a-z]") {
            for test in [format!("status > {bound}"), format!("name ~ {word}"), format!("name ~ {word} or status < {bound}")] {
                let count = |test: &str| asked(JSON, &format!("{test} | count")).expect("a count").trim().parse::<u32>().expect("a number");
                prop_assert_eq!(count(&test) + count(&format!("not ({test})")), 4, "{}", test);
            }
        }
    }
}
