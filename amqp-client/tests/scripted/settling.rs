//! Settling several deliveries at once: what the others know of it, wherever they are; and transactions.

use std::future::IntoFuture;
use std::time::Duration;

use amqp_client::protocol::DeliveryTag;
use amqp_client::protocol::v0_9_1::{basic, channel, constants, queue, tx};
use amqp_client::{CallError, Refusal, State};

use crate::peer::{Sent, channel_close, deliver, delivery, header_frame, method_frame};
use crate::wire::{Session, ack, cancel, next, poll, ready, reject};

fn ack_multiple(delivery_tag: u64) -> Sent {
    let ack = basic::Ack {
        delivery_tag: DeliveryTag(delivery_tag),
        multiple: true,
    };
    Sent::Method(1, ack.into())
}

fn nack_multiple(delivery_tag: u64, requeue: bool) -> Sent {
    let nack = basic::Nack {
        delivery_tag: DeliveryTag(delivery_tag),
        multiple: true,
        requeue,
    };
    Sent::Method(1, nack.into())
}

#[test]
fn an_ack_of_several_settles_what_is_held_and_what_is_not_handed_out() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let (mut a, mut b) = (session.consume(&channel, "a"), session.consume(&channel, "b"));
    for (consumer, tag) in [("a", 1), ("a", 2), ("b", 3), ("a", 4), ("b", 5)] {
        session.feed(&delivery(1, consumer, tag, b"x", 10));
    }
    let (dropped, acked) = (next(&mut a).unwrap(), next(&mut a).unwrap());
    let third = next(&mut b).unwrap();
    let fifth = next(&mut b).unwrap();
    ready(fifth.ack_multiple()).unwrap();
    assert_eq!(session.sent(), [ack_multiple(5)]);
    // Neither drop nor settlement is sent a second time.
    drop(dropped);
    assert!(matches!(ready(acked.ack()), Err(CallError::AlreadySettled)));
    assert!(matches!(
        ready(third.ack_multiple()),
        Err(CallError::AlreadySettled)
    ));
    // One that waited with its consumer is settled from the start.
    let fourth = next(&mut a).unwrap();
    assert_eq!(fourth.delivery_tag().0, 4);
    ready(fourth.ack()).unwrap();
    assert_eq!(session.sent(), []);
    // What comes later is not touched.
    session.feed(&[delivery(1, "a", 6, b"x", 10), delivery(1, "a", 7, b"x", 10)].concat());
    ready(next(&mut a).unwrap().ack()).unwrap();
    drop(next(&mut a).unwrap());
    assert_eq!(session.sent(), [ack(6), reject(7)]);
}

#[test]
fn what_several_were_rejected_or_requeued_with_is_not_handed_out() {
    for requeue in [false, true] {
        let mut session = Session::open();
        let channel = session.open_channel();
        let (mut a, mut b) = (session.consume(&channel, "a"), session.consume(&channel, "b"));
        for (consumer, tag) in [("a", 1), ("b", 2), ("a", 3)] {
            session.feed(&delivery(1, consumer, tag, b"x", 10));
        }
        let second = next(&mut b).unwrap();
        if requeue {
            ready(second.requeue_multiple()).unwrap();
        } else {
            ready(second.reject_multiple()).unwrap();
        }
        assert_eq!(next(&mut a).unwrap().detach().delivery_tag().0, 3);
        assert_eq!(session.sent(), [nack_multiple(2, requeue)]);
        // Nor is it requeued with its consumer.
        drop((a, b));
        assert!(!session.sent().iter().any(Sent::is::<basic::Reject>));
    }
}

#[test]
fn settling_by_tag_counts_too() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let mut consumer = session.consume(&channel, "c");
    for tag in 1..=4 {
        session.feed(&delivery(1, "c", tag, b"x", 10));
    }
    let held: Vec<_> = (0..3).map(|_| next(&mut consumer).unwrap()).collect();
    ready(channel.basic_ack(DeliveryTag(2)).multiple().into_future()).unwrap();
    drop(held);
    assert_eq!(session.sent(), [ack_multiple(2), reject(3)]);
    // Everything that has come.
    ready(
        channel
            .basic_nack(DeliveryTag(0))
            .multiple()
            .requeue()
            .into_future(),
    )
    .unwrap();
    assert!(poll(&mut Box::pin(consumer.next())).is_pending());
    assert_eq!(session.sent(), [nack_multiple(0, true)]);
    // By a single tag the server settles what the caller says.
    ready(channel.basic_ack(DeliveryTag(2)).into_future()).unwrap();
    ready(channel.basic_reject(DeliveryTag(2)).requeue().into_future()).unwrap();
    assert_eq!(session.sent(), [ack(2), reject(2)]);
}

