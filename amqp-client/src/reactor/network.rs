//! Connecting by a reactor: every step is one that its thread can wait for.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use mio::{Interest, Registry, Token};

use super::readiness::Readiness;
use super::{Reactor, Socket, look_up, poll_connected};
use crate::config::Config;
use crate::connect::{self, MaybeTls, Network};
use crate::driver::{Driver, connect_with};
use crate::error::{ConnectError, ConnectionError};
use crate::handle::Connection;
use crate::options::{ConnectOptions, Host, TcpOptions};

/// The driver of a socket, under TLS or not.
pub(crate) type AnyDriver = Driver<MaybeTls<Socket>>;

/// The token of the one socket that there is at a time.
const SOCKET: Token = Token(0);

/// What connecting needs, by a thread that waits for nothing else.
struct OneThread {
    registry: Registry,
    readiness: Arc<Readiness>,
    /// The earliest time that something waits for.
    deadline: Cell<Option<Instant>>,
}

impl OneThread {
    fn new(reactor: &Reactor) -> io::Result<Self> {
        Ok(Self {
            registry: reactor.registry().try_clone()?,
            readiness: reactor.readiness(),
            deadline: Cell::new(None),
        })
    }

    /// Until when a future over this network may be left alone, unless it is woken. To be asked after each poll, before which
    /// nothing is due.
    fn take_deadline(&self) -> Option<Instant> {
        self.deadline.take()
    }

    fn wake_at(&self, deadline: Instant) {
        let sooner = self.deadline.get().map_or(deadline, |other| other.min(deadline));
        self.deadline.set(Some(sooner));
    }
}

impl Network for OneThread {
    type Transport = Socket;
    type Connection = (Connection, AnyDriver);

    async fn sleep(&self, time: Duration) {
        let until = Instant::now().checked_add(time);
        poll_fn(|_| match until {
            Some(until) if until <= Instant::now() => Poll::Ready(()),
            until => {
                until.into_iter().for_each(|until| self.wake_at(until));
                Poll::Pending
            }
        })
        .await;
    }

    async fn look_up(&self, host: &Host) -> io::Result<Vec<SocketAddr>> {
        look_up(host)
    }

    async fn open_tcp(&self, address: SocketAddr, options: &TcpOptions) -> io::Result<Socket> {
        self.readiness.begin();
        let mut stream = mio::net::TcpStream::connect(address)?;
        self.registry
            .register(&mut stream, SOCKET, Interest::READABLE | Interest::WRITABLE)?;
        poll_fn(|_| poll_connected(&stream)).await?;
        connect::apply(options, &stream)?;
        Ok(Socket::with_readiness(stream, Arc::clone(&self.readiness)))
    }

    async fn open(
        &self,
        transport: MaybeTls<Socket>,
        config: Config,
    ) -> Result<(Connection, AnyDriver), ConnectionError> {
        let (connection, mut driver) = connect_with(transport, config);
        {
            let mut opened = pin!(connection.opened());
            let mut over = false;
            poll_fn(|cx| {
                over = over || Pin::new(&mut driver).poll(cx).is_ready();
                let opened = opened.as_mut().poll(cx);
                if opened.is_pending() && !over {
                    driver.wakes_at().into_iter().for_each(|at| self.wake_at(at));
                }
                opened
            })
            .await?;
        }
        Ok((connection, driver))
    }
}

/// Connects by a reactor of its own, and returns when that is done.
pub(crate) fn connect(options: ConnectOptions) -> Result<(Connection, AnyDriver, Reactor), ConnectError> {
    let lacking = |error: io::Error| ConnectError::System(Arc::new(error));
    let mut reactor = Reactor::new().map_err(lacking)?;
    let network = OneThread::new(&reactor).map_err(lacking)?;
    let waker = reactor.waker();
    let mut cx = Context::from_waker(&waker);
    let (connection, driver) = {
        let mut connecting = pin!(connect::connect(&network, options));
        loop {
            if let Poll::Ready(connected) = connecting.as_mut().poll(&mut cx) {
                break connected?;
            }
            reactor.sleep(network.take_deadline()).map_err(lacking)?;
        }
    };
    Ok((connection, driver, reactor))
}
