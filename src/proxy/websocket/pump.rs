//! Bytes both ways between the two ends of a WebSocket.
//!
//! *Invariant:* what waits here is bounded, but for the one message that is
//! read whole; who can't be written to is not read for. *Invariant:* an end
//! that is gone is gone for the other at once, also while a message is rewritten.

use super::frames::{Divider, Messages, Odd, Part};
use super::responses::Responses;
use super::{Read, Scribe, Written};
use crate::proxy::body::LONGEST_WHOLE;
use crate::proxy::counts::Counters;
use crate::refusal::Refusal;
use bytes::{Buf, Bytes, BytesMut};
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::task::JoinHandle;

/// What is read at a time, in bytes.
const HELPING: usize = 16 << 10;

/// What may wait behind bytes that can't leave yet, or behind a message that is being rewritten.
const WAITING: usize = 512 << 10;

/// A WebSocket between a client and an upstream; resolves when both directions have ended, or one end is gone.
pub(super) struct Pump<C, U> {
    client: C,
    upstream: U,
    outward: Outward,
    homeward: Homeward,
    talk: Talk,
    /// Resolves when the proxy is to end.
    ending: Ending,
    ends: bool,
}

type Ending = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What is known of the conversation.
struct Talk {
    scribe: Scribe,
    responses: Responses,
    /// `None` when it is a tunnel.
    divider: Option<Divider>,
    ear: Messages,
}

/// From the client to the upstream.
#[derive(Default)]
struct Outward {
    /// Came from the client, not looked at yet.
    came: BytesMut,
    /// On its way to the upstream.
    leaving: Bytes,
    flushed: bool,
    looked_at: Option<LookedAt>,
    /// The client sends no more.
    ended: bool,
    done: bool,
}

/// A message that is looked at, off the I/O threads.
struct LookedAt {
    came: Bytes,
    step: Step,
}

enum Step {
    Reading(JoinHandle<Read>),
    /// It asks for a response.
    Rewriting(JoinHandle<Written>),
}

/// From the upstream to the client.
#[derive(Default)]
struct Homeward {
    leaving: BytesMut,
    flushed: bool,
    /// The upstream sends no more; with the break that it ended in.
    ended: Option<io::Result<()>>,
    done: bool,
}

impl<C, U> Pump<C, U> {
    pub(super) fn new(client: C, upstream: U, scribe: Scribe, responses: Responses) -> Pump<C, U> {
        let mut draining = scribe.house.draining.clone();
        let ending = async move {
            // An error means that the proxy is gone already.
            let _ = draining.wait_for(|now| *now).await;
        };
        Pump {
            client,
            upstream,
            outward: Outward { flushed: true, ..Outward::default() },
            homeward: Homeward { flushed: true, ..Homeward::default() },
            talk: Talk {
                scribe,
                responses,
                divider: Some(Divider::new(LONGEST_WHOLE)),
                ear: Messages::default(),
            },
            ending: Box::pin(ending),
            ends: false,
        }
    }
}

impl<C, U> Future for Pump<C, U>
where
    C: AsyncRead + AsyncWrite + Unpin,
    U: AsyncRead + AsyncWrite + Unpin,
{
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
        let Pump { client, upstream, outward, homeward, talk, ending, ends } = self.get_mut();
        if !homeward.done {
            match homeward.poll(client, upstream, talk, task) {
                Poll::Ready(Ok(())) => homeward.done = true,
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => {}
            }
        }
        if !outward.done {
            match outward.poll(client, upstream, talk, task) {
                Poll::Ready(Ok(())) => outward.done = true,
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Pending => {}
            }
        }
        *ends = *ends || ending.as_mut().poll(task).is_ready();
        let silent = || outward.is_idle() && homeward.is_idle() && talk.is_over();
        if (outward.done && homeward.done) || (*ends && silent()) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Homeward {
    fn is_idle(&self) -> bool {
        self.leaving.is_empty() && self.flushed
    }

    /// Hands on what comes, until the upstream ends.
    ///
    /// # Errors
    /// When one of the ends is gone; what had come before has left.
    fn poll(
        &mut self,
        mut client: &mut (impl AsyncWrite + Unpin),
        upstream: &mut (impl AsyncRead + Unpin),
        talk: &mut Talk,
        task: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            while !self.leaving.is_empty() {
                let written = ready!(Pin::new(&mut client).poll_write(task, &self.leaving))?;
                if written == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.leaving.advance(written);
                self.flushed = false;
            }
            if !self.flushed {
                ready!(Pin::new(&mut client).poll_flush(task))?;
                self.flushed = true;
            }
            match self.ended.take() {
                None => {}
                Some(Err(broken)) => return Poll::Ready(Err(broken)),
                Some(Ok(())) => {
                    self.ended = Some(Ok(()));
                    return Pin::new(&mut client).poll_shutdown(task);
                }
            }
            self.leaving.reserve(HELPING);
            let read = ready!(pin!(upstream.read_buf(&mut self.leaving)).poll(task));
            match read {
                Ok(0) => self.ended = Some(Ok(())),
                Ok(_) => talk.hear(&self.leaving),
                Err(broken) => self.ended = Some(Err(broken)),
            }
        }
    }
}

impl Outward {
    fn is_idle(&self) -> bool {
        self.leaving.is_empty() && self.flushed && self.came.is_empty() && self.looked_at.is_none()
    }

