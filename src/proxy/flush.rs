//! A client's connection that says when all that was written to it has left.
//!
//! When an upstream breaks off, the client must see the same break *after* the
//! same bytes. The server library drops what it has not written yet as soon as a
//! body fails; so a failure waits here until nothing is left to write.

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use tokio::net::TcpStream;

/// How often everything written so far has left.
#[derive(Debug, Default)]
pub(super) struct Flushes {
    count: AtomicU64,
    waiting: Mutex<Option<Waker>>,
}

impl Flushes {
    /// How often until now.
    pub(super) fn count(&self) -> u64 {
        self.count.load(Ordering::Acquire)
    }

    /// Ready once it has happened after it had happened `count` times.
    pub(super) fn poll_after(&self, count: u64, task: &Context<'_>) -> Poll<()> {
        // First the waker, then the look: what happens in between is not missed.
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = Some(task.waker().clone());
        if count < self.count() { Poll::Ready(()) } else { Poll::Pending }
    }

    fn happened(&self) {
        self.count.fetch_add(1, Ordering::AcqRel);
        if let Some(waker) = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take() {
            waker.wake();
        }
    }
}

/// A client's connection.
pub(super) struct Watched {
    stream: TokioIo<TcpStream>,
    flushes: Arc<Flushes>,
}

impl Watched {
    pub(super) fn new(stream: TcpStream, flushes: Arc<Flushes>) -> Watched {
        Watched { stream: TokioIo::new(stream), flushes }
    }

    fn stream(self: Pin<&mut Self>) -> Pin<&mut TokioIo<TcpStream>> {
        Pin::new(&mut self.get_mut().stream)
    }
}

impl Read for Watched {
    fn poll_read(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream().poll_read(task, into)
    }
}

impl Write for Watched {
    fn poll_write(self: Pin<&mut Self>, task: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.stream().poll_write(task, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.stream().poll_write_vectored(task, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// The server library asks for this when it has handed over all it had.
    fn poll_flush(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.as_mut().stream().poll_flush(task))?;
        self.flushes.happened();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream().poll_shutdown(task)
    }
}
