//! A server that does what a test says, around a core without I/O.

use std::time::{Duration, Instant};

use amqp_client::protocol::method::Arguments;
use amqp_client::protocol::v0_9_1::{basic, channel, connection, queue};
use amqp_client::protocol::{ReplyCode, ShortStr};
use amqp_client::sans_io::{ChannelKey, Connection, ConsumerId, Event, Outgoing, Reply, RequestId, Tapping};
use amqp_client::{Body, CallError, Config, PublishError};
use bytes::{Buf, BytesMut};

#[path = "../shared/frames.rs"]
mod frames;

#[allow(
    unused_imports,
    reason = "each suite that includes this file uses some of them"
)]
pub(crate) use self::frames::{
    Sent, body_frames, declare_ok, deliver, delivery, frame_len, header_frame, header_frame_with,
    method_frame, read_frames, start,
};

pub(crate) struct Peer {
    pub(crate) core: Connection,
    pub(crate) now: Instant,
    /// Shows the octets to the tap of the settings.
    pub(crate) tapping: Option<Tapping>,
    input: BytesMut,
    /// How many octets the core gets at a time.
    step: usize,
    /// Everything that the core said, for comparison.
    pub(crate) transcript: Vec<String>,
}

impl Peer {
    /// A client that has sent its protocol header.
    pub(crate) fn new(config: Config) -> Self {
        let now = Instant::now();
        let tapping = Tapping::new(&config);
        let header = config.protocol.header();
        let core = Connection::new(config, now);
        let mut peer = Self {
            core,
            now,
            tapping,
            input: BytesMut::new(),
            step: usize::MAX,
            transcript: Vec::new(),
        };
        assert_eq!(peer.octets(), header.octets());
        peer
    }

    /// An open connection with these limits; heartbeats are off.
    pub(crate) fn tuned(config: Config, channel_max: u16, frame_max: u32) -> Self {
        let mut peer = Self::new(config);
        peer.shake_hands(connection::Tune {
            channel_max,
            frame_max,
            heartbeat: 0,
        });
        peer.events();
        peer
    }

    pub(crate) fn open() -> Self {
        Self::tuned(Config::default(), 2047, 131_072)
    }

    /// Gives the core its octets in pieces of this size.
    pub(crate) fn by(mut self, step: usize) -> Self {
        self.step = step;
        self
    }

    pub(crate) fn shake_hands(&mut self, tune: connection::Tune) -> Vec<Sent> {
        self.send(0, &start("PLAIN AMQPLAIN"));
        let mut sent = self.sent();
        self.send(0, &tune);
        sent.extend(self.sent());
        self.send(0, &connection::OpenOk {});
        sent
    }

    /// Octets from the server.
    pub(crate) fn feed(&mut self, octets: &[u8]) {
        for piece in octets.chunks(self.step.min(octets.len().max(1))) {
            self.input.extend_from_slice(piece);
            if let Some(tapping) = &mut self.tapping {
                tapping.received(self.now, &self.input);
            }
            let _ = self.core.receive(self.now, &mut self.input);
            if let Some(tapping) = &mut self.tapping {
                tapping.left(self.input.len());
            }
        }
    }

    /// A method from the server.
    pub(crate) fn send<M: Arguments>(&mut self, channel: u16, method: &M) {
        self.feed(&method_frame(channel, method));
    }

    /// What the client wants to send, as octets.
    pub(crate) fn octets(&mut self) -> Vec<u8> {
        let (mut batch, mut octets) = (Outgoing::new(), Vec::new());
        loop {
            self.core.take_outgoing(&mut batch);
            if let Some(tapping) = &mut self.tapping {
                tapping.sent(self.now, &batch);
            }
            if batch.is_empty() {
                return octets;
            }
            let len = batch.remaining();
            octets.extend_from_slice(&batch.copy_to_bytes(len));
            self.core.transmitted(self.now, len as u64);
        }
    }

    /// What the client wants to send, as frames.
    pub(crate) fn sent(&mut self) -> Vec<Sent> {
        let octets = self.octets();
        self.transcript.push(format!("{octets:?}"));
        read_frames(&mut octets.as_slice())
    }

    pub(crate) fn events(&mut self) -> Vec<Event> {
        let events: Vec<Event> = std::iter::from_fn(|| self.core.poll_event()).collect();
        self.transcript
            .extend(events.iter().map(|event| format!("{event:?}")));
        events
    }

    pub(crate) fn advance(&mut self, time: Duration) {
        self.now += time;
        self.core.handle_timeout(self.now);
    }

    pub(crate) fn open_channel(&mut self) -> ChannelKey {
        let (key, request) = self.core.open_channel(self.now).unwrap();
        assert_eq!(self.sent(), [Sent::Method(key.id().0, channel::Open {}.into())]);
        self.send(key.id().0, &channel::OpenOk {});
        assert!(self.outcome(request).is_ok());
        key
    }

    pub(crate) fn consume(&mut self, key: ChannelKey, tag: &'static str) -> ConsumerId {
        let (consumer, request) = self.core.consume(self.now, key, consume(tag), Some(0)).unwrap();
        self.sent();
        self.send(key.id().0, &basic::QosOk {});
        self.send(
            key.id().0,
            &basic::ConsumeOk {
                consumer_tag: ShortStr::from_static(tag),
            },
        );
        assert!(self.outcome(request).is_ok());
        consumer
    }

    /// The only outcome among the events, which must be of this request.
    pub(crate) fn outcome(&mut self, expected: RequestId) -> Result<Reply, CallError> {
        let mut resolved = resolved(self.events());
        assert_eq!(resolved.len(), 1, "{resolved:?}");
        let (request, outcome) = resolved.remove(0);
        assert_eq!(request, expected);
        outcome
    }
}

/// The outcomes among events.
pub(crate) fn resolved(events: Vec<Event>) -> Vec<(RequestId, Result<Reply, CallError>)> {
    let resolved = |event| match event {
        Event::Resolved { request, outcome } => Some((request, outcome)),
        _ => None,
    };
    events.into_iter().filter_map(resolved).collect()
}

pub(crate) fn declare(queue: &'static str) -> queue::Declare<'static> {
    queue::Declare {
        queue: ShortStr::from_static(queue),
        ..Default::default()
    }
}

pub(crate) fn consume(tag: &'static str) -> basic::Consume<'static> {
    basic::Consume {
        consumer_tag: ShortStr::from_static(tag),
        ..Default::default()
    }
}

pub(crate) fn channel_close(code: ReplyCode, text: &'static str) -> channel::Close<'static> {
    channel::Close {
        reply_code: code,
        reply_text: ShortStr::from_static(text),
        class_id: 50,
        method_id: 20,
    }
}

pub(crate) fn publish(
    peer: &mut Peer,
    key: ChannelKey,
    body: impl Into<Body<'static>>,
) -> Result<Option<u64>, PublishError> {
    let method = basic::Publish {
        routing_key: ShortStr::from_static("key"),
        ..Default::default()
    };
    let published = peer
        .core
        .publish(peer.now, key, &method, &basic::Properties::default(), body.into())?;
    Ok(published.delivery_tag.map(|tag| tag.0))
}

pub(crate) fn queue_of(peer: &mut Peer, request: RequestId) -> String {
    let reply = peer.outcome(request).unwrap();
    reply
        .decode::<queue::DeclareOk<'static>>()
        .unwrap()
        .queue
        .to_string()
}
