//! A server that behaves badly on purpose: what no real broker does on demand.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use amqp_protocol::content::ContentHeader;
use amqp_protocol::frame::{self, FrameType, Parsed, RawFrame};
use amqp_protocol::method::{Arguments, Decode, IntoOwned};
use amqp_protocol::v0_9_1::{Method, basic, channel, confirm, connection, queue};
use amqp_protocol::{ChannelId, DeliveryTag, Reader, ShortStr};

/// What the server does once a client is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Misbehaviour {
    /// It accepts and never says anything.
    Silent,
    /// It begins with tables in tables, ten thousand deep.
    Nested,
    /// It proposes frames of eight octets.
    TinyFrames,
    /// At the first publish it blocks the connection, and reads no more, as RabbitMQ does in an alarm.
    Blocked,
    /// At the first publish it resets the connection.
    Resets,
    /// It delivers to the first consumer as fast as it can.
    Floods,
    /// With heartbeats of one second agreed, it falls silent once a channel is open.
    Dies,
    /// It closes the socket when it has seen the password.
    Refuses,
}

const FRAME_MAX: u32 = 131_072;

/// Starts it; the URI to connect to.
pub(crate) fn start(misbehaviour: Misbehaviour) -> io::Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let uri = format!("amqp://guest:guest@{}", listener.local_addr()?);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream, misbehaviour));
        }
    });
    Ok(uri)
}

/// What is over ends here; the client is told by the socket.
fn serve(mut stream: TcpStream, misbehaviour: Misbehaviour) -> io::Result<()> {
    if misbehaviour == Misbehaviour::Silent {
        return stay_silent();
    }
    let mut header = [0; 8];
    stream.read_exact(&mut header)?;
    stream.write_all(&start_frame(misbehaviour))?;
    let mut input = Vec::new();
    loop {
        let (id, method) = match next_method(&mut stream, &mut input)? {
            Some(next) => next,
            None => continue,
        };
        match method {
            Method::Connection(connection::Method::StartOk(_)) => match misbehaviour {
                Misbehaviour::Refuses => return Ok(()),
                _ => send(&mut stream, 0, &tune(misbehaviour))?,
            },
            Method::Connection(connection::Method::Open(_)) => send(&mut stream, 0, &connection::OpenOk {})?,
            Method::Connection(connection::Method::Close(_)) => {
                send(&mut stream, 0, &connection::CloseOk {})?;
                return Ok(());
            }
            Method::Channel(channel::Method::Open(_)) => {
                send(&mut stream, id, &channel::OpenOk {})?;
                if misbehaviour == Misbehaviour::Dies {
                    return stay_silent();
                }
            }
            Method::Channel(channel::Method::Close(_)) => send(&mut stream, id, &channel::CloseOk {})?,
            Method::Confirm(confirm::Method::Select(_)) => send(&mut stream, id, &confirm::SelectOk {})?,
            Method::Queue(queue::Method::Declare(declare)) => {
                let queue = declare.queue;
                send(
                    &mut stream,
                    id,
                    &queue::DeclareOk {
                        queue,
                        ..Default::default()
                    },
                )?;
            }
            Method::Basic(basic::Method::Qos(_)) => send(&mut stream, id, &basic::QosOk {})?,
            Method::Basic(basic::Method::Consume(consume)) => {
                let consumer_tag = match consume.consumer_tag.as_bytes() {
                    b"" => "ctag".try_into().unwrap_or_default(),
                    _ => consume.consumer_tag,
                };
                send(
                    &mut stream,
                    id,
                    &basic::ConsumeOk {
                        consumer_tag: consumer_tag.clone(),
                    },
                )?;
                if misbehaviour == Misbehaviour::Floods {
                    flood(&mut stream, id, consumer_tag)?;
                }
            }
            Method::Basic(basic::Method::Publish(_)) => match misbehaviour {
                Misbehaviour::Blocked => {
                    let reason = "low on memory".try_into().unwrap_or_default();
                    send(&mut stream, 0, &connection::Blocked { reason })?;
                    return stay_silent();
                }
                // A socket closed with octets unread is reset.
                Misbehaviour::Resets => return stream.shutdown(Shutdown::Both),
                _ => {}
            },
            _ => {}
        }
    }
}

