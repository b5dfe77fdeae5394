//! What was done to each request and what it cost, kept for ever and read back as rows.
//!
//! Append-only. Holds sizes, names and digests; never content.

use super::expiry::{integer, natural};
use super::{Frozen, Store, StoreError, sessions};
use crate::conversation::CacheAsk;
use crate::receipt::{Billing, CacheMiss, MissCause, Outcome, Receipt, Usage};
use crate::refusal::Refusal;
use crate::units::{Chain, Key, Millis, SessionId, Tokens};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeMap;

/// Which part of the record to read. What is `None` does not narrow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// From this moment on.
    pub since: Option<Millis>,
    /// Before this moment.
    pub until: Option<Millis>,
    /// Of this session only.
    pub session: Option<SessionId>,
    /// Of this wrap or proxy run only.
    pub run: Option<String>,
}

/// One request: its receipt's totals and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRow {
    /// Counts up in the order of recording.
    pub number: i64,
    /// When it arrived.
    pub at: Millis,
    /// The session it belongs to.
    pub session: SessionId,
    /// The wrap or the proxy run it came through.
    pub run: String,
    /// Which agent sent it, or `unknown`.
    pub agent: String,
    /// The folder the agent works in; empty when unknown.
    pub project: String,
    /// The model asked for.
    pub model: String,
    /// The HTTP status; 0 when no answer came.
    pub status: u16,
    /// True when the answer was read to its end.
    pub complete: bool,
    /// Bytes of the body as it came.
    pub bytes_before: u64,
    /// Bytes that were forwarded.
    pub bytes_after: u64,
    /// What was forwarded in o200k, roughly; `None` when it was not all text, or recorded before this was known.
    pub volume: Option<Tokens>,
    /// Tokens of the blocks first shortened in this request, as they came.
    pub first_before: Tokens,
    /// Tokens of those blocks as they were sent.
    pub first_after: Tokens,
    /// Tokens that the shortened blocks replayed here would have had.
    pub replayed_before: Tokens,
    /// Tokens of those blocks as they were sent.
    pub replayed_after: Tokens,
    /// Tokens of originals given back, new in this request.
    pub given_back_new: Tokens,
    /// Tokens of originals given back in earlier requests.
    pub given_back_old: Tokens,
    /// True when all that is new in it are originals given back.
    pub only_gives_back: bool,
    /// Tokens of our own tool's definition in it.
    pub overhead: Tokens,
    /// Names the whole history.
    pub head: Option<Chain>,
    /// Digest of system and tools.
    pub preamble: Option<Chain>,
    /// What the client asked of the prompt cache.
    pub cache: CacheAsk,
    /// What the provider counted; `None` when the answer carried no usage.
    pub usage: Option<Usage>,
    /// How it was paid for.
    pub billing: Billing,
    /// What the provider could have read from its cache and did not; `None` also where it is not known.
    pub miss: Option<CacheMiss>,
}

/// One new tool result of one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockRow {
    /// [`RequestRow::number`] of its request.
    pub request: i64,
    /// Where it stood: `messages[4].content[0]`.
    pub path: String,
    /// The tool's name, or empty.
    pub tool: String,
    /// The kind of content.
    pub kind: String,
    /// Which compressor shortened it.
    pub compressor: Option<String>,
    /// Where its original is kept.
    pub key: Option<Key>,
    /// Why it went as it was; `None` when it was shortened, or for a name that only a newer headroom knows.
    pub refusal: Option<Refusal>,
    /// Tokens of the client's text.
    pub tokens_before: Tokens,
    /// Tokens of what was sent.
    pub tokens_after: Tokens,
    /// Under which its pin is kept; `None` where nothing was pinned, or recorded before this was written down.
    pub chain: Option<Chain>,
    /// What of the user's own decided; `None` when the profile did.
    pub rule: Option<String>,
}

/// All new tool results of one kind that one compressor handled (or none did).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KindRow {
    /// The kind of content.
    pub kind: String,
    /// Which compressor; `None` for those that went as they came.
    pub compressor: Option<String>,
    /// How many.
    pub blocks: u64,
    /// Tokens of the client's texts.
    pub tokens_before: Tokens,
    /// Tokens of what was sent.
    pub tokens_after: Tokens,
    /// How often one of their originals was given back.
    pub retrievals: u64,
}

