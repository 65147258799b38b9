//! The adapter for tokio: `connect` over TCP, and `connect_with` over any stream of tokio's kind.

mod connect;
mod secret;
mod stream;
mod tcp;

use ::tokio::io::{AsyncRead, AsyncWrite};

use crate::config::Config;
use crate::driver;
use crate::handle::Connection;

pub use connect::connect;
pub use secret::keep_secret_fresh;
pub use stream::Stream;

/// The driver of a connection over a tokio stream, to be spawned.
pub type Driver<S> = driver::Driver<Stream<S>>;

/// Connects over any stream of tokio's kind: TCP, TLS, a Unix socket, a pipe in memory. Spawn the driver;
/// [`Connection::opened`] tells when the connection can be used.
///
/// Over a Unix socket, behind which a proxy stands:
///
/// ```no_run
/// # #[cfg(unix)]
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use amqp_client::{Config, tokio::connect_with};
///
/// let stream = tokio::net::UnixStream::connect("/run/rabbitmq.sock").await?;
/// let (connection, driver) = connect_with(stream, Config::default());
/// tokio::spawn(driver);
/// connection.opened().await?;
/// # Ok(())
/// # }
/// ```
///
/// Over a pipe in memory, at the other end of which is whatever speaks AMQP:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use amqp_client::{Config, tokio::connect_with};
/// use tokio::io::AsyncReadExt;
///
/// let (ours, mut theirs) = tokio::io::duplex(4096);
/// let (connection, driver) = connect_with(ours, Config::default());
/// tokio::spawn(driver);
///
/// let mut header = [0; 8];
/// theirs.read_exact(&mut header).await?;
/// assert_eq!(&header, b"AMQP\0\0\x09\x01");
/// # Ok(())
/// # }
/// ```
pub fn connect_with<S>(stream: S, config: Config) -> (Connection, Driver<S>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    driver::connect_with(Stream { stream, timer: None }, config)
}
