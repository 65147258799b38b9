//! The adapter for tokio: its streams and timers as a [`Transport`], and `connect` over TCP.

use std::fmt::Display;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use ::tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use ::tokio::net::TcpStream;
use ::tokio::time::{Sleep, sleep_until, timeout};
use bytes::BytesMut;

use crate::config::Config;
use crate::driver::{self, Transport};
use crate::error::{ConnectionError, TransportError};
use crate::handle::Connection;
use crate::sans_io::Outgoing;
use crate::uri::Uri;

/// The driver of a connection over a tokio stream, to be spawned.
pub type Driver<S> = driver::Driver<Stream<S>>;

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

/// Connects over any stream of tokio's kind: TCP, TLS, a Unix socket, a pipe in memory. Spawn the driver;
/// [`Connection::opened`] tells when the connection can be used.
pub fn connect_with<S>(stream: S, config: Config) -> (Connection, Driver<S>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    driver::connect_with(Stream { stream, timer: None }, config)
}

/// Looks the host up and tries its addresses in turn, each step for at most `connection_timeout`. The error is the last
/// address's, and names it.
async fn open_tcp(uri: &Uri) -> io::Result<TcpStream> {
    let (host, port) = (uri.host.as_str(), uri.port);
    let limit = uri.config.connection_timeout;
    let addresses = within(
        limit,
        ::tokio::net::lookup_host((host, port)),
        &format_args!("{host}:{port}"),
    )
    .await?;
    let mut failure = io::Error::new(
        io::ErrorKind::NotFound,
        format!("{host}:{port}: the host has no address"),
    );
    for address in addresses {
        match within(limit, TcpStream::connect(address), &address).await {
            Ok(stream) => {
                // Frames are batched here; waiting for more of them would only delay replies.
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// What the step gives; its error, or that it took too long, with the name of whom it concerns.
async fn within<T>(
    limit: Duration,
    step: impl Future<Output = io::Result<T>>,
    whom: &impl Display,
) -> io::Result<T> {
    match timeout(limit, step).await {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(io::Error::new(error.kind(), format!("{whom}: {error}"))),
        Err(_) => Err(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("{whom}: no answer in time"),
        )),
    }
}

/// A tokio stream and a tokio timer as a [`Transport`].
#[derive(Debug)]
pub struct Stream<S> {
    stream: S,
    /// Made when first needed, so that a driver can be made outside a runtime.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Transport for Stream<S> {
    fn poll_read(&mut self, cx: &mut Context<'_>, input: &mut BytesMut) -> Poll<io::Result<usize>> {
        pin!(self.stream.read_buf(input)).poll(cx)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, batch: &mut Outgoing) -> Poll<io::Result<usize>> {
        pin!(self.stream.write_buf(batch)).poll(cx)
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let deadline = ::tokio::time::Instant::from_std(deadline);
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        if timer.deadline() != deadline {
            timer.as_mut().reset(deadline);
        }
        timer.as_mut().poll(cx)
    }

    fn now(&self) -> Instant {
        ::tokio::time::Instant::now().into_std()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[::tokio::test]
    async fn a_refused_connection_names_the_address() {
        // Bound and not listening: nobody else gets the port, and nobody accepts.
        let socket = ::tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let address = socket.local_addr().unwrap();
        let error = connect(format!("amqp://{address}").as_str()).await.unwrap_err();
        assert!(error.to_string().contains(&format!("{address}: ")), "{error}");
        assert!(
            matches!(error, ConnectionError::Transport(error) if error.kind() == io::ErrorKind::ConnectionRefused)
        );
    }
}
