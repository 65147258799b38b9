//! A stream of the futures-io kind and a timer of async-io as what a driver needs. Where the stream comes from, `connect`
//! knows.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use async_io::Timer;
use bytes::{Buf, BytesMut};
use futures_io::{AsyncRead, AsyncWrite};

use crate::driver::{Clock, Transport};
use crate::sans_io::Outgoing;

/// Octets read at a time.
const READ: usize = 64 * 1024;

/// How often it is read, at most, before other tasks have their turn: an executor of one thread has nobody else for them.
const READS: u32 = 4;

/// Slices written at a time.
const SLICES: usize = 64;

/// A stream of the futures-io kind, and a timer of async-io, as a [`Transport`].
#[derive(Debug)]
pub struct Stream<S> {
    stream: S,
    /// What is read goes through here: such streams read into initialized memory alone.
    scratch: Box<[u8]>,
    /// How often it may still be read.
    reads_left: u32,
    timer: Option<(Instant, Timer)>,
}

impl<S> Stream<S> {
    /// Any stream of the futures-io kind.
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            scratch: vec![0; READ].into(),
            reads_left: READS,
            timer: None,
        }
    }

    /// The stream.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Transport for Stream<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, input: &mut BytesMut) -> Poll<io::Result<usize>> {
        let Some(reads_left) = self.reads_left.checked_sub(1) else {
            self.reads_left = READS;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        };
        self.reads_left = reads_left;
        let read = Pin::new(&mut self.stream).poll_read(cx, &mut self.scratch);
        if read.is_pending() {
            self.reads_left = READS;
        }
        let octets = ready!(read)?;
        input.extend_from_slice(self.scratch.get(..octets).unwrap_or_default());
        Poll::Ready(Ok(octets))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, batch: &mut Outgoing) -> Poll<io::Result<usize>> {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let count = batch.chunks_vectored(&mut slices);
        let slices = slices.get(..count).unwrap_or_default();
        let octets = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, slices))?;
        batch.advance(octets);
        Poll::Ready(Ok(octets))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let (at, timer) = self.timer.get_or_insert_with(|| (deadline, Timer::at(deadline)));
        if *at != deadline {
            *at = deadline;
            timer.set_at(deadline);
        }
        Pin::new(timer).poll(cx).map(drop)
    }

    fn clock(&self) -> Clock {
        Clock::new(Instant::now)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    use super::*;

    /// Has octets whenever it is asked.
    struct Flood;

    impl AsyncRead for Flood {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(buffer.len()))
        }
    }

    impl AsyncWrite for Flood {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(octets.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    #[test]
    fn a_stream_that_never_runs_dry_leaves_others_their_turn() {
        let wakes = Arc::new(Wakes(AtomicUsize::new(0)));
        let waker = Waker::from(Arc::clone(&wakes));
        let cx = &mut Context::from_waker(&waker);
        let mut stream = Stream::new(Flood);
        let mut input = BytesMut::new();
        for turn in 1..=3 {
            for _ in 0..READS {
                assert!(stream.poll_read(cx, &mut input).is_ready());
            }
            assert!(stream.poll_read(cx, &mut input).is_pending());
            assert_eq!(wakes.0.load(Ordering::SeqCst), turn);
        }
    }
}
