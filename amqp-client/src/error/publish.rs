//! Why a message was not published, or may not have been.

use std::sync::Arc;

use amqp_protocol::TooLong;
use amqp_protocol::table::TableError;

use super::call::Refusal;
use super::channel::ChannelError;
use super::connection::ConnectionError;
use crate::sans_io::Returned;

/// Why a message was not published, or may not have been.
///
/// With [`Nacked`](Self::Nacked), [`Returned`](Self::Returned) and [`NotSent`](Self::NotSent) the server has certainly not
/// taken responsibility for it; with [`Unknown`](Self::Unknown) it may have: publishing it again can duplicate it. All
/// others come before anything is sent. [`Receipt`](crate::Receipt) has an example.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The channel ended before the message was handed to it. Nothing was sent.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// The server blocks publishing on the connection (connection.blocked), and has for longer than `publish_timeout`,
    /// unless `held_back` says not to wait at all. Nothing was sent.
    #[error("the server blocks publishing: {reason}")]
    Blocked {
        /// The server's reason, such as `low on memory`.
        reason: Arc<str>,
    },
    /// The server stopped publishing on the channel (channel.flow); otherwise as [`Blocked`](Self::Blocked).
    #[error("the server stopped publishing on the channel")]
    Flow,
    /// tx.commit of the channel was not answered within `publish_timeout`. Nothing was sent.
    #[error("tx.commit was not answered in time")]
    Committing,
    /// The transport has not taken enough of what was published before within `publish_timeout`; see `send_buffer`.
    /// Nothing was sent.
    #[error("the transport took too little of what was published before")]
    SendBufferFull,
    /// As many publishes of the channel as [may](crate::Request::max_unconfirmed) were waiting for their confirms, and too few
    /// were settled within `publish_timeout`. Nothing was sent.
    #[error("too many publishes wait for their confirms")]
    TooManyUnconfirmed,
    /// An argument or a property does not fit its field. Nothing was sent.
    #[error("{argument}: {error}")]
    InvalidArgument {
        /// Which argument.
        argument: &'static str,
        /// Why it does not fit.
        error: TableError,
    },
    /// It would cost the connection. Nothing was sent.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The properties do not fit into one frame. Nothing was sent.
    #[error("the properties do not fit into a frame: {0}")]
    FrameTooLarge(TooLong),
    /// The server refused responsibility, with basic.nack: a queue is full and rejects, or failed.
    #[error("the server refused the message")]
    Nacked,
    /// The message was mandatory and could not be routed. It is in no queue.
    #[error("the server returned the message: {0}")]
    Returned(Box<Returned>),
    /// The channel ended before the transport had taken the whole message, which the server therefore does not have.
    #[error("the message was not sent: {0}")]
    NotSent(#[source] ChannelError),
    /// The message was sent, and whether the server took responsibility will not be known.
    #[error("whether the message was published is not known: {0}")]
    Unknown(#[source] UnknownReason),
}

/// Why the fate of a publish is not known.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum UnknownReason {
    /// The server did not settle it within `confirm_timeout`: so does a quorum queue that has lost its majority. The
    /// message may be stored later.
    #[error("no confirm came in time")]
    TimedOut,
    /// The channel ended before the server settled it.
    #[error(transparent)]
    Channel(#[from] ChannelError),
}

impl From<ConnectionError> for PublishError {
    fn from(error: ConnectionError) -> Self {
        Self::Channel(ChannelError::Connection(error))
    }
}
