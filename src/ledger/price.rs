//! What a model's tokens cost, class by class.
//!
//! The rows lie in `prices.toml`, each with its source and its date; the user's
//! own file has the same format and comes first. *Invariant:* a price that is
//! not known is `None`, never zero.

use crate::receipt::Usage;
use crate::text;
use crate::units::{MicroUsd, Tokens};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use toml_edit::{Document, Item, TableLike, Value};

/// The price table that is built in.
const BUILT_IN: &str = include_str!("prices.toml");

static EMBEDDED: LazyLock<Arc<Prices>> = LazyLock::new(|| {
    Arc::new(
        Prices::parse(BUILT_IN, Path::new("the built-in price table")).expect("the built-in prices read"),
    )
});

/// Every price that is known, the user's own first.
#[derive(Clone, Debug, Default)]
pub struct Prices {
    rows: Vec<Row>,
    routes: Vec<Route>,
}

/// What one model's tokens cost in a request of a certain length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// Input neither read from nor written to the cache.
    pub uncached: Option<Rate>,
    /// Input read from the cache.
    pub cache_read: Option<Rate>,
    /// Input written to the cache for five minutes.
    pub cache_write_5m: Option<Rate>,
    /// Input written to the cache for an hour.
    pub cache_write_1h: Option<Rate>,
    /// Output.
    pub output: Option<Rate>,
    /// Where the price was seen.
    pub source: Arc<str>,
    /// On which day (`2026-11-20`).
    pub as_of: Arc<str>,
}

/// The price of tokens of one class: millionths of a US dollar for a million tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rate(pub i64);

/// Money before it is rounded to millionths of a dollar: millionths of those.
///
/// Sums are made in this unit and rounded once, so that no order of summing
/// gives another result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exact(pub i128);

impl Price {
    /// What a request of this usage costs; `None` when a price that is needed is not known.
    pub fn of(&self, usage: &Usage) -> Option<Exact> {
        Some(
            cost(self.uncached, usage.uncached)?
                + cost(self.cache_read, usage.cache_read)?
                + cost(self.cache_write_5m, usage.cache_write_5m)?
                + cost(self.cache_write_1h, usage.cache_write_1h)?
                + cost(self.output, usage.output)?,
        )
    }
}

/// No tokens cost nothing, whatever the price.
pub fn cost(rate: Option<Rate>, tokens: Tokens) -> Option<Exact> {
    if tokens == Tokens(0) { Some(Exact(0)) } else { rate.map(|rate| rate.of(tokens)) }
}

impl Rate {
    /// What `tokens` of this class cost.
    pub fn of(self, tokens: Tokens) -> Exact {
        Exact(i128::from(self.0) * i128::from(tokens.0))
    }
}

impl Exact {
    /// To the nearest millionth of a dollar, halves away from zero.
    pub fn rounded(self) -> MicroUsd {
        const UNIT: i128 = 1_000_000;
        let away = if self.0 < 0 { -UNIT / 2 } else { UNIT / 2 };
        let rounded = (self.0 + away) / UNIT;
        MicroUsd(i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX }))
    }
}

impl std::ops::Add for Exact {
    type Output = Exact;
    fn add(self, other: Exact) -> Exact {
        Exact(self.0 + other.0)
    }
}

impl std::ops::Sub for Exact {
    type Output = Exact;
    fn sub(self, other: Exact) -> Exact {
        Exact(self.0 - other.0)
    }
}

/// Why a file of prices can't be used. It is the user's to mend.
#[derive(Debug, thiserror::Error)]
pub enum PriceError {
    /// The file is there and can't be read.
    #[error("could not read {path}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something in it is not as it should be.
    #[error("{path}:{line}: {what}")]
    Odd {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What, and what is allowed.
        what: String,
    },
}

impl Prices {
    /// The built-in table.
    pub fn built_in() -> Arc<Prices> {
        EMBEDDED.clone()
    }

