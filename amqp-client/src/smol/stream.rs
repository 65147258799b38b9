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
use crate::read_room::read_initialized;
use crate::sans_io::Outgoing;

/// Slices written at a time.
const SLICES: usize = 64;

/// A stream of the futures-io kind, and a timer of async-io, as a [`Transport`].
#[derive(Debug)]
pub struct Stream<S> {
    stream: S,
    timer: Option<(Instant, Timer)>,
}

impl<S> Stream<S> {
    /// Any stream of the futures-io kind.
    pub fn new(stream: S) -> Self {
        Self { stream, timer: None }
    }

    /// The stream.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Transport for Stream<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, input: &mut BytesMut) -> Poll<io::Result<usize>> {
        read_initialized(input, |room| Pin::new(&mut self.stream).poll_read(cx, room))
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
