//! Servers that stall, never stop, fall silent or vanish, and users who do not listen: nothing waits for ever, and nobody holds up
//! anything but their own.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use amqp_client::protocol::frame::HEARTBEAT;
use amqp_client::protocol::v0_9_1::{connection, constants};
use amqp_client::{Config, ConnectionError, ConnectionEvent, PublishError, State};

use crate::peer::{Sent, declare_ok};
use crate::publishers::publisher_with;
use crate::wire::{Flag, Session, ack, next, poll, ready};

const SECOND: Duration = Duration::from_secs(1);

type Waiter<'a> = Pin<Box<dyn Future<Output = bool> + 'a>>;

/// Lets everybody wait who can, ends the connection, and sees that each is woken and told.
fn nothing_waits_after(end: impl FnOnce(&mut Session)) {
    let mut config = Config::default();
    config.heartbeat = Some(10);
    config.blocked_connection_timeout = 15 * SECOND;
    let mut session = Session::open_with(config);
    let (channel, closing) = (session.open_channel(), session.open_channel());
    let confirming = session.open_channel();
    let publisher = publisher_with(&mut session, &confirming, |select| {
        select.confirm_timeout(Duration::MAX)
    });
    let receipt = ready(publisher.publish("", "q", "x").into_future()).unwrap();
    let mut returns = confirming.returns();
    let mut consumer = session.consume(&channel, "c");
    let cancelled = session.consume(&channel, "cancelled");
    session.send(0, &connection::Blocked::default());
    let connection = session.connection.clone();
    let mut events = connection.events();
    let waiters: Vec<(&str, Waiter<'_>)> = vec![
        (
            "call",
            Box::pin(async { channel.queue_declare("q").await.is_err() }),
        ),
        ("get", Box::pin(async { channel.basic_get("q").await.is_err() })),
        (
            "publish",
            Box::pin(async { channel.basic_publish("", "q", "x").await.is_err() }),
        ),
        (
            "publish with a receipt",
            Box::pin(async { publisher.publish("", "q", "x").await.is_err() }),
        ),
        ("receipt", Box::pin(async { receipt.await.is_err() })),
        (
            "wait for all",
            Box::pin(async { publisher.wait_for_all().await.is_ok() }),
        ),
        ("returns", Box::pin(async { returns.next().await.is_none() })),
        (
            "consume",
            Box::pin(async { channel.basic_consume("q").await.is_err() }),
        ),
        (
            "consumer",
            Box::pin(async { consumer.next().await.is_some_and(|item| item.is_err()) }),
        ),
        (
            "cancel",
            Box::pin(async { cancelled.cancel().await.is_ok_and(|rest| rest.len() == 1) }),
        ),
        (
            "channel.close",
            Box::pin(async { closing.close().await.is_err() }),
        ),
        (
            "open channel",
            Box::pin(async { connection.open_channel().await.is_err() }),
        ),
        (
            "shutdown",
            Box::pin(async { connection.shutdown(Duration::MAX).await.is_err() }),
        ),
        (
            "closed",
            Box::pin(async { !matches!(connection.closed().await, ConnectionError::Closed) }),
        ),
        (
            "events",
            Box::pin(async {
                while let Some(event) = events.next().await {
                    if matches!(event, ConnectionEvent::Closed(_)) {
                        return events.next().await.is_none();
                    }
                }
                false
            }),
        ),
    ];
    let mut waiters: Vec<_> = waiters
        .into_iter()
        .map(|(what, waiter)| (what, waiter, Flag::new()))
        .collect();
    for (what, waiter, woken) in &mut waiters {
        let waker = Waker::from(Arc::clone(woken));
        assert!(
            waiter
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending(),
            "{what}"
        );
    }
    session.drive();
    end(&mut session);
    for (what, waiter, woken) in &mut waiters {
        assert!(woken.take(), "{what} was not woken");
        assert!(matches!(poll(waiter), Poll::Ready(true)), "{what}");
    }
    drop(waiters);
    // Nor does anything that begins to wait now.
    assert!(ready(channel.queue_declare("q").into_future()).is_err());
    assert!(ready(channel.basic_get("q").into_future()).is_err());
    assert!(ready(channel.basic_publish("", "q", "x").into_future()).is_err());
    assert!(ready(publisher.publish("", "q", "x").into_future()).is_err());
    assert!(ready(publisher.wait_for_all()).is_ok());
    assert!(ready(channel.confirm_select().into_future()).is_err());
    assert!(ready(channel.basic_consume("q").into_future()).is_err());
    assert!(ready(consumer.next()).is_none());
    assert!(ready(closing.close()).is_err());
    assert!(ready(connection.open_channel()).is_err());
    assert!(ready(connection.opened()).is_err());
    assert!(ready(connection.shutdown(Duration::MAX)).is_err());
    assert!(ready(connection.close()).is_err());
    assert!(ready(events.next()).is_none());
    assert_eq!(connection.state(), State::Closed);
    let stats = connection.stats();
    assert_eq!((stats.requests_waiting, stats.publishes_waiting), (0, 0));
    assert_eq!(
        (stats.channels, stats.consumers, stats.octets_buffered),
        (0, 0, 0)
    );
}

