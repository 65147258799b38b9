//! Handles and driver over a transport in memory, polled by hand: nothing happens that the test did not ask for.

use std::future::{Future, IntoFuture};
use std::io;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use amqp_client::driver::{Clock, Driver, Transport, connect_with};
use amqp_client::protocol::method::Arguments;
use amqp_client::protocol::v0_9_1::{basic, channel, connection};
use amqp_client::protocol::{ChannelId, DeliveryTag, ShortStr};
use amqp_client::sans_io::Outgoing;
use amqp_client::{CallError, Channel, Config, Connection, Consumer, ConsumerError, Delivery};
use bytes::{Buf, BytesMut};

use crate::peer::{Sent, method_frame, read_frames, start};

/// Both directions of a stream, and the clock.
struct Wire {
    to_client: Vec<u8>,
    /// What comes at each read at which nothing else does.
    endless: Vec<u8>,
    from_client: Vec<u8>,
    /// How many more octets the transport takes.
    room: usize,
    /// Octets that the transport took and keeps back until it is flushed, if it is one that does.
    kept: Option<Vec<u8>>,
    /// Whether flushing has to wait.
    clogged: bool,
    eof: bool,
    broken: bool,
    /// What reading fails with when everything has been read.
    failure: Option<io::Error>,
    now: Arc<Mutex<Instant>>,
    /// What the timer was set to last.
    deadline: Option<Instant>,
    /// To be run once, while the driver sets its timer: what another thread may do then.
    meanwhile: Option<Box<dyn FnOnce() + Send>>,
    shut: bool,
}

struct WireEnd(Arc<Mutex<Wire>>);