#[test]
fn while_recover_is_under_way_nothing_is_settled() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let mut consumer = session.consume(&channel, "c");
    for tag in 1..=3 {
        session.feed(&delivery(1, "c", tag, b"x", 10));
    }
    let [first, second, third] = [0; 3].map(|_| next(&mut consumer).unwrap());
    let mut fetching = channel.basic_get("q").into_future();
    assert!(poll(&mut fetching).is_pending());
    drop(fetching);
    let mut recovering = channel.basic_recover().into_future();
    assert!(poll(&mut recovering).is_pending());
    session.sent();

    // Whoever settles is told, and what is dropped, or brought to nobody, is not rejected: the server has requeued it.
    assert!(matches!(ready(first.ack()), Err(CallError::AlreadySettled)));
    drop(second);
    let by_tag = ready(channel.basic_ack(DeliveryTag(3)).into_future());
    assert!(matches!(by_tag, Err(CallError::AlreadySettled)), "{by_tag:?}");
    let get_ok = basic::GetOk {
        delivery_tag: DeliveryTag(4),
        ..Default::default()
    };
    session.feed(&[method_frame(1, &get_ok), header_frame(1, 0)].concat());
    assert_eq!(session.sent(), []);
    session.send(1, &basic::RecoverOk {});
    assert!(poll(&mut recovering).is_ready());
    assert!(matches!(ready(third.ack()), Err(CallError::AlreadySettled)));
    assert_eq!(session.sent(), []);
}

#[test]
fn recover_settles_what_came_before_its_reply() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let mut consumer = session.consume(&channel, "c");
    session.feed(&[delivery(1, "c", 1, b"x", 10), delivery(1, "c", 2, b"x", 10)].concat());
    let held = next(&mut consumer).unwrap();
    let mut recovering = channel.basic_recover().into_future();
    assert!(poll(&mut recovering).is_pending());
    session.sent();
    session.feed(
        &[
            delivery(1, "c", 3, b"x", 10),
            method_frame(1, &basic::RecoverOk {}),
            delivery(1, "c", 4, b"again", 10),
        ]
        .concat(),
    );
    assert!(poll(&mut recovering).is_ready());
    drop(held);
    let again = next(&mut consumer).unwrap();
    assert_eq!(again.body(), b"again");
    ready(again.ack()).unwrap();
    assert_eq!(session.sent(), [ack(4)]);
    // The form without a reply counts what has come.
    session.feed(&delivery(1, "c", 5, b"x", 10));
    let held = next(&mut consumer).unwrap();
    ready(channel.basic_recover_async().into_future()).unwrap();
    drop(held);
    assert_eq!(session.sent().len(), 1);
}

#[test]
fn a_rollback_unsettles_what_several_were_settled_with() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let mut consumer = session.consume(&channel, "c");
    for tag in 1..=4 {
        session.feed(&delivery(1, "c", tag, b"x", 10));
    }
    let mut held: Vec<_> = (0..4).map(|_| next(&mut consumer).unwrap()).collect();
    ready(held.remove(1).ack_multiple()).unwrap();
    let mut commit = channel.tx_commit().into_future();
    assert!(poll(&mut commit).is_pending());
    session.send(1, &tx::CommitOk {});
    ready(held.remove(2).ack_multiple()).unwrap();
    let mut rollback = channel.tx_rollback().into_future();
    assert!(poll(&mut rollback).is_pending());
    session.send(1, &tx::RollbackOk {});
    session.sent();
    // The first was settled by the commit, the third is unsettled again.
    drop(held);
    assert_eq!(session.sent(), [reject(3)]);
}

