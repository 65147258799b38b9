//! Requests of class queue: declare, bind, unbind, purge, delete.

use std::time::Duration;

use crate::methods::queue;

use super::Request;
use super::arguments::{
    DeadLetterStrategy, Overflow, QueueLeaderLocator, QueueMode, QueueType, Seconds, XMatch,
};
use crate::handle::channel::Channel;
use crate::handle::style::Style;

/// In all of these but declare the empty queue name means the queue that was declared last on the channel: the server
/// remembers it, and refuses with 404 where there is none. Tasks that share a channel had better use names.
impl<S: Style> Channel<S> {
    /// Begins queue.declare. With an empty name the server chooses one, which is in its reply. A queue that is there must
    /// have the same settings and arguments.
    ///
    /// Options: `passive`, `durable`, `exclusive`, `auto_delete`, [`argument`](Request::argument), and RabbitMQ's arguments
    /// from [`queue_type`](Request::queue_type) to [`max_age`](Request::max_age).
    ///
    /// ```no_run
    /// # async fn example(channel: amqp_client::Channel) -> Result<(), amqp_client::CallError> {
    /// use std::time::Duration;
    /// use amqp_client::QueueType;
    ///
    /// channel
    ///     .queue_declare("orders")
    ///     .durable()
    ///     .queue_type(QueueType::Quorum)
    ///     .message_ttl(Duration::from_secs(3600))
    ///     .argument("x-delivery-limit", 5)
    ///     .await?;
    /// let replies = channel.queue_declare("").exclusive().await?.queue;
    /// # Ok(())
    /// # }
    /// ```
    pub fn queue_declare<'a>(&'a self, queue: name!('a)) -> Request<'a, Self, queue::Declare<'a>> {
        let mut request = Request::new(self, queue::Declare::default());
        request.method.queue = request.keep("queue", queue);
        request
    }

