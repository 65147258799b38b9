//! The adapter for tokio: `connect` over TCP, and `connect_with` over any stream of tokio's kind.
//!
//! This module has the name of tokio's crate: behind `use amqp_client::*`, write `::tokio` for the crate, or import by name.
//!
//! # Handlers that block
//!
//! The driver is a task like any other, and sends the heartbeats. It stands still while too many workers of its runtime are
//! blocked; one may be too many, also of several: that worker may be the one that waits for octets and timers on behalf of
//! all. After two to three heartbeat intervals without a sign of life RabbitMQ drops the connection. So a handler that computes or
//! blocks for long must do so elsewhere:
//!
//! - in `tokio::task::spawn_blocking` or `tokio::task::block_in_place`, which tell the runtime;
//! - or on any thread or runtime, when the connection has a runtime of its own:
//!
//! ```no_run
//! # fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use tokio::runtime::Builder;
//!
//! // As long as it lives, its one worker moves the connection's octets, whatever others do.
//! let driving = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
//! let connection = driving.block_on(amqp_client::tokio::connect("amqp://localhost"))?;
//! # Ok(())
//! # }
//! ```

mod connect;
mod secret;
mod stream;

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
    driver::connect_with(Stream::new(stream), config)
}
