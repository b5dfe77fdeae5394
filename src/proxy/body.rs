//! A request's body: read whole where that is bounded, passed on where it is not.
//!
//! *Invariant:* no lock and no permit is held while a body is awaited: a client
//! that stalls stalls nobody else.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

/// Longest body that is read whole; a longer one is passed on as it comes.
///
/// Anthropic takes 32 MB a request (its API reference, 2026); twice that leaves
/// room for other upstreams and costs at most three times as much memory.
pub(super) const LONGEST_WHOLE: usize = 64 << 20;

/// What is set aside for a body before any of it has come, whatever its length is said to be.
const FIRST_HELPING: usize = 256 << 10;

/// What came of reading a body.
pub(super) enum Read {
    /// All of it.
    Whole(Bytes),
    /// More than is read whole: what was read, and what is still to come.
    Longer(Bytes, Incoming),
}

/// Reads `body` whole, up to `limit` bytes.
///
/// # Errors
/// When the client goes away or breaks its own framing.
pub(super) async fn read_whole(mut body: Incoming, limit: usize) -> Result<Read, hyper::Error> {
    let said = body.size_hint().exact().map(|said| usize::try_from(said).unwrap_or(usize::MAX));
    if said.is_some_and(|said| limit < said) {
        return Ok(Read::Longer(Bytes::new(), body));
    }
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame?.into_data() else { continue };
        if whole.is_empty() && said == Some(data.len()) {
            return Ok(Read::Whole(data));
        }
        if whole.is_empty() {
            whole.reserve(said.unwrap_or(0).clamp(data.len(), FIRST_HELPING.max(data.len())));
        } else if let Some(said) = said
            && whole.capacity() < whole.len() + data.len()
        {
            whole.reserve(said.saturating_sub(whole.len()).max(data.len()));
        }
        whole.extend_from_slice(&data);
        if limit < whole.len() {
            return Ok(Read::Longer(whole.freeze(), body));
        }
    }
    Ok(Read::Whole(whole.freeze()))
}

/// A body on its way to the upstream.
pub(super) enum Outgoing {
    /// All there is.
    Whole(Option<Bytes>),
    /// What was read already, and the rest as it comes.
    Passing {
        first: Option<Bytes>,
        rest: Incoming,
        /// Set when the client, and not the upstream, broke off.
        broken: Arc<AtomicBool>,
    },
}

impl Outgoing {
    pub(super) fn whole(bytes: Bytes) -> Outgoing {
        Outgoing::Whole((!bytes.is_empty()).then_some(bytes))
    }

    /// Passes `rest` on, and says in the flag whether the client broke off.
    pub(super) fn passing(first: Bytes, rest: Incoming) -> (Outgoing, Arc<AtomicBool>) {
        let broken = Arc::new(AtomicBool::new(false));
        let first = (!first.is_empty()).then_some(first);
        (Outgoing::Passing { first, rest, broken: broken.clone() }, broken)
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.get_mut() {
            Outgoing::Whole(bytes) => Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Outgoing::Passing { first, rest, broken } => {
                if let Some(first) = first.take() {
                    return Poll::Ready(Some(Ok(Frame::data(first))));
                }
                let frame = ready!(Pin::new(rest).poll_frame(task));
                if let Some(Err(_)) = frame {
                    broken.store(true, Ordering::Relaxed);
                }
                Poll::Ready(frame)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Outgoing::Whole(bytes) => bytes.is_none(),
            Outgoing::Passing { first, rest, .. } => first.is_none() && rest.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let len = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
        match self {
            Outgoing::Whole(bytes) => SizeHint::with_exact(len(bytes)),
            Outgoing::Passing { first, rest, .. } => {
                let (read, rest) = (len(first), rest.size_hint());
                let mut all = SizeHint::new();
                all.set_lower(read + rest.lower());
                if let Some(upper) = rest.upper() {
                    all.set_upper(read + upper);
                }
                all
            }
        }
    }
}
