//! What the octets of a frame say. This is the one place that decodes for a tap, in the client's own vocabulary.

use std::fmt;

use amqp_protocol::content::ContentHeader;
use amqp_protocol::frame::FrameType;
use amqp_protocol::method::Decode;
use amqp_protocol::{DecodeError, ProtocolHeader, Reader};

use crate::dialect::Protocol;
use crate::methods::{Method, basic};

/// Octets of a body that are shown.
const PREVIEW: usize = 64;

/// What a [`Frame`](super::Frame) says.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Content<'a> {
    /// The octets that open a connection, or with which a server refuses it.
    ProtocolHeader(ProtocolHeader),
    /// A method and its arguments.
    Method(Method<'a>),
    /// A method of another revision than [`methods`](crate::methods) are of, as text.
    ForeignMethod {
        /// Class and method, as in `access.request`.
        name: &'static str,
        /// All of it, as `Debug` has it.
        text: String,
    },
    /// The properties of a message, and the size of its body in octets.
    Header(ContentHeader<basic::Properties<'a>>),
    /// A part of a body.
    Body(&'a [u8]),
    /// Nothing: it says that the peer lives.
    Heartbeat,
}

impl<'a> Content<'a> {
    /// Decodes a payload to its last octet.
    pub(super) fn decode(
        protocol: Protocol,
        frame_type: FrameType,
        payload: &'a [u8],
    ) -> Result<Self, DecodeError> {
        if frame_type == FrameType::Method
            && let Some(foreign) = protocol.foreign_method(payload)
        {
            return foreign.map(|(name, text)| Self::ForeignMethod { name, text });
        }
        let mut reader = Reader::new(payload);
        let content = match frame_type {
            FrameType::Method => Self::Method(Decode::decode(&mut reader)?),
            FrameType::Header => Self::Header(Decode::decode(&mut reader)?),
            FrameType::Body => return Ok(Self::Body(payload)),
            FrameType::Heartbeat => Self::Heartbeat,
        };
        reader.finish("frame.payload")?;
        Ok(content)
    }
}

impl fmt::Display for Content<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ProtocolHeader(header) => write!(f, "protocol header {header}"),
            Self::Method(method) => write_method(f, method.name(), &format!("{method:?}")),
            Self::ForeignMethod { name, text } => write_method(f, name, text),
            Self::Header(header) => {
                write!(f, "header, body of {} octets", header.body_size)?;
                write_properties(f, &header.properties)
            }
            Self::Body(octets) => write!(f, "body of {} octets {}", octets.len(), Preview(octets)),
            Self::Heartbeat => f.write_str("heartbeat"),
        }
    }
}

/// `Class(Method(Method { .. }))`: the names have been said.
fn write_method(f: &mut fmt::Formatter<'_>, name: &str, text: &str) -> fmt::Result {
    f.write_str(name)?;
    let arguments = text.split_once('{').map(|(_, rest)| rest.trim_end_matches(')'));
    arguments.map_or(Ok(()), |arguments| write!(f, " {{{arguments}"))
}

/// The properties that are present.
fn write_properties(f: &mut fmt::Formatter<'_>, properties: &basic::Properties<'_>) -> fmt::Result {
    let mut separator = " { ";
    macro_rules! present {
        ($($property:ident),+) => {
            // Complete: a property that is not named here does not compile.
            let basic::Properties { $($property),+ } = properties;
            $(if let Some(value) = $property {
                let name = stringify!($property).trim_start_matches("r#");
                write!(f, "{separator}{name}: {value:?}")?;
                separator = ", ";
            })+
        };
    }
    present!(
        content_type,
        content_encoding,
        headers,
        delivery_mode,
        priority,
        correlation_id,
        reply_to,
        expiration,
        message_id,
        timestamp,
        r#type,
        user_id,
        app_id,
        reserved
    );
    if separator == ", " {
        f.write_str(" }")
    } else {
        Ok(())
    }
}

/// The beginning of octets as a string literal on one line.
pub(super) struct Preview<'a>(pub(super) &'a [u8]);

impl fmt::Display for Preview<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.get(..PREVIEW).unwrap_or(self.0);
        let more = if shown.len() < self.0.len() { "..." } else { "" };
        let shown = match std::str::from_utf8(shown) {
            // The preview ends within a character, not the text.
            Err(error) if error.error_len().is_none() && !more.is_empty() => {
                shown.get(..error.valid_up_to()).unwrap_or(shown)
            }
            _ => shown,
        };
        match std::str::from_utf8(shown) {
            Ok(text) => write!(f, "{text:?}{more}"),
            Err(_) => write!(f, "b\"{}\"{more}", shown.escape_ascii()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_of_text_is_text_wherever_it_is_cut() {
        let text = "\u{e9}".repeat(PREVIEW);
        for start in ["", "x"] {
            let octets = [start, &text].concat().into_bytes();
            let shown = "\u{e9}".repeat((PREVIEW - start.len()) / 2);
            assert_eq!(Preview(&octets).to_string(), format!("\"{start}{shown}\"..."));
        }
        // What ends there itself is cut by whoever sent it.
        assert_eq!(Preview(b"x\xc3").to_string(), "b\"x\\xc3\"");
    }
}
