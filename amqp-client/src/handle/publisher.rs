//! Publishing with confirms: confirm.select through the request builder, and the handle that it gives. What a publish
//! ends in is its receipt's.

use std::borrow::Borrow;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use crate::methods::confirm;
use amqp_protocol::DeliveryTag;
use amqp_protocol::method::Arguments;

use super::channel::{Channel, ChannelHandle};
use super::publish::{Admission, PERSISTENT, Publish};
use super::receipt::Receipt;
use super::request::{Begin, Detached, Request};
use super::style::{Async, Style};
use super::waiting::{RoundTrip, Turn};
use crate::error::{CallError, ChannelError, PublishError};
use crate::sans_io::{Body, ConfirmOptions};
use crate::trace::Publishing;

/// Confirm mode to be chosen. Made by [`Channel::confirm_select`].
#[derive(Debug, Clone, Copy, Default)]
pub struct ConfirmSelect {
    options: ConfirmOptions,
}

impl<S: Style> Channel<S> {
    /// Begins confirm.select, which gives a [`Publisher`]: from here on the server confirms what is published on this channel,
    /// and its publishes end in an outcome.
    ///
    /// The numbers of the publishes, and the limits on unsettled ones, are the channel's: publishers made by selecting
    /// again share them, and plain publishes on the channel count too. The options given last are in force:
    /// [`max_unconfirmed`](Request::max_unconfirmed), [`max_unconfirmed_octets`](Request::max_unconfirmed_octets),
    /// [`confirm_timeout`](Request::confirm_timeout), [`return_header`](Request::return_header).
    ///
    /// ```no_run
    /// # async fn example(channel: amqp_client::Channel) -> Result<(), Box<dyn std::error::Error>> {
    /// let publisher = channel.confirm_select().max_unconfirmed(1000).await?;
    /// publisher.publish("", "orders", "one coffee").await?.await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn confirm_select(&self) -> Request<'_, Self, ConfirmSelect> {
        Request::new(self, ConfirmSelect::default())
    }
}

/// Options of [`Channel::confirm_select`].
impl<C> Request<'_, C, ConfirmSelect> {
    /// How many publishes may be unsettled before the next one waits; at least one may. Default: 10,000.
    pub fn max_unconfirmed(self, publishes: usize) -> Self {
        self.set(|select| select.options.max_unconfirmed = publishes)
    }

    /// How many octets unsettled publishes may have, their frames included, before the next one waits. The publish that
    /// reaches the limit may exceed it. Default: 67,108,864.
    pub fn max_unconfirmed_octets(self, octets: u64) -> Self {
        self.set(|select| select.options.max_unconfirmed_octets = octets)
    }

    /// How long the server may take to settle a publish before its fate counts as unknown; [`Duration::MAX`] is for ever.
    /// The time begins with the first of those that leave in one write. Default: 60 seconds.
    pub fn confirm_timeout(self, time: Duration) -> Self {
        self.set(|select| select.options.confirm_timeout = time)
    }

    /// Mandatory publishes carry their number in the header `x-publish-number`, so that it is certain which of several
    /// messages with the same exchange, routing key, message-id, correlation-id and body was returned. Without it, it is
    /// taken to be the first.
    pub fn return_header(self) -> Self {
        self.set(|select| select.options.return_header = true)
    }
}

impl<'a, S: Style> Begin for Request<'a, Channel<S>, ConfirmSelect> {
    type Output = Result<Publisher<S>, CallError>;
    type Future = SelectConfirms<'a, S>;

    fn begin(self) -> SelectConfirms<'a, S> {
        let (channel, select) = self.finish();
        SelectConfirms {
            channel,
            round_trip: RoundTrip::new(&channel.handle, confirm::Select::NAME, select),
        }
    }

    fn detach(begun: SelectConfirms<'a, S>) -> Detached<Self::Output> {
        let (channel, sent) = (begun.channel.clone(), begun.round_trip.into_sent());
        Box::pin(async {
            sent.reply().await?;
            Ok(Publisher { channel })
        })
    }
}

