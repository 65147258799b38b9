//! What a server says of errors, and what it does wrong itself.

use std::fmt;
use std::sync::Arc;

use crate::methods::{Method, constants};
use amqp_protocol::{ChannelId, DecodeError, DecodeErrorKind, DeliveryTag, MethodId, ReplyCode};

use crate::sans_io::State;

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

impl Close {
    /// The name of the reply code, as RabbitMQ writes it; empty for an unknown one.
    pub(super) fn name(&self) -> String {
        constants::reply_name(self.reply_code)
            .unwrap_or_default()
            .to_ascii_uppercase()
            .replace('-', "_")
    }

    /// The text without the code's name and a dash, which RabbitMQ begins it with.
    pub(super) fn words(&self) -> &str {
        let text = &self.reply_text;
        let text = text.strip_prefix(self.name().as_str()).unwrap_or(text);
        text.strip_prefix(" - ").unwrap_or(text)
    }
}

impl fmt::Display for Close {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.reply_code)?;
        let name = self.name();
        if !name.is_empty() {
            write!(f, " {name}")?;
        }
        write!(f, ": {}", self.words())?;
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
    /// A method came that cannot stand here, of those that the revision on the wire has and the client's
    /// [vocabulary](crate::methods) has not, or that only clients send.
    #[error("unexpected {method} on channel {channel}")]
    ForeignMethod {
        /// The channel it came on.
        channel: ChannelId,
        /// Its name in its revision.
        method: &'static str,
    },
    /// connection.start came of another version than the protocol header asked for.
    #[error("connection.start of version {major}-{minor}")]
    WrongVersion {
        /// The major version.
        major: u8,
        /// The minor version.
        minor: u8,
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
            Self::UnexpectedMethod { .. }
            | Self::ForeignMethod { .. }
            | Self::WrongVersion { .. }
            | Self::UnknownConsumer { .. }
            | Self::UnknownPublish { .. } => constants::COMMAND_INVALID,
            Self::UnexpectedFrame { .. } => constants::UNEXPECTED_FRAME,
            Self::ChannelNotOpen { .. } => constants::CHANNEL_ERROR,
            Self::BodyTooLong { .. } => constants::FRAME_ERROR,
        }
    }
}
