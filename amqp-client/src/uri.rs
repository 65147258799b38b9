//! Reads `amqp://user:password@host:port/vhost?key=value`. Connecting to what it names is the adapters' work.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::config::{Config, Credentials};

/// The port of AMQP without TLS.
pub const DEFAULT_PORT: u16 = 5672;

/// What stands for itself in a URI is letters, digits and these four.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Where a server is, and the settings to connect with, read from a URI by the rules of RabbitMQ's URI specification.
///
/// The virtual host has three cases: `amqp://h` means the default `/`, `amqp://h/` the host whose name is empty, and
/// `amqp://h/%2f` is `/` written out. User, password, host and virtual host are percent-decoded.
///
/// Query keys: `heartbeat` in seconds (0 is off), `connection_timeout` in milliseconds, `frame_max` in octets (0, or at
/// least 4,096) and `channel_max`. An unknown or repeated key is refused.
///
/// ```
/// use amqp_client::Uri;
///
/// let uri: Uri = "amqp://orders:s3cret@broker.example/shop?heartbeat=30".parse()?;
/// assert_eq!((uri.host.as_str(), uri.port), ("broker.example", 5672));
/// assert_eq!(uri.config.virtual_host, "shop");
/// assert_eq!(uri.to_string(), "amqp://orders@broker.example:5672/shop");
/// # Ok::<(), amqp_client::UriError>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Uri {
    /// A host name, or an address, an IPv6 one without its brackets. Default: `localhost`.
    pub host: String,
    /// The TCP port. Default: 5672.
    pub port: u16,
    /// All else.
    pub config: Config,
}

impl Default for Uri {
    fn default() -> Self {
        Self {
            host: "localhost".to_owned(),
            port: DEFAULT_PORT,
            config: Config::default(),
        }
    }
}

/// The URI without password and query.
impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Credentials::Plain { user, .. } = &self.config.credentials;
        let encode = |text| utf8_percent_encode(text, ENCODED);
        let (open, close) = if self.host.contains(':') {
            ("[", "]")
        } else {
            ("", "")
        };
        write!(
            f,
            "amqp://{}@{open}{}{close}:{}",
            encode(user),
            self.host,
            self.port
        )?;
        write!(f, "/{}", encode(&self.config.virtual_host))
    }
}

/// A URI that cannot be used: which part of it, and why. Never holds a secret.
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
    /// The scheme is not one that this build can speak.
    #[error("expected `amqp://` (TLS, `amqps://`, is not supported)")]
    UnsupportedScheme,
    /// An `@` behind the address: most often a user or password with a character that ends it.
    #[error("a `/`, `?`, `#` or `@` in user, password or virtual host must be percent-encoded")]
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
    /// A frame size other than 0 and below what the protocol demands.
    #[error("expected 0, or at least 4096")]
    FrameMax,
    /// Longer than the 255 octets that the protocol has room for.
    #[error("longer than 255 octets")]
    TooLong,
    /// No such key.
    #[error("unknown key")]
    UnknownKey,
    /// The key was given before.
    #[error("given twice")]
    RepeatedKey,
}

impl FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        let mut uri = Self::default();
        let (scheme, rest) = text.split_once("://").unwrap_or((text, ""));
        if !scheme.eq_ignore_ascii_case("amqp") || !text.contains("://") {
            return Err(refuse(UriPart::Scheme, UriErrorReason::UnsupportedScheme));
        }
        // Whatever stands before such an `@` may be part of a password, which no error may repeat.
        let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        if rest.rfind('@').is_some_and(|at| at > authority_end) {
            return Err(refuse(UriPart::Password, UriErrorReason::Delimiter));
        }
        if rest.contains('#') {
            return Err(refuse(UriPart::VirtualHost, UriErrorReason::Fragment));
        }
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query)),
            None => (rest, None),
        };
        let (authority, path) = match rest.split_once('/') {
            Some((authority, path)) => (authority, Some(path)),
            None => (rest, None),
        };
        let address = match authority.rsplit_once('@') {
            Some((user, address)) => {
                uri.config.credentials = read_credentials(user)?;
                address
            }
            None => authority,
        };
        read_address(address, &mut uri)?;
        if let Some(path) = path {
            uri.config.virtual_host = read_virtual_host(path)?;
        }
        if let Some(query) = query {
            read_query(query, &mut uri.config)?;
        }
        Ok(uri)
    }
}

impl TryFrom<&str> for Uri {
    type Error = UriError;

    fn try_from(text: &str) -> Result<Self, UriError> {
        text.parse()
    }
}

impl TryFrom<String> for Uri {
    type Error = UriError;

    fn try_from(text: String) -> Result<Self, UriError> {
        text.parse()
    }
}

