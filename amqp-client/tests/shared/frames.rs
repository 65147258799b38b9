//! What a server sends and reads, as octets: frames of methods and messages, for every test that plays one. What is said
//! when, the tests know.

use amqp_client::protocol::frame::{self, FrameType, Parsed, RawFrame};
use amqp_client::protocol::method::{Arguments, Decode, Encode, IntoOwned};
use amqp_client::protocol::v0_9_1::{Method, basic, connection, queue};
use amqp_client::protocol::{ChannelId, DeliveryTag, FieldTable, LongStr, Reader, ShortStr, Writer};

/// A frame that the client sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Sent {
    Method(u16, Method<'static>),
    /// Body size and properties.
    Header(u16, u64, basic::Properties<'static>),
    Body(u16, Vec<u8>),
    Heartbeat,
}

impl Sent {
    pub(crate) fn is<M: Arguments>(&self) -> bool {
        matches!(self, Self::Method(_, method) if method.id() == M::ID)
    }
}

pub(crate) fn start(mechanisms: &'static str) -> connection::Start<'static> {
    connection::Start {
        version_major: 0,
        version_minor: 9,
        server_properties: FieldTable::new().with("product", "script").unwrap(),
        mechanisms: LongStr::from_static(mechanisms),
        locales: LongStr::from_static("en_US"),
    }
}

pub(crate) fn method_frame<M: Arguments>(channel: u16, method: &M) -> Vec<u8> {
    let mut octets = Vec::new();
    frame::write_method(&mut octets, ChannelId(channel), method, 0).unwrap();
    octets
}

/// A content header frame without properties.
pub(crate) fn header_frame(channel: u16, body_size: u64) -> Vec<u8> {
    header_frame_with(channel, body_size, &basic::Properties::default())
}

pub(crate) fn header_frame_with(channel: u16, body_size: u64, properties: &basic::Properties<'_>) -> Vec<u8> {
    let len = 12 + properties.encoded_len() as u32;
    let mut octets = frame::start(FrameType::Header, ChannelId(channel), len).to_vec();
    octets.extend_from_slice(&[0, 60, 0, 0]);
    octets.extend_from_slice(&body_size.to_be_bytes());
    properties.encode(&mut Writer::new(&mut octets));
    octets.push(frame::END);
    octets
}

pub(crate) fn body_frames(channel: u16, body: &[u8], payload: usize) -> Vec<u8> {
    let mut octets = Vec::new();
    frame::write_body(
        &mut octets,
        ChannelId(channel),
        body,
        (payload + frame::OVERHEAD) as u32,
    );
    octets
}

pub(crate) fn deliver(tag: &'static str, delivery_tag: u64) -> basic::Deliver<'static> {
    basic::Deliver {
        consumer_tag: ShortStr::from_static(tag),
        delivery_tag: DeliveryTag(delivery_tag),
        routing_key: ShortStr::from_static("key"),
        ..Default::default()
    }
}

/// A whole message for a consumer.
pub(crate) fn delivery(
    channel: u16,
    tag: &'static str,
    delivery_tag: u64,
    body: &[u8],
    payload: usize,
) -> Vec<u8> {
    let mut octets = method_frame(channel, &deliver(tag, delivery_tag));
    octets.extend(header_frame(channel, body.len() as u64));
    octets.extend(body_frames(channel, body, payload));
    octets
}

/// Takes all whole frames from the front.
pub(crate) fn read_frames(octets: &mut &[u8]) -> Vec<Sent> {
    let mut frames = Vec::new();
    while let Parsed::Complete(frame) = RawFrame::parse(octets, 0).unwrap() {
        *octets = &octets[frame.encoded_len()..];
        let (id, mut reader) = (frame.channel.0, Reader::new(frame.payload));
        frames.push(match frame.frame_type {
            FrameType::Method => Sent::Method(id, Method::decode(&mut reader).unwrap().into_owned()),
            FrameType::Header => {
                assert_eq!((reader.short("").unwrap(), reader.short("").unwrap()), (60, 0));
                let body_size = reader.longlong("").unwrap();
                Sent::Header(
                    id,
                    body_size,
                    basic::Properties::decode(&mut reader).unwrap().into_owned(),
                )
            }
            FrameType::Body => Sent::Body(id, frame.payload.to_vec()),
            FrameType::Heartbeat => Sent::Heartbeat,
        });
    }
    frames
}

/// How long a method's frame is.
pub(crate) fn frame_len<M: Encode>(method: &M) -> usize {
    frame::OVERHEAD + 4 + method.encoded_len()
}

pub(crate) fn declare_ok(queue: &'static str) -> queue::DeclareOk<'static> {
    queue::DeclareOk {
        queue: ShortStr::from_static(queue),
        message_count: 1,
        consumer_count: 2,
    }
}
