//! The adapter for tokio: a driver that moves octets between a stream and the shared core, and `connect` over TCP.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use ::tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use ::tokio::net::TcpStream;
use ::tokio::time::{Sleep, sleep_until, timeout};
use bytes::BytesMut;

use crate::config::Config;
use crate::error::{ConnectionError, TransportError};
use crate::handle::{Asleep, Connection, Shared};
use crate::sans_io::{Outgoing, State};
use crate::uri::Uri;

/// Room made for octets before each read.
const READ_ROOM: usize = 16 * 1024;
/// Octets of a fresh read buffer. Deliveries share it, and it lives as long as one of them.
const READ_BUFFER: usize = 64 * 1024;

/// Connects over TCP by a URI, and spawns the driver on the current runtime.
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
/// # Errors
///
/// When the URI is wrong, no address of the host accepts, or the handshake fails.
///
/// # Panics
///
/// Outside a tokio runtime that has I/O and time enabled.
pub async fn connect(
    uri: impl TryInto<Uri, Error: Into<ConnectionError>>,
) -> Result<Connection, ConnectionError> {
    let uri = uri.try_into().map_err(Into::into)?;
    let stream = open_tcp(&uri)
        .await
        .map_err(|error| ConnectionError::Transport(TransportError::from(error)))?;
    let (connection, driver) = connect_with(stream, uri.config);
    ::tokio::spawn(driver);
    connection.opened().await?;
    Ok(connection)
}

/// Connects over any stream: TCP, TLS, a Unix socket, a pipe in memory. The connection lives as long as the driver is
/// polled; [`Connection::opened`] tells when it can be used.
pub fn connect_with<S>(stream: S, config: Config) -> (Connection, Driver<S>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (connection, shared) = Connection::new(config);
    let driver = Driver {
        stream,
        shared,
        input: BytesMut::new(),
        batch: Outgoing::new(),
        write_error: None,
        timer: None,
        timeout: None,
    };
    (connection, driver)
}

/// Tries the addresses of the host in turn, each for at most `connection_timeout`.
async fn open_tcp(uri: &Uri) -> io::Result<TcpStream> {
    let mut failure = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in ::tokio::net::lookup_host((uri.host.as_str(), uri.port)).await? {
        match timeout(uri.config.connection_timeout, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                // Frames are batched here; waiting for more of them would only delay replies.
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Ok(Err(error)) => failure = error,
            Err(_) => failure = io::Error::new(io::ErrorKind::TimedOut, format!("{address} does not answer")),
        }
    }
    Err(failure)
}

/// Moves the octets of one connection. It must be polled, as by `tokio::spawn`, until it is ready: then the connection is
/// over.
///
/// Dropping it ends the connection with [`ConnectionError::DriverDropped`]; whoever waits is told.
#[derive(Debug)]
#[must_use = "a connection does nothing unless its driver is polled"]
pub struct Driver<S> {
    stream: S,
    shared: Arc<Shared>,
    /// Octets received and not yet understood.
    input: BytesMut,
    /// Octets being written.
    batch: Outgoing,
    /// Why nothing can be written any more. What the server said before it hung up may still be read.
    write_error: Option<io::Error>,
    timer: Option<Pin<Box<Sleep>>>,
    /// What the timer is set to.
    timeout: Option<Instant>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Driver<S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        loop {
            // Each may make work for the one before it, so only a round without any may sleep.
            let written = this.drive_write(cx);
            let read = this.drive_read(cx);
            let timed = this.drive_timer(cx);
            if this.shared.with(|inner| inner.core.state()) == State::Closed {
                return Pin::new(&mut this.stream).poll_shutdown(cx).map(drop);
            }
            if !(written || read || timed) && this.sleep(cx) {
                return Poll::Pending;
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    /// Writes what is queued; true when something was written.
    fn drive_write(&mut self, cx: &mut Context<'_>) -> bool {
        let mut progress = false;
        while self.write_error.is_none() {
            if self.batch.is_empty() {
                self.shared
                    .with(|inner| inner.core.take_outgoing(&mut self.batch));
            }
            if self.batch.is_empty() {
                break;
            }
            match pin!(self.stream.write_buf(&mut self.batch)).poll(cx) {
                Poll::Ready(Ok(0)) => self.write_error = Some(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(octets)) => {
                    self.shared
                        .with(|inner| inner.core.transmitted(now(), octets as u64));
                    progress = true;
                }
                Poll::Ready(Err(error)) => self.write_error = Some(error),
                Poll::Pending => break,
            }
        }
        progress
    }

    /// Reads once; true when something came.
    fn drive_read(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.shared.with(|inner| inner.core.wants_read()) {
            return false;
        }
        if self.input.capacity() - self.input.len() < READ_ROOM {
            self.input.reserve(READ_BUFFER);
        }
        let Poll::Ready(read) = pin!(self.stream.read_buf(&mut self.input)).poll(cx) else {
            return false;
        };
        let input = &mut self.input;
        let write_error = &mut self.write_error;
        self.shared.with(|inner| match (read, write_error.take()) {
            // The core keeps the error; everybody is told by it.
            (Ok(1..), error) => {
                *write_error = error;
                let _ = inner.core.receive(now(), input);
            }
            (Ok(0), None) => inner.core.receive_eof(now()),
            (Err(error), None) | (_, Some(error)) => inner.core.transport_failed(now(), error),
        });
        true
    }

    /// Does what is due; true when something was.
    fn drive_timer(&mut self, cx: &mut Context<'_>) -> bool {
        let timeout = self.shared.with(|inner| inner.core.poll_timeout());
        if timeout != self.timeout {
            self.timeout = timeout;
            if let Some(at) = timeout {
                let at = ::tokio::time::Instant::from_std(at);
                match &mut self.timer {
                    Some(timer) => timer.as_mut().reset(at),
                    None => self.timer = Some(Box::pin(sleep_until(at))),
                }
            }
        }
        let (Some(_), Some(timer)) = (self.timeout, &mut self.timer) else {
            return false;
        };
        if timer.as_mut().poll(cx).is_pending() {
            return false;
        }
        self.timeout = None;
        self.shared.with(|inner| inner.core.handle_timeout(now()));
        true
    }

    /// Waits to be woken by the transport, the timer or a handle; false when there is something to do first.
    fn sleep(&mut self, cx: &Context<'_>) -> bool {
        let (writes, timeout) = (!self.batch.is_empty() || self.write_error.is_some(), self.timeout);
        self.shared.with(|inner| {
            let reads = inner.core.wants_read();
            inner.sleep(Asleep {
                waker: cx.waker().clone(),
                timeout,
                reads,
                writes,
            })
        })
    }
}

impl<S> Drop for Driver<S> {
    fn drop(&mut self) {
        self.shared
            .with(|inner| inner.core.abandon(Instant::now(), ConnectionError::DriverDropped));
    }
}

/// Time as tokio's timers see it.
fn now() -> Instant {
    ::tokio::time::Instant::now().into_std()
}
