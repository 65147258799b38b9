//! basic.consume through the request builder, and the future that starts a consumer. What a consumer then does is
//! `consumer`'s.

use std::future::{Future, pending};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::methods::basic;
use amqp_protocol::FieldTable;
use amqp_protocol::method::Arguments;
use amqp_protocol::table::{FieldValue, TableError};

use super::channel::Channel;
use super::consumer::Consumer;
use super::request::arguments::{HasArguments, StreamOffset};
use super::request::{Begin, Detached, Request};
use super::style::{Async, Style};
use super::waiting::RoundTrip;
use crate::error::CallError;
use crate::sans_io::Connection;

/// A consumer to start. Made by [`Channel::basic_consume`].
#[derive(Debug, Clone, Default)]
pub struct Consume<'a> {
    pub(super) method: basic::Consume<'a>,
    prefetch_count: Option<u16>,
}

impl<'a> HasArguments<'a> for Consume<'a> {
    fn arguments(&mut self) -> &mut FieldTable<'a> {
        &mut self.method.arguments
    }
}

impl<S: Style> Channel<S> {
    /// Begins basic.consume of a queue, which gives a [`Consumer`]. The empty name is the queue declared last on the channel.
    ///
    /// Options: [`prefetch_count`](Request::prefetch_count), [`consumer_tag`](Request::consumer_tag), `no_ack`, `exclusive`,
    /// [`no_local`](Request::no_local), `priority`, [`argument`](Request::argument), those of streams, such as
    /// [`stream_offset`](Request::stream_offset), and
    /// [`cancel_on_ha_failover`](Request::cancel_on_ha_failover).
    ///
    /// ```no_run
    /// # async fn example(channel: amqp_client::Channel) -> Result<(), amqp_client::CallError> {
    /// use amqp_client::StreamOffset;
    ///
    /// let orders = channel.basic_consume("orders").prefetch_count(20).priority(5).await?;
    /// let log = channel.basic_consume("log").stream_offset(StreamOffset::First).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn basic_consume<'a>(&'a self, queue: name!('a)) -> Request<'a, Self, Consume<'a>> {
        let mut request = Request::new(self, Consume::default());
        request.method.method.queue = request.keep("queue", queue);
        request
    }
}

/// Options of [`Channel::basic_consume`].
impl<'a, C> Request<'a, C, Consume<'a>> {
    /// The consumer's tag, which no other consumer of the channel may have; the library chooses one otherwise. A dropped
    /// consumer has its tag until the server has cancelled it: to use the tag again, await
    /// [`cancel`](super::Consumer::cancel) instead.
    pub fn consumer_tag(mut self, consumer_tag: name!('a)) -> Self {
        let consumer_tag = self.keep("consumer_tag", consumer_tag);
        self.set(|consume| consume.method.consumer_tag = consumer_tag)
    }

    /// Deliveries count as settled when they are sent. Nothing limits how many come, and what a program did not handle is
    /// lost with it. A stream refuses it with the end of the connection (540).
    pub fn no_ack(self) -> Self {
        self.set(|consume| consume.method.no_ack = true)
    }

    /// Nobody else may consume from the queue.
    pub fn exclusive(self) -> Self {
        self.set(|consume| consume.method.exclusive = true)
    }

    /// How many unsettled deliveries the consumer may hold; 0 is no limit. Sent as basic.qos before the consumer starts,
    /// and in force for later consumers of the channel too. Unless it is given, a basic.qos of the channel holds, or else
    /// the configured `prefetch_count`.
    ///
    /// While a reply is awaited, all that the server sends before it is read, and waits here: `prefetch_count` times the size
    /// of a body, over all consumers of the connection, must stay below four times
    /// [`receive_buffer`](field@crate::Config::receive_buffer), 256 MiB by default, and `prefetch_count` itself below four
    /// times [`receive_buffer_messages`](field@crate::Config::receive_buffer_messages), 65,536, or a consumer that is behind
    /// may end with [`Overflow`](crate::ConsumerEnd::Overflow).
    ///
    /// A large prefetch, or none, makes giving back expensive: a consumer that is dropped gives back what it holds one by one,
    /// for which a classic queue of RabbitMQ 3.10 takes time that grows with the square of their number
    /// ([measured](crate::guide::tuning#prefetch)).
    pub fn prefetch_count(self, prefetch_count: u16) -> Self {
        self.set(|consume| consume.prefetch_count = Some(prefetch_count))
    }

    /// What this connection publishes is not delivered to it. RabbitMQ takes no notice.
    pub fn no_local(self) -> Self {
        self.set(|consume| consume.method.no_local = true)
    }

    typed_arguments! {
        /// `x-priority`: consumers of a higher one get messages first, while they have room. 0 unless it is given.
        priority(i32) "x-priority"
        /// `x-stream-offset`: where to begin reading a stream.
        stream_offset(StreamOffset) "x-stream-offset"
        /// `x-stream-match-unfiltered`: with a filter, messages without a filter value come too. RabbitMQ 3.13 and newer.
        stream_match_unfiltered() "x-stream-match-unfiltered"
        /// `x-cancel-on-ha-failover`: the server cancels it when the leader of a mirrored queue fails. RabbitMQ before 4.0.
        cancel_on_ha_failover() "x-cancel-on-ha-failover"
    }

    /// `x-stream-filter`: chunks of the stream without any of these filter values are left out; messages of other values
    /// may still come. RabbitMQ 3.13 and newer.
    pub fn stream_filter<'v>(
        mut self,
        values: impl IntoIterator<Item: TryInto<FieldValue<'v>, Error: Into<TableError>>>,
    ) -> Self {
        let values = self.keep_array("x-stream-filter", values);
        self.argument("x-stream-filter", values)
    }
}

