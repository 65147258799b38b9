//! A stream: messages stay when they have been read, and each reader begins where it likes. Two readers read it from its
//! start, and a third goes on where the first has stopped.
//!
//! `cargo run --example streams`. `AMQP_URL` says where; by default `amqp://localhost`. The stream `events` stays on the
//! server, with what this adds to it each time.

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use amqp_client::tokio::connect;
use amqp_client::{Connection, Delivery, QueueType, Receipts, StreamOffset};

/// How many unacknowledged messages the server sends at most: acks take nothing away, they ask for more.
const CREDIT: u16 = 10;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("streams: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let url = std::env::var("AMQP_URL").unwrap_or_else(|_| "amqp://localhost".to_owned());
    let connection = connect(url).await?;
    let channel = connection.open_channel().await?;
    // Without a limit it would grow for ever.
    let declare = channel
        .queue_declare("events")
        .durable()
        .queue_type(QueueType::Stream);
    let week = Duration::from_secs(7 * 24 * 60 * 60);
    declare.max_length_bytes(1 << 30).max_age(week).await?;

    let publisher = channel.confirm_select().await?;
    let mut receipts = Receipts::new();
    for number in 0..50 {
        receipts.push(publisher.publish("", "events", format!("event {number}")).await?);
    }
    receipts.await?;
    println!("published 50 events");

    // Readers do not disturb each other.
    let (one, two) = tokio::try_join!(
        read(&connection, StreamOffset::First, 20),
        read(&connection, StreamOffset::First, 50),
    )?;
    println!("one: offsets {one:?}");
    println!("two: offsets {two:?}");
    // A program keeps the offset beside what it made of the message, in one transaction of its database: then neither is
    // without the other. The server keeps none for AMQP 0-9-1.
    let three = read(&connection, StreamOffset::Offset(one.1 + 1), 30).await?;
    println!("three goes on: offsets {three:?}");

    connection.close().await?;
    Ok(())
}

/// Reads as many messages from there on, and tells the first and the last offset.
async fn read(connection: &Connection, from: StreamOffset, count: u64) -> Result<(u64, u64), Box<dyn Error>> {
    let channel = connection.open_channel().await?;
    let consume = channel.basic_consume("events").stream_offset(from);
    let mut consumer = consume.prefetch_count(CREDIT).await?;
    let (mut first, mut last) = (None, 0);
    for _ in 0..count {
        let delivery = consumer.next().await.ok_or("the reader ended")??;
        last = offset(&delivery).ok_or("not from a stream")?;
        first.get_or_insert(last);
        delivery.ack().await?;
    }
    consumer.cancel().await?;
    Ok((first.unwrap_or(last), last))
}

/// The message's place in its stream.
fn offset(delivery: &Delivery) -> Option<u64> {
    let headers = delivery.properties().headers?;
    headers.get("x-stream-offset")?.as_i64()?.try_into().ok()
}
