//! The state machine alone over a socket of the standard library: no adapter, no runtime, one thread. Declares a queue,
//! publishes with a confirm, consumes, rests, acknowledges. `AMQP_URL` says where; by default `amqp://localhost`.

use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use amqp_client::ConnectOptions;
use amqp_client::methods::{basic, constants, queue};
use amqp_client::sans_io::{Connection, Event, Outgoing, Settlement, State};
use bytes::{Buf, BytesMut};

/// Writes what is queued, waits for octets until the core has something else to do, and lets it do that.
fn turn(
    core: &mut Connection,
    stream: &mut TcpStream,
    input: &mut BytesMut,
) -> Result<State, Box<dyn Error>> {
    let mut batch = Outgoing::new();
    core.take_outgoing(&mut batch);
    while batch.has_remaining() {
        let written = stream.write(batch.chunk())?;
        batch.advance(written);
        core.transmitted(Instant::now(), written as u64);
    }
    if let Some(at) = core.poll_timeout() {
        let left = at.saturating_duration_since(Instant::now());
        stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
    }
    let mut octets = [0; 4096];
    match stream.read(&mut octets) {
        Ok(0) => core.receive_eof(Instant::now()),
        Ok(count) => {
            input.extend_from_slice(&octets[..count]);
            // If that ends the connection, its state and everything asked of it say so.
            let _ = core.receive(Instant::now(), input);
        }
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
        Err(error) => core.transport_failed(Instant::now(), error),
    }
    // Heartbeats are queued here, and a server that is silent ends the connection.
    core.handle_timeout(Instant::now());
    Ok(core.state())
}

fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("AMQP_URL").unwrap_or_else(|_| "amqp://localhost".to_owned());
    let options: ConnectOptions = url.parse()?;
    let host = options.hosts.first().ok_or("no host")?;
    let mut stream = TcpStream::connect((host.host.as_str(), host.port))?;
    let mut input = BytesMut::new();
    let mut core = Connection::new(options.config.heartbeat(1), Instant::now());
    while turn(&mut core, &mut stream, &mut input)? < State::Open {}

    // Commands may be queued behind each other. A queue without a name is the one that the channel declared last.
    let now = Instant::now();
    let (channel, _) = core.open_channel(now)?;
    core.confirm_select(now, channel, Default::default())?;
    let declare = queue::Declare {
        exclusive: true,
        ..Default::default()
    };
    let declared = core.call(now, channel, declare)?;
    let (consumer, _) = core.consume(now, channel, basic::Consume::default(), Some(1))?;
    let message = loop {
        turn(&mut core, &mut stream, &mut input)?;
        while let Some(event) = core.poll_event() {
            let Event::Resolved { request, outcome } = event else {
                continue;
            };
            let reply = outcome?;
            if request == declared {
                let publish = basic::Publish {
                    routing_key: reply.decode::<queue::DeclareOk<'_>>()?.queue,
                    ..Default::default()
                };
                let properties = basic::Properties::default();
                core.publish(Instant::now(), channel, &publish, &properties, "Hello!".into())?;
            }
        }
        if let Some(message) = core.next_delivery(consumer) {
            break message?;
        }
    };
    println!("consumed {}", String::from_utf8_lossy(message.body()));
    // The server waits less long for one who is silent: heartbeats hold the connection.
    let rested = Instant::now() + Duration::from_secs(4);
    while turn(&mut core, &mut stream, &mut input)? == State::Open && Instant::now() < rested {}
    let ack = basic::Ack {
        delivery_tag: message.delivery_tag(),
        multiple: false,
    };
    core.settle(channel, Settlement::Ack(ack))?;
    core.close(Instant::now(), constants::REPLY_SUCCESS, "goodbye".try_into()?);
    while turn(&mut core, &mut stream, &mut input)? != State::Closed {}
    println!("confirmed {} of 1", core.stats(Instant::now()).messages_confirmed);
    Ok(())
}