/// Chooses confirm mode: confirm.select is sent at the first poll.
///
/// Dropping it before the first poll sends nothing; later it does not undo that: the channel is in confirm mode.
#[derive(Debug)]
#[must_use = "confirm mode is only chosen when it is awaited"]
pub struct SelectConfirms<'a, S = Async> {
    channel: &'a Channel<S>,
    round_trip: RoundTrip<'a, ConfirmSelect>,
}

// Nothing in it is pinned.
impl<S> Unpin for SelectConfirms<'_, S> {}

impl<S: Style> Future for SelectConfirms<'_, S> {
    type Output = Result<Publisher<S>, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(self.round_trip.poll(cx, |core, now, key, select| {
            core.confirm_select(now, key, select.options)
        }))?;
        Poll::Ready(Ok(Publisher {
            channel: self.channel.clone(),
        }))
    }
}

/// Publishes on a channel in confirm mode, so that each message has an outcome: a [`Receipt`] tells it. Made by
/// [`Channel::confirm_select`]. Clones publish on the same channel, each publish has its own number.
///
/// A message is confirmed when all queues that it was routed to have taken responsibility: on disk, for a persistent message
/// in a durable classic queue; on a majority of nodes, in a quorum queue. One that no queue is bound for is confirmed too,
/// unless it is [`mandatory`](Request::mandatory).
///
/// ```no_run
/// # async fn example(connection: amqp_client::Connection) -> Result<(), Box<dyn std::error::Error>> {
/// use amqp_client::Receipts;
///
/// let publisher = connection.open_channel().await?.confirm_select().await?;
/// // One message, and what became of it.
/// publisher.publish("", "orders", "one coffee").mandatory().await?.await?;
///
/// // Many, of which up to 10,000 are under way at a time.
/// let mut receipts = Receipts::new();
/// for number in 1..100_000 {
///     receipts.push(publisher.publish("", "orders", format!("coffee {number}")).await?);
/// }
/// receipts.await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Publisher<S = Async> {
    pub(super) channel: Channel<S>,
}

impl<S: Style> Publisher<S> {
    /// The channel it publishes on.
    pub fn channel(&self) -> &Channel<S> {
        &self.channel
    }

    /// Begins basic.publish to `exchange`, the empty name being the default exchange, which routes to the queue named
    /// `routing_key`. The message is persistent, unless it is made [`transient`](Request::transient) or given other
    /// [`properties`](Request::properties).
    ///
    /// It waits until the message may be queued: for the server, for the transport, and for less than
    /// [`max_unconfirmed`](Request::max_unconfirmed) publishes to be unsettled; at most `publish_timeout`. Then it gives a
    /// [`Receipt`], which waits for the outcome. Its options are those of [`Channel::basic_publish`].
    ///
    /// ```no_run
    /// # async fn example(publisher: amqp_client::Publisher) -> Result<(), Box<dyn std::error::Error>> {
    /// let receipt = publisher.publish("", "orders", "one coffee").content_type("text/plain").await?;
    /// receipt.await?;
    /// # Ok(())
    /// # }
    /// ```
    #[inline(always)]
    pub fn publish<'a>(
        &'a self,
        exchange: name!('a),
        routing_key: name!('a),
        body: impl Into<Body<'a>>,
    ) -> Request<'a, Self, Publish<'a>> {
        Publish::request(self, exchange, routing_key, body.into(), PERSISTENT)
    }

    /// How many publishes of the channel are not settled: neither confirmed nor failed.
    ///
    /// ```no_run
    /// # async fn example(publisher: amqp_client::Publisher) {
    /// println!("{} messages wait for their confirms", publisher.unconfirmed());
    /// # }
    /// ```
    pub fn unconfirmed(&self) -> usize {
        self.channel.with(|inner, key| inner.core.unconfirmed_on(key))
    }

    /// The same publisher in another style.
    #[cfg(any(feature = "blocking", feature = "event-loop"))]
    pub(crate) fn in_style<T: Style>(&self, style: T) -> Publisher<T> {
        Publisher {
            channel: self.channel.in_style(style),
        }
    }
}

impl Publisher {
    /// Waits until all publishes that the channel made before are settled.
    ///
    /// Dropping the future changes nothing.
    ///
    /// ```no_run
    /// # async fn example(publisher: amqp_client::Publisher) -> Result<(), Box<dyn std::error::Error>> {
    /// for number in 1..=1000 {
    ///     drop(publisher.publish("", "orders", format!("coffee {number}")).await?);
    /// }
    /// publisher.wait_for_all().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The first failure that no receipt reports, since this was last asked: of a plain publish on the channel, or one whose
    /// receipt was dropped. So a program that drops all its receipts still learns here whether something was lost.
    pub async fn wait_for_all(&self) -> Result<(), PublishError> {
        let request = self.channel.with(|inner, key| {
            let request = inner.core.wait_for_outcomes(Some(key));
            inner.register::<Turn>(request);
            request
        });
        self.channel.handle.wait::<Turn>(request).await?;
        self.channel
            .with(|inner, key| inner.core.take_failure(key))
            .map_or(Ok(()), Err)
    }
}

impl<'a, S: Style> Begin for Request<'a, Publisher<S>, Publish<'a>> {
    type Output = Result<Receipt<S>, PublishError>;
    type Future = PublishConfirmed<'a, S>;

