//! The state machine alone over a pipe in memory: no socket, no thread, and a clock that the program moves. At the other end
//! stands a server of a few lines, made of the same generated types, that delivers what is published to it.

use std::error::Error;
use std::time::{Duration, Instant};

use amqp_client::Config;
use amqp_client::methods::{Method, basic, channel, confirm, connection, constants};
use amqp_client::protocol::frame::{self, FrameType, Parsed, RawFrame};
use amqp_client::protocol::method::Decode;
use amqp_client::protocol::{ChannelId, DeliveryTag, LongStr, Reader, ShortStr};
use amqp_client::sans_io::{Connection, Outgoing, Settlement, State};
use bytes::{Buf, BufMut, BytesMut};

/// What the server says to a method.
fn answer(method: Method<'_>) -> Option<Method<'static>> {
    use {basic::Method as Basic, connection::Method as OfConnection};
    Some(match method {
        Method::Connection(OfConnection::StartOk(_)) => connection::Tune {
            heartbeat: 10,
            ..Default::default()
        }
        .into(),
        Method::Connection(OfConnection::Open(_)) => connection::OpenOk {}.into(),
        Method::Connection(OfConnection::Close(_)) => connection::CloseOk {}.into(),
        Method::Channel(_) => channel::OpenOk {}.into(),
        Method::Confirm(_) => confirm::SelectOk {}.into(),
        Method::Basic(Basic::Qos(_)) => basic::QosOk {}.into(),
        Method::Basic(Basic::Consume(consume)) => basic::ConsumeOk {
            consumer_tag: consume.consumer_tag.into_owned(),
        }
        .into(),
        Method::Basic(Basic::Publish(_)) => basic::Deliver {
            consumer_tag: ShortStr::from_static("tag"),
            delivery_tag: DeliveryTag(1),
            ..Default::default()
        }
        .into(),
        _ => return None,
    })
}

/// Answers methods, and sends contents and heartbeats back as they came. A body is confirmed.
fn serve(input: &mut BytesMut, output: &mut Vec<u8>) -> Result<(), Box<dyn Error>> {
    if input.starts_with(b"AMQP") {
        input.advance(8);
        let start = connection::Start {
            version_minor: 9,
            mechanisms: LongStr::from_static("PLAIN"),
            ..Default::default()
        };
        frame::write_method(output, ChannelId(0), &start, 0)?;
    }
    while let Parsed::Complete(frame) = RawFrame::parse(input, 0)? {
        let len = frame.encoded_len();
        if frame.frame_type == FrameType::Method {
            if let Some(answer) = answer(Method::decode(&mut Reader::new(frame.payload))?) {
                frame::write(output, FrameType::Method, frame.channel, &answer, 0)?;
            }
        } else {
            output.extend_from_slice(&input[..len]);
        }
        if frame.frame_type == FrameType::Body {
            let ack = basic::Ack {
                delivery_tag: DeliveryTag(1),
                multiple: false,
            };
            frame::write_method(output, frame.channel, &ack, 0)?;
        }
        input.advance(len);
    }
    Ok(())
}

/// Lets both ends talk until neither has anything to say.
fn converse(core: &mut Connection, now: Instant) -> Result<(), Box<dyn Error>> {
    let (mut to_server, mut to_client) = (BytesMut::new(), Vec::new());
    core.handle_timeout(now);
    while core.wants_write() {
        let mut batch = Outgoing::new();
        core.take_outgoing(&mut batch);
        core.transmitted(now, batch.remaining() as u64);
        to_server.put(batch);
        serve(&mut to_server, &mut to_client)?;
        // The server writes whole frames, so nothing of them is left. If they end the connection, everything asked of it
        // says so.
        let _ = core.receive(now, &mut to_client.drain(..).collect());
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut now = Instant::now();
    let mut core = Connection::new(Config::default(), now);
    converse(&mut core, now)?;
    assert_eq!(core.state(), State::Open);

    let (channel, _) = core.open_channel(now)?;
    core.confirm_select(now, channel, Default::default())?;
    let consume = basic::Consume {
        consumer_tag: "tag".try_into()?,
        ..Default::default()
    };
    let (consumer, _) = core.consume(now, channel, consume, Some(1))?;
    let (publish, properties) = (basic::Publish::default(), basic::Properties::default());
    core.publish(now, channel, &publish, &properties, "Hello!".into())?;
    converse(&mut core, now)?;
    let message = core.next_delivery(consumer).ok_or("nothing came")??;
    println!("consumed {}", String::from_utf8_lossy(message.body()));
    let ack = basic::Ack {
        delivery_tag: message.delivery_tag(),
        multiple: false,
    };
    core.settle(channel, Settlement::Ack(ack))?;
    converse(&mut core, now)?;
    println!("confirmed {} of 1", core.stats(now).messages_confirmed);

    // An hour goes by in no time: whoever drives the core says what time it is.
    let (end, before) = (now + Duration::from_secs(3600), core.stats(now).octets_sent);
    while let Some(at) = core.poll_timeout()
        && at <= end
    {
        now = at;
        converse(&mut core, now)?;
    }
    let octets = core.stats(now).octets_sent - before;
    println!("{} heartbeats in an hour", octets / frame::HEARTBEAT.len() as u64);

    core.close(now, constants::REPLY_SUCCESS, "goodbye".try_into()?);
    converse(&mut core, now)?;
    println!("{}", core.error().ok_or("it goes on")?);
    Ok(())
}
