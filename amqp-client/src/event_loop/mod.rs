//! The adapter for programs of callbacks: one thread waits for everything, and calls closures. Over `mio`: epoll, kqueue or
//! poll.
//!
//! ```no_run
//! # fn main() -> std::io::Result<()> {
//! use amqp_client::event_loop::{EventLoop, Handlers};
//!
//! let mut event_loop = EventLoop::new()?;
//! let handlers = Handlers::new()
//!     .on_open(|connection| {
//!         connection.open_channel().then(|_, channel| {
//!             let Ok(channel) = channel else { return };
//!             channel.queue_declare("orders").durable().then(|channel, declared| {
//!                 println!("{:?}", declared.map(|queue| queue.message_count));
//!                 channel.basic_consume("orders").then_each(|_, next| {
//!                     let Ok(delivery) = next else { return };
//!                     println!("{}", String::from_utf8_lossy(delivery.body()));
//!                     drop(delivery.ack().call());
//!                 });
//!             });
//!         });
//!     })
//!     .on_open_error(|_, error| eprintln!("{error}"))
//!     .on_close(|_, error| eprintln!("{error}"));
//! event_loop.connect("amqp://localhost", handlers);
//! event_loop.run()
//! # }
//! ```
//!
//! The handles are those of every style. A request is sent when it is given its continuation: `.then(|channel, outcome| ..)`,
//! or by `.no_wait().send()`. Requests do not wait for each other's replies, and keep their order.
//!
//! # When closures are called
//!
//! - Only the loop calls them, from [`EventLoop::run`] and [`run_once`](EventLoop::run_once) or [`Embedded::turn`]: never a
//!   method of a handle, also when an outcome is known at once.
//! - One at a time, in the order in which their causes came about: what servers sent, in its order, replies, deliveries,
//!   returned messages and events alike; timers when they are due; what a [`Remote`] sends, when it is sent.
//! - Any method may be called in any of them: closing the connection in one of its deliveries, consuming in a continuation,
//!   connecting again behind the end, dropping every handle. What that causes is called behind what waits already.
//! - No lock is held and nothing is borrowed meanwhile.
//! - One that is called whenever something happens may be registered beside others, and
//!   [taken back](Handle::unregister), to replace it or for good.
//!
//! # Who waits for whom
//!
//! All closures share a thread, so one that computes or blocks keeps all others waiting, and the octets too. Between closures
//! octets move and heartbeats leave, however many deliveries wait. When 64 KiB or a little more were read of a connection's
//! octets, the others have their turn, so that no server keeps timers and other connections waiting.
//!
//! # What keeps a connection open
//!
//! As in every style a connection is closed, in order, when the last handle on it is dropped, and a channel likewise. A
//! continuation or a consumer that waits holds its channel. What [`Handlers`] wait for, and the methods `on_…` of a
//! [connection](Connection) and of a [channel](Channel), holds nothing. When nothing is left to call anything, the loop ends
//! by itself.

mod causes;
mod each;
mod embedded;
mod handle;
mod handlers;
mod io;
mod network;
mod operations;
mod reconnect;
mod remote;
mod requests;
mod tasks;

use std::sync::Arc;
use std::time::{Duration, Instant};

pub use embedded::Embedded;
pub use handle::{Handle, Registration, Timer};
pub use handlers::{Attempt, Handlers};
pub use mio;
pub use operations::Operation;
pub use remote::Remote;

use self::causes::Causes;
use self::io::Io;
use crate::error::ConnectError;
use crate::options::ConnectOptions;
use crate::reactor::Reactor;

/// A connection of an event loop.
pub type Connection = crate::handle::Connection<Handle>;
/// A channel of a [`Connection`].
pub type Channel = crate::handle::Channel<Handle>;
/// A consumer on a [`Channel`].
pub type Consumer = crate::handle::Consumer<Handle>;
/// A publisher on a [`Channel`].
pub type Publisher = crate::handle::Publisher<Handle>;
/// The outcome of a publish.
pub type Receipt = crate::handle::Receipt<Handle>;
/// The outcomes of many publishes.
pub type Receipts = crate::handle::Receipts<Handle>;
/// The events of a [`Connection`].
pub type Events = crate::handle::Events<Handle>;
/// The returned messages of a [`Channel`].
pub type Returns = crate::handle::Returns<Handle>;

