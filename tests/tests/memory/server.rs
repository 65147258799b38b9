//! A server that opens connections and channels, and floods who consumes, once or without end. It keeps almost nothing, so
//! that what its process holds is the client's.

use std::io::{Read, Write};
use std::iter::repeat_n;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use amqp_client::protocol::frame::{self, FrameType, Parsed, RawFrame};
use amqp_client::protocol::method::{Arguments, Decode};
use amqp_client::protocol::v0_9_1::{Method, basic, channel, connection};
use amqp_client::protocol::{ChannelId, DeliveryTag, FieldTable, LongStr, Reader, ShortStr};

/// The queue whose deliveries never end, and the tag of its consumer. Each is numbered as if it were the first of its kind.
pub(crate) const ENDLESS: &str = "endless";

/// Octets of the bodies that a consumer gets, [`ROUNDS`] times so many of each.
pub(crate) const BODIES: [(usize, usize); 3] = [(16, 100), (4000, 2), (12_000, 1)];
const ROUNDS: usize = 20;
/// Deliveries of a flood.
pub(crate) const FLOOD: usize = ROUNDS * (100 + 2 + 1);

/// Serves connections one after the other until so many are open, and then the last one until it ends.
pub(crate) fn start(connections: usize) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let start = method(0, &start_like_rabbitmq());
    let floods = Floods::new();
    let mut open = Vec::with_capacity(connections);
    thread::spawn(move || {
        for _ in 0..connections {
            let (mut stream, _) = listener.accept().unwrap();
            let mut header = [0; 8];
            stream.read_exact(&mut header).unwrap();
            stream.write_all(&start).unwrap();
            serve(&mut stream, &floods, connection::Open::ID);
            open.push(stream);
        }
        // Until the client closes it.
        serve(open.last_mut().unwrap(), &floods, connection::Close::ID);
    });
    address
}

/// Answers what comes, up to this method or the end of the stream.
fn serve(stream: &mut TcpStream, floods: &Floods, last: amqp_client::protocol::MethodId) {
    let (mut input, mut filled) = ([0; 4096], 0);
    loop {
        match stream.read(&mut input[filled..]) {
            Ok(read @ 1..) => filled += read,
            // The client is gone.
            Ok(0) | Err(_) => return,
        }
        while let Parsed::Complete(frame) = RawFrame::parse(&input[..filled], 0).unwrap() {
            let (id, len) = (frame.channel.0, frame.encoded_len());
            let method = Method::decode(&mut Reader::new(frame.payload)).unwrap();
            let method_id = method.id();
            answer(stream, floods, id, &method);
            input.copy_within(len..filled, 0);
            filled -= len;
            if method_id == last {
                return;
            }
        }
    }
}

fn answer(stream: &mut TcpStream, floods: &Floods, id: u16, method: &Method<'_>) {
    match method {
        Method::Connection(connection::Method::StartOk(_)) => {
            let tune = connection::Tune {
                channel_max: 2047,
                frame_max: 131_072,
                heartbeat: 60,
            };
            reply(stream, 0, &tune);
        }
        Method::Connection(connection::Method::Open(_)) => reply(stream, 0, &connection::OpenOk {}),
        Method::Connection(connection::Method::Close(_)) => reply(stream, 0, &connection::CloseOk {}),
        Method::Channel(channel::Method::Open(_)) => reply(stream, id, &channel::OpenOk {}),
        Method::Channel(channel::Method::Close(_)) => reply(stream, id, &channel::CloseOk {}),
        Method::Basic(basic::Method::Consume(consume)) => {
            let consumer_tag = consume.consumer_tag.clone();
            reply(stream, id, &basic::ConsumeOk { consumer_tag });
            if consume.queue == ENDLESS {
                while write(stream, &floods.endless) {}
            } else {
                write(stream, &floods.once);
            }
        }
        Method::Basic(basic::Method::Cancel(cancel)) => {
            let consumer_tag = cancel.consumer_tag.clone();
            reply(stream, id, &basic::CancelOk { consumer_tag });
        }
        _ => {}
    }
}

fn reply<M: Arguments>(stream: &mut TcpStream, id: u16, arguments: &M) {
    write(stream, &method(id, arguments));
}

/// False when the client is gone: who closes a connection may not wait for what it is told.
fn write(stream: &mut TcpStream, octets: &[u8]) -> bool {
    stream.write_all(octets).is_ok()
}

/// As much as RabbitMQ says of itself.
fn start_like_rabbitmq() -> connection::Start<'static> {
    let mut capabilities = FieldTable::new();
    for name in [
        "publisher_confirms",
        "exchange_exchange_bindings",
        "basic.nack",
        "consumer_cancel_notify",
        "connection.blocked",
        "consumer_priorities",
        "authentication_failure_close",
        "per_consumer_qos",
        "direct_reply_to",
    ] {
        capabilities.append(name, true).unwrap();
    }
    let mut server_properties = FieldTable::new();
    server_properties.append("capabilities", capabilities).unwrap();
    for name in [
        "cluster_name",
        "copyright",
        "information",
        "platform",
        "product",
        "version",
    ] {
        server_properties
            .append(name, "some thirty octets of a name..")
            .unwrap();
    }
    connection::Start {
        version_major: 0,
        version_minor: 9,
        server_properties,
        mechanisms: LongStr::from_static("AMQPLAIN PLAIN"),
        locales: LongStr::from_static("en_US"),
    }
}

/// Deliveries for consumers of channel 1, whose tags are `once` and [`ENDLESS`].
struct Floods {
    once: Vec<u8>,
    /// To be repeated.
    endless: Vec<u8>,
}

impl Floods {
    fn new() -> Self {
        let of_all_sizes = || BODIES.into_iter().flat_map(|(size, count)| repeat_n(size, count));
        Self {
            once: flood("once", (0..ROUNDS).flat_map(|_| of_all_sizes())),
            endless: flood(ENDLESS, repeat_n(16, 1000)),
        }
    }
}

fn flood(tag: &'static str, sizes: impl Iterator<Item = usize>) -> Vec<u8> {
    let mut octets = Vec::new();
    for (size, number) in sizes.zip(1..) {
        let deliver = basic::Deliver {
            consumer_tag: ShortStr::from_static(tag),
            delivery_tag: DeliveryTag(number),
            ..Default::default()
        };
        octets.extend(method(1, &deliver));
        octets.extend_from_slice(&frame::start(FrameType::Header, ChannelId(1), 14));
        octets.extend_from_slice(&[0, 60, 0, 0]);
        octets.extend_from_slice(&(size as u64).to_be_bytes());
        octets.extend_from_slice(&[0, 0, frame::END]);
        frame::write_body(&mut octets, ChannelId(1), &vec![7; size], 0);
    }
    octets
}

fn method<M: Arguments>(channel: u16, method: &M) -> Vec<u8> {
    let mut octets = Vec::new();
    frame::write_method(&mut octets, ChannelId(channel), method, 0).unwrap();
    octets
}
