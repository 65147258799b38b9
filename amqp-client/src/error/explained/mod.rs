//! What RabbitMQ's reply texts mean, as data. How they are read stands in `reading`, what to do about them in `advice`.

use std::time::Duration;

use super::peer::Close;

mod advice;
mod reading;
#[cfg(test)]
mod tests;

/// What a server's close means, as far as its text is one of RabbitMQ's. Prints what happened and what to do about it.
///
/// The protocol has a number for the reason, and the rest is prose: this is read from the prose of RabbitMQ 3.10, which
/// other versions may word in another way and other servers do not know. What cannot be read, or in two
/// ways because of what stands in a name, is [`Other`](Self::Other). The server's own words stay in
/// [`reply_text`](Close::reply_text).
///
/// ```no_run
/// # async fn example(channel: amqp_client::Channel) -> Result<(), amqp_client::CallError> {
/// use amqp_client::explained::Explanation;
///
/// if let Err(error) = channel.queue_declare("orders").durable().await {
///     match error.closed_by_server().map(amqp_client::Close::explain) {
///         Some(Explanation::InequivalentArgument { argument, current, .. }) => {
///             println!("orders has {argument} {current}, and we do not");
///         }
///         // queue "orders" in virtual host "/" is another connection's alone: wait until that is closed, ...
///         Some(explanation) => println!("{explanation}"),
///         None => return Err(error),
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Explanation<'a> {
    /// 406: it exists, and was declared with another value of an argument.
    InequivalentArgument {
        /// The argument's name: one of the method, such as `durable`, or of its table, such as `x-message-ttl`.
        argument: &'a str,
        /// What exists.
        entity: Entity<'a>,
        /// What this declaration says.
        received: ArgumentValue<'a>,
        /// What the first declaration said.
        current: ArgumentValue<'a>,
    },
    /// 406: an argument of a declaration or a consumer has a wrong type or value.
    InvalidArgument {
        /// The argument's name.
        argument: &'a str,
        /// What was to be declared, or consumed from.
        entity: Entity<'a>,
        /// What is wrong, in the server's words.
        reason: &'a str,
    },
    /// 406: queues of this type do not have the argument.
    UnsupportedArgument {
        /// The argument's name.
        argument: &'a str,
        /// The queue that was to be declared, or consumed from.
        entity: Entity<'a>,
        /// The server's name of the type, such as `rabbit_quorum_queue`.
        queue_type: &'a str,
    },
    /// 406: quorum queues and streams cannot be this.
    UnsupportedProperty {
        /// `non-durable`, `auto-delete` or `exclusive-owner`.
        property: &'a str,
        /// The queue that was to be declared.
        entity: Entity<'a>,
    },
    /// 406: queues of this type have no name from the server.
    ServerNamedQueue {
        /// The server's name of the type, such as `rabbit_quorum_queue`.
        queue_type: &'a str,
    },
    /// 406: the virtual host has as many queues as it may.
    QueueLimit {
        /// The queue that was to be declared.
        queue: &'a str,
        /// The virtual host.
        virtual_host: &'a str,
        /// How many it may have.
        limit: u64,
    },
    /// 406: a delivery was settled twice, on another channel than its own, or without being one.
    UnknownDeliveryTag {
        /// The delivery tag.
        delivery_tag: u64,
    },
    /// 406: it was to be deleted only if it is unused, and has consumers or bindings.
    InUse {
        /// What was to be deleted.
        entity: Entity<'a>,
    },
    /// 406: it was to be deleted only if it is empty, and has messages.
    NotEmpty {
        /// What was to be deleted.
        entity: Entity<'a>,
    },
    /// 406: a delivery stayed unsettled for longer than the server's `consumer_timeout`. All that was unsettled on the
    /// channel is requeued. Which delivery it was, the server does not say.
    AcknowledgementTimedOut {
        /// The server's limit, if it says which.
        timeout: Option<Duration>,
    },
    /// 406: the body is larger than the server takes.
    MessageTooLarge {
        /// The body's size in octets.
        size: u64,
        /// The largest in octets.
        max_size: u64,
    },
    /// 406: a message's property `user_id` is not the user of the connection.
    WrongUserId {
        /// The property.
        claimed: &'a str,
        /// The user.
        user: &'a str,
    },
    /// 406: a message's property `expiration` is not a number of milliseconds in decimal digits.
    InvalidExpiration {
        /// The property.
        expiration: &'a str,
    },
    /// 406: a stream delivers only to consumers that have a prefetch count.
    PrefetchNotSet {
        /// The stream.
        entity: Entity<'a>,
    },
    /// 406: tx.commit or tx.rollback on a channel without transactions.
    NotTransactional,
    /// 406: a channel has publisher confirms or transactions, and not both.
    ConfirmsAndTransactions,
    /// 406: a message asks for its reply in `amq.rabbitmq.reply-to`, and this channel has no consumer there.
    NoReplyConsumer,
    /// 406: a consumer of `amq.rabbitmq.reply-to` must be one without acknowledgements.
    ReplyConsumerAcknowledges,
    /// 406: the channel has a consumer of `amq.rabbitmq.reply-to` already.
    ReplyConsumerExists,
    /// 403: the user has no such permission.
    AccessRefused {
        /// What was wanted, if the server says so: 3.10 does not, and [`Close::method`] tells.
        permission: Option<Permission>,
        /// What is not the user's. The default exchange is called `amq.default` here.
        entity: Entity<'a>,
        /// The user.
        user: &'a str,
    },
    /// 403: the user may use the exchange, and not with this routing key.
    TopicRefused {
        /// What was wanted, if the server says so.
        permission: Option<Permission>,
        /// The routing key.
        topic: &'a str,
        /// The exchange's name.
        exchange: &'a str,
        /// The virtual host.
        virtual_host: &'a str,
        /// The user.
        user: &'a str,
    },
    /// 403: user or secret are wrong; which, the server does not say.
    LoginRefused {
        /// The SASL mechanism.
        mechanism: &'a str,
    },
    /// 403: names that begin with `amq.` are the server's.
    ReservedName {
        /// Whether a queue or an exchange was to be declared.
        kind: EntityKind,
        /// The name.
        name: &'a str,
    },
    /// 403: the default exchange cannot be declared, bound, unbound or deleted.
    DefaultExchange,
    /// 403: exchanges of the server's cannot be deleted.
    SystemExchange {
        /// The exchange.
        entity: Entity<'a>,
    },
    /// 403: internal exchanges get messages from exchanges alone.
    InternalExchange {
        /// The exchange.
        entity: Entity<'a>,
    },
    /// 403: the queue has an exclusive consumer, or this one was to be exclusive and there are others.
    ExclusiveConsumer {
        /// The queue.
        entity: Entity<'a>,
    },
    /// 404: it does not exist.
    NotFound {
        /// What was named.
        entity: Entity<'a>,
    },
    /// 404: the last declared queue was meant, by an empty name, and the channel has declared none.
    NoLastQueue,
    /// 404: there is a queue, and nobody to serve it: its node is down, or it has crashed or is changing its place.
    QueueUnavailable {
        /// The queue.
        entity: Entity<'a>,
    },
    /// 405: the queue is another connection's, exclusively, or it is not exclusive and was declared to be.
    Locked {
        /// The queue.
        entity: Entity<'a>,
    },
    /// 405 or 540: queues of this type do not do this.
    UnsupportedByQueue {
        /// What was asked, in the server's words: `basic.get`, `basic.nack and basic.reject`,
        /// `automatic acknowledgement`, `queue.purge`, `global qos`, `if-unused` or `if-empty`.
        operation: &'a str,
        /// The queue.
        entity: Entity<'a>,
    },
    /// 540: the server does not do this for anybody.
    Unsupported {
        /// What was asked, such as `immediate=true`.
        what: &'a str,
    },
    /// 503, and 406 of newer servers: no such exchange type, perhaps for lack of a plugin.
    UnknownExchangeType {
        /// The type.
        exchange_type: &'a str,
    },
    /// 501: a name is not UTF-8.
    NotUtf8,
    /// 501, 502, 503, 504 or 505: the server does not follow what it got. The fault is this client's, or somebody's who
    /// changed octets on the way.
    ProtocolError {
        /// What is wrong, in the server's words.
        reason: &'a str,
    },
    /// 530: the connection has a consumer of this tag on that channel.
    ConsumerTagInUse {
        /// The tag.
        consumer_tag: &'a str,
    },
    /// 530: there is no such virtual host.
    VirtualHostNotFound {
        /// The virtual host.
        virtual_host: &'a str,
    },
    /// 530: the virtual host is not this user's.
    VirtualHostRefused {
        /// The virtual host.
        virtual_host: &'a str,
        /// The user.
        user: &'a str,
    },
    /// 530: the virtual host has as many connections as it may.
    VirtualHostLimit {
        /// The virtual host.
        virtual_host: &'a str,
        /// How many it may have.
        limit: u64,
    },
    /// 530: the user has as many connections as it may.
    UserConnectionLimit {
        /// The user.
        user: &'a str,
        /// How many it may have.
        limit: u64,
    },
    /// 530: the user has as many channels as it may.
    UserChannelLimit {
        /// The user.
        user: &'a str,
        /// How many it may have, over all its connections.
        limit: u64,
    },
    /// 541, and 320 for those connected: the virtual host is there and does not run.
    VirtualHostDown {
        /// The virtual host.
        virtual_host: &'a str,
    },
    /// 320: the virtual host was deleted.
    VirtualHostDeleted {
        /// The virtual host.
        virtual_host: &'a str,
    },
    /// 320: the user was deleted.
    UserDeleted {
        /// The user.
        user: &'a str,
    },
    /// 320: the server shuts down.
    ServerShutdown,
    /// 320: an operator ended the connection, or the server of its own accord.
    ClosedByOperator {
        /// Why, in the operator's words.
        reason: &'a str,
    },
    /// Something else. [`Close`] has all that is known.
    Other,
}

