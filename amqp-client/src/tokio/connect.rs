//! Connecting: rounds over hosts, hosts over addresses, and the steps at one address. What a connection does once its stream
//! is there is the driver's work.

use std::future::Future;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::time::Duration;

use ::tokio::io::{AsyncRead, AsyncWrite};
use ::tokio::net::{TcpStream, lookup_host};
use ::tokio::time::{Instant, sleep, timeout};

use super::candidates::Candidates;
use super::{connect_with, secret, tcp};
use crate::config::{Config, Peer};
use crate::dialect::Protocol;
use crate::error::{ConnectError, ConnectPhase, ConnectionError, FailedAttempt, TransportError};
use crate::handle::Connection;
use crate::metrics;
use crate::options::{ConnectOptions, Host, TcpOptions};
#[cfg(feature = "tls-no-provider")]
use crate::tls::{TlsError, TlsStream};
use crate::trace;

/// Connects over TCP by a URI or by options, and spawns the driver on the current runtime.
///
/// Each host's name is looked up and each of its addresses tried, until one gives an open connection. After the last of
/// them there is a pause of `retry_delay`, and another round, as often as `connection_attempts` says. A failure does not
/// keep the next address from being tried whatever it is, a refused password included: servers may differ. Only a setting that
/// does not fit the protocol ends it all at once.
///
/// A server that offers another revision of the protocol, or redirects to another host, is an attempt that failed, and a
/// last one unless [`protocol_fallback`](field@ConnectOptions::protocol_fallback) or
/// [`redirects`](field@ConnectOptions::redirects) say otherwise.
///
/// A [provider](crate::SecretProvider) of the credentials is asked at the beginning of each round, for at most
/// `handshake_timeout`.
///
/// Dropping the future gives up the attempt.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let connection = amqp_client::tokio::connect("amqp://guest:guest@localhost/%2f").await?;
/// let channel = connection.open_channel().await?;
/// channel.queue_declare("orders").durable().argument("x-max-length", 1000).await?;
/// channel.basic_publish("", "orders", "one coffee").persistent().await?;
/// connection.close().await?;
/// # Ok(())
/// # }
/// ```
///
/// With options:
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use amqp_client::ConnectOptions;
///
/// let options: ConnectOptions = "amqp://guest:guest@rabbit-1,rabbit-2/shop".parse()?;
/// let connection = amqp_client::tokio::connect(options.shuffle(true).connection_attempts(5)).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// When the URI is wrong, TLS is asked for and not built in, or every attempt failed.
///
/// # Panics
///
/// Outside a tokio runtime that has I/O and time enabled.
pub async fn connect(
    options: impl TryInto<ConnectOptions, Error: Into<ConnectError>>,
) -> Result<Connection, ConnectError> {
    let mut options = options.try_into().map_err(Into::into)?;
    if options.tls.is_some() && cfg!(not(feature = "tls-no-provider")) {
        return Err(ConnectError::TlsNotEnabled);
    }
    if options.hosts.is_empty() {
        return Err(ConnectError::NoHost);
    }
    let (mut failed, mut unprovided) = (Vec::new(), None);
    for round in 0..options.connection_attempts.max(1) {
        if round > 0 {
            sleep(jittered(options.retry_delay, random())).await;
        }
        options.config.credentials = match secret::fetch(&options.config).await {
            Ok(credentials) => credentials,
            Err(error) => {
                unprovided = Some(error);
                continue;
            }
        };
        match try_hosts(&options, &mut failed).await {
            ControlFlow::Break(Some(connection)) => return Ok(connection),
            ControlFlow::Break(None) => break,
            ControlFlow::Continue(()) => {}
        }
    }
    match unprovided {
        Some(error) if failed.is_empty() => Err(ConnectError::Provider(error)),
        _ => Err(ConnectError::Failed(failed.into())),
    }
}

/// One round: all addresses of all hosts, until one gives an open connection, or none ever will.
async fn try_hosts(
    options: &ConnectOptions,
    failed: &mut Vec<FailedAttempt>,
) -> ControlFlow<Option<Connection>> {
    let hosts = in_order(options.hosts.clone(), options.shuffle);
    let mut candidates = Candidates::new(hosts, options.redirects);
    while let Some(host) = candidates.next() {
        let addresses = match look_up(&host, options.connection_timeout).await {
            Ok(addresses) => addresses,
            Err(error) => {
                metrics::attempted(&options.config, Some(ConnectPhase::Resolve));
                fail(
                    failed,
                    FailedAttempt {
                        host,
                        address: None,
                        phase: ConnectPhase::Resolve,
                        error,
                    },
                );
                continue;
            }
        };
        let mut config = options.config.clone();
        config.insist &= !candidates.follow_redirects();
        for address in in_order(addresses, options.shuffle) {
            try_revisions(options, &config, &host, address, failed).await?;
            // The last that failed is this one.
            if let Some(ConnectionError::Redirected { host, known_hosts }) =
                failed.last().map(|attempt| &attempt.error)
                && candidates.redirect(host, known_hosts, options.default_port())
            {
                break;
            }
        }
    }
    ControlFlow::Continue(())
}

