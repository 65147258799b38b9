//! Shutting a connection down: what is waited for, until when, and what is said of what was left.

use std::future::IntoFuture;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use amqp_client::protocol::v0_9_1::{basic, channel, confirm, connection, constants, queue};
use amqp_client::protocol::{DeliveryTag, ShortStr};
use amqp_client::{
    CallError, Config, ConnectionError, ConsumerEnd, ConsumerError, PublishError, ShutdownError, State,
};

use crate::peer::{body_frames, delivery, header_frame, method_frame};
use crate::wire::{Session, ack, cancel, next, poll, ready, reject};

const LIMIT: Duration = Duration::from_secs(30);

fn cancel_ok(tag: &'static str) -> basic::CancelOk<'static> {
    let consumer_tag = ShortStr::from_static(tag);
    basic::CancelOk { consumer_tag }
}

fn closes(session: &mut Session) -> bool {
    session
        .sent()
        .iter()
        .any(crate::peer::Sent::is::<connection::Close<'_>>)
}

#[test]
fn a_shutdown_waits_for_all_that_came_to_be_settled() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let mut consumer = session.consume(&channel, "c");
    session.feed(&[delivery(1, "c", 1, b"x", 10), delivery(1, "c", 2, b"y", 10)].concat());
    let first = next(&mut consumer).unwrap();
    let connection = session.connection.clone();
    let mut shutdown = Box::pin(connection.shutdown(LIMIT));
    assert!(poll(&mut shutdown).is_pending());
    assert_eq!(session.sent(), [cancel("c")]);
    // What comes before the consumer is cancelled is its own.
    session.feed(&delivery(1, "c", 3, b"z", 10));
    session.send(1, &cancel_ok("c"));
    ready(first.ack()).unwrap();
    // Handlers go on, with publishing too.
    ready(channel.basic_publish("", "q", "result").into_future()).unwrap();
    ready(next(&mut consumer).unwrap().ack()).unwrap();
    let third = next(&mut consumer).unwrap();
    assert!(matches!(
        next(&mut consumer),
        Err(ConsumerError::Ended(ConsumerEnd::Shutdown))
    ));
    assert!(!closes(&mut session));
    drop(third);
    let sent = session.sent();
    assert_eq!(sent[0], reject(3));
    assert!(sent[1].is::<connection::Close<'_>>());
    session.send(0, &connection::CloseOk {});
    assert!(matches!(poll(&mut shutdown), Poll::Ready(Ok(()))));
}

#[test]
fn what_an_ack_of_several_settled_is_not_waited_for() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let (mut a, mut b) = (session.consume(&channel, "a"), session.consume(&channel, "b"));
    session.feed(&[delivery(1, "a", 1, b"x", 10), delivery(1, "b", 2, b"y", 10)].concat());
    ready(next(&mut b).unwrap().ack_multiple()).unwrap();
    // Handed out as settled, and held.
    let held = next(&mut a).unwrap();
    let connection = session.connection.clone();
    let mut shutdown = pin!(connection.shutdown(LIMIT));
    assert!(poll(&mut shutdown).is_pending());
    session.sent();
    session.send(1, &cancel_ok("a"));
    session.send(1, &cancel_ok("b"));
    for consumer in [&mut a, &mut b] {
        assert!(matches!(
            next(consumer),
            Err(ConsumerError::Ended(ConsumerEnd::Shutdown))
        ));
    }
    assert!(closes(&mut session));
    drop(held);
}

#[test]
fn a_shutdown_with_nothing_to_do_closes_at_once() {
    let mut session = Session::open();
    let connection = session.connection.clone();
    let mut shutdown = Box::pin(connection.shutdown(Duration::MAX));
    assert!(poll(&mut shutdown).is_pending());
    assert!(session.driver_was_woken());
    assert!(closes(&mut session));
    session.send(0, &connection::CloseOk {});
    assert!(matches!(poll(&mut shutdown), Poll::Ready(Ok(()))));
    // Whoever comes later finds it closed.
    assert!(matches!(ready(session.connection.shutdown(LIMIT)), Ok(())));
    assert!(matches!(ready(session.connection.close()), Ok(())));
}

#[test]
fn a_shutdown_waits_for_confirms_and_says_how_many_did_not_come() {
    for confirmed in [1, 2] {
        let mut session = Session::open();
        let channel = session.open_channel();
        let mut selecting = channel.confirm_select().into_future();
        assert!(poll(&mut selecting).is_pending());
        session.send(1, &confirm::SelectOk {});
        let Poll::Ready(Ok(publisher)) = poll(&mut selecting) else {
            panic!("not selected")
        };
        let receipts = ["x", "y"].map(|body| ready(publisher.publish("", "q", body).into_future()).unwrap());
        let connection = session.connection.clone();
        let mut shutdown = Box::pin(connection.shutdown(LIMIT));
        assert!(poll(&mut shutdown).is_pending());
        assert!(!closes(&mut session));
        let ack = basic::Ack {
            delivery_tag: DeliveryTag(confirmed),
            multiple: true,
        };
        session.send(1, &ack);
        assert_eq!(closes(&mut session), confirmed == 2);
        if confirmed == 1 {
            session.advance(LIMIT + Duration::from_secs(1));
        }
        session.send(0, &connection::CloseOk {});
        let Poll::Ready(outcome) = poll(&mut shutdown) else {
            panic!("still waiting")
        };
        match outcome {
            Ok(()) => assert_eq!(confirmed, 2),
            Err(ShutdownError::Unfinished(left)) => {
                assert_eq!((confirmed, left.publishes_unconfirmed), (1, 1));
                assert_eq!(left.to_string(), "1 publish not confirmed");
            }
            Err(error) => panic!("{error}"),
        }
        drop(receipts);
    }
}

#[test]
fn at_its_limit_a_shutdown_closes_and_says_what_was_left() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let mut consumer = session.consume(&channel, "c");
    for tag in 1..=3 {
        session.feed(&delivery(1, "c", tag, b"x", 10));
    }
    let held = next(&mut consumer).unwrap();
    let mut get = channel.basic_get("q").into_future();
    assert!(poll(&mut get).is_pending());
    session.feed(
        &[
            method_frame(1, &basic::GetOk::default()),
            header_frame(1, 1),
            body_frames(1, b"x", 4),
        ]
        .concat(),
    );
    let Poll::Ready(Ok(Some(fetched))) = poll(&mut get) else {
        panic!("nothing fetched")
    };
    session.send(0, &connection::Blocked::default());
    let mut publish = channel.basic_publish("", "q", "x").into_future();
    assert!(poll(&mut publish).is_pending());
    let connection = session.connection.clone();
    let mut shutdown = Box::pin(connection.shutdown(Duration::MAX));
    let mut sooner = Box::pin(connection.shutdown(LIMIT));
    assert!(poll(&mut shutdown).is_pending() && poll(&mut sooner).is_pending());
    assert!(!closes(&mut session));
    session.advance(LIMIT - Duration::from_secs(1));
    assert!(!closes(&mut session));
    session.advance(Duration::from_secs(2));
    assert!(closes(&mut session));
    assert!(matches!(
        poll(&mut publish),
        Poll::Ready(Err(PublishError::Channel(_)))
    ));
    session.send(0, &connection::CloseOk {});
    for shutdown in [&mut shutdown, &mut sooner] {
        let Poll::Ready(Err(error @ ShutdownError::Unfinished(left))) = poll(shutdown) else {
            panic!("finished")
        };
        assert_eq!(
            error.to_string(),
            "the shutdown left behind: 1 consumer, 2 deliveries not handed out, 2 deliveries not settled, 1 publish held back"
        );
        assert_eq!(
            (left.consumers, left.deliveries_waiting, left.deliveries_unsettled),
            (1, 2, 2)
        );
        assert_eq!((left.publishes_waiting, left.publishes_unconfirmed), (1, 0));
    }
    drop((held, fetched));
}