#[test]
fn pitfall_06_07_nothing_waits_after_the_end_of_the_stream() {
    nothing_waits_after(|session| {
        session.end_stream();
        session.drive();
    });
}

#[test]
fn pitfall_06_07_nothing_waits_after_the_transport_broke() {
    nothing_waits_after(|session| {
        session.break_writes();
        session.end_stream();
        session.drive();
    });
}

#[test]
fn pitfall_06_07_nothing_waits_after_the_server_closed() {
    nothing_waits_after(|session| {
        let close = connection::Close {
            reply_code: constants::CONNECTION_FORCED,
            ..Default::default()
        };
        session.send(0, &close);
    });
}

#[test]
fn pitfall_06_07_nothing_waits_after_the_server_broke_the_protocol() {
    nothing_waits_after(|session| {
        session.send(9, &declare_ok("q"));
        // It does not answer our close either.
        session.advance(10 * SECOND);
    });
}

#[test]
fn pitfall_06_07_nothing_waits_after_the_server_fell_silent() {
    nothing_waits_after(|session| {
        session.advance(10 * SECOND);
        session.feed(&HEARTBEAT);
        session.advance(4 * SECOND);
        // The time of being blocked does not run out first.
        session.send(0, &connection::Unblocked {});
        session.advance(21 * SECOND);
    });
}

#[test]
fn pitfall_06_07_nothing_waits_after_the_server_blocked_for_too_long() {
    nothing_waits_after(|session| {
        session.feed(&HEARTBEAT);
        session.advance(15 * SECOND);
    });
}

#[test]
fn pitfall_14_who_does_not_listen_to_events_holds_nothing_up() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let never_polled = session.connection.events();
    for _ in 0..10_000 {
        session.send(0, &connection::Blocked::default());
        session.send(0, &connection::Unblocked {});
    }
    ready(channel.basic_publish("", "q", "x").into_future()).unwrap();
    let connection = session.connection.clone();
    let mut close = Box::pin(connection.close());
    assert!(poll(&mut close).is_pending());
    session.send(0, &connection::CloseOk {});
    assert!(matches!(poll(&mut close), Poll::Ready(Ok(()))));
    drop(never_polled);
}