    /// The built-in table with the user's own file before it; a file that is not there says nothing.
    ///
    /// # Errors
    /// [`PriceError`].
    pub fn with_file(path: &Path) -> Result<Arc<Prices>, PriceError> {
        match std::fs::read_to_string(path) {
            Ok(text) => Ok(Arc::new(Prices::built_in().with(&text, path)?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Prices::built_in()),
            Err(source) => Err(PriceError::Read { path: path.to_owned(), source }),
        }
    }

    /// This table with the rows of `text` before its own.
    ///
    /// # Errors
    /// [`PriceError::Odd`], naming `path`.
    pub fn with(&self, text: &str, path: &Path) -> Result<Prices, PriceError> {
        let mut first = Prices::parse(text, path)?;
        first.rows.extend(self.rows.iter().cloned());
        first.routes.extend(self.routes.iter().cloned());
        Ok(first)
    }

    /// What a request to `model` costs whose whole input has `input` tokens; `None` for a model that is not known.
    pub fn of(&self, model: &str, input: Tokens) -> Option<Price> {
        let model = model.trim().to_ascii_lowercase();
        let (row, thousandths) = self.row(&model)?;
        let tier = row.tiers.iter().rev().find(|tier| tier.above < input).unwrap_or(&row.tiers[0]);
        let scaled = |rate: Option<Rate>| rate.map(|Rate(rate)| Rate(rate * thousandths / 1_000));
        Some(Price {
            uncached: scaled(tier.uncached),
            cache_read: scaled(tier.cache_read),
            cache_write_5m: scaled(tier.cache_write_5m),
            cache_write_1h: scaled(tier.cache_write_1h),
            output: scaled(tier.output),
            source: row.source.clone(),
            as_of: row.as_of.clone(),
        })
    }

    /// The newest date and the source of the built-in rows, to be said beside money.
    pub fn stamp(&self) -> Option<(Arc<str>, Arc<str>)> {
        self.rows.last().map(|row| (row.source.clone(), row.as_of.clone()))
    }

    /// The row of a model, and how its route scales it, the most exact reading of its name first.
    fn row(&self, model: &str) -> Option<(&Row, i64)> {
        // As it is written, then without the folder of a gateway (`vertex_ai/`, an ARN), then without a cloud's own prefix.
        let last = model.rsplit('/').next().unwrap_or(model);
        let route = self
            .routes
            .iter()
            .filter(|route| last.starts_with(&route.prefix))
            .max_by_key(|route| route.prefix.len());
        let mut readings = vec![(model, 1_000)];
        match route {
            Some(route) => readings.push((&last[route.prefix.len()..], route.thousandths)),
            None if last != model => readings.push((last, 1_000)),
            None => {}
        }
        readings.into_iter().find_map(|(name, thousandths)| Some((self.named(name)?, thousandths)))
    }

    /// The row of a name: exact, then without its endings one after the other, then the longest `*`.
    fn named(&self, name: &str) -> Option<&Row> {
        let exact = |name: &str| self.rows.iter().find(|row| row.models.iter().any(|known| known == name));
        let mut rest = name;
        loop {
            if let Some(row) = exact(rest) {
                return Some(row);
            }
            match without_ending(rest) {
                Some(shorter) => rest = shorter,
                None => break,
            }
        }
        self.rows
            .iter()
            .flat_map(|row| row.models.iter().map(move |known| (row, known)))
            .filter_map(|(row, known)| Some((row, known.strip_suffix('*')?)))
            .filter(|(_, start)| name.starts_with(start))
            // The first of the longest: the user's own rows stand first.
            .min_by_key(|(_, start)| std::cmp::Reverse(start.len()))
            .map(|(row, _)| row)
    }

    fn parse(text: &str, path: &Path) -> Result<Prices, PriceError> {
        Reader { text, path }.prices()
    }
}

/// A name without one ending that does not make it another model: a date, a
/// version of the deployment, a long context. `None` when it has none.
fn without_ending(name: &str) -> Option<&str> {
    for ending in ["[1m]", "-latest", "@latest", "@default"] {
        if let Some(rest) = name.strip_suffix(ending) {
            return Some(rest);
        }
    }
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if let Some((rest, version)) = name.rsplit_once(':')
        && digits(version)
    {
        return Some(rest);
    }
    if let Some((rest, version)) = name.rsplit_once("-v")
        && digits(version)
    {
        return Some(rest);
    }
    let day = name.len().checked_sub(9)?;
    if let Some((rest, date)) = name.split_at_checked(day)
        && (date.starts_with('-') || date.starts_with('@'))
        && digits(&date[1..])
        && date[1..].starts_with("20")
    {
        return Some(rest);
    }
    let day = name.len().checked_sub(11)?;
    let (rest, date) = name.split_at_checked(day)?;
    let dashed = date.bytes().enumerate().all(|(at, byte)| match at {
        0 | 5 | 8 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    dashed.then_some(rest)
}

#[derive(Clone, Debug)]
struct Row {
    models: Vec<String>,
    /// The shortest requests first; never empty.
    tiers: Vec<Tier>,
    source: Arc<str>,
    as_of: Arc<str>,
}

#[derive(Clone, Debug, Default)]
struct Tier {
    above: Tokens,
    uncached: Option<Rate>,
    cache_read: Option<Rate>,
    cache_write_5m: Option<Rate>,
    cache_write_1h: Option<Rate>,
    output: Option<Rate>,
}

#[derive(Clone, Debug)]
struct Route {
    prefix: String,
    thousandths: i64,
}

/// Reads a file of prices, remembering where it is.
struct Reader<'a> {
    text: &'a str,
    path: &'a Path,
}

impl Reader<'_> {
    fn prices(&self) -> Result<Prices, PriceError> {
        let document = Document::parse(self.text).map_err(|error| {
            self.odd(error.span(), error.message().lines().collect::<Vec<_>>().join(", "))
        })?;
        let file = document.as_table();
        self.only(file, &["source", "as_of", "price", "route"])?;
        let source: Arc<str> =
            self.word(file, "source")?.unwrap_or_else(|| self.path.display().to_string()).into();
        let as_of: Arc<str> = self.word(file, "as_of")?.unwrap_or_default().into();

        let mut prices = Prices::default();
        for row in self.tables(file, "price")? {
            self.only(row, &[&["models", "above", "source", "as_of"], CLASSES].concat())?;
            let mut tiers = vec![self.tier(row)?];
            if let Some(above) = row.get("above") {
                let Some(list) = above.as_array() else {
                    return Err(self.odd(above.span(), "`above` is a list of `{ tokens = …, input = …, … }`"));
                };
                for longer in list {
                    tiers.push(self.longer(longer)?);
                }
            }
            tiers.sort_by_key(|tier| tier.above);
            prices.rows.push(Row {
                models: self
                    .words(row, "models")?
                    .into_iter()
                    .map(|name| name.to_ascii_lowercase())
                    .collect(),
                tiers,
                source: self.word(row, "source")?.map_or_else(|| source.clone(), Arc::from),
                as_of: self.word(row, "as_of")?.map_or_else(|| as_of.clone(), Arc::from),
            });
        }
        for route in self.tables(file, "route")? {
            self.only(route, &["prefixes", "thousandths"])?;
            let thousandths =
                route.get("thousandths").and_then(Item::as_integer).filter(|of| (1..=100_000).contains(of));
            let thousandths = thousandths.ok_or_else(|| {
                self.odd(span_of(route, "thousandths"), "`thousandths` is a whole number from 1 to 100000")
            })?;
            let prefixes = self.words(route, "prefixes")?;
            prices.routes.extend(prefixes.into_iter().map(|prefix| Route { prefix, thousandths }));
        }
        Ok(prices)
    }

    fn longer(&self, longer: &Value) -> Result<Tier, PriceError> {
        let table = longer.as_inline_table().map(|table| table as &dyn TableLike);
        let table = table
            .ok_or_else(|| self.odd(longer.span(), "`above` is a list of `{ tokens = …, input = …, … }`"))?;
        self.only(table, &[&["tokens"], CLASSES].concat())?;
        let tokens =
            table.get("tokens").and_then(Item::as_integer).and_then(|tokens| u64::try_from(tokens).ok());
        let tokens = tokens.ok_or_else(|| self.odd(longer.span(), "`tokens` is a whole number"))?;
        Ok(Tier { above: Tokens(tokens), ..self.tier(table)? })
    }

    fn tier(&self, table: &dyn TableLike) -> Result<Tier, PriceError> {
        let rate = |class: &str| self.rate(table, class);
        Ok(Tier {
            above: Tokens(0),
            uncached: rate("input")?,
            cache_read: rate("cache_read")?,
            cache_write_5m: rate("cache_write_5m")?,
            cache_write_1h: rate("cache_write_1h")?,
            output: rate("output")?,
        })
    }

    /// Dollars for a million tokens, with six decimal places at most.
    fn rate(&self, table: &dyn TableLike, class: &str) -> Result<Option<Rate>, PriceError> {
        let Some(item) = table.get(class) else { return Ok(None) };
        let dollars = item.as_float().or_else(|| item.as_integer().map(|whole| whole as f64));
        let rate = dollars.filter(|dollars| (0.0..=1e6).contains(dollars)).map(|dollars| dollars * 1e6);
        match rate.filter(|rate| (rate - rate.round()).abs() < 1e-3) {
            Some(rate) => Ok(Some(Rate(rate.round() as i64))),
            None => Err(self.odd(
                item.span().or_else(|| span_of(table, class)),
                format!(
                    "`{class}` is a price in US dollars for a million tokens, from 0 to 1000000, with six decimal places at most"
                ),
            )),
        }
    }

    fn tables<'a>(
        &self,
        file: &'a toml_edit::Table,
        name: &str,
    ) -> Result<Vec<&'a dyn TableLike>, PriceError> {
        match file.get(name) {
            None => Ok(Vec::new()),
            Some(item) => match item.as_array_of_tables() {
                Some(tables) => Ok(tables.iter().map(|table| table as &dyn TableLike).collect()),
                None => {
                    Err(self
                        .odd(span_of(file, name), format!("`{name}` is written `[[{name}]]`, once for each")))
                }
            },
        }
    }

    fn words(&self, table: &dyn TableLike, name: &str) -> Result<Vec<String>, PriceError> {
        let list = table.get(name).and_then(Item::as_array);
        let words: Option<Vec<String>> =
            list.map(|list| list.iter().filter_map(|word| word.as_str().map(str::to_owned)).collect());
        words
            .filter(|words| !words.is_empty() && Some(words.len()) == list.map(toml_edit::Array::len))
            .ok_or_else(|| {
                let place = span_of(table, name)
                    .or_else(|| table.iter().next().and_then(|(first, _)| span_of(table, first)));
                self.odd(place, format!("`{name}` is a list of names, at least one"))
            })
    }

    fn word(&self, table: &dyn TableLike, name: &str) -> Result<Option<String>, PriceError> {
        match table.get(name) {
            None => Ok(None),
            Some(item) => match item.as_str() {
                Some(word) => Ok(Some(word.to_owned())),
                None => Err(self.odd(item.span(), format!("`{name}` is a text"))),
            },
        }
    }

    fn only(&self, table: &dyn TableLike, known: &[&str]) -> Result<(), PriceError> {
        match table.iter().find(|(key, _)| !known.contains(key)) {
            None => Ok(()),
            Some((key, _)) => {
                let nearest = text::nearest(key, known.iter().copied()).unwrap_or_default();
                Err(self.odd(span_of(table, key), format!("unknown key `{key}`; the nearest is `{nearest}`")))
            }
        }
    }

    fn odd(&self, span: Option<Range<usize>>, what: impl Into<String>) -> PriceError {
        let before = self.text.get(..span.map_or(0, |span| span.start)).unwrap_or(self.text);
        PriceError::Odd {
            path: self.path.to_owned(),
            line: 1 + before.matches('\n').count(),
            what: what.into(),
        }
    }
}

