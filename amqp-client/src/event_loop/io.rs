//! What a loop waits for: sockets, each by its token, and timers. Whose they are it does not know: it wakes.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Instant;

use bytes::BytesMut;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use super::causes::{Causes, SocketWaker};
use crate::driver::{Clock, Transport};
use crate::reactor::{Socket, poll_connected};
use crate::sans_io::Outgoing;

/// The sockets and timers of a loop. Shared, so that its streams are transports like others: they may be sent.
#[derive(Debug)]
pub(super) struct Io {
    registry: Registry,
    tokens: Range<usize>,
    causes: Arc<Causes>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Sockets by their tokens.
    sockets: BTreeMap<usize, SocketEntry>,
    timers: BTreeMap<TimerKey, Waker>,
    next_timer: u64,
}

#[derive(Debug)]
struct SocketEntry {
    ready: Arc<SocketWaker>,
    /// Who waits for it.
    owner: Option<Waker>,
}

/// Timers in the order in which they are due.
type TimerKey = (Instant, u64);

impl Io {
    /// Sockets are registered here, with these tokens.
    pub(super) fn new(registry: Registry, tokens: Range<usize>, causes: &Arc<Causes>) -> Arc<Self> {
        Arc::new(Self {
            registry,
            tokens,
            causes: Arc::clone(causes),
            state: Mutex::default(),
        })
    }

    /// Wakers are dropped and run behind the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The socket of this token is ready; false when the token is nobody's here.
    pub(super) fn ready(&self, token: Token) -> bool {
        let ready = self
            .lock()
            .sockets
            .get(&token.0)
            .map(|socket| Arc::clone(&socket.ready));
        ready.into_iter().for_each(Wake::wake);
        self.tokens.contains(&token.0)
    }

    /// Wakes who waits for the socket of this token.
    pub(super) fn wake(&self, token: usize) {
        let state = self.lock();
        let Some(socket) = state.sockets.get(&token) else {
            return;
        };
        socket.ready.reset();
        let owner = socket.owner.clone();
        drop(state);
        owner.into_iter().for_each(Waker::wake);
    }

    /// Wakes those whose time has come, in the order of their times.
    pub(super) fn wake_due(&self, now: Instant) {
        loop {
            let mut state = self.lock();
            let due = state.timers.first_entry().filter(|timer| timer.key().0 <= now);
            let Some(waker) = due.map(|timer| timer.remove()) else {
                return;
            };
            drop(state);
            waker.wake();
        }
    }

    /// When the next timer is due.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.lock().timers.first_key_value().map(|(key, _)| key.0)
    }

    /// A token that no socket has.
    fn take_token(self: &Arc<Self>) -> io::Result<Source> {
        let mut state = self.lock();
        let taken = state.sockets.keys().copied();
        // The first that is missing in their order.
        let free = self
            .tokens
            .clone()
            .zip(taken.map(Some).chain(std::iter::repeat(None)));
        let free = { free }.find_map(|(token, taken)| (taken != Some(token)).then_some(token));
        let token = free.ok_or_else(|| io::Error::other("the loop has no token for one more socket"))?;
        let ready = SocketWaker::new(token, &self.causes);
        let again = Waker::from(Arc::clone(&ready));
        state.sockets.insert(token, SocketEntry { ready, owner: None });
        Ok(Source {
            io: Arc::clone(self),
            token,
            again,
        })
    }

    /// Connects a socket.
    pub(super) async fn connect(self: &Arc<Self>, address: SocketAddr) -> io::Result<Stream> {
        let source = self.take_token()?;
        let mut stream = TcpStream::connect(address)?;
        self.registry.register(
            &mut stream,
            Token(source.token),
            Interest::READABLE | Interest::WRITABLE,
        )?;
        let mut stream = Stream {
            socket: Socket::new(stream),
            timer: Timer::new(self),
            source,
        };
        poll_fn(|cx| {
            stream.source.wait(cx);
            poll_connected(stream.socket.stream())
        })
        .await?;
        Ok(stream)
    }
}

/// A token that is taken.
#[derive(Debug)]
struct Source {
    io: Arc<Io>,
    token: usize,
    /// Has the owner polled again when others had their turn.
    again: Waker,
}

impl Source {
    /// Has the task woken when the socket is ready for something.
    fn wait(&self, cx: &Context<'_>) {
        let mut state = self.io.lock();
        let old = match state.sockets.get_mut(&self.token).map(|socket| &mut socket.owner) {
            Some(Some(waker)) if waker.will_wake(cx.waker()) => None,
            Some(owner) => owner.replace(cx.waker().clone()),
            None => None,
        };
        drop(state);
        drop(old);
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let old = self.io.lock().sockets.remove(&self.token);
        drop(old);
    }
}

/// A timer that is set anew for each deadline.
#[derive(Debug)]
pub(super) struct Timer {
    io: Arc<Io>,
    set: Option<TimerKey>,
}

impl Timer {
    pub(super) fn new(io: &Arc<Io>) -> Self {
        Self {
            io: Arc::clone(io),
            set: None,
        }
    }

    /// Ready when the deadline has passed. Until then the task is woken at that time.
    pub(super) fn poll(&mut self, cx: &Context<'_>, deadline: Instant) -> Poll<()> {
        if deadline <= Instant::now() {
            self.unset();
            return Poll::Ready(());
        }
        if self.set.is_some_and(|(time, _)| time != deadline) {
            self.unset();
        }
        let mut state = self.io.lock();
        let key = *self.set.get_or_insert_with(|| {
            state.next_timer += 1;
            (deadline, state.next_timer)
        });
        let old = match state.timers.get_mut(&key) {
            Some(waker) if waker.will_wake(cx.waker()) => None,
            _ => state.timers.insert(key, cx.waker().clone()),
        };
        drop(state);
        drop(old);
        Poll::Pending
    }

    fn unset(&mut self) {
        let old = self.set.take().and_then(|key| self.io.lock().timers.remove(&key));
        drop(old);
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.unset();
    }
}

/// A TCP stream of a loop, with a timer: the transport of its connections.
#[derive(Debug)]
pub(crate) struct Stream {
    socket: Socket,
    timer: Timer,
    source: Source,
}

impl Stream {
    pub(super) fn socket(&mut self) -> &mut TcpStream {
        self.socket.stream()
    }
}

impl Transport for Stream {
    fn poll_read(&mut self, cx: &mut Context<'_>, input: &mut BytesMut) -> Poll<io::Result<usize>> {
        self.source.wait(cx);
        self.socket.poll_read(cx, input)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, batch: &mut Outgoing) -> Poll<io::Result<usize>> {
        self.source.wait(cx);
        self.socket.poll_write(cx, batch)
    }

    fn give_way(&mut self, _: &mut Context<'_>) {
        // The driver goes before all that waits where it wakes itself.
        self.source.again.wake_by_ref();
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_shutdown(cx)
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        self.timer.poll(cx, deadline)
    }

    fn clock(&self) -> Clock {
        self.socket.clock()
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // It fails where the loop's owner has closed what it was registered with.
        let _ = self.source.io.registry.deregister(self.socket.stream());
    }
}