/// The connection stays open, and nobody reads or writes. The process ends with its scenario.
fn stay_silent() -> io::Result<()> {
    loop {
        thread::sleep(Duration::from_secs(3600));
    }
}

/// connection.start, written by hand: our own tables cannot be built so deep.
fn start_frame(misbehaviour: Misbehaviour) -> Vec<u8> {
    let long_string = |octets: &[u8]| [&(octets.len() as u32).to_be_bytes(), octets].concat();
    let depth = if misbehaviour == Misbehaviour::Nested {
        10_000
    } else {
        0
    };
    let properties = (0..depth).fold(Vec::new(), |inner, _| {
        [b"\x01aF", &long_string(&inner)[..]].concat()
    });
    let payload = [
        &[0, 10, 0, 10, 0, 9][..],
        &long_string(&properties),
        &long_string(b"PLAIN AMQPLAIN"),
        &long_string(b"en_US"),
    ]
    .concat();
    [&[1, 0, 0][..], &long_string(&payload), &[frame::END]].concat()
}

fn tune(misbehaviour: Misbehaviour) -> connection::Tune {
    connection::Tune {
        channel_max: 2047,
        frame_max: if misbehaviour == Misbehaviour::TinyFrames {
            8
        } else {
            FRAME_MAX
        },
        heartbeat: if misbehaviour == Misbehaviour::Dies { 1 } else { 60 },
    }
}

fn send<M: Arguments>(stream: &mut TcpStream, channel: u16, method: &M) -> io::Result<()> {
    let mut octets = Vec::new();
    frame::write_method(&mut octets, ChannelId(channel), method, u32::MAX).map_err(io::Error::other)?;
    stream.write_all(&octets)
}

/// The next method; `None` for a frame of another kind.
fn next_method(stream: &mut TcpStream, input: &mut Vec<u8>) -> io::Result<Option<(u16, Method<'static>)>> {
    loop {
        if let Parsed::Complete(frame) = RawFrame::parse(input, FRAME_MAX).map_err(io::Error::other)? {
            let method = (frame.frame_type == FrameType::Method)
                .then(|| Method::decode(&mut Reader::new(frame.payload)).map(IntoOwned::into_owned))
                .transpose()
                .map_err(io::Error::other)?;
            let (id, len) = (frame.channel.0, frame.encoded_len());
            input.drain(..len);
            return Ok(method.map(|method| (id, method)));
        }
        let mut piece = [0; 65_536];
        match stream.read(&mut piece)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            octets => input.extend_from_slice(&piece[..octets]),
        }
    }
}

/// Deliveries of 16 KiB, for as long as the client reads.
fn flood(stream: &mut TcpStream, id: u16, consumer_tag: ShortStr<'static>) -> io::Result<()> {
    let body = vec![b'x'; 16 * 1024];
    for delivery_tag in 1.. {
        let deliver = basic::Deliver {
            consumer_tag: consumer_tag.clone(),
            delivery_tag: DeliveryTag(delivery_tag),
            ..Default::default()
        };
        let header = ContentHeader {
            body_size: body.len() as u64,
            properties: basic::Properties::default(),
        };
        let mut octets = Vec::new();
        frame::write_method(&mut octets, ChannelId(id), &deliver, FRAME_MAX).map_err(io::Error::other)?;
        frame::write(&mut octets, FrameType::Header, ChannelId(id), &header, FRAME_MAX)
            .map_err(io::Error::other)?;
        frame::write_body(&mut octets, ChannelId(id), &body, FRAME_MAX);
        stream.write_all(&octets)?;
    }
    Ok(())
}
