//! The invariants of the core, each with the scripts that would break it.

use std::collections::BTreeSet;
use std::time::Duration;

use amqp_client::protocol::frame;
use amqp_client::protocol::v0_9_1::{Method, basic, channel, confirm, connection, constants, queue};
use amqp_client::protocol::{DeliveryTag, FieldTable, LongStr, ReplyCode, ShortStr};
use amqp_client::sans_io::{ChannelKey, Event, RequestId};
use amqp_client::{
    Body, CallError, ChannelError, Config, ConnectionError, ConsumerEnd, PublishError, State, Violation,
};
use bytes::Bytes;

use crate::peer::{
    Peer, Sent, body_frames, deliver, delivery, frame_len, header_frame, method_frame, resolved,
};

fn declare(queue: &'static str) -> queue::Declare<'static> {
    queue::Declare {
        queue: ShortStr::from_static(queue),
        ..Default::default()
    }
}

fn declare_ok(queue: &'static str) -> queue::DeclareOk<'static> {
    queue::DeclareOk {
        queue: ShortStr::from_static(queue),
        message_count: 0,
        consumer_count: 0,
    }
}

fn channel_close(code: ReplyCode, text: &'static str) -> channel::Close<'static> {
    channel::Close {
        reply_code: code,
        reply_text: ShortStr::from_static(text),
        class_id: 50,
        method_id: 20,
    }
}

fn publish(
    peer: &mut Peer,
    key: ChannelKey,
    body: impl Into<Body<'static>>,
) -> Result<Option<u64>, PublishError> {
    let method = basic::Publish {
        routing_key: ShortStr::from_static("key"),
        ..Default::default()
    };
    let published = peer
        .core
        .publish(key, &method, &basic::Properties::default(), body.into())?;
    Ok(published.delivery_tag.map(|tag| tag.0))
}

fn queue_of(peer: &mut Peer, request: RequestId) -> String {
    let reply = peer.outcome(request).unwrap();
    reply
        .decode::<queue::DeclareOk<'static>>()
        .unwrap()
        .queue
        .to_string()
}

/// A session with something of everything.
fn session(step: usize) -> Vec<String> {
    let mut peer = Peer::open().by(step);
    let (one, two) = (peer.open_channel(), peer.open_channel());
    let consumer = peer.consume(one, "c");
    let calls = ["a", "b"].map(|name| peer.core.call(peer.now, two, declare(name)).unwrap());
    peer.core.abandon_request(calls[0]);
    peer.feed(&delivery(1, "c", 1, b"first", 100));
    peer.feed(&delivery(1, "c", 2, &[7; 5000], 1000));
    peer.send(2, &declare_ok("a"));
    peer.send(2, &declare_ok("b"));
    peer.sent();
    peer.events();
    while let Some(next) = peer.core.next_delivery(consumer) {
        let message = next.unwrap();
        let ack = basic::Ack {
            delivery_tag: message.delivery_tag(),
            multiple: false,
        };
        peer.core.send(one, &ack).unwrap();
        peer.transcript.push(format!("{message:?} {:?}", message.body()));
    }
    publish(&mut peer, two, "body").unwrap();
    peer.send(
        1,
        &channel_close(constants::NOT_FOUND, "NOT_FOUND - no queue 'x' in vhost '/'"),
    );
    peer.send(
        0,
        &connection::Blocked {
            reason: ShortStr::from_static("low on memory"),
        },
    );
    peer.core.receive_eof(peer.now);
    peer.sent();
    peer.events();
    peer.transcript
}

#[test]
fn invariant_1_the_same_inputs_give_the_same_outputs_however_they_are_cut() {
    let whole = session(usize::MAX);
    assert!(whole.len() > 10);
    for step in [usize::MAX, 1, 2, 7, 4096] {
        assert_eq!(session(step), whole, "by {step} octets");
    }
}

#[test]
fn invariant_2_every_request_is_resolved_once_whatever_ends_it() {
    type End = (&'static str, fn(&mut Peer));
    let ends: [End; 6] = [
        ("connection.close from the server", |peer| {
            let close = connection::Close {
                reply_code: constants::CONNECTION_FORCED,
                ..Default::default()
            };
            peer.send(0, &close);
        }),
        ("end of stream", |peer| peer.core.receive_eof(peer.now)),
        ("transport", |peer| {
            peer.core
                .transport_failed(peer.now, std::io::ErrorKind::ConnectionReset.into());
        }),
        ("violation", |peer| peer.feed(b"\xff\0\0\0\0\0\0")),
        ("close by the client", |peer| {
            peer.core
                .close(peer.now, constants::REPLY_SUCCESS, ShortStr::default());
        }),
        ("channel.close from the server", |peer| {
            for channel in 1..=2 {
                peer.send(channel, &channel_close(constants::NOT_FOUND, "x"));
            }
        }),
    ];
    for (name, end) in ends {
        let mut peer = Peer::open();
        let keys = [peer.open_channel(), peer.open_channel()];
        let consumer = peer.consume(keys[0], "c");
        let mut expected = BTreeSet::new();
        for key in keys {
            expected.insert(peer.core.call(peer.now, key, declare("q")).unwrap());
            expected.insert(
                peer.core
                    .consume(peer.now, key, basic::Consume::default(), None)
                    .unwrap()
                    .1,
            );
            expected.insert(peer.core.call(peer.now, key, basic::Get::default()).unwrap());
        }
        peer.core
            .close_channel(peer.now, keys[1], constants::REPLY_SUCCESS, ShortStr::default())
            .unwrap();
        // The request to close is resolved too.
        peer.send(0, &connection::Blocked::default());
        let gate = peer.core.wait_to_publish(peer.now, keys[0]).unwrap();
        peer.events();
        end(&mut peer);
        let mut done = Vec::new();
        let (mut gates, mut readable) = (0, false);
        for event in peer.events() {
            match event {
                Event::Resolved { request, outcome } => {
                    assert!(outcome.is_err(), "{name}");
                    done.push(request);
                }
                Event::MayPublish { request, outcome } => {
                    assert!(request == gate && outcome.is_err(), "{name}");
                    gates += 1;
                }
                Event::Readable(id) => readable |= id == consumer,
                _ => {}
            }
        }
        let unique: BTreeSet<_> = done.iter().copied().collect();
        assert_eq!(unique.len(), done.len(), "{name}: resolved twice");
        if name.starts_with("channel") {
            // The second channel's close crosses: its calls may still be answered before close-ok.
            peer.send(2, &channel::CloseOk {});
            let late: BTreeSet<_> = resolved(peer.events())
                .into_iter()
                .map(|(request, _)| request)
                .collect();
            assert!(late.is_disjoint(&unique), "{name}: resolved twice");
            assert!(
                expected
                    .iter()
                    .all(|request| unique.contains(request) || late.contains(request)),
                "{name}"
            );
        } else {
            assert!(expected.is_subset(&unique), "{name}");
        }
        assert_eq!((gates, readable), (1, true), "{name}");
        assert!(
            matches!(
                peer.core.next_delivery(consumer),
                Some(Err(ConsumerEnd::Channel(_)))
            ),
            "{name}"
        );
        assert!(peer.core.next_delivery(consumer).is_none(), "{name}");
        peer.advance(Duration::from_secs(3600));
        assert!(resolved(peer.events()).is_empty(), "{name}: resolved again");
    }
}

#[test]
fn invariant_3_an_abandoned_call_leaves_a_tombstone() {
    let mut peer = Peer::open();
    let key = peer.open_channel();
    let calls = ["a", "b", "c"].map(|name| peer.core.call(peer.now, key, declare(name)).unwrap());
    peer.core.abandon_request(calls[0]);
    peer.send(1, &declare_ok("a"));
    assert!(peer.events().is_empty());
    peer.send(1, &declare_ok("b"));
    assert_eq!(queue_of(&mut peer, calls[1]), "b");
    peer.send(1, &declare_ok("c"));
    assert_eq!(queue_of(&mut peer, calls[2]), "c");
}

#[test]
fn invariant_3_a_timed_out_call_leaves_a_tombstone_and_the_second_poisons() {
    let mut peer = Peer::open();
    let key = peer.open_channel();
    let first = peer.core.call(peer.now, key, declare("a")).unwrap();
    peer.advance(Duration::from_secs(30));
    assert!(matches!(
        peer.outcome(first),
        Err(CallError::TimedOut {
            method: "queue.declare"
        })
    ));
    let second = peer.core.call(peer.now, key, declare("b")).unwrap();
    peer.send(1, &declare_ok("a"));
    peer.send(1, &declare_ok("b"));
    assert_eq!(queue_of(&mut peer, second), "b");

    let calls = [0, 10, 20].map(|seconds| {
        peer.now += Duration::from_secs(seconds);
        peer.core.call(peer.now, key, declare("q")).unwrap()
    });
    peer.sent();
    peer.advance(Duration::from_secs(10));
    let events = resolved(peer.events());
    let [
        (a, Err(CallError::TimedOut { .. })),
        (b, Err(CallError::TimedOut { .. })),
        (c, Err(poisoned)),
    ] = events.as_slice()
    else {
        panic!("{events:?}");
    };
    assert_eq!([*a, *b, *c], calls);
    assert!(
        matches!(
            poisoned,
            CallError::Channel(ChannelError::Poisoned { timed_out: 2 })
        ),
        "{poisoned}"
    );
    assert!(peer.sent().iter().any(Sent::is::<channel::Close<'_>>));
    let refused = peer.core.call(peer.now, key, declare("q"));
    assert!(matches!(
        refused,
        Err(CallError::Channel(ChannelError::Poisoned { .. }))
    ));
    for _ in 0..3 {
        peer.send(1, &declare_ok("q"));
    }
    peer.send(1, &channel::CloseOk {});
    assert_eq!((peer.core.state(), peer.open_channel().id().0), (State::Open, 1));
}

#[test]
fn invariant_3_what_an_abandoned_request_brought_is_undone() {
    let mut peer = Peer::open();
    let (key, request) = peer.core.open_channel(peer.now).unwrap();
    peer.core.abandon_request(request);
    peer.sent();
    peer.send(1, &channel::OpenOk {});
    assert!(peer.sent()[0].is::<channel::Close<'_>>());
    assert!(peer.core.call(peer.now, key, declare("q")).is_err());
    peer.send(1, &channel::CloseOk {});

    let key = peer.open_channel();
    let (_, request) = peer
        .core
        .consume(peer.now, key, basic::Consume::default(), Some(0))
        .unwrap();
    peer.core.abandon_request(request);
    peer.sent();
    peer.send(1, &basic::QosOk {});
    let mut octets = method_frame(
        1,
        &basic::ConsumeOk {
            consumer_tag: ShortStr::from_static("t"),
        },
    );
    octets.extend(delivery(1, "t", 9, b"x", 100));
    peer.feed(&octets);
    let sent = peer.sent();
    let cancel = basic::Cancel {
        consumer_tag: ShortStr::from_static("t"),
        no_wait: false,
    };
    let reject = basic::Reject {
        delivery_tag: DeliveryTag(9),
        requeue: true,
    };
    assert_eq!(
        sent,
        [Sent::Method(1, cancel.into()), Sent::Method(1, reject.into())]
    );
    peer.send(
        1,
        &basic::CancelOk {
            consumer_tag: ShortStr::from_static("t"),
        },
    );

    let get = peer.core.call(peer.now, key, basic::Get::default()).unwrap();
    peer.core.abandon_request(get);
    peer.sent();
    let get_ok = basic::GetOk {
        delivery_tag: DeliveryTag(10),
        ..Default::default()
    };
    peer.feed(&[method_frame(1, &get_ok), header_frame(1, 0)].concat());
    let reject = basic::Reject {
        delivery_tag: DeliveryTag(10),
        requeue: true,
    };
    assert_eq!(peer.sent(), [Sent::Method(1, reject.into())]);
    assert!(resolved(peer.events()).is_empty());
    assert_eq!(peer.core.state(), State::Open);
}

#[test]
fn invariant_4_a_publish_is_one_unit_and_numbered_when_it_is_queued() {
    let mut peer = Peer::tuned(Config::default(), 10, 4096);
    let keys = [peer.open_channel(), peer.open_channel()];
    peer.core
        .call(peer.now, keys[0], confirm::Select::default())
        .unwrap();
    assert_eq!(publish(&mut peer, keys[0], "small").unwrap(), Some(1));
    // A second select does not begin to count anew.
    peer.core
        .call(peer.now, keys[0], confirm::Select::default())
        .unwrap();
    assert_eq!(publish(&mut peer, keys[1], vec![1; 9000]).unwrap(), None);
    assert_eq!(publish(&mut peer, keys[0], &[2; 4089]).unwrap(), Some(2));
    assert_eq!(publish(&mut peer, keys[0], "").unwrap(), Some(3));
    let contents: Vec<_> = peer
        .sent()
        .into_iter()
        .filter(|sent| !sent.is::<confirm::Select>())
        .collect();
    let shape: Vec<(u16, u64)> = contents
        .iter()
        .map(|sent| match sent {
            Sent::Method(channel, Method::Basic(basic::Method::Publish(_))) => (*channel, 10_000_000),
            Sent::Header(channel, body_size, _) => (*channel, 1_000_000 + body_size),
            Sent::Body(channel, octets) => (*channel, octets.len() as u64),
            other => panic!("{other:?}"),
        })
        .collect();
    let (method, header) = (10_000_000, 1_000_000);
    assert_eq!(
        shape,
        [
            (1, method),
            (1, header + 5),
            (1, 5),
            (2, method),
            (2, header + 9000),
            (2, 4088),
            (2, 4088),
            (2, 824),
            (1, method),
            (1, header + 4089),
            (1, 4088),
            (1, 1),
            (1, method),
            (1, header),
        ]
    );
}

#[test]
fn invariant_5_a_consumer_exists_before_the_next_frame() {
    for step in [usize::MAX, 1] {
        let mut peer = Peer::open().by(step);
        let key = peer.open_channel();
        let (consumer, request) = peer
            .core
            .consume(peer.now, key, basic::Consume::default(), Some(0))
            .unwrap();
        let mut octets = method_frame(1, &basic::QosOk {});
        octets.extend(method_frame(
            1,
            &basic::ConsumeOk {
                consumer_tag: ShortStr::from_static("amq.ctag-1"),
            },
        ));
        for tag in 1..=3000 {
            octets.extend(delivery(1, "amq.ctag-1", tag, b"x", 100));
        }
        peer.feed(&octets);
        assert!(peer.outcome(request).is_ok());
        let tags = std::iter::from_fn(|| peer.core.next_delivery(consumer));
        assert!(tags.map(|message| message.unwrap().delivery_tag().0).eq(1..=3000));
    }
}

#[test]
fn invariant_6_blocked_holds_back_publishing_alone() {
    let mut peer = Peer::open();
    let key = peer.open_channel();
    peer.send(
        0,
        &connection::Blocked {
            reason: ShortStr::from_static("low on memory"),
        },
    );
    assert!(matches!(&peer.events()[..], [Event::Blocked { reason }] if reason == "low on memory"));
    assert!(matches!(publish(&mut peer, key, "x"), Err(PublishError::Blocked)));
    let first = peer.core.wait_to_publish(peer.now, key).unwrap();
    let dropped = peer.core.wait_to_publish(peer.now, key).unwrap();
    peer.core.abandon_request(dropped);
    peer.core
        .send(
            key,
            &basic::Ack {
                delivery_tag: DeliveryTag(1),
                multiple: false,
            },
        )
        .unwrap();
    let call = peer.core.call(peer.now, key, declare("q")).unwrap();
    assert!(peer.sent()[0].is::<basic::Ack>());
    peer.send(1, &declare_ok("q"));
    assert_eq!(queue_of(&mut peer, call), "q");

    peer.advance(Duration::from_secs(60));
    let timed_out = peer.events();
    assert!(
        matches!(&timed_out[..], [Event::MayPublish { request, outcome: Err(PublishError::Blocked) }] if *request == first)
    );
    let second = peer.core.wait_to_publish(peer.now, key).unwrap();
    assert!(peer.events().is_empty());
    peer.send(0, &connection::Unblocked {});
    assert!(
        peer.events().iter().any(
            |event| matches!(event, Event::MayPublish { request, outcome: Ok(()) } if *request == second)
        )
    );
    publish(&mut peer, key, "x").unwrap();
    assert_eq!(peer.sent().len(), 3);

    peer.send(0, &connection::Blocked::default());
    peer.core
        .close(peer.now, constants::REPLY_SUCCESS, ShortStr::default());
    assert!(peer.sent()[0].is::<connection::Close<'_>>());
}

#[test]
fn invariant_6_flow_holds_back_one_channel() {
    let mut peer = Peer::open();
    let keys = [peer.open_channel(), peer.open_channel()];
    peer.send(1, &channel::Flow { active: false });
    assert_eq!(
        peer.sent(),
        [Sent::Method(1, channel::FlowOk { active: false }.into())]
    );
    assert!(matches!(
        publish(&mut peer, keys[0], "x"),
        Err(PublishError::Blocked)
    ));
    publish(&mut peer, keys[1], "x").unwrap();
    let waiting = peer.core.wait_to_publish(peer.now, keys[0]).unwrap();
    peer.send(1, &channel::Flow { active: true });
    let events = peer.events();
    assert!(matches!(
        &events[..],
        [Event::Flow { active: false, .. }, Event::Flow { active: true, .. }, Event::MayPublish { request, outcome: Ok(()) }]
            if *request == waiting
    ));
}

#[test]
fn a_transport_that_takes_nothing_holds_back_publishing() {
    let mut config = Config::default();
    config.send_buffer = 1000;
    let mut peer = Peer::tuned(config, 10, 4096);
    let key = peer.open_channel();
    publish(&mut peer, key, vec![0; 2000]).unwrap();
    assert!(matches!(publish(&mut peer, key, "x"), Err(PublishError::Blocked)));
    let waiting = peer.core.wait_to_publish(peer.now, key).unwrap();
    assert!(peer.events().is_empty());
    peer.octets();
    let events = peer.events();
    assert!(matches!(&events[..], [Event::MayPublish { request, outcome: Ok(()) }] if *request == waiting));
    publish(&mut peer, key, "x").unwrap();
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
    let refused = peer
        .core
        .publish(key, &basic::Publish::default(), &properties, Body::default());
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
fn invariant_9_a_failure_is_sticky_and_the_server_is_told() {
    let mut peer = Peer::open();
    let key = peer.open_channel();
    peer.sent();
    // A method for a channel that is not open, then more that must change nothing.
    peer.send(7, &declare_ok("q"));
    peer.send(1, &declare_ok("q"));
    let Some(ConnectionError::PeerViolation(violation)) = peer.core.error() else {
        panic!("no")
    };
    assert_eq!(violation.state, State::Open);
    assert!(matches!(violation.kind, Violation::ChannelNotOpen { .. }));
    let sent = peer.sent();
    let [Sent::Method(0, Method::Connection(connection::Method::Close(close)))] = sent.as_slice() else {
        panic!("{sent:?}");
    };
    assert_eq!(close.reply_code, constants::CHANNEL_ERROR);
    let refused = peer.core.call(peer.now, key, declare("q")).unwrap_err();
    assert!(matches!(
        refused,
        CallError::Channel(ChannelError::Connection(ConnectionError::PeerViolation(_)))
    ));
    assert!(peer.core.open_channel(peer.now).is_err());
    assert_eq!(peer.core.state(), State::Closing);
    peer.send(0, &connection::CloseOk {});
    assert_eq!(peer.core.state(), State::Closed);
    peer.core.receive_eof(peer.now);
    assert!(matches!(
        peer.core.error(),
        Some(ConnectionError::PeerViolation(_))
    ));
}

#[test]
fn a_close_from_the_server_is_answered_and_printed_with_its_cause() {
    let mut config = Config::default();
    config.connection_name = Some("orders".to_owned());
    let mut peer = Peer::tuned(config, 10, 4096);
    let key = peer.open_channel();
    let call = peer.core.call(peer.now, key, declare("q")).unwrap();
    peer.sent();
    peer.send(
        1,
        &channel_close(constants::NOT_FOUND, "NOT_FOUND - no queue 'x' in vhost '/'"),
    );
    assert_eq!(peer.sent(), [Sent::Method(1, channel::CloseOk {}.into())]);
    let error = peer.outcome(call).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the server closed the channel: 404 NOT_FOUND: no queue 'x' in vhost '/' (queue.bind) on connection \"orders\""
    );
    // The reason stays until the channel is let go; its number is free at once.
    assert_eq!(
        peer.core
            .call(peer.now, key, declare("q"))
            .unwrap_err()
            .to_string(),
        error.to_string()
    );
    assert_eq!(peer.open_channel().id(), key.id());
    peer.core.drop_channel(key);
    let forgotten = peer.core.call(peer.now, key, declare("q")).unwrap_err();
    assert!(matches!(forgotten, CallError::Channel(ChannelError::Closed)));

    let close = connection::Close {
        reply_code: constants::CONNECTION_FORCED,
        reply_text: ShortStr::from_static("CONNECTION_FORCED - broker forced connection closure"),
        ..Default::default()
    };
    peer.send(0, &close);
    assert_eq!(peer.sent(), [Sent::Method(0, connection::CloseOk {}.into())]);
    assert_eq!(peer.core.state(), State::Closed);
    let text = peer.core.error().unwrap().to_string();
    assert!(
        text.contains("320 CONNECTION_FORCED: broker forced connection closure on connection"),
        "{text}"
    );
}

#[test]
fn an_orderly_close_lets_out_what_was_queued_and_has_a_deadline() {
    let mut peer = Peer::open();
    let key = peer.open_channel();
    publish(&mut peer, key, Bytes::from(vec![3; 100_000])).unwrap();
    peer.core.close(
        peer.now,
        constants::REPLY_SUCCESS,
        ShortStr::from_static("goodbye"),
    );
    let sent = peer.sent();
    assert!(sent[0].is::<basic::Publish<'_>>() && sent.last().unwrap().is::<connection::Close<'_>>());
    assert_eq!(peer.core.state(), State::Closing);
    peer.core
        .close(peer.now, constants::REPLY_SUCCESS, ShortStr::default());
    assert_eq!(peer.sent(), []);
    // A close from the server crosses ours.
    peer.send(0, &connection::Close::default());
    assert_eq!(peer.sent(), [Sent::Method(0, connection::CloseOk {}.into())]);
    peer.send(0, &connection::CloseOk {});
    assert_eq!(peer.core.state(), State::Closed);
    assert!(matches!(peer.core.error(), Some(ConnectionError::Closed)));

    let mut peer = Peer::open();
    peer.core
        .close(peer.now, constants::REPLY_SUCCESS, ShortStr::default());
    peer.advance(Duration::from_secs(10));
    assert_eq!(peer.core.state(), State::Closed);
    assert!(matches!(peer.core.error(), Some(ConnectionError::CloseTimedOut)));
}

#[test]
fn channel_numbers_are_bounded_and_reused_only_after_close_ok() {
    let mut peer = Peer::tuned(Config::default(), 2, 4096);
    let keys = [peer.open_channel(), peer.open_channel()];
    let full = peer.core.open_channel(peer.now).unwrap_err();
    assert!(matches!(full, ChannelError::NoFreeChannel { channel_max: 2 }));
    let call = peer.core.call(peer.now, keys[0], declare("q")).unwrap();
    let close = peer
        .core
        .close_channel(peer.now, keys[0], constants::REPLY_SUCCESS, ShortStr::default())
        .unwrap();
    peer.sent();
    assert!(peer.core.open_channel(peer.now).is_err());
    assert!(
        peer.core
            .close_channel(peer.now, keys[0], constants::REPLY_SUCCESS, ShortStr::default())
            .is_err()
    );
    // What was called before is answered before.
    peer.send(1, &declare_ok("q"));
    assert_eq!(queue_of(&mut peer, call), "q");
    peer.send(1, &channel::CloseOk {});
    assert!(peer.outcome(close).is_ok());
    let again = peer.open_channel();
    assert_eq!(again.id(), keys[0].id());
    assert!(peer.core.call(peer.now, keys[0], declare("q")).is_err());
}

#[test]
fn heartbeats_leave_at_half_the_interval_and_silence_ends_it_after_two() {
    let mut peer = Peer::new(Config::default());
    peer.shake_hands(connection::Tune {
        channel_max: 0,
        frame_max: 0,
        heartbeat: 60,
    });
    let second = Duration::from_secs(1);
    assert_eq!(peer.core.poll_timeout(), Some(peer.now + 30 * second));
    peer.advance(29 * second);
    assert_eq!(peer.sent(), []);
    peer.advance(second);
    assert_eq!(peer.sent(), [Sent::Heartbeat]);
    // Octets that leave count as a heartbeat.
    peer.advance(29 * second);
    peer.core.open_channel(peer.now).unwrap();
    peer.sent();
    peer.advance(29 * second);
    assert_eq!(peer.sent(), []);
    peer.feed(&frame::HEARTBEAT);
    for _ in 0..119 {
        peer.advance(second);
        peer.sent();
    }
    assert_eq!(peer.core.state(), State::Open);
    peer.advance(second);
    assert_eq!(peer.core.state(), State::Closed);
    assert!(matches!(
        peer.core.error(),
        Some(ConnectionError::HeartbeatTimedOut)
    ));
}

#[test]
fn reading_pauses_while_consumers_are_behind_and_silence_is_not_held_against_the_server() {
    let mut config = Config::default();
    config.receive_buffer = 10_000;
    let mut peer = Peer::new(config);
    peer.shake_hands(connection::Tune {
        channel_max: 0,
        frame_max: 0,
        heartbeat: 10,
    });
    peer.events();
    let key = peer.open_channel();
    let consumer = peer.consume(key, "c");
    for tag in 1..=3 {
        assert!(peer.core.wants_read());
        peer.feed(&delivery(1, "c", tag, &[0; 4000], 5000));
    }
    assert!(!peer.core.wants_read());
    for _ in 0..100 {
        peer.advance(Duration::from_secs(1));
        peer.sent();
    }
    assert_eq!(peer.core.state(), State::Open);
    // While a reply is awaited, reading goes on.
    let call = peer.core.call(peer.now, key, declare("q")).unwrap();
    assert!(peer.core.wants_read());
    peer.send(1, &declare_ok("q"));
    assert_eq!(queue_of(&mut peer, call), "q");
    assert!(!peer.core.wants_read());
    peer.core.next_delivery(consumer).unwrap().unwrap();
    assert!(peer.core.wants_read());
    peer.advance(Duration::from_secs(1));
    peer.sent();
    assert_eq!(peer.core.poll_timeout(), Some(peer.now + Duration::from_secs(5)));
    peer.advance(Duration::from_secs(20));
    assert!(matches!(
        peer.core.error(),
        Some(ConnectionError::HeartbeatTimedOut)
    ));
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

#[test]
fn methods_that_are_not_the_callers_to_send_are_refused() {
    let mut peer = Peer::open();
    let key = peer.open_channel();
    let now = peer.now;
    let refusals = [
        peer.core.call(now, key, connection::Close::default()).err(),
        peer.core.call(now, key, channel::Close::default()).err(),
        peer.core.call(now, key, channel::Open {}).err(),
        peer.core.call(now, key, basic::Consume::default()).err(),
        peer.core.send(key, &basic::Publish::default()).err(),
        peer.core.send(key, &basic::Deliver::default()).err(),
        peer.core.send(key, &queue::Declare::default()).err(),
        peer.core.send_no_wait(key, basic::Qos::default()).err(),
    ];
    for refusal in refusals {
        assert!(
            matches!(refusal, Some(CallError::NotSendable { .. })),
            "{refusal:?}"
        );
    }
    assert_eq!(peer.sent(), []);
    peer.core.send_no_wait(key, declare("q")).unwrap();
    let queue = queue::Declare {
        no_wait: true,
        ..declare("q")
    };
    assert_eq!(peer.sent(), [Sent::Method(1, queue.clone().into())]);
    peer.core.call(now, key, queue).unwrap();
    assert_eq!(peer.sent(), [Sent::Method(1, declare("q").into())]);
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
