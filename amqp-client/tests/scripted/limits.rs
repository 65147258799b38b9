//! Invariant 11: received data is bounded by octets and by number, whatever the server sends and whoever is behind.

use std::time::Duration;

use amqp_client::protocol::v0_9_1::{Method, basic, channel, confirm, connection, constants};
use amqp_client::protocol::{DeliveryTag, FieldTable, ShortStr, frame};
use amqp_client::sans_io::{ChannelKey, ConsumerId, Event};
use amqp_client::{ChannelError, Config, ConsumerEnd, State};

use crate::peer::{
    Peer, Sent, body_frames, consume, declare, declare_ok, deliver, delivery, header_frame, method_frame,
    queue_of,
};

const SOFT: usize = 100_000;
const HARD: usize = 4 * SOFT;
/// What one message of these tests may add before the limit is looked at.
const ONE: usize = 2000;

fn peer() -> Peer {
    limited(SOFT, usize::MAX / 8)
}

fn limited(receive_buffer: usize, receive_buffer_messages: usize) -> Peer {
    let mut config = Config::default();
    config.receive_buffer = receive_buffer;
    config.receive_buffer_messages = receive_buffer_messages;
    Peer::tuned(config, 2047, 4096)
}

fn consume_no_ack(peer: &mut Peer, key: ChannelKey, tag: &'static str) -> ConsumerId {
    let method = basic::Consume {
        no_ack: true,
        ..consume(tag)
    };
    let (consumer, request) = peer.core.consume(peer.now, key, method, None).unwrap();
    peer.sent();
    let consumer_tag = ShortStr::from_static(tag);
    peer.send(key.id().0, &basic::ConsumeOk { consumer_tag });
    assert!(peer.outcome(request).is_ok());
    consumer
}

/// Sends deliveries for as long as the consumer runs; how many there were.
fn overflow(peer: &mut Peer, channel: u16, tag: &'static str) -> u64 {
    let overflows = peer.core.stats(peer.now).overflows;
    for number in 1.. {
        assert!(peer.core.wants_read());
        peer.feed(&delivery(channel, tag, number, &[0; 1000], 2000));
        let stats = peer.core.stats(peer.now);
        assert!(stats.octets_buffered <= HARD + ONE, "{stats:?}");
        if stats.overflows > overflows {
            return number;
        }
    }
    unreachable!()
}

fn reject(delivery_tag: u64) -> Sent {
    let reject = basic::Reject {
        delivery_tag: DeliveryTag(delivery_tag),
        requeue: true,
    };
    Sent::Method(1, reject.into())
}

