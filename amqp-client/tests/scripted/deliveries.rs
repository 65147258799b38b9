//! Deliveries in numbers: small ones share the memory that they are copied into, and those without acknowledgements are
//! taken several at a time.

use std::task::Poll;

use allocation_counter::measure;
use amqp_client::protocol::ShortStr;
use amqp_client::protocol::v0_9_1::{basic, channel};
use amqp_client::{Config, ConsumerEnd, ConsumerError, Delivery};

use crate::peer::{Peer, body_frames, deliver, delivery, header_frame_with, method_frame};
use crate::wire::{Session, next, poll};

/// Octets of a block, with what an allocator is asked for beside them.
const BLOCK: i64 = 4 * 1024;
/// What one read brings, about.
const BATCH: u64 = 600;

fn batch(tag: &'static str, first: u64) -> Vec<u8> {
    (first..first + BATCH)
        .flat_map(|number| delivery(1, tag, number, &[7; 16], 100))
        .collect()
}

#[test]
fn deliveries_without_acknowledgements_take_a_tenth_of_an_allocation_each() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let mut consumer = session.consume_no_ack(&channel, "c");
    let octets = batch("c", 1);
    let mut round = || {
        session.feed(&octets);
        for number in 1..=BATCH {
            let delivery = next(&mut consumer).unwrap();
            assert_eq!(
                (delivery.delivery_tag().0, delivery.body()),
                (number, &[7; 16][..])
            );
        }
    };
    // The first round grows what is kept.
    round();
    let allocations = measure(|| (0..10).for_each(|_| round())).count_total;
    println!("{allocations} allocations for {} deliveries", 10 * BATCH);
    assert!(allocations < BATCH);
}

/// A delivery with a property.
fn whole(tag: &'static str, delivery_tag: u64, body: &[u8]) -> Vec<u8> {
    let properties = basic::Properties {
        message_id: Some(ShortStr::from_static("id")),
        ..Default::default()
    };
    [
        method_frame(1, &deliver(tag, delivery_tag)),
        header_frame_with(1, body.len() as u64, &properties),
        body_frames(1, body, 100),
    ]
    .concat()
}

/// What two consumers got of these octets, which come in pieces of this size, and how the connection ended.
fn received(octets: &[u8], step: usize) -> Vec<String> {
    let mut peer = Peer::open();
    let key = peer.open_channel();
    let consumers = [peer.consume(key, "c"), peer.consume(key, "d")];
    let mut peer = peer.by(step);
    peer.feed(octets);
    let mut received = vec![format!("{:?}", peer.core.error())];
    for consumer in consumers {
        while let Some(Ok(message)) = peer.core.next_delivery(consumer) {
            let (tag, redelivered) = (message.delivery_tag(), message.redelivered());
            received.push(format!("{tag} {redelivered} {message:?} {:?}", message.body()));
        }
    }
    received
}

#[test]
fn a_delivery_is_what_its_octets_say_however_like_the_one_before() {
    let first = whole("c", 1, b"hello");
    let others = [
        whole("c", 2, b"other"),
        whole("c", 3, b""),
        whole("c", 4, b"longer"),
    ];
    for other in &others {
        for at in 0..other.len() {
            // Among them what makes the tag of one consumer that of the other.
            for change in [0x00, 0x01, 0x02, 0x07, 0x80, 0xff] {
                let mut changed = other.clone();
                changed[at] ^= change;
                let octets = [first.as_slice(), &changed, &first].concat();
                // Octet by octet no two of them are there at a time.
                let (at_once, one_by_one) = (received(&octets, usize::MAX), received(&octets, 1));
                assert_eq!(at_once, one_by_one, "{change:#x} at {at}");
            }
        }
    }
    assert_eq!(
        received(&[first.as_slice(), &others.concat()].concat(), usize::MAX).len(),
        5
    );
}

