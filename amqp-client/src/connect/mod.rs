//! Connecting, for any runtime: rounds over hosts, hosts over addresses, and the steps at one address. What a connection does
//! once its stream is there is the driver's work.
//! It is for adapters: a program connects by those of its runtime.

mod candidates;
mod maybe_tls;
#[cfg(any(
    feature = "blocking",
    feature = "event-loop",
    feature = "smol",
    feature = "tokio"
))]
mod tcp;

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

pub use maybe_tls::MaybeTls;
#[cfg(any(
    feature = "blocking",
    feature = "event-loop",
    feature = "smol",
    feature = "tokio"
))]
pub(crate) use tcp::apply;

use self::candidates::Candidates;
use crate::config::{Config, Peer};
use crate::credentials::{Credentials, IssueError};
use crate::dialect::Protocol;
use crate::driver::Transport;
use crate::error::{
    ConnectError, ConnectPhase, ConnectionError, FailedAttempt, ProviderError, TransportError,
};
use crate::metrics;
#[cfg(feature = "tls-no-provider")]
use crate::options::TlsOptions;
use crate::options::{ConnectOptions, Host, TcpOptions};
use crate::random::random;
#[cfg(feature = "tls-no-provider")]
use crate::tls::{TlsError, TlsTransport, client_config, server_name};
use crate::trace;

/// What [`connect`] needs of a runtime. All of it is called in the task that connects; dropping a future that it gives ends
/// what that does.
///
/// `docs/writing-an-adapter.md` of the repository says how one is written, and `adapters/compio` is one.
pub trait Network {
    /// A TCP stream, with the timer and clock of a driver.
    type Transport: Transport + 'static;
    /// What an open connection becomes: for most its handle.
    type Connection;

    /// The time that [`sleep`](Self::sleep) goes by.
    fn now(&self) -> Instant {
        Instant::now()
    }

    /// Waits for so long; for ever, when that is beyond what the clock can tell.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()>;

    /// The addresses of a host, in the order in which they are to be tried.
    fn look_up(&self, host: &Host) -> impl Future<Output = io::Result<Vec<SocketAddr>>>;

    /// Opens a TCP stream with these options of its socket. How long that may take is looked after elsewhere.
    fn open_tcp(
        &self,
        address: SocketAddr,
        options: &TcpOptions,
    ) -> impl Future<Output = io::Result<Self::Transport>>;

    /// Does what may block for a moment, such as reading the files of TLS; an error when the runtime ends. It is done here
    /// and now unless the runtime has a better place for it.
    fn unblock<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> impl Future<Output = io::Result<R>> {
        std::future::ready(Ok(work()))
    }

    /// Makes a connection [of the transport](crate::driver::connect_with), sees to it that its driver is polled, now and
    /// later, and waits until it is [open](crate::Connection::opened).
    fn open(
        &self,
        transport: MaybeTls<Self::Transport>,
        config: Config,
    ) -> impl Future<Output = Result<Self::Connection, ConnectionError>>;
}

