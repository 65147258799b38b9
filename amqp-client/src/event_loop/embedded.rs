//! A loop within a loop: somebody else's mio poll waits for its sockets, and turns it.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use mio::Registry;
use mio::event::Event;

use super::Handle;
use super::causes::Causes;
use super::io::Io;

/// An event loop that an application's own loop over [`mio`] turns. Its sockets are registered with that loop's poll; what
/// there is to do is given to its [`Handle`].
///
/// ```no_run
/// # fn main() -> std::io::Result<()> {
/// use std::time::Instant;
///
/// use amqp_client::event_loop::{Embedded, Handlers, mio};
/// use mio::{Events, Poll, Token, Waker};
///
/// const WAKE: Token = Token(0);
///
/// let mut poll = Poll::new()?;
/// let mut events = Events::with_capacity(64);
/// // A poll has one waker at most, so this is the application's.
/// let waker = Waker::new(poll.registry(), WAKE)?;
/// let mut amqp = Embedded::new(poll.registry(), 1000..2000, move || drop(waker.wake()))?;
/// amqp.handle().connect("amqp://localhost", Handlers::new().on_open(|_| println!("open")));
/// loop {
///     let limit = amqp.next_deadline().map(|at| at.saturating_duration_since(Instant::now()));
///     poll.poll(&mut events, limit)?;
///     for event in &events {
///         if !amqp.ready(event) {
///             // One of the application's own.
///         }
///     }
///     amqp.turn();
/// #   break;
/// }
/// # Ok(())
/// # }
/// ```
///
/// Dropping it ends it as dropping an [`EventLoop`](super::EventLoop) does.
#[derive(Debug)]
pub struct Embedded {
    handle: Handle,
}

impl Embedded {
    /// A loop with nothing to do. Its sockets get `tokens`, one each, of which nobody else may use any. `wake` is called, from
    /// any thread, when [`turn`](Self::turn) has something to do that no socket tells of; it must make the poll return.
    ///
    /// # Errors
    ///
    /// When the registry cannot be cloned.
    pub fn new(
        registry: &Registry,
        tokens: Range<usize>,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> std::io::Result<Self> {
        let causes = Arc::new(Causes::new(wake));
        let io = Io::new(registry.try_clone()?, tokens, &causes);
        let handle = Handle::new(causes, io);
        Ok(Self { handle })
    }

    /// What the loop is told by: connecting, timers, and what a [`Remote`](super::Remote) is made from.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Takes notice of an event of the poll; false when it is not of this loop. Nothing is called yet: that is
    /// [`turn`](Self::turn)'s, which has to follow.
    pub fn ready(&mut self, event: &Event) -> bool {
        self.handle.0.causes.awake();
        self.handle.io().ready(event.token())
    }

    /// Moves octets and calls what is to be called by now, without waiting. To be called whenever the poll has returned.
    ///
    /// What panics in a closure passes through; see [`EventLoop::run`](super::EventLoop::run).
    pub fn turn(&mut self) {
        self.handle.turn();
    }

    /// Until when the poll may wait before [`turn`](Self::turn) has to be called; `None` as long as it likes. A time that is
    /// past when there is something to do at once.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.handle.next_deadline()
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        self.handle.end();
    }
}