/// A loop that waits for any number of connections and timers, and calls closures on its thread.
///
/// It is turned here. What there is to do is given to its [`Handle`], which closures have too; what a program begins with
/// stands here as well.
#[derive(Debug)]
pub struct EventLoop {
    handle: Handle,
    reactor: Reactor,
}

impl EventLoop {
    /// A loop with nothing to do.
    ///
    /// # Errors
    ///
    /// When the system has no poll for it.
    pub fn new() -> std::io::Result<Self> {
        let reactor = Reactor::new()?;
        let waker = reactor.waker();
        let causes = Arc::new(Causes::new(move || waker.wake_by_ref()));
        let io = Io::new(reactor.registry().try_clone()?, 0..usize::MAX, &causes);
        let handle = Handle::new(causes, io);
        Ok(Self { handle, reactor })
    }

    /// What the loop is told by: a clone of it goes wherever the program needs it, on the loop's thread.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// use std::time::Duration;
    /// use amqp_client::event_loop::EventLoop;
    ///
    /// let mut event_loop = EventLoop::new()?;
    /// let handle = event_loop.handle().clone();
    /// event_loop.call_later(Duration::ZERO, move |_| handle.stop());
    /// event_loop.run()
    /// # }
    /// ```
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// The same as [`Handle::connect`], which says more.
    pub fn connect(
        &self,
        options: impl TryInto<ConnectOptions, Error: Into<ConnectError>>,
        handlers: Handlers,
    ) -> Attempt {
        self.handle.connect(options, handlers)
    }

    /// The same as [`Handle::call_later`].
    pub fn call_later(&self, delay: Duration, call: impl FnOnce(&Handle) + 'static) -> Timer {
        self.handle.call_later(delay, call)
    }

    /// Runs until it is [stopped](Handle::stop), or nothing is left that could call anything: no connection, timer or
    /// [`Remote`].
    ///
    /// A panic in a closure passes through. What panicked is gone: a consumer is cancelled. All else is where it was, and goes
    /// on when the loop is run again.
    ///
    /// # Errors
    ///
    /// When the system's poll fails.
    pub fn run(&mut self) -> std::io::Result<()> {
        self.handle.take_stopped();
        while !self.handle.is_idle() {
            self.wait(None)?;
            self.handle.turn();
            if self.handle.take_stopped() {
                break;
            }
        }
        Ok(())
    }

    /// Waits until there is something to do, for at most `limit`, and does it: one turn. [`Duration::ZERO`] does what there is
    /// to do without waiting.
    ///
    /// # Errors
    ///
    /// When the system's poll fails.
    pub fn run_once(&mut self, limit: Duration) -> std::io::Result<()> {
        self.handle.take_stopped();
        self.wait(Instant::now().checked_add(limit))?;
        self.handle.turn();
        Ok(())
    }

    /// Waits for something to do, until the deadline if there is one.
    fn wait(&mut self, deadline: Option<Instant>) -> std::io::Result<()> {
        let next = self.handle.next_deadline();
        self.reactor.sleep([next, deadline].into_iter().flatten().min())?;
        self.handle.0.causes.awake();
        for event in self.reactor.events() {
            self.handle.io().ready(event.token());
        }
        Ok(())
    }
}

impl Handle {
    /// Until when there is nothing to do, unless a socket or the alarm says otherwise.
    fn next_deadline(&self) -> Option<Instant> {
        if self.0.causes.sleep() {
            self.io().next_deadline()
        } else {
            Some(Instant::now())
        }
    }

    /// Wakes whose time has come, and calls what is to be called by now. What that causes waits for the next turn, so that
    /// nobody keeps sockets and timers waiting.
    fn turn(&self) {
        self.0.causes.awake();
        self.io().wake_due(Instant::now());
        self.run_causes();
        self.0.causes.sleep();
    }
}

impl Drop for EventLoop {
    fn drop(&mut self) {
        self.handle.end();
    }
}
