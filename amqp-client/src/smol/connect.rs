//! Connecting over async-io: what `connect` needs of it, and its front.

use std::future::poll_fn;
use std::io;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::pin::{Pin, pin};
use std::time::Duration;

use async_io::{Async, Timer};

use super::{BoxDriver, Stream};
use crate::config::Config;
use crate::connect::{self, MaybeTls, Network};
use crate::driver;
use crate::error::{ConnectError, ConnectionError};
use crate::handle::Connection;
use crate::options::{ConnectOptions, Host, TcpOptions};

/// Connects over TCP by a URI or by options, whose page says [what is tried](ConnectOptions#what-is-tried), and gives the
/// driver of the open connection: spawn it on the executor of your choice at once.
///
/// Dropping the future gives up the attempt.
///
/// ```no_run
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let executor = smol::Executor::new();
/// smol::block_on(executor.run(async {
///     let (connection, driver) = amqp_client::smol::connect("amqp://localhost").await?;
///     executor.spawn(driver).detach();
///     let channel = connection.open_channel().await?;
///     channel.basic_publish("", "orders", "one coffee").persistent().await?;
///     connection.close().await?;
///     Ok(())
/// }))
/// # }
/// ```
///
/// # Errors
///
/// When the URI is wrong, TLS is asked for and not built in, or every attempt failed.
pub async fn connect(
    options: impl TryInto<ConnectOptions, Error: Into<ConnectError>>,
) -> Result<(Connection, BoxDriver), ConnectError> {
    connect::connect(&Smol, options).await
}

/// async-io's reactor.
struct Smol;

impl Network for Smol {
    type Transport = Stream<Async<TcpStream>>;
    type Connection = (Connection, BoxDriver);

    async fn sleep(&self, time: Duration) {
        Timer::after(time).await;
    }

    async fn look_up(&self, host: &Host) -> io::Result<Vec<SocketAddr>> {
        let (name, port) = (host.host.clone(), host.port);
        let addresses = blocking::unblock(move || (name.as_str(), port).to_socket_addrs()).await?;
        Ok(addresses.collect())
    }

    async fn open_tcp(&self, address: SocketAddr, options: &TcpOptions) -> io::Result<Self::Transport> {
        let stream = Async::<TcpStream>::connect(address).await?;
        connect::apply(options, stream.get_ref())?;
        Ok(Stream::new(stream))
    }

    async fn unblock<R: Send + 'static>(&self, work: impl FnOnce() -> R + Send + 'static) -> io::Result<R> {
        Ok(blocking::unblock(work).await)
    }

    async fn open(
        &self,
        transport: MaybeTls<Self::Transport>,
        config: Config,
    ) -> Result<(Connection, BoxDriver), ConnectionError> {
        let (connection, driver) = driver::connect_with(transport, config);
        let mut driver: BoxDriver = Box::pin(driver);
        {
            let mut opened = pin!(connection.opened());
            let mut over = false;
            poll_fn(|cx| {
                over = over || Pin::new(&mut driver).poll(cx).is_ready();
                opened.as_mut().poll(cx)
            })
            .await?;
        }
        Ok((connection, driver))
    }
}
