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
use super::style::{Async, Style};
use super::waiting::set_waker;
use crate::error::{ChannelError, ConnectionError};
use crate::sans_io::{ChannelKey, ConsumerEnd, Event, State};

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
pub struct Events<S = Async> {
    #[cfg_attr(
        not(any(feature = "blocking", feature = "event-loop")),
        expect(dead_code, reason = "for waiting")
    )]
    pub(crate) style: S,
    shared: Arc<Shared>,
    /// `None` when it has ended.
    number: Option<Number>,
}

impl<S: Style> Events<S> {
    pub(crate) fn new(shared: &Arc<Shared>, style: S) -> Self {
        Self::of(shared, style, None)
    }

    /// Those of one channel, if one is given, and the end of the connection. What is over already is told at once.
    pub(super) fn of(shared: &Arc<Shared>, style: S, channel: Option<ChannelKey>) -> Self {
        let number = shared.with(|inner| {
            let over = if inner.core.state() == State::Closed {
                Some(inner.closed_event())
            } else {
                channel.and_then(|key| channel_ended(key.id(), inner.core.channel_error(key)?))
            };
            inner.subscribers.add(over, channel.map(|key| key.id()))
        });
        Self {
            style,
            shared: Arc::clone(shared),
            number: Some(number),
        }
    }
}

impl Events {
    /// The next event; `None` when the connection is over and that was told.
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<ConnectionEvent> {
        poll_fn(|cx| self.poll_event(cx)).await
    }
}

impl<S> Events<S> {
    /// The next event, if there is one.
    #[cfg(feature = "tracing")]
    pub(crate) fn take(&mut self, cx: &Context<'_>) -> Option<ConnectionEvent> {
        match self.poll_event(cx) {
            Poll::Ready(event) => event,
            Poll::Pending => None,
        }
    }

    pub(crate) fn poll_event(&mut self, cx: &Context<'_>) -> Poll<Option<ConnectionEvent>> {
        let Some(number) = self.number else {
            return Poll::Ready(None);
        };
        let event = self.shared.with(|inner| {
            let Some(subscriber) = inner.subscribers.by_number.get_mut(&number) else {
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

    /// Leaves a waker to be woken for each event, and says how many there are already.
    #[cfg(feature = "event-loop")]
    pub(crate) fn watch(&self, cx: &Context<'_>) -> usize {
        let Some(number) = self.number else { return 0 };
        self.shared.with(|inner| {
            let Some(subscriber) = inner.subscribers.by_number.get_mut(&number) else {
                return 0;
            };
            inner.woken.extend(set_waker(&mut subscriber.waker, cx));
            subscriber.waiting.len() + usize::from(subscriber.missed > 0)
        })
    }

    fn unsubscribe(&mut self) {
        if let Some(number) = self.number.take() {
            // Dropped behind the lock.
            let _subscriber = self
                .shared
                .with(|inner| inner.subscribers.by_number.remove(&number));
        }
    }
}

impl Stream for Events {
    type Item = ConnectionEvent;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<ConnectionEvent>> {
        self.poll_event(cx)
    }
}

impl<S> Drop for Events<S> {
    fn drop(&mut self) {
        self.unsubscribe();
    }
}

/// Everybody who subscribes.
#[derive(Debug, Default)]
pub(super) struct Subscribers {
    by_number: BTreeMap<Number, Subscriber>,
    next: u64,
}

/// Whether a subscriber wants more than the events of one channel, and an ascending number: who watches a channel is told of
/// the connection's end first.
type Number = (bool, u64);

#[derive(Debug, Default)]
struct Subscriber {
    /// Whose events it wants, if not everybody's.
    channel: Option<ChannelId>,
    waiting: VecDeque<ConnectionEvent>,
    /// Older than those that wait.
    missed: u64,
    waker: Option<Waker>,
}

impl Subscribers {
    fn add(&mut self, event: Option<ConnectionEvent>, channel: Option<ChannelId>) -> Number {
        self.next += 1;
        let number = (channel.is_none(), self.next);
        let waiting = event.into_iter().collect();
        let subscriber = Subscriber {
            channel,
            waiting,
            ..Default::default()
        };
        self.by_number.insert(number, subscriber);
        number
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_number.is_empty()
    }

    /// Tells everybody, and gives back whom to wake, `each` time or once.
    pub(super) fn tell(&mut self, event: &ConnectionEvent, each: bool) -> impl Iterator<Item = Waker> {
        let wants = |subscriber: &&mut Subscriber| {
            let channel = subscriber.channel;
            channel.is_none_or(|channel| event.concerns(channel))
        };
        self.by_number
            .values_mut()
            .filter(wants)
            .filter_map(move |subscriber| {
                if subscriber.waiting.len() == CAPACITY {
                    subscriber.waiting.pop_front();
                    subscriber.missed += 1;
                }
                subscriber.waiting.push_back(event.clone());
                if each {
                    subscriber.waker.clone()
                } else {
                    subscriber.waker.take()
                }
            })
    }
}

impl ConnectionEvent {
    /// Whether it is one of this channel, or ends it.
    fn concerns(&self, number: ChannelId) -> bool {
        match self {
            Self::Flow { channel, .. }
            | Self::ChannelEnded { channel, .. }
            | Self::ConsumerEnded { channel, .. } => *channel == number,
            Self::Closed(_) => true,
            _ => false,
        }
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

/// The end of a channel, unless its connection's is told in its place.
fn channel_ended(channel: ChannelId, reason: ChannelError) -> Option<ConnectionEvent> {
    let alone = !matches!(reason, ChannelError::Connection(_));
    alone.then_some(ConnectionEvent::ChannelEnded { channel, reason })
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
        Event::ChannelEnded { channel, reason } => return channel_ended(channel.id(), reason.clone()),
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
