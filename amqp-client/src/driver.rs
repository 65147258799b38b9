//! Moves octets and time between the shared core and a transport: four plain loops, for any runtime. What a transport is,
//! the adapters say.

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use bytes::BytesMut;

use crate::config::Config;
use crate::error::ConnectionError;
use crate::handle::{Asleep, Connection, Inner, Shared, Sleep};
use crate::metrics::Reporter;
use crate::read_room::ReadRoom;
use crate::sans_io::{Outgoing, State, Tapping};
use crate::trace::Driving;

/// Octets that are read before other tasks have their turn. Who takes what came of them finds it in the processor's caches,
/// and a server that never stops cannot keep a thread for itself.
const TURN: usize = 64 * 1024;

/// What a read counts for at least.
const LEAST: usize = TURN / 16;

/// What a driver needs of a runtime: a stream of octets, a clock, and a timer. Each `poll_` function registers the task's
/// waker when it is pending.
///
/// A stream that takes everything and ends at once:
///
/// ```
/// use std::io;
/// use std::task::{Context, Poll};
/// use std::time::Instant;
///
/// use amqp_client::driver::{Clock, Transport};
/// use amqp_client::sans_io::Outgoing;
/// use bytes::{Buf, BytesMut};
///
/// struct Nowhere;
///
/// impl Transport for Nowhere {
///     fn poll_read(&mut self, _: &mut Context<'_>, _: &mut BytesMut) -> Poll<io::Result<usize>> {
///         Poll::Ready(Ok(0))
///     }
///
///     fn poll_write(&mut self, _: &mut Context<'_>, batch: &mut Outgoing) -> Poll<io::Result<usize>> {
///         let octets = batch.remaining();
///         batch.advance(octets);
///         Poll::Ready(Ok(octets))
///     }
///
///     fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
///         Poll::Ready(Ok(()))
///     }
///
///     fn poll_timer(&mut self, _: &mut Context<'_>, _: Instant) -> Poll<()> {
///         Poll::Pending
///     }
///
///     fn clock(&self) -> Clock {
///         Clock::new(Instant::now)
///     }
/// }
/// ```
pub trait Transport {
    /// Appends what has come to `input`, into the room that it has, and says how much; 0 is the end of the stream. It is
    /// asked again until it is pending, though not at once when much has come.
    fn poll_read(&mut self, cx: &mut Context<'_>, input: &mut BytesMut) -> Poll<io::Result<usize>>;

    /// Writes from the front of `batch`, advances it by what was taken, and says how much that was.
    fn poll_write(&mut self, cx: &mut Context<'_>, batch: &mut Outgoing) -> Poll<io::Result<usize>>;

    /// Sends on what was written, where the stream keeps some of it back. The default is for streams that do not.
    fn poll_flush(&mut self, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Has the task polled again when others had their turn: more than it should take at a time has come. The default wakes
    /// it, which is enough where what it is woken behind runs first.
    fn give_way(&mut self, cx: &mut Context<'_>) {
        cx.waker().wake_by_ref();
    }

    /// Ends the stream: nothing more will be written.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Ready when `deadline` has passed. Only the deadline given last counts.
    fn poll_timer(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()>;

    /// The clock that the timer goes by. The connection's handles look at it too, from any thread, for when what they ask
    /// for is late.
    fn clock(&self) -> Clock;
}

impl<T: Transport + ?Sized> Transport for Box<T> {
    fn poll_read(&mut self, cx: &mut Context<'_>, input: &mut BytesMut) -> Poll<io::Result<usize>> {
        T::poll_read(self, cx, input)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, batch: &mut Outgoing) -> Poll<io::Result<usize>> {
        T::poll_write(self, cx, batch)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        T::poll_flush(self, cx)
    }

    fn give_way(&mut self, cx: &mut Context<'_>) {
        T::give_way(self, cx);
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        T::poll_shutdown(self, cx)
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        T::poll_timer(self, cx, deadline)
    }

    fn clock(&self) -> Clock {
        T::clock(self)
    }
}

/// Tells the time: `Clock::new(Instant::now)`, unless the runtime's is another.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Instant + Send + Sync>);

impl Clock {
    /// A clock that `now` reads. It is called under the connection's lock, and must not come back to the connection.
    pub fn new(now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub(crate) fn now(&self) -> Instant {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").finish_non_exhaustive()
    }
}

/// Connects over any transport. The connection lives as long as the driver is polled; [`Connection::opened`] tells when it
/// can be used. A [provider](crate::SecretProvider) of the credentials must have been asked before: see
/// [`Credentials::fetch`](crate::Credentials::fetch).
///
/// ```no_run
/// use amqp_client::driver::{Transport, connect_with};
/// use amqp_client::{Config, ConnectionError};
///
/// /// On any runtime: `spawn` is its own.
/// async fn connect<T: Transport>(
///     transport: T,
///     spawn: impl FnOnce(amqp_client::driver::Driver<T>),
/// ) -> Result<amqp_client::Connection, ConnectionError> {
///     let (connection, driver) = connect_with(transport, Config::default());
///     spawn(driver);
///     connection.opened().await?;
///     Ok(connection)
/// }
/// ```
pub fn connect_with<T: Transport>(transport: T, config: Config) -> (Connection, Driver<T>) {
    let tapping = Tapping::new(&config);
    let trace = Driving::new(&config);
    let (connection, shared) = Connection::new(config, transport.clock());
    let driver = Driver {
        transport,
        shared,
        input: BytesMut::new(),
        room: ReadRoom::default(),
        batch: Outgoing::new(),
        wants: Wants::default(),
        tapping,
        unflushed: false,
        reads: false,
        timeout: None,
        write_error: None,
        shutdown: None,
        reporter: Reporter::default(),
        trace,
    };
    (connection, driver)
}

/// Moves the octets of one connection. It must be polled, as a task of its own, until it is ready: then the connection is
/// over.
///
/// Dropping it ends the connection with [`ConnectionError::DriverDropped`]; whoever waits is told.
#[derive(Debug)]
#[must_use = "a connection does nothing unless its driver is polled"]
pub struct Driver<T> {
    transport: T,
    shared: Arc<Shared>,
    /// Octets received and not yet understood.
    input: BytesMut,
    room: ReadRoom,
    /// Octets being written.
    batch: Outgoing,
    wants: Wants,
    /// Shows both to the tap, if there is one.
    tapping: Option<Tapping>,
    /// Whether something was written since the transport was last flushed.
    unflushed: bool,
    /// Whether the transport was asked to read, and until when the timer runs, in this round. What is true when the driver
    /// goes to sleep may have changed since, and must not be taken for what the transport will wake it for.
    reads: bool,
    timeout: Option<Instant>,
    /// Why nothing can be written any more. What the server said before it hung up may still be read.
    write_error: Option<io::Error>,
    /// Once the connection is over: until when the stream may take to end, if there is a limit.
    shutdown: Option<Option<Instant>>,
    reporter: Reporter,
    trace: Driving,
}

/// What the core wanted when it was asked last.
#[derive(Debug, Default)]
struct Wants {
    read: bool,
    /// Nothing more: the connection is over.
    over: bool,
}

// Nothing in it is pinned.
impl<T> Unpin for Driver<T> {}

impl<T: Transport> Future for Driver<T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.trace.span().in_scope(|| {
            this.trace.listen(&this.shared);
            let over = this.drive(cx);
            this.trace.tell(cx, &this.shared);
            over
        })
    }
}

impl<T: Transport> Driver<T> {
    /// Works until there is nothing left to do; ready when the connection is over.
    fn drive(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Nobody has to wake it, and what it registered is dropped without the lock.
        drop(self.ask(|inner, _| inner.is_awake()));
        let mut turn = TURN;
        loop {
            self.drive_write(cx);
            let read = self.drive_read(cx);
            turn = turn.saturating_sub(read.map_or(0, |octets| octets.max(LEAST)));
            if read.is_some() && turn > 0 {
                // It may have made work.
                continue;
            }
            // Before the timer is set, by which it may be due again.
            self.reporter.report(&self.shared);
            if self.wants.over {
                return self.drive_shutdown(cx);
            }
            if turn == 0 {
                // What came may have been answered.
                self.drive_write(cx);
                self.transport.give_way(cx);
                return Poll::Pending;
            }
            if self.sleep(cx) {
                return Poll::Pending;
            }
        }
    }

    /// Does something under the lock, then takes what is to be written, unless something is left of that, and asks what else
    /// is wanted: all at once, because each lock costs as much as a small frame.
    fn ask<R>(&mut self, f: impl FnOnce(&mut Inner, &mut BytesMut) -> R) -> R {
        let (input, batch, wants) = (&mut self.input, &mut self.batch, &mut self.wants);
        let takes = self.write_error.is_none() && batch.is_empty();
        let result = self.shared.with(|inner| {
            let result = f(inner, input);
            if takes {
                inner.core.take_outgoing(batch);
            }
            *wants = Wants {
                read: inner.core.wants_read(),
                over: inner.core.state() == State::Closed,
            };
            result
        });
        if let Some(tapping) = self.tapping.as_mut().filter(|_| takes) {
            tapping.sent(self.transport.clock().now(), &self.batch);
        }
        result
    }

    /// Writes what is queued.
    fn drive_write(&mut self, cx: &mut Context<'_>) {
        while self.write_error.is_none() && !self.batch.is_empty() {
            match self.transport.poll_write(cx, &mut self.batch) {
                Poll::Ready(Ok(0)) => self.write_error = Some(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(octets)) => {
                    self.unflushed = true;
                    self.ask(|inner, _| inner.core.transmitted(inner.now(), octets as u64));
                }
                Poll::Ready(Err(error)) => self.write_error = Some(error),
                Poll::Pending => return,
            }
        }
        if self.unflushed && self.write_error.is_none() {
            match self.transport.poll_flush(cx) {
                Poll::Ready(Ok(())) => self.unflushed = false,
                Poll::Ready(Err(error)) => self.write_error = Some(error),
                Poll::Pending => {}
            }
        }
    }

    /// Reads once; says how many octets came, 0 if it was the end.
    fn drive_read(&mut self, cx: &mut Context<'_>) -> Option<usize> {
        self.reads = self.wants.read;
        if !self.reads {
            return None;
        }
        let transport = &mut self.transport;
        let read = self
            .room
            .read(&mut self.input, |input| transport.poll_read(cx, input));
        let Poll::Ready(read) = read else {
            return None;
        };
        let octets = *read.as_ref().unwrap_or(&0);
        if let Some(tapping) = &mut self.tapping {
            tapping.received(self.transport.clock().now(), &self.input);
        }
        let failure = match (read, &self.write_error) {
            (Ok(1..), _) => None,
            (Ok(0), None) => Some(None),
            // What ended the stream says more than that nothing can be written to it any more.
            (Ok(0), Some(_)) => Some(self.write_error.take()),
            (Err(error), _) => Some(Some(error)),
        };
        self.ask(|inner, input| {
            let now = inner.now();
            match failure {
                None => {
                    // The core keeps the error, and whoever waits is told by it.
                    let _ = inner.core.receive(now, input);
                    // Who has always something to read does not come to sleep by a timer.
                    if inner.core.next_timeout().is_some_and(|at| at <= now) {
                        inner.core.handle_timeout(now);
                    }
                }
                Some(None) => inner.core.receive_eof(now),
                Some(Some(error)) => inner.core.transport_failed(now, error),
            }
        });
        if let Some(tapping) = &mut self.tapping {
            tapping.left(self.input.len());
        }
        Some(octets)
    }

    /// Ends the stream, for at most `close_timeout`.
    fn drive_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = *self.shutdown.get_or_insert_with(|| {
            self.shared
                .with(|inner| inner.now().checked_add(inner.core.config().close_timeout))
        });
        if self.transport.poll_shutdown(cx).is_ready() {
            return Poll::Ready(());
        }
        match deadline {
            Some(deadline) => self.transport.poll_timer(cx, deadline),
            None => Poll::Pending,
        }
    }

    /// Writes what is queued, and does nothing else: for who has not handled yet what was read before the driver gave way.
    #[cfg(feature = "blocking")]
    pub(crate) fn write(&mut self, cx: &mut Context<'_>) {
        self.ask(|_, _| ());
        self.drive_write(cx);
    }

    /// When a driver that waits has to be polled though nothing woke it.
    #[cfg(feature = "blocking")]
    pub(crate) fn wakes_at(&self) -> Option<Instant> {
        self.shutdown.unwrap_or(self.timeout)
    }

    /// Waits to be woken by the transport, the timer or a handle; false when there is something to do first.
    fn sleep(&mut self, cx: &mut Context<'_>) -> bool {
        let asleep = Asleep {
            waker: cx.waker().clone(),
            timeout: self.reporter.due(),
            reads: self.reads,
            writes: !self.batch.is_empty() || self.write_error.is_some(),
        };
        let Sleep::Until(timeout) = self.shared.with(|inner| inner.sleep(asleep)) else {
            self.ask(|_, _| ());
            return false;
        };
        self.timeout = timeout;
        let due = timeout.is_some_and(|at| self.transport.poll_timer(cx, at).is_ready());
        if due {
            drop(self.ask(|inner, _| {
                inner.core.handle_timeout(inner.now());
                inner.is_awake()
            }));
        }
        !due
    }
}

impl<T> Driver<T> {
    /// Closes the connection in order, whoever still holds it.
    #[cfg(feature = "blocking")]
    pub(crate) fn close(&self) {
        self.shared.with(Inner::close_dropped);
    }

    /// Ends the connection, if it is not over.
    pub(crate) fn abandon(&mut self) {
        self.shared
            .with(|inner| inner.core.abandon(inner.now(), ConnectionError::DriverDropped));
        // Recorders and subscribers are others' code. It may be their panic that ends the driver, and a second one would end
        // the program.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            self.trace.span().in_scope(|| {
                self.reporter.report(&self.shared);
                self.trace.tell(&Context::from_waker(Waker::noop()), &self.shared);
            });
        }));
    }
}

impl<T> Drop for Driver<T> {
    fn drop(&mut self) {
        self.abandon();
    }
}