/// A queue or an exchange, as RabbitMQ names it in its texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Entity<'a> {
    /// Which of the two.
    pub kind: EntityKind,
    /// Its name.
    pub name: &'a str,
    /// The virtual host that it belongs to.
    pub virtual_host: &'a str,
}

/// What RabbitMQ gives permissions on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EntityKind {
    /// A queue, which a stream is too.
    Queue,
    /// An exchange.
    Exchange,
}

impl EntityKind {
    const ALL: [Self; 2] = [Self::Queue, Self::Exchange];

    /// As RabbitMQ writes it.
    fn word(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Exchange => "exchange",
        }
    }
}

/// What RabbitMQ lets a user do with queues and exchanges of some names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Permission {
    /// Declare and delete.
    Configure,
    /// Publish to an exchange; bind a queue.
    Write,
    /// Consume from a queue; bind to an exchange.
    Read,
}

/// One side of a comparison of arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ArgumentValue<'a> {
    /// The argument is not set.
    None,
    /// It is set.
    Set {
        /// Its value as the server prints it, lists and tables as Erlang terms.
        value: &'a str,
        /// Its type as the server calls it, such as `signedint` or `longstr`; none for an argument of the method itself.
        type_name: Option<&'a str>,
    },
    /// The text was cut before its end, which RabbitMQ does at 255 octets, or can be read in several ways.
    Unknown,
}

impl Close {
    /// What the server means, if it is RabbitMQ and says so in words that are known. Nothing is stored for it: the text is
    /// read at each call.
    pub fn explain(&self) -> Explanation<'_> {
        reading::explain(self.reply_code, self.words())
    }
}
