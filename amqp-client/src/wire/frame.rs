//! One frame as a tap sees it: whose it is, when it passed, its octets. What the octets say is `content`'s.

use std::fmt;
use std::time::Instant;

use amqp_protocol::frame::{self, END, FrameType, START_LEN};
use amqp_protocol::{ChannelId, DecodeError, ProtocolHeader};

use super::content::{Content, Preview};
use crate::dialect::Protocol;

/// Who sent a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sender {
    /// This client.
    Client,
    /// The server.
    Server,
}

impl fmt::Display for Sender {
    /// `client` or `server`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Client => "client",
            Self::Server => "server",
        })
    }
}

/// A frame on its way, or what is none: the protocol header, and octets that break the framing. [Secrets are
/// hidden](super::Tap).
///
/// Its [`Display`](fmt::Display) is one line, with a preview of a body:
///
/// ```text
/// orders #1 client channel 1: basic.publish { exchange: "", routing_key: "q", mandatory: false, immediate: false }
/// orders #1 client channel 1: header, body of 6 octets { content_type: "text/plain" }
/// orders #1 client channel 1: body of 6 octets "coffee"
/// ```
///
/// The octets are decoded when [`content`](Self::content) is asked for, and borrowed from where they lie: no body is
/// copied.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Frame<'a> {
    /// The number of the connection, never used twice in a process. Connections with a tap are counted from 1, attempts
    /// that failed in the handshake among them.
    pub connection: u64,
    /// The `connection_name` of its settings.
    pub connection_name: Option<&'a str>,
    /// Who sent it.
    pub sender: Sender,
    /// When it was received, or handed to the transport, by the clock of the connection.
    pub at: Instant,
    pub(crate) protocol: Protocol,
    pub(crate) octets: Octets<'a>,
    pub(crate) redacted: bool,
}

#[derive(Clone, Copy)]
pub(crate) enum Octets<'a> {
    ProtocolHeader([u8; ProtocolHeader::LEN]),
    Frame {
        start: [u8; START_LEN],
        frame_type: FrameType,
        channel: ChannelId,
        payload: &'a [u8],
    },
    /// What is no frame, and why.
    Unframed(&'a [u8], DecodeError),
}

impl<'a> Octets<'a> {
    pub(crate) fn frame(frame_type: FrameType, channel: ChannelId, payload: &'a [u8]) -> Self {
        Self::Frame {
            start: frame::start(frame_type, channel, payload.len() as u32),
            frame_type,
            channel,
            payload,
        }
    }
}

/// Says how much there is, not what.
impl fmt::Debug for Octets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, len) = match self {
            Self::ProtocolHeader(octets) => ("protocol header", octets.len()),
            Self::Frame {
                frame_type, payload, ..
            } => (frame_type.name(), payload.len()),
            Self::Unframed(octets, _) => ("no frame", octets.len()),
        };
        write!(f, "{name} ({len} octets)")
    }
}

impl Frame<'_> {
    /// The octets as they are on the wire, but for what is [redacted](Self::is_redacted): those before the payload, the
    /// payload, and those behind it. Of what is no frame, all are in the second.
    ///
    /// ```
    /// # use amqp_client::wire::Frame;
    /// fn encoded_len(frame: &Frame<'_>) -> usize {
    ///     frame.octets().iter().map(|part| part.len()).sum()
    /// }
    /// ```
    pub fn octets(&self) -> [&[u8]; 3] {
        match &self.octets {
            Octets::ProtocolHeader(octets) => [&[], octets, &[]],
            Octets::Frame { start, payload, .. } => [start, payload, &[END]],
            Octets::Unframed(octets, _) => [&[], octets, &[]],
        }
    }

    /// The channel that it is on; `None` for what is no frame.
    pub fn channel(&self) -> Option<ChannelId> {
        match self.octets {
            Octets::Frame { channel, .. } => Some(channel),
            Octets::ProtocolHeader(_) | Octets::Unframed(..) => None,
        }
    }

    /// Whether a secret was replaced in it, so that the octets are not those of the wire.
    pub fn is_redacted(&self) -> bool {
        self.redacted
    }

    /// What it says, decoded anew at each call.
    ///
    /// # Errors
    ///
    /// When the payload is malformed, or the octets are no frame. Such octets come once, with all that follow them in what
    /// was read; what is read after that is given likewise, with the same error.
    pub fn content(&self) -> Result<Content<'_>, DecodeError> {
        match &self.octets {
            Octets::ProtocolHeader([_, _, _, _, a, b, c, d]) => {
                Ok(Content::ProtocolHeader(ProtocolHeader([*a, *b, *c, *d])))
            }
            Octets::Frame {
                frame_type, payload, ..
            } => Content::decode(self.protocol, *frame_type, payload),
            Octets::Unframed(_, error) => Err(*error),
        }
    }
}

impl fmt::Display for Frame<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = self.connection_name {
            write!(f, "{} ", name.escape_debug())?;
        }
        write!(f, "#{} {}", self.connection, self.sender)?;
        if let Some(channel) = self.channel() {
            write!(f, " channel {}", channel.0)?;
        }
        match (self.content(), &self.octets) {
            (Ok(content), _) => write!(f, ": {content}"),
            (Err(error), Octets::Frame { frame_type, .. }) => {
                let [_, payload, _] = self.octets();
                write!(f, ": undecodable {frame_type}: {error}: {}", Preview(payload))
            }
            (Err(error), _) => {
                let [_, octets, _] = self.octets();
                write!(f, ": no frame: {error}: {}", Preview(octets))
            }
        }
    }
}
