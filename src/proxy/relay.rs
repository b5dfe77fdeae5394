//! The way home: an answer's bytes as they come, overheard on the way.
//!
//! *Invariant:* every frame is handed on in the same poll in which it came;
//! nothing is held back, changed or added. *Invariant:* when the client is
//! gone, this is dropped, and with it the connection to the upstream.

use super::answering::Broken;
use super::flush::Flushes;
use super::headers;
use super::settle::Bill;
use crate::refusal::Refusal;
use crate::wire::usage::Listener;
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use hyper::{Response, Version};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::sync::mpsc;

/// Why an answer broke off.
type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The upstream's answer, on its way to the client. `bill` is settled when it ends, however it ends.
pub(super) fn relay(
    answer: Response<Incoming>,
    bill: Option<Bill>,
    flushes: &Arc<Flushes>,
) -> Response<Answer> {
    let (mut head, body) = answer.into_parts();
    let bill = bill.map(|mut bill| {
        bill.outcome.status = head.status.as_u16();
        let ear = Listener::new(
            bill.wire,
            text(&head.headers, CONTENT_TYPE),
            text(&head.headers, CONTENT_ENCODING),
        );
        Overhearing { bill, ear: Some(ear) }
    });
    head.version = Version::HTTP_11;
    head.headers = headers::homeward(head.headers);
    Response::from_parts(
        head,
        Answer::Relayed(Box::new(Relayed { body, heard: bill, failed: None, flushes: flushes.clone() })),
    )
}

/// An answer's body.
pub(super) enum Answer {
    /// A few words of our own.
    Short(Option<Bytes>),
    /// The upstream's.
    Relayed(Box<Relayed>),
    /// The upstream's, and ours.
    Answering(Piecewise),
}

/// An answer that another task puts together.
pub(super) struct Piecewise {
    from: mpsc::Receiver<Result<Bytes, Broken>>,
    flushes: Arc<Flushes>,
    /// It broke off, when the client had been sent everything this often.
    failed: Option<u64>,
}

impl Answer {
    pub(super) fn answering(from: mpsc::Receiver<Result<Bytes, Broken>>, flushes: Arc<Flushes>) -> Answer {
        Answer::Answering(Piecewise { from, flushes, failed: None })
    }

    pub(super) fn short(words: &str) -> Answer {
        Answer::Short((!words.is_empty()).then(|| Bytes::copy_from_slice(words.as_bytes())))
    }
}

/// The upstream's body, and who listens to it.
pub(super) struct Relayed {
    body: Incoming,
    heard: Option<Overhearing>,
    /// The upstream broke off, when the client had been sent everything this often.
    failed: Option<(hyper::Error, u64)>,
    flushes: Arc<Flushes>,
}

impl Relayed {
    fn overhear(&mut self, frame: Option<&Result<Frame<Bytes>, hyper::Error>>) {
        let Some(heard) = &mut self.heard else { return };
        match frame {
            Some(Ok(frame)) => frame.data_ref().into_iter().for_each(|data| heard.hear(data)),
            Some(Err(_)) => {}
            None => heard.bill.outcome.complete = true,
        }
    }
}

struct Overhearing {
    bill: Bill,
    /// `None` once it has panicked: the answer goes on.
    ear: Option<Listener>,
}

impl Overhearing {
    fn hear(&mut self, bytes: &[u8]) {
        let Some(ear) = &mut self.ear else { return };
        if catch_unwind(AssertUnwindSafe(|| ear.hear(bytes))).is_err() {
            self.ear = None;
            self.bill.faults().count(Refusal::Panicked);
        } else if let Some(answer) = ear.answer() {
            // Before the client sees its end.
            self.bill.answered(answer);
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let relayed = match self.get_mut() {
            Answer::Short(words) => return Poll::Ready(words.take().map(|words| Ok(Frame::data(words)))),
            Answer::Relayed(relayed) => relayed,
            Answer::Answering(piecewise) => return piecewise.poll(task),
        };
        if relayed.failed.is_none() {
            match ready!(Pin::new(&mut relayed.body).poll_frame(task)) {
                Some(Err(error)) => relayed.failed = Some((error, relayed.flushes.count())),
                frame => {
                    relayed.overhear(frame.as_ref());
                    return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
                }
            }
        }
        // The client is to see the break after the bytes that came before it, not instead of them.
        let flushed_before = relayed.failed.as_ref().map_or(0, |(_, count)| *count);
        ready!(relayed.flushes.poll_after(flushed_before, task));
        Poll::Ready(relayed.failed.take().map(|(error, _)| Err(error.into())))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Answer::Short(words) => words.is_none(),
            Answer::Relayed(relayed) => relayed.failed.is_none() && relayed.body.is_end_stream(),
            Answer::Answering(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Answer::Short(words) => {
                SizeHint::with_exact(words.as_ref().map_or(0, |words| words.len() as u64))
            }
            Answer::Relayed(relayed) => relayed.body.size_hint(),
            Answer::Answering(_) => SizeHint::default(),
        }
    }
}

impl Piecewise {
    fn poll(&mut self, task: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        if self.failed.is_none() {
            match ready!(self.from.poll_recv(task)) {
                Some(Err(Broken)) => self.failed = Some(self.flushes.count()),
                piece => return Poll::Ready(piece.map(|piece| Ok(Frame::data(piece?)))),
            }
        }
        // As above: the bytes first, then the break.
        ready!(self.flushes.poll_after(self.failed.unwrap_or(0), task));
        Poll::Ready(Some(Err(Broken.into())))
    }
}

impl Drop for Relayed {
    fn drop(&mut self) {
        let Some(mut heard) = self.heard.take() else { return };
        // A body of known length is not asked for its end: its last byte is its end.
        heard.bill.outcome.complete |= self.body.is_end_stream() && self.failed.is_none();
        let bill = &mut heard.bill;
        let at_last = heard.ear.and_then(|mut ear| {
            catch_unwind(AssertUnwindSafe(|| {
                ear.end();
                ear.answer().into_iter().for_each(|answer| bill.answered(answer));
                ear.usage()
            }))
            .ok()
        });
        heard.bill.outcome.usage = at_last.flatten();
    }
}

fn text(headers: &HeaderMap, name: hyper::header::HeaderName) -> &str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
}
