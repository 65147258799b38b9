//! One thread's waiting, by mio: for sockets, a deadline, and to be woken. What it waits for is its owners'.

#[cfg(feature = "blocking")]
mod network;
mod readiness;
mod socket;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Wake, Waker};
use std::time::Instant;

use mio::{Events, Poll, Registry, Token};

#[cfg(feature = "blocking")]
use self::readiness::Readiness;

#[cfg(feature = "blocking")]
pub(crate) use network::{AnyDriver, connect};
pub(crate) use socket::{Socket, look_up, poll_connected};

/// The token of wake-ups; sockets have those below.
const WAKE: Token = Token(usize::MAX);

/// How many events are taken at a time.
const EVENTS: usize = 256;

/// Waits until there is something to do. It belongs to one thread; its wakers to any.
#[derive(Debug)]
pub(crate) struct Reactor {
    poll: Poll,
    events: Events,
    alarm: Arc<Alarm>,
    #[cfg(feature = "blocking")]
    readiness: Arc<Readiness>,
}

impl Reactor {
    pub(crate) fn new() -> io::Result<Self> {
        let poll = Poll::new()?;
        let alarm = Alarm {
            waker: mio::Waker::new(poll.registry(), WAKE)?,
            rings: AtomicBool::new(false),
            asleep: AtomicBool::new(false),
        };
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS),
            alarm: Arc::new(alarm),
            #[cfg(feature = "blocking")]
            readiness: Arc::new(Readiness::unknown()),
        })
    }

    /// Where sockets are registered.
    pub(crate) fn registry(&self) -> &Registry {
        self.poll.registry()
    }

    /// Which sockets were ready when it last slept, and [`WAKE`].
    #[cfg(feature = "event-loop")]
    pub(crate) fn events(&self) -> &Events {
        &self.events
    }

    /// What it has been told of the socket, for a reactor that has one at a time.
    #[cfg(feature = "blocking")]
    fn readiness(&self) -> Arc<Readiness> {
        Arc::clone(&self.readiness)
    }

    /// Wakes it, from any thread.
    pub(crate) fn waker(&self) -> Waker {
        Waker::from(Arc::clone(&self.alarm))
    }

    /// Forgets that it was woken: whoever asks looks after everything now.
    #[cfg(feature = "blocking")]
    pub(crate) fn silence(&self) {
        self.alarm.rings.store(false, Ordering::SeqCst);
    }

    /// Whether it was woken, and has neither slept nor been silenced since.
    #[cfg(feature = "blocking")]
    pub(crate) fn rings(&self) -> bool {
        self.alarm.rings.load(Ordering::SeqCst)
    }

    /// Sleeps until a socket is ready, the deadline has come, or it is woken; at once if it was since it last slept.
    pub(crate) fn sleep(&mut self, deadline: Option<Instant>) -> io::Result<()> {
        self.alarm.asleep.store(true, Ordering::SeqCst);
        let limit = if self.alarm.rings.load(Ordering::SeqCst) {
            Some(std::time::Duration::ZERO)
        } else {
            deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
        };
        let slept = self.poll.poll(&mut self.events, limit);
        self.alarm.asleep.store(false, Ordering::SeqCst);
        self.alarm.rings.store(false, Ordering::SeqCst);
        #[cfg(feature = "blocking")]
        self.events
            .iter()
            .filter(|event| event.token() != WAKE)
            .for_each(|event| self.readiness.note_event(event));
        match slept {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            slept => slept,
        }
    }
}

/// Wakes the thread, with a system call only when it sleeps.
#[derive(Debug)]
struct Alarm {
    waker: mio::Waker,
    rings: AtomicBool,
    asleep: AtomicBool,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Either the sleeper sees that it rings before it sleeps, or this sees that it sleeps.
        if !self.rings.swap(true, Ordering::SeqCst) && self.asleep.load(Ordering::SeqCst) {
            // It cannot fail but where the thread and its sleep are gone.
            let _ = self.waker.wake();
        }
    }
}
