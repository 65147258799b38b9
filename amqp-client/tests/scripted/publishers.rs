//! Publishers and receipts: what awaiting and dropping them does, wherever they have got to.

use std::future::IntoFuture;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use amqp_client::protocol::v0_9_1::{Method, basic, confirm, constants};
use amqp_client::protocol::{DeliveryTag, ShortStr};
use amqp_client::request::ConfirmSelect;
use amqp_client::{Channel, PublishError, Publisher, Receipt, Receipts, Request, UnknownReason};

use crate::confirms::word;
use crate::peer::{Sent, channel_close, header_frame, method_frame};
use crate::wire::{Flag, Session, poll, ready};

pub(crate) fn publisher_with(
    session: &mut Session,
    channel: &Channel,
    set: impl FnOnce(Request<'_, Channel, ConfirmSelect>) -> Request<'_, Channel, ConfirmSelect>,
) -> Publisher {
    let mut selecting = set(channel.confirm_select()).into_future();
    assert!(poll(&mut selecting).is_pending());
    assert!(session.sent().iter().any(Sent::is::<confirm::Select>));
    session.send(channel.id().0, &confirm::SelectOk {});
    let Poll::Ready(Ok(publisher)) = poll(&mut selecting) else {
        panic!("not selected")
    };
    publisher
}

fn publisher(session: &mut Session) -> Publisher {
    let channel = session.open_channel();
    publisher_with(session, &channel, |select| select)
}

fn publish(publisher: &Publisher) -> Receipt {
    ready(publisher.publish("", "q", "x").into_future()).unwrap()
}

fn confirm(session: &mut Session, delivery_tag: u64, multiple: bool) {
    let delivery_tag = DeliveryTag(delivery_tag);
    session.send(
        1,
        &basic::Ack {
            delivery_tag,
            multiple,
        },
    );
}

fn refuse(session: &mut Session, delivery_tag: u64) {
    let nack = basic::Nack {
        delivery_tag: DeliveryTag(delivery_tag),
        ..Default::default()
    };
    session.send(1, &nack);
}

fn outcome(receipt: &mut Receipt) -> &'static str {
    match poll(receipt) {
        Poll::Ready(outcome) => word(Some(outcome)),
        Poll::Pending => "outstanding",
    }
}

/// Polls with a waker of its own.
fn poll_with<F: Future + Unpin>(future: &mut F, woken: &Arc<Flag>) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(&Waker::from(Arc::clone(woken))))
}

#[test]
fn a_receipt_is_ready_when_its_own_publish_is_settled() {
    let mut session = Session::open();
    let publisher = publisher(&mut session);
    let mut receipts = [(); 3].map(|()| publish(&publisher));
    assert_eq!(
        receipts.each_ref().map(|receipt| receipt.delivery_tag().0),
        [1, 2, 3]
    );
    let woken = [(); 3].map(|()| Flag::new());
    for (receipt, woken) in receipts.iter_mut().zip(&woken) {
        assert!(poll_with(receipt, woken).is_pending());
    }
    confirm(&mut session, 2, false);
    assert_eq!(woken.each_ref().map(|woken| woken.take()), [false, true, false]);
    refuse(&mut session, 3);
    assert_eq!(woken.each_ref().map(|woken| woken.take()), [false, false, true]);
    let outcomes = receipts.each_mut().map(outcome);
    assert_eq!(outcomes, ["outstanding", "confirmed", "nacked"]);
    // A task that moved is woken where it is.
    let moved = Flag::new();
    assert!(poll_with(&mut receipts[0], &moved).is_pending());
    assert_eq!(Arc::strong_count(&woken[0]), 1);
    assert_eq!(publisher.unconfirmed(), 1);
    session.end_stream();
    session.drive();
    assert!(moved.take());
    assert_eq!(outcome(&mut receipts[0]), "lost");
    assert_eq!(publisher.unconfirmed(), 0);
    assert!(matches!(
        ready(publisher.publish("", "q", "x").into_future()),
        Err(PublishError::Channel(_))
    ));
}

