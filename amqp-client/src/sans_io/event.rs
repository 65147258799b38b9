//! What the core tells its owner, and the names of things in commands and events.

use std::fmt;
use std::sync::Arc;

#[cfg(feature = "tracing")]
use amqp_protocol::MethodId;
use amqp_protocol::method::{self, Arguments};
use amqp_protocol::{ChannelId, DecodeError, DeliveryTag, Reader, ShortStr};
use bytes::Bytes;

use super::content::Message;
use super::returns::Returned;
use crate::error::{CallError, ChannelError, ConnectionError, PublishError};

/// Names a command that one later event resolves. Never used twice on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub(super) u64);

/// Names a consumer. Never used twice on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConsumerId {
    pub(super) number: u64,
    /// Where it is kept.
    pub(super) slot: u32,
}

/// One opening of a channel. The server's number for it is used again after the channel is closed, a key never is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChannelKey {
    pub(super) id: ChannelId,
    pub(super) opening: u64,
}

impl ChannelKey {
    /// Channel 0, which is the connection's own and never opened.
    pub(crate) const CONNECTION: Self = Self {
        id: ChannelId(0),
        opening: 0,
    };

    /// The channel's number on the wire.
    pub fn id(self) -> ChannelId {
        self.id
    }
}

/// What a connection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum State {
    /// The protocol header is sent, connection.start has not come.
    AwaitingStart,
    /// connection.start-ok is sent, connection.tune has not come.
    AwaitingTune,
    /// connection.open is sent, connection.open-ok has not come.
    AwaitingOpenOk,
    /// Channels can be opened.
    Open,
    /// Everything is resolved; the last octets are on their way, or the server's connection.close-ok is.
    Closing,
    /// Nothing is left to send or to wait for: drop the transport.
    Closed,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AwaitingStart => "awaiting start",
            Self::AwaitingTune => "awaiting tune",
            Self::AwaitingOpenOk => "awaiting open-ok",
            Self::Open => "open",
            Self::Closing => "closing",
            Self::Closed => "closed",
        })
    }
}

/// Something that happened. Events own what they carry and come in the order in which things happened.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The connection's state changed. [`Connection::error`](super::Connection::error) tells why it closes.
    State(State),
    /// A request is over, such as that of [`open_channel`](super::Connection::open_channel),
    /// [`call`](super::Connection::call), [`consume`](super::Connection::consume) or
    /// [`update_secret`](super::Connection::update_secret). Abandoned requests have no such event.
    Resolved {
        /// Which request.
        request: RequestId,
        /// Its reply, or why there is none.
        outcome: Result<Reply, CallError>,
    },
    /// A request of [`wait_to_publish`](super::Connection::wait_to_publish) is over:
    /// [take the turn](super::Connection::take_turn), or give up.
    MayPublish {
        /// Which request.
        request: RequestId,
        /// Why publishing has become pointless, if it has.
        outcome: Result<(), PublishError>,
    },
    /// [`Connection::next_delivery`](super::Connection::next_delivery) has something new for this consumer.
    Readable(ConsumerId),
    /// The channel ended. Everything that waited on it was resolved before.
    ChannelEnded {
        /// Which channel.
        channel: ChannelKey,
        /// Why.
        reason: ChannelError,
    },
    /// A consumer ended by itself, of which [`next_delivery`](super::Connection::next_delivery) tells its owner: the server
    /// cancelled it, or it overflowed.
    ConsumerEnded {
        /// On which channel.
        channel: ChannelKey,
        /// The consumer's tag.
        consumer_tag: ShortStr<'static>,
        /// Why.
        reason: ConsumerEnd,
    },
    /// The server settled publishes of a channel in confirm mode, in its own words; some may have been settled before.
    Confirmed {
        /// Which channel.
        channel: ChannelKey,
        /// The number of a publish, as [`Connection::publish`](super::Connection::publish) gave it out.
        delivery_tag: DeliveryTag,
        /// Whether all earlier ones are meant too.
        multiple: bool,
        /// Whether the server took responsibility (basic.ack) or refused it (basic.nack).
        acknowledged: bool,
    },
    /// A publish whose outcome somebody awaits is settled:
    /// [`Connection::take_outcome`](super::Connection::take_outcome) tells how.
    OutcomeKnown {
        /// Which channel.
        channel: ChannelKey,
        /// The number of the publish.
        delivery_tag: DeliveryTag,
    },
    /// A request of [`wait_for_outcomes`](super::Connection::wait_for_outcomes) is over.
    OutcomesKnown {
        /// Which request.
        request: RequestId,
    },
    /// A mandatory message could not be routed, and its outcome is kept for nobody, or which publish it was is not known.
    Returned {
        /// Which channel it was published on.
        channel: ChannelKey,
        /// The message as the server sent it back.
        returned: Returned,
    },
    /// The server asked to stop publishing on a channel, or to go on.
    Flow {
        /// Which channel.
        channel: ChannelKey,
        /// Whether publishing may go on.
        active: bool,
    },
    /// The server blocks publishing on the whole connection.
    Blocked {
        /// Its reason, such as `low on memory`.
        reason: Arc<str>,
    },
    /// The server unblocked publishing.
    Unblocked,
    /// Reading pauses, because consumers are behind; see [`wants_read`](super::Connection::wants_read).
    ReadingPaused,
    /// Reading goes on.
    ReadingResumed,
}

