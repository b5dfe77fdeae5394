//! A request's body, made shorter where that is safe.
//!
//! Bytes in, bytes out. *Invariant:* a byte that no cleared block covers leaves
//! as it came. *Invariant:* [`rewrite`] cannot fail; when in doubt it hands
//! back what it was given and says why.

pub mod batch;
pub mod chain;
pub mod controls;
pub mod explain;
mod frames;
pub mod hidden;
mod policy;
pub mod rules;
pub mod splice;

use crate::compress::{self, Allowance, Effort, Hint, Loss, Shortened};
use crate::conversation::{Content, Conversation, Extent, Frame, Role};
use crate::receipt::{BlockReceipt, Ground, Receipt, Standing};
use crate::refusal::Refusal;
use crate::store::{Frozen, Original, Pin, Scope, ShortenedPin, Store};
use crate::tokens::{self, Vocabulary};
use crate::units::{Chain, Key, Millis, SessionId, Tokens, Work};
use crate::wire::{Wire, json, volume};
use bytes::Bytes;
use controls::InForce;
use policy::Answered;
pub use policy::{QUESTION_PART, is_a_word_of_its_own};
use rules::{Permission, Rule};
use splice::Edit;
use std::borrow::Cow;
use std::sync::Arc;

/// Version of the rules by which a text is shortened; frozen per session.
///
/// A change of anything that decides what is sent for a text counts it up.
pub const RULES: u32 = 4;

/// Bytes that the compressors may look at for one request; what is over goes verbatim.
///
/// The largest tool outputs that agents let through are 50 KB; twelve of them
/// in parallel are under 1 MiB. Sixteen times that leaves room for programs
/// that send whole files.
const WORK_PER_REQUEST: u64 = 16 << 20;

/// What a request is rewritten with.
pub struct Desk<'a> {
    /// Pins, originals, sessions; `None` when it could not be opened: then nothing new is shortened.
    pub store: Option<&'a Store>,
    /// Runs the compressors: off the I/O threads, guarded, watched.
    pub bench: &'a dyn Bench,
    /// The settings for new sessions.
    pub settings: &'a Settings,
}

/// Settings of the rewrite, frozen per session.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What may be left out at most.
    pub profile: Profile,
    /// False: no new pins; old ones are replayed.
    pub on: bool,
    /// How the client can get back what is left out.
    pub way_back: WayBack,
    /// The user's own rules.
    pub rules: Arc<[Rule]>,
    /// How the client shows the output of commands in what it says as the user.
    pub frames: Arc<[Frame]>,
}

/// How much may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Nothing.
    Lossless,
    /// What is not needed now, with a way back.
    Shorten(Effort),
}

impl Profile {
    /// The names, in the order of how much they leave out.
    pub const NAMES: [&'static str; 3] = ["lossless", "balanced", "aggressive"];

    /// The profile's name in the config file and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Profile::Lossless => "lossless",
            Profile::Shorten(Effort::Balanced) => "balanced",
            Profile::Shorten(Effort::Aggressive) => "aggressive",
        }
    }

    /// Reads a name.
    pub fn from_name(name: &str) -> Option<Profile> {
        match name {
            "lossless" => Some(Profile::Lossless),
            "balanced" => Some(Profile::Shorten(Effort::Balanced)),
            "aggressive" => Some(Profile::Shorten(Effort::Aggressive)),
            _ => None,
        }
    }
}

/// How a client can get back what is left out (law 10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WayBack {
    /// The caller gets the keys: `headroom compress`, a bare proxy on loopback, the library.
    Proven,
    /// Proven for each request whose tool list holds one of these names.
    Tools(Vec<String>),
    /// There is none.
    Nothing,
}

/// Whose request it is.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The wire it speaks.
    pub wire: Wire,
    /// The client's own session name from a header, if it sent one.
    pub session: Option<String>,
    /// Names this run, for clients that send no session of their own.
    pub run: String,
    /// Which agent (`claude`), or `unknown`.
    pub agent: String,
    /// Whom originals are given to.
    pub scope: Scope,
    /// When the request arrived.
    pub now: Millis,
    /// Whether the store may be written.
    pub writes: Writes,
    /// What of the history may be new.
    pub reach: Reach,
    /// The model that the request's path names; counts where the body names none.
    pub model: Option<String>,
}