#[test]
fn messages_are_persistent_unless_said_otherwise_and_mandatory_when_said() {
    let mut session = Session::open();
    let publisher = publisher(&mut session);
    drop(publish(&publisher));
    drop(
        ready(
            publisher
                .publish("", "q", "")
                .transient()
                .mandatory()
                .into_future(),
        )
        .unwrap(),
    );
    let given = basic::Properties::default();
    drop(
        ready(
            publisher
                .publish("e", "k", "")
                .properties(given)
                .priority(3)
                .into_future(),
        )
        .unwrap(),
    );
    ready(
        publisher
            .channel()
            .basic_publish("", "q", "")
            .mandatory()
            .into_future(),
    )
    .unwrap();
    let sent = session.sent();
    let headers = sent.iter().filter_map(|sent| match sent {
        Sent::Header(_, _, properties) => Some((properties.delivery_mode, properties.priority)),
        _ => None,
    });
    assert_eq!(
        headers.collect::<Vec<_>>(),
        [(Some(2), None), (Some(1), None), (None, Some(3)), (None, None)]
    );
    let mandatory = sent.iter().filter_map(|sent| match sent {
        Sent::Method(_, Method::Basic(basic::Method::Publish(publish))) => Some(publish.mandatory),
        _ => None,
    });
    assert_eq!(mandatory.collect::<Vec<_>>(), [false, true, false, true]);
    // The plain publish has a number of its own.
    assert_eq!(publish(&publisher).delivery_tag(), DeliveryTag(5));
    let refused = ready(publisher.publish("", "x".repeat(256).as_str(), "").into_future());
    assert!(matches!(
        refused,
        Err(PublishError::InvalidArgument {
            argument: "routing_key",
            ..
        })
    ));
    assert_eq!(publish(&publisher).delivery_tag(), DeliveryTag(6));
}

#[test]
fn a_dropped_receipt_leaves_nothing_behind_but_its_failure_is_told() {
    let mut session = Session::open();
    let publisher = publisher(&mut session);
    let mut receipts: Vec<Receipt> = (0..6).map(|_| publish(&publisher)).collect();
    // Never polled, polled, and settled before it is dropped.
    drop(receipts.remove(0));
    let woken = Flag::new();
    assert!(poll_with(&mut receipts[0], &woken).is_pending());
    drop(receipts.remove(0));
    assert_eq!(Arc::strong_count(&woken), 1);
    refuse(&mut session, 3);
    let mut waiting = Box::pin(publisher.wait_for_all());
    assert!(poll(&mut waiting).is_pending());
    drop(receipts.remove(0));
    confirm(&mut session, 5, true);
    assert!(poll(&mut waiting).is_pending());
    let mut dropped = Box::pin(publisher.wait_for_all());
    assert!(poll_with(&mut dropped, &woken).is_pending());
    drop(dropped);
    assert_eq!(Arc::strong_count(&woken), 1);
    refuse(&mut session, 6);
    assert!(matches!(
        poll(&mut waiting),
        Poll::Ready(Err(PublishError::Nacked))
    ));
    assert!(ready(publisher.wait_for_all()).is_ok());
    let outcomes: Vec<_> = receipts.iter_mut().map(outcome).collect();
    assert_eq!(outcomes, ["confirmed", "confirmed", "nacked"]);
}

#[test]
fn a_publish_dropped_before_it_is_admitted_leaves_no_trace() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let publisher = publisher_with(&mut session, &channel, |select| select.max_unconfirmed(1));
    let mut first = publish(&publisher);
    session.sent();
    // Never polled, and dropped while it waits.
    drop(publisher.publish("", "q", "unpolled").into_future());
    let mut dropped = publisher.publish("", "q", "dropped").into_future();
    let mut kept = publisher.publish("", "q", "kept").into_future();
    let woken = Flag::new();
    assert!(poll(&mut dropped).is_pending() && poll_with(&mut kept, &woken).is_pending());
    drop(dropped);
    confirm(&mut session, 1, false);
    assert_eq!(outcome(&mut first), "confirmed");
    assert!(woken.take());
    let Poll::Ready(Ok(mut second)) = poll(&mut kept) else {
        panic!("still waiting")
    };
    assert_eq!(second.delivery_tag(), DeliveryTag(2));
    assert_eq!(session.sent()[2], Sent::Body(1, b"kept".to_vec()));
    confirm(&mut session, 2, false);
    assert_eq!(outcome(&mut second), "confirmed");
    // A turn that came to nothing is passed on.
    let mut third = publish(&publisher);
    let mut dropped = publisher.publish("", "q", "dropped").into_future();
    let mut kept = publisher.publish("", "q", "kept").into_future();
    assert!(poll(&mut dropped).is_pending() && poll(&mut kept).is_pending());
    confirm(&mut session, 3, false);
    drop(dropped);
    let Poll::Ready(Ok(fourth)) = poll(&mut kept) else {
        panic!("still waiting")
    };
    assert_eq!(fourth.delivery_tag(), DeliveryTag(4));
    assert_eq!(outcome(&mut third), "confirmed");
}