#[test]
fn pitfall_15_a_server_that_blocks_and_reads_nothing_holds_back_publishing_and_not_the_close() {
    let mut config = Config::default();
    config.publish_timeout = SECOND;
    let mut session = Session::open_with(config);
    let channel = session.open_channel();
    let mut consumer = session.consume(&channel, "c");
    session.feed(&crate::peer::delivery(1, "c", 1, b"x", 10));
    let blocked = connection::Blocked {
        reason: "low on memory".try_into().unwrap(),
    };
    session.send(0, &blocked);
    let mut publish = channel.basic_publish("", "q", "x").into_future();
    assert!(poll(&mut publish).is_pending());
    // As long as it reads, acks and calls go on.
    ready(next(&mut consumer).unwrap().ack()).unwrap();
    let mut call = channel.queue_declare("q").into_future();
    assert!(poll(&mut call).is_pending());
    let sent = session.sent();
    assert!(sent[0] == ack(1) && sent.len() == 2, "{sent:?}");
    session.send(1, &declare_ok("q"));
    assert!(matches!(poll(&mut call), Poll::Ready(Ok(_))));
    session.advance(2 * SECOND);
    assert!(
        matches!(poll(&mut publish), Poll::Ready(Err(PublishError::Blocked { reason })) if &*reason == "low on memory")
    );
    // Now it reads nothing: the close is not even taken, and neither is the end of the stream.
    session.set_room(0);
    let connection = session.connection.clone();
    let mut close = Box::pin(connection.close());
    assert!(poll(&mut close).is_pending());
    session.advance(9 * SECOND);
    assert!(poll(&mut close).is_pending());
    session.advance(2 * SECOND);
    assert!(matches!(
        poll(&mut close),
        Poll::Ready(Err(ConnectionError::CloseTimedOut))
    ));
    assert!(!session.drive());
    session.advance(11 * SECOND);
    assert!(session.drive(), "the transport is given up");
}

#[test]
fn pitfall_16_heartbeats_leave_though_no_handle_is_ever_polled() {
    let mut config = Config::default();
    config.heartbeat = Some(2);
    let mut session = Session::open_with(config);
    let channel = session.open_channel();
    let mut consumer = session.consume(&channel, "c");
    session.feed(&crate::peer::delivery(1, "c", 1, b"x", 10));
    let _handled_for_a_long_time = next(&mut consumer).unwrap();
    for _ in 0..60 {
        session.advance(SECOND);
        session.feed(&HEARTBEAT);
        assert_eq!(session.sent(), [Sent::Heartbeat]);
    }
    assert_eq!(session.connection.state(), State::Open);
}

#[test]
fn pitfall_17_a_dead_server_is_noticed_though_a_write_is_stuck() {
    let mut config = Config::default();
    config.heartbeat = Some(10);
    let mut session = Session::open_with(config);
    let channel = session.open_channel();
    session.set_room(100);
    ready(channel.basic_publish("", "q", vec![0; 100_000]).into_future()).unwrap();
    let connection = session.connection.clone();
    let mut closed = Box::pin(connection.closed());
    session.advance(19 * SECOND);
    assert!(poll(&mut closed).is_pending());
    session.advance(2 * SECOND);
    assert!(matches!(
        poll(&mut closed),
        Poll::Ready(ConnectionError::HeartbeatTimedOut)
    ));
    // The transport takes no end either, and is given up.
    session.advance(11 * SECOND);
    assert!(session.drive());
}

#[test]
fn pitfall_17_a_stuck_write_is_noticed_though_the_server_lives() {
    let mut config = Config::default();
    config.heartbeat = Some(10);
    config.write_timeout = 30 * SECOND;
    let mut session = Session::open_with(config);
    let channel = session.open_channel();
    session.set_room(100);
    ready(channel.basic_publish("", "q", vec![0; 100_000]).into_future()).unwrap();
    session.drive();
    for _ in 0..4 {
        session.advance(9 * SECOND);
        session.feed(&HEARTBEAT);
    }
    assert!(matches!(
        ready(session.connection.closed()),
        ConnectionError::WriteTimedOut
    ));
}

#[test]
fn a_server_that_never_stops_leaves_others_their_turn() {
    let mut session = Session::open();
    session.driver_was_woken();
    for few in [&HEARTBEAT[..], &HEARTBEAT.repeat(10_000)] {
        session.flood(few);
        for _ in 0..3 {
            assert!(!session.drive());
            assert!(session.driver_was_woken());
        }
    }
    session.flood(&[]);
    session.drive();
    assert!(!session.driver_was_woken());
}