const CLASSES: &[&str] = &["input", "output", "cache_read", "cache_write_5m", "cache_write_1h"];

fn span_of(table: &dyn TableLike, key: &str) -> Option<Range<usize>> {
    table.key(key).and_then(toml_edit::Key::span)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uncached(prices: &Prices, model: &str, input: u64) -> Option<i64> {
        prices.of(model, Tokens(input)).and_then(|price| price.uncached).map(|Rate(rate)| rate)
    }

    #[test]
    fn a_model_is_known_by_all_its_names() {
        let prices = Prices::built_in();
        let cases = [
            ("claude-opus-5-5", Some(4_000_000)),
            ("claude-opus-5-5[1m]", Some(4_000_000)),
            ("claude-opus-5-5-20261015", Some(4_000_000)),
            ("claude-opus-5-5-20261015[1m]", Some(4_000_000)),
            ("Claude-Opus-5-5-latest", Some(4_000_000)),
            ("claude-opus-5", Some(5_000_000)),
            ("claude-haiku-4-5-20251001", Some(1_000_000)),
            ("anthropic.claude-opus-4-6-v1", Some(5_000_000)),
            ("global.anthropic.claude-opus-5-5", Some(4_000_000)),
            ("us.anthropic.claude-opus-5-5", Some(4_400_000)),
            ("us-gov.anthropic.claude-opus-5-5", Some(4_800_000)),
            ("eu.anthropic.claude-haiku-4-5-20251001-v1:0", Some(1_100_000)),
            ("bedrock/us.anthropic.claude-sonnet-5-5", Some(2_200_000)),
            ("vertex_ai/claude-sonnet-4-5@20250929", Some(3_000_000)),
            ("claude-sonnet-5@default", Some(2_000_000)),
            ("gpt-6.1-sol", Some(2_000_000)),
            ("openai/gpt-5.2-2025-12-11", Some(1_750_000)),
            ("gemini/gemini-2.5-pro", Some(1_250_000)),
            ("models/gemini-3.8-flash", Some(750_000)),
            ("deepseek/deepseek-chat", Some(280_000)),
            ("gpt-4o", Some(2_500_000)),
            // Known to be met, and of a price that nobody publishes.
            ("gemini-3-flash", None),
            ("mistral-vibe-cli-latest", None),
            // Another model is another price, even where its name begins alike.
            ("claude-opus-5-6", None),
            ("claude-opus-5-5-turbo", None),
            ("claude-opus-55", None),
            ("gpt-6.1-sol-mini", None),
            ("gpt-5.9", None),
            ("my-model", None),
            ("", None),
        ];
        for (model, want) in cases {
            assert_eq!(uncached(&prices, model, 1), want, "{model}");
        }
    }

    #[test]
    fn every_row_has_its_source_its_date_and_every_class_that_claude_bills() {
        let prices = Prices::built_in();
        assert!(30 < prices.rows.len());
        for row in &prices.rows {
            assert!(!row.source.is_empty() && row.as_of.len() == 10, "{:?}", row.models);
            for tier in &row.tiers {
                let classes = [tier.uncached, tier.cache_read, tier.cache_write_5m, tier.output];
                assert!(
                    classes.iter().all(|rate| rate.is_some_and(|rate| Rate(0) < rate)),
                    "{:?}",
                    row.models
                );
                assert!(
                    tier.cache_read < tier.uncached && tier.uncached <= tier.cache_write_5m,
                    "{:?}",
                    row.models
                );
                if row.models[0].starts_with("claude") {
                    let Rate(uncached) = tier.uncached.unwrap();
                    assert_eq!(tier.cache_write_5m, Some(Rate(uncached * 5 / 4)), "{:?}", row.models);
                    assert_eq!(tier.cache_write_1h, Some(Rate(uncached * 2)), "{:?}", row.models);
                }
            }
        }
        let mut names: Vec<_> = prices.rows.iter().flat_map(|row| &row.models).collect();
        let all = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), all, "a model stands in one row only");
    }

    #[test]
    fn a_long_request_has_the_price_of_a_long_request() {
        let prices = Prices::built_in();
        assert_eq!(uncached(&prices, "claude-haiku-5-5", 100_000), Some(100_000));
        assert_eq!(uncached(&prices, "claude-haiku-5-5", 100_001), Some(500_000));
        assert_eq!(uncached(&prices, "gpt-5.5", 300_000), Some(10_000_000));
    }

    #[test]
    fn the_users_own_prices_come_first() {
        let own = r#"
            source = "our contract"
            as_of = "2026-11-01"
            [[price]]
            models = ["claude-opus-5-5", "house/*", "house/big-*"]
            input = 1
            output = 2.5
            [[price]]
            models = ["house/big-two*"]
            input = 0.125
        "#;
        let prices = Prices::built_in().with(own, Path::new("prices.toml")).unwrap();
        let price = prices.of("claude-opus-5-5-20261015", Tokens(9)).unwrap();
        assert_eq!((price.uncached, price.output), (Some(Rate(1_000_000)), Some(Rate(2_500_000))));
        assert_eq!(price.cache_read, None, "what the user's row does not say is unknown, not free");
        assert_eq!((&*price.source, &*price.as_of), ("our contract", "2026-11-01"));
        assert_eq!(uncached(&prices, "house/small", 1), Some(1_000_000));
        assert_eq!(uncached(&prices, "house/big-two-b", 1), Some(125_000));
        assert_eq!(uncached(&prices, "claude-opus-5", 1), Some(5_000_000));
    }

    #[test]
    fn a_slip_in_the_users_prices_is_named_with_its_line() {
        let cases = [
            ("[[price]]\nmodel = [\"a\"]", "p.toml:2: unknown key `model`; the nearest is `models`"),
            ("[[price]]\ninput = 1", "p.toml:2: `models` is a list of names, at least one"),
            ("[[price]]\nmodels = []", "p.toml:2: `models` is a list of names, at least one"),
            (
                "[[price]]\nmodels = [\"a\"]\ninput = -1",
                "p.toml:3: `input` is a price in US dollars for a million tokens, from 0 to 1000000, with six decimal places at most",
            ),
            (
                "[[price]]\nmodels = [\"a\"]\ninput = 0.0000001",
                "p.toml:3: `input` is a price in US dollars for a million tokens, from 0 to 1000000, with six decimal places at most",
            ),
            ("price = 3", "p.toml:1: `price` is written `[[price]]`, once for each"),
            ("[[route]]\nprefixes = [\"a\"]", "p.toml:1: `thousandths` is a whole number from 1 to 100000"),
        ];
        for (text, want) in cases {
            let error = Prices::default().with(text, Path::new("p.toml")).unwrap_err();
            assert_eq!(error.to_string(), want, "{text}");
        }
    }

    #[test]
    fn money_is_rounded_once_and_evenly_around_zero() {
        assert_eq!(Rate(10_000).of(Tokens(50)).rounded(), MicroUsd(1));
        assert_eq!(Rate(10_000).of(Tokens(49)).rounded(), MicroUsd(0));
        assert_eq!((Exact(0) - Rate(10_000).of(Tokens(50))).rounded(), MicroUsd(-1));
        assert_eq!(Rate(4_000_000).of(Tokens(1_000_000)).rounded(), MicroUsd(4_000_000));
    }
}
