//! The loop as its handles and the application's closures reach it. Turning it is `mod`'s.

use std::cell::Cell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use super::causes::{Cause, Causes, TaskId, Turn};
use super::each::{Each, Source};
use super::io::{Io, Timer as Deadline};
use super::tasks::{Place, Tasks};
use crate::handle::{Begin, Detached, SealedStyle, Style};

/// For how long causes are run before sockets and timers are looked at again.
const SLICE: Duration = Duration::from_millis(1);

/// A loop, for those who do not turn it: closures get it, or reach it [from a connection](super::Connection::event_loop) or a
/// [channel](super::Channel::event_loop). It is the style of all handles that the loop's connections give. It stays on its
/// thread; a [`Remote`](super::Remote) is for others.
///
/// When the [`EventLoop`](super::EventLoop) is dropped its connections end at once, with
/// [`ConnectionError::DriverDropped`](crate::ConnectionError::DriverDropped), and whatever waits to be called is dropped, as is
/// what is given to it later.
#[derive(Clone)]
pub struct Handle(pub(super) Rc<Inner>);

pub(super) struct Inner {
    pub(super) causes: Arc<Causes>,
    pub(super) tasks: Tasks,
    io: Arc<Io>,
    stopped: Cell<bool>,
}

/// A timer of [`Handle::call_later`], to cancel it by, in its own loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timer(TaskId);

/// A closure that is called whenever something happens, to [unregister](Handle::unregister) it by, in its
/// own loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Registration(TaskId);

impl SealedStyle for Handle {}
impl Style for Handle {}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

impl Handle {
    pub(super) fn new(causes: Arc<Causes>, io: Arc<Io>) -> Self {
        Self(Rc::new(Inner {
            causes,
            tasks: Tasks::default(),
            io,
            stopped: Cell::new(false),
        }))
    }

    /// Calls `call` when `delay` is over. Timers that are due are called in the order of their times, those of the same time
    /// in the order in which they were set.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// use std::time::Duration;
    /// use amqp_client::event_loop::EventLoop;
    ///
    /// let mut event_loop = EventLoop::new()?;
    /// event_loop.call_later(Duration::from_millis(5), |event_loop| {
    ///     println!("five milliseconds are over");
    ///     event_loop.call_later(Duration::from_millis(5), |_| println!("five more, and nothing is left to do"));
    /// });
    /// event_loop.run()
    /// # }
    /// ```
    pub fn call_later(&self, delay: Duration, call: impl FnOnce(&Self) + 'static) -> Timer {
        let place = self.place(Turn::Once);
        let timer = Timer(place.id);
        let now = Instant::now();
        // A delay beyond what the clock can tell is for ever: thirty years.
        let deadline = now
            .checked_add(delay)
            .unwrap_or(now + Duration::from_secs(1 << 30));
        let mut due = Deadline::new(&self.0.io);
        let waker = place.waker();
        // Set now, so that equal times keep their order.
        if due.poll(&Context::from_waker(&waker), deadline).is_ready() {
            waker.wake();
        }
        let handle = self.clone();
        self.0.tasks.put(
            place,
            async move {
                poll_fn(|cx| due.poll(cx, deadline)).await;
                call(&handle);
            },
            false,
        );
        timer
    }

    /// Takes a timer back; false when it was called, or cancelled before, or is another loop's.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// use std::time::Duration;
    /// use amqp_client::event_loop::EventLoop;
    ///
    /// let event_loop = EventLoop::new()?;
    /// let timer = event_loop.call_later(Duration::from_secs(5), |_| unreachable!());
    /// assert!(event_loop.handle().cancel_timer(timer));
    /// assert!(!event_loop.handle().cancel_timer(timer));
    /// # Ok(())
    /// # }
    /// ```
    pub fn cancel_timer(&self, timer: Timer) -> bool {
        self.0.tasks.take(timer.0).is_some()
    }

    /// Takes a closure back that is called whenever something happens, such as [`on_flow`](super::Channel::on_flow)'s: it is
    /// called no more, also for what has happened already. False when it was taken back before, nothing more could happen, or
    /// it is another loop's. It may be done in the closure itself, which is dropped when it returns. To replace a closure,
    /// register another.
    ///
    /// ```no_run
    /// # #[cfg(feature = "event-loop")]
    /// # fn example(channel: amqp_client::event_loop::Channel) {
    /// let first = channel.on_flow(|_, active| println!("publishing goes on: {active}"));
    /// channel.event_loop().unregister(first);
    /// channel.on_flow(|channel, active| println!("on {}: {active}", channel.id()));
    /// # }
    /// ```
    pub fn unregister(&self, registration: Registration) -> bool {
        self.0.tasks.remove(registration.0)
    }

