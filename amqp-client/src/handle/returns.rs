//! Returned messages that belong to no receipt, as a stream for whoever asks. Which do is the core's to say.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;

use super::channel::Channel;
use super::shared::Shared;
use super::style::{Async, Style};
use super::waiting::set_waker;
use crate::sans_io::{ChannelKey, Returned};

/// What waits for one reader at most: so many messages, and so many octets. The oldest gives way.
const MOST_MESSAGES: usize = 1000;
const MOST_OCTETS: u64 = 16 << 20;

/// The returned messages of a channel that belong to no [`Receipt`](super::Receipt). Made by [`Channel::returns`].
///
/// ```no_run
/// # async fn example(channel: amqp_client::Channel) -> Result<(), Box<dyn std::error::Error>> {
/// let mut returns = channel.returns();
/// channel.basic_publish("", "no-such-queue", "one coffee").mandatory().await?;
/// while let Some(returned) = returns.next().await {
///     eprintln!("{returned}");
/// }
/// # Ok(())
/// # }
/// ```
///
/// A [`Stream`] that ends with the channel. It keeps 1,000 messages and 16 MiB of bodies for a reader that is behind; then
/// the oldest are lost, and [`missed`](Self::missed) says how many. Several of one channel get the same messages.
///
/// Dropping it loses what was not read.
#[derive(Debug)]
pub struct Returns<S = Async> {
    pub(crate) channel: Channel<S>,
    feed: Feed,
}

/// What a [`Returns`] reads; it does not keep the channel open.
#[derive(Debug)]
pub(crate) struct Feed {
    shared: Arc<Shared>,
    number: u64,
}

impl<S: Style> Channel<S> {
    /// Mandatory messages that the server returns from now on, but for those that end up in a
    /// [`Receipt`](super::Receipt).
    ///
    /// ```no_run
    /// # async fn example(channel: amqp_client::Channel) -> Result<(), amqp_client::PublishError> {
    /// let mut returns = channel.returns();
    /// channel.basic_publish("", "orders", "one coffee").mandatory().await?;
    /// if let Some(returned) = returns.next().await {
    ///     println!("no queue has it: {returned}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn returns(&self) -> Returns<S> {
        Returns::new(self.clone())
    }
}

impl<S: Style> Returns<S> {
    pub(super) fn new(channel: Channel<S>) -> Self {
        let feed = channel.returned();
        Self { channel, feed }
    }

    /// How many messages were lost since this was asked last.
    pub fn missed(&mut self) -> u64 {
        let number = self.feed.number;
        self.channel.with(|inner, _| inner.returns.take_missed(number))
    }

    pub(crate) fn poll_returned(&mut self, cx: &Context<'_>) -> Poll<Option<Returned>> {
        self.feed.poll(cx)
    }
}

impl<S> Channel<S> {
    pub(crate) fn returned(&self) -> Feed {
        let number = self.handle.with(|inner, key| {
            let ended = inner.core.channel_error(key).is_some();
            inner.returns.add(key, ended)
        });
        Feed {
            shared: Arc::clone(&self.handle.connection.shared),
            number,
        }
    }
}

impl Feed {
    pub(crate) fn poll(&mut self, cx: &Context<'_>) -> Poll<Option<Returned>> {
        self.shared.with(|inner| {
            let (next, old) = inner.returns.poll(self.number, cx);
            inner.woken.extend(old);
            next
        })
    }

    /// Leaves a waker to be woken for each message, and says how many there are already, the end of the channel included.
    #[cfg(feature = "event-loop")]
    pub(crate) fn watch(&self, cx: &Context<'_>) -> usize {
        self.shared.with(|inner| {
            let Some(subscription) = inner.returns.by_number.get_mut(&self.number) else {
                return 0;
            };
            inner.woken.extend(set_waker(&mut subscription.waker, cx));
            subscription.messages.len() + usize::from(subscription.ended)
        })
    }
}

#[cfg(feature = "event-loop")]
impl<S> Returns<S> {
    pub(crate) fn watch(&self, cx: &Context<'_>) -> usize {
        self.feed.watch(cx)
    }
}

impl Returns {
    /// The next returned message; `None` when the channel has ended.
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Returned> {
        poll_fn(|cx| self.poll_returned(cx)).await
    }
}

impl Stream for Returns {
    type Item = Returned;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Returned>> {
        self.poll_returned(cx)
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.shared.with(|inner| {
            let waker = inner.returns.remove(self.number);
            inner.woken.extend(waker);
        });
    }
}

/// All streams of a connection.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    by_number: BTreeMap<u64, Subscription>,
    next: u64,
}

#[derive(Debug)]
struct Subscription {
    channel: ChannelKey,
    messages: VecDeque<Returned>,
    octets: u64,
    missed: u64,
    ended: bool,
    waker: Option<Waker>,
}

impl Subscriptions {
    fn add(&mut self, channel: ChannelKey, ended: bool) -> u64 {
        self.next += 1;
        let subscription = Subscription {
            channel,
            messages: VecDeque::new(),
            octets: 0,
            missed: 0,
            ended,
            waker: None,
        };
        self.by_number.insert(self.next, subscription);
        self.next
    }

    fn remove(&mut self, number: u64) -> Option<Waker> {
        self.by_number.remove(&number)?.waker
    }

    fn take_missed(&mut self, number: u64) -> u64 {
        let subscription = self.by_number.get_mut(&number);
        subscription.map_or(0, |subscription| std::mem::take(&mut subscription.missed))
    }

    /// The next message, and a waker that is no longer needed.
    fn poll(&mut self, number: u64, cx: &Context<'_>) -> (Poll<Option<Returned>>, Option<Waker>) {
        let Some(subscription) = self.by_number.get_mut(&number) else {
            return (Poll::Ready(None), None);
        };
        if let Some(returned) = subscription.messages.pop_front() {
            subscription.octets -= returned.body().len() as u64;
            return (Poll::Ready(Some(returned)), None);
        }
        if subscription.ended {
            return (Poll::Ready(None), None);
        }
        (Poll::Pending, set_waker(&mut subscription.waker, cx))
    }

    /// Keeps a message for all who want those of its channel, and gives back whom to wake, `each` time or once.
    pub(super) fn push(&mut self, channel: ChannelKey, returned: &Returned, each: bool) -> Vec<Waker> {
        let of_channel = |subscription: &&mut Subscription| subscription.channel == channel;
        let push = |subscription: &mut Subscription| {
            subscription.octets += returned.body().len() as u64;
            subscription.messages.push_back(returned.clone());
            while subscription.messages.len() > MOST_MESSAGES || subscription.octets > MOST_OCTETS {
                let Some(oldest) = subscription.messages.pop_front() else {
                    break;
                };
                subscription.octets -= oldest.body().len() as u64;
                subscription.missed += 1;
            }
            if each {
                subscription.waker.clone()
            } else {
                subscription.waker.take()
            }
        };
        self.by_number
            .values_mut()
            .filter(of_channel)
            .filter_map(push)
            .collect()
    }

    /// The channel is over: nothing more will come.
    pub(super) fn end(&mut self, channel: ChannelKey) -> Vec<Waker> {
        let of_channel = |subscription: &&mut Subscription| subscription.channel == channel;
        let end = |subscription: &mut Subscription| {
            subscription.ended = true;
            subscription.waker.take()
        };
        self.by_number
            .values_mut()
            .filter(of_channel)
            .filter_map(end)
            .collect()
    }
}