#[test]
fn a_consumer_that_starts_during_a_shutdown_is_cancelled() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let mut starting = channel.basic_consume("q").consumer_tag("c").into_future();
    assert!(poll(&mut starting).is_pending());
    let connection = session.connection.clone();
    assert!(poll(&mut pin!(connection.shutdown(LIMIT))).is_pending());
    session.sent();
    session.send(1, &basic::QosOk {});
    let consumer_tag = ShortStr::from_static("c");
    session.send(1, &basic::ConsumeOk { consumer_tag });
    let Poll::Ready(Ok(mut consumer)) = poll(&mut starting) else {
        panic!("not started")
    };
    assert_eq!(session.sent(), [cancel("c")]);
    session.send(1, &cancel_ok("c"));
    // The future of the shutdown is long gone.
    assert!(closes(&mut session));
    assert!(matches!(
        next(&mut consumer),
        Err(ConsumerError::Ended(ConsumerEnd::Shutdown))
    ));
}

#[test]
fn nothing_new_is_begun_once_a_shutdown_has() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let mut consumer = session.consume(&channel, "c");
    session.feed(&delivery(1, "c", 1, b"x", 10));
    let held = next(&mut consumer).unwrap();
    let connection = session.connection.clone();
    let mut shutdown = Box::pin(connection.shutdown(LIMIT));
    assert!(poll(&mut shutdown).is_pending());
    assert_eq!(session.sent(), [cancel("c")]);
    session.send(1, &cancel_ok("c"));
    // A supervisor learns why its consumer ended, and that there will be no other.
    let end = next(&mut consumer).unwrap_err();
    assert!(matches!(end, ConsumerError::Ended(ConsumerEnd::Shutdown)));
    assert_eq!(end.to_string(), "the connection is shutting down");
    let again = ready(channel.basic_consume("q").consumer_tag("c").into_future()).map(drop);
    let fetched = ready(channel.basic_get("q").into_future()).map(drop);
    let opened = ready(connection.open_channel()).map(drop);
    for refused in [again, fetched, opened] {
        assert!(matches!(refused, Err(CallError::ShuttingDown)), "{refused:?}");
    }
    assert_eq!(session.sent(), []);
    // Handlers go on.
    let mut declaring = channel.queue_declare("q").into_future();
    assert!(poll(&mut declaring).is_pending());
    ready(held.ack()).unwrap();
    let sent = session.sent();
    assert!(
        sent[0].is::<queue::Declare<'_>>() && sent[1] == ack(1),
        "{sent:?}"
    );
    assert!(sent[2].is::<connection::Close<'_>>());
    // Then the end of the connection says more.
    for refused in [
        ready(channel.basic_get("q").into_future()).map(drop),
        ready(connection.open_channel()).map(drop),
    ] {
        assert!(matches!(refused, Err(CallError::Channel(_))), "{refused:?}");
    }
}

