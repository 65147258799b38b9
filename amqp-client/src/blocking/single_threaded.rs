//! The blocking style without threads: octets move while the program waits for something, and at no other time.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::error::ConnectionError;
use crate::handle::{Blocking, Connection, SealedStyle, Style};
use crate::reactor::{AnyDriver, Reactor};
use crate::sans_io::State;

/// A connection that one thread uses, and that has no other: octets move, and heartbeats with them, inside calls and in
/// [`process_events`](Self::process_events). What a call sends leaves with it, as far as the socket takes it; an
/// acknowledgement leaves with the call behind it. RabbitMQ takes a program for dead that computes for two to three
/// heartbeat intervals without any call: [`ConnectionError::HeartbeatsMissed`].
///
/// So each publish is a write of its own: nobody else could send later what a call keeps back. The thread of a
/// [`blocking::Connection`](super::Connection) writes at once what has gathered, for programs that publish many at a time.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// use amqp_client::blocking::SingleThreaded;
///
/// let connection = SingleThreaded::connect("amqp://localhost")?;
/// let channel = connection.open_channel()?;
/// connection.call_later(Duration::from_secs(5), |_| println!("five seconds are over"));
/// channel.basic_publish("", "orders", "one coffee").call()?;
/// while connection.next_deadline().is_some() {
///     connection.process_events(Duration::from_secs(1))?;
/// }
/// connection.close()?;
/// # Ok(())
/// # }
/// ```
///
/// It stays on its thread, and so does all that is made from it; a delivery may go to another, be settled there, and is
/// told to the server when this one next waits. What other threads want done they send by a [`Remote`]:
///
/// ```compile_fail,E0277
/// # fn example(connection: amqp_client::blocking::SingleThreaded) {
/// std::thread::spawn(move || connection.close());
/// # }
/// ```
///
/// ```compile_fail,E0277
/// # fn example(channel: amqp_client::blocking::single_threaded::Channel) {
/// std::thread::scope(|scope| {
///     scope.spawn(|| channel.close());
/// });
/// # }
/// ```
pub type SingleThreaded = Connection<Local>;

/// A channel of a [`SingleThreaded`] connection.
pub type Channel = crate::handle::Channel<Local>;
/// A consumer on a [`Channel`].
pub type Consumer = crate::handle::Consumer<Local>;
/// A publisher on a [`Channel`].
pub type Publisher = crate::handle::Publisher<Local>;
/// The outcome of a publish.
pub type Receipt = crate::handle::Receipt<Local>;
/// The outcomes of many publishes.
pub type Receipts = crate::handle::Receipts<Local>;
/// The events of a [`SingleThreaded`] connection.
pub type Events = crate::handle::Events<Local>;
/// The returned messages of a [`Channel`].
pub type Returns = crate::handle::Returns<Local>;

/// How deep closures that call [`process_events`](SingleThreaded::process_events) run in each other: the stack has an end.
const NESTED: usize = 16;

/// The style of [`SingleThreaded`]: a call moves octets until it is done.
#[derive(Clone)]
pub struct Local(Rc<Inner>);

struct Inner {
    io: RefCell<Io>,
    waker: Waker,
    timers: RefCell<BTreeMap<Timer, Task>>,
    next_timer: Cell<u64>,
    /// How many closures are running, each in one that called `process_events`.
    running: Cell<usize>,
    sent: Receiver<RemoteTask>,
    /// What was received of it, and did not run yet.
    inbox: RefCell<VecDeque<RemoteTask>>,
    sender: Sender<RemoteTask>,
}

struct Io {
    driver: AnyDriver,
    over: bool,
    /// Whether the driver gave way, and reads on when the program waits: what has come comes first.
    gave_way: bool,
    reactor: Reactor,
}

type Task = Box<dyn FnOnce(&SingleThreaded)>;
type RemoteTask = Box<dyn FnOnce(&SingleThreaded) + Send>;

/// A timer of [`SingleThreaded::call_later`], to cancel it by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timer {
    due: Instant,
    number: u64,
}

/// Runs closures on the thread of a [`SingleThreaded`] connection, from any other. Made by [`SingleThreaded::remote`].
#[derive(Clone)]
pub struct Remote {
    sender: Sender<RemoteTask>,
    waker: Waker,
}

impl Drop for Inner {
    /// The last handle is gone; a delivery may be left. What is queued, and connection.close, leaves if the socket takes it.
    fn drop(&mut self) {
        let io = self.io.get_mut();
        if io.over {
            return;
        }
        io.driver.close();
        let mut cx = Context::from_waker(&self.waker);
        let _ = Pin::new(&mut io.driver).poll(&mut cx);
    }
}

