//! Publishing: invariants 4 and 6, and a transport that takes nothing.

use std::future::IntoFuture;
use std::time::Duration;

use amqp_client::protocol::v0_9_1::{Method, basic, channel, confirm, connection, constants};
use amqp_client::protocol::{DeliveryTag, ShortStr};
use amqp_client::sans_io::{Event, Outgoing, RequestId};
use amqp_client::{Config, ConnectionError, HeldBack, PublishError, State};
use bytes::Buf;

use crate::peer::{Peer, Sent, declare, declare_ok, publish, queue_of};
use crate::wire::{Session, poll, ready};

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
fn invariant_6_blocked_holds_back_publishing_alone() {
    let mut peer = Peer::open();
    let key = peer.open_channel();
    peer.send(
        0,
        &connection::Blocked {
            reason: ShortStr::from_static("low on memory"),
        },
    );
    assert!(matches!(&peer.events()[..], [Event::Blocked { reason }] if &**reason == "low on memory"));
    let held_back = publish(&mut peer, key, "x").unwrap_err();
    assert!(matches!(held_back, PublishError::Blocked { .. }) && held_back.is_unsent());
    assert_eq!(peer.sent(), []);
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
        matches!(&timed_out[..], [Event::MayPublish { request, outcome: Err(PublishError::Blocked { .. }) }] if *request == first)
    );
    let second = peer.core.wait_to_publish(peer.now, key).unwrap();
    assert!(peer.events().is_empty());
    peer.send(0, &connection::Unblocked {});
    assert!(
        peer.events().iter().any(
            |event| matches!(event, Event::MayPublish { request, outcome: Ok(()) } if *request == second)
        )
    );
    assert_eq!(peer.core.take_turn(key, second).unwrap(), None);
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
        Err(PublishError::Flow)
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
    assert!(matches!(
        publish(&mut peer, key, "x"),
        Err(PublishError::SendBufferFull)
    ));
    let waiting = peer.core.wait_to_publish(peer.now, key).unwrap();
    assert!(peer.events().is_empty());
    peer.octets();
    assert_eq!(turns(&mut peer), [(waiting, true)]);
    assert_eq!(peer.core.take_turn(key, waiting).unwrap(), None);
    publish(&mut peer, key, "x").unwrap();
}

/// Whose turn the events say it is.
fn turns(peer: &mut Peer) -> Vec<(RequestId, bool)> {
    let turn = |event| match event {
        Event::MayPublish { request, outcome } => Some((request, outcome.is_ok())),
        _ => None,
    };
    peer.events().into_iter().filter_map(turn).collect()
}

#[test]
fn a_turn_is_the_right_to_try_again_and_holds_nobody_back() {
    let mut config = Config::default();
    config.send_buffer = 1000;
    let mut peer = Peer::tuned(config, 10, 4096);
    let keys = [peer.open_channel(), peer.open_channel()];
    publish(&mut peer, keys[0], vec![0; 2000]).unwrap();
    let mut wait = |key| peer.core.wait_to_publish(peer.now, key).unwrap();
    let (first, second, third) = (wait(keys[0]), wait(keys[1]), wait(keys[0]));
    peer.octets();
    // All get it, in the order of waiting; a newcomer stands behind them.
    assert_eq!(turns(&mut peer), [(first, true), (second, true), (third, true)]);
    assert!(!peer.core.may_publish(keys[1]));
    let newcomer = peer.core.wait_to_publish(peer.now, keys[1]).unwrap();
    assert_eq!(turns(&mut peer), [(newcomer, true)]);
    // The first never takes its turn. The second gives it the time to, once; there is no room for the third then, who
    // keeps its place.
    let second = peer.core.take_turn(keys[1], second).unwrap().unwrap();
    assert_eq!(turns(&mut peer), [(second, true)]);
    assert_eq!(peer.core.take_turn(keys[1], second).unwrap(), None);
    publish(&mut peer, keys[1], vec![1; 2000]).unwrap();
    assert!(matches!(
        publish(&mut peer, keys[1], "x"),
        Err(PublishError::SendBufferFull)
    ));
    let third = peer.core.take_turn(keys[0], third).unwrap().unwrap();
    let newcomer = peer.core.take_turn(keys[1], newcomer).unwrap().unwrap();
    assert_eq!(turns(&mut peer), []);
    peer.octets();
    assert_eq!(turns(&mut peer), [(third, true), (newcomer, true)]);

    // The time of waiting goes on from the first try.
    peer.advance(Duration::from_secs(40));
    peer.send(0, &connection::Blocked::default());
    let third = peer.core.take_turn(keys[0], third).unwrap().unwrap();
    peer.advance(Duration::from_secs(20));
    assert_eq!(turns(&mut peer), [(third, false)]);
    // A turn that is taken too late is as good as the way is free.
    assert!(matches!(
        peer.core.take_turn(keys[1], newcomer),
        Err(PublishError::Blocked { .. })
    ));
    peer.send(0, &connection::Unblocked {});
    assert_eq!(peer.core.take_turn(keys[0], first).unwrap(), None);
    publish(&mut peer, keys[0], "x").unwrap();
    assert!(peer.core.may_publish(keys[0]));
}

