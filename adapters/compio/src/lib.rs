//! An adapter for compio: the client's async handles over io_uring, kqueue or IOCP. It is written against the public API
//! alone, and is the example of `docs/writing-an-adapter.md`.
//!
//! compio gives buffers to the kernel, and gets them back when it is done. So each operation is a future that owns its
//! buffer, kept from one poll to the next.
#![forbid(unsafe_code)]

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use amqp_client::driver::{Clock, Transport, connect_with};
use amqp_client::sans_io::Outgoing;
use amqp_client::{ConnectError, ConnectOptions, ConnectPhase, Connection, ConnectionError, FailedAttempt};
use bytes::{Buf, BytesMut};
use compio_io::{AsyncRead, AsyncWrite};
use compio_net::{TcpStream, ToSocketAddrsAsync};
use compio_runtime::time::{sleep_until, timeout};

/// Octets read or written at a time.
const AT_A_TIME: usize = 64 * 1024;

/// No limit, or as good as none: compio adds each to the time, which has an end.
const LONGEST: Duration = Duration::from_secs(1 << 30);

/// An operation under way.
type Operation<T> = Pin<Box<dyn Future<Output = T>>>;

/// A TCP stream of compio's and its timer, as what a driver needs.
pub struct Stream {
    stream: TcpStream,
    reading: Option<Operation<io::Result<Vec<u8>>>>,
    writing: Option<Operation<io::Result<usize>>>,
    ending: Option<Operation<io::Result<()>>>,
    timer: Option<(Instant, Operation<()>)>,
}

impl Stream {
    /// A stream that is connected.
    pub fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            reading: None,
            writing: None,
            ending: None,
            timer: None,
        }
    }
}

/// Goes on with the operation under way, or begins one.
fn go_on<T>(
    under_way: &mut Option<Operation<T>>,
    cx: &mut Context<'_>,
    begin: impl FnOnce() -> Operation<T>,
) -> Poll<T> {
    let output = ready!(under_way.get_or_insert_with(begin).as_mut().poll(cx));
    *under_way = None;
    Poll::Ready(output)
}

impl Transport for Stream {
    fn poll_read(&mut self, cx: &mut Context<'_>, input: &mut BytesMut) -> Poll<io::Result<usize>> {
        let octets = ready!(go_on(&mut self.reading, cx, || {
            let mut stream = self.stream.clone();
            Box::pin(async move {
                let (read, octets) = stream.read(Vec::with_capacity(AT_A_TIME)).await.into();
                read.map(|_| octets)
            })
        }))?;
        input.extend_from_slice(&octets);
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, batch: &mut Outgoing) -> Poll<io::Result<usize>> {
        let written = ready!(go_on(&mut self.writing, cx, || {
            let mut stream = self.stream.clone();
            let octets = batch.chunk()[..batch.chunk().len().min(AT_A_TIME)].to_vec();
            Box::pin(async move { stream.write(octets).await.0 })
        }))?;
        batch.advance(written);
        Poll::Ready(Ok(written))
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        go_on(&mut self.ending, cx, || {
            let mut stream = self.stream.clone();
            Box::pin(async move { stream.shutdown().await })
        })
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        if self.timer.as_ref().is_none_or(|(at, _)| *at != deadline) {
            self.timer = Some((deadline, Box::pin(sleep_until(deadline))));
        }
        match &mut self.timer {
            Some((_, timer)) => timer.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }

    fn clock(&self) -> Clock {
        Clock::new(Instant::now)
    }
}

/// Connects by a URI or by options, and spawns the driver on the current runtime: each address of each host is tried once,
/// in their order. Of the options of TCP it knows `nodelay` alone.
///
/// # Errors
///
/// When the URI is wrong or asks for TLS, the provider of the credentials has no secret, or every attempt failed.
pub async fn connect(
    options: impl TryInto<ConnectOptions, Error: Into<ConnectError>>,
) -> Result<Connection, ConnectError> {
    let mut options = options.try_into().map_err(Into::into)?;
    if options.tls.is_some() {
        return Err(ConnectError::TlsNotEnabled);
    }
    options.config.credentials = options.config.credentials.fetch().await?;
    let mut failed = Vec::new();
    for host in &options.hosts {
        let mut fail = |address, phase, error| {
            failed.push(FailedAttempt::new(host.clone(), address, phase, error));
        };
        let name = (host.host.as_str(), host.port);
        match in_time(&options, name.to_socket_addrs_async()).await {
            Err(error) => fail(None, ConnectPhase::Resolve, error),
            Ok(addresses) => {
                for address in addresses {
                    match open(address, &options).await {
                        Ok(connection) => return Ok(connection),
                        Err((phase, error)) => fail(Some(address), phase, error),
                    }
                }
            }
        }
    }
    Err(ConnectError::Failed(failed.into()))
}

async fn open(
    address: SocketAddr,
    options: &ConnectOptions,
) -> Result<Connection, (ConnectPhase, ConnectionError)> {
    let stream = in_time(options, open_tcp(address, options)).await;
    let stream = stream.map_err(|error| (ConnectPhase::Tcp, error))?;
    let (connection, driver) = connect_with(Stream::new(stream), options.config.clone());
    compio_runtime::spawn(driver).detach();
    match connection.opened().await {
        Ok(()) => Ok(connection),
        Err(error) => Err((ConnectPhase::Amqp, error)),
    }
}

async fn open_tcp(address: SocketAddr, options: &ConnectOptions) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(options.tcp.nodelay)?;
    Ok(stream)
}

/// What the step gives within `connection_timeout`.
async fn in_time<T>(
    options: &ConnectOptions,
    step: impl Future<Output = io::Result<T>>,
) -> Result<T, ConnectionError> {
    let late = |_| Err(io::ErrorKind::TimedOut.into());
    let result = timeout(options.connection_timeout.min(LONGEST), step)
        .await
        .unwrap_or_else(late);
    result.map_err(|error| ConnectionError::Transport(error.into()))
}
