//! What a connection wants of the server: identity, limits and times. Where the server is stands in
//! [`ConnectOptions`](crate::ConnectOptions).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use amqp_protocol::FieldTable;

use crate::credentials::Credentials;
use crate::dialect::Protocol;
use crate::options::Host;
use crate::propagation::Propagator;
use crate::settings::settings;
use crate::wire;

settings! {
    /// The settings of one connection, with RabbitMQ's defaults: guest on virtual host `/`.
    ///
    /// [`Duration::MAX`] is no time-out.
    ///
    /// ```
    /// use amqp_client::{Config, Credentials};
    ///
    /// let config = Config::default()
    ///     .credentials(Credentials::plain("orders", "s3cret"))
    ///     .connection_name("orders-service")
    ///     .heartbeat(10);
    /// assert_eq!(config.heartbeat, Some(10));
    /// assert!(!format!("{config:?}").contains("s3cret"));
    /// ```
    #[derive(Debug, Clone)]
    #[non_exhaustive]
    pub struct Config {
        /// The revision of the protocol that is asked for. A server that speaks another one
        /// [says so](crate::ConnectionError::VersionRefused). Default: AMQP 0-9-1.
        protocol: Protocol = Protocol::default();
        /// Who connects. Default: user `guest`, password `guest`.
        credentials: Credentials = Credentials::plain("guest", "guest");
        /// The virtual host that connection.open asks for. Default: `/`.
        virtual_host: String = "/".to_owned(), set(name: impl Into<String>) name.into();
        /// The realm of which access.request asks for each channel before the channel counts as open, where the protocol has
        /// realms (AMQP 0-8); its ticket goes into every method that has one. A server that refuses it closes the channel.
        /// RabbitMQ grants any. `None` asks for none, and tickets are 0. Default: `/data`.
        access_realm: Option<String> = Some("/data".to_owned());
        /// Whether connection.open insists on this very host, where the protocol has redirects (AMQP 0-8). Otherwise the
        /// server may name another: [`Redirected`](crate::ConnectionError::Redirected). Default: true.
        insist: bool = true;
        /// A name for people: it stands in the server's list of connections and in this library's errors. Default: none.
        connection_name: Option<String> = None, set(name: impl Into<String>) Some(name.into());
        /// Entries added to the client properties of connection.start-ok; they replace the library's own of the same name.
        client_properties: FieldTable<'static> = FieldTable::default();
        /// The locale of connection.start-ok. Default: `en_US`.
        locale: String = "en_US".to_owned(), set(locale: impl Into<String>) locale.into();
        /// The most channels wanted at once; the server may lower it. 0 leaves it to the server. Default: 65,535.
        channel_max: u16 = u16::MAX;
        /// The largest frame wanted, in octets, its 8 octets of envelope included; the server may lower it. 0 leaves it to
        /// the server; anything else below 4,096 counts as 4,096, the least that the protocol allows. Default: 131,072.
        frame_max: u32 = 131_072;
        /// Seconds after which a silent server counts as dead, twice over; 0 switches heartbeats off. A number given here is
        /// used whatever the server proposed; `None`, the default, takes the server's.
        heartbeat: Option<u16> = None, set(seconds: u16) Some(seconds);
        /// How long the handshake may take, from the first octet after TCP has connected, TLS included, to
        /// connection.open-ok. Default: 15 seconds.
        handshake_timeout: Duration = Duration::from_secs(15);
        /// How long a call waits for its reply. Default: 30 seconds.
        call_timeout: Duration = Duration::from_secs(30);
        /// How long the transport may take nothing while octets wait for it; then the connection ends. Not counted while
        /// the server blocks publishing, because it may stop reading then. Default: 60 seconds.
        write_timeout: Duration = Duration::from_secs(60);
        /// Whether a publish waits while the server holds publishing back. Default: it waits.
        held_back: HeldBack = HeldBack::Wait;
        /// How long a publish waits while the server holds publishing back or the transport takes nothing.
        /// Default: 60 seconds.
        publish_timeout: Duration = Duration::from_secs(60);
        /// How long the server may block publishing (connection.blocked); then the connection ends. Default: no limit.
        blocked_connection_timeout: Duration = Duration::MAX;
        /// How long an orderly close waits for the server, and then for the end of the stream, before the transport is
        /// given up. Default: 10 seconds.
        close_timeout: Duration = Duration::from_secs(10);
        /// The largest body accepted, in octets; a larger one is read and thrown away, and its consumer
        /// yields [`TooLarge`](crate::ConsumerError::TooLarge). Default: 134,217,728, RabbitMQ's own limit.
        body_max: u64 = 128 << 20;
        /// Octets of memory that received messages may hold before they are taken; then reading from the transport pauses,
        /// unless a reply is awaited. Four times as much is the most that is ever held, incomplete messages included, beside
        /// a read buffer and what the frames before the bodies take: at that point the consumer that is furthest behind
        /// [ends](crate::ConsumerEnd::Overflow), or the largest incomplete body is thrown away as if it were over
        /// `body_max`. As many octets of answers to what the server sent, settlements among them, may wait for a transport
        /// that does not take them; then the connection [ends](crate::ConnectionError::AnswersNotTaken).
        /// Default: 67,108,864.
        receive_buffer: usize = 64 << 20;
        /// The same limit as a number of messages, for small ones: what is read ahead of a consumer only takes memory. Default:
        /// 16,384, a quarter of the largest prefetch, for which the fourfold limit has room.
        receive_buffer_messages: usize = 16_384;
        /// Octets queued for the transport above which publishes wait, until it has taken half of that. Default: 4,194,304.
        send_buffer: usize = 4 << 20;
        /// Unsettled deliveries that a consumer may hold when neither it nor its channel says otherwise; 0 is no limit. How
        /// much that [may be](crate::Request::prefetch_count) depends on `receive_buffer`. Default: 100.
        prefetch_count: u16 = 100;
        /// What sees every frame of the connection, such as a [`wire::Recorder`] or a [`wire::Text`].
        /// Default: none.
        wire_tap: Option<Arc<dyn wire::Tap>> = None, set(tap: Arc<dyn wire::Tap>) Some(tap);
        /// Who is at the other end, for what traces say. The `connect` of an adapter knows, and replaces it; over a stream
        /// of your own, say it here. Default: nothing is known.
        peer: Peer = Peer::default();
        /// Carries the context of traces in the headers of messages: asked at each publish, and for each delivery whose
        /// context is wanted. Default: none.
        propagator: Option<Arc<dyn Propagator>> = None,
            set(propagator: impl Propagator + 'static) Some(Arc::new(propagator));
    }
}

/// Who is at the other end of a connection's stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Peer {
    /// The server as it was asked for.
    pub host: Option<Host>,
    /// The address that the stream leads to.
    pub address: Option<SocketAddr>,
}

impl Peer {
    /// The server `host`, at this address.
    ///
    /// ```
    /// use amqp_client::{Config, Host, Peer};
    ///
    /// let address = "127.0.0.1:5672".parse()?;
    /// let config = Config::default().peer(Peer::new(Host::new("localhost", 5672), address));
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    pub fn new(host: Host, address: SocketAddr) -> Self {
        Self {
            host: Some(host),
            address: Some(address),
        }
    }
}

/// What a publish does while the server holds publishing back, by connection.blocked or channel.flow. What the transport
/// does not take makes a publish wait in either case.
///
/// ```
/// use amqp_client::{Config, HeldBack};
///
/// let config = Config::default().held_back(HeldBack::Fail);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum HeldBack {
    /// It waits, for at most `publish_timeout`.
    #[default]
    Wait,
    /// It fails at once, and so do those that wait already.
    Fail,
}
