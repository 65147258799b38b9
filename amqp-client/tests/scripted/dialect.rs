//! A server that speaks AMQP 0-8, and a client that says on it what it says on any revision.

mod content;
mod handles;
mod handshake;
mod hostile;
mod requests;

use amqp_client::protocol::frame::{FrameType, Parsed, RawFrame};
use amqp_client::protocol::method::{Decode, IntoOwned};
use amqp_client::protocol::v0_8::{Method, access, basic, channel, connection};
use amqp_client::protocol::{FieldTable, LongStr, Reader, ShortStr};
use amqp_client::sans_io::{ChannelKey, ConsumerId};
use amqp_client::{Config, Protocol, State};

use crate::peer::{Peer, consume};

/// The ticket that the server gives for a channel.
const TICKET: u16 = 0x1234;

/// A frame that the client sent.
#[derive(Debug, Clone, PartialEq)]
enum Sent {
    Method(u16, Method<'static>),
    Header(u16, Vec<u8>),
    Body(u16, Vec<u8>),
}

fn on<'a>(channel: u16, method: impl Into<Method<'a>>) -> Sent {
    Sent::Method(channel, method.into().into_owned())
}

fn config() -> Config {
    Config::default().protocol(Protocol::V0_8)
}

fn start() -> connection::Start<'static> {
    connection::Start {
        version_major: 8,
        version_minor: 0,
        server_properties: FieldTable::new().with("product", "script").unwrap(),
        mechanisms: LongStr::from_static("AMQPLAIN PLAIN"),
        locales: LongStr::from_static("en_US"),
    }
}

fn tune() -> connection::Tune {
    connection::Tune {
        channel_max: 2047,
        frame_max: 131_072,
        heartbeat: 0,
    }
}

/// What the client has sent since the last time.
fn sent(peer: &mut Peer) -> Vec<Sent> {
    let octets = peer.octets();
    let (mut rest, mut frames) = (octets.as_slice(), Vec::new());
    while let Parsed::Complete(frame) = RawFrame::parse(rest, 0).unwrap() {
        rest = &rest[frame.encoded_len()..];
        let id = frame.channel.0;
        frames.push(match frame.frame_type {
            FrameType::Method => {
                let mut reader = Reader::new(frame.payload);
                let method = Method::decode(&mut reader).unwrap().into_owned();
                reader.finish("method").unwrap();
                Sent::Method(id, method)
            }
            FrameType::Header => Sent::Header(id, frame.payload.to_vec()),
            FrameType::Body => Sent::Body(id, frame.payload.to_vec()),
            FrameType::Heartbeat => panic!("heartbeat"),
        });
    }
    assert!(rest.is_empty(), "half a frame");
    frames
}

/// A client that the server has brought into this state.
fn peer_in(state: State, config: Config) -> Peer {
    let mut peer = Peer::new(config);
    if state > State::AwaitingStart {
        peer.send(0, &start());
    }
    if state > State::AwaitingTune {
        peer.send(0, &tune());
    }
    if state > State::AwaitingOpenOk {
        peer.send(0, &connection::OpenOk::default());
    }
    peer.octets();
    peer.events();
    assert_eq!(peer.core.state(), state);
    peer
}

fn open() -> Peer {
    peer_in(State::Open, config())
}

/// Opens a channel, which gets [`TICKET`].
fn open_channel(peer: &mut Peer) -> ChannelKey {
    let (key, request) = peer.core.open_channel(peer.now).unwrap();
    let id = key.id().0;
    assert_eq!(sent(peer), [on(id, channel::Open::default())]);
    peer.send(id, &channel::OpenOk {});
    let asked = access::Request {
        realm: ShortStr::from_static("/data"),
        exclusive: false,
        passive: true,
        active: true,
        write: true,
        read: true,
    };
    assert_eq!(sent(peer), [on(id, asked)]);
    // It is not open yet.
    assert!(peer.events().is_empty());
    peer.send(id, &access::RequestOk { ticket: TICKET });
    assert!(peer.outcome(request).is_ok());
    key
}

/// Starts a consumer.
fn start_consumer(peer: &mut Peer, key: ChannelKey, tag: &'static str) -> ConsumerId {
    let (consumer, request) = peer.core.consume(peer.now, key, consume(tag), Some(7)).unwrap();
    let qos = basic::Qos {
        prefetch_count: 7,
        ..Default::default()
    };
    let consume = basic::Consume {
        ticket: TICKET,
        consumer_tag: ShortStr::from_static(tag),
        ..Default::default()
    };
    let id = key.id().0;
    assert_eq!(sent(peer), [on(id, qos), on(id, consume)]);
    peer.send(id, &basic::QosOk {});
    peer.send(
        id,
        &basic::ConsumeOk {
            consumer_tag: ShortStr::from_static(tag),
        },
    );
    assert!(peer.outcome(request).is_ok());
    consumer
}