impl Caller {
    /// What sets this caller's histories apart from others'. A proxy's have
    /// nothing: a resumed history is the same whoever carries it. A filter's
    /// have its run, which names the profile: nothing remembers which profile a
    /// caller of the filter took the last time.
    fn realm(&self) -> &str {
        match self.reach {
            Reach::Tail => "",
            Reach::Everything => &self.run,
        }
    }
}

/// What of a history that has no pins may be new to the provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Only what follows the model's last word: what stands before it was sent
    /// by somebody, and is in the provider's cache as it is. For a proxy.
    Tail,
    /// All of it: the caller sends through nobody else. For the filter and the library.
    Everything,
}

/// Whether a rewrite may write to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writes {
    /// Pins, originals.
    Keep,
    /// Nothing (`count_tokens`): the same bytes as [`Writes::Keep`] would give.
    Nothing,
    /// That what is new went as it came: the request only hands a history in once more, to be made into a
    /// summary, and nothing can be asked back from there.
    Verbatim,
}

/// Runs compressor jobs.
pub trait Bench: Send + Sync {
    /// Runs every job and gives the results in the same order. A job that panics is
    /// `Err` with [`Refusal::Panicked`], one that the watchdog let go of with [`Refusal::Hung`].
    fn run(&self, jobs: Vec<Job>) -> Vec<Result<Shortened, (&'static str, Refusal)>>;
}

/// One text to shorten; owns all it needs, so that it can outlive its request when it hangs.
pub type Job = Box<dyn FnOnce() -> Result<Shortened, (&'static str, Refusal)> + Send + 'static>;

/// Runs the jobs one after the other on the caller's own thread, guarded but not watched.
#[derive(Clone, Copy, Debug)]
pub struct Inline;

impl Bench for Inline {
    fn run(&self, jobs: Vec<Job>) -> Vec<Result<Shortened, (&'static str, Refusal)>> {
        jobs.into_iter().map(guarded).collect()
    }
}

/// Runs one job; a panic in it becomes [`Refusal::Panicked`].
pub fn guarded(job: Job) -> Result<Shortened, (&'static str, Refusal)> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(job))
        .unwrap_or(Err((compress::Kind::Other.name(), Refusal::Panicked)))
}

/// A rewritten body and what was done.
#[derive(Clone, Debug)]
pub struct Rewritten {
    /// The bytes to forward.
    pub body: Bytes,
    /// What was done.
    pub receipt: Receipt,
}

/// Rewrites one request's body. Cannot fail: at worst, the same bytes.
pub fn rewrite(body: Bytes, caller: &Caller, desk: &Desk<'_>) -> Rewritten {
    let Some(mut conversation) = caller.wire.read(&body) else {
        return unread(body, caller, Refusal::Unreadable);
    };
    if conversation.model.is_empty() {
        conversation.model = caller.model.clone().unwrap_or_default();
    }
    let start = Start::of(caller, &mut conversation, desk);
    let chains = chain::digests(&body, &conversation, start.chain);
    // The digests are over what the client wrote; from here on it counts what is meant.
    frames::find(&body, &mut conversation, &desk.settings.frames);
    let mut receipt = begin(&body, caller, &conversation, start, &chains);
    let eligible = policy::eligible(&conversation);
    let first_new = policy::first_new(&conversation, caller.reach);
    let short = policy::too_short(&conversation.blocks[first_new..]);
    (0..short).for_each(|_| receipt.refuse(Refusal::BelowFloor));

    let request =
        Request { body: &body, conversation: &conversation, chains: &chains, first_new, caller, desk };
    let (known, fresh) = match request.known_pins(&eligible) {
        Ok(known) => {
            let fresh = request.shorten_new(&eligible, &known, &mut receipt);
            (known, fresh)
        }
        Err(remembered) => {
            // What was sent before is not known for certain: anything new goes as it came.
            receipt.refuse(Refusal::StoreFailed);
            (remembered, eligible.iter().map(|_| None).collect())
        }
    };
    let edits = request.edits(&eligible, &known, &fresh, &mut receipt);
    request.count_given_back(&mut receipt);

    let body = splice::splice(body.clone(), edits);
    receipt.bytes_after = body.len() as u64;
    let is_sent = caller.reach == Reach::Tail && caller.writes != Writes::Nothing;
    if is_sent && conversation.continues.is_none() {
        receipt.volume = volume::estimate(&body);
    }
    Rewritten { body, receipt }
}

/// The answer for a request that is not looked into.
pub fn unread(body: Bytes, caller: &Caller, because: Refusal) -> Rewritten {
    let session = caller.session.clone().unwrap_or_else(|| caller.run.clone());
    let mut receipt = Receipt::new(SessionId(session), caller.now);
    describe(&mut receipt, caller, body.len());
    receipt.bytes_after = receipt.bytes_before;
    receipt.refuse(because);
    Rewritten { body, receipt }
}

fn describe(receipt: &mut Receipt, caller: &Caller, bytes: usize) {
    receipt.run.clone_from(&caller.run);
    receipt.agent.clone_from(&caller.agent);
    receipt.project.clone_from(&caller.scope.project);
    receipt.bytes_before = bytes as u64;
}

/// What the history of a request begins with.
struct Start {
    chain: Chain,
    /// The session that it continues, where that is known.
    session: Option<SessionId>,
    /// What of ours stands in it.
    standing: Standing,
}

impl Start {
    /// The beginning of everything, or what the request builds on: an earlier answer, with the
    /// tools and the calls that are not said again.
    fn of(caller: &Caller, conversation: &mut Conversation, desk: &Desk<'_>) -> Start {
        let root = chain::root(caller.wire, caller.realm());
        let anew = |chain| Start { chain, session: None, standing: Standing::default() };
        let Some(continues) = &conversation.continues else { return anew(root) };
        let known = desk.store.and_then(|store| store.answer(continues).ok().flatten());
        let Some(ground) = known else {
            return anew(chain::unknown(root, continues));
        };
        for tool in ground.tools {
            if !conversation.tools.contains(&tool) {
                conversation.tools.push(tool);
            }
        }
        conversation.earlier_calls = ground.calls;
        Start { chain: ground.chain, session: Some(ground.session), standing: ground.standing }
    }
}

fn begin(
    body: &[u8],
    caller: &Caller,
    conversation: &Conversation,
    start: Start,
    chains: &[Chain],
) -> Receipt {
    let session = start.session.unwrap_or_else(|| session_of(caller, conversation, chains));
    let mut receipt = Receipt::new(session, caller.now);
    receipt.continues = conversation.continues.is_some().then_some(start.chain);
    receipt.ground = Some(Ground {
        chain: chains.last().copied().unwrap_or(start.chain),
        session: receipt.session.clone(),
        tools: conversation.tools.clone(),
        calls: Vec::new(),
        standing: start.standing,
    });
    describe(&mut receipt, caller, body.len());
    receipt.model.clone_from(&conversation.model);
    receipt.cache = conversation.cache;
    receipt.head = chains.last().copied();
    receipt.history = chains.to_vec();
    receipt.breakpoint = conversation.breakpoint;
    receipt.preamble = Some(chain::preamble(body, conversation));
    if let Some(tool) = conversation.our_tool {
        receipt.overhead = tokens::count(&String::from_utf8_lossy(tool.of(body)));
    }
    receipt.build_on(start.standing);
    receipt
}

/// The client's own name for its session, else the beginning of its history within this run: up
/// to the first thing that a user says, for what stands before it is the same in every session.
fn session_of(caller: &Caller, conversation: &Conversation, chains: &[Chain]) -> SessionId {
    if let Some(session) = caller.session.as_ref().or(conversation.session.as_ref()) {
        return SessionId(session.clone());
    }
    let spoken = conversation.blocks.iter().position(|block| block.role == Role::User);
    match chains.get(spoken.unwrap_or(0)) {
        Some(Chain(root)) => {
            let root: String = root[..6].iter().map(|byte| format!("{byte:02x}")).collect();
            SessionId(format!("{}-{root}", caller.run))
        }
        None => SessionId(caller.run.clone()),
    }
}

/// A request that was read, with all that is needed to decide on it.
struct Request<'a> {
    body: &'a [u8],
    conversation: &'a Conversation,
    chains: &'a [Chain],
    first_new: usize,
    caller: &'a Caller,
    desk: &'a Desk<'a>,
}

/// A text of a new block that is to be shortened.
struct Candidate {
    /// Which of the eligible blocks, and which of its texts.
    place: (usize, usize),
    /// What the client wrote before and behind the output.
    frame: (String, String),
    text: Arc<str>,
    key: Key,
    /// In o200k: what is decided must not depend on the model.
    before: Tokens,
    /// In the model's own vocabulary, where that is public.
    shown_before: Tokens,
    tool: String,
    loss_allowed: bool,
}

/// What became of the texts of one new block.
struct Fresh {
    pin: Pin,
    kind: Cow<'static, str>,
    compressor: Option<Cow<'static, str>>,
    key: Option<Key>,
    refusal: Option<Refusal>,
    /// What of the user's own decided.
    rule: Option<String>,
    before: Tokens,
    after: Tokens,
    /// The same, told from the length.
    unseen: Tokens,
}

impl Request<'_> {
    /// What was sent for these blocks before; `Err` with what this process
    /// remembers of it when the store does not answer.
    fn known_pins(&self, eligible: &[Answered<'_>]) -> Result<Vec<Option<Pin>>, Vec<Option<Pin>>> {
        let chains: Vec<Chain> = eligible.iter().map(|eligible| self.chains[eligible.block]).collect();
        match self.desk.store {
            // The filter works everything out anew, so that it can report on it; the pins still win in the end.
            _ if self.caller.reach == Reach::Everything => Ok(vec![None; chains.len()]),
            Some(store) if !chains.is_empty() => store.pins(&chains).map_err(|_| store.remembered(&chains)),
            _ => Ok(vec![None; chains.len()]),
        }
    }

    /// Shortens what may be shortened and pins every block that had no pin. The
    /// answer has one entry for each eligible block: `None` where a pin was known.
    fn shorten_new(
        &self,
        eligible: &[Answered<'_>],
        known: &[Option<Pin>],
        receipt: &mut Receipt,
    ) -> Vec<Option<Fresh>> {
        let mut fresh: Vec<Option<Fresh>> =
            known.iter().map(|pin| pin.is_none().then(Fresh::verbatim)).collect();
        if fresh.iter().all(Option::is_none) {
            return fresh;
        }
        let candidates = self.candidates(eligible, &mut fresh, receipt);
        let originals = self.compress(candidates, &mut fresh);
        self.pin(eligible, &mut fresh, &originals, receipt);
        for fresh in fresh.iter().flatten() {
            if let Some(because) = fresh.refusal {
                receipt.refuse(because);
            }
        }
        fresh
    }

    /// The texts that the policy clears; what it does not clear is noted in `fresh`.
    fn candidates(
        &self,
        eligible: &[Answered<'_>],
        fresh: &mut [Option<Fresh>],
        receipt: &mut Receipt,
    ) -> Vec<(Candidate, Job)> {
        let mut session = None;
        let mut work_left = WORK_PER_REQUEST;
        let mut candidates = Vec::new();
        for (number, eligible) in eligible.iter().enumerate() {
            let Some(fresh) = &mut fresh[number] else { continue };
            let bytes = eligible.result.texts.iter().map(|text| text.len()).sum();
            fresh.unseen = tokens::estimate(bytes);
            if let Err(because) = policy::clear(self.body, eligible, self.first_new) {
                fresh.refusal = Some(because);
                continue;
            }
            let Some(store) = self.desk.store else {
                fresh.refusal = Some(Refusal::StoreFailed);
                continue;
            };
            let session = session.get_or_insert_with(|| self.frozen(store, receipt));
            let session = match session {
                Ok(session) => session,
                Err((because, rule)) => {
                    fresh.refusal = Some(*because);
                    fresh.rule.clone_from(rule);
                    continue;
                }
            };
            let mut told = Arc::new(policy::told(self.body, self.conversation, eligible));
            let (decided, rule) = session.under(&told);
            fresh.rule = rule;
            let terms = match decided {
                Ok(terms) => terms,
                Err(because) => {
                    fresh.refusal = Some(because);
                    continue;
                }
            };
            for (place, &span) in eligible.result.texts.iter().enumerate() {
                let read = match eligible.result.extent {
                    Extent::Whole => json::text_of(span.of(self.body)),
                    Extent::Part => json::text_within(span.of(self.body)),
                };
                let Some(whole) = read else {
                    fresh.refusal = Some(Refusal::OddText);
                    continue;
                };
                let inside = frames::inside(&whole);
                let text = &whole[inside.clone()];
                let frame = (whole[..inside.start].to_owned(), whole[inside.end..].to_owned());
                // Some clients write how it ended into a text of its own, before the output.
                if place == 0 && text.len() < policy::SMALLEST && frames::says_that_it_failed(&whole)
                    || frames::says_that_it_failed(&frame.0)
                    || frames::says_that_it_failed(&frame.1)
                {
                    Arc::make_mut(&mut told).failed = true;
                }
                if store.is_ours(text).unwrap_or(false) {
                    fresh.refusal = Some(Refusal::OwnOutput);
                    continue;
                }
                let before = tokens::count(text);
                let shown_before = self.shown(text, before);
                fresh.before += shown_before;
                fresh.after += shown_before;
                if work_left < text.len() as u64 {
                    fresh.refusal = Some(Refusal::OverBudget);
                    continue;
                }
                work_left -= text.len() as u64;
                let text: Arc<str> = text.into();
                let key = store.key(&text, &self.caller.scope);
                candidates.push((
                    Candidate {
                        place: (number, place),
                        frame,
                        text: text.clone(),
                        key: key.clone(),
                        before,
                        shown_before,
                        tool: told.tool.clone(),
                        loss_allowed: terms.loss_allowed,
                    },
                    job(text, key, told.clone(), terms),
                ));
            }
        }
        candidates
    }

    /// The tokens of a text in the model's own vocabulary; `counted` of o200k where that is not public.
    fn shown(&self, text: &str, counted: Tokens) -> Tokens {
        match Vocabulary::of_model(&self.conversation.model) {
            Some(other) if other != Vocabulary::O200k => tokens::count_in(other, text),
            _ => counted,
        }
    }

    /// The session's frozen settings, as far as they allow anything.
    fn frozen(&self, store: &Store, receipt: &mut Receipt) -> Result<Session, Withheld> {
        if self.caller.writes == Writes::Verbatim {
            return Err((Refusal::NoWayBack, None));
        }
        let settings = self.desk.settings;
        let fresh = Frozen {
            profile: settings.profile.name().to_owned(),
            rules: RULES,
            on: settings.on,
            own_rules: settings.rules.iter().map(ToString::to_string).collect(),
        };
        let frozen = match self.caller.writes {
            Writes::Keep => {
                let Caller { agent, scope, now, .. } = self.caller;
                store.session(&receipt.session, &fresh, agent, &scope.project, *now).unwrap_or_else(|_| {
                    receipt.refuse(Refusal::StoreFailed);
                    fresh
                })
            }
            Writes::Nothing | Writes::Verbatim => {
                store.begun(&receipt.session).ok().flatten().unwrap_or(fresh)
            }
        };
        if !(frozen.on && settings.on) {
            return Err((Refusal::Off, None));
        }
        let asked = match InForce::is_for(self.caller) {
            true => store.controls().map_err(|_| (Refusal::StoreFailed, None))?,
            false => Vec::new(),
        };
        let mut asked = InForce::of(&asked, self.caller, &receipt.session);
        if let Some(said) = asked.paused.take() {
            return Err((Refusal::Paused, Some(said)));
        }
        if store.breaker(&receipt.session).ok().flatten().is_some() {
            return Err((Refusal::BreakerOpen, None));
        }
        Ok(Session {
            profile: Profile::from_name(&frozen.profile).unwrap_or(Profile::Lossless),
            has_way_back: policy::has_way_back(&settings.way_back, self.conversation),
            rules: frozen.own_rules.iter().filter_map(|text| Rule::parse(text)).collect(),
            asked,
        })
    }

    /// Runs the compressors and notes what they made; gives the originals to keep.
    fn compress(&self, candidates: Vec<(Candidate, Job)>, fresh: &mut [Option<Fresh>]) -> Vec<Original> {
        let (candidates, jobs): (Vec<_>, Vec<_>) = candidates.into_iter().unzip();
        if jobs.is_empty() {
            return Vec::new();
        }
        let results = self.desk.bench.run(jobs);
        let mut originals = Vec::new();
        for (candidate, result) in candidates.into_iter().zip(results) {
            let Some(fresh) = &mut fresh[candidate.place.0] else { continue };
            match check(&candidate, result) {
                Ok((shortened, after)) => {
                    let shown_after = self.shown(&shortened.text, after);
                    fresh.after = Tokens(fresh.after.0 - candidate.shown_before.0) + shown_after;
                    fresh.kind = shortened.kind.name().into();
                    fresh.compressor = Some(shortened.compressor.into());
                    fresh.refusal = None;
                    // The original of a lossless text is kept as well: `retrieve` gives exact bytes for either.
                    fresh.key = Some(candidate.key.clone());
                    originals.push(Original {
                        key: candidate.key,
                        text: candidate.text,
                        scope: self.caller.scope.clone(),
                        kind: fresh.kind.to_string(),
                        tool: candidate.tool,
                    });
                    let (before, behind) = candidate.frame;
                    fresh.replace(candidate.place.1, before + &shortened.text + &behind);
                }
                Err((kind, because)) => {
                    if fresh.compressor.is_none() {
                        fresh.kind = kind.into();
                        fresh.refusal = Some(because);
                    }
                }
            }
        }
        for fresh in fresh.iter_mut().flatten() {
            fresh.sum_up();
        }
        originals
    }

    /// Writes the pins down; what can't be written down goes as it came.
    fn pin(
        &self,
        eligible: &[Answered<'_>],
        fresh: &mut [Option<Fresh>],
        originals: &[Original],
        receipt: &mut Receipt,
    ) {
        let Some(store) = self.desk.store.filter(|_| self.caller.writes != Writes::Nothing) else {
            return;
        };
        let pins: Vec<(Chain, Pin)> = fresh
            .iter()
            .zip(eligible)
            .filter_map(|(fresh, eligible)| Some((self.chains[eligible.block], fresh.as_ref()?.pin.clone())))
            .collect();
        match store.pin(&receipt.session, &pins, originals, self.caller.now) {
            Ok(winners) => {
                for (fresh, winner) in fresh.iter_mut().flatten().zip(winners) {
                    fresh.yield_to(winner);
                }
            }
            Err(_) => {
                for fresh in fresh.iter_mut().flatten() {
                    if fresh.pin != Pin::Verbatim {
                        *fresh = Fresh { before: fresh.before, after: fresh.before, ..Fresh::verbatim() };
                        fresh.refusal = Some(Refusal::StoreFailed);
                    }
                }
            }
        }
    }

    /// The replacements for all blocks, with what they save written into the receipt.
    fn edits(
        &self,
        eligible: &[Answered<'_>],
        known: &[Option<Pin>],
        fresh: &[Option<Fresh>],
        receipt: &mut Receipt,
    ) -> Vec<Edit> {
        let mut edits = Vec::new();
        for ((eligible, known), fresh) in eligible.iter().zip(known).zip(fresh) {
            let pin = match (known, fresh) {
                (Some(pin), _) => pin,
                (None, Some(fresh)) => &fresh.pin,
                (None, None) => continue,
            };
            if let Pin::Shortened(pin) = pin {
                let bytes = pin.texts.iter().map(|(_, text)| text.len() as u64).sum();
                receipt.shortened.push((eligible.block, bytes));
                for (place, text) in &pin.texts {
                    if let Some(&span) = eligible.result.texts.get(*place as usize) {
                        edits.push(Edit { span, extent: eligible.result.extent, text: text.clone() });
                    }
                }
            }
            self.enter(eligible, pin, fresh.as_ref(), receipt);
        }
        edits
    }

    /// Writes one block into the receipt.
    fn enter(&self, eligible: &Answered<'_>, pin: &Pin, fresh: Option<&Fresh>, receipt: &mut Receipt) {
        let is_new = self.first_new <= eligible.block;
        match (fresh, pin) {
            (Some(fresh), _) if is_new => receipt.blocks.push(BlockReceipt {
                tokens_before: fresh.told(fresh.before),
                tokens_after: fresh.told(fresh.after),
                path: self.path_of(eligible),
                tool: eligible.call.map(|call| call.tool.clone()).unwrap_or_default(),
                kind: fresh.kind.clone(),
                compressor: fresh.compressor.clone(),
                key: fresh.key.clone(),
                refusal: fresh.refusal,
                chain: Some(self.chains[eligible.block]),
                rule: fresh.rule.clone(),
            }),
            // Sent before, and yet behind the model's last word: a request that is tried again.
            (None, Pin::Shortened(pin)) if is_new => {
                receipt.blocks.push(BlockReceipt {
                    path: self.path_of(eligible),
                    tool: eligible.call.map(|call| call.tool.clone()).unwrap_or_default(),
                    kind: pin.kind.clone().into(),
                    compressor: Some(pin.compressor.clone().into()),
                    key: None,
                    refusal: None,
                    tokens_before: pin.tokens_before,
                    tokens_after: pin.tokens_after,
                    chain: Some(self.chains[eligible.block]),
                    rule: None,
                });
            }
            (_, Pin::Shortened(pin)) => {
                receipt.replayed_before += pin.tokens_before;
                receipt.replayed_after += pin.tokens_after;
            }
            (_, Pin::Verbatim) => {}
        }
    }

    fn path_of(&self, eligible: &Answered<'_>) -> String {
        let block = &self.conversation.blocks[eligible.block];
        format!("messages[{}].content[{}]", block.message, block.index)
    }

    /// Counts the originals that were given back: they cost what was saved on them, and more.
    fn count_given_back(&self, receipt: &mut Receipt) {
        let tail = self.conversation.tail();
        let mut new_results = 0;
        let mut new_given_back = 0;
        for eligible in policy::answered(self.conversation) {
            let is_new = tail <= eligible.block;
            new_results += usize::from(is_new);
            if !policy::gives_back(self.body, eligible.call) {
                continue;
            }
            let bytes: usize = eligible.result.texts.iter().map(|text| text.len()).sum();
            let tokens = tokens::estimate(bytes);
            if is_new {
                new_given_back += 1;
                receipt.given_back_new += tokens;
            } else {
                receipt.given_back_old += tokens;
            }
        }
        let said_something =
            self.conversation.blocks[tail..].iter().any(|block| !matches!(block.content, Content::Result(_)));
        receipt.new_results = new_results;
        receipt.only_gives_back = 0 < new_given_back && new_given_back == new_results && !said_something;
    }
}

/// The frozen settings of a session, as far as one request needs them.
struct Session {
    profile: Profile,
    has_way_back: bool,
    rules: Vec<Rule>,
    asked: InForce,
}

/// Why nothing new of a session is made shorter, and what of the user's own says so.
type Withheld = (Refusal, Option<String>);

/// What may be done to one text.
#[derive(Clone, Copy, Debug)]
struct Terms {
    effort: Effort,
    loss_allowed: bool,
    wanted_loss: bool,
}

impl Session {
    /// What may be done to an output, or why nothing; and what of the user's own says so.
    fn under(&self, told: &policy::Told) -> (Result<Terms, Refusal>, Option<String>) {
        if let Some(said) = self.asked.never(told) {
            return (Err(Refusal::Never), Some(said));
        }
        let rule = rules::deciding(&self.rules, told);
        let said = rule.map(ToString::to_string);
        let profile = match rule.map(|rule| rule.allow) {
            Some(Permission::Never) => return (Err(Refusal::Rule), said),
            Some(Permission::Lossless) => Profile::Lossless,
            Some(Permission::Balanced) => Profile::Shorten(Effort::Balanced),
            Some(Permission::Aggressive) => Profile::Shorten(Effort::Aggressive),
            None => self.profile,
        };
        let terms = match profile {
            Profile::Lossless => Terms { effort: Effort::Balanced, loss_allowed: false, wanted_loss: false },
            Profile::Shorten(effort) => Terms { effort, loss_allowed: self.has_way_back, wanted_loss: true },
        };
        (Ok(terms), said)
    }
}

/// The work of one candidate; owns what it needs.
fn job(text: Arc<str>, key: Key, told: Arc<policy::Told>, terms: Terms) -> Job {
    Box::new(move || {
        let hint = Hint {
            tool: &told.tool,
            command: &told.command,
            path: &told.path,
            query: &told.query,
            failed: told.failed,
        };
        let allowance = Allowance {
            loss: if terms.loss_allowed { Loss::KeptUnder(&key) } else { Loss::Nothing },
            effort: terms.effort,
            work: Work(WORK_PER_REQUEST),
            part: compress::Part::default(),
        };
        compress::compress(&text, &hint, &allowance).map_err(|(kind, because)| {
            let withheld = terms.wanted_loss && !terms.loss_allowed && because == Refusal::NoGain;
            (kind.name(), if withheld { Refusal::NoWayBack } else { because })
        })
    })
}

/// Looks at a compressor's result before it is believed: allowed, and smaller by the floor.
fn check(
    candidate: &Candidate,
    result: Result<Shortened, (&'static str, Refusal)>,
) -> Result<(Shortened, Tokens), (&'static str, Refusal)> {
    let shortened = result?;
    if shortened.left_out && !candidate.loss_allowed {
        return Err((shortened.kind.name(), Refusal::NoWayBack));
    }
    let after = tokens::count(&shortened.text);
    if compress::worth_it(candidate.before, after, shortened.left_out)
        && shortened.text.len() < candidate.text.len()
    {
        Ok((shortened, after))
    } else {
        Err((shortened.kind.name(), Refusal::NoGain))
    }
}

impl Fresh {
    fn verbatim() -> Fresh {
        Fresh {
            pin: Pin::Verbatim,
            kind: "other".into(),
            compressor: None,
            key: None,
            refusal: None,
            rule: None,
            before: Tokens(0),
            after: Tokens(0),
            unseen: Tokens(0),
        }
    }

    /// `counted`, or what the length tells where the text was not looked into.
    fn told(&self, counted: Tokens) -> Tokens {
        match self.refusal.is_some_and(Refusal::is_decided_unseen) {
            true => self.unseen,
            false => counted,
        }
    }

    /// Notes that the text `place` is sent as `text`.
    fn replace(&mut self, place: usize, text: String) {
        let mut texts = match &self.pin {
            Pin::Verbatim => Vec::new(),
            Pin::Shortened(pin) => pin.texts.clone(),
        };
        texts.push((place as u32, text));
        self.pin = Pin::Shortened(Arc::new(ShortenedPin {
            texts,
            tokens_before: Tokens(0),
            tokens_after: Tokens(0),
            compressor: String::new(),
            kind: String::new(),
        }));
    }

    /// Completes the pin with what is only known once all texts of the block are done.
    fn sum_up(&mut self) {
        if let Pin::Shortened(pin) = &self.pin {
            self.pin = Pin::Shortened(Arc::new(ShortenedPin {
                texts: pin.texts.clone(),
                tokens_before: self.before,
                tokens_after: self.after,
                compressor: self.compressor.as_deref().unwrap_or_default().to_owned(),
                kind: self.kind.to_string(),
            }));
        }
    }

    /// Another process was first: its bytes hold.
    fn yield_to(&mut self, winner: Pin) {
        if winner == self.pin {
            return;
        }
        match &winner {
            Pin::Verbatim => *self = Fresh { before: self.before, after: self.before, ..Fresh::verbatim() },
            Pin::Shortened(pin) => {
                self.before = pin.tokens_before;
                self.after = pin.tokens_after;
                self.kind = pin.kind.clone().into();
                self.compressor = Some(pin.compressor.clone().into());
                self.refusal = None;
            }
        }
        self.pin = winner;
    }
}