#[test]
fn publishing_goes_on_when_half_of_the_send_buffer_is_free() {
    let mut config = Config::default();
    config.send_buffer = 1000;
    let mut peer = Peer::tuned(config, 10, 4096);
    let key = peer.open_channel();
    publish(&mut peer, key, vec![0; 2000]).unwrap();
    let mut batch = Outgoing::new();
    peer.core.take_outgoing(&mut batch);
    let octets = batch.remaining() as u64;
    peer.core.transmitted(peer.now, octets - 501);
    assert!(!peer.core.may_publish(key));
    peer.core.transmitted(peer.now, 1);
    assert!(peer.core.may_publish(key));
}

#[test]
fn publishes_that_may_not_wait_fail_at_once_and_say_what_holds_them_back() {
    let mut config = Config::default();
    config.held_back = HeldBack::Fail;
    config.send_buffer = 1000;
    let mut peer = Peer::tuned(config, 10, 4096);
    let keys = [peer.open_channel(), peer.open_channel()];
    // The transport's back-pressure is waited for in either case.
    publish(&mut peer, keys[0], vec![0; 2000]).unwrap();
    let [one, two] = keys.map(|key| peer.core.wait_to_publish(peer.now, key).unwrap());
    peer.send(1, &channel::Flow { active: false });
    let events = peer.events();
    assert!(
        matches!(&events[..], [Event::Flow { .. }, Event::MayPublish { request, outcome: Err(PublishError::Flow) }] if *request == one)
    );
    let refused = peer.core.wait_to_publish(peer.now, keys[0]).unwrap_err();
    assert!(matches!(refused, PublishError::Flow));
    let blocked = connection::Blocked {
        reason: ShortStr::from_static("low on disk"),
    };
    peer.send(0, &blocked);
    assert_eq!(turns(&mut peer), [(two, false)]);
    let refused = peer.core.wait_to_publish(peer.now, keys[1]).unwrap_err();
    assert!(matches!(refused, PublishError::Blocked { reason } if &*reason == "low on disk"));
}

#[test]
fn a_connection_that_is_blocked_for_too_long_ends() {
    let mut config = Config::default();
    config.blocked_connection_timeout = Duration::from_secs(300);
    let mut peer = Peer::tuned(config, 10, 4096);
    let key = peer.open_channel();
    for _ in 0..2 {
        peer.send(0, &connection::Blocked::default());
        peer.advance(Duration::from_secs(299));
        peer.send(0, &connection::Unblocked {});
    }
    assert_eq!(peer.core.poll_timeout(), None);
    peer.send(0, &connection::Blocked::default());
    let call = peer.core.call(peer.now, key, declare("q")).unwrap();
    peer.core.abandon_request(call);
    peer.advance(Duration::from_secs(200));
    // Said again, it changes nothing about the time.
    let again = connection::Blocked {
        reason: ShortStr::from_static("again"),
    };
    peer.send(0, &again);
    assert_eq!(
        peer.core.poll_timeout(),
        Some(peer.now + Duration::from_secs(100))
    );
    peer.advance(Duration::from_secs(100));
    assert!(
        matches!(peer.core.error(), Some(ConnectionError::BlockedTimedOut { reason }) if &**reason == "again")
    );
    assert_eq!(peer.core.state(), State::Closed);
}

#[test]
fn a_turn_ends_with_its_channel() {
    let mut peer = Peer::open();
    let keys = [peer.open_channel(), peer.open_channel()];
    peer.send(0, &connection::Blocked::default());
    let [one, two, three] = [0, 1, 1].map(|at| peer.core.wait_to_publish(peer.now, keys[at]).unwrap());
    peer.core.drop_channel(keys[0]);
    assert_eq!(turns(&mut peer), [(one, false)]);
    peer.send(0, &connection::Unblocked {});
    assert_eq!(turns(&mut peer), [(two, true), (three, true)]);
    peer.core.receive_eof(peer.now);
    assert_eq!(turns(&mut peer), []);
    assert!(matches!(
        peer.core.take_turn(keys[1], two),
        Err(PublishError::Channel(_))
    ));
}

#[test]
fn who_only_publishes_lets_others_run_now_and_then_and_keeps_the_order() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let (mut expected, mut paused) = (Vec::new(), Vec::new());
    for number in 0..5000 {
        let body = number.to_string();
        let mut first = channel.basic_publish("", "key", &body).into_future();
        if poll(&mut first).is_pending() {
            paused.push(number);
            // What comes meanwhile stands behind it.
            let mut second = channel.basic_publish("", "key", "second").into_future();
            assert!(poll(&mut second).is_pending());
            ready(first).unwrap();
            ready(second).unwrap();
        }
        expected.push(body);
        expected.extend((paused.last() == Some(&number)).then(|| "second".to_owned()));
    }
    assert_eq!(paused, [2048, 4095]);
    let body = |sent| match sent {
        Sent::Body(_, octets) => String::from_utf8(octets).ok(),
        _ => None,
    };
    let sent: Vec<String> = session.sent().into_iter().filter_map(body).collect();
    assert_eq!(sent, expected);
}
