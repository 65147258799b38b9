//! Publishing: invariants 4 and 6, and a transport that takes nothing.

use std::time::Duration;

use amqp_client::protocol::v0_9_1::{Method, basic, channel, confirm, connection, constants};
use amqp_client::protocol::{DeliveryTag, ShortStr};
use amqp_client::sans_io::Event;
use amqp_client::{Config, PublishError};

use crate::peer::{Peer, Sent, declare, declare_ok, publish, queue_of};

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
