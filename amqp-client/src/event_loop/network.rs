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
use crate::connect::{self, MaybeTls, Network};
use crate::driver::connect_with;
use crate::error::ConnectionError;
use crate::handle::{Connection, Events};
use crate::options::{Host, TcpOptions};
use crate::reactor::look_up;

impl Handle {
    /// Waits for so long; for ever, when that is beyond what the clock can tell.
    pub(super) async fn sleep(&self, time: Duration) {
        let deadline = Instant::now().checked_add(time);
        let mut timer = Timer::new(self.io());
        poll_fn(|cx| deadline.map_or(Poll::Pending, |deadline| timer.poll(cx, deadline))).await;
    }
}

/// The sockets and timers of a loop.
pub(super) struct Loop<'a>(pub(super) &'a Handle);

impl Network for Loop<'_> {
    type Transport = Stream;
    /// With all events from its beginning on.
    type Connection = (Connection, Events);

    async fn sleep(&self, time: Duration) {
        self.0.sleep(time).await;
    }

    async fn look_up(&self, host: &Host) -> io::Result<Vec<SocketAddr>> {
        look_up(host)
    }

    async fn open_tcp(&self, address: SocketAddr, options: &TcpOptions) -> io::Result<Stream> {
        let mut stream = self.0.io().connect(address).await?;
        connect::apply(options, stream.socket())?;
        Ok(stream)
    }

    async fn open(
        &self,
        transport: MaybeTls<Stream>,
        config: Config,
    ) -> Result<(Connection, Events), ConnectionError> {
        let (connection, driver) = connect_with(transport, config);
        connection.wake_for_each();
        let events = connection.events();
        self.0.spawn(Turn::Urgent, driver);
        connection.opened().await?;
        Ok((connection, events))
    }
}
