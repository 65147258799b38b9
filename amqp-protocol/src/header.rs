//! The protocol header: the eight octets that open a connection, in every version that one meets.

use std::fmt;

use crate::error::{DecodeError, DecodeErrorKind};
use crate::frame::Parsed;

/// The four octets that follow `AMQP` when a connection opens. A server that does not speak what they ask for answers
/// with a header of its own and closes.
///
/// ```
/// use amqp_protocol::ProtocolHeader;
///
/// let header = ProtocolHeader::V0_9_1;
/// assert_eq!(header.octets(), *b"AMQP\x00\x00\x09\x01");
/// assert_eq!(header.version(), Some("0-9-1"));
/// assert_eq!(header.to_string(), "AMQP 0 0 9 1 (0-9-1)");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProtocolHeader(pub [u8; 4]);

impl ProtocolHeader {
    /// What every header begins with.
    pub const MAGIC: [u8; 4] = *b"AMQP";
    /// How many octets a header has.
    pub const LEN: usize = 8;

    /// AMQP 0-8, in the form that RabbitMQ's documents give.
    pub const V0_8: Self = Self([1, 1, 8, 0]);
    /// AMQP 0-9. RabbitMQ takes it for 0-9-1.
    pub const V0_9: Self = Self([1, 1, 0, 9]);
    /// AMQP 0-9-1.
    pub const V0_9_1: Self = Self([0, 0, 9, 1]);
    /// AMQP 0-10.
    pub const V0_10: Self = Self([1, 1, 0, 10]);
    /// AMQP 1.0.
    pub const V1_0: Self = Self([0, 1, 0, 0]);
    /// AMQP 1.0 behind TLS.
    pub const V1_0_TLS: Self = Self([2, 1, 0, 0]);
    /// AMQP 1.0 behind SASL.
    pub const V1_0_SASL: Self = Self([3, 1, 0, 0]);

    /// All eight octets.
    #[must_use]
    pub const fn octets(self) -> [u8; Self::LEN] {
        let [a, m, q, p] = Self::MAGIC;
        let [b, c, d, e] = self.0;
        [a, m, q, p, b, c, d, e]
    }

    /// The version as its specification writes it, or `None` when it is not known.
    #[must_use]
    pub const fn version(self) -> Option<&'static str> {
        Some(match self.0 {
            [1, 1, 8, 0] | [1, 1, 9, 1] => "0-8",
            [0, 0, 9, 1] | [1, 1, 0, 9] => "0-9-1",
            [1, 1, 0, 10] => "0-10",
            [0, 1, 0, 0] => "1-0",
            [2, 1, 0, 0] => "1-0-tls",
            [3, 1, 0, 0] => "1-0-sasl",
            _ => return None,
        })
    }

    /// The header that `input` begins with.
    ///
    /// # Errors
    ///
    /// `BadProtocolHeader` as soon as the octets present are not those of `AMQP`.
    pub fn parse(input: &[u8]) -> Result<Parsed<Self>, DecodeError> {
        let differs = |(actual, expected): (&u8, &u8)| actual != expected;
        if let Some(offset) = input.iter().zip(&Self::MAGIC).position(differs) {
            return Err(DecodeError::new(
                DecodeErrorKind::BadProtocolHeader,
                offset,
                "protocol_header",
            ));
        }
        Ok(match input.first_chunk() {
            Some(&[_, _, _, _, a, b, c, d]) => Parsed::Complete(Self([a, b, c, d])),
            None => Parsed::Incomplete {
                missing: Self::LEN - input.len(),
            },
        })
    }
}

impl fmt::Display for ProtocolHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d] = self.0;
        write!(
            f,
            "AMQP {a} {b} {c} {d} ({})",
            self.version().unwrap_or("unknown")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_version_is_known_and_parsed_back() {
        for (header, version) in [
            (ProtocolHeader::V0_8, "0-8"),
            (ProtocolHeader([1, 1, 9, 1]), "0-8"),
            (ProtocolHeader::V0_9, "0-9-1"),
            (ProtocolHeader::V0_9_1, "0-9-1"),
            (ProtocolHeader::V0_10, "0-10"),
            (ProtocolHeader::V1_0, "1-0"),
            (ProtocolHeader::V1_0_TLS, "1-0-tls"),
            (ProtocolHeader::V1_0_SASL, "1-0-sasl"),
        ] {
            assert_eq!(header.version(), Some(version));
            assert_eq!(
                ProtocolHeader::parse(&header.octets()),
                Ok(Parsed::Complete(header))
            );
        }
        assert_eq!(ProtocolHeader([9, 9, 9, 9]).to_string(), "AMQP 9 9 9 9 (unknown)");
    }

    #[test]
    fn parts_are_awaited_and_tails_left() {
        let mut octets = ProtocolHeader::V0_9_1.octets().to_vec();
        for len in 0..8 {
            let missing = 8 - len;
            assert_eq!(
                ProtocolHeader::parse(&octets[..len]),
                Ok(Parsed::Incomplete { missing })
            );
        }
        octets.push(1);
        assert_eq!(
            ProtocolHeader::parse(&octets),
            Ok(Parsed::Complete(ProtocolHeader::V0_9_1))
        );
    }

    #[test]
    fn other_octets_are_refused_as_soon_as_they_are_seen() {
        for (input, offset) in [(&b"H"[..], 0), (b"AMX", 2), (b"HTTP/1.1", 0), (b"AMQp", 3)] {
            let error = ProtocolHeader::parse(input).unwrap_err();
            assert_eq!(
                (error.kind, error.offset),
                (DecodeErrorKind::BadProtocolHeader, offset)
            );
        }
    }
}