/// Connects by a URI or by options: hosts, addresses, rounds, revisions and redirects in the order that
#[cfg_attr(feature = "tokio", doc = "[`tokio::connect`](crate::tokio::connect)")]
#[cfg_attr(not(feature = "tokio"), doc = "`amqp_client::tokio::connect`")]
/// has, each within its time.
///
/// Dropping the future gives up the attempt.
///
/// # Errors
///
/// When the URI is wrong, TLS is asked for and not built in, or every attempt failed.
pub async fn connect<N: Network>(
    network: &N,
    options: impl TryInto<ConnectOptions, Error: Into<ConnectError>>,
) -> Result<N::Connection, ConnectError> {
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
            network.sleep(jittered(options.retry_delay, random())).await;
        }
        options.config.credentials = match fetch(network, &options.config).await {
            Ok(credentials) => credentials,
            Err(error) => {
                unprovided = Some(error);
                continue;
            }
        };
        match try_hosts(network, &options, &mut failed).await {
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

/// The credentials to connect with, fetched within `handshake_timeout`.
async fn fetch<N: Network>(network: &N, config: &Config) -> Result<Credentials, ProviderError> {
    let fetch = config.credentials.fetch_at(network.now());
    match within(network, config.handshake_timeout, fetch).await {
        Some(fetched) => fetched,
        None => Err(ProviderError(IssueError::from("no answer in time").into())),
    }
}

/// One round: all addresses of all hosts, until one gives an open connection, or none ever will.
async fn try_hosts<N: Network>(
    network: &N,
    options: &ConnectOptions,
    failed: &mut Vec<FailedAttempt>,
) -> ControlFlow<Option<N::Connection>> {
    let hosts = in_order(options.hosts.clone(), options.shuffle);
    let mut candidates = Candidates::new(hosts, options.redirects);
    while let Some(host) = candidates.next() {
        let addresses = match look_up(network, &host, options.connection_timeout).await {
            Ok(addresses) => addresses,
            Err(error) => {
                metrics::attempted(&options.config, Some(ConnectPhase::Resolve));
                let attempt = FailedAttempt {
                    host,
                    address: None,
                    phase: ConnectPhase::Resolve,
                    error,
                };
                fail(&mut *failed, attempt);
                continue;
            }
        };
        let mut config = options.config.clone();
        config.insist &= !candidates.follow_redirects();
        for address in in_order(addresses, options.shuffle) {
            try_revisions(network, options, &config, &host, address, failed).await?;
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
async fn try_revisions<N: Network>(
    network: &N,
    options: &ConnectOptions,
    config: &Config,
    host: &Host,
    address: SocketAddr,
    failed: &mut Vec<FailedAttempt>,
) -> ControlFlow<Option<N::Connection>> {
    let mut config = config.clone();
    loop {
        let (phase, error) = match try_address(network, options, config.clone(), host, address).await {
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
        let attempt = FailedAttempt {
            host: host.clone(),
            address: Some(address),
            phase,
            error,
        };
        fail(&mut *failed, attempt);
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

async fn look_up<N: Network>(
    network: &N,
    host: &Host,
    limit: Duration,
) -> Result<Vec<SocketAddr>, ConnectionError> {
    let addresses = in_time(network, limit, network.look_up(host)).await?;
    if addresses.is_empty() {
        let error = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
        return Err(ConnectionError::Transport(error.into()));
    }
    Ok(addresses)
}

/// One attempt: TCP, TLS if it is asked for, then AMQP.
async fn try_address<N: Network>(
    network: &N,
    options: &ConnectOptions,
    config: Config,
    host: &Host,
    address: SocketAddr,
) -> Result<N::Connection, (ConnectPhase, ConnectionError)> {
    let begun = network.now();
    let limit = options
        .stack_timeout
        .unwrap_or(Duration::MAX)
        .min(options.connection_timeout);
    let transport = in_time(network, limit, network.open_tcp(address, &options.tcp))
        .await
        .map_err(|error| (ConnectPhase::Tcp, error))?;
    let limit = match options.stack_timeout {
        Some(limit) => limit.saturating_sub(network.now() - begun),
        None => config.handshake_timeout,
    };
    let config = config
        .handshake_timeout(limit)
        .peer(Peer::new(host.clone(), address));
    shake_hands(network, transport, options, host, config)
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
async fn shake_hands<N: Network>(
    network: &N,
    transport: N::Transport,
    options: &ConnectOptions,
    host: &Host,
    config: Config,
) -> Result<N::Connection, ConnectionError> {
    #[cfg(feature = "tls-no-provider")]
    if let Some(tls) = &options.tls {
        let (begun, limit) = (network.now(), config.handshake_timeout);
        let transport = within(network, limit, secure(network, transport, host, tls))
            .await
            .unwrap_or(Err(TlsError::HandshakeTimedOut))?;
        let rest = limit.saturating_sub(network.now() - begun);
        let transport = MaybeTls::with_tls(transport);
        return network.open(transport, config.handshake_timeout(rest)).await;
    }
    network.open(MaybeTls::plain(transport), config).await
}

/// The handshake of TLS.
#[cfg(feature = "tls-no-provider")]
async fn secure<N: Network>(
    network: &N,
    transport: N::Transport,
    host: &Host,
    options: &TlsOptions,
) -> Result<TlsTransport<N::Transport>, TlsError> {
    let name = server_name(options, &host.host)?;
    let options = options.clone();
    let config = match network.unblock(move || client_config(&options)).await {
        Ok(config) => config?,
        Err(error) => return Err(TlsError::Transport(std::sync::Arc::new(error))),
    };
    let mut transport = TlsTransport::with_config(transport, config, name)?;
    transport.handshake().await?;
    Ok(transport)
}

/// What the step gives, or why it gives nothing within the limit.
async fn in_time<N: Network, T>(
    network: &N,
    limit: Duration,
    step: impl Future<Output = io::Result<T>>,
) -> Result<T, ConnectionError> {
    let late = || Err(io::Error::new(io::ErrorKind::TimedOut, "no answer in time"));
    let result = within(network, limit, step).await.unwrap_or_else(late);
    result.map_err(|error| ConnectionError::Transport(TransportError::from(error)))
}

/// What the step gives within the limit.
async fn within<N: Network, T>(network: &N, limit: Duration, step: impl Future<Output = T>) -> Option<T> {
    let (mut step, mut late) = (pin!(step), pin!(network.sleep(limit)));
    poll_fn(|cx| match step.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => late.as_mut().poll(cx).map(|()| None),
    })
    .await
}

/// The items in their order, or shuffled.
fn in_order<T>(mut items: Vec<T>, shuffle: bool) -> Vec<T> {
    if shuffle {
        for end in (1..items.len()).rev() {
            items.swap(end, (random() * (end as f64 + 1.0)) as usize);
        }
    }
    items
}

/// Between half of the delay and all of it, as far along as the number is between 0 and 1.
fn jittered(delay: Duration, random: f64) -> Duration {
    let half = delay / 2;
    half.saturating_add(half.mul_f64(random))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_between_half_of_the_delay_and_all_of_it() {
        let delay = Duration::from_secs(2);
        assert_eq!(jittered(delay, 0.0), Duration::from_secs(1));
        assert_eq!(jittered(delay, 1.0), delay);
        assert_eq!(jittered(delay, 0.5), Duration::from_millis(1500));
        assert_eq!(jittered(Duration::ZERO, 1.0), Duration::ZERO);
        // The longest does not overflow.
        assert!(jittered(Duration::MAX, 1.0) > Duration::MAX / 2);
    }

    #[test]
    fn shuffled_items_are_all_there_in_any_order() {
        let orders: std::collections::HashSet<_> = (0..1000).map(|_| in_order(vec![1, 2, 3], true)).collect();
        assert_eq!(orders.len(), 6, "{orders:?}");
        assert_eq!(in_order(vec![1, 2, 3], false), [1, 2, 3]);
    }
}
