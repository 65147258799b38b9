//! Which publish a returned message belongs to.

use amqp_client::protocol::v0_9_1::{basic, constants};
use amqp_client::protocol::{DeliveryTag, FieldTable, FieldValue, ShortStr};
use amqp_client::sans_io::{ChannelKey, ConfirmOptions, Event, RETURN_HEADER};
use amqp_client::{Body, PublishError};

use crate::confirms::{confirming, word};
use crate::peer::{Peer, Sent, body_frames, header_frame, method_frame};

/// A message by what it is known when it comes back, and its headers, by which it is not.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Content {
    exchange: &'static str,
    routing_key: &'static str,
    message_id: Option<&'static str>,
    correlation_id: Option<&'static str>,
    body: &'static str,
}

const PLAIN: Content = Content {
    exchange: "e",
    routing_key: "k",
    message_id: None,
    correlation_id: None,
    body: "body",
};

fn properties(content: Content, headers: Option<FieldTable<'static>>) -> basic::Properties<'static> {
    basic::Properties {
        headers,
        message_id: content.message_id.map(ShortStr::from_static),
        correlation_id: content.correlation_id.map(ShortStr::from_static),
        ..Default::default()
    }
}

fn publish(peer: &mut Peer, key: ChannelKey, content: Content, mandatory: bool) -> u64 {
    let method = basic::Publish {
        exchange: ShortStr::from_static(content.exchange),
        routing_key: ShortStr::from_static(content.routing_key),
        mandatory,
        ..Default::default()
    };
    let headers = FieldTable::new().with("b", 1).unwrap().with("a", 2).unwrap();
    let properties = properties(content, Some(headers));
    let published = peer
        .core
        .publish(peer.now, key, &method, &properties, Body::from(content.body))
        .unwrap();
    let tag = published.delivery_tag.unwrap();
    peer.core.keep_outcome(key, tag);
    tag.0
}

/// The server sends a message back, with these headers.
fn send_back(peer: &mut Peer, content: Content, headers: Option<FieldTable<'static>>) {
    let method = basic::Return {
        reply_code: constants::NO_ROUTE,
        reply_text: ShortStr::from_static("NO_ROUTE"),
        exchange: ShortStr::from_static(content.exchange),
        routing_key: ShortStr::from_static(content.routing_key),
    };
    let mut octets = method_frame(1, &method);
    // What the client would send for it, as the server's.
    let mut other = Peer::open();
    let key = other.open_channel();
    let properties = properties(content, headers);
    other
        .core
        .publish(
            other.now,
            key,
            &basic::Publish::default(),
            &properties,
            Body::from(content.body),
        )
        .unwrap();
    let sent = other.octets();
    let publish = method_frame(1, &basic::Publish::default());
    octets.extend_from_slice(sent.strip_prefix(publish.as_slice()).unwrap());
    peer.feed(&octets);
}

fn confirm_all(peer: &mut Peer) {
    let ack = basic::Ack {
        delivery_tag: DeliveryTag(0),
        multiple: true,
    };
    peer.send(1, &ack);
}

fn outcomes<const N: usize>(peer: &mut Peer, key: ChannelKey, numbers: [u64; N]) -> [&'static str; N] {
    numbers.map(|number| word(peer.core.take_outcome(key, DeliveryTag(number))))
}

/// How many returned messages came to nobody.
fn unmatched(peer: &mut Peer) -> usize {
    let events = peer.events();
    events
        .iter()
        .filter(|event| matches!(event, Event::Returned { .. }))
        .count()
}

#[test]
fn pitfall_21_a_return_belongs_to_the_first_mandatory_publish_like_it() {
    let empty = Content { body: "", ..PLAIN };
    let others = [
        Content {
            exchange: "f",
            ..PLAIN
        },
        Content {
            routing_key: "l",
            ..PLAIN
        },
        Content {
            message_id: Some("1"),
            ..PLAIN
        },
        Content {
            message_id: Some(""),
            ..PLAIN
        },
        Content {
            correlation_id: Some("1"),
            ..PLAIN
        },
        Content {
            body: "bodx",
            ..PLAIN
        },
        empty,
    ];
    for returned in [PLAIN].into_iter().chain(others) {
        let (mut peer, key) = confirming(ConfirmOptions::default());
        // One that is not mandatory, two that are, and one that is alike in all but one thing.
        for content in [PLAIN]
            .into_iter()
            .chain(others)
            .filter(|other| *other != returned)
        {
            publish(&mut peer, key, content, true);
        }
        let numbers = [false, true, true].map(|mandatory| publish(&mut peer, key, returned, mandatory));
        peer.octets();
        // Brokers change headers.
        send_back(
            &mut peer,
            returned,
            Some(FieldTable::new().with("a", 2).unwrap().with("b", 1).unwrap()),
        );
        confirm_all(&mut peer);
        assert_eq!(
            outcomes(&mut peer, key, numbers),
            ["confirmed", "returned", "confirmed"],
            "{returned:?}"
        );
        assert_eq!(outcomes(&mut peer, key, [1, 2, 3, 4]), ["confirmed"; 4]);
        assert_eq!(unmatched(&mut peer), 0);
        // Nothing like it is left.
        send_back(&mut peer, returned, None);
        assert_eq!(unmatched(&mut peer), 1);
    }
}

#[test]
fn equal_messages_come_back_in_order_and_settled_ones_do_not() {
    let (mut peer, key) = confirming(ConfirmOptions::default());
    let numbers = [(); 4].map(|()| publish(&mut peer, key, PLAIN, true));
    peer.octets();
    let settle = |peer: &mut Peer, tag| {
        let ack = basic::Ack {
            delivery_tag: DeliveryTag(tag),
            multiple: false,
        };
        peer.send(1, &ack);
    };
    settle(&mut peer, 1);
    settle(&mut peer, 3);
    send_back(&mut peer, PLAIN, None);
    assert_eq!(word(peer.core.take_outcome(key, DeliveryTag(2))), "outstanding");
    send_back(&mut peer, PLAIN, None);
    settle(&mut peer, 2);
    // What came back has come back, even when its confirm is a refusal or never comes.
    peer.core.receive_eof(peer.now);
    assert_eq!(
        outcomes(&mut peer, key, numbers),
        ["confirmed", "returned", "confirmed", "returned"]
    );
}

#[test]
fn a_return_whose_receipt_is_gone_comes_to_whoever_listens() {
    let (mut peer, key) = confirming(ConfirmOptions::default());
    let numbers = [(); 3].map(|()| publish(&mut peer, key, PLAIN, true));
    peer.octets();
    peer.core.release_outcome(key, DeliveryTag(numbers[0]));
    send_back(&mut peer, PLAIN, None);
    assert_eq!(unmatched(&mut peer), 1);
    send_back(&mut peer, PLAIN, None);
    assert_eq!(unmatched(&mut peer), 0);
    peer.core.release_outcome(key, DeliveryTag(numbers[1]));
    assert_eq!(unmatched(&mut peer), 1);
    confirm_all(&mut peer);
    assert_eq!(outcomes(&mut peer, key, [numbers[2]]), ["confirmed"]);
    let failure = peer.core.take_failure(key);
    assert!(failure.as_ref().is_some_and(|error| !error.is_unsent()));
    let Some(PublishError::Returned(returned)) = failure else {
        panic!("not told")
    };
    assert_eq!(returned.body(), b"body");
    // On a channel without confirms all come there.
    let plain = peer.open_channel();
    let method = basic::Return::default();
    peer.feed(
        &[
            method_frame(plain.id().0, &method),
            header_frame(2, 3),
            body_frames(2, b"abc", 2),
        ]
        .concat(),
    );
    assert_eq!(unmatched(&mut peer), 1);
}

#[test]
fn the_header_makes_it_exact() {
    let mut options = ConfirmOptions::default();
    options.return_header = true;
    let (mut peer, key) = confirming(options);
    let numbers = [(); 3].map(|()| publish(&mut peer, key, PLAIN, true));
    publish(&mut peer, key, PLAIN, false);
    let headers: Vec<_> = peer
        .sent()
        .into_iter()
        .filter_map(|sent| match sent {
            Sent::Header(_, _, properties) => properties.headers,
            _ => None,
        })
        .collect();
    let carried: Vec<_> = headers.iter().map(|headers| headers.get(RETURN_HEADER)).collect();
    assert_eq!(
        carried,
        [
            Some(FieldValue::LongLong(1)),
            Some(FieldValue::LongLong(2)),
            Some(FieldValue::LongLong(3)),
            None
        ]
    );
    assert_eq!(headers[0].get("a"), Some(FieldValue::LongInt(2)));
    send_back(&mut peer, PLAIN, Some(headers[1].clone()));
    // One that a message carried before does not lead astray, nor does one of nothing like it.
    let stale = |number: i64| FieldTable::new().with(RETURN_HEADER, number).unwrap();
    send_back(
        &mut peer,
        PLAIN,
        Some(stale(3).with(RETURN_HEADER, 1_i64).unwrap()),
    );
    confirm_all(&mut peer);
    assert_eq!(
        outcomes(&mut peer, key, numbers),
        ["returned", "returned", "confirmed"]
    );
    let last = publish(&mut peer, key, PLAIN, true);
    for number in [-1, 0, 4, 6, i64::MAX] {
        send_back(
            &mut peer,
            Content {
                body: "other",
                ..PLAIN
            },
            Some(stale(number)),
        );
        assert_eq!(unmatched(&mut peer), 1);
    }
    send_back(&mut peer, PLAIN, Some(stale(4)));
    confirm_all(&mut peer);
    assert_eq!(outcomes(&mut peer, key, [last]), ["returned"]);
}