impl SealedStyle for Local {}
impl Style for Local {}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local").finish_non_exhaustive()
    }
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").finish_non_exhaustive()
    }
}

impl Local {
    pub(super) fn new(driver: AnyDriver, reactor: Reactor) -> Self {
        let (sender, sent) = channel();
        let waker = reactor.waker();
        let io = Io {
            driver,
            over: false,
            gave_way: false,
            reactor,
        };
        Self(Rc::new(Inner {
            io: RefCell::new(io),
            waker,
            timers: RefCell::default(),
            next_timer: Cell::new(0),
            running: Cell::new(0),
            sent,
            inbox: RefCell::default(),
            sender,
        }))
    }

    /// Moves octets without waiting.
    fn turn(&self) {
        let mut io = self.0.io.borrow_mut();
        io.reactor.silence();
        if !io.over {
            let mut cx = Context::from_waker(&self.0.waker);
            io.over = Pin::new(&mut io.driver).poll(&mut cx).is_ready();
            // Or another thread wants something, which may wait until this one waits as well.
            io.gave_way = io.reactor.rings();
            io.reactor.silence();
        }
    }

    /// The same, if some wait to be sent or the driver's timer is due.
    fn turn_if_due(&self) {
        let mut io = self.0.io.borrow_mut();
        let late = |deadline| deadline <= Instant::now();
        if io.reactor.rings() || (!io.over && io.driver.wakes_at().is_some_and(late)) {
            drop(io);
            self.turn();
        } else if io.gave_way && !io.over {
            // Nobody woke it, because it is awake.
            io.driver.write(&mut Context::from_waker(&self.0.waker));
        }
    }

    /// Waits for octets, the driver's timer, a wake-up or the deadline.
    fn sleep(&self, deadline: Option<Instant>) {
        let mut io = self.0.io.borrow_mut();
        let driver = if io.over { None } else { io.driver.wakes_at() };
        let now = io.gave_way.then(Instant::now);
        let deadline = [driver, deadline, now].into_iter().flatten().min();
        if io.reactor.sleep(deadline).is_err() {
            // A reactor that cannot wait ends the connection.
            io.driver.abandon();
            io.over = true;
        }
    }
}

impl Blocking for Local {
    fn wait_until<F: Future + ?Sized>(
        &self,
        deadline: Option<Instant>,
        mut future: Pin<&mut F>,
    ) -> Poll<F::Output> {
        let mut cx = Context::from_waker(&self.0.waker);
        loop {
            // First, what it wants to send; then what has come.
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                // What never waits moves octets too.
                self.turn_if_due();
                return Poll::Ready(output);
            }
            self.turn();
            if let Poll::Ready(output) = future.as_mut().poll(&mut cx) {
                return Poll::Ready(output);
            }
            let over = deadline.is_some_and(|deadline| deadline <= Instant::now());
            // Where it is over, this only looks for what has come.
            self.sleep(deadline);
            if over {
                self.turn();
                return future.as_mut().poll(&mut cx);
            }
        }
    }
}

impl SingleThreaded {
    /// Moves octets, runs timers that are due and closures of [`Remote`]s, and returns as soon as it has done any of that,
    /// or `limit` is over. [`Duration::ZERO`] does what there is to do without waiting. It may be called from the closures
    /// that it runs, and runs others there; 16 deep it only moves octets, and what is due waits for those above.
    ///
    /// # Errors
    ///
    /// Why the connection is over. Closures and timers run nevertheless.
    pub fn process_events(&self, limit: Duration) -> Result<(), ConnectionError> {
        let now = Instant::now();
        let deadline = now.checked_add(limit);
        let received = self.stats().octets_received;
        // What has come is looked for first, also when there is no time to wait.
        self.style.sleep(Some(now));
        loop {
            self.style.turn();
            let ran = self.run_tasks();
            self.style.turn_if_due();
            let state = self.state();
            if state == State::Closed {
                return Err(self.closed());
            }
            let now = Instant::now();
            if ran
                || self.stats().octets_received != received
                || deadline.is_some_and(|deadline| deadline <= now)
            {
                return Ok(());
            }
            let timer = self.style.next_timer().filter(|_| self.style.may_run());
            self.style.sleep([deadline, timer].into_iter().flatten().min());
        }
    }

