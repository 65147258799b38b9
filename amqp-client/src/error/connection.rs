//! Why a connection ended, and what that does to those who wait. Why none was made is `connect`'s.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use crate::methods::constants;
use amqp_protocol::ProtocolHeader;
use amqp_protocol::table::TableError;

use super::call::CallError;
use super::peer::{Close, PeerViolation};
use crate::dialect::Protocol;
use crate::sans_io::{State, Unfinished};
use crate::tls::TlsError;

/// Why a connection ended, or never opened. Once a connection has ended, everything on it fails with this same value.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectionError {
    /// This client closed the connection, or dropped its last handle.
    #[error("the connection was closed by this client")]
    Closed,
    /// This client closed the connection, and the server did not answer within `close_timeout`.
    #[error("the server did not answer connection.close in time")]
    CloseTimedOut,
    /// This client closed the connection, and the stream or the driver ended before the server's answer: what was sent last
    /// may not have arrived.
    #[error("the connection was lost before the server answered connection.close")]
    CloseUnanswered,
    /// The server sent connection.close. For [one of its codes](Self::is_connection_forced) nobody here is to blame.
    #[error("the server closed the connection: {0}")]
    ClosedByServer(Close),
    /// The server refused the credentials: with connection.close, or by ending the stream behind connection.start-ok,
    /// which some servers do instead. A stream that ends there for another reason looks the same.
    #[error("authentication refused: {}", reason(close))]
    AuthenticationRefused {
        /// What it said, if anything.
        close: Option<Close>,
    },
    /// The server refused the virtual host with connection.close: there is none of this name, or it is not this user's.
    #[error("virtual host '{virtual_host}' refused: {close}{}", hint(virtual_host))]
    VirtualHostRefused {
        /// The name that connection.open asked for.
        virtual_host: String,
        /// What the server said.
        close: Close,
    },
    /// The server speaks another protocol version and said which.
    #[error("{}", version_refused(*wanted, *offered))]
    VersionRefused {
        /// The revision that was asked for.
        wanted: Protocol,
        /// What the server speaks: [`Protocol::of`] says whether this build does too.
        offered: ProtocolHeader,
    },
    /// The server wants the client to use another host, and has not opened the connection (AMQP 0-8). It may do so unless
    /// [`insist`](field@crate::Config::insist) is set.
    #[error("the server redirects to {}{}", named(host).escape_debug(), also(known_hosts))]
    Redirected {
        /// The host to use, as `host` or `host:port`.
        host: String,
        /// Others that serve the same virtual host, in the same form.
        known_hosts: Vec<String>,
    },
    /// The server offers none of the SASL mechanisms of the credentials.
    #[error("the server offers the mechanisms {offered:?}, and none of {wanted:?}")]
    MechanismNotOffered {
        /// The mechanisms of the credentials, in their order, separated by spaces.
        wanted: String,
        /// The server's list, separated by spaces.
        offered: String,
    },
    /// A SASL mechanism had no response, or panicked before.
    #[error("SASL mechanism {mechanism}: {error}")]
    MechanismFailed {
        /// The mechanism's name.
        mechanism: String,
        /// What it said.
        error: Arc<dyn Error + Send + Sync>,
    },
    /// The response of a SASL mechanism, such as a long token, does not fit: before connection.tune a frame has at most
    /// 4,096 octets. Nothing of it was sent.
    #[error(
        "the response of SASL mechanism {mechanism} has {octets} octets, and {room} fit into a frame, which before tuning \
         has 4096 at most"
    )]
    ResponseTooLong {
        /// The mechanism's name.
        mechanism: String,
        /// The octets of the response.
        octets: usize,
        /// How many fit beside the other arguments, the client properties above all.
        room: usize,
    },
    /// The server sent challenge after challenge and would not come to an end.
    #[error("the server sent more than {limit} challenges")]
    TooManyChallenges {
        /// How many are answered.
        limit: u32,
    },
    /// The server proposed frames smaller than the 4,096 octets that the protocol demands.
    #[error("the server's frame_max {offered} is below 4096")]
    FrameMaxTooSmall {
        /// The octets that connection.tune proposed.
        offered: u32,
    },
    /// The server did not take the agreed `frame_max`, which the setting had made smaller than its offer: newer RabbitMQ
    /// wants 8,192 at least. Set `frame_max` to that, or to 0 for the server's own. Servers that only end the stream there
    /// are taken to mean this when the agreed size was below 8,192.
    #[error(
        "the server refused frame_max {frame_max}, set it to 8192 or more: {}",
        reason(close)
    )]
    FrameMaxRefused {
        /// The octets that connection.tune-ok agreed on.
        frame_max: u32,
        /// What the server said, if anything.
        close: Option<Close>,
    },
    /// A setting does not fit its field in the handshake.
    #[error("{setting}: {error}")]
    InvalidSetting {
        /// Which setting.
        setting: &'static str,
        /// Why it does not fit.
        error: TableError,
    },
    /// The handshake took longer than `handshake_timeout`.
    #[error("the server was too slow while {state}")]
    HandshakeTimedOut {
        /// The step that was waited for.
        state: State,
    },
    /// Nothing came for two heartbeat intervals. So it also ends when this program did not poll the driver for so long:
    /// its runtime's threads were blocked, or it was suspended.
    #[error("the server was silent for two heartbeat intervals")]
    HeartbeatTimedOut,
    /// The stream ended when this program had not polled the driver for more than two heartbeat intervals, which a server takes
    /// for its death. Let what computes or blocks do so on another thread, or for less long; in
    /// `blocking::SingleThreaded`, call `process_events` meanwhile, or connect with `blocking::Connection`. Or set a longer
    /// `heartbeat`.
    #[error(
        "the connection was lost when this program had sent no heartbeat for {pause:.1?}, more than two intervals"
    )]
    HeartbeatsMissed {
        /// For how long it had not.
        pause: Duration,
    },
    /// The transport took nothing for `write_timeout` while octets waited for it.
    #[error("the transport took nothing within the write timeout")]
    WriteTimedOut,
    /// The server sent so much that has to be answered, and took so little, that more octets of answers waited for the
    /// transport than `receive_buffer` allows.
    #[error("the server did not take the answers to what it sent: more than {limit} octets of them waited")]
    AnswersNotTaken {
        /// The `receive_buffer`.
        limit: usize,
    },
    /// The server blocked publishing (connection.blocked) for `blocked_connection_timeout`.
    #[error("the server blocked publishing for too long: {reason}")]
    BlockedTimedOut {
        /// The server's reason, such as `low on memory`.
        reason: Arc<str>,
    },
    /// The server ended the stream without connection.close. While [awaiting open-ok](State::AwaitingOpenOk) it refused
    /// the limits of tune-ok or the virtual host: which, cannot be told.
    #[error("the server ended the stream while {state}")]
    EndOfStream {
        /// What the connection was doing.
        state: State,
    },
    /// The server speaks TLS on this port, and answered to plain AMQP with an alert of TLS. Nothing but the protocol header
    /// was sent.
    #[error("the server speaks TLS on this port: use amqps://, or its port for plain AMQP")]
    ServerSpeaksTls,
    /// There was no TLS session, or it failed.
    #[error("TLS: {0}")]
    Tls(#[from] TlsError),
    /// The transport failed.
    #[error("transport: {0}")]
    Transport(TransportError),
    /// The server broke the protocol. Where the protocol asks for it, it was told so with connection.close.
    #[error(transparent)]
    PeerViolation(#[from] PeerViolation),
    /// The driver was dropped, or its runtime ended.
    #[error("the connection's driver was dropped")]
    DriverDropped,
}

impl ConnectionError {
    /// Whether an operator of the server ended the connection, or the server shuts down: it was closed with code 320,
    /// `connection-forced`. Nothing was wrong with the connection, and another may open, perhaps to another host.
    ///
    /// ```no_run
    /// # async fn example(connection: amqp_client::Connection) {
    /// let error = connection.closed().await;
    /// if error.is_connection_forced() {
    ///     println!("the server goes away: {error}");
    /// }
    /// # }
    /// ```
    pub fn is_connection_forced(&self) -> bool {
        matches!(self, Self::ClosedByServer(close) if close.reply_code == constants::CONNECTION_FORCED)
    }

    /// What the server said, when it was the server that closed or refused the connection, and it said something;
    /// [`explain`](Close::explain) tells what it means.
    pub fn closed_by_server(&self) -> Option<&Close> {
        match self {
            Self::ClosedByServer(close) | Self::VirtualHostRefused { close, .. } => Some(close),
            Self::AuthenticationRefused { close } | Self::FrameMaxRefused { close, .. } => close.as_ref(),
            _ => None,
        }
    }

    /// Whether this client ended the connection: closed it, shut it down, or dropped its last handle. For a program that does
    /// so when it is asked to stop, this end is no error.
    ///
    /// ```no_run
    /// # async fn example(connection: amqp_client::Connection) {
    /// let error = connection.closed().await;
    /// if !error.is_wanted() {
    ///     eprintln!("the connection was lost: {error}");
    /// }
    /// # }
    /// ```
    pub fn is_wanted(&self) -> bool {
        matches!(self, Self::Closed | Self::CloseTimedOut | Self::CloseUnanswered)
    }
}

/// The way out for a URI that ends in a slash, which hardly anybody means.
fn hint(virtual_host: &str) -> &'static str {
    if virtual_host.is_empty() {
        "; `amqp://host/` asks for the one with the empty name: for `/`, leave the slash out, or write `amqp://host/%2f`"
    } else {
        ""
    }
}

