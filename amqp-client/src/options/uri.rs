//! Reads `amqp://user:password@host:port/vhost?key=value`. Printing it is `display`'s work.

use std::str::FromStr;
use std::time::Duration;

use percent_encoding::percent_decode_str;

use super::host::split;
use super::{
    ConnectOptions, DEFAULT_PORT, DEFAULT_TLS_PORT, Host, ServerName, TlsOptions, TlsRoots, UriError,
    UriErrorReason, UriPart,
};
use crate::credentials::Credentials;
use crate::secret::Secret;

impl FromStr for ConnectOptions {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        let (scheme, rest) = text
            .split_once("://")
            .ok_or(refuse(UriPart::Scheme, UriErrorReason::UnsupportedScheme))?;
        let mut options = Self::default();
        let default_port = if scheme.eq_ignore_ascii_case("amqp") {
            DEFAULT_PORT
        } else if scheme.eq_ignore_ascii_case("amqps") {
            options.tls = Some(TlsOptions::default());
            DEFAULT_TLS_PORT
        } else {
            return Err(refuse(UriPart::Scheme, UriErrorReason::UnsupportedScheme));
        };
        // Whatever stands before such an `@` may be part of a password, which no error may repeat.
        let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, behind) = rest.split_at(authority_end);
        if behind.contains('@') || authority.matches('@').count() > 1 {
            return Err(refuse(UriPart::Password, UriErrorReason::Delimiter));
        }
        if rest.contains('#') {
            return Err(refuse(UriPart::VirtualHost, UriErrorReason::Fragment));
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = match rest.split_once('/') {
            Some((authority, path)) => (authority, Some(path)),
            None => (rest, None),
        };
        let (user, hosts) = match authority.rsplit_once('@') {
            Some((user, hosts)) => (Some(user), hosts),
            None => (None, authority),
        };
        let (user, password) = match user {
            Some(user) => user.split_once(':').unwrap_or((user, "")),
            None => ("guest", "guest"),
        };
        let user = decode(user, UriPart::User)?;
        let password = decode(password, UriPart::Password)?;
        options.hosts = read_hosts(hosts, default_port)?;
        if let Some(path) = path {
            options.config.virtual_host = read_virtual_host(path)?;
        }
        let mechanisms = read_query(query, &mut options)?;
        options.config.credentials = credentials(user, password, &mechanisms)?;
        Ok(options)
    }
}

impl TryFrom<&str> for ConnectOptions {
    type Error = UriError;

    fn try_from(text: &str) -> Result<Self, UriError> {
        text.parse()
    }
}

impl TryFrom<String> for ConnectOptions {
    type Error = UriError;

    fn try_from(text: String) -> Result<Self, UriError> {
        text.parse()
    }
}

impl TryFrom<&String> for ConnectOptions {
    type Error = UriError;

    fn try_from(text: &String) -> Result<Self, UriError> {
        text.parse()
    }
}

pub(super) fn refuse(part: UriPart, reason: UriErrorReason) -> UriError {
    UriError { part, reason }
}

/// What authenticates by these mechanisms, first choice first; by PLAIN when there are none.
fn credentials(user: String, password: String, mechanisms: &[String]) -> Result<Credentials, UriError> {
    // Whatever copies are made of the password here are wiped.
    let password = Secret::from(password);
    let mut chosen = None;
    for name in mechanisms {
        let next = match name.to_ascii_uppercase().as_str() {
            "PLAIN" => Credentials::plain(user.as_str(), password.clone()),
            "AMQPLAIN" => Credentials::amqplain(user.as_str(), password.clone()),
            "EXTERNAL" => Credentials::external(),
            "ANONYMOUS" => Credentials::anonymous(),
            "RABBIT-CR-DEMO" => Credentials::rabbit_cr_demo(user.as_str(), password.clone()),
            _ => {
                return Err(refuse(
                    UriPart::Query("auth_mechanism".to_owned()),
                    UriErrorReason::UnknownMechanism { name: name.clone() },
                ));
            }
        };
        chosen = Some(match chosen {
            Some(chosen) => Credentials::or(chosen, next),
            None => next,
        });
    }
    Ok(chosen.unwrap_or_else(|| Credentials::plain(user, password)))
}

