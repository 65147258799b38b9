//! The outcome of a publish, and of many. How publishes are settled is the core's.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use amqp_protocol::DeliveryTag;

use super::channel::Channel;
use super::shared::Inner;
use super::style::{Async, Style};
use super::waiting::set_waker;
use crate::error::PublishError;
use crate::sans_io::ChannelKey;
use crate::trace::Publishing;

/// What becomes of a published message: ready with `Ok` when the server has confirmed it, and with an error otherwise, also
/// when its channel or connection ends. It can be awaited anywhere, at any time; its channel stays open as long as it waits.
///
/// Dropping it changes nothing for the message:
/// [`Publisher::wait_for_all`](super::Publisher::wait_for_all) then reports a failure, and a returned message comes to [`Channel::returns`].
///
/// ```no_run
/// # async fn example(publisher: amqp_client::Publisher) -> Result<(), Box<dyn std::error::Error>> {
/// use amqp_client::PublishError;
///
/// match publisher.publish("", "orders", "one coffee").mandatory().await?.await {
///     Ok(()) => println!("all its queues have it"),
///     Err(PublishError::Nacked) => println!("a queue is full, and refuses"),
///     Err(PublishError::Returned(message)) => println!("no queue for {}", message.routing_key()),
///     Err(PublishError::NotSent(reason)) => println!("the server does not have it: {reason}"),
///     Err(PublishError::Unknown(reason)) => println!("the server may have it: {reason}"),
///     Err(error) => return Err(error.into()),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "whether the message arrived, only its receipt tells"]
pub struct Receipt<S = Async> {
    /// Until the outcome is known.
    channel: Option<Channel<S>>,
    delivery_tag: DeliveryTag,
    /// Whether a waker was left with the connection.
    polled: bool,
    trace: Publishing,
}

impl<S: Style> Receipt<S> {
    #[inline]
    pub(super) fn new(channel: Channel<S>, delivery_tag: DeliveryTag, trace: Publishing) -> Self {
        Self {
            channel: Some(channel),
            delivery_tag,
            polled: false,
            trace,
        }
    }

    /// The number of the publish on its channel: the first publish in confirm mode is 1.
    pub fn delivery_tag(&self) -> DeliveryTag {
        self.delivery_tag
    }
}

impl<S> Receipt<S> {
    /// Its style, until the outcome is known.
    #[cfg(any(feature = "blocking", feature = "event-loop"))]
    pub(crate) fn style(&self) -> Option<&S> {
        self.channel.as_ref().map(|channel| &channel.style)
    }

    pub(crate) fn poll_outcome(&mut self, cx: &Context<'_>) -> Poll<Result<(), PublishError>> {
        let delivery_tag = self.delivery_tag;
        let Some(channel) = &self.channel else {
            return Poll::Pending;
        };
        let outcome = channel
            .handle
            .with(|inner, key| inner.poll_outcome(cx, key, delivery_tag));
        self.polled = outcome.is_pending();
        let outcome = ready!(outcome);
        self.channel = None;
        self.trace.end(&outcome);
        Poll::Ready(outcome)
    }
}

impl Future for Receipt {
    type Output = Result<(), PublishError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_outcome(cx)
    }
}

impl<S> Drop for Receipt<S> {
    fn drop(&mut self) {
        if let Some(channel) = &self.channel {
            channel.handle.with(|inner, key| {
                if self.polled {
                    inner
                        .woken
                        .extend(inner.receipts.remove(&(key, self.delivery_tag)).flatten());
                }
                inner.core.release_outcome(key, self.delivery_tag);
            });
        }
    }
}

impl Inner {
    #[inline]
    fn poll_outcome(
        &mut self,
        cx: &Context<'_>,
        channel: ChannelKey,
        delivery_tag: DeliveryTag,
    ) -> Poll<Result<(), PublishError>> {
        // The event that there is one has taken the waker.
        if let Some(outcome) = self.core.take_outcome(channel, delivery_tag) {
            return Poll::Ready(outcome);
        }
        let waker = self.receipts.entry((channel, delivery_tag)).or_default();
        self.woken.extend(set_waker(waker, cx));
        Poll::Pending
    }
}

/// Receipts of many publishes: awaiting it waits for all of them, and tells which failed.
///
/// Dropping it drops the receipts.
///
/// ```no_run
/// # async fn example(publisher: amqp_client::Publisher) -> Result<(), Box<dyn std::error::Error>> {
/// use amqp_client::Receipts;
///
/// let orders = ["coffee", "tea"];
/// let mut receipts = Receipts::new();
/// for order in orders {
///     receipts.push(publisher.publish("", "orders", order).await?);
/// }
/// if let Err(error) = receipts.await {
///     for (index, error) in error.failures() {
///         eprintln!("{}: {error}", orders[*index]);
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "whether the messages arrived, only their receipts tell"]
pub struct Receipts<S = Async> {
    waiting: VecDeque<Receipt<S>>,
    /// How many are settled.
    settled: usize,
    failures: Vec<(usize, PublishError)>,
}

impl<S> Default for Receipts<S> {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            settled: 0,
            failures: Vec::new(),
        }
    }
}

impl<S> Receipts<S> {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one; its index is the number of those added before.
    pub fn push(&mut self, receipt: Receipt<S>) {
        self.waiting.push_back(receipt);
    }
}

impl<S> Extend<Receipt<S>> for Receipts<S> {
    fn extend<I: IntoIterator<Item = Receipt<S>>>(&mut self, receipts: I) {
        self.waiting.extend(receipts);
    }
}

impl<S> FromIterator<Receipt<S>> for Receipts<S> {
    fn from_iter<I: IntoIterator<Item = Receipt<S>>>(receipts: I) -> Self {
        Self {
            waiting: receipts.into_iter().collect(),
            ..Self::default()
        }
    }
}

impl Future for Receipts {
    type Output = Result<(), ReceiptsError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_outcomes(cx)
    }
}

impl<S> Receipts<S> {
    /// Their style, until all outcomes are known.
    #[cfg(feature = "blocking")]
    pub(crate) fn style(&self) -> Option<&S> {
        self.waiting.iter().find_map(Receipt::style)
    }

    pub(crate) fn poll_outcomes(&mut self, cx: &Context<'_>) -> Poll<Result<(), ReceiptsError>> {
        let this = self;
        // All must be settled, so one waker at a time will do.
        while let Some(receipt) = this.waiting.front_mut() {
            if let Err(error) = ready!(receipt.poll_outcome(cx)) {
                this.failures.push((this.settled, error));
            }
            this.waiting.pop_front();
            this.settled += 1;
        }
        if this.failures.is_empty() {
            return Poll::Ready(Ok(()));
        }
        Poll::Ready(Err(ReceiptsError {
            publishes: this.settled,
            failures: std::mem::take(&mut this.failures),
        }))
    }
}

/// Some of many publishes failed.
#[derive(Debug, Clone)]
pub struct ReceiptsError {
    publishes: usize,
    failures: Vec<(usize, PublishError)>,
}

impl ReceiptsError {
    /// Which receipts failed, by index, ascending, and how. There is at least one.
    pub fn failures(&self) -> &[(usize, PublishError)] {
        &self.failures
    }

    /// How many receipts there were.
    pub fn publishes(&self) -> usize {
        self.publishes
    }
}

impl fmt::Display for ReceiptsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} of {} publishes failed",
            self.failures.len(),
            self.publishes
        )?;
        match self.failures.first() {
            Some((index, error)) => write!(f, ", number {index} as the first: {error}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ReceiptsError {}