#[test]
fn a_message_from_a_stream_is_only_ever_acked() {
    use amqp_client::protocol::ChannelId;
    use amqp_client::protocol::FieldTable;
    use amqp_client::protocol::content::ContentHeader;
    use amqp_client::protocol::frame::{self, FrameType};

    let mut session = Session::open();
    let channel = session.open_channel();
    let mut consumer = session.consume(&channel, "c");
    let properties = basic::Properties {
        headers: Some(FieldTable::new().with("x-stream-offset", 5_i64).unwrap()),
        ..Default::default()
    };
    let header = ContentHeader {
        body_size: 0,
        properties,
    };
    for tag in 1..=6 {
        let mut octets = method_frame(1, &deliver("c", tag));
        frame::write(&mut octets, FrameType::Header, ChannelId(1), &header, 0).unwrap();
        session.feed(&octets);
    }
    let mut next = || next(&mut consumer).unwrap();
    ready(next().ack()).unwrap();
    for outcome in [
        ready(next().reject()),
        ready(next().requeue()),
        ready(next().reject_multiple()),
        ready(next().requeue_multiple()),
    ] {
        assert!(matches!(
            outcome,
            Err(CallError::Refused(Refusal::StreamDelivery))
        ));
    }
    drop(consumer);
    let mut sent = session.sent();
    sent.retain(|sent| !sent.is::<basic::Cancel<'_>>());
    assert_eq!(sent, (1..=6).map(ack).collect::<Vec<_>>());
}

#[test]
fn nothing_leaves_between_a_commit_and_its_answer() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let consumer = session.consume(&channel, "c");
    session.feed(&delivery(1, "c", 1, b"x", 10));
    let sibling = session.open_channel();
    let mut commit = channel.tx_commit().into_future();
    assert!(poll(&mut commit).is_pending());
    assert_eq!(session.sent(), [Sent::Method(1, tx::Commit {}.into())]);
    // Not even if nobody waits for it any more.
    drop(commit);
    drop(consumer);
    let mut publish = channel.basic_publish("", "q", "x").into_future();
    assert!(poll(&mut publish).is_pending());
    let mut second = channel.tx_commit().into_future();
    assert!(poll(&mut second).is_pending());
    let mut purge = channel.queue_purge("q").into_future();
    assert!(poll(&mut purge).is_pending());
    assert_eq!(session.sent(), []);
    // The other channels go on.
    ready(sibling.basic_ack(DeliveryTag(9)).into_future()).unwrap();
    assert_eq!(session.sent().len(), 1);
    session.send(1, &tx::CommitOk {});
    let expected = [cancel("c"), reject(1), Sent::Method(1, tx::Commit {}.into())];
    assert_eq!(session.sent(), expected);
    assert!(poll(&mut publish).is_pending());
    session.send(1, &tx::CommitOk {});
    assert!(poll(&mut second).is_ready() && poll(&mut publish).is_ready());
    let sent = session.sent();
    assert!(
        sent[0].is::<queue::Purge<'_>>() && sent[1].is::<basic::Publish<'_>>(),
        "{sent:?}"
    );
}

#[test]
fn a_channel_that_ends_during_a_commit_is_closed_as_ever() {
    // Closed by the server, with our close waiting.
    let mut session = Session::open();
    let channel = session.open_channel();
    let mut commit = channel.tx_commit().into_future();
    assert!(poll(&mut commit).is_pending());
    let mut closing = Box::pin(channel.close());
    assert!(poll(&mut closing).is_pending());
    assert_eq!(session.sent().len(), 1);
    session.send(1, &channel_close(constants::PRECONDITION_FAILED, "no"));
    let sent = session.sent();
    assert!(
        sent[0].is::<channel::Close<'_>>() && sent[1].is::<channel::CloseOk>() && sent.len() == 2,
        "{sent:?}"
    );
    session.send(1, &channel::CloseOk {});
    assert!(poll(&mut commit).is_ready() && poll(&mut closing).is_ready());
    assert_eq!(session.open_channel().id().0, 1);

    // Poisoned, because the server does not answer.
    let mut session = Session::open();
    let channel = session.open_channel();
    let mut calls = [
        channel.tx_commit().into_future(),
        channel.tx_commit().into_future(),
    ];
    for call in &mut calls {
        assert!(poll(call).is_pending());
    }
    session.advance(Duration::from_secs(31));
    let sent = session.sent();
    assert!(
        sent[0].is::<tx::Commit>() && sent[1].is::<channel::Close<'_>>() && sent.len() == 2,
        "{sent:?}"
    );
    session.send(1, &channel::CloseOk {});
    assert!(calls.iter_mut().all(|call| poll(call).is_ready()));
    assert_eq!(session.connection.state(), State::Open);
}