impl TryFrom<&String> for Uri {
    type Error = UriError;

    fn try_from(text: &String) -> Result<Self, UriError> {
        text.parse()
    }
}

fn refuse(part: UriPart, reason: UriErrorReason) -> UriError {
    UriError { part, reason }
}

fn read_credentials(text: &str) -> Result<Credentials, UriError> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    Ok(Credentials::plain(
        decode(user, UriPart::User)?,
        decode(password, UriPart::Password)?,
    ))
}

fn read_address(text: &str, uri: &mut Uri) -> Result<(), UriError> {
    let (host, port) = if let Some(inner) = text.strip_prefix('[') {
        let (host, behind) = inner
            .split_once(']')
            .filter(|(host, _)| is_ipv6(host))
            .ok_or_else(|| refuse(UriPart::Host, UriErrorReason::Brackets))?;
        match behind.strip_prefix(':') {
            None if !behind.is_empty() => return Err(refuse(UriPart::Host, UriErrorReason::Brackets)),
            port => (host, port),
        }
    } else {
        match text.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Err(refuse(UriPart::Host, UriErrorReason::Brackets));
            }
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    if !host.is_empty() {
        let host = decode(host, UriPart::Host)?;
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
        if !host.chars().all(is_name) && !is_ipv6(&host) {
            return Err(refuse(UriPart::Host, UriErrorReason::HostName));
        }
        uri.host = host;
    }
    if let Some(port) = port.filter(|port| !port.is_empty()) {
        uri.port = number(port, UriPart::Port, 1, u16::MAX.into())? as u16;
    }
    Ok(())
}

/// An IPv6 address, perhaps with a zone behind a percent sign.
fn is_ipv6(host: &str) -> bool {
    let address = host.split_once('%').map_or(host, |(address, _)| address);
    address.parse::<Ipv6Addr>().is_ok()
}

fn read_virtual_host(path: &str) -> Result<String, UriError> {
    if path.contains('/') {
        return Err(refuse(UriPart::VirtualHost, UriErrorReason::Slash));
    }
    let name = decode(path, UriPart::VirtualHost)?;
    if name.len() > 255 {
        return Err(refuse(UriPart::VirtualHost, UriErrorReason::TooLong));
    }
    Ok(name)
}

fn read_query(query: &str, config: &mut Config) -> Result<(), UriError> {
    let mut seen = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let part = UriPart::Query(key.to_owned());
        if seen.contains(&key) {
            return Err(refuse(part, UriErrorReason::RepeatedKey));
        }
        seen.push(key);
        match key {
            "heartbeat" => config.heartbeat = Some(number(value, part, 0, u16::MAX.into())? as u16),
            "channel_max" => config.channel_max = number(value, part, 0, u16::MAX.into())? as u16,
            "connection_timeout" => {
                config.connection_timeout = Duration::from_millis(number(value, part, 1, u32::MAX.into())?);
            }
            "frame_max" => {
                config.frame_max = match number(value, part.clone(), 0, u32::MAX.into())? as u32 {
                    1..4096 => return Err(refuse(part, UriErrorReason::FrameMax)),
                    octets => octets,
                };
            }
            _ => return Err(refuse(part, UriErrorReason::UnknownKey)),
        }
    }
    Ok(())
}

/// A number between `min` and `max`; a caller that casts the result names a `max` that fits.
fn number(text: &str, part: UriPart, min: u64, max: u64) -> Result<u64, UriError> {
    let digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    let value = text
        .parse()
        .ok()
        .filter(|value| digits && (min..=max).contains(value));
    value.ok_or_else(|| refuse(part, UriErrorReason::NotInRange { min, max }))
}