/// A reply as it was received, already validated.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The payload of the method frame.
    pub(super) octets: Bytes,
    pub(super) content: Option<Message>,
    /// Whether the content must be settled.
    pub(super) unsettled: bool,
}

impl Reply {
    /// Decodes the reply as `R`, copying what it borrows.
    ///
    /// # Errors
    ///
    /// When the request had another type of reply.
    pub fn decode<R: method::Reply>(&self) -> Result<R, DecodeError> {
        let mut reader = Reader::new(&self.octets);
        let id = reader.method_id("reply")?;
        R::decode_reply(id, &mut reader)
    }

    /// The message behind a basic.get-ok, which this takes away.
    pub fn take_content(&mut self) -> Option<Message> {
        self.content.take()
    }

    /// Which method it is.
    #[cfg(feature = "tracing")]
    pub(crate) fn method(&self) -> Option<MethodId> {
        Reader::new(&self.octets).method_id("reply").ok()
    }

    /// Whether it is the method `M`.
    pub fn is<M: Arguments>(&self) -> bool {
        Reader::new(&self.octets).method_id("reply") == Ok(M::ID)
    }
}

/// Why a consumer ended.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ConsumerEnd {
    /// This client cancelled it.
    #[error("the consumer was cancelled by this client")]
    Cancelled,
    /// The server cancelled it: its queue was deleted, or the node that holds the queue went down.
    #[error("the consumer was cancelled by the server")]
    CancelledByServer,
    /// It was so far behind, while reading had to go on, that the connection held four times its `receive_buffer` or
    /// `receive_buffer_messages`, most of it for this consumer. It was cancelled, and what it had not handed out requeued;
    /// without acknowledgements that is lost, and the channel was closed.
    #[error("the consumer was too far behind")]
    Overflow,
    /// [`Connection::shutdown`](crate::Connection::shutdown) cancelled it.
    #[error("the connection is shutting down")]
    Shutdown,
    /// Its channel ended.
    #[error(transparent)]
    Channel(#[from] ChannelError),
}

impl ConsumerEnd {
    /// Whether this client ended it: cancelled it, shut the connection down, or closed channel or connection. For a program
    /// that does so when it is asked to stop, this end is no error.
    ///
    /// ```no_run
    /// # async fn example(mut consumer: amqp_client::Consumer) -> Result<(), Box<dyn std::error::Error>> {
    /// use amqp_client::ConsumerError;
    ///
    /// while let Some(delivery) = consumer.next().await {
    ///     match delivery {
    ///         Ok(delivery) => delivery.ack().await?,
    ///         Err(ConsumerError::Ended(end)) if end.is_wanted() => break,
    ///         Err(error) => return Err(error.into()),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_wanted(&self) -> bool {
        match self {
            Self::Cancelled | Self::Shutdown => true,
            Self::CancelledByServer | Self::Overflow => false,
            Self::Channel(error) => matches!(
                error,
                ChannelError::Closed | ChannelError::Connection(ConnectionError::Closed)
            ),
        }
    }
}

impl From<ConnectionError> for ConsumerEnd {
    fn from(error: ConnectionError) -> Self {
        Self::Channel(ChannelError::Connection(error))
    }
}