fn read_hosts(text: &str, default_port: u16) -> Result<Vec<Host>, UriError> {
    let several = text.contains(',');
    let read = |text| {
        let mut host = read_host(text, default_port)?;
        if host.host.is_empty() {
            if several {
                return Err(refuse(UriPart::Host, UriErrorReason::HostName));
            }
            host.host.push_str("localhost");
        }
        Ok(host)
    };
    text.split(',').map(read).collect()
}

fn read_host(text: &str, default_port: u16) -> Result<Host, UriError> {
    let (host, port) = split(text)?;
    Host::of(decode(host, UriPart::Host)?, port, default_port)
}

fn read_virtual_host(path: &str) -> Result<String, UriError> {
    if path.contains('/') {
        return Err(refuse(UriPart::VirtualHost, UriErrorReason::Slash));
    }
    short(decode(path, UriPart::VirtualHost)?, UriPart::VirtualHost)
}

/// Reads the keys into the options, and gives back the mechanisms.
fn read_query(query: &str, options: &mut ConnectOptions) -> Result<Vec<String>, UriError> {
    let mut mechanisms: Vec<String> = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        let parameter = Parameter { key, value };
        let refuse = |reason| Err(parameter.refuse(reason));
        if key != "auth_mechanism" && seen.contains(&key) {
            return refuse(UriErrorReason::RepeatedKey);
        }
        let config = &mut options.config;
        match key {
            "auth_mechanism" => {
                let name = parameter.text()?;
                if mechanisms.iter().any(|other| name.eq_ignore_ascii_case(other)) {
                    return refuse(UriErrorReason::RepeatedKey);
                }
                mechanisms.push(name);
            }
            "blocked_connection_timeout" => config.blocked_connection_timeout = parameter.limit()?,
            "channel_max" => config.channel_max = parameter.number(0, u16::MAX)?,
            "connection_attempts" => options.connection_attempts = parameter.number(1, u32::MAX)?,
            "connection_timeout" => {
                if seen.contains(&"socket_timeout") {
                    return refuse(UriErrorReason::Contradiction {
                        other: "socket_timeout",
                    });
                }
                options.connection_timeout = match value {
                    INFINITY => Duration::MAX,
                    _ => match parameter.number(1, u64::MAX) {
                        Ok(milliseconds) => Duration::from_millis(milliseconds),
                        Err(_) => return refuse(UriErrorReason::NotMilliseconds),
                    },
                };
            }
            "frame_max" => match parameter.number(0, u32::MAX)? {
                1..4096 => return refuse(UriErrorReason::FrameMax),
                octets => config.frame_max = octets,
            },
            "heartbeat" => config.heartbeat = Some(parameter.number(0, u16::MAX)?),
            "locale" => config.locale = short(parameter.text()?, parameter.part())?,
            "name" => config.connection_name = Some(parameter.text()?),
            "protocol" => match value.parse() {
                Ok(protocol) => config.protocol = protocol,
                Err(error) => return refuse(UriErrorReason::Protocol(error)),
            },
            "protocol_fallback" => {
                options.protocol_fallback = parameter.one_of(&["true", "false"])? == "true";
            }
            "redirects" => options.redirects = parameter.number(0, u8::MAX)?,
            "retry_delay" => options.retry_delay = parameter.seconds()?,
            "socket_timeout" => {
                if seen.contains(&"connection_timeout") {
                    return refuse(UriErrorReason::Contradiction {
                        other: "connection_timeout",
                    });
                }
                options.connection_timeout = parameter.limit()?;
            }
            "stack_timeout" => options.stack_timeout = Some(parameter.limit()?),
            _ if !TLS_KEYS.contains(&key) => {
                // Behind a password it may be a part of it.
                return match seen.contains(&"password") {
                    true => Err(Parameter {
                        key: "password",
                        value,
                    }
                    .refuse(UriErrorReason::Ampersand)),
                    false => refuse(UriErrorReason::UnknownKey),
                };
            }
            _ => match &mut options.tls {
                Some(tls) => read_tls(&parameter, tls)?,
                None => return refuse(UriErrorReason::NotTls),
            },
        }
        seen.push(key);
    }
    let tls = options.tls.as_ref();
    if tls.is_some_and(|tls| tls.keyfile.is_some() && tls.certfile.is_none()) {
        let part = UriPart::Query("keyfile".to_owned());
        return Err(refuse(part, UriErrorReason::Without { other: "certfile" }));
    }
    Ok(mechanisms)
}

