//! Replies of queues, which may be overtaken by those of their channel: whose they are, and what is still a violation.

use std::future::IntoFuture;
use std::task::Poll;
use std::time::Duration;

use amqp_client::protocol::ShortStr;
use amqp_client::protocol::v0_9_1::{basic, connection, constants};
use amqp_client::{CallError, ChannelError, ConnectionError, ConsumerEnd, ConsumerError, State};

use crate::peer::{
    Peer, Sent, channel_close, consume, declare, declare_ok, delivery, method_frame, queue_of, resolved,
};
use crate::wire::{Session, ack, cancel, poll, ready};

fn consume_ok(tag: &'static str) -> basic::ConsumeOk<'static> {
    basic::ConsumeOk {
        consumer_tag: ShortStr::from_static(tag),
    }
}

fn cancel_ok(tag: &'static str) -> basic::CancelOk<'static> {
    basic::CancelOk {
        consumer_tag: ShortStr::from_static(tag),
    }
}

fn server_cancel(tag: &'static str) -> basic::Cancel<'static> {
    basic::Cancel {
        consumer_tag: ShortStr::from_static(tag),
        no_wait: true,
    }
}

#[test]
fn replies_of_queues_are_matched_by_tag_and_others_by_order() {
    let mut peer = Peer::open();
    let key = peer.open_channel();
    let ending = peer.consume(key, "ending");
    let cancel = peer.core.cancel(peer.now, ending).unwrap();
    let a = peer.core.call(peer.now, key, declare("a")).unwrap();
    let (one, start_one) = peer.core.consume(peer.now, key, consume("one"), None).unwrap();
    let (two, start_two) = peer.core.consume(peer.now, key, consume("two"), None).unwrap();
    let b = peer.core.call(peer.now, key, declare("b")).unwrap();
    peer.events();

    peer.send(1, &declare_ok("a"));
    assert_eq!(queue_of(&mut peer, a), "a");
    // Before the calls in front of it, and before the other consumer.
    peer.send(1, &consume_ok("two"));
    assert!(peer.outcome(start_two).is_ok());
    peer.feed(&delivery(1, "two", 1, b"x", 10));
    assert_eq!(peer.core.next_delivery(two).unwrap().unwrap().body(), b"x");
    peer.send(1, &declare_ok("b"));
    assert_eq!(queue_of(&mut peer, b), "b");
    peer.send(1, &consume_ok("one"));
    assert!(peer.outcome(start_one).is_ok());
    // What was delivered before cancel-ok is still the consumer's.
    peer.feed(&delivery(1, "ending", 2, b"y", 10));
    peer.send(1, &cancel_ok("ending"));
    assert!(peer.outcome(cancel).is_ok());
    assert_eq!(peer.core.next_delivery(ending).unwrap().unwrap().body(), b"y");
    assert!(matches!(
        peer.core.next_delivery(ending),
        Some(Err(ConsumerEnd::Cancelled))
    ));
    assert!(peer.core.next_delivery(one).is_none());
    assert_eq!(peer.core.state(), State::Open);
}

#[test]
fn tombstones_of_consumers_swallow_their_own_reply_only() {
    let mut peer = Peer::open();
    let key = peer.open_channel();
    let (consumer, start) = peer
        .core
        .consume(peer.now, key, consume("gone"), Some(0))
        .unwrap();
    peer.core.abandon_request(start);
    peer.core.drop_consumer(consumer);
    let (_, kept) = peer.core.consume(peer.now, key, consume("kept"), None).unwrap();
    let abandoned = peer.core.call(peer.now, key, declare("a")).unwrap();
    peer.core.abandon_request(abandoned);
    let call = peer.core.call(peer.now, key, declare("b")).unwrap();
    peer.sent();
    peer.send(1, &basic::QosOk {});
    peer.send(1, &declare_ok("a"));
    peer.send(1, &declare_ok("b"));
    assert_eq!(queue_of(&mut peer, call), "b");
    peer.send(1, &consume_ok("kept"));
    assert!(peer.outcome(kept).is_ok());
    peer.send(1, &consume_ok("gone"));
    assert_eq!(
        peer.sent(),
        [Sent::Method(
            1,
            basic::Cancel {
                consumer_tag: ShortStr::from_static("gone"),
                no_wait: false,
            }
            .into()
        )]
    );
    let call = peer.core.call(peer.now, key, declare("c")).unwrap();
    peer.send(1, &declare_ok("c"));
    assert_eq!(queue_of(&mut peer, call), "c");
    peer.send(1, &cancel_ok("gone"));
    assert!(resolved(peer.events()).is_empty());
    assert_eq!(peer.core.state(), State::Open);
}

#[test]
fn a_reply_that_is_not_due_is_a_violation() {
    // Owed: the start of `starting`, the cancel of `ending`, queue.declare, basic.qos.
    let replies = [
        ("consume-ok of another tag", method_frame(1, &consume_ok("other"))),
        ("consume-ok for a cancel", method_frame(1, &consume_ok("ending"))),
        ("cancel-ok of another tag", method_frame(1, &cancel_ok("other"))),
        ("cancel-ok for a start", method_frame(1, &cancel_ok("starting"))),
        ("consume-ok without a tag", method_frame(1, &consume_ok(""))),
        ("qos-ok before declare-ok", method_frame(1, &basic::QosOk {})),
        (
            "get-empty that nobody asked for",
            method_frame(1, &basic::GetEmpty::default()),
        ),
        (
            "consume-ok twice",
            [
                method_frame(1, &consume_ok("starting")),
                method_frame(1, &consume_ok("starting")),
            ]
            .concat(),
        ),
        (
            "cancel-ok twice",
            [
                method_frame(1, &cancel_ok("ending")),
                method_frame(1, &cancel_ok("ending")),
            ]
            .concat(),
        ),
    ];
    for (name, octets) in replies {
        let mut peer = Peer::open();
        let key = peer.open_channel();
        let ending = peer.consume(key, "ending");
        peer.core
            .consume(peer.now, key, consume("starting"), None)
            .unwrap();
        peer.core.cancel(peer.now, ending).unwrap();
        peer.core.call(peer.now, key, declare("q")).unwrap();
        peer.core.call(peer.now, key, basic::Qos::default()).unwrap();
        peer.sent();
        peer.feed(&octets);
        let Some(ConnectionError::PeerViolation(violation)) = peer.core.error() else {
            panic!("{name}")
        };
        assert_eq!(violation.kind.reply_code(), constants::COMMAND_INVALID, "{name}");
        assert!(peer.sent()[0].is::<connection::Close<'_>>(), "{name}");
    }
}

#[test]
fn a_consumer_without_a_tag_gets_one_that_nobody_has() {
    let mut peer = Peer::open();
    let key = peer.open_channel();
    let mut tags = Vec::new();
    let mut start = |peer: &mut Peer| {
        peer.core
            .consume(peer.now, key, basic::Consume::default(), Some(0))
            .unwrap();
        let sent = peer.sent();
        let Some(Sent::Method(_, method)) = sent.iter().find(|sent| sent.is::<basic::Consume<'_>>()) else {
            panic!("{sent:?}")
        };
        let amqp_client::protocol::v0_9_1::Method::Basic(basic::Method::Consume(consume)) = method else {
            panic!("{method:?}")
        };
        assert!(!consume.consumer_tag.is_empty() && !tags.contains(&consume.consumer_tag));
        tags.push(consume.consumer_tag.clone());
    };
    start(&mut peer);
    start(&mut peer);
    // The user takes all that may come next.
    for number in 0..40 {
        let consume = basic::Consume {
            consumer_tag: format!("ctag-{number}").try_into().unwrap(),
            ..Default::default()
        };
        let _ = peer.core.consume(peer.now, key, consume, None);
    }
    peer.sent();
    start(&mut peer);
}

#[test]
fn a_tag_is_taken_from_consume_to_cancel_ok_whoever_drops_what() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let mut starting = channel.basic_consume("q").consumer_tag("t").into_future();
    assert!(poll(&mut starting).is_pending());
    drop(starting);
    session.sent();
    let refused = |session: &mut Session| {
        let again = ready(channel.basic_consume("q").consumer_tag("t").into_future());
        let Err(refusal @ CallError::DuplicateConsumerTag) = again else {
            panic!("{again:?}")
        };
        assert!(refusal.to_string().ends_with("await `cancel`"));
        assert_eq!(session.sent(), []);
    };
    refused(&mut session);
    session.send(1, &basic::QosOk {});
    session.send(1, &consume_ok("t"));
    assert_eq!(session.sent(), [cancel("t")]);
    refused(&mut session);
    session.send(1, &cancel_ok("t"));

    // What the refusal says helps.
    let cancelled = session.consume(&channel, "t");
    let mut cancelling = Box::pin(cancelled.cancel());
    assert!(poll(&mut cancelling).is_pending());
    session.sent();
    refused(&mut session);
    session.send(1, &cancel_ok("t"));
    assert!(matches!(poll(&mut cancelling), Poll::Ready(Ok(_))));

    // The server's cancel frees it too, while the old handle lives; letting that go does not touch the new one.
    let old = session.consume(&channel, "t");
    session.send(1, &server_cancel("t"));
    let mut new = session.consume(&channel, "t");
    session.sent();
    drop(old);
    assert_eq!(session.sent(), []);
    session.feed(&delivery(1, "t", 1, b"x", 10));
    assert!(poll(&mut Box::pin(new.next())).is_ready());

    // A cancel that crosses the server's is still owed its reply.
    let mut cancelling = Box::pin(new.cancel());
    assert!(poll(&mut cancelling).is_pending());
    session.send(1, &server_cancel("t"));
    session.sent();
    refused(&mut session);
    session.send(1, &cancel_ok("t"));
    let Poll::Ready(Ok(rest)) = poll(&mut cancelling) else {
        panic!("not cancelled")
    };
    assert!(matches!(
        rest.as_slice(),
        [Err(ConsumerError::Ended(ConsumerEnd::CancelledByServer))]
    ));
    let _ = session.consume(&channel, "t");
}

#[test]
fn a_dropped_cancel_is_not_sent_twice() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let consumer = session.consume(&channel, "c");
    let mut cancelling = Box::pin(consumer.cancel());
    assert!(poll(&mut cancelling).is_pending());
    drop(cancelling);
    assert_eq!(session.sent(), [cancel("c")]);
    session.send(1, &cancel_ok("c"));
    assert_eq!(session.connection.state(), State::Open);
}

#[test]
fn cancelling_a_consumer_that_has_ended_gives_the_rest_and_why() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let consumer = session.consume(&channel, "c");
    session.feed(&delivery(1, "c", 1, b"x", 10));
    session.send(1, &server_cancel("c"));
    let mut rest = ready(consumer.cancel()).unwrap();
    assert_eq!(session.sent(), []);
    let Some(Err(ConsumerError::Ended(ConsumerEnd::CancelledByServer))) = rest.pop() else {
        panic!("no end")
    };
    ready(rest.remove(0).unwrap().ack()).unwrap();
    assert!(rest.is_empty());
    assert_eq!(session.sent(), [ack(1)]);

    // Nothing brings back what needs no acknowledgement: it is kept when the channel ends, before or meanwhile.
    for meanwhile in [false, true] {
        let channel = session.open_channel();
        let id = channel.id().0;
        let mut starting = channel
            .basic_consume("q")
            .consumer_tag("c")
            .no_ack()
            .into_future();
        assert!(poll(&mut starting).is_pending());
        session.send(id, &consume_ok("c"));
        let Poll::Ready(Ok(consumer)) = poll(&mut starting) else {
            panic!("not started")
        };
        session.feed(&delivery(id, "c", 1, b"x", 10));
        session.feed(&delivery(id, "c", 2, b"y", 10));
        session.sent();
        let mut cancelling = Box::pin(consumer.cancel());
        if meanwhile {
            assert!(poll(&mut cancelling).is_pending());
            assert_eq!(session.sent().len(), 1);
        }
        session.send(id, &channel_close(constants::NOT_FOUND, "x"));
        session.sent();
        let Poll::Ready(Ok(rest)) = poll(&mut cancelling) else {
            panic!("not cancelled")
        };
        let [Ok(x), Ok(y), Err(ConsumerError::Ended(end))] = rest.as_slice() else {
            panic!("{rest:?}")
        };
        assert_eq!((x.body(), y.body()), (&b"x"[..], &b"y"[..]));
        assert!(matches!(
            end,
            ConsumerEnd::Channel(ChannelError::ClosedByServer(_))
        ));
    }

    let consumer = session.consume(&channel, "late");
    let mut cancelling = Box::pin(consumer.cancel());
    assert!(poll(&mut cancelling).is_pending());
    session.advance(Duration::from_secs(31));
    assert!(matches!(
        poll(&mut cancelling),
        Poll::Ready(Err(CallError::TimedOut {
            method: "basic.cancel"
        }))
    ));
}
