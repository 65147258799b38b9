//! Requests and channels: invariants 1 to 3, numbers of channels, and what is not the caller's to send.

use std::collections::BTreeSet;
use std::time::Duration;

use amqp_client::protocol::v0_9_1::{basic, channel, connection, constants, queue};
use amqp_client::protocol::{DeliveryTag, ShortStr};
use amqp_client::sans_io::Event;
use amqp_client::{CallError, ChannelError, Config, ConsumerEnd, State};

use crate::peer::{
    Peer, Sent, channel_close, consume, declare, declare_ok, delivery, header_frame, method_frame, publish,
    queue_of, resolved,
};

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
            expected.insert(peer.core.get(peer.now, key, &basic::Get::default()).unwrap());
        }
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
        assert!(expected.is_subset(&unique), "{name}");
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
    let (_, request) = peer.core.consume(peer.now, key, consume("t"), Some(0)).unwrap();
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

    let get = peer.core.get(peer.now, key, &basic::Get::default()).unwrap();
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
    // What needs no settling cannot be given back.
    let no_ack = basic::Get {
        no_ack: true,
        ..Default::default()
    };
    let get = peer.core.get(peer.now, key, &no_ack).unwrap();
    peer.core.abandon_request(get);
    peer.sent();
    peer.feed(&[method_frame(1, &get_ok), header_frame(1, 0)].concat());
    assert_eq!(peer.sent(), []);
    assert!(resolved(peer.events()).is_empty());
    assert_eq!(peer.core.state(), State::Open);
}

#[test]
fn channel_numbers_are_bounded_and_reused_only_after_close_ok() {
    let mut peer = Peer::tuned(Config::default(), 2, 4096);
    let keys = [peer.open_channel(), peer.open_channel()];
    let full = peer.core.open_channel(peer.now).unwrap_err();
    assert_eq!(full.to_string(), "all 2 channels of the connection are in use");
    let call = peer.core.call(peer.now, keys[0], declare("q")).unwrap();
    let close = peer
        .core
        .close_channel(peer.now, keys[0], constants::REPLY_SUCCESS, ShortStr::default())
        .unwrap();
    peer.sent();
    let full = peer.core.open_channel(peer.now).unwrap_err();
    assert_eq!(
        full.to_string(),
        "all 2 channels of the connection are in use, 1 of them being closed"
    );
    let CallError::Channel(ChannelError::NoFreeChannel { channel_max, closing }) = full else {
        panic!("{full:?}")
    };
    assert_eq!((channel_max, closing), (2, 1));
    // One that is dropped is no sooner free.
    peer.core.drop_channel(keys[1]);
    peer.sent();
    let full = peer.core.open_channel(peer.now).unwrap_err();
    assert!(full.to_string().ends_with("2 of them being closed"), "{full}");
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
fn methods_that_are_not_the_callers_to_send_are_refused() {
    let mut peer = Peer::open();
    let key = peer.open_channel();
    let now = peer.now;
    let refusals = [
        peer.core.call(now, key, connection::Close::default()).err(),
        peer.core.call(now, key, channel::Close::default()).err(),
        peer.core.call(now, key, channel::Open {}).err(),
        peer.core.call(now, key, basic::Consume::default()).err(),
        peer.core.call(now, key, basic::Cancel::default()).err(),
        peer.core.call(now, key, basic::Get::default()).err(),
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
fn a_consumer_tag_is_not_given_twice() {
    let mut peer = Peer::open();
    let keys = [peer.open_channel(), peer.open_channel()];
    let twice = |peer: &mut Peer| {
        let error = peer
            .core
            .consume(peer.now, keys[0], consume("c"), None)
            .unwrap_err();
        assert!(matches!(error, CallError::DuplicateConsumerTag));
        assert_eq!(peer.sent(), []);
    };
    // While it starts, while it lives, and while it is being cancelled.
    let (consumer, _) = peer
        .core
        .consume(peer.now, keys[0], consume("c"), Some(0))
        .unwrap();
    peer.sent();
    twice(&mut peer);
    peer.send(1, &basic::QosOk {});
    peer.send(
        1,
        &basic::ConsumeOk {
            consumer_tag: ShortStr::from_static("c"),
        },
    );
    twice(&mut peer);
    peer.core.drop_consumer(consumer);
    peer.sent();
    twice(&mut peer);
    peer.send(
        1,
        &basic::CancelOk {
            consumer_tag: ShortStr::from_static("c"),
        },
    );
    peer.events();
    peer.consume(keys[0], "c");
    peer.consume(keys[1], "c");
}
