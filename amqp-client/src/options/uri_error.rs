//! Why a URI was refused. Reading one is `uri`'s work.

use std::fmt;

use crate::dialect::ProtocolError;

/// A URI that cannot be used: which part of it, and why. Never holds a secret.
///
/// ```
/// use amqp_client::{ConnectOptions, UriErrorReason, UriPart};
///
/// let error = "amqp://me:s3cret@broker:port".parse::<ConnectOptions>().unwrap_err();
/// assert_eq!(error.part, UriPart::Port);
/// assert_eq!(error.to_string(), "invalid AMQP URI: port: expected a whole number from 1 to 65535");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid AMQP URI: {part}: {reason}")]
pub struct UriError {
    /// The part at fault.
    pub part: UriPart,
    /// What is wrong with it.
    pub reason: UriErrorReason,
}

/// A part of a URI.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UriPart {
    /// What stands before `://`.
    Scheme,
    /// What stands before `@`, up to a colon.
    User,
    /// What stands between that colon and `@`.
    Password,
    /// The server's name or address.
    Host,
    /// The number after the host.
    Port,
    /// The first segment of the path.
    VirtualHost,
    /// The query key of this name.
    Query(String),
}

impl fmt::Display for UriPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scheme => "scheme",
            Self::User => "user",
            Self::Password => "password",
            Self::Host => "host",
            Self::Port => "port",
            Self::VirtualHost => "virtual host",
            Self::Query(key) => return write!(f, "query key {key:?}"),
        })
    }
}

/// Why a part of a URI was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriErrorReason {
    /// The scheme is neither of AMQP's.
    #[error("expected `amqp://` or `amqps://`")]
    UnsupportedScheme,
    /// An `@` behind the address: most often a user or password with a character that ends it.
    #[error("a `/`, `?`, `#` or `@` in user, password, virtual host or query must be percent-encoded")]
    Delimiter,
    /// Neither a host name nor an IP address.
    #[error("expected a host name or an IP address")]
    HostName,
    /// A percent sign without two hexadecimal digits behind it.
    #[error("a `%` must be followed by two hexadecimal digits")]
    PercentEncoding,
    /// The decoded octets are not UTF-8.
    #[error("not UTF-8 once percent-decoded")]
    NotUtf8,
    /// A bracket without its counterpart, or an IPv6 address without brackets.
    #[error("an IPv6 address stands in brackets, as in `[::1]`")]
    Brackets,
    /// A second path segment.
    #[error("a `/` within it must be written `%2f`")]
    Slash,
    /// A fragment, which AMQP URIs do not have.
    #[error("a `#` within it must be written `%23`")]
    Fragment,
    /// Not a whole number within this range.
    #[error("expected a whole number from {min} to {max}")]
    NotInRange {
        /// The smallest allowed.
        min: u64,
        /// The largest allowed.
        max: u64,
    },
    /// Not a time in the unit that this key has.
    #[error("expected milliseconds, a whole number of at least 1 (`socket_timeout` has seconds)")]
    NotMilliseconds,
    /// A frame size other than 0 and below what the protocol demands.
    #[error("expected 0, or at least 4096")]
    FrameMax,
    /// Longer than the 255 octets that the protocol has room for.
    #[error("longer than 255 octets")]
    TooLong,
    /// No such key.
    #[error("unknown key")]
    UnknownKey,
    /// An unknown key behind one whose value is secret. It may be part of that value, so it is not repeated here.
    #[error("what stands behind it is no known key; an `&` within it must be written `%26`")]
    Ampersand,
    /// The key was given before.
    #[error("given twice")]
    RepeatedKey,
    /// The other key sets the same, in another unit.
    #[error("{other} was given, which sets the same")]
    Contradiction {
        /// The key that was given before.
        other: &'static str,
    },
    /// The key has no meaning without the other.
    #[error("given without {other}")]
    Without {
        /// The key that is missing.
        other: &'static str,
    },
    /// A key of TLS in a URI without TLS.
    #[error("only `amqps://` has this key")]
    NotTls,
    /// Not a time in seconds.
    #[error("expected seconds, such as 2 or 0.5, or `infinity`")]
    NotSeconds,
    /// A limit that nothing can keep.
    #[error("expected more than 0")]
    Zero,
    /// None of the words that the key may have.
    #[error("expected `{}`", .expected.join("` or `"))]
    NotOneOf {
        /// Those words.
        expected: &'static [&'static str],
    },
    /// No revision of the protocol that this build speaks.
    #[error(transparent)]
    Protocol(ProtocolError),
    /// No SASL mechanism of this library has this name.
    #[error("unknown mechanism {name:?}")]
    UnknownMechanism {
        /// The name in the URI.
        name: String,
    },
}
