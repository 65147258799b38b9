//! Why a message was not published, or may not have been.

use std::sync::Arc;

use amqp_protocol::TooLong;
use amqp_protocol::table::TableError;

use super::call::Refusal;
use super::channel::ChannelError;
use super::connection::ConnectionError;
use super::peer::Close;
use crate::sans_io::Returned;

/// Why a message was not published, or may not have been.
///
/// With [`Nacked`](Self::Nacked), [`Returned`](Self::Returned) and [`NotSent`](Self::NotSent) the server has certainly not
/// taken responsibility for it; with [`Unknown`](Self::Unknown) it may have: publishing it again can duplicate it. All
/// others come before anything is sent: [`is_unsent`](Self::is_unsent). [`Receipt`](crate::Receipt) has an example.
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

impl PublishError {
    /// Whether the server certainly never had the message, so that publishing it again, perhaps on another connection,
    /// duplicates nothing:
    ///
    /// | | |
    /// |---|---|
    /// | `Channel`, `NotSent` | true: again on another channel |
    /// | `Blocked`, `Flow`, `Committing`, `SendBufferFull`, `TooManyUnconfirmed` | true: again later |
    /// | `InvalidArgument`, `Refused`, `FrameTooLarge` | true, and it will be so again |
    /// | `Nacked`, `Returned` | false: the server had it, and some of several queues may have taken it before a nack |
    /// | `Unknown` | false: the server may have it |
    ///
    /// ```no_run
    /// # async fn example(channel: amqp_client::Channel) -> Result<(), amqp_client::PublishError> {
    /// match channel.basic_publish("", "orders", "one coffee").await {
    ///     Err(error) if error.is_unsent() => println!("kept for later: {error}"),
    ///     outcome => outcome?,
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_unsent(&self) -> bool {
        match self {
            Self::Channel(_)
            | Self::Blocked { .. }
            | Self::Flow
            | Self::Committing
            | Self::SendBufferFull
            | Self::TooManyUnconfirmed
            | Self::InvalidArgument { .. }
            | Self::Refused(_)
            | Self::FrameTooLarge(_)
            | Self::NotSent(_) => true,
            Self::Nacked | Self::Returned(_) | Self::Unknown(_) => false,
        }
    }

    /// What the server said, when it was the server that closed the channel or its connection;
    /// [`explain`](Close::explain) tells what it means.
    pub fn closed_by_server(&self) -> Option<&Close> {
        match self {
            Self::Channel(error) | Self::NotSent(error) | Self::Unknown(UnknownReason::Channel(error)) => {
                error.closed_by_server()
            }
            _ => None,
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Where each stands in the list below, and whether it is unsent. A new one stops the build here.
    fn expected(error: &PublishError) -> (usize, bool) {
        match error {
            PublishError::Channel(_) => (0, true),
            PublishError::Blocked { .. } => (1, true),
            PublishError::Flow => (2, true),
            PublishError::Committing => (3, true),
            PublishError::SendBufferFull => (4, true),
            PublishError::TooManyUnconfirmed => (5, true),
            PublishError::InvalidArgument { .. } => (6, true),
            PublishError::Refused(_) => (7, true),
            PublishError::FrameTooLarge(_) => (8, true),
            PublishError::NotSent(_) => (9, true),
            PublishError::Nacked => (10, false),
            PublishError::Unknown(_) => (11, false),
            // Only a server makes one.
            PublishError::Returned(_) => (12, false),
        }
    }

    #[test]
    fn every_error_says_whether_the_server_may_have_the_message() {
        let all = [
            ChannelError::Closed.into(),
            PublishError::Blocked { reason: "low".into() },
            PublishError::Flow,
            PublishError::Committing,
            PublishError::SendBufferFull,
            PublishError::TooManyUnconfirmed,
            PublishError::InvalidArgument {
                argument: "exchange",
                error: TooLong {
                    actual: 256,
                    limit: 255,
                }
                .into(),
            },
            Refusal::Immediate.into(),
            PublishError::FrameTooLarge(TooLong { actual: 9, limit: 8 }),
            PublishError::NotSent(ChannelError::Closed),
            PublishError::Nacked,
            PublishError::Unknown(UnknownReason::TimedOut),
        ];
        for (place, error) in all.iter().enumerate() {
            assert_eq!((place, error.is_unsent()), expected(error), "{error}");
        }
    }
}
