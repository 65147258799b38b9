//! Messages out and in: their frames are those of any revision, but for the ticket of a publish.

use amqp_client::protocol::method::{Encode, Properties as _};
use amqp_client::protocol::v0_8::{basic, channel, constants};
use amqp_client::protocol::{DeliveryTag, ShortStr, Writer};
use amqp_client::{CallError, ConsumerEnd, Message, methods};
use bytes::Bytes;

use super::{Sent, TICKET, on, open, open_channel, sent, start_consumer};
use crate::peer::{Peer, body_frames, header_frame, method_frame};

/// A message from the server: its method, a header without properties, and its body in several frames.
fn message<M: amqp_client::protocol::method::Arguments>(channel: u16, method: &M, body: &[u8]) -> Vec<u8> {
    let mut octets = method_frame(channel, method);
    octets.extend(header_frame(channel, body.len() as u64));
    octets.extend(body_frames(channel, body, 3));
    octets
}

fn deliver(tag: &'static str, delivery_tag: u64) -> basic::Deliver<'static> {
    basic::Deliver {
        consumer_tag: ShortStr::from_static(tag),
        delivery_tag: DeliveryTag(delivery_tag),
        redelivered: true,
        exchange: ShortStr::from_static("exchange"),
        routing_key: ShortStr::from_static("key"),
    }
}

#[test]
fn a_publish_carries_the_ticket_of_its_channel() {
    let mut peer = open();
    let key = open_channel(&mut peer);
    let method = methods::basic::Publish {
        exchange: ShortStr::from_static("exchange"),
        routing_key: ShortStr::from_static("key"),
        mandatory: true,
        immediate: false,
    };
    let properties = methods::basic::Properties {
        content_type: Some(ShortStr::from_static("text/plain")),
        delivery_mode: Some(2),
        ..Default::default()
    };
    // The largest goes by reference, in several frames.
    for body in [
        Bytes::new(),
        Bytes::from_static(b"one coffee"),
        Bytes::from(vec![7; 200_000]),
    ] {
        let published = peer
            .core
            .publish(peer.now, key, &method, &properties, body.clone().into())
            .unwrap();
        assert_eq!(published.delivery_tag, None);
        let mut header = Vec::new();
        let mut writer = Writer::new(&mut header);
        writer.short(basic::Properties::CLASS_ID);
        writer.short(0);
        writer.longlong(body.len() as u64);
        basic::Properties {
            content_type: Some(ShortStr::from_static("text/plain")),
            delivery_mode: Some(2),
            ..Default::default()
        }
        .encode(&mut writer);
        let publish = basic::Publish {
            ticket: TICKET,
            exchange: ShortStr::from_static("exchange"),
            routing_key: ShortStr::from_static("key"),
            mandatory: true,
            immediate: false,
        };
        let mut expected = vec![on(1, publish), Sent::Header(1, header)];
        expected.extend(body.chunks(131_064).map(|part| Sent::Body(1, part.to_vec())));
        assert!(sent(&mut peer) == expected);
    }
}

#[test]
fn each_channel_has_its_ticket_and_a_number_used_again_a_new_one() {
    let mut peer = open();
    let tickets = |peer: &mut Peer| -> Vec<u16> {
        let ticket = |frame| match frame {
            Sent::Method(_, super::Method::Basic(basic::Method::Publish(publish))) => Some(publish.ticket),
            _ => None,
        };
        sent(peer).into_iter().filter_map(ticket).collect()
    };
    let first = open_channel(&mut peer);
    let (second, request) = peer.core.open_channel(peer.now).unwrap();
    peer.send(2, &channel::OpenOk {});
    peer.send(2, &amqp_client::protocol::v0_8::access::RequestOk { ticket: 7 });
    assert!(peer.outcome(request).is_ok());
    for key in [first, second] {
        crate::peer::publish(&mut peer, key, "").unwrap();
    }
    assert_eq!(tickets(&mut peer), [TICKET, 7]);

    peer.core.drop_channel(first);
    peer.send(1, &channel::CloseOk {});
    sent(&mut peer);
    peer.events();
    // What is sent ahead of the answer has no ticket yet, least of all the one of before.
    let (third, _) = peer.core.open_channel(peer.now).unwrap();
    assert_eq!(third.id(), first.id());
    crate::peer::publish(&mut peer, third, "").unwrap();
    assert_eq!(tickets(&mut peer), [0]);
}

#[test]
fn deliveries_come_whole_whatever_the_revision() {
    for step in [usize::MAX, 1] {
        let mut peer = open().by(step);
        let key = open_channel(&mut peer);
        let consumer = start_consumer(&mut peer, key, "c");
        peer.feed(&message(1, &deliver("c", 5), b"one coffee"));
        let message = peer.core.next_delivery(consumer).unwrap().unwrap();
        assert_eq!(
            (message.delivery_tag(), message.body()),
            (DeliveryTag(5), &b"one coffee"[..])
        );
        assert!(message.redelivered());
        let ack = methods::basic::Ack {
            delivery_tag: DeliveryTag(5),
            multiple: false,
        };
        peer.core.send(key, &ack).unwrap();
        let ack = basic::Ack {
            delivery_tag: DeliveryTag(5),
            multiple: false,
        };
        assert_eq!(sent(&mut peer), [on(1, ack)]);
    }
}

#[test]
fn a_dropped_consumer_requeues_by_reject() {
    let mut peer = open();
    let key = open_channel(&mut peer);
    let consumer = start_consumer(&mut peer, key, "c");
    peer.feed(&message(1, &deliver("c", 1), b"a"));
    peer.feed(&message(1, &deliver("c", 2), b"b"));
    peer.core.drop_consumer(consumer);
    peer.feed(&message(1, &deliver("c", 3), b"c"));
    let reject = |delivery_tag| {
        let delivery_tag = DeliveryTag(delivery_tag);
        on(
            1,
            basic::Reject {
                delivery_tag,
                requeue: true,
            },
        )
    };
    let cancel = basic::Cancel {
        consumer_tag: ShortStr::from_static("c"),
        nowait: false,
    };
    assert_eq!(sent(&mut peer), [on(1, cancel), reject(1), reject(2), reject(3)]);
    peer.send(
        1,
        &basic::CancelOk {
            consumer_tag: ShortStr::from_static("c"),
        },
    );
    assert!(peer.core.error().is_none());
}

#[test]
fn the_server_may_cancel_a_consumer() {
    for nowait in [true, false] {
        let mut peer = open();
        let key = open_channel(&mut peer);
        let consumer = start_consumer(&mut peer, key, "c");
        let consumer_tag = ShortStr::from_static("c");
        peer.send(
            1,
            &basic::Cancel {
                consumer_tag: consumer_tag.clone(),
                nowait,
            },
        );
        assert!(matches!(
            peer.core.next_delivery(consumer),
            Some(Err(ConsumerEnd::CancelledByServer))
        ));
        let answer = (!nowait).then(|| on(1, basic::CancelOk { consumer_tag }));
        assert_eq!(sent(&mut peer), Vec::from_iter(answer));
    }
}

#[test]
fn a_message_is_fetched_or_there_is_none() {
    for step in [usize::MAX, 1] {
        let mut peer = open().by(step);
        let key = open_channel(&mut peer);
        let get = methods::basic::Get {
            queue: ShortStr::from_static("q"),
            no_ack: false,
        };
        let request = peer.core.get(peer.now, key, &get).unwrap();
        let get_sent = basic::Get {
            ticket: TICKET,
            queue: ShortStr::from_static("q"),
            no_ack: false,
        };
        assert_eq!(sent(&mut peer), [on(1, get_sent)]);
        let get_ok = basic::GetOk {
            delivery_tag: DeliveryTag(1),
            message_count: 4,
            ..Default::default()
        };
        peer.feed(&message(1, &get_ok, b"one coffee"));
        let mut reply = peer.outcome(request).unwrap();
        let Ok(methods::basic::GetReply::GetOk(get_ok)) = reply.decode() else {
            panic!("empty")
        };
        assert_eq!(get_ok.message_count, 4);
        assert_eq!(
            reply.take_content().as_ref().map(Message::body),
            Some(&b"one coffee"[..])
        );

        let request = peer.core.get(peer.now, key, &get).unwrap();
        sent(&mut peer);
        peer.send(
            1,
            &basic::GetEmpty {
                cluster_id: ShortStr::from_static("somewhere"),
            },
        );
        let mut reply = peer.outcome(request).unwrap();
        assert!(reply.take_content().is_none() && reply.is::<methods::basic::GetEmpty>());
    }
}

#[test]
fn a_returned_message_comes_back() {
    let mut peer = open();
    open_channel(&mut peer);
    let returned = basic::Return {
        reply_code: constants::NOT_FOUND,
        reply_text: ShortStr::from_static("NO_ROUTE"),
        exchange: ShortStr::from_static("exchange"),
        routing_key: ShortStr::from_static("key"),
    };
    peer.feed(&message(1, &returned, b"one coffee"));
    let events = peer.events();
    let [amqp_client::sans_io::Event::Returned { returned, .. }] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(returned.body(), b"one coffee");
    assert_eq!(returned.reply_code(), constants::NOT_FOUND);
}

#[test]
fn a_channel_without_confirms_says_so_before_it_numbers_anything() {
    let mut peer = open();
    let key = open_channel(&mut peer);
    let outcome = peer.core.confirm_select(peer.now, key, Default::default());
    assert!(matches!(
        outcome,
        Err(CallError::Unsupported {
            method: "confirm.select",
            ..
        })
    ));
    assert_eq!(sent(&mut peer), []);
    assert_eq!(crate::peer::publish(&mut peer, key, "x").unwrap(), None);
}