#[test]
fn a_small_delivery_that_is_kept_holds_a_block_at_most() {
    let mut peer = Peer::open();
    let key = peer.open_channel();
    let consumer = peer.consume(key, "c");
    peer.feed(&batch("c", 1));
    for kept in [1, BATCH / 2, BATCH - 200] {
        let mut taken: Vec<_> = (1..=BATCH)
            .map(|_| peer.core.next_delivery(consumer).unwrap().unwrap())
            .collect();
        let message = taken.swap_remove(kept as usize - 1);
        drop(taken);
        let freed = -measure(|| drop(message)).bytes_current;
        assert!((100..=BLOCK).contains(&freed), "{freed} octets");
        peer.feed(&batch("c", 1));
    }
}

#[test]
fn invariant_11_deliveries_that_nobody_takes_hold_no_blocks_full_of_others() {
    const SOFT: usize = 100_000;
    let mut config = Config::default();
    config.receive_buffer = SOFT;
    let mut peer = Peer::tuned(config, 2047, 4096);
    let key = peer.open_channel();
    let (behind, taken) = (peer.consume(key, "behind"), peer.consume(key, "taken"));
    let octets = [delivery(1, "behind", 1, b"x", 100), batch("taken", 2)].concat();
    let mut rounds = 0;
    let held = measure(|| {
        while peer.core.stats(peer.now).octets_buffered < SOFT * 9 / 10 {
            peer.feed(&octets);
            while peer.core.next_delivery(taken).is_some() {}
            rounds += 1;
        }
    });
    // Each of them would hold a block by itself.
    assert!(rounds * BLOCK > 10 * SOFT as i64, "{rounds}");
    assert!(held.bytes_max < 4 * SOFT as u64, "{} octets", held.bytes_max);
    for _ in 0..rounds {
        let message = peer.core.next_delivery(behind).unwrap().unwrap();
        assert_eq!(
            (
                message.method::<basic::Deliver<'_>>().unwrap().delivery_tag.0,
                message.body()
            ),
            (1, &b"x"[..])
        );
    }
}

#[test]
fn deliveries_that_need_no_settling_are_handed_out_whatever_becomes_of_the_channel() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let (mut closed, cancelled) = (
        session.consume_no_ack(&channel, "a"),
        session.consume_no_ack(&channel, "b"),
    );
    session.feed(&[batch("a", 1), batch("b", 1)].concat());
    let taken = |delivery: Delivery| delivery.delivery_tag().0;
    assert_eq!(taken(next(&mut closed).unwrap()), 1);
    let mut cancelling = Box::pin(cancelled.cancel());
    assert!(poll(&mut cancelling).is_pending());
    session.send(1, &channel::Close::default());
    let Poll::Ready(Ok(rest)) = poll(&mut cancelling) else {
        panic!("it waits for a server that has gone")
    };
    let (rest, end): (Vec<_>, Vec<_>) = rest.into_iter().partition(Result::is_ok);
    assert!(rest.into_iter().flatten().map(taken).eq(1..=BATCH));
    assert_eq!(end.len(), 1);
    for number in 2..=BATCH {
        assert_eq!(taken(next(&mut closed).unwrap()), number);
    }
    assert!(matches!(
        next(&mut closed),
        Err(ConsumerError::Ended(ConsumerEnd::Channel(_)))
    ));
    assert_eq!(session.connection.stats().messages_buffered, 0);
}

#[test]
fn the_rest_of_a_consumer_begins_with_what_it_had_taken() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let mut consumer = session.consume_no_ack(&channel, "c");
    session.feed(&batch("c", 1));
    assert_eq!(next(&mut consumer).unwrap().delivery_tag().0, 1);
    let mut cancelling = Box::pin(consumer.cancel());
    assert!(poll(&mut cancelling).is_pending());
    session.send(
        1,
        &basic::CancelOk {
            consumer_tag: ShortStr::from_static("c"),
        },
    );
    let Poll::Ready(Ok(rest)) = poll(&mut cancelling) else {
        panic!("not cancelled")
    };
    assert!(
        rest.into_iter()
            .map(|delivery| delivery.unwrap().delivery_tag().0)
            .eq(2..=BATCH)
    );
}
