//! Why no connection was made: every attempt, with its host, address and phase. Making attempts is the adapters' work.

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use super::connection::{ConnectionError, ProviderError};
use crate::options::{Host, UriError};

/// Why no connection was made.
///
/// ```no_run
/// # #[cfg(feature = "tokio")]
/// # async fn example() {
/// use amqp_client::ConnectionError;
///
/// if let Err(error) = amqp_client::tokio::connect("amqp://orders:s3cret@one,two").await {
///     for attempt in error.attempts() {
///         println!("{} failed at {}: {}", attempt.host, attempt.phase, attempt.error);
///     }
///     let refused = |error: &_| matches!(error, ConnectionError::AuthenticationRefused { .. });
///     if error.attempts().iter().any(|attempt| refused(&attempt.error)) {
///         println!("is the password right?");
///     }
/// }
/// # }
/// ```
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// The URI cannot be used.
    #[error(transparent)]
    Uri(#[from] UriError),
    /// There is no host to connect to.
    #[error("no host was given to connect to")]
    NoHost,
    /// TLS is asked for, and this build cannot speak it. Nothing was sent.
    #[error("TLS needs the Cargo feature `tls` of amqp-client")]
    TlsNotEnabled,
    /// The provider of the credentials has no secret, in no round. Nothing was sent.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The system has no poll, no wake-up or no thread for the connection. Nothing was sent.
    #[error("the system lacks what a connection needs: {0}")]
    System(#[source] Arc<io::Error>),
    /// Every attempt failed; there was at least one. Those that failed alike are printed once, with their number.
    #[error("cannot connect: {}", List(.0))]
    Failed(Arc<[FailedAttempt]>),
}

impl ConnectError {
    /// The attempts that were made, in their order.
    pub fn attempts(&self) -> &[FailedAttempt] {
        match self {
            Self::Failed(attempts) => attempts,
            _ => &[],
        }
    }
}

impl From<Infallible> for ConnectError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// An attempt to connect to a host, at one of its addresses, that failed.
///
/// Prints as `rabbit-1:5672 (192.0.2.1), TCP connect: connection refused`.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct FailedAttempt {
    /// Which of the hosts.
    pub host: Host,
    /// Which of its addresses; `None` when none was found.
    pub address: Option<SocketAddr>,
    /// What failed.
    pub phase: ConnectPhase,
    /// Why it failed.
    pub error: ConnectionError,
}

impl FailedAttempt {
    /// For adapters: an attempt that failed. Several make a [`ConnectError::Failed`].
    ///
    /// ```
    /// use amqp_client::{ConnectError, ConnectPhase, ConnectionError, FailedAttempt, Host};
    ///
    /// let error = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
    /// let error = ConnectionError::Transport(error.into());
    /// let attempt = FailedAttempt::new(Host::new("one", 5672), None, ConnectPhase::Resolve, error);
    /// let error = ConnectError::Failed([attempt].into());
    /// assert_eq!(error.to_string(), "cannot connect: one:5672, name lookup: transport: connection refused");
    /// ```
    pub fn new(host: Host, address: Option<SocketAddr>, phase: ConnectPhase, error: ConnectionError) -> Self {
        Self {
            host,
            address,
            phase,
            error,
        }
    }
}

impl fmt::Display for FailedAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.host)?;
        let ip = self.address.map(|address| address.ip().to_string());
        if let Some(ip) = ip.filter(|ip| *ip != self.host.host) {
            write!(f, " ({ip})")?;
        }
        write!(f, ", {}: {}", self.phase, self.error)
    }
}

/// A step on the way to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectPhase {
    /// Looking up the addresses of the host.
    Resolve,
    /// Connecting to an address over TCP.
    Tcp,
    /// The handshake of TLS.
    Tls,
    /// The handshake of AMQP, from protocol header to connection.open-ok.
    Amqp,
}

impl fmt::Display for ConnectPhase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Resolve => "name lookup",
            Self::Tcp => "TCP connect",
            Self::Tls => "TLS handshake",
            Self::Amqp => "AMQP handshake",
        })
    }
}

/// Attempts, each once that failed alike.
struct List<'a>(&'a [FailedAttempt]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut alike: Vec<(String, u32)> = Vec::new();
        for attempt in self.0.iter().map(ToString::to_string) {
            match alike.iter_mut().find(|(seen, _)| *seen == attempt) {
                Some((_, times)) => *times += 1,
                None => alike.push((attempt, 1)),
            }
        }
        for (at, (attempt, times)) in alike.iter().enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            write!(f, "{separator}{attempt}")?;
            if *times > 1 {
                write!(f, " ({times} times)")?;
            }
        }
        Ok(())
    }
}