    #[inline(always)]
    fn begin(self) -> PublishConfirmed<'a, S> {
        let channel = &self.caller.channel;
        PublishConfirmed {
            channel,
            admission: Admission::new(&channel.handle, self.method, self.fault),
        }
    }

    fn detach(begun: PublishConfirmed<'a, S>) -> Detached<Self::Output> {
        let (channel, mut admission) = (begun.channel.clone(), begun.admission.into_owned());
        Box::pin(async move {
            let outcome = poll_fn(|cx| admission.poll_confirmed(cx)).await;
            let (delivery_tag, trace) = outcome.map_err(|error| *error)?;
            Ok(Receipt::new(channel, delivery_tag, trace))
        })
    }
}

/// Publishes a message with an outcome: queued for the transport, and numbered, at the first poll at which the server, the
/// transport and the limits on unsettled publishes let it; one in 2,048 lets other tasks run first.
///
/// Dropping it before it is ready publishes nothing.
#[derive(Debug)]
#[must_use = "a message is only published when it is awaited"]
pub struct PublishConfirmed<'a, S = Async> {
    channel: &'a Channel<S>,
    admission: Admission<'a>,
}

// Nothing in it is pinned.
impl<S> Unpin for PublishConfirmed<'_, S> {}

impl<S: Style> Future for PublishConfirmed<'_, S> {
    type Output = Result<Receipt<S>, PublishError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (delivery_tag, trace) = ready!(self.admission.poll_confirmed(cx)).map_err(|error| *error)?;
        Poll::Ready(Ok(Receipt::new(self.channel.clone(), delivery_tag, trace)))
    }
}

impl<C: Borrow<Arc<ChannelHandle>>> Admission<'_, C> {
    /// Publishes the message as soon as it may be, and keeps its outcome under the number that this gives, with its span.
    pub(super) fn poll_confirmed(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(DeliveryTag, Publishing), Box<PublishError>>> {
        let published = ready!(self.poll(cx, true))?;
        // A publisher's channel is in confirm mode as long as it lives.
        let unknown = || Box::new(PublishError::Unknown(ChannelError::Closed.into()));
        let delivery_tag = published.delivery_tag.ok_or_else(unknown)?;
        let trace = self.take_trace();
        trace.numbered(delivery_tag);
        Poll::Ready(Ok((delivery_tag, trace)))
    }
}