/// One original given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetrievalRow {
    /// When.
    pub at: Millis,
    /// Which.
    pub key: Key,
    /// Through what: `cli`, `mcp`.
    pub through: String,
    /// Tokens of what was given.
    pub tokens: Tokens,
}

/// One session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRow {
    /// Its name.
    pub session: SessionId,
    /// Which agent, or `unknown`.
    pub agent: String,
    /// The folder it works in; empty when unknown.
    pub project: String,
    /// When its first request came.
    pub began: Millis,
    /// The settings it began with; `None` when they were never frozen.
    pub frozen: Option<Frozen>,
    /// When and why its breaker opened; `None` while it is closed.
    pub breaker: Option<(Millis, String)>,
}

/// A receipt and what came of it, on their way to the record.
#[derive(Debug)]
pub(super) struct Written {
    pub receipt: Receipt,
    pub outcome: Outcome,
}

impl Written {
    /// Takes over what is kept: all but the history, which may be long.
    pub fn of(receipt: &Receipt, outcome: &Outcome) -> Written {
        let mut receipt = receipt.clone();
        receipt.history = Vec::new();
        receipt.shortened = Vec::new();
        Written { receipt, outcome: outcome.clone() }
    }
}

/// Writes one request with its blocks and refusals.
pub(super) fn write(db: &Connection, written: &Written) -> rusqlite::Result<()> {
    let Written { receipt, outcome } = written;
    let session = sessions::number(db, &receipt.session, &receipt.agent, &receipt.project, receipt.at)?;
    let (first_before, first_after) = receipt.first_sight();
    let class = |pick: fn(&Usage) -> Tokens| outcome.usage.as_ref().map(|usage| integer(pick(usage).0));
    db.prepare_cached(
        "INSERT INTO requests (at, session, run, agent, project, model, status, complete, bytes_before, bytes_after,
            first_before, first_after, replayed_before, replayed_after, given_back_new, given_back_old,
            only_gives_back, overhead, head, preamble, cache, uncached, cache_read, cache_write_5m,
            cache_write_1h, output, billing, volume, cache_miss, cache_missed)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21,
            ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30)",
    )?
    .execute(params![
        receipt.at.0,
        session,
        receipt.run,
        receipt.agent,
        receipt.project,
        receipt.model,
        outcome.status,
        outcome.complete,
        integer(receipt.bytes_before),
        integer(receipt.bytes_after),
        integer(first_before.0),
        integer(first_after.0),
        integer(receipt.replayed_before.0),
        integer(receipt.replayed_after.0),
        integer(receipt.given_back_new.0),
        integer(receipt.given_back_old.0),
        receipt.only_gives_back,
        integer(receipt.overhead.0),
        receipt.head.map(|chain| chain.0),
        receipt.preamble.map(|chain| chain.0),
        match receipt.cache {
            CacheAsk::None => 0,
            CacheAsk::FiveMinutes => 1,
            CacheAsk::OneHour => 2,
            CacheAsk::Automatic => 3,
        },
        class(|usage| usage.uncached),
        class(|usage| usage.cache_read),
        class(|usage| usage.cache_write_5m),
        class(|usage| usage.cache_write_1h),
        class(|usage| usage.output),
        receipt.billing.name(),
        receipt.volume.map(|volume| integer(volume.0)),
        outcome.miss.map(|miss| miss.cause.name()),
        outcome.miss.map(|miss| integer(miss.tokens.0)),
    ])?;
    let request = db.last_insert_rowid();
    let mut blocks = db.prepare_cached(
        "INSERT INTO blocks (request, place, path, tool, kind, compressor, key, refusal, tokens_before, tokens_after,
            chain, rule)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?;
    for (place, block) in (0_i64..).zip(&receipt.blocks) {
        blocks.execute(params![
            request,
            place,
            block.path,
            block.tool,
            block.kind,
            block.compressor,
            block.key.as_ref().map(Key::as_str),
            block.refusal.map(Refusal::name),
            integer(block.tokens_before.0),
            integer(block.tokens_after.0),
            block.chain.map(|chain| chain.0),
            block.rule,
        ])?;
    }
    let mut refusals =
        db.prepare_cached("INSERT INTO refusals (request, name, count) VALUES (?1, ?2, ?3)")?;
    for (refusal, count) in &receipt.refusals {
        refusals.execute(params![request, refusal.name(), integer(*count)])?;
    }
    Ok(())
}

