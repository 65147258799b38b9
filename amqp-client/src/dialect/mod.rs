//! Which revision of the protocol is on the wire, and where the client's one vocabulary is translated to and from it. What
//! methods mean is the core's matter.

use std::fmt;
use std::str::FromStr;

use amqp_protocol::ProtocolHeader;

/// A revision of AMQP that this build speaks.
///
/// The client has one vocabulary, [`methods`](crate::methods), whatever the revision. What a revision lacks is an error
/// before anything is sent: [`CallError::Unsupported`](crate::CallError::Unsupported).
///
/// ```
/// use amqp_client::Protocol;
///
/// assert_eq!("0-9-1".parse(), Ok(Protocol::V0_9_1));
/// assert_eq!(Protocol::default().to_string(), "0-9-1");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Protocol {
    /// AMQP 0-9-1, with RabbitMQ's extensions.
    #[default]
    V0_9_1,
    /// AMQP 0-8, as RabbitMQ speaks it. RabbitMQ 4 does not any more.
    ///
    /// It has no confirms, no basic.nack, no bindings between exchanges, no arguments of consumers, no new secret for an
    /// open connection, and does not say that it blocks publishing. It has realms, see
    /// [`Config::access_realm`](field@crate::Config::access_realm), and redirects, see
    /// [`Config::insist`](field@crate::Config::insist).
    #[cfg(feature = "v0-8")]
    V0_8,
}

impl Protocol {
    /// The protocol header that asks for it.
    pub const fn header(self) -> ProtocolHeader {
        match self {
            Self::V0_9_1 => ProtocolHeader::V0_9_1,
            #[cfg(feature = "v0-8")]
            Self::V0_8 => ProtocolHeader::V0_8,
        }
    }

    /// The revision that a header asks for, in any form that is in use, if this build speaks it.
    ///
    /// ```
    /// use amqp_client::Protocol;
    /// use amqp_client::protocol::ProtocolHeader;
    ///
    /// assert_eq!(Protocol::of(ProtocolHeader::V0_9_1), Some(Protocol::V0_9_1));
    /// assert_eq!(Protocol::of(ProtocolHeader::V1_0), None);
    /// ```
    pub fn of(header: ProtocolHeader) -> Option<Self> {
        header.version()?.parse().ok()
    }

    const fn name(self) -> &'static str {
        match self {
            Self::V0_9_1 => "0-9-1",
            #[cfg(feature = "v0-8")]
            Self::V0_8 => "0-8",
        }
    }
}

/// As the specification writes it: `0-9-1`.
impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Protocol {
    type Err = ProtocolError;

    /// Reads what [`Display`](fmt::Display) writes.
    fn from_str(text: &str) -> Result<Self, ProtocolError> {
        match text {
            "0-9-1" => Ok(Self::V0_9_1),
            #[cfg(feature = "v0-8")]
            "0-8" => Ok(Self::V0_8),
            #[cfg(not(feature = "v0-8"))]
            "0-8" => Err(ProtocolError::NotBuilt { feature: "v0-8" }),
            _ => Err(ProtocolError::Unknown),
        }
    }
}

/// Why a text names no [`Protocol`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// It is the name of no revision that the client speaks.
    #[error("not a revision of AMQP that this client speaks: 0-9-1, or 0-8")]
    Unknown,
    /// This build does not speak it.
    #[error("this build does not speak it: it lacks the feature `{feature}`")]
    NotBuilt {
        /// The feature of this crate that adds it.
        feature: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_revision_is_known_by_its_name_and_its_header() {
        for protocol in [
            Protocol::V0_9_1,
            #[cfg(feature = "v0-8")]
            Protocol::V0_8,
        ] {
            assert_eq!(protocol.to_string().parse(), Ok(protocol));
            assert_eq!(Protocol::of(protocol.header()), Some(protocol));
            assert_eq!(protocol.header().version(), Some(protocol.name()));
        }
        assert_eq!(Protocol::of(ProtocolHeader::V1_0_SASL), None);
        assert_eq!("1-0".parse::<Protocol>(), Err(ProtocolError::Unknown));
    }

    #[cfg(not(feature = "v0-8"))]
    #[test]
    fn a_revision_that_is_not_built_says_by_which_feature_it_is() {
        let error = "0-8".parse::<Protocol>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "this build does not speak it: it lacks the feature `v0-8`"
        );
    }
}