fn decode(text: &str, part: UriPart) -> Result<String, UriError> {
    let is_hex = |octet: Option<&u8>| octet.is_some_and(u8::is_ascii_hexdigit);
    let octets = text.as_bytes();
    let percent = |(at, octet): (usize, &u8)| {
        *octet != b'%' || (is_hex(octets.get(at + 1)) && is_hex(octets.get(at + 2)))
    };
    if !octets.iter().enumerate().all(percent) {
        return Err(refuse(part, UriErrorReason::PercentEncoding));
    }
    match percent_decode_str(text).decode_utf8() {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(refuse(part, UriErrorReason::NotUtf8)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Uri {
        text.parse().unwrap()
    }

    #[test]
    fn every_part_has_a_default() {
        let uri = parse("amqp://");
        assert_eq!((uri.host.as_str(), uri.port), ("localhost", 5672));
        assert_eq!(uri.config.virtual_host, "/");
        assert_eq!(uri.config.credentials, Credentials::plain("guest", "guest"));
    }

    #[test]
    fn a_full_uri_is_percent_decoded() {
        let uri = parse("AMQP://us%65r:p%40ss:w@h%6Fst:10000/v%2fhost?channel_max=7&connection_timeout=1500");
        assert_eq!(uri.config.credentials, Credentials::plain("user", "p@ss:w"));
        assert_eq!((uri.host.as_str(), uri.port), ("host", 10000));
        assert_eq!(uri.config.virtual_host, "v/host");
        assert_eq!(uri.config.channel_max, 7);
        assert_eq!(uri.config.connection_timeout, Duration::from_millis(1500));
    }

    #[test]
    fn the_three_cases_of_the_virtual_host() {
        for (text, name) in [
            ("amqp://h", "/"),
            ("amqp://h/", ""),
            ("amqp://h/%2f", "/"),
            ("amqp://h?", "/"),
        ] {
            assert_eq!(parse(text).config.virtual_host, name, "{text}");
        }
    }

    #[test]
    fn addresses() {
        for (text, host, port) in [
            ("amqp://[::1]", "::1", 5672),
            ("amqp://[::1]:7", "::1", 7),
            ("amqp://h:", "h", 5672),
            ("amqp://user@:81", "localhost", 81),
        ] {
            let uri = parse(text);
            assert_eq!((uri.host.as_str(), uri.port), (host, port), "{text}");
        }
    }

    #[test]
    fn what_is_refused_and_why() {
        use UriErrorReason as R;
        let query = |key: &str| UriPart::Query(key.to_owned());
        for (text, part, reason) in [
            ("localhost", UriPart::Scheme, R::UnsupportedScheme),
            ("amqp", UriPart::Scheme, R::UnsupportedScheme),
            ("http://h", UriPart::Scheme, R::UnsupportedScheme),
            ("amqp://a%zz@h", UriPart::User, R::PercentEncoding),
            ("amqp://a:%4@h", UriPart::Password, R::PercentEncoding),
            ("amqp://a:%ff@h", UriPart::Password, R::NotUtf8),
            ("amqp://::1", UriPart::Host, R::Brackets),
            ("amqp://[::1", UriPart::Host, R::Brackets),
            ("amqp://[::1]7", UriPart::Host, R::Brackets),
            ("amqp://h:0", UriPart::Port, R::NotInRange { min: 1, max: 65535 }),
            (
                "amqp://h:65536",
                UriPart::Port,
                R::NotInRange { min: 1, max: 65535 },
            ),
            ("amqp://h:+1", UriPart::Port, R::NotInRange { min: 1, max: 65535 }),
            ("amqps://h", UriPart::Scheme, R::UnsupportedScheme),
            ("amqp://[foo]", UriPart::Host, R::Brackets),
            ("amqp://h ", UriPart::Host, R::HostName),
            ("amqp://h%00", UriPart::Host, R::HostName),
            ("amqp://h1,h2", UriPart::Host, R::HostName),
            ("amqp://u:1234/p@h", UriPart::Password, R::Delimiter),
            ("amqp://u:1234?p@h/", UriPart::Password, R::Delimiter),
            ("amqp://u:1#p@h", UriPart::Password, R::Delimiter),
            ("amqp://h/a/b", UriPart::VirtualHost, R::Slash),
            ("amqp://h/a#b", UriPart::VirtualHost, R::Fragment),
            (
                "amqp://h?heartbeat=-1",
                query("heartbeat"),
                R::NotInRange { min: 0, max: 65535 },
            ),
            ("amqp://h?frame_max=4095", query("frame_max"), R::FrameMax),
            (
                "amqp://h?heartbeat=1&heartbeat=1",
                query("heartbeat"),
                R::RepeatedKey,
            ),
            ("amqp://h?heartbeet=1", query("heartbeet"), R::UnknownKey),
        ] {
            assert_eq!(text.parse::<Uri>().unwrap_err(), refuse(part, reason), "{text}");
        }
        let long = format!("amqp://h/{}", "x".repeat(256));
        assert_eq!(
            long.parse::<Uri>().unwrap_err(),
            refuse(UriPart::VirtualHost, R::TooLong)
        );
    }

    #[test]
    fn secrets_are_never_printed() {
        let uri = parse("amqp://user:s3cret@[::1]/v%2f");
        assert!(!format!("{uri:?} {uri}").contains("s3cret"));
        assert_eq!(uri.to_string(), "amqp://user@[::1]:5672/v%2F");
        for text in [
            "amqp://user:s3cret%@h",
            "amqp://u:?s3cret@h",
            "amqp://u:1?s3cret@h/",
            "amqp://u:/s3cret@h",
        ] {
            let error = text.parse::<Uri>().unwrap_err();
            assert!(!format!("{error:?} {error}").contains("s3cret"), "{text}");
        }
    }
}
