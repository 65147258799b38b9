//! What can go wrong, sorted by whose fault it is: the server's, the caller's, the transport's. Nothing is retried here.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use amqp_protocol::table::TableError;
use amqp_protocol::v0_9_1::{Method, constants};
use amqp_protocol::{
    ChannelId, DecodeError, DecodeErrorKind, DeliveryTag, MethodId, ProtocolHeader, ReplyCode, TooLong,
};

use crate::sans_io::{Returned, State, Unfinished};
use crate::tls::TlsError;

/// Why a connection ended, or never opened. Once a connection has ended, everything on it fails with this same value.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// This client closed the connection, or dropped its last handle.
    #[error("the connection was closed by this client")]
    Closed,
    /// This client closed the connection, and the server did not answer within `close_timeout`.
    #[error("the server did not answer connection.close in time")]
    CloseTimedOut,
    /// The server sent connection.close. For [one of its codes](Self::is_connection_forced) nobody here is to blame.
    #[error("the server closed the connection: {0}")]
    ClosedByServer(Close),
    /// The server refused the credentials: with connection.close, or by ending the stream behind connection.start-ok,
    /// which some servers do instead. A stream that ends there for another reason looks the same.
    #[error("authentication refused: {}", reason(close))]
    AuthenticationRefused {
        /// What it said, if anything.
        close: Option<Close>,
    },
    /// The server refused the virtual host with connection.close: there is none of this name, or it is not this user's.
    #[error("virtual host refused: {0}")]
    VirtualHostRefused(Close),
    /// The server speaks another protocol version and said which.
    #[error("the server speaks {0}, not AMQP 0-9-1")]
    VersionRefused(ProtocolHeader),
    /// The server offers none of the SASL mechanisms of the credentials.
    #[error("the server offers the mechanisms {offered:?}, and none of {wanted:?}")]
    MechanismNotOffered {
        /// The mechanisms of the credentials, in their order, separated by spaces.
        wanted: String,
        /// The server's list, separated by spaces.
        offered: String,
    },
    /// A SASL mechanism had no response, or panicked before.
    #[error("SASL mechanism {mechanism}: {error}")]
    MechanismFailed {
        /// The mechanism's name.
        mechanism: String,
        /// What it said.
        error: Arc<dyn Error + Send + Sync>,
    },
    /// The response of a SASL mechanism, such as a long token, does not fit: before connection.tune a frame has at most
    /// 4,096 octets. Nothing of it was sent.
    #[error(
        "the response of SASL mechanism {mechanism} has {octets} octets, and {room} fit into a frame, which before tuning \
         has 4096 at most"
    )]
    ResponseTooLong {
        /// The mechanism's name.
        mechanism: String,
        /// The octets of the response.
        octets: usize,
        /// How many fit beside the other arguments, the client properties above all.
        room: usize,
    },
    /// The server sent challenge after challenge and would not come to an end.
    #[error("the server sent more than {limit} challenges")]
    TooManyChallenges {
        /// How many are answered.
        limit: u32,
    },
    /// The server proposed frames smaller than the 4,096 octets that the protocol demands.
    #[error("the server's frame_max {offered} is below 4096")]
    FrameMaxTooSmall {
        /// The octets that connection.tune proposed.
        offered: u32,
    },
    /// The server did not take the agreed `frame_max`, which the setting had made smaller than its offer: newer RabbitMQ
    /// wants 8,192 at least. Set `frame_max` to that, or to 0 for the server's own. Servers that only end the stream there
    /// are taken to mean this when the agreed size was below 8,192.
    #[error(
        "the server refused frame_max {frame_max}, set it to 8192 or more: {}",
        reason(close)
    )]
    FrameMaxRefused {
        /// The octets that connection.tune-ok agreed on.
        frame_max: u32,
        /// What the server said, if anything.
        close: Option<Close>,
    },
    /// A setting does not fit its field in the handshake.
    #[error("{setting}: {error}")]
    InvalidSetting {
        /// Which setting.
        setting: &'static str,
        /// Why it does not fit.
        error: TableError,
    },
    /// The handshake took longer than `handshake_timeout`.
    #[error("the server was too slow while {state}")]
    HandshakeTimedOut {
        /// The step that was waited for.
        state: State,
    },
    /// Nothing came for two heartbeat intervals.
    #[error("the server was silent for two heartbeat intervals")]
    HeartbeatTimedOut,
    /// The transport took nothing for `write_timeout` while octets waited for it.
    #[error("the transport took nothing within the write timeout")]
    WriteTimedOut,
    /// The server blocked publishing (connection.blocked) for `blocked_connection_timeout`.
    #[error("the server blocked publishing for too long: {reason}")]
    BlockedTimedOut {
        /// The server's reason, such as `low on memory`.
        reason: Arc<str>,
    },
    /// The server ended the stream without connection.close. While [awaiting open-ok](State::AwaitingOpenOk) it refused
    /// the limits of tune-ok or the virtual host: which, cannot be told.
    #[error("the server ended the stream while {state}")]
    EndOfStream {
        /// What the connection was doing.
        state: State,
    },
    /// The server speaks TLS on this port, and answered to plain AMQP with an alert of TLS. Nothing but the protocol header
    /// was sent.
    #[error("the server speaks TLS on this port: use amqps://, or its port for plain AMQP")]
    ServerSpeaksTls,
    /// There was no TLS session, or it failed.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    /// The transport failed.
    #[error("transport: {0}")]
    Transport(TransportError),
    /// The server broke the protocol. Where the protocol asks for it, it was told so with connection.close.
    #[error(transparent)]
    PeerViolation(#[from] PeerViolation),
    /// The driver was dropped, or its runtime ended.
    #[error("the connection's driver was dropped")]
    DriverDropped,
}

