//! An adapter for compio: the client's async handles over io_uring, kqueue or IOCP. It is written against the public API
//! alone, and is the example of `docs/writing-an-adapter.md`.
//!
//! compio gives buffers to the kernel, and gets them back when it is done. So each operation is a future that owns its
//! buffer, kept from one poll to the next.
#![forbid(unsafe_code)]

use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use amqp_client::connect::{self, MaybeTls, Network};
use amqp_client::driver::{Clock, Transport, connect_with};
use amqp_client::sans_io::Outgoing;
use amqp_client::{Config, ConnectError, ConnectOptions, Connection, ConnectionError, Host, TcpOptions};
use bytes::{Buf, BytesMut};
use compio_io::{AsyncRead, AsyncWrite};
use compio_net::{TcpStream, ToSocketAddrsAsync};
use compio_runtime::time::sleep_until;
use socket2::{SockRef, TcpKeepalive};

/// Octets read or written at a time.
const AT_A_TIME: usize = 64 * 1024;

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

/// Connects by a URI or by options, and spawns the driver on the current runtime. Which hosts are tried, and when, is the same
/// with every runtime. TLS is there with the feature `tls` of `amqp-client`.
///
/// # Errors
///
/// When the URI is wrong, TLS is asked for and not built in, or every attempt failed.
pub async fn connect(
    options: impl TryInto<ConnectOptions, Error: Into<ConnectError>>,
) -> Result<Connection, ConnectError> {
    connect::connect(&Compio, options).await
}

/// The runtime of the task.
struct Compio;

impl Network for Compio {
    type Transport = Stream;
    type Connection = Connection;

    async fn sleep(&self, time: Duration) {
        // compio's own panics at what is beyond the clock.
        match Instant::now().checked_add(time) {
            Some(deadline) => sleep_until(deadline).await,
            None => pending().await,
        }
    }

    async fn look_up(&self, host: &Host) -> io::Result<Vec<SocketAddr>> {
        let name = (host.host.as_str(), host.port);
        Ok(name.to_socket_addrs_async().await?.collect())
    }

    async fn open_tcp(&self, address: SocketAddr, options: &TcpOptions) -> io::Result<Stream> {
        let stream = TcpStream::connect(address).await?;
        apply(options, &SockRef::from(&stream))?;
        Ok(Stream::new(stream))
    }

    async fn open(&self, transport: MaybeTls<Stream>, config: Config) -> Result<Connection, ConnectionError> {
        let (connection, driver) = connect_with(transport, config);
        compio_runtime::spawn(driver).detach();
        connection.opened().await?;
        Ok(connection)
    }
}

fn apply(options: &TcpOptions, socket: &SockRef<'_>) -> io::Result<()> {
    socket.set_tcp_nodelay(options.nodelay)?;
    if let Some(keepalive) = &options.keepalive {
        let mut probes = TcpKeepalive::new();
        if let Some(time) = keepalive.idle {
            probes = probes.with_time(time);
        }
        if let Some(time) = keepalive.interval {
            probes = probes.with_interval(time);
        }
        if let Some(count) = keepalive.count {
            probes = probes.with_retries(count);
        }
        socket.set_tcp_keepalive(&probes)?;
    }
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(options.user_timeout)?;
    Ok(())
}