    /// Begins queue.bind. A fanout or headers exchange takes no notice of the routing key. When queue and routing key are
    /// both empty, RabbitMQ takes the name of the queue declared last for both.
    ///
    /// Options: `x_match`, [`argument`](Request::argument).
    ///
    /// ```no_run
    /// # async fn example(channel: amqp_client::Channel) -> Result<(), amqp_client::CallError> {
    /// channel.queue_bind("orders", "events", "order.*").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn queue_bind<'a>(
        &'a self,
        queue: name!('a),
        exchange: name!('a),
        routing_key: name!('a),
    ) -> Request<'a, Self, queue::Bind<'a>> {
        let mut request = Request::new(self, queue::Bind::default());
        request.method.queue = request.keep("queue", queue);
        request.method.exchange = request.keep("exchange", exchange);
        request.method.routing_key = request.keep("routing_key", routing_key);
        request
    }

    /// Begins queue.unbind. It removes the binding of these names, this routing key and these arguments.
    ///
    /// Options: `x_match`, [`argument`](Request::argument).
    ///
    /// ```no_run
    /// # async fn example(channel: amqp_client::Channel) -> Result<(), amqp_client::CallError> {
    /// channel.queue_unbind("orders", "events", "order.*").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn queue_unbind<'a>(
        &'a self,
        queue: name!('a),
        exchange: name!('a),
        routing_key: name!('a),
    ) -> Request<'a, Self, queue::Unbind<'a>> {
        let mut request = Request::new(self, queue::Unbind::default());
        request.method.queue = request.keep("queue", queue);
        request.method.exchange = request.keep("exchange", exchange);
        request.method.routing_key = request.keep("routing_key", routing_key);
        request
    }

    /// Begins queue.purge, which drops the messages that nobody holds; the reply counts them.
    ///
    /// ```no_run
    /// # async fn example(channel: amqp_client::Channel) -> Result<(), amqp_client::CallError> {
    /// let dropped = channel.queue_purge("orders").await?.message_count;
    /// # Ok(())
    /// # }
    /// ```
    pub fn queue_purge<'a>(&'a self, queue: name!('a)) -> Request<'a, Self, queue::Purge<'a>> {
        let mut request = Request::new(self, queue::Purge::default());
        request.method.queue = request.keep("queue", queue);
        request
    }

    /// Begins queue.delete; the reply counts the messages that went with it. RabbitMQ takes it well when there is no such
    /// queue.
    ///
    /// Options: `if_unused`, [`if_empty`](Request::if_empty).
    ///
    /// ```no_run
    /// # async fn example(channel: amqp_client::Channel) -> Result<(), amqp_client::CallError> {
    /// channel.queue_delete("orders").if_empty().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn queue_delete<'a>(&'a self, queue: name!('a)) -> Request<'a, Self, queue::Delete<'a>> {
        let mut request = Request::new(self, queue::Delete::default());
        request.method.queue = request.keep("queue", queue);
        request
    }
}

/// Options of [`Channel::queue_declare`].
impl<'a, C> Request<'a, C, queue::Declare<'a>> {
    bits! {
        /// Only checks that the queue exists, and counts its messages and consumers: 404 closes the channel when it does
        /// not. All but its name is ignored.
        passive
        /// The queue survives a restart of the server.
        durable
        /// The queue is this connection's alone and ends with it.
        exclusive
        /// The queue is deleted when its last consumer is gone.
        auto_delete
    }
}

/// Options of [`Channel::queue_declare`]: RabbitMQ's arguments. Times go in whole milliseconds, rounded up. Which type of queue takes which is the server's to
/// say, with 406; some need a newer one than 3.10, as they say.
impl<'a, C> Request<'a, C, queue::Declare<'a>> {
    typed_arguments! {
        /// `x-queue-type`: classic unless the virtual host says otherwise.
        queue_type(QueueType) "x-queue-type"
        /// `x-message-ttl`: how long a message waits before it is dropped or dead-lettered. At most ten years.
        message_ttl(Duration) "x-message-ttl"
        /// `x-expires`: how long the queue stays when nobody uses it. Not zero; at most ten years.
        expires(Duration) "x-expires"
        /// `x-max-length`: the most messages that wait.
        max_length(u64) "x-max-length"
        /// `x-max-length-bytes`: the most octets of bodies that wait.
        max_length_bytes(u64) "x-max-length-bytes"
        /// `x-overflow`: what happens at the maximum length.
        overflow(Overflow) "x-overflow"
        /// `x-dead-letter-exchange`: where messages go that are rejected, expire or are pushed out.
        dead_letter_exchange(name) "x-dead-letter-exchange"
        /// `x-dead-letter-routing-key`: with which routing key, instead of their own.
        dead_letter_routing_key(name) "x-dead-letter-routing-key"
        /// `x-dead-letter-strategy`: how sure they are. Quorum queues.
        dead_letter_strategy(DeadLetterStrategy) "x-dead-letter-strategy"
        /// `x-max-priority`: makes a classic queue one of priorities from 0 to this; RabbitMQ advises at most 10.
        max_priority(u8) "x-max-priority"
        /// `x-single-active-consumer`: one consumer at a time gets messages, the others stand by.
        single_active_consumer() "x-single-active-consumer"
        /// `x-delivery-limit`: how often a quorum queue delivers a message again before it drops or dead-letters it.
        delivery_limit(u32) "x-delivery-limit"
        /// `x-queue-mode`: where a classic queue keeps messages.
        queue_mode(QueueMode) "x-queue-mode"
        /// `x-queue-version`: how a classic queue stores messages, 1 or 2.
        queue_version(u8) "x-queue-version"
        /// `x-queue-leader-locator`: where the leader is put.
        queue_leader_locator(QueueLeaderLocator) "x-queue-leader-locator"
        /// `x-quorum-initial-group-size`: how many nodes a quorum queue is put on.
        quorum_initial_group_size(u32) "x-quorum-initial-group-size"
        /// `x-initial-cluster-size`: how many nodes a stream is put on.
        initial_cluster_size(u32) "x-initial-cluster-size"
        /// `x-stream-max-segment-size-bytes`: the size of a stream's files; whole files are what its limits drop.
        stream_max_segment_size_bytes(u64) "x-stream-max-segment-size-bytes"
        /// `x-stream-filter-size-bytes`: the size of a stream's filters, 16 to 255. RabbitMQ 3.13 and newer.
        stream_filter_size_bytes(u8) "x-stream-filter-size-bytes"
        /// `x-consumer-timeout`: how long a delivery may stay unsettled. Quorum queues of RabbitMQ 3.12 and newer.
        consumer_timeout(Duration) "x-consumer-timeout"
    }

    /// `x-max-age`: how long a stream keeps messages, in whole seconds, rounded up.
    pub fn max_age(self, max_age: Duration) -> Self {
        self.typed("x-max-age", Seconds(max_age))
    }
}

/// Options of [`Channel::queue_bind`].
impl<'a, C> Request<'a, C, queue::Bind<'a>> {
    typed_arguments! {
        /// `x-match`: for a headers exchange, how many of the other arguments a message's headers must match.
        x_match(XMatch) "x-match"
    }
}

/// Options of [`Channel::queue_unbind`].
impl<'a, C> Request<'a, C, queue::Unbind<'a>> {
    typed_arguments! {
        /// `x-match`, as the binding has it.
        x_match(XMatch) "x-match"
    }
}

/// Options of [`Channel::queue_delete`].
impl<'a, C> Request<'a, C, queue::Delete<'a>> {
    bits! {
        /// Refuses when the queue has consumers. Quorum queues close the connection for it (540).
        if_unused
        /// Refuses when the queue has messages. Quorum queues close the connection for it (540).
        if_empty
    }
}