impl ConnectionError {
    /// Whether an operator of the server ended the connection, or the server shuts down: it was closed with code 320,
    /// `connection-forced`. Nothing was wrong with the connection, and another may open, perhaps to another host.
    ///
    /// ```no_run
    /// # async fn example(connection: amqp_client::Connection) {
    /// let error = connection.closed().await;
    /// if error.is_connection_forced() {
    ///     println!("the server goes away: {error}");
    /// }
    /// # }
    /// ```
    pub fn is_connection_forced(&self) -> bool {
        matches!(self, Self::ClosedByServer(close) if close.reply_code == constants::CONNECTION_FORCED)
    }
}

/// What a close says, or that there was none.
fn reason(close: &Option<Close>) -> String {
    match close {
        Some(close) => close.to_string(),
        None => "it ended the stream without a word".to_owned(),
    }
}

/// Why a provider of secrets has none, in its own words.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the provider of the credentials has no secret: {0}")]
pub struct ProviderError(pub(crate) Arc<dyn Error + Send + Sync>);

/// Why a secret is not kept fresh any more. The connection is open until the server objects to the old one.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RefreshError {
    /// The provider had none before the old one expired.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The server was not told, or did not answer.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// Why a channel ended, or never opened. Other channels of its connection live on, unless it says
/// [`Connection`](Self::Connection).
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// This client closed the channel, or dropped its last handle.
    #[error("the channel was closed by this client")]
    Closed,
    /// The server sent channel.close.
    #[error("the server closed the channel: {0}")]
    ClosedByServer(Close),
    /// Several calls on the channel got no reply in time, so that what later replies belong to is in doubt; it was closed.
    #[error("the channel was closed after {timed_out} calls without a reply")]
    Poisoned {
        /// How many calls timed out.
        timed_out: u32,
    },
    /// A consumer without acknowledgements on this channel was so far behind that it was
    /// [ended](crate::ConsumerEnd::Overflow), and nothing else stops its deliveries.
    #[error("the channel was closed because a consumer without acknowledgements was too far behind")]
    Overflow,
    /// As many channels are open as the connection may have.
    #[error("all {channel_max} channels of the connection are in use")]
    NoFreeChannel {
        /// The negotiated maximum.
        channel_max: u16,
    },
    /// The connection ended, and its channels with it.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
}

impl ChannelError {
    /// Whether RabbitMQ closed the channel because a delivery stayed unsettled for longer than its `consumer_timeout`, half
    /// an hour unless it is configured. All that was unsettled on the channel is requeued. RabbitMQ says so with a plain 406
    /// that blames no method, so this goes by its words.
    pub fn is_consumer_timeout(&self) -> bool {
        matches!(self, Self::ClosedByServer(close) if close.reply_code == constants::PRECONDITION_FAILED
            && close.method.is_none()
            && close.reply_text.contains("delivery acknowledgement")
            && close.reply_text.contains("timed out"))
    }
}

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
    /// The channel has a consumer of this tag. Nothing was sent.
    #[error("the channel has a consumer of this tag")]
    DuplicateConsumerTag,
    /// The method cannot be sent this way: it is the server's, carries content, or is the library's own to send.
    /// Nothing was sent.
    #[error("{method} cannot be sent this way")]
    NotSendable {
        /// The method.
        method: &'static str,
    },
}

/// Why a connection was not shut down as it should be. It is over in either case.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ShutdownError {
    /// Something was left to do when the connection was closed, because the time was over or somebody else closed it.
    #[error("the shutdown left behind: {0}")]
    Unfinished(Unfinished),
    /// The connection ended for another reason, or the server did not answer connection.close.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
}

/// Why a message was not published, or may not have been.
///
/// With [`Nacked`](Self::Nacked), [`Returned`](Self::Returned) and [`NotSent`](Self::NotSent) the server has certainly not
/// taken responsibility for it; with [`Unknown`](Self::Unknown) it may have: publishing it again can duplicate it. All
/// others come before anything is sent.
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

