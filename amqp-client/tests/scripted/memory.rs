//! What a load has made a connection take, and that it gives it back. What connections take that are idle from the start is
//! measured in every style, over sockets: `tests/tests/memory.rs`.

use std::future::IntoFuture;
use std::time::Duration;

use allocation_counter::measure;
use amqp_client::Config;

use crate::peer::{Peer, delivery};
use crate::wire::{Session, ready};

#[test]
fn what_was_grown_by_publishing_is_given_back_when_there_is_nothing_to_send_but_heartbeats() {
    const BATCH: usize = 400_000;
    let mut session = Session::open_with(Config::default().heartbeat(10));
    let channel = session.open_channel();
    let body = [7; 1000];
    let load = measure(|| {
        // One buffer is filled while the other is written.
        for _ in 0..2 {
            for _ in 0..BATCH / body.len() {
                ready(channel.basic_publish("", "q", &body).into_future()).unwrap();
            }
            drop(session.sent());
        }
    });
    assert!(load.bytes_current > 2 * BATCH as i64, "{load:?}");
    let idle = measure(|| (0..3).for_each(|_| session.advance(Duration::from_secs(5))));
    assert_eq!(session.connection.stats().heartbeats_sent, 3);
    let kept = load.bytes_current + idle.bytes_current;
    assert!(kept < 4096, "{kept} octets");
}

#[test]
fn what_was_grown_by_events_is_given_back_at_a_heartbeat() {
    let mut peer = Peer::tuned(Config::default().heartbeat(10), 10, 4096);
    let key = peer.open_channel();
    peer.consume(key, "c");
    peer.core.announce_each_delivery();
    for number in 1..=5000 {
        peer.feed(&delivery(1, "c", number, b"x", 100));
    }
    assert_eq!(std::iter::from_fn(|| peer.core.poll_event()).count(), 5000);
    let idle = measure(|| peer.advance(Duration::from_secs(5)));
    assert!(idle.bytes_current < -100_000, "{idle:?}");
}
