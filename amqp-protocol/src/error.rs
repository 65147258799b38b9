//! The errors of the codec: what is wrong with octets received, and what does not fit when a value is built.
//! How a connection answers such an error is not decided here.

use std::convert::Infallible;
use std::fmt;

use crate::method::MethodId;

/// Octets that are not what the protocol says they must be: always the peer's fault, never the caller's.
///
/// ```
/// use amqp_protocol::{DecodeErrorKind, Reader};
///
/// let error = Reader::new(b"\0\0\0\x03\x01k?").table("queue.declare.arguments").unwrap_err();
/// assert_eq!(error.kind, DecodeErrorKind::UnknownTag(b'?'));
/// assert_eq!(error.to_string(), "unknown tag '?' at octet 6 in queue.declare.arguments");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind} at octet {offset} in {context}")]
pub struct DecodeError {
    /// What is wrong.
    pub kind: DecodeErrorKind,
    /// Where the item at fault begins, in octets from the start of what the [`Reader`](crate::Reader) was given.
    pub offset: usize,
    /// The field being read, in the specification's words, as in `queue.declare.arguments`.
    pub context: &'static str,
}

impl DecodeError {
    /// Puts the three together.
    // Inlined, so that the compiler sees which kind it is: an error that comes back from a call of its own shares the
    // niche of `Result` with success, and what follows would test for it again.
    #[inline]
    #[must_use]
    pub const fn new(kind: DecodeErrorKind, offset: usize, context: &'static str) -> Self {
        Self {
            kind,
            offset,
            context,
        }
    }
}

/// Octets that end before the field does: all that can be wrong with a field of a fixed or announced length.
///
/// `?` makes a [`DecodeError`] of the kind `UnexpectedEnd` of it.
///
/// ```
/// use amqp_protocol::Reader;
///
/// let error = Reader::new(b"\x05ab").shortstr("queue.declare.queue").unwrap_err();
/// assert_eq!(error.to_string(), "unexpected end of input at octet 0 in queue.declare.queue");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{} at octet {offset} in {context}", DecodeErrorKind::UnexpectedEnd)]
pub struct UnexpectedEnd {
    /// Where the field begins, in octets from the start of what the [`Reader`](crate::Reader) was given.
    pub offset: usize,
    /// The field being read, in the specification's words.
    pub context: &'static str,
}

impl From<UnexpectedEnd> for DecodeError {
    #[inline]
    fn from(end: UnexpectedEnd) -> Self {
        Self::new(DecodeErrorKind::UnexpectedEnd, end.offset, end.context)
    }
}

/// What is wrong with the octets. Each kind has a stable [`name`](Self::name) for programs and logs.
// Its discriminant is a whole word, lest the words of a value be stored in pieces where a `Result` has either (ADR 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[repr(u64)]
pub enum DecodeErrorKind {
    /// `unexpected_end`: a length or a fixed size reaches beyond the end of what was received.
    UnexpectedEnd,
    /// `trailing_octets`: octets are left after the last field.
    TrailingOctets,
    /// `unknown_tag`: no field-table value has this tag octet.
    UnknownTag(u8),
    /// `too_deep`: tables and arrays are nested deeper than [`MAX_DEPTH`](crate::table::MAX_DEPTH).
    TooDeep,
    /// `unknown_class`: no class of this revision has this id.
    UnknownClass(u16),
    /// `unknown_method`: the class has no method of this id, or it is not one that can stand here.
    UnknownMethod(MethodId),
    /// `unknown_property`: a property flag is set that the class does not define.
    UnknownProperty,
    /// `unknown_content`: the octet before a `content` field is neither 0 (inline) nor 1 (reference).
    UnknownContent(u8),
    /// `unknown_frame_type`: no revision defines a frame of this type octet.
    UnknownFrameType(u8),
    /// `unsupported_frame_type`: one of 0-8's types 4 to 7, out-of-band and trace, which no broker speaks.
    UnsupportedFrameType(u8),
    /// `frame_too_large`: the frame has more octets, the 8 of its envelope included, than were agreed on.
    FrameTooLarge {
        /// The octets of the payload, as the frame announces them.
        payload: u32,
        /// The agreed `frame-max`.
        frame_max: u32,
    },
    /// `bad_frame_end`: the octet after the payload is not 0xCE.
    BadFrameEnd(u8),
    /// `heartbeat_on_channel`: a heartbeat came on another channel than 0.
    HeartbeatOnChannel(u16),
    /// `heartbeat_not_empty`: a heartbeat announced a payload.
    HeartbeatNotEmpty,
    /// `bad_protocol_header`: eight octets were expected that begin with `AMQP`.
    BadProtocolHeader,
}

