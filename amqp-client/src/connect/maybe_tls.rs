//! One type for what a driver gets, whether or not it is under TLS.

use std::io;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::BytesMut;

use crate::driver::{Clock, Transport};
use crate::sans_io::Outgoing;
#[cfg(feature = "tls-no-provider")]
use crate::tls::TlsTransport;

/// A transport, under TLS if that was asked for. Made by [`connect`](super::connect()), for [`Network::open`](super::Network::open).
#[derive(Debug)]
pub struct MaybeTls<T>(Kind<T>);

#[derive(Debug)]
enum Kind<T> {
    Plain(T),
    #[cfg(feature = "tls-no-provider")]
    Tls(Box<TlsTransport<T>>),
}

impl<T> MaybeTls<T> {
    pub(super) fn plain(transport: T) -> Self {
        Self(Kind::Plain(transport))
    }

    #[cfg(feature = "tls-no-provider")]
    pub(super) fn with_tls(transport: TlsTransport<T>) -> Self {
        Self(Kind::Tls(Box::new(transport)))
    }
}

/// Calls the function of whichever it is.
macro_rules! either {
    ($of:expr, $transport:ident => $call:expr) => {
        match $of {
            Kind::Plain($transport) => $call,
            #[cfg(feature = "tls-no-provider")]
            Kind::Tls($transport) => $call,
        }
    };
}

impl<T: Transport> Transport for MaybeTls<T> {
    fn poll_read(&mut self, cx: &mut Context<'_>, input: &mut BytesMut) -> Poll<io::Result<usize>> {
        either!(&mut self.0, transport => transport.poll_read(cx, input))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, batch: &mut Outgoing) -> Poll<io::Result<usize>> {
        either!(&mut self.0, transport => transport.poll_write(cx, batch))
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(&mut self.0, transport => transport.poll_flush(cx))
    }

    fn give_way(&mut self, cx: &mut Context<'_>) {
        either!(&mut self.0, transport => transport.give_way(cx));
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(&mut self.0, transport => transport.poll_shutdown(cx))
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        either!(&mut self.0, transport => transport.poll_timer(cx, deadline))
    }

    fn clock(&self) -> Clock {
        either!(&self.0, transport => transport.clock())
    }
}
