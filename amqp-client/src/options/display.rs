//! Prints options as the URI that they could be read from, without what is secret. Reading it is `uri`'s work.

use std::fmt;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::uri::INFINITY;
use super::{ConnectOptions, ServerName, TlsOptions, TlsRoots};
use crate::config::Config;

/// What stands for itself is letters, digits and these four.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Between brackets a colon does too.
const ENCODED_IPV6: &AsciiSet = &ENCODED.remove(b':');

/// In a query a slash does too.
const ENCODED_VALUE: &AsciiSet = &ENCODED.remove(b'/');

impl fmt::Display for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls.is_some() { "amqps" } else { "amqp" };
        write!(f, "{scheme}://")?;
        // Without a user the default ones are read again, password and all.
        let credentials = &self.config.credentials;
        if *credentials != Config::default().credentials
            && let Some(user) = credentials.user()
        {
            write!(f, "{}@", utf8_percent_encode(user, ENCODED))?;
        }
        for (at, host) in self.hosts.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let port = host.port;
            if host.host.contains(':') {
                let host = utf8_percent_encode(&host.host, ENCODED_IPV6);
                write!(f, "{comma}[{host}]:{port}")?;
            } else {
                let host = utf8_percent_encode(&host.host, ENCODED);
                write!(f, "{comma}{host}:{port}")?;
            }
        }
        write!(f, "/{}", utf8_percent_encode(&self.config.virtual_host, ENCODED))?;
        let mut query = Query { f, separator: '?' };
        query.config(&self.config)?;
        query.options(self)?;
        self.tls.as_ref().map_or(Ok(()), |tls| query.tls(tls))
    }
}

/// Writes those keys whose values are not the defaults.
struct Query<'a, 'f> {
    f: &'a mut fmt::Formatter<'f>,
    separator: char,
}

impl Query<'_, '_> {
    fn config(&mut self, config: &Config) -> fmt::Result {
        let default = Config::default();
        let mechanisms = || config.credentials.mechanisms();
        if !mechanisms().eq(default.credentials.mechanisms()) {
            for name in mechanisms() {
                self.put_text("auth_mechanism", &name.to_ascii_lowercase())?;
            }
        }
        if let Some(heartbeat) = config.heartbeat {
            self.put("heartbeat", heartbeat)?;
        }
        if config.channel_max != default.channel_max {
            self.put("channel_max", config.channel_max)?;
        }
        if config.frame_max != default.frame_max {
            self.put("frame_max", config.frame_max)?;
        }
        if config.blocked_connection_timeout != default.blocked_connection_timeout {
            self.put(
                "blocked_connection_timeout",
                Seconds(config.blocked_connection_timeout),
            )?;
        }
        if config.protocol != default.protocol {
            self.put("protocol", config.protocol)?;
        }
        if config.locale != default.locale {
            self.put_text("locale", &config.locale)?;
        }
        if let Some(name) = &config.connection_name {
            self.put_text("name", name)?;
        }
        Ok(())
    }

    fn options(&mut self, options: &ConnectOptions) -> fmt::Result {
        let default = ConnectOptions::default();
        if options.connection_timeout != default.connection_timeout {
            let limit = options.connection_timeout;
            match u64::try_from(limit.as_millis()) {
                Ok(whole) if Duration::from_millis(whole) == limit => {
                    self.put("connection_timeout", whole)?;
                }
                _ => self.put("socket_timeout", Seconds(limit))?,
            }
        }
        if let Some(limit) = options.stack_timeout {
            self.put("stack_timeout", Seconds(limit))?;
        }
        if options.connection_attempts != default.connection_attempts {
            self.put("connection_attempts", options.connection_attempts)?;
        }
        if options.retry_delay != default.retry_delay {
            self.put("retry_delay", Seconds(options.retry_delay))?;
        }
        if options.protocol_fallback {
            self.put("protocol_fallback", true)?;
        }
        if options.redirects != default.redirects {
            self.put("redirects", options.redirects)?;
        }
        Ok(())
    }

    fn tls(&mut self, tls: &TlsOptions) -> fmt::Result {
        if let TlsRoots::File(path) = &tls.roots {
            self.put_text("cacertfile", &path.to_string_lossy())?;
        }
        if let Some(path) = &tls.certfile {
            self.put_text("certfile", &path.to_string_lossy())?;
        }
        if let Some(path) = &tls.keyfile {
            self.put_text("keyfile", &path.to_string_lossy())?;
        }
        if tls.dangerously_skip_verification {
            self.put("verify", "verify_none")?;
        }
        match &tls.server_name {
            ServerName::Host => Ok(()),
            ServerName::Name(name) => self.put_text("server_name_indication", name),
            ServerName::Disabled => self.put("server_name_indication", "disable"),
        }
    }

    fn put_text(&mut self, key: &str, value: &str) -> fmt::Result {
        self.put(key, utf8_percent_encode(value, ENCODED_VALUE))
    }

    fn put(&mut self, key: &str, value: impl fmt::Display) -> fmt::Result {
        let separator = std::mem::replace(&mut self.separator, '&');
        write!(self.f, "{separator}{key}={value}")
    }
}

/// A time in seconds, with as many digits behind the point as it needs.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == Duration::MAX {
            return f.write_str(INFINITY);
        }
        let digits = format!("{}.{:09}", self.0.as_secs(), self.0.subsec_nanos());
        f.write_str(digits.trim_end_matches('0').trim_end_matches('.'))
    }
}
