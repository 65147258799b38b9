//! Receiving: invariants 5, 7 and 8, and contents in every order.

use amqp_client::protocol::frame;
use amqp_client::protocol::v0_9_1::{Method, basic, confirm, connection, constants, queue};
use amqp_client::protocol::{DeliveryTag, FieldTable, LongStr, ShortStr};
use amqp_client::{Body, CallError, Config, ConnectionError, ConsumerEnd, PublishError, State, Violation};

use crate::peer::{
    Peer, Sent, body_frames, channel_close, consume, declare, declare_ok, deliver, delivery, frame_len,
    header_frame, method_frame, publish,
};

#[test]
fn invariant_5_a_consumer_exists_before_the_next_frame() {
    for step in [usize::MAX, 1] {
        let mut peer = Peer::open().by(step);
        let key = peer.open_channel();
        let (consumer, request) = peer.core.consume(peer.now, key, consume("c"), Some(0)).unwrap();
        let mut octets = method_frame(1, &basic::QosOk {});
        octets.extend(method_frame(
            1,
            &basic::ConsumeOk {
                consumer_tag: ShortStr::from_static("c"),
            },
        ));
        for tag in 1..=3000 {
            octets.extend(delivery(1, "c", tag, b"x", 100));
        }
        peer.feed(&octets);
        assert!(peer.outcome(request).is_ok());
        let tags = std::iter::from_fn(|| peer.core.next_delivery(consumer));
        assert!(tags.map(|message| message.unwrap().delivery_tag().0).eq(1..=3000));
    }
}

#[test]
fn invariant_7_announced_sizes_allocate_nothing() {
    let mut peer = Peer::open();
    // 2,000 bodies of 128 MiB would not fit into any memory.
    for id in 1..=2000 {
        let key = peer.open_channel();
        peer.consume(key, "c");
        peer.feed(
            &[
                method_frame(id, &deliver("c", 1)),
                header_frame(id, 128 << 20),
                body_frames(id, b"a", 9),
            ]
            .concat(),
        );
    }
    assert_eq!(peer.core.state(), State::Open);
    peer.feed(&[1, 0, 1, 0xff, 0xff, 0xff, 0xff]);
    let Some(ConnectionError::PeerViolation(violation)) = peer.core.error() else {
        panic!("no")
    };
    assert_eq!(violation.kind.reply_code(), constants::FRAME_ERROR);
}

#[test]
fn invariant_7_nothing_that_a_peer_sends_panics() {
    let script = |step| {
        let mut peer = Peer::open().by(step);
        let key = peer.open_channel();
        peer.consume(key, "c");
        peer.core.call(peer.now, key, declare("q")).unwrap();
        peer
    };
    let octets = [
        delivery(1, "c", 1, b"hello", 100),
        method_frame(1, &declare_ok("q")),
        frame::HEARTBEAT.to_vec(),
        method_frame(1, &channel_close(constants::NOT_FOUND, "x")),
        method_frame(0, &connection::Close::default()),
    ]
    .concat();
    for at in 0..octets.len() {
        for change in [0x01, 0x02, 0x08, 0x7f, 0x80, 0xff] {
            let mut mutated = octets.clone();
            mutated[at] ^= change;
            let mut peer = script(usize::MAX);
            peer.feed(&mutated);
            peer.core.receive_eof(peer.now);
            assert!(peer.core.error().is_some());
        }
        let mut peer = script(at.max(1));
        peer.feed(&octets[..at]);
        peer.feed(&octets[at..]);
        assert!(
            matches!(peer.core.error(), Some(ConnectionError::ClosedByServer(_))),
            "cut at {at}"
        );
    }
}

#[test]
fn invariant_7_large_frames_are_accepted_before_tuning_and_refused_over_our_maximum() {
    let long = |octets: usize| {
        let text = LongStr::try_from("x".repeat(octets)).unwrap();
        let properties = FieldTable::new().with("text", text).unwrap();
        connection::Start {
            server_properties: properties,
            ..crate::peer::start("PLAIN")
        }
    };
    let mut peer = Peer::new(Config::default());
    peer.send(0, &long(100_000));
    assert_eq!(peer.core.state(), State::AwaitingTune);
    let mut peer = Peer::new(Config::default());
    peer.send(0, &long(131_072));
    assert!(matches!(
        peer.core.error(),
        Some(ConnectionError::PeerViolation(_))
    ));
}

