//! A tokio stream and a tokio timer as what a driver needs. Where the stream comes from, `connect` knows.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Instant;

use ::tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use ::tokio::task::yield_now;
use ::tokio::time::{Sleep, sleep_until};
use bytes::BytesMut;

use crate::driver::{Clock, Transport};
use crate::sans_io::Outgoing;

/// A tokio stream and a tokio timer as a [`Transport`].
#[derive(Debug)]
pub struct Stream<S> {
    pub(super) stream: S,
    /// Made when first needed, so that a driver can be made outside a runtime.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S> Stream<S> {
    /// Any stream of tokio's kind.
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
        pin!(self.stream.read_buf(input)).poll(cx)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, batch: &mut Outgoing) -> Poll<io::Result<usize>> {
        pin!(self.stream.write_buf(batch)).poll(cx)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn give_way(&mut self, cx: &mut Context<'_>) {
        // A task that only woke itself would go before those that are no tasks: what `block_on` runs.
        let _ = pin!(yield_now()).poll(cx);
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let deadline = ::tokio::time::Instant::from_std(deadline);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        timer.as_mut().poll(cx)
    }

    fn clock(&self) -> Clock {
        // Tests may pause it.
        Clock::new(|| ::tokio::time::Instant::now().into_std())
    }
}
