//! Why a call has no reply, and what is refused before it is sent.

use amqp_protocol::TooLong;
use amqp_protocol::method::Arguments;
use amqp_protocol::table::TableError;

use super::channel::ChannelError;
use super::connection::ConnectionError;
use super::peer::Close;
use crate::dialect::Protocol;
use crate::methods::basic;

/// Why a call has no reply.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The channel ended before the reply came, perhaps because of this very call.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// No reply came within `call_timeout`. The server may yet carry out the call.
    #[error("no reply to {method} in time")]
    TimedOut {
        /// The method without a reply.
        method: &'static str,
    },
    /// An argument does not fit its field. Nothing was sent.
    #[error("{argument}: {error}")]
    InvalidArgument {
        /// Which argument.
        argument: &'static str,
        /// Why it does not fit.
        error: TableError,
    },
    /// The method does not fit into one frame. Nothing was sent.
    #[error("{method} does not fit into a frame: {error}")]
    FrameTooLarge {
        /// The method.
        method: &'static str,
        /// By how much.
        error: TooLong,
    },
    /// A later delivery's [`ack_multiple`](crate::Delivery::ack_multiple) or one of its like has settled this one, or
    /// basic.recover has. Nothing was sent.
    #[error("the delivery has been settled together with a later one")]
    AlreadySettled,
    /// It would cost the connection. Nothing was sent.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The revision of the protocol that the connection speaks has no such method, or not with these arguments. Nothing was
    /// sent.
    #[error("AMQP {protocol} has no {}", lacked(method))]
    Unsupported {
        /// The method.
        method: &'static str,
        /// What the connection speaks.
        protocol: Protocol,
    },
    /// [`Connection::shutdown`](crate::Connection::shutdown) has begun: no consumer starts, no message is fetched and no
    /// channel opens any more. Nothing was sent.
    #[error("the connection is shutting down")]
    ShuttingDown,
    /// The channel has a consumer of this tag, or one that is still being cancelled, such as a dropped consumer: await
    /// [`cancel`](crate::Consumer::cancel) and the tag is free. Nothing was sent.
    #[error(
        "the channel has a consumer of this tag, or one that is still being cancelled (a dropped consumer): await `cancel`"
    )]
    DuplicateConsumerTag,
    /// The method cannot be sent this way: it is the server's, carries content, or is the library's own to send.
    /// Nothing was sent.
    #[error("{method} cannot be sent this way")]
    NotSendable {
        /// The method.
        method: &'static str,
    },
}

impl CallError {
    /// What the server said, when it was the server that closed the channel or its connection;
    /// [`explain`](Close::explain) tells what it means.
    pub fn closed_by_server(&self) -> Option<&Close> {
        match self {
            Self::Channel(error) => error.closed_by_server(),
            _ => None,
        }
    }
}

impl From<ConnectionError> for CallError {
    fn from(error: ConnectionError) -> Self {
        Self::Channel(ChannelError::Connection(error))
    }
}

/// What a revision lacks when it cannot say this method. It may have the method: what its basic.consume lacks is a table.
fn lacked(method: &'static str) -> &'static str {
    match method {
        basic::Consume::NAME => "arguments of basic.consume",
        method => method,
    }
}

/// What the protocol allows and RabbitMQ closes the whole connection for (540), and what a request is therefore not sent for.
/// [`Channel::call`](crate::Channel::call) and [`Channel::send`](crate::Channel::send) send it, for servers that know better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// channel.flow that asks the server to stop delivering.
    #[error("the server cannot stop delivering (channel.flow): use basic.qos")]
    FlowInactive,
    /// basic.recover to the consumers that had the messages before.
    #[error("the server can only requeue (basic.recover)")]
    RecoverWithoutRequeue,
    /// basic.qos with a limit in octets.
    #[error("the server has no prefetch in octets (basic.qos): use prefetch_count")]
    PrefetchSize,
    /// basic.publish that wants a consumer who takes the message at once.
    #[error("the server does not deliver at once (basic.publish, immediate): use a time to live of 0")]
    Immediate,
    /// basic.reject or basic.nack of a message from a stream.
    #[error("a message from a stream can only be acked")]
    StreamDelivery,
}