const TLS_KEYS: [&str; 8] = [
    "cacertfile",
    "certfile",
    "depth",
    "fail_if_no_peer_cert",
    "keyfile",
    "password",
    "server_name_indication",
    "verify",
];

fn read_tls(parameter: &Parameter<'_>, tls: &mut TlsOptions) -> Result<(), UriError> {
    match parameter.key {
        "cacertfile" => tls.roots = TlsRoots::File(parameter.text()?.into()),
        "certfile" => tls.certfile = Some(parameter.text()?.into()),
        "depth" => drop(parameter.number(0, u8::MAX)?),
        "fail_if_no_peer_cert" => drop(parameter.one_of(&["true", "false"])?),
        "keyfile" => tls.keyfile = Some(parameter.text()?.into()),
        "password" => tls.key_password = Some(parameter.text()?.into()),
        "server_name_indication" => {
            tls.server_name = match parameter.value {
                "disable" => ServerName::Disabled,
                "" => return Err(parameter.refuse(UriErrorReason::HostName)),
                _ => ServerName::Name(parameter.text()?),
            };
        }
        _ => {
            let verify = parameter.one_of(&["verify_peer", "verify_none"])?;
            tls.dangerously_skip_verification = verify == "verify_none";
        }
    }
    Ok(())
}

/// What stands for [`Duration::MAX`].
pub(super) const INFINITY: &str = "infinity";

/// A key and its value, as they stand in the URI.
struct Parameter<'a> {
    key: &'a str,
    value: &'a str,
}

impl<'a> Parameter<'a> {
    fn part(&self) -> UriPart {
        UriPart::Query(self.key.to_owned())
    }

    fn refuse(&self, reason: UriErrorReason) -> UriError {
        refuse(self.part(), reason)
    }

    fn text(&self) -> Result<String, UriError> {
        decode(self.value, self.part())
    }

    fn number<N: TryFrom<u64> + Into<u64>>(&self, min: u64, max: N) -> Result<N, UriError> {
        number(self.value, &self.part(), min, max)
    }

    /// Seconds with up to nine digits behind the point.
    fn seconds(&self) -> Result<Duration, UriError> {
        if self.value == INFINITY {
            return Ok(Duration::MAX);
        }
        let (whole, fraction) = self.value.split_once('.').unwrap_or((self.value, "0"));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
        let seconds = whole.parse().ok();
        // Padded to nanoseconds.
        let nanoseconds = format!("{fraction:0<9}").parse().ok();
        match (seconds, nanoseconds) {
            (Some(seconds), Some(nanoseconds))
                if is_number(whole) && is_number(fraction) && fraction.len() <= 9 =>
            {
                Ok(Duration::new(seconds, nanoseconds))
            }
            _ => Err(self.refuse(UriErrorReason::NotSeconds)),
        }
    }

    /// Seconds that must be more than 0.
    fn limit(&self) -> Result<Duration, UriError> {
        match self.seconds()? {
            Duration::ZERO => Err(self.refuse(UriErrorReason::Zero)),
            limit => Ok(limit),
        }
    }

    fn one_of(&self, expected: &'static [&'static str]) -> Result<&'a str, UriError> {
        if expected.contains(&self.value) {
            Ok(self.value)
        } else {
            Err(self.refuse(UriErrorReason::NotOneOf { expected }))
        }
    }
}

pub(super) fn number<N: TryFrom<u64> + Into<u64>>(
    text: &str,
    part: &UriPart,
    min: u64,
    max: N,
) -> Result<N, UriError> {
    let max = max.into();
    let digits = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    let value = text
        .parse()
        .ok()
        .filter(|value| digits && (min..=max).contains(value));
    value
        .and_then(|value| N::try_from(value).ok())
        .ok_or_else(|| refuse(part.clone(), UriErrorReason::NotInRange { min, max }))
}

/// Text that the protocol has to carry in a short string.
fn short(text: String, part: UriPart) -> Result<String, UriError> {
    if text.len() > 255 {
        return Err(refuse(part, UriErrorReason::TooLong));
    }
    Ok(text)
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