    /// Sleeps for `duration`, and does all that [`process_events`](Self::process_events) does meanwhile.
    ///
    /// # Errors
    ///
    /// Why the connection is over, as soon as it is.
    pub fn sleep(&self, duration: Duration) -> Result<(), ConnectionError> {
        let end = Instant::now().checked_add(duration);
        loop {
            let left = end.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()));
            self.process_events(left)?;
            if left.is_zero() {
                return Ok(());
            }
        }
    }

    /// When [`process_events`](Self::process_events) has to be called at the latest: for a timer, or for the connection
    /// itself; now, when something waits to be sent or was sent by a [`Remote`]. `None` when the connection is over and no
    /// timer runs.
    pub fn next_deadline(&self) -> Option<Instant> {
        let io = self.style.0.io.borrow();
        let (driver, rings) = if io.over {
            (None, false)
        } else {
            (io.driver.wakes_at(), io.gave_way || io.reactor.rings())
        };
        let now = (rings || self.style.sent() > 0).then(Instant::now);
        [driver, self.style.next_timer(), now].into_iter().flatten().min()
    }

    /// Runs `task` in [`process_events`](Self::process_events) once `delay` is over. Timers that are due run in the order of
    /// their times. A task that is never run is dropped with the connection: use the connection that it gets, for one that
    /// holds a handle keeps the connection open.
    pub fn call_later(&self, delay: Duration, task: impl FnOnce(&Self) + 'static) -> Timer {
        let number = self.style.0.next_timer.get();
        self.style.0.next_timer.set(number + 1);
        let now = Instant::now();
        let timer = Timer {
            // A delay beyond what the clock can tell is for ever: thirty years.
            due: now
                .checked_add(delay)
                .unwrap_or(now + Duration::from_secs(1 << 30)),
            number,
        };
        self.style.0.timers.borrow_mut().insert(timer, Box::new(task));
        timer
    }

    /// Takes a timer back; false when it has run, or was cancelled before.
    pub fn cancel_timer(&self, timer: Timer) -> bool {
        // Dropped behind the borrow: what it holds may come back here.
        let task = self.style.0.timers.borrow_mut().remove(&timer);
        task.is_some()
    }

    /// What other threads can use to run closures on this one.
    pub fn remote(&self) -> Remote {
        Remote {
            sender: self.style.0.sender.clone(),
            waker: self.style.0.waker.clone(),
        }
    }

    /// Runs what is due and what was sent; true when there was any of it. What is added meanwhile waits for the next time. A
    /// task is taken when it runs, so that those before may cancel it, and a panic costs no other.
    fn run_tasks(&self) -> bool {
        let inner = &self.style.0;
        let mut ran = false;
        if !self.style.may_run() {
            return ran;
        }
        let _running = Running::new(&inner.running);
        let (now, end) = (Instant::now(), inner.next_timer.get());
        loop {
            let mut timers = inner.timers.borrow_mut();
            let due = |timer: &Timer| timer.due <= now && timer.number < end;
            let Some(timer) = timers
                .keys()
                .take_while(|timer| timer.due <= now)
                .copied()
                .find(due)
            else {
                break;
            };
            let task = timers.remove(&timer);
            drop(timers);
            if let Some(task) = task {
                task(self);
                ran = true;
            }
        }
        for _ in 0..self.style.sent() {
            let task = inner.inbox.borrow_mut().pop_front();
            // Closures may have come here themselves.
            let Some(task) = task else { break };
            task(self);
            ran = true;
        }
        ran
    }
}

impl Local {
    /// Whether closures may run here, or too many wait for those within them already.
    fn may_run(&self) -> bool {
        self.0.running.get() < NESTED
    }

    /// How many closures of [`Remote`]s wait.
    fn sent(&self) -> usize {
        let mut inbox = self.0.inbox.borrow_mut();
        inbox.extend(self.0.sent.try_iter());
        inbox.len()
    }

    fn next_timer(&self) -> Option<Instant> {
        self.0
            .timers
            .borrow()
            .first_key_value()
            .map(|(timer, _)| timer.due)
    }
}

/// Counts while closures run, also if one panics.
struct Running<'a>(&'a Cell<usize>);

impl<'a> Running<'a> {
    fn new(running: &'a Cell<usize>) -> Self {
        running.set(running.get() + 1);
        Self(running)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Remote {
    /// Has `task` run on the connection's thread, in its next [`process_events`](SingleThreaded::process_events), and wakes it
    /// if it waits; false when the connection is gone, and `task` is dropped. Closures of one thread run in their order.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    ///
    /// use amqp_client::blocking::SingleThreaded;
    ///
    /// let connection = SingleThreaded::connect("amqp://localhost")?;
    /// let remote = connection.remote();
    /// std::thread::spawn(move || remote.send(|connection| println!("{}", connection.state())));
    /// connection.process_events(Duration::from_secs(5))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn send(&self, task: impl FnOnce(&SingleThreaded) + Send + 'static) -> bool {
        let sent = self.sender.send(Box::new(task)).is_ok();
        self.waker.wake_by_ref();
        sent
    }
}