impl<'a, S: Style> Begin for Request<'a, Channel<S>, Consume<'a>> {
    type Output = Result<Consumer<S>, CallError>;
    type Future = StartConsumer<'a, S>;

    fn begin(self) -> StartConsumer<'a, S> {
        let (channel, consume) = self.finish();
        StartConsumer {
            channel,
            round_trip: RoundTrip::new(&channel.handle, basic::Consume::<'_>::NAME, consume),
            consumer: None,
        }
    }

    fn detach(begun: StartConsumer<'a, S>) -> Detached<Self::Output> {
        let (sent, consumer) = (begun.round_trip.into_sent(), begun.consumer);
        Box::pin(async {
            // Of a request that is sent there is one. Dropped with its request, it leaves nothing behind.
            let Some(mut consumer) = consumer else {
                return pending().await;
            };
            consumer.started(&sent.reply().await?)?;
            Ok(consumer)
        })
    }
}

/// Starts a consumer: basic.consume is sent at the first poll.
///
/// Dropping it before the first poll sends nothing; later it cancels the consumer, and requeues what came for it.
#[derive(Debug)]
#[must_use = "a consumer is only started when it is awaited"]
pub struct StartConsumer<'a, S = Async> {
    channel: &'a Channel<S>,
    round_trip: RoundTrip<'a, Consume<'a>>,
    /// Once it is asked for.
    consumer: Option<Consumer<S>>,
}

// Nothing in it is pinned.
impl<S> Unpin for StartConsumer<'_, S> {}

#[cfg(feature = "event-loop")]
impl<S: Style> StartConsumer<'_, S> {
    /// Leaves a waker to be woken for each delivery. To be called when it was polled.
    pub(crate) fn watch(&self, cx: &Context<'_>) {
        if let Some(consumer) = &self.consumer {
            consumer.watch(cx);
        }
    }
}

impl<S: Style> Future for StartConsumer<'_, S> {
    type Output = Result<Consumer<S>, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self {
            channel,
            round_trip,
            consumer,
        } = &mut *self;
        let send = |core: &mut Connection, now, key, consume: Consume<'_>| {
            let source = channel.handle.source(&consume.method.queue);
            let (id, request) = core.consume(now, key, consume.method, consume.prefetch_count)?;
            *consumer = Some(Consumer::new((*channel).clone(), id, source));
            Ok(request)
        };
        let reply = ready!(round_trip.poll(cx, send))?;
        let Some(mut consumer) = consumer.take() else {
            return Poll::Pending;
        };
        consumer.started(&reply)?;
        Poll::Ready(Ok(consumer))
    }
}