/// Counts something that failed.
pub(super) fn write_fault(db: &Connection, name: &str, at: Millis, count: u64) -> rusqlite::Result<()> {
    if count == 0 {
        return Ok(());
    }
    db.prepare_cached(
        "INSERT INTO faults (minute, name, count) VALUES (?1, ?2, ?3)
         ON CONFLICT (minute, name) DO UPDATE SET count = count + ?3",
    )?
    .execute(params![at.0 / MINUTE, name, integer(count)])
    .map(drop)
}

/// Writes that an original was given back.
pub(super) fn write_retrieval(
    db: &Connection,
    key: &Key,
    through: &str,
    tokens: Tokens,
    at: Millis,
) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT INTO retrievals (at, key, through, tokens) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![at.0, key.as_str(), through, integer(tokens.0)])
        .map(drop)
}

/// Milliseconds in a minute: faults are counted by the minute.
const MINUTE: i64 = 60_000;

/// The columns that [`request`] reads, of `requests r` and `sessions s`.
const REQUEST: &str = "
    r.number, r.at, s.id, r.run, r.agent, r.project, r.model, r.status, r.complete, r.bytes_before,
                r.bytes_after, r.first_before, r.first_after, r.replayed_before, r.replayed_after, r.given_back_new,
                r.given_back_old, r.only_gives_back, r.overhead, r.head, r.preamble, r.cache, r.uncached,
                r.cache_read, r.cache_write_5m, r.cache_write_1h, r.output, r.billing, r.volume,
                r.cache_miss, r.cache_missed";

/// What a filter lets through, as a condition on `requests r`; its bounds are added to `bounds`.
fn lets_through(filter: &Filter, bounds: &mut Vec<Value>) -> String {
    let mut conditions = vec!["TRUE".to_owned()];
    let mut add = |before: &str, bound: Value, after: &str| {
        bounds.push(bound);
        conditions.push(format!("{before} ?{}{after}", bounds.len()));
    };
    if let Some(since) = filter.since {
        add("r.at >=", since.0.into(), "");
    }
    if let Some(until) = filter.until {
        add("r.at <", until.0.into(), "");
    }
    if let Some(session) = &filter.session {
        add("r.session = (SELECT number FROM sessions WHERE id =", session.0.clone().into(), ")");
    }
    if let Some(run) = &filter.run {
        add("r.run =", run.clone().into(), "");
    }
    conditions.join(" AND ")
}