#[test]
fn invariant_11_endless_deliveries_while_a_call_waits_end_the_consumer_and_not_the_call() {
    let mut peer = peer();
    let key = peer.open_channel();
    let (behind, other) = (peer.consume(key, "behind"), peer.consume(key, "other"));
    peer.feed(&delivery(1, "other", 1, b"x", 10));
    let call = peer.core.call(peer.now, key, declare("q")).unwrap();
    peer.sent();
    let deliveries = overflow(&mut peer, 1, "behind");
    // What goes back to the queue goes behind the cancel.
    let sent = peer.sent();
    assert!(sent[0].is::<basic::Cancel<'_>>());
    assert!(sent[1..].iter().cloned().eq((1..=deliveries).map(reject)));
    // What comes until it is cancelled goes back too.
    for number in 1..=1000 {
        peer.feed(&delivery(1, "behind", number, &[0; 1000], 2000));
    }
    assert_eq!(peer.sent().len(), 1000);
    assert!(peer.core.stats(peer.now).octets_buffered < ONE);
    assert!(matches!(
        peer.core.next_delivery(behind),
        Some(Err(ConsumerEnd::Overflow))
    ));
    assert!(peer.core.next_delivery(behind).is_none());
    peer.feed(&delivery(1, "behind", 7, b"x", 10));
    assert_eq!(peer.sent(), [reject(7)]);
    let consumer_tag = ShortStr::from_static("behind");
    peer.send(1, &basic::CancelOk { consumer_tag });
    peer.send(1, &declare_ok("q"));
    assert_eq!(queue_of(&mut peer, call), "q");
    assert_eq!(peer.core.next_delivery(other).unwrap().unwrap().body(), b"x");
    assert_eq!(peer.core.stats(peer.now).octets_buffered, 0);
}

#[test]
fn invariant_11_deliveries_of_a_stream_are_acked_and_never_requeued() {
    let mut peer = peer();
    let key = peer.open_channel();
    peer.consume(key, "c");
    peer.core.call(peer.now, key, declare("q")).unwrap();
    peer.sent();
    let headers = FieldTable::new().with("x-stream-offset", 7i64).unwrap();
    let properties = basic::Properties {
        headers: Some(headers),
        ..Default::default()
    };
    let mut sent = Vec::new();
    for number in 1..=10_000 {
        let mut octets = method_frame(1, &deliver("c", number));
        octets.extend(crate::peer::header_frame_with(1, 0, &properties));
        peer.feed(&octets);
        sent.extend(peer.sent());
    }
    assert!(sent[0].is::<basic::Cancel<'_>>() && sent.len() == 10_001);
    assert!(sent[1..].iter().all(Sent::is::<basic::Ack>));
}

#[test]
fn invariant_11_a_consumer_without_acknowledgements_takes_its_channel_with_it() {
    let mut peer = peer();
    let keys = [peer.open_channel(), peer.open_channel()];
    let behind = consume_no_ack(&mut peer, keys[0], "behind");
    let neighbour = peer.consume(keys[0], "neighbour");
    let other = peer.consume(keys[1], "other");
    peer.feed(&delivery(2, "other", 1, b"x", 10));
    let call = peer.core.call(peer.now, keys[1], declare("q")).unwrap();
    peer.sent();
    overflow(&mut peer, 1, "behind");
    let sent = peer.sent();
    let [Sent::Method(1, Method::Channel(channel::Method::Close(close)))] = sent.as_slice() else {
        panic!("{sent:?}")
    };
    assert_eq!(close.reply_code, constants::RESOURCE_ERROR);
    // What comes before close-ok is thrown away.
    peer.feed(&delivery(1, "behind", 1, &[0; 1000], 2000));
    assert!(peer.core.stats(peer.now).octets_buffered < ONE);
    assert!(matches!(
        peer.core.next_delivery(behind),
        Some(Err(ConsumerEnd::Overflow))
    ));
    assert!(matches!(
        peer.core.next_delivery(neighbour),
        Some(Err(ConsumerEnd::Channel(ChannelError::Overflow)))
    ));
    assert!(matches!(
        peer.core.call(peer.now, keys[0], declare("q")),
        Err(amqp_client::CallError::Channel(ChannelError::Overflow))
    ));
    peer.send(1, &channel::CloseOk {});
    peer.events();
    peer.send(2, &declare_ok("q"));
    assert_eq!(queue_of(&mut peer, call), "q");
    assert_eq!(peer.core.next_delivery(other).unwrap().unwrap().body(), b"x");
}

#[test]
fn invariant_11_messages_are_bounded_by_number_and_the_one_with_most_of_them_ends() {
    let mut peer = limited(usize::MAX / 8, 100);
    let key = peer.open_channel();
    let (few_large, many_small) = (peer.consume(key, "large"), peer.consume(key, "small"));
    let call = peer.core.call(peer.now, key, declare("q")).unwrap();
    for number in 1..=50 {
        peer.feed(&delivery(1, "large", number, &[0; 50_000], 4000));
    }
    for number in 51..=400 {
        peer.feed(&delivery(1, "small", number, b"", 10));
    }
    assert_eq!(peer.core.stats(peer.now).messages_buffered, 400);
    assert_eq!(peer.core.stats(peer.now).overflows, 0);
    peer.feed(&delivery(1, "large", 401, b"", 10));
    assert_eq!(peer.core.stats(peer.now).messages_buffered, 51);
    assert!(matches!(
        peer.core.next_delivery(many_small),
        Some(Err(ConsumerEnd::Overflow))
    ));
    assert!(peer.core.next_delivery(few_large).unwrap().is_ok());
    peer.core.abandon_request(call);
    assert!(peer.core.wants_read());
}

#[test]
fn invariant_11_what_a_message_takes_beside_its_octets_counts() {
    let mut peer = peer();
    let key = peer.open_channel();
    let consumer = peer.consume(key, "c");
    let mut messages = 0;
    while peer.core.wants_read() {
        messages += 1;
        peer.feed(&delivery(1, "c", messages, b"", 10));
    }
    let octets = size_of::<amqp_client::Message>() + delivery(1, "c", 1, b"", 10).len();
    assert!(messages as usize * octets < SOFT, "{messages}");
    while peer.core.next_delivery(consumer).is_some() {}
    assert_eq!(peer.core.stats(peer.now).octets_buffered, 0);
}

#[test]
fn all_that_is_held_can_be_given_back_before_any_of_it_is_taken() {
    let mut peer = peer();
    let key = peer.open_channel();
    peer.consume(key, "c");
    peer.core.call(peer.now, key, declare("q")).unwrap();
    let mut messages = 0;
    // The smallest there are, so the most answers.
    while peer.core.stats(peer.now).overflows == 0 {
        messages += 1;
        peer.feed(&delivery(1, "c", messages, b"", 10));
    }
    peer.feed(&frame::HEARTBEAT);
    assert!(peer.core.error().is_none(), "{messages}");
    let rejects = peer
        .sent()
        .iter()
        .filter(|sent| sent.is::<basic::Reject>())
        .count();
    assert_eq!(rejects as u64, messages);
}

#[test]
fn invariant_11_half_assembled_bodies_count_and_the_largest_is_thrown_away() {
    let mut peer = peer();
    let keys: Vec<_> = (0..100).map(|_| peer.open_channel()).collect();
    let consumers: Vec<_> = keys.iter().map(|key| peer.consume(*key, "c")).collect();
    let octets = |id| [method_frame(id, &deliver("c", 1)), header_frame(id, 50_000)].concat();
    for id in 1..=100 {
        peer.feed(&octets(id));
    }
    let call = peer.core.call(peer.now, keys[0], declare("q")).unwrap();
    for _ in 0..50 {
        for id in 1..=100 {
            assert!(peer.core.wants_read());
            peer.feed(&body_frames(id, &[0; 1000], 2000));
            assert!(peer.core.stats(peer.now).octets_buffered <= HARD + ONE);
        }
    }
    let messages: Vec<_> = consumers
        .iter()
        .filter_map(|consumer| peer.core.next_delivery(*consumer)?.ok())
        .collect();
    assert_eq!(messages.len(), 100, "each consumer has its message, whole or not");
    let whole = messages.iter().filter(|message| !message.is_withheld());
    assert!(
        (1..8).contains(
            &whole
                .inspect(|message| assert_eq!(message.body().len(), 50_000))
                .count()
        )
    );
    assert_eq!(peer.core.stats(peer.now).octets_buffered, 0);
    peer.send(1, &declare_ok("q"));
    assert_eq!(queue_of(&mut peer, call), "q");
}

#[test]
fn a_message_larger_than_the_soft_limit_is_read_to_its_end() {
    let mut peer = peer();
    let key = peer.open_channel();
    let consumer = peer.consume(key, "c");
    // Nobody waits for a reply, and nobody could take anything before all of it is there.
    peer.feed(
        &[
            method_frame(1, &deliver("c", 1)),
            header_frame(1, 2 * SOFT as u64),
        ]
        .concat(),
    );
    for _ in 0..2 * SOFT / 1000 {
        assert!(peer.core.wants_read());
        peer.feed(&body_frames(1, &[0; 1000], 2000));
    }
    peer.feed(&body_frames(1, &[0; 2 * SOFT % 1000], 2000));
    // Now it can be taken.
    assert!(!peer.core.wants_read());
    let message = peer.core.next_delivery(consumer).unwrap().unwrap();
    assert_eq!(message.body().len(), 2 * SOFT);
    assert!(peer.core.wants_read());
    assert_eq!(peer.core.stats(peer.now).octets_buffered, 0);
}

#[test]
fn what_was_half_assembled_is_forgotten_with_its_channel() {
    let mut peer = peer();
    let key = peer.open_channel();
    peer.consume(key, "c");
    peer.feed(
        &[
            method_frame(1, &deliver("c", 1)),
            header_frame(1, 50_000),
            body_frames(1, &[0; 9000], 3000),
        ]
        .concat(),
    );
    assert!(peer.core.stats(peer.now).octets_buffered > 9000);
    peer.send(1, &channel::Close::default());
    assert_eq!(peer.core.stats(peer.now).octets_buffered, 0);
}

#[test]
fn a_pause_is_told_and_counted_once_and_ends_when_half_is_taken() {
    let mut peer = peer();
    let key = peer.open_channel();
    let consumer = peer.consume(key, "c");
    let mut number = 0;
    while peer.core.wants_read() {
        number += 1;
        peer.feed(&delivery(1, "c", number, &[0; 1000], 2000));
    }
    let pauses = |peer: &mut Peer| -> Vec<bool> {
        let pause = |event| match event {
            Event::ReadingPaused => Some(true),
            Event::ReadingResumed => Some(false),
            _ => None,
        };
        peer.events().into_iter().filter_map(pause).collect()
    };
    assert_eq!(pauses(&mut peer), [true]);
    peer.advance(Duration::from_secs(1000));
    let mut taken = 0;
    while !peer.core.wants_read() {
        peer.core.next_delivery(consumer).unwrap().unwrap();
        taken += 1;
    }
    assert!(
        (number / 2 - 1..=number / 2 + 1).contains(&taken),
        "{taken} of {number}"
    );
    // The owner is told to look at the clock, heartbeats or not.
    assert!(peer.core.poll_timeout().is_some_and(|at| at <= peer.now));
    peer.advance(Duration::ZERO);
    assert_eq!(pauses(&mut peer), [false]);
    assert_eq!(peer.core.poll_timeout(), None);
    assert_eq!(peer.core.stats(peer.now).times_paused, 1);
}

#[test]
fn a_publish_that_waits_for_unblocked_keeps_reading_on() {
    let mut peer = peer();
    let key = peer.open_channel();
    peer.consume(key, "c");
    peer.send(0, &connection::Blocked::default());
    let waiting = peer.core.wait_to_publish(peer.now, key).unwrap();
    for number in 1..200 {
        peer.feed(&delivery(1, "c", number, &[0; 1000], 2000));
    }
    assert!(peer.core.wants_read());
    peer.core.abandon_request(waiting);
    assert!(!peer.core.wants_read());
}

#[test]
fn a_publish_that_waits_for_its_confirm_keeps_reading_on() {
    let mut peer = peer();
    let key = peer.open_channel();
    peer.consume(key, "c");
    let select = peer.core.call(peer.now, key, confirm::Select::default()).unwrap();
    peer.send(1, &confirm::SelectOk {});
    assert!(peer.outcome(select).is_ok());
    crate::peer::publish(&mut peer, key, "x").unwrap();
    for number in 1..200 {
        peer.feed(&delivery(1, "c", number, &[0; 1000], 2000));
    }
    assert!(peer.core.wants_read());
    assert_eq!(peer.core.stats(peer.now).publishes_unconfirmed, 1);
    let ack = basic::Ack {
        delivery_tag: DeliveryTag(1),
        multiple: false,
    };
    peer.send(1, &ack);
    assert!(!peer.core.wants_read());
    let stats = peer.core.stats(peer.now);
    assert_eq!((stats.publishes_unconfirmed, stats.messages_confirmed), (0, 1));
}

#[test]
fn counts_are_of_what_came_and_went() {
    let mut peer = peer();
    let before = peer.core.stats(peer.now);
    let key = peer.open_channel();
    let consumer = peer.consume(key, "c");
    let octets = [delivery(1, "c", 1, b"x", 10), delivery(1, "c", 2, b"y", 10)].concat();
    peer.feed(&octets);
    crate::peer::publish(&mut peer, key, "z").unwrap();
    peer.core.call(peer.now, key, declare("q")).unwrap();
    peer.send(0, &connection::Blocked::default());
    peer.core.wait_to_publish(peer.now, key).unwrap();
    peer.core.next_delivery(consumer).unwrap().unwrap();
    peer.feed(&[method_frame(1, &basic::Return::default()), header_frame(1, 0)].concat());
    let stats = peer.core.stats(peer.now);
    assert_eq!(
        (
            stats.messages_delivered,
            stats.messages_published,
            stats.messages_returned
        ),
        (2, 1, 1)
    );
    assert_eq!(
        (stats.channels, stats.consumers, stats.messages_buffered),
        (1, 1, 1)
    );
    assert_eq!(
        (
            stats.requests_waiting,
            stats.publishes_waiting,
            stats.times_blocked
        ),
        (1, 1, 1)
    );
    assert!(stats.octets_received > before.octets_received + octets.len() as u64);
    assert!(stats.octets_to_send > 0);
    let sent = peer.octets().len() as u64;
    let after = peer.core.stats(peer.now);
    assert_eq!(after.octets_sent, stats.octets_sent + sent);
    assert_eq!((after.octets_to_send, sent), (0, stats.octets_to_send));
    assert_eq!(peer.core.state(), State::Open);
    // What a connection that is over had queued never leaves.
    peer.core.call(peer.now, key, declare("q")).unwrap();
    assert!(peer.core.stats(peer.now).octets_to_send > 0);
    peer.core.receive_eof(peer.now);
    assert_eq!(peer.core.stats(peer.now).octets_to_send, 0);
}