/// One address: as it is wanted, and in the revision that the server offers instead, if that is wanted too.
async fn try_revisions(
    options: &ConnectOptions,
    config: &Config,
    host: &Host,
    address: SocketAddr,
    failed: &mut Vec<FailedAttempt>,
) -> ControlFlow<Option<Connection>> {
    let mut config = config.clone();
    loop {
        let (phase, error) = match try_address(options, config.clone(), host, address).await {
            Ok(connection) => {
                metrics::attempted(&config, None);
                return ControlFlow::Break(Some(connection));
            }
            Err(failure) => failure,
        };
        metrics::attempted(&config, Some(phase));
        let offered = match error {
            ConnectionError::VersionRefused { offered, .. } if options.protocol_fallback => {
                Protocol::of(offered)
            }
            _ => None,
        };
        // What does not fit the protocol fits no server.
        let hopeless = matches!(error, ConnectionError::InvalidSetting { .. });
        fail(
            failed,
            FailedAttempt {
                host: host.clone(),
                address: Some(address),
                phase,
                error,
            },
        );
        if hopeless {
            return ControlFlow::Break(None);
        }
        match offered {
            Some(other) if config.protocol == options.config.protocol && other != config.protocol => {
                config.protocol = other;
            }
            _ => return ControlFlow::Continue(()),
        }
    }
}

/// Keeps an attempt that failed, for the error that lists them.
fn fail(failed: &mut Vec<FailedAttempt>, attempt: FailedAttempt) {
    trace::attempt_failed(&attempt);
    failed.push(attempt);
}

async fn look_up(host: &Host, limit: Duration) -> Result<Vec<SocketAddr>, ConnectionError> {
    let addresses: Vec<_> = within(limit, lookup_host((host.host.as_str(), host.port)))
        .await?
        .collect();
    if addresses.is_empty() {
        let error = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        return Err(ConnectionError::Transport(error.into()));
    }
    Ok(addresses)
}

/// One attempt: TCP, TLS if it is asked for, then AMQP.
async fn try_address(
    options: &ConnectOptions,
    config: Config,
    host: &Host,
    address: SocketAddr,
) -> Result<Connection, (ConnectPhase, ConnectionError)> {
    let begun = Instant::now();
    let limit = options
        .stack_timeout
        .unwrap_or(Duration::MAX)
        .min(options.connection_timeout);
    let stream = within(limit, open_tcp(address, &options.tcp))
        .await
        .map_err(|error| (ConnectPhase::Tcp, error))?;
    let limit = match options.stack_timeout {
        Some(limit) => limit.saturating_sub(begun.elapsed()),
        None => config.handshake_timeout,
    };
    let config = config
        .handshake_timeout(limit)
        .peer(Peer::new(host.clone(), address));
    shake_hands(stream, options, host, config)
        .await
        .map_err(|error| match error {
            // Whether before or behind the handshake of TLS.
            ConnectionError::Tls(_) => (ConnectPhase::Tls, error),
            error => (ConnectPhase::Amqp, error),
        })
}

/// The handshakes of TLS, if it is asked for, and of AMQP, within the time that is given for the latter.
#[cfg_attr(
    not(feature = "tls-no-provider"),
    expect(unused_variables, reason = "for TLS alone")
)]
async fn shake_hands(
    stream: TcpStream,
    options: &ConnectOptions,
    host: &Host,
    config: Config,
) -> Result<Connection, ConnectionError> {
    #[cfg(feature = "tls-no-provider")]
    if let Some(tls) = &options.tls {
        let (begun, limit) = (Instant::now(), config.handshake_timeout);
        let stream = timeout(limit, TlsStream::connect(stream, &host.host, tls))
            .await
            .unwrap_or(Err(TlsError::HandshakeTimedOut))?;
        let rest = limit.saturating_sub(begun.elapsed());
        return open(stream, config.handshake_timeout(rest)).await;
    }
    open(stream, config).await
}

async fn open_tcp(address: SocketAddr, options: &TcpOptions) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    tcp::apply(options, &stream)?;
    Ok(stream)
}

/// The handshake of AMQP over a stream that is connected.
async fn open<S>(stream: S, config: Config) -> Result<Connection, ConnectionError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (connection, driver) = connect_with(stream, config);
    ::tokio::spawn(driver);
    connection.opened().await?;
    Ok(connection)
}

/// What the step gives, or why it gives nothing within the limit.
async fn within<T>(limit: Duration, step: impl Future<Output = io::Result<T>>) -> Result<T, ConnectionError> {
    let late = |_| Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time"));
    let result = timeout(limit, step).await.unwrap_or_else(late);
    result.map_err(|error| ConnectionError::Transport(TransportError::from(error)))
}

/// The items in their order, or shuffled.
fn in_order<T>(mut items: Vec<T>, shuffle: bool) -> Vec<T> {
    if shuffle {
        for end in (1..items.len()).rev() {
            items.swap(end, (random() % (end as u64 + 1)) as usize);
        }
    }
    items
}

/// Between half of the delay and all of it, as far along as the number is between 0 and its largest.
fn jittered(delay: Duration, random: u64) -> Duration {
    let half = delay / 2;
    half.saturating_add(half.mul_f64(random as f64 / u64::MAX as f64))
}

/// A number that is as random as the keys of the standard library's hash maps: good enough to spread load.
fn random() -> u64 {
    RandomState::new().hash_one(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_between_half_of_the_delay_and_all_of_it() {
        let delay = Duration::from_secs(2);
        assert_eq!(jittered(delay, 0), Duration::from_secs(1));
        assert_eq!(jittered(delay, u64::MAX), delay);
        assert_eq!(jittered(delay, 1 << 63), Duration::from_millis(1500));
        assert_eq!(jittered(Duration::ZERO, u64::MAX), Duration::ZERO);
        // The longest does not overflow.
        assert!(jittered(Duration::MAX, u64::MAX) > Duration::MAX / 2);
    }

    #[test]
    fn chance_differs() {
        let numbers: std::collections::HashSet<_> = (0..100).map(|_| random()).collect();
        assert_eq!(numbers.len(), 100);
    }
}