impl Store {
    /// The requests that `filter` lets through, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn requests(&self, filter: &Filter) -> Result<Vec<RequestRow>, StoreError> {
        let mut requests = Vec::new();
        self.each_request(filter, |request| requests.push(request))?;
        Ok(requests)
    }

    /// Shows the requests that `filter` lets through one by one, oldest first: the record of years need not fit
    /// into memory.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn each_request(&self, filter: &Filter, mut see: impl FnMut(RequestRow)) -> Result<(), StoreError> {
        let mut bounds = Vec::new();
        let which = lets_through(filter, &mut bounds);
        let sql = format!(
            "SELECT {REQUEST}
             FROM requests r JOIN sessions s ON s.number = r.session WHERE {which} ORDER BY r.at, r.number"
        );
        self.rows(&sql, bounds, |row| {
            see(request(row)?);
            Ok(())
        })?;
        Ok(())
    }

    /// The latest request of a session that was answered to its end, as far as it is written down; does not wait.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn last_answered(&self, session: &SessionId) -> Result<Option<RequestRow>, StoreError> {
        let sql = format!(
            "SELECT {REQUEST} FROM requests r JOIN sessions s ON s.number = r.session
             WHERE r.session = (SELECT number FROM sessions WHERE id = ?1) AND r.status = 200 AND r.complete
                AND r.uncached IS NOT NULL ORDER BY r.at DESC, r.number DESC LIMIT 1"
        );
        self.read(|db| db.prepare_cached(&sql)?.query_row([&session.0], request).optional())
    }

    /// The latest requests whose volume and usage are known, at most `most`, the latest first: the model, the
    /// volume in o200k, and all input as the provider counted it. Volumes below `least` are left out.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn volumes(&self, least: Tokens, most: u32) -> Result<Vec<(String, Tokens, Tokens)>, StoreError> {
        let sql =
            "SELECT model, volume, uncached + cache_read + cache_write_5m + cache_write_1h FROM requests
             WHERE volume >= ?1 AND uncached IS NOT NULL AND status BETWEEN 200 AND 299
             ORDER BY number DESC LIMIT ?2";
        let bounds = vec![integer(least.0).into(), i64::from(most).into()];
        self.rows(sql, bounds, |row| Ok((row.get(0)?, tokens(row, 1)?, tokens(row, 2)?)))
    }

    /// Every new tool result of those requests, in the order they were sent.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn blocks(&self, filter: &Filter) -> Result<Vec<BlockRow>, StoreError> {
        let mut bounds = Vec::new();
        let which = lets_through(filter, &mut bounds);
        let sql = format!(
            "SELECT b.request, b.path, b.tool, b.kind, b.compressor, b.key, b.refusal, b.tokens_before, b.tokens_after,
                b.chain, b.rule
             FROM blocks b JOIN requests r ON r.number = b.request WHERE {which} ORDER BY r.at, r.number, b.place"
        );
        self.rows(&sql, bounds, |row| {
            Ok(BlockRow {
                request: row.get(0)?,
                path: row.get(1)?,
                tool: row.get(2)?,
                kind: row.get(3)?,
                compressor: row.get(4)?,
                key: row.get::<_, Option<String>>(5)?.and_then(|key| Key::parse(&key)),
                refusal: row.get::<_, Option<String>>(6)?.and_then(|name| Refusal::from_name(&name)),
                tokens_before: tokens(row, 7)?,
                tokens_after: tokens(row, 8)?,
                chain: row.get::<_, Option<[u8; 16]>>(9)?.map(Chain),
                rule: row.get(10)?,
            })
        })
    }

    /// The new tool results of those of the requests that were answered, summed by kind and compressor; the most
    /// tokens first. A request that failed is sent again: its results would count twice.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn kinds(&self, filter: &Filter) -> Result<Vec<KindRow>, StoreError> {
        let mut bounds = Vec::new();
        let which = lets_through(filter, &mut bounds);
        // An original that several blocks share counts once for its kind.
        let sql = format!(
            "WITH chosen AS (SELECT b.* FROM blocks b JOIN requests r ON r.number = b.request WHERE ({which})
                    AND r.status BETWEEN 200 AND 299 AND (r.complete OR r.uncached IS NOT NULL)),
                given AS (SELECT c.kind, c.compressor, sum(c.times) AS times FROM (
                    SELECT DISTINCT kind, compressor, key, (SELECT count(*) FROM retrievals g WHERE g.key = chosen.key)
                        AS times FROM chosen WHERE key IS NOT NULL) c GROUP BY 1, 2)
             SELECT k.kind, k.compressor, count(*), sum(k.tokens_before), sum(k.tokens_after),
                coalesce((SELECT times FROM given WHERE given.kind = k.kind AND given.compressor IS k.compressor), 0)
             FROM chosen k GROUP BY k.kind, k.compressor ORDER BY 4 DESC, 1, 2"
        );
        self.rows(&sql, bounds, |row| {
            Ok(KindRow {
                kind: row.get(0)?,
                compressor: row.get(1)?,
                blocks: natural(row.get(2)?),
                tokens_before: tokens(row, 3)?,
                tokens_after: tokens(row, 4)?,
                retrievals: natural(row.get(5)?),
            })
        })
    }

    /// How often each refusal was met in those requests.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn refusals(&self, filter: &Filter) -> Result<BTreeMap<Refusal, u64>, StoreError> {
        let mut bounds = Vec::new();
        let which = lets_through(filter, &mut bounds);
        let sql = format!(
            "SELECT f.name, sum(f.count) FROM refusals f JOIN requests r ON r.number = f.request
             WHERE {which} GROUP BY f.name"
        );
        Ok(counted(self.rows(&sql, bounds, |row| Ok((row.get(0)?, row.get(1)?)))?))
    }

    /// How often each refusal was met in one request, by [`RequestRow::number`].
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn refusals_of(&self, request: i64) -> Result<BTreeMap<Refusal, u64>, StoreError> {
        let sql = "SELECT name, count FROM refusals WHERE request = ?1";
        Ok(counted(self.rows(sql, vec![request.into()], |row| Ok((row.get(0)?, row.get(1)?)))?))
    }

    /// The session that a request was recorded of last: in `folder` or a folder in it, or anywhere.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn newest_session(&self, folder: Option<&str>) -> Result<Option<SessionId>, StoreError> {
        let sql = "SELECT s.id FROM requests r JOIN sessions s ON s.number = r.session
             WHERE ?1 IS NULL OR r.project = ?1 OR substr(r.project, 1, length(?1) + 1) = ?1 || '/'
             ORDER BY r.number DESC LIMIT 1";
        let folder = folder.map_or(Value::Null, |folder| folder.to_owned().into());
        Ok(self.rows(sql, vec![folder], |row| row.get(0))?.pop().map(SessionId))
    }

    /// The originals given back in that time; with a session or a run, those that were left out there.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn retrievals(&self, filter: &Filter) -> Result<Vec<RetrievalRow>, StoreError> {
        let time = Filter { session: None, run: None, ..filter.clone() };
        let place = Filter { since: None, until: None, ..filter.clone() };
        let mut bounds = Vec::new();
        let during = lets_through(&time, &mut bounds);
        let mut sql = format!("SELECT r.at, r.key, r.through, r.tokens FROM retrievals r WHERE {during}");
        if place != Filter::default() {
            let there = lets_through(&place, &mut bounds);
            sql.push_str(&format!(
                " AND r.key IN (SELECT b.key FROM blocks b JOIN requests r ON r.number = b.request WHERE {there})"
            ));
        }
        sql.push_str(" ORDER BY r.number");
        let rows = self.rows(&sql, bounds, |row| {
            let key = Key::parse(&row.get::<_, String>(1)?);
            Ok((Millis(row.get(0)?), key, row.get(2)?, tokens(row, 3)?))
        })?;
        Ok(rows
            .into_iter()
            .filter_map(|(at, key, through, tokens)| Some(RetrievalRow { at, key: key?, through, tokens }))
            .collect())
    }

    /// What failed in that time outside any one block, by name. Session and run do not narrow it.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn faults(&self, filter: &Filter) -> Result<BTreeMap<Refusal, u64>, StoreError> {
        let since = filter.since.map_or(i64::MIN, |since| since.0 / MINUTE);
        let until = filter.until.map_or(i64::MAX, |until| until.0);
        let sql =
            "SELECT name, sum(count) FROM faults WHERE minute >= ?1 AND minute < ?2 / 60000.0 GROUP BY name";
        let rows = self.rows(sql, vec![since.into(), until.into()], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(counted(rows))
    }

    /// The sessions that had a request in that time, and, unless a run is asked for, those that began in it; oldest first.
    ///
    /// # Errors
    /// [`StoreError::Database`].
    pub fn sessions(&self, filter: &Filter) -> Result<Vec<SessionRow>, StoreError> {
        let mut bounds = Vec::new();
        let which = lets_through(filter, &mut bounds);
        let mut began = "FALSE".to_owned();
        if filter.run.is_none() {
            bounds.push(filter.since.map_or(i64::MIN, |since| since.0).into());
            bounds.push(filter.until.map_or(i64::MAX, |until| until.0).into());
            began = format!("s.began >= ?{} AND s.began < ?{}", bounds.len() - 1, bounds.len());
            if let Some(session) = &filter.session {
                bounds.push(session.0.clone().into());
                began.push_str(&format!(" AND s.id = ?{}", bounds.len()));
            }
        }
        let sql = format!(
            "SELECT s.id, s.agent, s.project, s.began, s.frozen, s.breaker_at, s.breaker_why FROM sessions s
             WHERE ({began}) OR s.number IN (SELECT r.session FROM requests r WHERE {which}) ORDER BY s.began, s.number"
        );
        self.rows(&sql, bounds, |row| {
            let breaker_at: Option<i64> = row.get(5)?;
            let breaker_why: Option<String> = row.get(6)?;
            Ok(SessionRow {
                session: SessionId(row.get(0)?),
                agent: row.get(1)?,
                project: row.get(2)?,
                began: Millis(row.get(3)?),
                frozen: row
                    .get::<_, Option<String>>(4)?
                    .and_then(|json| serde_json::from_str::<Frozen>(&json).ok()),
                breaker: breaker_at.map(Millis).zip(breaker_why),
            })
        })
    }

    /// Waits until everything recorded so far is written; at most a few seconds.
    pub fn flush(&self) {
        self.recorder.flush();
    }

    fn rows<T>(
        &self,
        sql: &str,
        bounds: Vec<Value>,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        self.flush();
        self.read(|db| db.prepare_cached(sql)?.query_map(rusqlite::params_from_iter(bounds), read)?.collect())
    }
}

