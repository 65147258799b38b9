//! A server's name and port, and how the two stand in a text. What else a URI holds is `uri`'s.

use std::fmt;
use std::net::Ipv6Addr;

use super::uri::{number, refuse};
use super::{UriError, UriErrorReason, UriPart};

/// A server: its name or address, and its TCP port.
///
/// Prints as `name:port`, an IPv6 address in brackets.
///
/// ```
/// use amqp_client::Host;
///
/// assert_eq!(Host::new("::1", 5672).to_string(), "[::1]:5672");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Host {
    /// A name, or an address, an IPv6 one without brackets.
    pub host: String,
    /// The TCP port.
    pub port: u16,
}

impl Host {
    /// The server on `host`, a name or an address, at `port`.
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        let host = host.into();
        Self { host, port }
    }

    /// Reads `host` or `host:port` as a server writes it: a name or an address, an IPv6 one in brackets.
    pub(crate) fn read(text: &str, default_port: u16) -> Result<Self, UriError> {
        match split(text)? {
            ("", _) => Err(refuse(UriPart::Host, UriErrorReason::HostName)),
            (host, port) => Self::of(host.to_owned(), port, default_port),
        }
    }

    /// What these two parts of a text say.
    pub(super) fn of(host: String, port: Option<&str>, default_port: u16) -> Result<Self, UriError> {
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
        if !host.chars().all(is_name) && !is_ipv6(&host) {
            return Err(refuse(UriPart::Host, UriErrorReason::HostName));
        }
        let port = match port {
            None | Some("") => default_port,
            Some(port) => number(port, &UriPart::Port, 1, u16::MAX)?,
        };
        Ok(Self { host, port })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') {
            write!(f, "[{host}]:{port}")
        } else {
            write!(f, "{host}:{port}")
        }
    }
}

/// The host, out of its brackets, and the port.
pub(super) fn split(text: &str) -> Result<(&str, Option<&str>), UriError> {
    if let Some(inner) = text.strip_prefix('[') {
        let (host, behind) = inner
            .split_once(']')
            .filter(|(host, _)| is_ipv6(host))
            .ok_or(refuse(UriPart::Host, UriErrorReason::Brackets))?;
        match behind.strip_prefix(':') {
            None if !behind.is_empty() => Err(refuse(UriPart::Host, UriErrorReason::Brackets)),
            port => Ok((host, port)),
        }
    } else {
        match text.split_once(':') {
            Some((_, port)) if port.contains(':') => Err(refuse(UriPart::Host, UriErrorReason::Brackets)),
            Some((host, port)) => Ok((host, Some(port))),
            None => Ok((text, None)),
        }
    }
}

/// An IPv6 address, perhaps with a zone behind a percent sign.
fn is_ipv6(host: &str) -> bool {
    let address = host.split_once('%').map_or(host, |(address, _)| address);
    address.parse::<Ipv6Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_writes_is_read_without_the_ways_of_uris() {
        for (text, host) in [
            ("rabbit-2", Host::new("rabbit-2", 5672)),
            ("rabbit-2:", Host::new("rabbit-2", 5672)),
            ("rabbit-2:7", Host::new("rabbit-2", 7)),
            ("192.0.2.1:7", Host::new("192.0.2.1", 7)),
            ("[::1]", Host::new("::1", 5672)),
            ("[fe80::1%eth0]:7", Host::new("fe80::1%eth0", 7)),
        ] {
            assert_eq!(Host::read(text, 5672), Ok(host), "{text}");
        }
        for text in [
            "", ":7", " h", "h%2d", "h:0", "h:65536", "::1", "[h]", "h/v", "u@h", "h,i", "h\n", "\0",
            "amqp://h",
        ] {
            assert!(Host::read(text, 5672).is_err(), "{text}");
        }
    }
}