/// The server's channel.close or connection.close.
///
/// Prints as `404 NOT_FOUND: no queue 'x' in vhost '/' (queue.bind)`, followed by the connection's name when it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Close {
    /// The reason as a number.
    pub reply_code: ReplyCode,
    /// The reason in the server's words.
    pub reply_text: String,
    /// The method that the server blames, unless it blames none.
    pub method: Option<MethodId>,
    /// The name that the connection was given.
    pub connection_name: Option<Arc<str>>,
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reply_code)?;
        let name = constants::reply_name(self.reply_code)
            .unwrap_or_default()
            .to_ascii_uppercase()
            .replace('-', "_");
        if !name.is_empty() {
            write!(f, " {name}")?;
        }
        // RabbitMQ begins its text with the name and a dash.
        let text = self
            .reply_text
            .strip_prefix(name.as_str())
            .unwrap_or(&self.reply_text);
        write!(f, ": {}", text.strip_prefix(" - ").unwrap_or(text))?;
        if let Some(method) = self.method {
            match Method::name_of(method) {
                Some(name) => write!(f, " ({name})")?,
                None => write!(f, " ({method})")?,
            }
        }
        match &self.connection_name {
            Some(name) => write!(f, " on connection {name:?}"),
            None => Ok(()),
        }
    }
}

/// An error of the transport under a connection.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub struct TransportError(Arc<io::Error>);

impl TransportError {
    /// What kind of error it is, as the operating system says.
    pub fn kind(&self) -> io::ErrorKind {
        self.0.kind()
    }
}

impl From<io::Error> for TransportError {
    fn from(error: io::Error) -> Self {
        Self(Arc::new(error))
    }
}

/// What a server sent that the protocol forbids, and what the connection was doing then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the server broke the protocol while {state}: {kind}")]
#[non_exhaustive]
pub struct PeerViolation {
    /// What the connection was doing.
    pub state: State,
    /// What came.
    pub kind: Violation,
}

/// One kind of broken protocol.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// The octets are not what they must be.
    #[error("{0}")]
    Malformed(DecodeError),
    /// A method came that cannot stand here.
    #[error("unexpected {} ({method}) on channel {channel}", Method::name_of(*method).unwrap_or("method"))]
    UnexpectedMethod {
        /// The channel it came on.
        channel: ChannelId,
        /// Which method.
        method: MethodId,
    },
    /// A content header or body came that cannot stand here, or something else in its place.
    #[error("unexpected frame in the content of channel {channel}")]
    UnexpectedFrame {
        /// The channel it came on.
        channel: ChannelId,
    },
    /// A frame came for a channel that is not open.
    #[error("frame on channel {channel}, which is not open")]
    ChannelNotOpen {
        /// The channel it came on.
        channel: ChannelId,
    },
    /// The body frames carry more octets than their content header announced.
    #[error("body longer than announced on channel {channel}")]
    BodyTooLong {
        /// The channel it came on.
        channel: ChannelId,
    },
    /// basic.ack or basic.nack came for a publish that there was not.
    #[error("confirm of {delivery_tag}, which was not published, on channel {channel}")]
    UnknownPublish {
        /// The channel it came on.
        channel: ChannelId,
        /// The number that no publish had.
        delivery_tag: DeliveryTag,
    },
    /// A delivery came for a consumer that the channel does not have.
    #[error("delivery for an unknown consumer on channel {channel}")]
    UnknownConsumer {
        /// The channel it came on.
        channel: ChannelId,
    },
}

impl Violation {
    /// The code of the connection.close that answers it.
    pub fn reply_code(&self) -> ReplyCode {
        match self {
            Self::Malformed(error) => match error.kind {
                DecodeErrorKind::UnexpectedEnd
                | DecodeErrorKind::TrailingOctets
                | DecodeErrorKind::UnknownTag(_)
                | DecodeErrorKind::TooDeep
                | DecodeErrorKind::UnknownProperty => constants::SYNTAX_ERROR,
                DecodeErrorKind::UnknownClass(_) | DecodeErrorKind::UnknownMethod(_) => {
                    constants::NOT_IMPLEMENTED
                }
                _ => constants::FRAME_ERROR,
            },
            Self::UnexpectedMethod { .. } | Self::UnknownConsumer { .. } | Self::UnknownPublish { .. } => {
                constants::COMMAND_INVALID
            }
            Self::UnexpectedFrame { .. } => constants::UNEXPECTED_FRAME,
            Self::ChannelNotOpen { .. } => constants::CHANNEL_ERROR,
            Self::BodyTooLong { .. } => constants::FRAME_ERROR,
        }
    }
}

impl From<ConnectionError> for CallError {
    fn from(error: ConnectionError) -> Self {
        Self::Channel(ChannelError::Connection(error))
    }
}

impl From<ConnectionError> for PublishError {
    fn from(error: ConnectionError) -> Self {
        Self::Channel(ChannelError::Connection(error))
    }
}