#[test]
fn invariant_7_what_does_not_fit_is_refused_at_the_call_and_takes_no_number() {
    let mut peer = Peer::tuned(Config::default(), 10, 4096);
    let key = peer.open_channel();
    peer.core.call(peer.now, key, confirm::Select::default()).unwrap();
    peer.sent();
    let large = || FieldTable::new().with("text", "x".repeat(4096).as_str()).unwrap();
    let method = queue::Declare {
        arguments: large(),
        ..Default::default()
    };
    let error = peer.core.call(peer.now, key, method).unwrap_err();
    assert!(matches!(
        error,
        CallError::FrameTooLarge {
            method: "queue.declare",
            ..
        }
    ));
    let consume = basic::Consume {
        arguments: large(),
        ..Default::default()
    };
    assert!(matches!(
        peer.core.consume(peer.now, key, consume, None),
        Err(CallError::FrameTooLarge { .. })
    ));
    let properties = basic::Properties {
        headers: Some(large()),
        ..Default::default()
    };
    let refused = peer.core.publish(
        peer.now,
        key,
        &basic::Publish::default(),
        &properties,
        Body::default(),
    );
    assert!(matches!(refused, Err(PublishError::FrameTooLarge(_))));
    assert_eq!(peer.sent(), []);
    assert_eq!(publish(&mut peer, key, "x").unwrap(), Some(1));
    // A method that just fits.
    let fits = 4096 - frame_len(&queue::Declare::default()) - "x".len() - 1 - 5;
    let text = "x".repeat(fits);
    let arguments = FieldTable::new().with("x", text.as_str()).unwrap();
    peer.core
        .call(
            peer.now,
            key,
            queue::Declare {
                arguments,
                ..Default::default()
            },
        )
        .unwrap();
    let arguments = FieldTable::new().with("xx", text.as_str()).unwrap();
    assert!(
        peer.core
            .call(
                peer.now,
                key,
                queue::Declare {
                    arguments,
                    ..Default::default()
                }
            )
            .is_err()
    );
}

