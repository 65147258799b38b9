//! Messages through TLS, both ways.

use std::time::Duration;

use bytes::Bytes;

use crate::certificates::Folder;
use crate::node::{connect, trusting};

/// Bodies on both sides of the limits of a TLS record and of an AMQP frame, up to 3 MiB.
const SIZES: [usize; 12] = [
    0,
    1,
    16_383,
    16_384,
    16_385,
    65_536,
    131_064,
    131_065,
    262_144,
    1 << 20,
    (1 << 20) + 1,
    3 << 20,
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_every_size_go_both_ways() {
    let folder = Folder::new();
    let options = trusting(&folder);
    let body = |size: usize, round: usize| -> Bytes {
        (0..size).map(|at| (at * 31 + at / 251 + round) as u8).collect()
    };
    let connection = connect("localhost", &options).await.unwrap();
    let channel = connection.open_channel().await.unwrap();
    let queue = channel
        .queue_declare("")
        .exclusive()
        .await
        .unwrap()
        .queue
        .to_string();
    let mut consumer = channel.basic_consume(&queue).await.unwrap();
    let publisher = tokio::spawn({
        let (channel, queue) = (connection.open_channel().await.unwrap(), queue.clone());
        async move {
            for round in 0..5 {
                for size in SIZES {
                    channel
                        .basic_publish("", &queue, body(size, round))
                        .await
                        .unwrap();
                }
            }
        }
    });
    for round in 0..5 {
        for size in SIZES {
            let next = tokio::time::timeout(Duration::from_secs(60), consumer.next());
            let delivery = next.await.unwrap().unwrap().unwrap();
            assert!(delivery.body() == body(size, round), "{size} octets");
            delivery.ack().await.unwrap();
        }
    }
    publisher.await.unwrap();
    connection.close().await.unwrap();
}
