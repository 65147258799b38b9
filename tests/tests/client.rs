//! The client against a real broker: what the broker sees of its URI, and many messages of every size, compared to the last
//! octet.

use std::error::Error;

use amqp_client::protocol::table::FieldArray;
use amqp_client::protocol::v0_9_1::basic;
use amqp_client::protocol::{FieldTable, FieldValue};
use amqp_client::{Connection, Delivery, State, tokio::connect};
use amqp_tests::broker::Broker;
use bytes::Bytes;

const MESSAGES: usize = 10_000;
const LARGEST: usize = 3 << 20;

/// A virtual host that no other test knows.
fn own_vhost(name: &str) -> String {
    Broker::shared()
        .add_vhost(&format!("{name}-{}", std::process::id()))
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_broker_sees_what_the_uri_says() {
    let name = format!("uri-{}", std::process::id());
    // The first host is a port that nobody listens on.
    let url = own_vhost("uri").replacen('@', "@127.0.0.1:1,", 1);
    let separator = if url.contains('?') { '&' } else { '?' };
    let keys = format!("heartbeat=7&channel_max=9&frame_max=8192&name={name}");
    let connection = connect(format!("{url}{separator}{keys}")).await.unwrap();
    let listed = Broker::shared()
        .rabbitmqctl([
            "-q",
            "list_connections",
            "timeout",
            "channel_max",
            "frame_max",
            "client_properties",
        ])
        .unwrap();
    let ours = listed.lines().find(|line| line.contains(&name)).unwrap();
    assert!(ours.starts_with("7\t9\t8192\t"), "{ours}");
    connection.close().await.unwrap();
}

/// The size of each body: the edges of frames and buffers, now and then something large, mostly something small.
fn size(number: usize) -> usize {
    const FRAME: usize = 131_072 - 8;
    let edges = [
        0,
        1,
        4095,
        4096,
        4097,
        65_535,
        65_536,
        FRAME - 1,
        FRAME,
        FRAME + 1,
        2 * FRAME,
        2 * FRAME + 1,
        LARGEST,
    ];
    match number % 500 {
        edge if edge < edges.len() => edges[edge],
        _ => number.wrapping_mul(2_654_435_761) % 3000,
    }
}

fn body(number: usize) -> Bytes {
    let mut state = number as u64 + 1;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..size(number)).map(|_| next()).collect()
}

/// Tables in arrays in tables. The names are in order, because newer brokers sort them.
fn headers(number: usize) -> FieldTable<'static> {
    let item = FieldTable::new()
        .with("article", "coffee")
        .unwrap()
        .with("count", number as i64)
        .unwrap();
    let order = FieldTable::new()
        .with("empty", FieldTable::new())
        .unwrap()
        .with("items", FieldArray::from_values([item.clone(), item]).unwrap())
        .unwrap()
        .with("price", 2.5)
        .unwrap();
    FieldTable::new()
        .with("none", FieldValue::Void)
        .unwrap()
        .with("number", number as i64)
        .unwrap()
        .with("order", order)
        .unwrap()
        .with("paid", number.is_multiple_of(2))
        .unwrap()
}

async fn publish_all(connection: &Connection, queue: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let channel = connection.open_channel().await?;
    for number in 0..MESSAGES {
        let id = number.to_string();
        let properties = basic::Properties {
            headers: Some(headers(number)),
            message_id: Some(id.as_str().try_into()?),
            delivery_mode: Some(1),
            ..Default::default()
        };
        channel
            .basic_publish("", queue, body(number))
            .properties(properties)
            .await?;
    }
    Ok(())
}

fn compare(number: usize, delivery: &Delivery) {
    let properties = delivery.properties();
    assert_eq!(properties.message_id.unwrap(), number.to_string().as_str());
    assert_eq!(
        properties.headers.unwrap(),
        headers(number),
        "headers of {number}"
    );
    assert_eq!(delivery.body_size(), size(number) as u64, "size of {number}");
    assert!(delivery.body() == body(number), "body of {number}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_messages_arrive_to_the_last_octet() -> Result<(), Box<dyn Error + Send + Sync>> {
    let url = own_vhost("ten-thousand");
    let (publisher, consumer) = (connect(&url).await?, connect(&url).await?);
    let channel = consumer.open_channel().await?;
    channel.queue_declare("q").await?;

    let publishing = tokio::spawn(async move {
        publish_all(&publisher, "q").await?;
        publisher.close().await?;
        Ok::<_, Box<dyn Error + Send + Sync>>(())
    });
    let mut deliveries = channel.basic_consume("q").await?;
    for number in 0..MESSAGES {
        let delivery = deliveries.next().await.ok_or("the consumer ended")??;
        compare(number, &delivery);
        delivery.ack().await?;
    }
    publishing.await??;
    assert!(deliveries.cancel().await?.is_empty());
    // Everything was acked: nothing is left, and nothing comes back.
    let left = channel.queue_delete("q").await?;
    assert_eq!(left.message_count, 0);
    consumer.close().await?;
    assert_eq!(consumer.state(), State::Closed);
    Ok(())
}