impl DecodeErrorKind {
    /// The kind's name in snake case, without its values. It never changes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::UnexpectedEnd => "unexpected_end",
            Self::TrailingOctets => "trailing_octets",
            Self::UnknownTag(_) => "unknown_tag",
            Self::TooDeep => "too_deep",
            Self::UnknownClass(_) => "unknown_class",
            Self::UnknownMethod(_) => "unknown_method",
            Self::UnknownProperty => "unknown_property",
            Self::UnknownContent(_) => "unknown_content",
            Self::UnknownFrameType(_) => "unknown_frame_type",
            Self::UnsupportedFrameType(_) => "unsupported_frame_type",
            Self::FrameTooLarge { .. } => "frame_too_large",
            Self::BadFrameEnd(_) => "bad_frame_end",
            Self::HeartbeatOnChannel(_) => "heartbeat_on_channel",
            Self::HeartbeatNotEmpty => "heartbeat_not_empty",
            Self::BadProtocolHeader => "bad_protocol_header",
        }
    }
}

impl fmt::Display for DecodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnexpectedEnd => f.write_str("unexpected end of input"),
            Self::TrailingOctets => f.write_str("trailing octets"),
            Self::UnknownTag(tag) => write!(f, "unknown tag '{}'", tag.escape_ascii()),
            Self::TooDeep => f.write_str("tables nested too deep"),
            Self::UnknownClass(class) => write!(f, "unknown class {class}"),
            Self::UnknownMethod(id) => write!(f, "unknown method {id}"),
            Self::UnknownProperty => f.write_str("unknown property flag"),
            Self::UnknownContent(octet) => write!(f, "unknown content form {octet}"),
            Self::UnknownFrameType(octet) => write!(f, "unknown frame type {octet}"),
            Self::UnsupportedFrameType(octet) => {
                let name = match octet {
                    4 => "oob-method",
                    5 => "oob-header",
                    6 => "oob-body",
                    _ => "trace",
                };
                write!(f, "unsupported frame type {octet} ({name})")
            }
            Self::FrameTooLarge { payload, frame_max } => {
                write!(f, "payload of {payload} octets in frames of at most {frame_max}")
            }
            Self::BadFrameEnd(octet) => write!(f, "frame end 0x{octet:02X} instead of 0xCE"),
            Self::HeartbeatOnChannel(channel) => write!(f, "heartbeat on channel {channel}"),
            Self::HeartbeatNotEmpty => f.write_str("heartbeat with a payload"),
            Self::BadProtocolHeader => f.write_str("no protocol header"),
        }
    }
}

/// A value that does not fit where it is put: a short string over 255 octets, a frame over the agreed size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{actual} octets where at most {limit} fit")]
pub struct TooLong {
    /// How many octets it has.
    pub actual: usize,
    /// How many it may have.
    pub limit: usize,
}

impl TooLong {
    // Out of line, so that a length that fits costs one comparison, and no choice between it and an error's fields.
    #[cold]
    #[inline(never)]
    pub(crate) const fn new(actual: usize, limit: usize) -> Self {
        Self { actual, limit }
    }
}

impl From<Infallible> for TooLong {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}