    /// Ends [`run`](super::EventLoop::run) when the closure that is called now returns; what waits is called when it runs
    /// again. Without effect outside of it.
    pub fn stop(&self) {
        self.0.stopped.set(true);
    }

    /// Whether it was stopped since this was asked last.
    pub(super) fn take_stopped(&self) -> bool {
        self.0.stopped.take()
    }

    /// A handle on the loop for other threads.
    pub fn remote(&self) -> super::Remote {
        super::Remote::new(&self.0.causes)
    }

    pub(super) fn io(&self) -> &Arc<Io> {
        &self.0.io
    }

    /// Moves octets as far as they go, then runs what waits by now, as long as nothing stops the loop and others need not
    /// wait.
    pub(super) fn run_causes(&self) {
        for task in self.0.causes.take_urgent() {
            self.0.tasks.run(task);
        }
        let begun = Instant::now();
        for _ in 0..self.0.causes.len() {
            match self.0.causes.pop() {
                Some(Cause::Woken(task)) => self.0.tasks.run(task),
                Some(Cause::Ready(token)) => self.0.io.wake(token),
                Some(Cause::Sent(call)) => call(self),
                None => return,
            }
            if self.0.stopped.get() || begun.elapsed() >= SLICE {
                return;
            }
        }
    }

    /// Whether nothing is left that could call anything: no connection, timer or [`Remote`](super::Remote).
    pub fn is_idle(&self) -> bool {
        self.0.tasks.is_empty() && self.0.causes.is_empty() && !self.0.causes.has_remotes()
    }

    /// Drops what will never be called.
    pub(super) fn end(&self) {
        let tasks = self.0.tasks.end();
        let waiting = self.0.causes.end();
        drop((tasks, waiting));
    }

    /// Runs a task from the loop.
    pub(super) fn spawn(&self, turn: Turn, task: impl Future<Output = ()> + 'static) -> TaskId {
        let place = self.place(turn);
        let (id, waker) = (place.id, place.waker());
        self.0.tasks.put(place, task, false);
        waker.wake();
        id
    }

    pub(super) fn place(&self, turn: Turn) -> Place {
        self.0.tasks.place(&self.0.causes, turn)
    }

    /// Calls `call` for each thing that comes, until it or the source ends.
    pub(super) fn spawn_each<S: Source + 'static>(
        &self,
        source: S,
        lasting: bool,
        call: impl FnMut(&S, S::Item) -> Poll<()> + 'static,
    ) -> Registration {
        let place = self.place(Turn::Each);
        let registration = Registration(place.id);
        let waker = place.waker();
        let waiting = source.watch(&Context::from_waker(&waker));
        self.0.tasks.put(place, Each::new(source, call), lasting);
        for _ in 0..waiting {
            waker.wake_by_ref();
        }
        registration
    }

    /// Polls a future here and now, and calls `then` from the loop when it is ready.
    pub(super) fn continue_with<F>(&self, future: F, then: impl FnOnce(F::Output) + 'static)
    where
        F: Future + 'static,
    {
        let place = self.place(Turn::Once);
        let waker = place.waker();
        let mut future = Box::pin(future);
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(outcome) => {
                self.0.tasks.put(place, async { then(outcome) }, false);
                waker.wake();
            }
            Poll::Pending => self.0.tasks.put(place, async { then(future.await) }, false),
        }
    }

    /// The same for a request.
    pub(super) fn begin<R: Begin>(&self, request: R, then: impl FnOnce(R::Output) + 'static) {
        match start(request) {
            Ok(outcome) => self.continue_with(std::future::ready(outcome), then),
            Err(rest) => self.continue_with(rest, then),
        }
    }
}

/// Sends a request: its outcome, or what is left of it, to be polled again.
pub(super) fn start<R: Begin>(request: R) -> Result<R::Output, Detached<R::Output>> {
    let mut begun = request.begin();
    match Pin::new(&mut begun).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => Ok(outcome),
        Poll::Pending => Err(R::detach(begun)),
    }
}
