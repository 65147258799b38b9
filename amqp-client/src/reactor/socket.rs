//! A TCP socket that never blocks, as a driver's transport, and what leads to one. When it is ready its reactor knows.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use mio::net::TcpStream;

use super::readiness::Readiness;
use crate::driver::{Clock, Transport};
use crate::options::Host;
use crate::read_room::read_initialized;
use crate::sans_io::Outgoing;

/// For how long a socket that was empty is left alone, unless its reactor was told of more: who turns the driver and never
/// sleeps, as in a row of publishes, hears of what has come nevertheless.
const LEFT_ALONE: Duration = Duration::from_millis(1);

/// Slices written at a time.
const SLICES: usize = 64;

/// A socket registered with a reactor, whose owner polls the driver when the reactor wakes.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: TcpStream,
    readiness: Arc<Readiness>,
    /// When it was last known to be empty.
    emptied: Instant,
}

impl Socket {
    /// A stream that is connected, and registered.
    #[cfg(feature = "event-loop")]
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self::with_readiness(stream, Arc::new(Readiness::unknown()))
    }

    /// The same, of whose readiness its reactor tells.
    pub(super) fn with_readiness(stream: TcpStream, readiness: Arc<Readiness>) -> Self {
        Self {
            stream,
            readiness,
            emptied: Instant::now(),
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
    fn poll_read(&mut self, _: &mut Context<'_>, input: &mut BytesMut) -> Poll<io::Result<usize>> {
        if !self.readiness.may_be() && self.emptied.elapsed() < LEFT_ALONE {
            return Poll::Pending;
        }
        let (stream, readiness) = (&mut self.stream, &self.readiness);
        read_initialized(input, |room| {
            loop {
                let read = stream.read(room);
                if readiness.note_read(&read, room.len()) {
                    self.emptied = Instant::now();
                }
                if let Some(read) = unless_blocked(read) {
                    return read;
                }
            }
        })
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

#[cfg(all(test, feature = "blocking"))]
mod tests {
    use std::net::TcpListener;
    use std::task::Waker;

    use mio::{Interest, Token};

    use super::super::Reactor;
    use super::*;

    /// A socket of a reactor, and the other end.
    fn connected() -> (Reactor, Socket, std::net::TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let reactor = Reactor::new().unwrap();
        let readiness = reactor.readiness();
        readiness.begin();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let both = Interest::READABLE | Interest::WRITABLE;
        reactor.registry().register(&mut stream, Token(0), both).unwrap();
        let (peer, _) = listener.accept().unwrap();
        (reactor, Socket::with_readiness(stream, readiness), peer)
    }

    fn read(socket: &mut Socket, input: &mut BytesMut) -> Poll<usize> {
        let mut cx = Context::from_waker(Waker::noop());
        socket.poll_read(&mut cx, input).map(Result::unwrap)
    }

    /// Reads, and sleeps while there is nothing.
    fn await_octets(reactor: &mut Reactor, socket: &mut Socket, input: &mut BytesMut) -> usize {
        let patience = Instant::now() + Duration::from_secs(20);
        loop {
            if let Poll::Ready(octets) = read(socket, input) {
                return octets;
            }
            reactor.sleep(Some(patience)).unwrap();
            assert!(Instant::now() < patience, "nobody told of what has come");
        }
    }

    #[test]
    fn a_socket_that_was_emptied_waits_to_be_told_of_more() {
        let (mut reactor, mut socket, mut peer) = connected();
        let mut input = BytesMut::new();
        for _ in 0..3 {
            peer.write_all(b"ab").unwrap();
            assert_eq!(await_octets(&mut reactor, &mut socket, &mut input), 2);
            assert_eq!(
                socket.readiness.may_be(),
                cfg!(not(any(target_os = "linux", target_os = "android")))
            );
            assert!(read(&mut socket, &mut input).is_pending());
            assert!(!socket.readiness.may_be());
        }
        assert_eq!(input, "ababab");
    }

    #[test]
    fn what_comes_is_read_without_sleeping_too() {
        let (_reactor, mut socket, mut peer) = connected();
        let mut input = BytesMut::new();
        assert!(read(&mut socket, &mut input).is_pending());
        peer.write_all(b"ab").unwrap();
        while input.len() < 2 {
            let _ = read(&mut socket, &mut input);
        }
    }

    #[test]
    fn the_end_that_came_with_the_last_octets_is_seen_behind_them() {
        let (mut reactor, mut socket, mut peer) = connected();
        let mut input = BytesMut::new();
        peer.write_all(b"ab").unwrap();
        drop(peer);
        assert_eq!(await_octets(&mut reactor, &mut socket, &mut input), 2);
        assert_eq!(await_octets(&mut reactor, &mut socket, &mut input), 0);
    }
}
