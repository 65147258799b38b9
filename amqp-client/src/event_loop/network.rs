//! What connecting needs, by a loop.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::Handle;
use super::causes::Turn;
use super::io::{Stream, Timer};
use crate::config::Config;
use crate::connect::{self, Network};
use crate::driver::{Transport, connect_with};
use crate::error::ConnectionError;
use crate::handle::{Connection, Events};
use crate::options::{Host, TcpOptions};
use crate::reactor::look_up;

impl Network for Handle {
    type Transport = Stream;
    /// With all events from its beginning on.
    type Connection = (Connection, Events);

    fn now(&self) -> Instant {
        Instant::now()
    }

    async fn sleep(&self, time: Duration) {
        // A time beyond what the clock can tell is for ever.
        let deadline = Instant::now().checked_add(time);
        let mut timer = Timer::new(self.io());
        poll_fn(|cx| deadline.map_or(Poll::Pending, |deadline| timer.poll(cx, deadline))).await;
    }

    async fn look_up(&self, host: &Host) -> io::Result<Vec<SocketAddr>> {
        look_up(host)
    }

    async fn open_tcp(&self, address: SocketAddr, options: &TcpOptions) -> io::Result<Stream> {
        let mut stream = self.io().connect(address).await?;
        connect::apply(options, stream.socket())?;
        Ok(stream)
    }

    #[cfg(feature = "tls-no-provider")]
    async fn unblock<R: Send + 'static>(&self, work: impl FnOnce() -> R + Send + 'static) -> io::Result<R> {
        Ok(work())
    }

    async fn open<T: Transport + Send + 'static>(
        &self,
        transport: T,
        config: Config,
    ) -> Result<(Connection, Events), ConnectionError> {
        let (connection, driver) = connect_with(transport, config);
        connection.wake_for_each();
        let events = connection.events();
        self.spawn(Turn::Urgent, driver);
        connection.opened().await?;
        Ok((connection, events))
    }
}