/// Some servers answer with the very header that they do not take.
fn version_refused(wanted: Protocol, offered: ProtocolHeader) -> String {
    if Protocol::of(offered) == Some(wanted) {
        format!("the server refused AMQP {wanted} and offers the same: {offered}")
    } else {
        format!("the server speaks {offered}, not AMQP {wanted}")
    }
}

/// The host that a redirect names.
fn named(host: &str) -> &str {
    if host.is_empty() { "no host" } else { host }
}

/// The hosts beside the one that a redirect names.
fn also(known_hosts: &[String]) -> String {
    match known_hosts {
        [] => String::new(),
        hosts => format!(" (others: {})", hosts.join(", ").escape_debug()),
    }
}

/// What a close says, or that there was none.
fn reason(close: &Option<Close>) -> String {
    match close {
        Some(close) => close.to_string(),
        None => "it ended the stream without a word".to_owned(),
    }
}

/// An error of the transport under a connection.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub struct TransportError(Arc<io::Error>);

impl TransportError {
    /// What kind of error it is, as the operating system says.
    pub fn kind(&self) -> io::ErrorKind {
        self.0.kind()
    }
}

impl From<io::Error> for TransportError {
    fn from(error: io::Error) -> Self {
        Self(Arc::new(error))
    }
}

/// Why a connection was not shut down as it should be. It is over in either case.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ShutdownError {
    /// Something was left to do when the connection was closed, because the time was over or somebody else closed it.
    #[error("the shutdown left behind: {0}")]
    Unfinished(Unfinished),
    /// The connection ended for another reason, or the server did not answer connection.close.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
}

/// Why a provider of secrets has none, in its own words.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the provider of the credentials has no secret: {0}")]
pub struct ProviderError(pub(crate) Arc<dyn Error + Send + Sync>);

/// Why a secret is not kept fresh any more. The connection is open until the server objects to the old one.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RefreshError {
    /// The provider had none before the old one expired.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The server was not told, or did not answer.
    #[error(transparent)]
    Call(#[from] CallError),
}