#[test]
fn invariant_8_a_body_over_the_cap_is_withheld_and_the_connection_lives() {
    for step in [usize::MAX, 1] {
        let mut config = Config::default();
        config.body_max = 1000;
        let mut peer = Peer::tuned(config, 10, 4096).by(step);
        let key = peer.open_channel();
        let consumer = peer.consume(key, "c");
        for (tag, size) in [(1, 1000), (2, 1001), (3, 9000), (4, 3)] {
            peer.feed(&delivery(1, "c", tag, &vec![7; size], 700));
        }
        let messages: Vec<_> = std::iter::from_fn(|| peer.core.next_delivery(consumer))
            .map(Result::unwrap)
            .collect();
        let seen: Vec<_> = messages
            .iter()
            .map(|message| {
                (
                    message.delivery_tag().0,
                    message.body_size(),
                    message.body().len(),
                    message.is_withheld(),
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                (1, 1000, 1000, false),
                (2, 1001, 0, true),
                (3, 9000, 0, true),
                (4, 3, 3, false)
            ]
        );
        assert_eq!(peer.core.state(), State::Open);
    }
}

#[test]
fn contents_interleaved_between_channels_are_put_together() {
    for step in [usize::MAX, 1] {
        let mut peer = Peer::open().by(step);
        let keys = [peer.open_channel(), peer.open_channel()];
        let consumers = keys.map(|key| peer.consume(key, "c"));
        let octets = [
            method_frame(1, &deliver("c", 1)),
            method_frame(2, &deliver("c", 2)),
            header_frame(2, 4),
            frame::HEARTBEAT.to_vec(),
            header_frame(1, 6),
            body_frames(1, b"abc", 10),
            body_frames(2, b"xy", 10),
            body_frames(1, b"def", 10),
            body_frames(2, b"zw", 10),
        ];
        peer.feed(&octets.concat());
        let [a, b] = consumers.map(|id| peer.core.next_delivery(id).unwrap().unwrap());
        assert_eq!(
            (a.body(), b.body(), a.delivery_tag().0, b.delivery_tag().0),
            (&b"abcdef"[..], &b"xyzw"[..], 1, 2)
        );
        assert_eq!(a.routing_key().as_bytes(), b"key");
    }
}

#[test]
fn contents_out_of_order_are_violations() {
    for (octets, code) in [
        (header_frame(1, 4), constants::UNEXPECTED_FRAME),
        (body_frames(1, b"x", 10), constants::UNEXPECTED_FRAME),
        (
            [method_frame(1, &deliver("c", 1)), body_frames(1, b"x", 10)].concat(),
            constants::UNEXPECTED_FRAME,
        ),
        (
            [
                method_frame(1, &deliver("c", 1)),
                method_frame(1, &basic::QosOk {}),
            ]
            .concat(),
            constants::UNEXPECTED_FRAME,
        ),
        (
            [
                method_frame(1, &deliver("c", 1)),
                header_frame(1, 2),
                body_frames(1, b"xyz", 10),
            ]
            .concat(),
            constants::FRAME_ERROR,
        ),
        (delivery(1, "stranger", 1, b"x", 10), constants::COMMAND_INVALID),
        (delivery(0, "c", 1, b"x", 10), constants::COMMAND_INVALID),
        (method_frame(1, &basic::QosOk {}), constants::COMMAND_INVALID),
        (
            method_frame(1, &queue::Declare::default()),
            constants::COMMAND_INVALID,
        ),
        (method_frame(0, &declare_ok("q")), constants::COMMAND_INVALID),
    ] {
        let mut peer = Peer::open();
        let key = peer.open_channel();
        peer.consume(key, "c");
        peer.feed(&octets);
        let Some(ConnectionError::PeerViolation(violation)) = peer.core.error() else {
            panic!("{octets:?}")
        };
        assert_eq!(violation.kind.reply_code(), code, "{violation}");
        assert!(peer.sent()[0].is::<connection::Close<'_>>());
    }
}

#[test]
fn what_cannot_be_decoded_is_answered_with_the_code_for_it() {
    let frame = |payload: &[u8]| {
        let mut octets = vec![1, 0, 1, 0, 0, 0, payload.len() as u8];
        octets.extend_from_slice(payload);
        octets.push(0xce);
        octets
    };
    for (octets, code) in [
        // A class and a method that there are not.
        (frame(&[0, 99, 0, 10]), constants::NOT_IMPLEMENTED),
        (frame(&[0, 50, 0, 99]), constants::NOT_IMPLEMENTED),
        // queue.declare-ok whose name ends before it should, and with something behind it.
        (frame(&[0, 50, 0, 11, 5, b'q']), constants::SYNTAX_ERROR),
        (
            frame(&[0, 50, 0, 11, 1, b'q', 0, 0, 0, 0, 0, 0, 0, 0, 7]),
            constants::SYNTAX_ERROR,
        ),
        // A frame without its end, and one of a type that there is not.
        (vec![1, 0, 1, 0, 0, 0, 1, 0, 0], constants::FRAME_ERROR),
        (vec![9, 0, 1, 0, 0, 0, 0, 0xce], constants::FRAME_ERROR),
    ] {
        let mut peer = Peer::open();
        peer.open_channel();
        peer.feed(&octets);
        let Some(ConnectionError::PeerViolation(violation)) = peer.core.error() else {
            panic!("{octets:?}")
        };
        assert!(
            matches!(violation.kind, Violation::Malformed(_)),
            "{octets:?}: {violation}"
        );
        let sent = peer.sent();
        let [Sent::Method(0, Method::Connection(connection::Method::Close(close)))] = sent.as_slice() else {
            panic!("{octets:?}: {sent:?}")
        };
        assert_eq!(close.reply_code, code, "{octets:?}");
    }
}

#[test]
fn a_cancel_from_the_server_ends_one_consumer() {
    let mut peer = Peer::open();
    let key = peer.open_channel();
    let (one, two) = (peer.consume(key, "one"), peer.consume(key, "two"));
    peer.feed(&delivery(1, "one", 1, b"x", 10));
    peer.send(
        1,
        &basic::Cancel {
            consumer_tag: ShortStr::from_static("one"),
            no_wait: true,
        },
    );
    assert_eq!(peer.sent(), []);
    assert_eq!(peer.core.next_delivery(one).unwrap().unwrap().body(), b"x");
    assert!(matches!(
        peer.core.next_delivery(one),
        Some(Err(ConsumerEnd::CancelledByServer))
    ));
    peer.feed(&delivery(1, "two", 2, b"y", 10));
    assert_eq!(peer.core.next_delivery(two).unwrap().unwrap().body(), b"y");
    assert!(peer.core.next_delivery(two).is_none());
}

#[test]
fn a_dropped_consumer_is_cancelled_then_requeued() {
    let mut peer = Peer::open();
    let key = peer.open_channel();
    let consumer = peer.consume(key, "c");
    peer.feed(&delivery(1, "c", 1, b"x", 10));
    peer.core.drop_consumer(consumer);
    peer.feed(&delivery(1, "c", 2, b"y", 10));
    let cancel = basic::Cancel {
        consumer_tag: ShortStr::from_static("c"),
        no_wait: false,
    };
    let reject = |tag| {
        Sent::Method(
            1,
            basic::Reject {
                delivery_tag: DeliveryTag(tag),
                requeue: true,
            }
            .into(),
        )
    };
    assert_eq!(
        peer.sent(),
        [Sent::Method(1, cancel.into()), reject(1), reject(2)]
    );
    peer.events();
    peer.send(
        1,
        &basic::CancelOk {
            consumer_tag: ShortStr::from_static("c"),
        },
    );
    assert!(peer.events().is_empty());
    assert_eq!(peer.core.state(), State::Open);
}