#[test]
fn a_shutdown_takes_at_worst_its_limit_and_the_close_timeout() {
    let close_timeout = Duration::from_secs(7);
    let mut session = Session::open_with(Config::default().close_timeout(close_timeout));
    let channel = session.open_channel();
    session.send(0, &connection::Blocked::default());
    let mut publish = channel.basic_publish("", "q", "x").into_future();
    assert!(poll(&mut publish).is_pending());
    let connection = session.connection.clone();
    let mut shutdown = Box::pin(connection.shutdown(LIMIT));
    assert!(poll(&mut shutdown).is_pending());
    let moment = Duration::from_secs(1);
    session.advance(LIMIT + moment);
    assert!(closes(&mut session));
    session.advance(close_timeout - moment);
    assert!(poll(&mut shutdown).is_pending());
    session.advance(moment);
    assert!(matches!(
        poll(&mut shutdown),
        Poll::Ready(Err(ShutdownError::Unfinished(left))) if left.publishes_waiting == 1
    ));
}

#[test]
fn a_consumer_that_its_owner_stops_does_not_blame_the_shutdown() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let mut consumer = session.consume(&channel, "c");
    assert!(poll(&mut pin!(consumer.drain())).is_pending());
    let connection = session.connection.clone();
    assert!(poll(&mut pin!(connection.shutdown(LIMIT))).is_pending());
    assert_eq!(session.sent(), [cancel("c")]);
    session.send(1, &cancel_ok("c"));
    assert!(matches!(
        next(&mut consumer),
        Err(ConsumerError::Ended(ConsumerEnd::Cancelled))
    ));
}

#[test]
fn detached_and_fetched_deliveries_are_not_waited_for_when_they_are_settled() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let mut consumer = session.consume(&channel, "c");
    session.feed(&[delivery(1, "c", 1, b"x", 10), delivery(1, "c", 2, b"y", 10)].concat());
    let message = next(&mut consumer).unwrap().detach();
    assert_eq!(message.body(), b"x");
    ready(next(&mut consumer).unwrap().ack()).unwrap();
    // A fetched message that nobody takes.
    let mut get = channel.basic_get("q").into_future();
    assert!(poll(&mut get).is_pending());
    session.feed(
        &[
            method_frame(1, &basic::GetOk::default()),
            header_frame(1, 1),
            body_frames(1, b"x", 4),
        ]
        .concat(),
    );
    drop(get);
    session.send(1, &channel::Close::default());
    assert!(session.sent().contains(&ack(2)));
    let connection = session.connection.clone();
    let mut shutdown = Box::pin(connection.shutdown(LIMIT));
    assert!(poll(&mut shutdown).is_pending());
    assert!(closes(&mut session));
}

#[test]
fn a_close_ends_a_shutdown_and_a_lost_connection_its_waiting() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let mut consumer = session.consume(&channel, "c");
    session.feed(&delivery(1, "c", 1, b"x", 10));
    let held = next(&mut consumer).unwrap();
    let connection = session.connection.clone();
    let mut shutdown = Box::pin(connection.shutdown(LIMIT));
    assert!(poll(&mut shutdown).is_pending());
    let mut close = Box::pin(connection.close());
    assert!(poll(&mut close).is_pending());
    session.send(0, &connection::CloseOk {});
    assert!(matches!(poll(&mut close), Poll::Ready(Ok(()))));
    assert!(
        matches!(poll(&mut shutdown), Poll::Ready(Err(ShutdownError::Unfinished(left))) if left.deliveries_unsettled == 1)
    );
    drop(held);

    let mut session = Session::open();
    let channel = session.open_channel();
    let _consumer = session.consume(&channel, "c");
    let connection = session.connection.clone();
    let mut shutdown = Box::pin(connection.shutdown(LIMIT));
    assert!(poll(&mut shutdown).is_pending());
    let forced = connection::Close {
        reply_code: constants::CONNECTION_FORCED,
        ..Default::default()
    };
    session.send(0, &forced);
    assert!(matches!(
        poll(&mut shutdown),
        Poll::Ready(Err(ShutdownError::Connection(ConnectionError::ClosedByServer(_))))
    ));
    assert_eq!(connection.state(), State::Closed);

    // Before it is open there is nothing to finish.
    let mut session = Session::new(Config::default());
    session.drive();
    assert!(matches!(ready(session.connection.shutdown(LIMIT)), Ok(())));
}
