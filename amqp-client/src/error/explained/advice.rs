//! What an explanation prints: what happened, and what to do about it. Everything of the server's is escaped, as it may be
//! anything; names stand in double quotes.

use std::fmt;

use super::{ArgumentValue, Entity, EntityKind, Explanation, Permission};

impl fmt::Display for Explanation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InequivalentArgument {
                argument,
                entity,
                received,
                current,
            } => write!(
                f,
                "{entity} was declared with {} {current} before, and now with {received}: declare it as it is, or \
                 delete it first{}",
                argument.escape_debug(),
                by_policy(argument)
            ),
            Self::InvalidArgument {
                argument,
                entity,
                reason,
            } => write!(f, "{} cannot be so for {entity}: {reason:?}", argument.escape_debug()),
            Self::UnsupportedArgument {
                argument,
                entity,
                queue_type,
            } => write!(
                f,
                "{entity} would be a {}, which has no {}: leave it out, or choose another x-queue-type",
                queue_type.escape_debug(),
                argument.escape_debug()
            ),
            Self::UnsupportedProperty { property, entity } => write!(
                f,
                "{entity} cannot be {} as a quorum queue or stream: declare it durable and neither exclusive nor \
                 auto-delete, or of type classic",
                property.escape_debug()
            ),
            Self::ServerNamedQueue { queue_type } => {
                write!(
                    f,
                    "a {} needs a name of your own: only classic queues get one from the server",
                    queue_type.escape_debug()
                )
            }
            Self::QueueLimit {
                queue,
                virtual_host,
                limit,
            } => write!(
                f,
                "queue {queue:?} would be one more than the {limit} of virtual host {virtual_host:?}: delete queues, or raise \
                 its limit max-queues"
            ),
            Self::UnknownDeliveryTag { delivery_tag } => write!(
                f,
                "no delivery {delivery_tag} waits to be settled on this channel: settle each once, on the channel that it \
                 came on, and none of a consumer without acknowledgements"
            ),
            Self::InUse { entity } => match entity.kind {
                EntityKind::Queue => write!(f, "{entity} has consumers: cancel them, or delete it without if_unused"),
                EntityKind::Exchange => write!(f, "{entity} has bindings: unbind them, or delete it without if_unused"),
            },
            Self::NotEmpty { entity } => {
                write!(f, "{entity} has messages: consume or purge them, or delete it without if_empty")
            }
            Self::AcknowledgementTimedOut { timeout } => {
                f.write_str("a delivery was not settled in the time that the server allows")?;
                if let Some(timeout) = timeout {
                    write!(f, ", {timeout:?}")?;
                }
                f.write_str(
                    ": settle sooner, with a smaller prefetch count or shorter work, or raise the server's consumer_timeout",
                )
            }
            Self::MessageTooLarge { size, max_size } => write!(
                f,
                "a body of {size} octets is over the server's {max_size}: send it in parts, keep it elsewhere and send where, \
                 or raise the server's max_message_size"
            ),
            Self::WrongUserId { claimed, user } => write!(
                f,
                "the property user_id is {claimed:?}, and the connection's user is {user:?}: leave it out, or set it to the user"
            ),
            Self::InvalidExpiration { expiration } => write!(
                f,
                "the property expiration is {expiration:?}: it must be milliseconds in decimal digits, such as \"60000\""
            ),
            Self::PrefetchNotSet { entity } => {
                write!(f, "{entity} is a stream: set a prefetch count (basic.qos) before consuming from it")
            }
            Self::NotTransactional => f.write_str("the channel has no transactions: call tx.select first"),
            Self::ConfirmsAndTransactions => {
                f.write_str("a channel has publisher confirms or transactions: use one channel for each")
            }
            Self::NoReplyConsumer => f.write_str(
                "a reply is wanted in amq.rabbitmq.reply-to: consume from there first, on the channel that publishes the request",
            ),
            Self::ReplyConsumerAcknowledges => {
                f.write_str("replies in amq.rabbitmq.reply-to are not acknowledged: consume from there with no_ack")
            }
            Self::ReplyConsumerExists => f.write_str(
                "the channel consumes from amq.rabbitmq.reply-to already: share that consumer, or use another channel",
            ),
            Self::AccessRefused {
                permission,
                entity,
                user,
            } => write!(
                f,
                "user {user:?} may not {} {entity}: grant the permission (rabbitmqctl set_permissions), or connect as another user",
                verb(*permission)
            ),
            Self::TopicRefused {
                permission,
                topic,
                exchange,
                virtual_host,
                user,
            } => write!(
                f,
                "user {user:?} may not {} exchange {exchange:?} in virtual host {virtual_host:?} by routing key {topic:?}: \
                 grant the permission (rabbitmqctl set_topic_permissions), or use another routing key",
                verb(*permission)
            ),
            Self::LoginRefused { mechanism } => write!(
                f,
                "the server refused the login by {}: look at user and secret; its log says more. The user guest may \
                 only connect from the server's own machine, unless it is configured",
                mechanism.escape_debug()
            ),
            Self::ReservedName { kind, name } => write!(
                f,
                "{} {name:?} begins with amq., as only the server's own do: choose another name",
                kind.word()
            ),
            Self::DefaultExchange => f.write_str(
                "the default exchange has a binding to every queue and can have no others: declare an exchange of your own",
            ),
            Self::SystemExchange { entity } => write!(f, "{entity} is the server's own, and stays"),
            Self::InternalExchange { entity } => write!(
                f,
                "{entity} is internal: publish to an exchange that is bound to it"
            ),
            Self::ExclusiveConsumer { entity } => write!(
                f,
                "{entity} is consumed from exclusively, or this consumer wanted to be the only one and is not: wait until the \
                 others end, or use x-single-active-consumer for one at a time"
            ),
            Self::NotFound { entity } => write!(
                f,
                "there is no {entity}: declare it first, and look at the spelling and the virtual host; if it was \
                 auto-delete, exclusive or expires, it may be gone"
            ),
            Self::NoLastQueue => {
                f.write_str("an empty name means the queue that the channel declared last, and there is none: name it")
            }
            Self::QueueUnavailable { entity } => {
                write!(f, "{entity} is there, and nobody serves it: try again later; its node may be down")
            }
            Self::Locked { entity } => write!(
                f,
                "{entity} belongs to another connection alone, or is not exclusive and was declared to be: declare it as it \
                 is, wait until that connection is closed, or choose another name"
            ),
            Self::UnsupportedByQueue { operation, entity } => {
                write!(f, "{entity} is of a type that cannot do this: {}", operation.escape_debug())
            }
            Self::Unsupported { what } => write!(f, "the server does not do this: {what:?}"),
            Self::UnknownExchangeType { exchange_type } => write!(
                f,
                "the server has no exchange type {exchange_type:?}: look at the spelling, or enable the plugin that brings it"
            ),
            Self::NotUtf8 => f.write_str("names, routing keys and tags must be UTF-8 for this server"),
            Self::ProtocolError { reason } => write!(
                f,
                "the server does not follow what it got, {reason:?}: this is a fault of the client, or octets were changed on \
                 the way"
            ),
            Self::ConsumerTagInUse { consumer_tag } => write!(
                f,
                "the channel has a consumer {consumer_tag:?}: cancel it first, or leave the tag to the client"
            ),
            Self::VirtualHostNotFound { virtual_host } => write!(
                f,
                "there is no virtual host {virtual_host:?}: look at the spelling, or add it (rabbitmqctl add_vhost)"
            ),
            Self::VirtualHostRefused { virtual_host, user } => write!(
                f,
                "user {user:?} has no permissions in virtual host {virtual_host:?}: grant them (rabbitmqctl set_permissions -p)"
            ),
            Self::VirtualHostLimit { virtual_host, limit } => write!(
                f,
                "virtual host {virtual_host:?} has the {limit} connections that it may: close some, or raise its limit \
                 max-connections"
            ),
            Self::UserConnectionLimit { user, limit } => write!(
                f,
                "user {user:?} has the {limit} connections that it may: close some, or raise its limit max-connections"
            ),
            Self::UserChannelLimit { user, limit } => write!(
                f,
                "user {user:?} has the {limit} channels that it may: close some, or raise its limit max-channels"
            ),
            Self::VirtualHostDown { virtual_host } => write!(
                f,
                "virtual host {virtual_host:?} does not run: connect again later; an operator may have to restart it"
            ),
            Self::VirtualHostDeleted { virtual_host } => write!(f, "virtual host {virtual_host:?} was deleted"),
            Self::UserDeleted { user } => write!(f, "user {user:?} was deleted: connect as another one"),
            Self::ServerShutdown => f.write_str("the server shuts down: connect again, to another node if there is one"),
            Self::ClosedByOperator { reason } => {
                write!(f, "the server's side ended the connection, {reason:?}: connecting again may be fine")
            }
            Self::Other => f.write_str("the server's text says more than this client knows"),
        }
    }
}

impl fmt::Display for Entity<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, name) = (self.kind.word(), self.name);
        write!(f, "{kind} {name:?} in virtual host {:?}", self.virtual_host)
    }
}

impl fmt::Display for ArgumentValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Set {
                value,
                type_name: Some(type_name),
            } => write!(f, "{value:?} ({})", type_name.escape_debug()),
            Self::Set { value, .. } => write!(f, "{value:?}"),
            Self::Unknown => f.write_str("another value"),
        }
    }
}

/// What the user wanted to do.
fn verb(permission: Option<Permission>) -> &'static str {
    match permission {
        Some(Permission::Configure) => "configure",
        Some(Permission::Write) => "write to",
        Some(Permission::Read) => "read from",
        None => "do this with",
    }
}

/// The other way to set what stands in the table of arguments. What is a field of the method, such as `durable`, has none.
fn by_policy(argument: &str) -> &'static str {
    if argument.starts_with("x-") {
        "; limits can be set by a policy instead, which may change"
    } else {
        ""
    }
}