#[test]
fn publishers_that_wait_for_room_take_turns() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let publisher = publisher_with(&mut session, &channel, |select| select.max_unconfirmed(2));
    let publishers: Vec<Publisher> = (0..8).map(|_| publisher.clone()).collect();
    let mut waiting: Vec<_> = publishers
        .iter()
        .map(|publisher| publisher.publish("", "q", "x").into_future())
        .collect();
    let mut receipts: Vec<Option<Receipt>> = (0..8).map(|_| None).collect();
    let mut numbers = [const { Vec::new() }; 8];
    for confirmed in 0..40_u64 {
        // Whoever is polled, those who came first go first.
        for index in (0..8).rev().chain(0..8) {
            if let Poll::Ready(receipt) = poll(&mut waiting[index]) {
                let receipt = receipt.unwrap();
                numbers[index].push(receipt.delivery_tag().0);
                receipts[index] = Some(receipt);
                waiting[index] = publishers[index].publish("", "q", "x").into_future();
            }
        }
        session.sent();
        confirm(&mut session, confirmed + 1, false);
    }
    let least = numbers.iter().map(Vec::len).min().unwrap();
    let most = numbers.iter().map(Vec::len).max().unwrap();
    assert!(least >= 4 && most - least <= 1, "{numbers:?}");
}

#[test]
fn receipts_tell_which_publishes_failed() {
    let mut session = Session::open();
    let publisher = publisher(&mut session);
    let mut receipts: Receipts = (0..3).map(|_| publish(&publisher)).collect();
    receipts.push(publish(&publisher));
    receipts.extend([publish(&publisher)]);
    let woken = Flag::new();
    assert!(poll_with(&mut receipts, &woken).is_pending());
    refuse(&mut session, 2);
    refuse(&mut session, 4);
    assert!(!woken.take());
    confirm(&mut session, 1, false);
    assert!(woken.take());
    assert!(poll_with(&mut receipts, &woken).is_pending());
    confirm(&mut session, 5, true);
    let Poll::Ready(Err(error)) = poll(&mut receipts) else {
        panic!("no failure")
    };
    let indices: Vec<usize> = error.failures().iter().map(|(index, _)| *index).collect();
    assert_eq!((indices.as_slice(), error.publishes()), (&[1, 3][..], 5));
    assert_eq!(
        error.to_string(),
        "2 of 5 publishes failed, number 1 as the first: the server refused the message"
    );
    assert!(ready(Receipts::new()).is_ok());
}