    /// Sends on what comes, rewritten where it is to be, until the client ends.
    ///
    /// # Errors
    /// When the client is gone. An upstream that takes nothing any more only ends this
    /// direction: its last words may still be on their way.
    fn poll(
        &mut self,
        client: &mut (impl AsyncRead + Unpin),
        mut upstream: &mut (impl AsyncWrite + Unpin),
        talk: &mut Talk,
        task: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut moved = false;
            while !self.leaving.is_empty() {
                match Pin::new(&mut upstream).poll_write(task, &self.leaving) {
                    Poll::Ready(Ok(written)) if 0 < written => {
                        self.leaving.advance(written);
                        self.flushed = false;
                    }
                    Poll::Ready(_) => return Poll::Ready(Ok(())),
                    Poll::Pending => break,
                }
            }
            if self.leaving.is_empty() {
                if !self.flushed {
                    match Pin::new(&mut upstream).poll_flush(task) {
                        Poll::Ready(Ok(())) => self.flushed = true,
                        Poll::Ready(Err(_)) => return Poll::Ready(Ok(())),
                        Poll::Pending => {}
                    }
                }
                moved |= self.poll_next(talk, task).is_ready();
            }
            if !self.ended && self.came.len() < self.room(talk) {
                self.came.reserve(HELPING);
                if let Poll::Ready(read) = pin!(client.read_buf(&mut self.came)).poll(task) {
                    self.ended = read? == 0;
                    moved = true;
                }
            }
            if self.ended {
                if let Some(LookedAt { step: Step::Rewriting(_), .. }) = &self.looked_at {
                    // Nobody waits for the answer, so nobody is to pay for it.
                    return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
                }
                if self.leaving.is_empty() && self.looked_at.is_none() && !moved {
                    if self.came.is_empty() {
                        ready!(Pin::new(&mut upstream).poll_shutdown(task)).unwrap_or_default();
                        return Poll::Ready(Ok(()));
                    }
                    // A message that was begun and never ended.
                    self.leaving = self.came.split().freeze();
                    moved = true;
                }
            }
            if !moved {
                return Poll::Pending;
            }
        }
    }

    /// How much may have come and wait.
    fn room(&self, talk: &Talk) -> usize {
        match &talk.divider {
            Some(divider) if self.leaving.is_empty() && self.looked_at.is_none() => divider.room(),
            _ => WAITING,
        }
    }

    /// Finds what leaves next; ready when there is something, or more than before is known.
    fn poll_next(&mut self, talk: &mut Talk, task: &mut Context<'_>) -> Poll<()> {
        if let Some(LookedAt { came, step }) = &mut self.looked_at {
            let sent = match step {
                Step::Reading(work) => match ready!(Pin::new(work).poll(task)) {
                    Ok(Read::Asks(message)) => {
                        let scribe = talk.scribe.clone();
                        let work = tokio::task::spawn_blocking(move || scribe.write(message));
                        *step = Step::Rewriting(work);
                        return Poll::Ready(());
                    }
                    Ok(Read::Odd) => {
                        talk.go_deaf();
                        None
                    }
                    Ok(Read::Aside) | Err(_) => None,
                },
                Step::Rewriting(work) => match ready!(Pin::new(work).poll(task)) {
                    Ok(written) => talk.written(written),
                    Err(_) => None,
                },
            };
            self.leaving = sent.unwrap_or_else(|| std::mem::take(came));
            self.looked_at = None;
            return Poll::Ready(());
        }
        let Some(divider) = &mut talk.divider else {
            self.leaving = self.came.split().freeze();
            return if self.leaving.is_empty() { Poll::Pending } else { Poll::Ready(()) };
        };
        match divider.next(&self.came) {
            Ok(Part::Wait) => return Poll::Pending,
            Ok(Part::Pass(length)) => self.leaving = self.came.split_to(length).freeze(),
            Ok(Part::TooLong(length)) => {
                talk.too_long(length);
                self.leaving = self.came.split_to(length).freeze();
            }
            Ok(Part::Message(length)) => {
                let came = self.came.split_to(length).freeze();
                if WAITING < length {
                    // The memory of a long message is not kept for what is behind it.
                    self.came = BytesMut::from(&self.came[..]);
                }
                let (scribe, frames) = (talk.scribe.clone(), came.clone());
                let work = tokio::task::spawn_blocking(move || scribe.read(&frames));
                self.looked_at = Some(LookedAt { came, step: Step::Reading(work) });
            }
            Err(Odd) => talk.go_deaf(),
        }
        Poll::Ready(())
    }
}

impl Talk {
    /// True when nobody waits for anything; of a tunnel that is not known.
    fn is_over(&self) -> bool {
        self.divider.as_ref().is_some_and(Divider::is_between)
            && self.ear.is_between()
            && self.responses.is_empty()
    }

    /// Makes a bill for the response that was asked for; gives what leaves instead of the message that came.
    fn written(&mut self, written: Written) -> Option<Bytes> {
        Counters::one_more(&self.scribe.house.counters.requests);
        self.responses.asked(*written.receipt);
        written.instead
    }

    /// Nothing else than a request is that long.
    fn too_long(&mut self, length: usize) {
        let house = &self.scribe.house;
        Counters::one_more(&house.counters.requests);
        Counters::one_more(&house.counters.too_large);
        self.responses.asked(self.scribe.untouched(length, Refusal::TooLarge));
    }

    fn hear(&mut self, bytes: &[u8]) {
        if self.divider.is_some() && self.ear.hear(bytes, |event| self.responses.hear(event)).is_err() {
            self.go_deaf();
        }
    }

    /// From here on the connection is a tunnel.
    fn go_deaf(&mut self) {
        self.divider = None;
        self.responses.give_up();
        self.scribe.house.faults.count(Refusal::OddFrames);
    }
}
