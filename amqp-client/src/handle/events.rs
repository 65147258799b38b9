//! What happens to a connection, told to whoever subscribes. A subscriber that is behind misses events; it never holds
//! anybody up.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use amqp_protocol::{ChannelId, ShortStr};
use futures_core::Stream;

use super::shared::Shared;
use super::waiting::set_waker;
use crate::error::{ChannelError, ConnectionError};
use crate::sans_io::{ConsumerEnd, Event, State};

/// How many events are kept for a subscriber that does not take them.
const CAPACITY: usize = 256;

/// Something that happened to a connection.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ConnectionEvent {
    /// The connection's state changed, but for the end, which is [`Closed`](Self::Closed).
    State(State),
    /// The server blocks publishing on the connection (connection.blocked).
    Blocked {
        /// Its reason, such as `low on memory`.
        reason: Arc<str>,
    },
    /// Publishing may go on (connection.unblocked).
    Unblocked,
    /// The server stopped publishing on a channel, or lets it go on (channel.flow).
    Flow {
        /// Which channel.
        channel: ChannelId,
        /// Whether publishing may go on.
        active: bool,
    },
    /// Reading pauses, because consumers are behind by more than `receive_buffer` or `receive_buffer_messages`.
    ReadingPaused,
    /// Reading goes on.
    ReadingResumed,
    /// A channel ended, from either side. Those that end with the connection are not told one by one.
    ChannelEnded {
        /// Which channel.
        channel: ChannelId,
        /// Why.
        reason: ChannelError,
    },
    /// A consumer ended, and the reason is neither its owner, nor a shutdown, nor its channel's end.
    ConsumerEnded {
        /// On which channel.
        channel: ChannelId,
        /// The consumer's tag.
        consumer_tag: ShortStr<'static>,
        /// Why: the server cancelled it, or it overflowed.
        reason: ConsumerEnd,
    },
    /// So many events were dropped here, because 256 others waited to be taken.
    Missed(u64),
    /// The connection is over, and why. Nothing follows.
    Closed(ConnectionError),
}

/// The events of a connection from [`Connection::events`](super::Connection::events) on, in the order in which they
/// happened: a [`Stream`] that ends behind [`ConnectionEvent::Closed`].
///
/// At most 256 events wait to be taken; when there are more, the oldest are dropped and [`ConnectionEvent::Missed`] stands
/// in their place. It does not keep the connection open. Dropping it ends the subscription.
#[derive(Debug)]
pub struct Events {
    shared: Arc<Shared>,
    /// `None` when it has ended.
    number: Option<u64>,
}

impl Events {
    pub(crate) fn new(shared: &Arc<Shared>) -> Self {
        let number = shared.with(|inner| {
            let over = (inner.core.state() == State::Closed).then(|| inner.closed_event());
            inner.subscribers.add(over)
        });
        Self {
            shared: Arc::clone(shared),
            number: Some(number),
        }
    }

    /// The next event; `None` when the connection is over and that was told.
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<ConnectionEvent> {
        poll_fn(|cx| self.poll_event(cx)).await
    }

    /// The next event, if there is one.
    #[cfg(feature = "tracing")]
    pub(crate) fn take(&mut self, cx: &Context<'_>) -> Option<ConnectionEvent> {
        match self.poll_event(cx) {
            Poll::Ready(event) => event,
            Poll::Pending => None,
        }
    }

    fn poll_event(&mut self, cx: &Context<'_>) -> Poll<Option<ConnectionEvent>> {
        let Some(number) = self.number else {
            return Poll::Ready(None);
        };
        let event = self.shared.with(|inner| {
            let Some(subscriber) = inner.subscribers.0.get_mut(&number) else {
                return Poll::Ready(None);
            };
            match subscriber.take() {
                Some(event) => Poll::Ready(Some(event)),
                None => {
                    inner.woken.extend(set_waker(&mut subscriber.waker, cx));
                    Poll::Pending
                }
            }
        });
        if let Poll::Ready(Some(ConnectionEvent::Closed(_))) = &event {
            self.unsubscribe();
        }
        event
    }

    fn unsubscribe(&mut self) {
        if let Some(number) = self.number.take() {
            // Dropped behind the lock.
            let _subscriber = self.shared.with(|inner| inner.subscribers.0.remove(&number));
        }
    }
}

impl Stream for Events {
    type Item = ConnectionEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ConnectionEvent>> {
        self.poll_event(cx)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.unsubscribe();
    }
}

/// Everybody who subscribes, by an ascending number.
#[derive(Debug, Default)]
pub(super) struct Subscribers(BTreeMap<u64, Subscriber>);

#[derive(Debug, Default)]
struct Subscriber {
    waiting: VecDeque<ConnectionEvent>,
    /// Older than those that wait.
    missed: u64,
    waker: Option<Waker>,
}

impl Subscribers {
    fn add(&mut self, event: Option<ConnectionEvent>) -> u64 {
        let number = self.0.last_key_value().map_or(0, |(last, _)| last + 1);
        let waiting = event.into_iter().collect();
        let subscriber = Subscriber {
            waiting,
            ..Default::default()
        };
        self.0.insert(number, subscriber);
        number
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells everybody, and gives back whom to wake.
    pub(super) fn tell(&mut self, event: &ConnectionEvent) -> impl Iterator<Item = Waker> {
        self.0.values_mut().filter_map(|subscriber| {
            if subscriber.waiting.len() == CAPACITY {
                subscriber.waiting.pop_front();
                subscriber.missed += 1;
            }
            subscriber.waiting.push_back(event.clone());
            subscriber.waker.take()
        })
    }
}

impl Subscriber {
    fn take(&mut self) -> Option<ConnectionEvent> {
        match std::mem::take(&mut self.missed) {
            0 => self.waiting.pop_front(),
            missed => Some(ConnectionEvent::Missed(missed)),
        }
    }
}

/// What subscribers are told of an event of the core, if anything. The end is told apart, with its reason.
pub(super) fn of_core(event: &Event) -> Option<ConnectionEvent> {
    Some(match event {
        Event::State(State::Closed) => return None,
        Event::State(state) => ConnectionEvent::State(*state),
        Event::Blocked { reason } => ConnectionEvent::Blocked {
            reason: Arc::clone(reason),
        },
        Event::Unblocked => ConnectionEvent::Unblocked,
        Event::Flow { channel, active } => ConnectionEvent::Flow {
            channel: channel.id(),
            active: *active,
        },
        Event::ReadingPaused => ConnectionEvent::ReadingPaused,
        Event::ReadingResumed => ConnectionEvent::ReadingResumed,
        Event::ChannelEnded {
            reason: ChannelError::Connection(_),
            ..
        } => return None,
        Event::ChannelEnded { channel, reason } => ConnectionEvent::ChannelEnded {
            channel: channel.id(),
            reason: reason.clone(),
        },
        Event::ConsumerEnded {
            channel,
            consumer_tag,
            reason,
        } => ConnectionEvent::ConsumerEnded {
            channel: channel.id(),
            consumer_tag: consumer_tag.clone(),
            reason: reason.clone(),
        },
        Event::Resolved { .. }
        | Event::MayPublish { .. }
        | Event::Readable(_)
        | Event::Confirmed { .. }
        | Event::OutcomeKnown { .. }
        | Event::OutcomesKnown { .. }
        | Event::Returned { .. } => return None,
    })
}
