//! The adapter for smol, and whatever else has streams of the futures-io kind: `connect` over TCP by async-io, and
//! `connect_with` over any such stream.
//!
//! No executor is begun: the driver is handed to you. async-io has a thread of its own for when nobody else waits for its
//! sockets, and names are looked up, and the files of TLS read, on the threads that the crate `blocking` keeps for such work.
//!
//! This module has the name of smol's crate: behind `use amqp_client::*`, write `::smol` for the crate, or import by name.

mod connect;
mod stream;

use std::future::Future;
use std::pin::Pin;

use futures_io::{AsyncRead, AsyncWrite};

use crate::config::Config;
use crate::driver;
use crate::handle::Connection;

pub use connect::connect;
pub use stream::Stream;

/// The driver of a connection over a futures-io stream, to be spawned.
pub type Driver<S> = driver::Driver<Stream<S>>;

/// The driver of a connection that [`connect`] made, to be spawned. Dropping it ends the connection.
pub type BoxDriver = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Connects over any stream of the futures-io kind. Spawn the driver; [`Connection::opened`] tells when the connection can be
/// used.
///
/// ```no_run
/// # async fn example(executor: &smol::Executor<'_>) -> Result<(), Box<dyn std::error::Error>> {
/// use amqp_client::{Config, smol::connect_with};
///
/// let stream = smol::net::unix::UnixStream::connect("/run/rabbitmq.sock").await?;
/// let (connection, driver) = connect_with(stream, Config::default());
/// executor.spawn(driver).detach();
/// connection.opened().await?;
/// # Ok(())
/// # }
/// ```
pub fn connect_with<S>(stream: S, config: Config) -> (Connection, Driver<S>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    driver::connect_with(Stream::new(stream), config)
}