#[test]
fn receipts_keep_their_channel_open_and_end_with_it() {
    let mut session = Session::open();
    let publisher = publisher(&mut session);
    let mut receipts = [publish(&publisher), publish(&publisher)];
    drop(publisher);
    assert!(
        !session
            .sent()
            .iter()
            .any(Sent::is::<amqp_client::protocol::v0_9_1::channel::Close<'_>>)
    );
    confirm(&mut session, 1, false);
    assert_eq!(outcome(&mut receipts[0]), "confirmed");
    assert_eq!(session.sent(), []);
    session.send(1, &channel_close(constants::NOT_FOUND, "no exchange 'e'"));
    let Poll::Ready(Err(PublishError::Unknown(UnknownReason::Channel(reason)))) = poll(&mut receipts[1])
    else {
        panic!("not lost")
    };
    assert!(reason.to_string().contains("no exchange 'e'"), "{reason}");
}

#[test]
fn the_end_of_the_driver_settles_and_wakes_everybody() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let publisher = publisher_with(&mut session, &channel, |select| {
        select.max_unconfirmed_octets(1).confirm_timeout(Duration::MAX)
    });
    let mut receipt = publish(&publisher);
    session.sent();
    let mut returns = channel.returns();
    let mut next = Box::pin(returns.next());
    let mut waiting = publisher.publish("", "q", "x").into_future();
    let mut all = Box::pin(publisher.wait_for_all());
    let woken = [(); 4].map(|()| Flag::new());
    assert!(poll_with(&mut receipt, &woken[0]).is_pending());
    assert!(poll_with(&mut waiting, &woken[1]).is_pending());
    assert!(poll_with(&mut all, &woken[2]).is_pending());
    assert!(poll_with(&mut next, &woken[3]).is_pending());
    session.drop_driver();
    assert_eq!(woken.each_ref().map(|woken| woken.take()), [true; 4]);
    assert_eq!(outcome(&mut receipt), "lost");
    assert!(matches!(
        poll(&mut waiting),
        Poll::Ready(Err(PublishError::Channel(_)))
    ));
    assert!(matches!(poll(&mut all), Poll::Ready(Ok(()))));
    assert!(matches!(poll(&mut next), Poll::Ready(None)));
    drop(next);
    assert!(ready(channel.returns().next()).is_none());
}

#[test]
fn a_returned_message_comes_to_its_receipt_or_to_whoever_listens() {
    let mut session = Session::open();
    let publisher = publisher(&mut session);
    let channel = publisher.channel().clone();
    let mut returns = channel.returns();
    let publish =
        |body: &'static str| ready(publisher.publish("e", "k", body).mandatory().into_future()).unwrap();
    let mut receipt = publish("");
    drop(publish(""));
    ready(channel.basic_publish("e", "k", "").mandatory().into_future()).unwrap();
    let back = [
        method_frame(
            1,
            &basic::Return {
                reply_code: constants::NO_ROUTE,
                reply_text: ShortStr::from_static("NO_ROUTE"),
                exchange: ShortStr::from_static("e"),
                routing_key: ShortStr::from_static("k"),
            },
        ),
        header_frame(1, 0),
    ]
    .concat();
    for _ in 0..3 {
        session.feed(&back);
    }
    assert!(poll(&mut receipt).is_pending());
    confirm(&mut session, 3, true);
    let Poll::Ready(Err(PublishError::Returned(returned))) = poll(&mut receipt) else {
        panic!("not returned")
    };
    assert_eq!(returned.reply_code(), constants::NO_ROUTE);
    assert_eq!(
        (returned.exchange(), returned.routing_key()),
        ("e".try_into().unwrap(), "k".try_into().unwrap())
    );
    assert_eq!(
        PublishError::Returned(returned).to_string(),
        "the server returned the message: 312 NO_ROUTE (exchange 'e', routing key 'k')"
    );
    for _ in 0..2 {
        assert_eq!(ready(returns.next()).unwrap().routing_key(), "k");
    }
    assert!(poll(&mut Box::pin(returns.next())).is_pending());
    // A reader that is behind loses the oldest, and is told how many.
    for _ in 0..1010 {
        session.feed(&back);
    }
    assert_eq!((returns.missed(), returns.missed()), (10, 0));
}

#[test]
fn behind_a_transport_that_takes_nothing_each_publish_has_its_own_time() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let publisher = publisher_with(&mut session, &channel, |select| {
        select.confirm_timeout(Duration::from_secs(60))
    });
    session.set_room(0);
    let _receipts = [(); 3].map(|()| {
        let receipt = publish(&publisher);
        session.advance(Duration::from_secs(7));
        receipt
    });
    session.set_room(usize::MAX);
    assert_eq!(session.sent().len(), 9);
    session.advance(Duration::from_secs(38));
    for unconfirmed in [3, 2, 1, 0] {
        assert_eq!(publisher.unconfirmed(), unconfirmed);
        session.advance(Duration::from_secs(7));
    }
}
