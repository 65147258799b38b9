//! Where servers are and how to connect to them. What is wanted of a server once connected stands in
//! [`Config`]; connecting is the adapters' work.

mod display;
mod host;
#[cfg(test)]
mod properties;
mod tcp;
#[cfg(test)]
mod tests;
mod tls;
mod uri;
mod uri_error;

use std::time::Duration;

use crate::config::Config;
use crate::settings::settings;
pub use host::Host;
pub use tcp::{Keepalive, TcpOptions};
pub use tls::{ServerName, TlsOptions, TlsRoots};
pub use uri_error::{UriError, UriErrorReason, UriPart};

/// The port of AMQP without TLS.
pub const DEFAULT_PORT: u16 = 5672;

/// The port of AMQP within TLS.
pub const DEFAULT_TLS_PORT: u16 = 5671;

settings! {
    /// Where the servers are, and how to connect to them: built up by setters, or read from a URI.
    ///
    /// ```
    /// use amqp_client::{Config, ConnectOptions, Host};
    ///
    /// let options = ConnectOptions::default()
    ///     .hosts([Host::new("rabbit-1", 5672), Host::new("rabbit-2", 5672)])
    ///     .connection_attempts(3)
    ///     .config(Config::default().heartbeat(10).virtual_host("shop"));
    /// let same = "amqp://rabbit-1:5672,rabbit-2:5672/shop?heartbeat=10&connection_attempts=3";
    /// assert_eq!(options.to_string(), same);
    ///
    /// let read: ConnectOptions = same.parse()?;
    /// assert_eq!(read.hosts, options.hosts);
    /// # Ok::<(), amqp_client::UriError>(())
    /// ```
    ///
    /// # What is tried
    ///
    /// By the `connect` of every adapter of this crate alike:
    ///
    /// Each host's name is looked up and each of its addresses tried, until one gives an open connection. After the last of
    /// them there is a pause of `retry_delay`, and another round, as often as `connection_attempts` says. A failure does not
    /// keep the next address from being tried whatever it is, a refused password included: servers may differ. Only a setting
    /// that does not fit the protocol ends it all at once.
    ///
    /// A server that offers another revision of the protocol, or redirects to another host, is an attempt that failed, and a
    /// last one unless [`protocol_fallback`](field@Self::protocol_fallback) or [`redirects`](field@Self::redirects) say
    /// otherwise.
    ///
    /// A [provider](crate::SecretProvider) of the credentials is asked at the beginning of each round, for at most
    /// `handshake_timeout`.
    ///
    /// # URIs
    ///
    /// `amqp://user:password@host:port/vhost?key=value&key=value`, by RabbitMQ's URI specification. All but the scheme may
    /// be left out. User, password, hosts, virtual host and the values of keys are percent-decoded.
    ///
    /// - `amqps://` is AMQP within TLS, on port 5671.
    /// - A user without a password has the empty one. Without a user it is `guest` with password `guest`.
    /// - Hosts may be several, separated by commas: `amqp://one:5672,two,[::1]:5673`. Each without a port has the
    ///   scheme's.
    /// - The virtual host has three cases: `amqp://h` means the default `/`, `amqp://h/` the host whose name is empty, and
    ///   `amqp://h/%2f` is `/` written out.
    ///
    /// The keys are RabbitMQ's, those of the Python client Pika, and three of our own: `protocol`, `protocol_fallback` and
    /// `redirects`. An unknown key is refused, and so is a repeated one,
    /// except `auth_mechanism`.
    ///
    /// | key | value | sets |
    /// |---|---|---|
    /// | `heartbeat` | seconds; 0 is off | [`Config::heartbeat`](field@Config::heartbeat) |
    /// | `connection_timeout` | whole **milliseconds** | [`connection_timeout`](field@Self::connection_timeout) |
    /// | `socket_timeout` | seconds | the same; giving both is refused |
    /// | `stack_timeout` | seconds | [`stack_timeout`](field@Self::stack_timeout) |
    /// | `blocked_connection_timeout` | seconds | [`Config::blocked_connection_timeout`](field@Config::blocked_connection_timeout) |
    /// | `connection_attempts` | at least 1 | [`connection_attempts`](field@Self::connection_attempts) |
    /// | `retry_delay` | seconds | [`retry_delay`](field@Self::retry_delay) |
    /// | `channel_max` | 0 to 65535 | [`Config::channel_max`](field@Config::channel_max) |
    /// | `frame_max` | octets: 0, or at least 4096 | [`Config::frame_max`](field@Config::frame_max) |
    /// | `locale` | text | [`Config::locale`](field@Config::locale) |
    /// | `protocol` | `0-9-1`, or `0-8` in a build with the feature `v0-8` | [`Config::protocol`](field@Config::protocol) |
    /// | `protocol_fallback` | `true` or `false` | [`protocol_fallback`](field@Self::protocol_fallback) |
    /// | `redirects` | 0 to 255 | [`redirects`](field@Self::redirects) |
    /// | `name` | text | [`Config::connection_name`](field@Config::connection_name) |
    /// | `auth_mechanism` | `plain`, `amqplain`, `external`, `anonymous` or `rabbit-cr-demo`; may be repeated, first choice first | the mechanisms of [`Config::credentials`](field@Config::credentials) |
    ///
    /// Seconds may have a fraction (`0.5`), except those of `heartbeat`. Of the times only `heartbeat` and `retry_delay` may
    /// be 0; each but `heartbeat` may be `infinity`, which is no limit.
    ///
    /// These are for `amqps://` alone:
    ///
    /// | key | value | sets |
    /// |---|---|---|
    /// | `cacertfile` | path | [`TlsOptions::roots`](field@TlsOptions::roots) |
    /// | `certfile`, `keyfile` | path | [`TlsOptions::certfile`](field@TlsOptions::certfile), [`TlsOptions::keyfile`](field@TlsOptions::keyfile) |
    /// | `password` | text | [`TlsOptions::key_password`](field@TlsOptions::key_password) |
    /// | `verify` | `verify_peer` (default) or `verify_none` | [`TlsOptions::dangerously_skip_verification`](field@TlsOptions::dangerously_skip_verification) |
    /// | `server_name_indication` | a name, or `disable` | [`TlsOptions::server_name`](field@TlsOptions::server_name) |
    /// | `fail_if_no_peer_cert` | `true` or `false` | nothing: it is a server's setting, and a server always has a certificate |
    /// | `depth` | 0 to 255 | nothing: rustls has a limit of its own on the length of a chain |
    ///
    /// [`Display`](std::fmt::Display) prints the URI again, without passwords, and with those keys alone that differ from their
    /// defaults. What no key can say is left out. It is for people: read again, a user other than the default has an empty
    /// password.
    #[derive(Debug, Clone)]
    #[non_exhaustive]
    pub struct ConnectOptions {
        /// The servers, most wanted first. Default: `localhost:5672`.
        hosts: Vec<Host> = vec![Host::new("localhost", DEFAULT_PORT)],
            set(hosts: impl IntoIterator<Item = Host>) hosts.into_iter().collect();
        /// Whether the hosts, and the addresses of each, are tried in an order that chance finds, anew in each round, so
        /// that many clients do not all meet at the first. Default: `false`.
        shuffle: bool = false;
        /// How many rounds are made over all addresses of all hosts before connecting has failed; 0 counts as 1. What
        /// failed is kept until then, for the error. Default: 1.
        connection_attempts: u32 = 1;
        /// The longest pause between two rounds. It is at least half as long, and chance says how long, so that clients
        /// which failed together do not come back together. Default: 2 seconds.
        retry_delay: Duration = Duration::from_secs(2);
        /// How long looking a host up may take, and connecting to an address over TCP. Default: 10 seconds. What comes
        /// after is held to [`Config::handshake_timeout`](field@Config::handshake_timeout).
        connection_timeout: Duration = Duration::from_secs(10);
        /// How long an attempt at one address may take in all, from its first TCP segment to connection.open-ok. If given,
        /// it stands in place of [`Config::handshake_timeout`](field@Config::handshake_timeout). Default: none.
        stack_timeout: Option<Duration> = None, set(limit: Duration) Some(limit);
        /// Whether an address where a server [offers another revision](crate::ConnectionError::VersionRefused) of the
        /// protocol is tried once more, with that one, if this build speaks it. (RabbitMQ 4 offers AMQP 1.0 to whoever asks
        /// for 0-8.) Default: `false`.
        protocol_fallback: bool = false;
        /// How many times in a round a server may [name another host](crate::ConnectionError::Redirected) to connect to,
        /// as AMQP 0-8 lets it. The host that it names is tried next, behind it the first seven known hosts, then the
        /// others of [`hosts`](field@Self::hosts); one that was tried in this round is left out. As long as one more
        /// redirect would be followed, connection.open does not [`insist`](field@Config::insist). Default: 0.
        ///
        /// **Whoever is followed gets the credentials**, and chooses the host: follow servers that you trust, within TLS,
        /// for without it anybody on the way may answer in their name. TLS is spoken with the new host as with the old one:
        /// the certificate must carry the new name, unless [`TlsOptions::server_name`](field@TlsOptions::server_name)
        /// gives another.
        redirects: u8 = 0;
        /// What the sockets are like.
        tcp: TcpOptions = TcpOptions::default();
        /// How to speak TLS. Default: not at all.
        tls: Option<TlsOptions> = None, set(tls: TlsOptions) Some(tls);
        /// What is wanted of the server.
        config: Config = Config::default();
    }
}

impl ConnectOptions {
    /// The port of a server that says none.
    pub(crate) fn default_port(&self) -> u16 {
        match self.tls {
            Some(_) => DEFAULT_TLS_PORT,
            None => DEFAULT_PORT,
        }
    }
}
