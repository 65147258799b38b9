//! Connecting over tokio: what `connect` needs of it, and its front.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::{Duration, Instant};

use ::tokio::net::{TcpStream, lookup_host};
use ::tokio::time::sleep;

use super::Stream;
use crate::config::Config;
use crate::connect::{self, MaybeTls, Network};
use crate::driver;
use crate::error::{ConnectError, ConnectionError};
use crate::handle::Connection;
use crate::options::{ConnectOptions, Host, TcpOptions};

/// Connects over TCP by a URI or by options, whose page says [what is tried](ConnectOptions#what-is-tried), and spawns the
/// driver on the current runtime.
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
    connect_boxed(options.try_into().map_err(Into::into)?).await
}

/// In a box, so that connections are compiled with this crate, and not anew with each program that makes one.
fn connect_boxed(
    options: ConnectOptions,
) -> Pin<Box<dyn Future<Output = Result<Connection, ConnectError>> + Send>> {
    Box::pin(connect::connect(&Tokio, options))
}

/// The runtime of the task.
struct Tokio;

impl Network for Tokio {
    type Transport = Stream<TcpStream>;
    type Connection = Connection;

    fn now(&self) -> Instant {
        ::tokio::time::Instant::now().into_std()
    }

    async fn sleep(&self, time: Duration) {
        sleep(time).await;
    }

    async fn look_up(&self, host: &Host) -> io::Result<Vec<SocketAddr>> {
        Ok(lookup_host((host.host.as_str(), host.port)).await?.collect())
    }

    async fn open_tcp(&self, address: SocketAddr, options: &TcpOptions) -> io::Result<Stream<TcpStream>> {
        let stream = TcpStream::connect(address).await?;
        connect::apply(options, &stream)?;
        Ok(Stream::new(stream))
    }

    async fn unblock<R: Send + 'static>(&self, work: impl FnOnce() -> R + Send + 'static) -> io::Result<R> {
        Ok(::tokio::task::spawn_blocking(work).await?)
    }

    async fn open(
        &self,
        transport: MaybeTls<Self::Transport>,
        config: Config,
    ) -> Result<Connection, ConnectionError> {
        let (connection, driver) = driver::connect_with(transport, config);
        ::tokio::spawn(driver);
        connection.opened().await?;
        Ok(connection)
    }
}
