//! The core behind its lock, and the wakers of those who wait for it. Wakers run after the lock is released.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use amqp_protocol::DeliveryTag;

use super::events::{ConnectionEvent, Subscribers, of_core};
use super::returns::Subscriptions;
use super::waiting::{Replied, Turn, Waiting, set_waker};
use crate::config::Config;
use crate::driver::Clock;
use crate::error::ConnectionError;
use crate::propagation::Propagator;
use crate::sans_io::{ChannelKey, Connection, ConsumerEnd, ConsumerId, Event, Message, State};
use crate::trace::Labels;

/// A connection as its handles and its driver share it.
#[derive(Debug)]
pub(crate) struct Shared {
    inner: Mutex<Inner>,
    /// What is the same all the time, and read without the lock.
    pub(crate) labels: Arc<Labels>,
    pub(crate) propagator: Option<Arc<dyn Propagator>>,
}

/// What the lock guards.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(super) clock: Clock,
    pub(crate) core: Connection,
    pub(super) replies: Waiting<Replied>,
    pub(super) turns: Waiting<Turn>,
    /// Messages published since a publisher last let others go first.
    pub(super) in_a_row: u32,
    /// Tasks that wait for the outcome of a publish.
    pub(super) receipts: HashMap<(ChannelKey, DeliveryTag), Option<Waker>>,
    pub(super) returns: Subscriptions,
    /// Tasks that found nothing to consume.
    pub(super) consumers: BTreeMap<ConsumerId, Waker>,
    /// Whether whoever waits for deliveries, events or returned messages is woken for each, not only for the first: see
    /// [`Inner::wake_for_each`].
    wakes_for_each: bool,
    /// Tasks that wait for another state of the connection, in the order of their [`Watch`]es.
    watchers: BTreeMap<u64, Waker>,
    next_watch: u64,
    pub(super) subscribers: Subscribers,
    driver: Option<Asleep>,
    /// To be woken when the lock is released.
    pub(super) woken: Vec<Waker>,
}

/// What a sleeping driver waits for, beside the transport.
#[derive(Debug)]
pub(crate) struct Asleep {
    pub(crate) waker: Waker,
    /// When it wakes by itself.
    pub(crate) timeout: Option<Instant>,
    /// Whether it waits for octets to come.
    pub(crate) reads: bool,
    /// Whether it waits until the transport takes octets, and can do nothing about further ones.
    pub(crate) writes: bool,
}

/// Whether a driver sleeps.
pub(crate) enum Sleep {
    /// It does, and has to look at the clock then, unless it is woken before.
    Until(Option<Instant>),
    Not,
}

impl Shared {
    pub(crate) fn new(config: Config, clock: Clock) -> Self {
        let (labels, propagator) = (Arc::new(Labels::new(&config)), config.propagator.clone());
        let inner = Inner {
            core: Connection::new(config, clock.now()),
            clock,
            replies: Waiting::default(),
            turns: Waiting::default(),
            in_a_row: 0,
            receipts: HashMap::new(),
            returns: Subscriptions::default(),
            consumers: BTreeMap::new(),
            wakes_for_each: false,
            watchers: BTreeMap::new(),
            next_watch: 0,
            subscribers: Subscribers::default(),
            driver: None,
            woken: Vec::new(),
        };
        Self {
            inner: Mutex::new(inner),
            labels,
            propagator,
        }
    }

    /// Runs `f` under the lock, hands out the events that it caused, and wakes whom they concern.
    #[inline(always)]
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut Inner) -> R) -> R {
        // Nothing under the lock panics; a poisoned lock could only come from an allocation that failed.
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let result = f(&mut inner);
        // Mostly there is nothing to tell, and nobody.
        if inner.core.has_events() || !inner.woken.is_empty() || inner.driver_is_due() {
            tell(inner);
        }
        result
    }
}

#[inline(never)]
fn tell(mut inner: MutexGuard<'_, Inner>) {
    inner.hand_out_events();
    let driver = if inner.driver_is_due() {
        inner.driver.take()
    } else {
        None
    };
    let woken = std::mem::take(&mut inner.woken);
    drop(inner);
    if let Some(driver) = driver {
        driver.waker.wake();
    }
    woken.into_iter().for_each(Waker::wake);
}

/// Waits until the connection has reached a state. Dropped before, it leaves nothing behind.
#[derive(Debug)]
pub(super) struct Watch<'a, F> {
    shared: &'a Shared,
    reached: F,
    number: Option<u64>,
}

impl<'a, F: Fn(State) -> bool> Watch<'a, F> {
    pub(super) fn new(shared: &'a Shared, reached: F) -> Self {
        Self {
            shared,
            reached,
            number: None,
        }
    }
}

// Nothing in it is pinned.
impl<F> Unpin for Watch<'_, F> {}

impl<F: Fn(State) -> bool> Future for Watch<'_, F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.shared.with(|inner| {
            if (this.reached)(inner.core.state()) {
                return Poll::Ready(());
            }
            let number = *this.number.get_or_insert_with(|| {
                inner.next_watch += 1;
                inner.next_watch
            });
            let mut waker = inner.watchers.remove(&number);
            inner.woken.extend(set_waker(&mut waker, cx));
            inner.watchers.extend(waker.map(|waker| (number, waker)));
            Poll::Pending
        })
    }
}