/// Names that only a newer headroom knows are left out.
fn counted(rows: Vec<(String, i64)>) -> BTreeMap<Refusal, u64> {
    rows.into_iter().filter_map(|(name, count)| Some((Refusal::from_name(&name)?, natural(count)))).collect()
}

fn tokens(row: &Row<'_>, column: usize) -> rusqlite::Result<Tokens> {
    row.get(column).map(|count| Tokens(natural(count)))
}

fn request(row: &Row<'_>) -> rusqlite::Result<RequestRow> {
    let usage = match row.get::<_, Option<i64>>(22)? {
        None => None,
        Some(uncached) => Some(Usage {
            uncached: Tokens(natural(uncached)),
            cache_read: tokens(row, 23)?,
            cache_write_5m: tokens(row, 24)?,
            cache_write_1h: tokens(row, 25)?,
            output: tokens(row, 26)?,
        }),
    };
    Ok(RequestRow {
        number: row.get(0)?,
        at: Millis(row.get(1)?),
        session: SessionId(row.get(2)?),
        run: row.get(3)?,
        agent: row.get(4)?,
        project: row.get(5)?,
        model: row.get(6)?,
        status: row.get(7)?,
        complete: row.get(8)?,
        bytes_before: natural(row.get(9)?),
        bytes_after: natural(row.get(10)?),
        volume: row.get::<_, Option<i64>>(28)?.map(|volume| Tokens(natural(volume))),
        first_before: tokens(row, 11)?,
        first_after: tokens(row, 12)?,
        replayed_before: tokens(row, 13)?,
        replayed_after: tokens(row, 14)?,
        given_back_new: tokens(row, 15)?,
        given_back_old: tokens(row, 16)?,
        only_gives_back: row.get(17)?,
        overhead: tokens(row, 18)?,
        head: row.get::<_, Option<[u8; 16]>>(19)?.map(Chain),
        preamble: row.get::<_, Option<[u8; 16]>>(20)?.map(Chain),
        cache: match row.get::<_, i64>(21)? {
            0 => CacheAsk::None,
            1 => CacheAsk::FiveMinutes,
            3 => CacheAsk::Automatic,
            _ => CacheAsk::OneHour,
        },
        usage,
        billing: Billing::from_name(&row.get::<_, String>(27)?).unwrap_or_default(),
        miss: match row.get::<_, Option<String>>(29)?.and_then(|name| MissCause::from_name(&name)) {
            Some(cause) => Some(CacheMiss { cause, tokens: tokens(row, 30)? }),
            None => None,
        },
    })
}