impl Transport for WireEnd {
    fn poll_read(&mut self, _: &mut Context<'_>, input: &mut BytesMut) -> Poll<io::Result<usize>> {
        let mut wire = self.0.lock().unwrap();
        let mut octets = std::mem::take(&mut wire.to_client);
        if octets.is_empty() {
            octets.extend_from_slice(&wire.endless);
        }
        if octets.is_empty() && !wire.eof {
            return wire
                .failure
                .take()
                .map_or(Poll::Pending, |error| Poll::Ready(Err(error)));
        }
        input.extend_from_slice(&octets);
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_write(&mut self, _: &mut Context<'_>, batch: &mut Outgoing) -> Poll<io::Result<usize>> {
        let mut wire = self.0.lock().unwrap();
        if wire.broken {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let octets = batch.remaining().min(wire.room);
        if octets == 0 {
            return Poll::Pending;
        }
        wire.room -= octets;
        let octets = batch.copy_to_bytes(octets);
        match &mut wire.kept {
            Some(kept) => kept.extend_from_slice(&octets),
            None => wire.from_client.extend_from_slice(&octets),
        }
        Poll::Ready(Ok(octets.len()))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = &mut *self.0.lock().unwrap();
        if wire.clogged {
            return Poll::Pending;
        }
        if let Some(kept) = &mut wire.kept {
            wire.from_client.append(kept);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut wire = self.0.lock().unwrap();
        wire.shut = true;
        if wire.room == 0 {
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_timer(&mut self, _: &mut Context<'_>, deadline: Instant) -> Poll<()> {
        let mut wire = self.0.lock().unwrap();
        wire.deadline = Some(deadline);
        if let Some(meanwhile) = wire.meanwhile.take() {
            meanwhile();
        }
        if *wire.now.lock().unwrap() >= deadline {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    fn clock(&self) -> Clock {
        let now = Arc::clone(&self.0.lock().unwrap().now);
        Clock::new(move || *now.lock().unwrap())
    }
}

/// Notes that it was woken.
pub(crate) struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Flag {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicBool::new(false)))
    }

    /// Whether it was woken since the last time.
    pub(crate) fn take(&self) -> bool {
        self.0.swap(false, Ordering::SeqCst)
    }
}

/// Polls once, with a waker that nobody looks at.
pub(crate) fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// A connection, its driver, and the server at the other end of the wire.
pub(crate) struct Session {
    pub(crate) connection: Connection,
    driver: Option<Driver<WireEnd>>,
    driver_woken: Arc<Flag>,
    wire: Arc<Mutex<Wire>>,
}

impl Session {
    pub(crate) fn new(config: Config) -> Self {
        let wire = Wire {
            to_client: Vec::new(),
            endless: Vec::new(),
            from_client: Vec::new(),
            room: usize::MAX,
            kept: None,
            clogged: false,
            eof: false,
            broken: false,
            failure: None,
            now: Arc::new(Mutex::new(Instant::now())),
            deadline: None,
            meanwhile: None,
            shut: false,
        };
        let wire = Arc::new(Mutex::new(wire));
        let (connection, driver) = connect_with(WireEnd(Arc::clone(&wire)), config);
        Self {
            connection,
            driver: Some(driver),
            driver_woken: Flag::new(),
            wire,
        }
    }

    /// A session after its handshake, without heartbeats.
    pub(crate) fn open() -> Self {
        Self::open_with(Config::default())
    }

    /// A session whose protocol header has come.
    pub(crate) fn greeted(config: Config) -> Self {
        let header = config.protocol.header();
        let mut session = Self::new(config);
        session.drive();
        assert_eq!(
            session.wire.lock().unwrap().from_client.drain(..8).as_slice(),
            header.octets()
        );
        session
    }

    pub(crate) fn open_with(config: Config) -> Self {
        let mut session = Self::greeted(config);
        session.send(0, &start("PLAIN"));
        session.send(
            0,
            &connection::Tune {
                channel_max: 10,
                frame_max: 4096,
                heartbeat: 0,
            },
        );
        session.send(0, &connection::OpenOk {});
        assert_eq!(session.sent().len(), 3);
        assert!(poll(&mut pin!(session.connection.opened())).is_ready());
        session
    }

    /// Polls the driver; true when the connection is over.
    pub(crate) fn drive(&mut self) -> bool {
        let waker = Waker::from(Arc::clone(&self.driver_woken));
        let Some(driver) = &mut self.driver else {
            return true;
        };
        Pin::new(driver).poll(&mut Context::from_waker(&waker)).is_ready()
    }

    /// Whether a handle has woken the sleeping driver.
    pub(crate) fn driver_was_woken(&self) -> bool {
        self.driver_woken.take()
    }

    pub(crate) fn drop_driver(&mut self) {
        self.driver = None;
    }

    pub(crate) fn feed(&mut self, octets: &[u8]) {
        self.wire.lock().unwrap().to_client.extend_from_slice(octets);
        self.drive();
    }

    pub(crate) fn send<M: Arguments>(&mut self, channel: u16, method: &M) {
        self.feed(&method_frame(channel, method));
    }

    /// What the client has sent since the last time.
    pub(crate) fn sent(&mut self) -> Vec<Sent> {
        self.drive();
        let octets = std::mem::take(&mut self.wire.lock().unwrap().from_client);
        let mut rest = octets.as_slice();
        let frames = read_frames(&mut rest);
        assert!(rest.is_empty(), "half a frame");
        frames
    }

    /// How many octets the transport takes from now on.
    pub(crate) fn set_room(&mut self, octets: usize) {
        self.wire.lock().unwrap().room = octets;
    }

    /// From now on the transport keeps octets back until it is flushed, which has to wait while it is clogged.
    pub(crate) fn keep_back(&mut self, clogged: bool) {
        let wire = &mut *self.wire.lock().unwrap();
        wire.kept.get_or_insert_default();
        wire.clogged = clogged;
    }

    /// From now on this comes without end.
    pub(crate) fn flood(&mut self, octets: &[u8]) {
        self.wire.lock().unwrap().endless = octets.to_vec();
    }

    pub(crate) fn end_stream(&mut self) {
        self.wire.lock().unwrap().eof = true;
    }

    pub(crate) fn fail_reads(&mut self, error: impl Into<io::Error>) {
        self.wire.lock().unwrap().failure = Some(error.into());
    }

    pub(crate) fn break_writes(&mut self) {
        self.wire.lock().unwrap().broken = true;
    }

    /// Runs this once, in the middle of the driver's next round.
    pub(crate) fn meanwhile(&mut self, action: impl FnOnce() + Send + 'static) {
        self.wire.lock().unwrap().meanwhile = Some(Box::new(action));
    }

    /// How long from now the driver's timer runs.
    pub(crate) fn timer(&self) -> Option<Duration> {
        let wire = self.wire.lock().unwrap();
        wire.deadline.map(|deadline| deadline - *wire.now.lock().unwrap())
    }

    pub(crate) fn was_shut(&self) -> bool {
        self.wire.lock().unwrap().shut
    }

    pub(crate) fn advance(&mut self, time: Duration) {
        *self.wire.lock().unwrap().now.lock().unwrap() += time;
        self.drive();
    }

    pub(crate) fn open_channel(&mut self) -> Channel {
        let connection = self.connection.clone();
        let mut opening = Box::pin(connection.open_channel());
        assert!(poll(&mut opening).is_pending());
        let sent = self.sent();
        let [Sent::Method(id, _)] = sent.as_slice() else {
            panic!("{sent:?}")
        };
        self.send(*id, &channel::OpenOk {});
        let Poll::Ready(Ok(channel)) = poll(&mut opening) else {
            panic!("not open")
        };
        assert_eq!(channel.id(), ChannelId(*id));
        channel
    }

    pub(crate) fn consume(&mut self, channel: &Channel, tag: &'static str) -> Consumer {
        let starting = channel.basic_consume("q").consumer_tag(tag).into_future();
        self.started(channel, tag, starting)
    }

    pub(crate) fn consume_no_ack(&mut self, channel: &Channel, tag: &'static str) -> Consumer {
        let starting = channel.basic_consume("q").consumer_tag(tag).no_ack();
        self.started(channel, tag, starting.into_future())
    }

    fn started(
        &mut self,
        channel: &Channel,
        tag: &'static str,
        mut starting: impl Future<Output = Result<Consumer, CallError>> + Unpin,
    ) -> Consumer {
        assert!(poll(&mut starting).is_pending());
        // The prefetch is sent for the first consumer of a channel.
        if self.sent().iter().any(Sent::is::<basic::Qos>) {
            self.send(channel.id().0, &basic::QosOk {});
        }
        self.send(
            channel.id().0,
            &basic::ConsumeOk {
                consumer_tag: ShortStr::from_static(tag),
            },
        );
        let Poll::Ready(Ok(consumer)) = poll(&mut starting) else {
            panic!("not started")
        };
        consumer
    }
}

pub(crate) fn reject(delivery_tag: u64) -> Sent {
    Sent::Method(
        1,
        basic::Reject {
            delivery_tag: DeliveryTag(delivery_tag),
            requeue: true,
        }
        .into(),
    )
}

pub(crate) fn ack(delivery_tag: u64) -> Sent {
    Sent::Method(
        1,
        basic::Ack {
            delivery_tag: DeliveryTag(delivery_tag),
            multiple: false,
        }
        .into(),
    )
}

pub(crate) fn cancel(tag: &'static str) -> Sent {
    Sent::Method(
        1,
        basic::Cancel {
            consumer_tag: ShortStr::from_static(tag),
            no_wait: false,
        }
        .into(),
    )
}

/// Polls once and expects that it is done.
pub(crate) fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("pending"),
    }
}

pub(crate) fn next(consumer: &mut Consumer) -> Result<Delivery, ConsumerError> {
    ready(consumer.next()).expect("it has ended")
}