impl<F> Drop for Watch<'_, F> {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.shared
                .with(|inner| inner.woken.extend(inner.watchers.remove(&number)));
        }
    }
}

impl Inner {
    /// The time by the transport's clock.
    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    fn hand_out_events(&mut self) {
        while let Some(event) = self.core.poll_event() {
            if let Event::State(_) = event {
                // Whoever waits for a state is told before those who listen to everything.
                self.woken
                    .extend(std::mem::take(&mut self.watchers).into_values());
            }
            if !self.subscribers.is_empty() {
                self.tell_subscribers(&event);
            }
            match event {
                Event::Resolved { request, outcome } => {
                    self.woken.extend(self.replies.finish(request, outcome));
                }
                Event::MayPublish { request, outcome } => {
                    self.woken.extend(self.turns.finish(request, outcome));
                }
                Event::Readable(consumer) => self.woken.extend(if self.wakes_for_each {
                    self.consumers.get(&consumer).cloned()
                } else {
                    self.consumers.remove(&consumer)
                }),
                Event::OutcomeKnown {
                    channel,
                    delivery_tag,
                } => self
                    .woken
                    .extend(self.receipts.remove(&(channel, delivery_tag)).flatten()),
                Event::OutcomesKnown { request } => self.woken.extend(self.turns.finish(request, Ok(()))),
                Event::Returned { channel, returned } => {
                    let woken = self.returns.push(channel, &returned, self.wakes_for_each);
                    self.woken.extend(woken);
                }
                Event::ChannelEnded { channel, .. } => self.woken.extend(self.returns.end(channel)),
                // Their state is asked for where it matters.
                Event::State(_)
                | Event::Confirmed { .. }
                | Event::ConsumerEnded { .. }
                | Event::Flow { .. }
                | Event::Blocked { .. }
                | Event::Unblocked
                | Event::ReadingPaused
                | Event::ReadingResumed => {}
            }
        }
    }

    fn tell_subscribers(&mut self, event: &Event) {
        let event = match event {
            Event::State(State::Closed) => Some(self.closed_event()),
            event => of_core(event),
        };
        if let Some(event) = event {
            self.woken
                .extend(self.subscribers.tell(&event, self.wakes_for_each));
        }
    }

    /// From here on whoever waits for deliveries, events or returned messages is woken as often as there is one, in the order
    /// of all that the connection wakes for; a waker stays until what it waits for has ended. For one who takes one thing for
    /// each wake-up.
    #[cfg(feature = "event-loop")]
    pub(crate) fn wake_for_each(&mut self) {
        self.wakes_for_each = true;
        self.core.announce_each_delivery();
    }

    /// The last event of a connection, which has a reason then.
    pub(super) fn closed_event(&self) -> ConnectionEvent {
        let error = self.core.error().cloned();
        ConnectionEvent::Closed(error.unwrap_or(ConnectionError::Closed))
    }

    /// Takes what a consumer may hand out next, and tells whether it is settled from the start, or why the consumer ended.
    pub(super) fn poll_consumer(
        &mut self,
        cx: &Context<'_>,
        consumer: ConsumerId,
        taken: &mut VecDeque<Message>,
    ) -> Poll<Result<bool, ConsumerEnd>> {
        if let Some(next) = self.core.take_deliveries(consumer, taken) {
            if self.wakes_for_each && next.is_err() {
                // A waker of ours, which may be dropped here, and must not be woken for nothing.
                self.consumers.remove(&consumer);
            }
            return Poll::Ready(next);
        }
        let mut waker = self.consumers.remove(&consumer);
        self.woken.extend(set_waker(&mut waker, cx));
        self.consumers.extend(waker.map(|waker| (consumer, waker)));
        Poll::Pending
    }

    pub(super) fn drop_consumer(&mut self, consumer: ConsumerId) {
        self.woken.extend(self.consumers.remove(&consumer));
        self.core.drop_consumer(consumer);
    }

    /// Puts the driver to sleep, unless there is something that it should do first.
    pub(crate) fn sleep(&mut self, mut asleep: Asleep) -> Sleep {
        let timeouts = [self.core.next_timeout(), asleep.timeout];
        asleep.timeout = timeouts.into_iter().flatten().min();
        let timeout = asleep.timeout;
        self.driver = Some(asleep);
        if self.driver_is_due() {
            self.driver = None;
            return Sleep::Not;
        }
        Sleep::Until(timeout)
    }

    /// The driver runs; gives back what it slept with, if nobody woke it.
    pub(crate) fn is_awake(&mut self) -> Option<Asleep> {
        self.driver.take()
    }

    /// Whether the driver sleeps and has something to do.
    #[inline]
    fn driver_is_due(&self) -> bool {
        self.driver.as_ref().is_some_and(|asleep| {
            let core = &self.core;
            (!asleep.writes && core.wants_write())
                || (!asleep.reads && core.wants_read())
                || core.state() == State::Closed
                || core.is_sooner_than(asleep.timeout)
        })
    }
}
