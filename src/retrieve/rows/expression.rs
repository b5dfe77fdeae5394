//! An expression, read into what is to be done.

use super::condition::{Asks, Comparison, Operator, Step, Value};
use super::totals::{Figure, Total};
use super::{Order, Pipeline, Stage};
use crate::retrieve::PartError;
use crate::retrieve::table;
use regex::{Regex, RegexBuilder};

/// Bytes of an expression.
const LENGTH: usize = 4_096;

/// Stages of an expression.
const STAGES: usize = 16;

/// Comparisons of one test: each looks at every row.
const COMPARISONS: usize = 64;

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
    // True when no white space stands before `rest`.
    let mut glued = false;
    while let Some(first) = rest.chars().next() {
        if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
            push_to(&mut stages, Token::Sign(sign));
            rest = &rest[sign.len()..];
        } else if first == '|' {
            stages.push(Vec::new());
            rest = &rest[1..];
        } else if matches!(first, '"' | '\'' | '`') {
            let (text, after) = until(&rest[1..], first).ok_or_else(|| format!("a {first} is not closed"))?;
            rest = after;
            match stages.last_mut().and_then(|stage| stage.last_mut()) {
                // A name in a path that has odd letters: labels."app.kubernetes.io/name".
                Some(Token::Word(path)) if glued && path.ends_with('.') => path.push_str(&text),
                _ => push_to(&mut stages, if first == '`' { Token::Name(text) } else { Token::Quoted(text) }),
            }
        } else {
            let ends = |letter: char| letter.is_whitespace() || "|<>=!~(),\"'`&".contains(letter);
            let end = rest.find(ends).unwrap_or(rest.len());
            if end == 0 {
                return Err(format!("`{first}` stands where a column or a value should"));
            }
            push_to(&mut stages, Token::Word(rest[..end].to_owned()));
            rest = &rest[end..];
        }
        let after = rest.trim_start();
        glued = after.len() == rest.len();
        rest = after;
    }
    Ok(stages)
}

fn push_to(stages: &mut [Vec<Token>], token: Token) {
    if let Some(stage) = stages.last_mut() {
        stage.push(token);
    }
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

/// Reads the tokens of one stage.
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
        if self.takes_keyword("last") {
            return self.whole().map(Stage::Last);
        }
        let called = self.tokens.get(self.at + 1) == Some(&Token::Sign("("));
        if !called && self.takes_keyword("distinct") {
            return self.columns().map(Stage::Distinct);
        }
        if self.takes_keyword("sort") || self.takes_keyword("order") {
            self.takes_keyword("by");
            let mut columns = vec![self.sorted()?];
            while self.takes_sign(",") {
                columns.push(self.sorted()?);
            }
            return Ok(Stage::Sort(columns));
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
        let called = self.tokens.get(self.at + 1) == Some(&Token::Sign("("));
        if let Some(Token::Word(name)) = self.tokens.get(self.at).filter(|_| called)
            && let Some(what) = Figure::named(name)
        {
            self.at += 1;
            self.wants_sign("(")?;
            let column = self.column()?;
            self.wants_sign(")")?;
            return Ok(Some(Total { what, column }));
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
        let asks = if self.takes_word("contains") {
            match self.value()? {
                Value::Text(text) | Value::Number(text) => Asks::Contains(text),
                Value::Null | Value::Switch(_) => {
                    return Err("after `contains` comes a text in quotes".to_owned());
                }
            }
        } else if self.takes_sign("~") {
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

    fn sorted(&mut self) -> Result<(String, Order), String> {
        let column = self.column()?;
        let down = self.takes_word("desc");
        if !down {
            self.takes_word("asc");
        }
        Ok((column, if down { Order::Down } else { Order::Up }))
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
                next == "contains" || next == "in" && self.tokens.get(self.at + 2) == Some(&Token::Sign("("))
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
