//! What a connection wants of the server: identity, limits and times. Where the server is stands in [`Uri`](crate::Uri).

use std::fmt;
use std::time::Duration;

use amqp_protocol::FieldTable;

/// The settings of one connection, with RabbitMQ's defaults: guest on virtual host `/`.
///
/// [`Duration::MAX`] is no time-out.
///
/// ```
/// use amqp_client::{Config, Credentials};
///
/// let mut config = Config::default();
/// config.credentials = Credentials::plain("orders", "s3cret");
/// config.connection_name = Some("orders-service".to_owned());
/// assert!(!format!("{config:?}").contains("s3cret"));
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// Who connects. Default: user `guest`, password `guest`.
    pub credentials: Credentials,
    /// The virtual host that connection.open asks for. Default: `/`.
    pub virtual_host: String,
    /// A name for people: it stands in the broker's list of connections and in this library's errors. Default: none.
    pub connection_name: Option<String>,
    /// Entries added to the client properties of connection.start-ok; they replace the library's own of the same name.
    pub client_properties: FieldTable<'static>,
    /// The locale of connection.start-ok. Default: `en_US`.
    pub locale: String,
    /// The most channels wanted at once; the server may lower it. 0 leaves it to the server. Default: 65,535.
    pub channel_max: u16,
    /// The largest frame wanted, in octets, its 8 octets of envelope included; the server may lower it. 0 leaves it to the
    /// server; anything else below 4,096 counts as 4,096, the least that the protocol allows. Default: 131,072.
    pub frame_max: u32,
    /// Seconds after which a silent peer counts as dead, twice over; 0 switches heartbeats off. A number given here is used
    /// whatever the server proposed; `None`, the default, takes the server's.
    pub heartbeat: Option<u16>,
    /// How long looking the host up may take, and opening the TCP connection, per address. Default: 10 seconds.
    pub connection_timeout: Duration,
    /// How long the AMQP handshake may take, from the first octet to connection.open-ok. Default: 15 seconds.
    pub handshake_timeout: Duration,
    /// How long a call waits for its reply. Default: 30 seconds.
    pub call_timeout: Duration,
    /// How long the transport may take nothing while octets wait for it; then the connection ends. Not counted while the
    /// server blocks publishing, because it may stop reading then. Default: 60 seconds.
    pub write_timeout: Duration,
    /// How long a publish waits while the server blocks publishing or the transport takes nothing. Default: 60 seconds.
    pub publish_timeout: Duration,
    /// How long an orderly close waits for the server, and then for the end of the stream, before the transport is given up. Default: 10 seconds.
    pub close_timeout: Duration,
    /// The largest body accepted, in octets; a larger one is read and thrown away, and its consumer told.
    /// Default: 134,217,728, RabbitMQ's own limit.
    pub body_max: u64,
    /// Octets of received deliveries that may wait for their consumers before reading from the transport pauses.
    /// Default: 67,108,864.
    pub receive_buffer: usize,
    /// Octets queued for the transport above which a publish waits. Default: 4,194,304.
    pub send_buffer: usize,
    /// Unsettled deliveries that a consumer may hold when neither it nor its channel says otherwise; 0 is no limit.
    /// Default: 100.
    pub prefetch_count: u16,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            credentials: Credentials::plain("guest", "guest"),
            virtual_host: "/".to_owned(),
            connection_name: None,
            client_properties: FieldTable::default(),
            locale: "en_US".to_owned(),
            channel_max: u16::MAX,
            frame_max: 131_072,
            heartbeat: None,
            connection_timeout: Duration::from_secs(10),
            handshake_timeout: Duration::from_secs(15),
            call_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(60),
            publish_timeout: Duration::from_secs(60),
            close_timeout: Duration::from_secs(10),
            body_max: 128 << 20,
            receive_buffer: 64 << 20,
            send_buffer: 4 << 20,
            prefetch_count: 100,
        }
    }
}

/// How the client proves who it is. [`fmt::Debug`] hides every secret.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Credentials {
    /// SASL mechanism PLAIN: user and password in clear text, as safe as the transport is.
    Plain {
        /// The user's name.
        user: String,
        /// The user's password.
        password: String,
    },
}

impl Credentials {
    /// User and password for the mechanism PLAIN.
    pub fn plain(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self::Plain {
            user: user.into(),
            password: password.into(),
        }
    }

    /// The name of the SASL mechanism, as in connection.start-ok.
    pub fn mechanism(&self) -> &'static str {
        match self {
            Self::Plain { .. } => "PLAIN",
        }
    }

    /// The response of connection.start-ok.
    pub(crate) fn response(&self) -> Vec<u8> {
        match self {
            Self::Plain { user, password } => [b"\0", user.as_bytes(), b"\0", password.as_bytes()].concat(),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain { user, .. } => f
                .debug_struct("Plain")
                .field("user", user)
                .field("password", &format_args!("(hidden)"))
                .finish(),
        }
    }
}
