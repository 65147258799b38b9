//! A TCP socket that never blocks, as a driver's transport, and what leads to one. When it is ready its reactor knows.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, ToSocketAddrs};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::{Buf, BytesMut};
use mio::net::TcpStream;

use crate::driver::{Clock, Transport};
use crate::options::Host;
use crate::sans_io::Outgoing;

/// Octets read at a time.
const READ: usize = 64 * 1024;

/// How often it is read, at most, before others have their turn.
const READS: u32 = 4;

/// Slices written at a time.
const SLICES: usize = 64;

/// A socket registered with a reactor, whose owner polls the driver when the reactor wakes.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    /// What is read goes through here: the standard library reads into initialized memory alone.
    scratch: Box<[u8]>,
    /// How often it may still be read.
    reads_left: u32,
}

impl Socket {
    /// A stream that is connected, and registered.
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            scratch: vec![0; READ].into(),
            reads_left: READS,
        }
    }

    /// What is registered.
    #[cfg(feature = "event-loop")]
    pub(crate) fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }
}

/// The addresses of a host, by the system's resolver, which has no form that does not block: the thread stands still for as
/// long as it takes.
pub(crate) fn look_up(host: &Host) -> io::Result<Vec<SocketAddr>> {
    Ok((host.host.as_str(), host.port).to_socket_addrs()?.collect())
}

/// Whether a stream that is being connected is so by now. It is registered: its reactor knows when to ask again.
pub(crate) fn poll_connected(stream: &TcpStream) -> Poll<io::Result<()>> {
    match stream.take_error() {
        Ok(Some(error)) | Err(error) => Poll::Ready(Err(error)),
        Ok(None) => match stream.peer_addr() {
            Ok(_) => Poll::Ready(Ok(())),
            Err(error) if error.kind() == ErrorKind::NotConnected => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        },
    }
}

/// Pending where the socket would block: the reactor wakes when it no longer does.
fn unless_blocked<T>(result: io::Result<T>) -> Option<Poll<io::Result<T>>> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Some(Poll::Pending),
        Err(error) if error.kind() == ErrorKind::Interrupted => None,
        result => Some(Poll::Ready(result)),
    }
}

impl Transport for Socket {
    fn poll_read(&mut self, cx: &mut Context<'_>, input: &mut BytesMut) -> Poll<io::Result<usize>> {
        let Some(reads_left) = self.reads_left.checked_sub(1) else {
            // A peer that floods must not keep its reader from timers and other sockets.
            self.reads_left = READS;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        };
        self.reads_left = reads_left;
        loop {
            let read = self.stream.read(&mut self.scratch);
            if let Ok(octets) = &read {
                input.extend_from_slice(self.scratch.get(..*octets).unwrap_or_default());
            }
            if let Some(read) = unless_blocked(read) {
                if read.is_pending() {
                    self.reads_left = READS;
                }
                return read;
            }
        }
    }

    fn poll_write(&mut self, _: &mut Context<'_>, batch: &mut Outgoing) -> Poll<io::Result<usize>> {
        loop {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = batch.chunks_vectored(&mut slices);
            let written = self
                .stream
                .write_vectored(slices.get(..count).unwrap_or_default());
            if let Ok(octets) = &written {
                batch.advance(*octets);
            }
            if let Some(written) = unless_blocked(written) {
                return written;
            }
        }
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.stream.shutdown(Shutdown::Write))
    }

    fn poll_timer(&mut self, _: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        // Until when to sleep, the driver says to its owner.
        if deadline <= Instant::now() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    fn clock(&self) -> Clock {
        Clock::new(Instant::now)
    }
}
