//! What subscribers are told, in which order, and what becomes of those that do not listen.

use std::future::{Future, IntoFuture};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};

use amqp_client::protocol::v0_9_1::{basic, channel, connection, constants};
use amqp_client::protocol::{ChannelId, ShortStr};
use amqp_client::{ChannelError, Config, ConnectionError, ConnectionEvent, ConsumerEnd, Events, State};

use crate::peer::{channel_close, delivery};
use crate::wire::{Flag, Session, ready};

/// The next event, which has happened.
fn next(events: &mut Events) -> ConnectionEvent {
    ready(events.next()).expect("the end")
}

#[test]
fn events_come_in_order_to_everybody_and_end_with_the_connection() {
    let mut config = Config::default();
    config.receive_buffer = 1000;
    let mut session = Session::open_with(config);
    let channel = session.open_channel();
    let doomed = session.open_channel();
    let mut consumer = session.consume(&channel, "c");
    let mut all = [session.connection.events(), session.connection.events()];
    let blocked = connection::Blocked {
        reason: ShortStr::from_static("low on memory"),
    };
    session.send(0, &blocked);
    session.send(0, &connection::Unblocked {});
    session.send(1, &channel::Flow { active: false });
    session.send(2, &channel_close(constants::NOT_FOUND, "no queue"));
    session.feed(&delivery(1, "c", 1, &[0; 2000], 3000));
    drop(crate::wire::next(&mut consumer));
    session.drive();
    let consumer_tag = ShortStr::from_static("c");
    session.send(
        1,
        &basic::Cancel {
            consumer_tag,
            no_wait: true,
        },
    );
    session.end_stream();
    session.drive();
    for events in &mut all {
        assert!(matches!(next(events), ConnectionEvent::Blocked { reason } if &*reason == "low on memory"));
        assert!(matches!(next(events), ConnectionEvent::Unblocked));
        assert!(matches!(
            next(events),
            ConnectionEvent::Flow {
                channel: ChannelId(1),
                active: false
            }
        ));
        assert!(matches!(
            next(events),
            ConnectionEvent::ChannelEnded {
                channel: ChannelId(2),
                reason: ChannelError::ClosedByServer(_)
            }
        ));
        assert!(matches!(next(events), ConnectionEvent::ReadingPaused));
        assert!(matches!(next(events), ConnectionEvent::ReadingResumed));
        assert!(matches!(
            next(events),
            ConnectionEvent::ConsumerEnded { channel: ChannelId(1), consumer_tag, reason: ConsumerEnd::CancelledByServer }
                if consumer_tag == "c"
        ));
        assert!(matches!(next(events), ConnectionEvent::State(State::Closing)));
        assert!(matches!(
            next(events),
            ConnectionEvent::Closed(ConnectionError::EndOfStream { .. })
        ));
        for _ in 0..2 {
            assert!(ready(events.next()).is_none());
        }
    }
    // Who comes too late is told the end.
    let mut late = session.connection.events();
    assert!(matches!(next(&mut late), ConnectionEvent::Closed(_)));
    assert!(ready(late.next()).is_none());
    drop(doomed);
}

#[test]
fn reading_pauses_when_the_last_publisher_gives_up_for_whom_it_went_on() {
    let mut config = Config::default();
    config.receive_buffer = 1000;
    let mut session = Session::open_with(config);
    let channel = session.open_channel();
    let consumer = session.consume(&channel, "c");
    session.send(1, &channel::Flow { active: false });
    let mut events = session.connection.events();
    {
        let mut publish = Box::pin(channel.basic_publish("", "q", "held back").into_future());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(publish.as_mut().poll(&mut cx).is_pending());
        session.drive();
        // channel.flow is awaited, so reading goes on.
        session.feed(&delivery(1, "c", 1, &[0; 2000], 3000));
        session.drive();
        assert!(pin!(events.next()).poll(&mut cx).is_pending());
    }
    session.drive();
    assert!(matches!(next(&mut events), ConnectionEvent::ReadingPaused));
    drop(consumer);
}

#[test]
fn a_subscriber_that_is_behind_misses_the_oldest_and_is_told_how_many() {
    let mut session = Session::open();
    let mut events = session.connection.events();
    for _ in 0..200 {
        session.send(0, &connection::Blocked::default());
        session.send(0, &connection::Unblocked {});
    }
    assert!(matches!(next(&mut events), ConnectionEvent::Missed(144)));
    for _ in 0..128 {
        assert!(matches!(next(&mut events), ConnectionEvent::Blocked { .. }));
        assert!(matches!(next(&mut events), ConnectionEvent::Unblocked));
    }
    let woken = Flag::new();
    let waker = Waker::from(Arc::clone(&woken));
    let mut waiting = pin!(events.next());
    assert!(
        waiting
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    session.send(0, &connection::Blocked::default());
    assert!(woken.take());
}

#[test]
fn subscribers_do_not_keep_a_connection_open() {
    let mut session = Session::open();
    let mut events = session.connection.events();
    let mut gone = session.connection.events();
    session.send(0, &connection::Blocked::default());
    assert!(matches!(next(&mut gone), ConnectionEvent::Blocked { .. }));
    drop(gone);
    let connection = std::mem::replace(
        &mut session.connection,
        Session::new(Config::default()).connection,
    );
    drop(connection);
    assert!(session.sent()[0].is::<connection::Close<'_>>());
    session.send(0, &connection::CloseOk {});
    assert!(matches!(next(&mut events), ConnectionEvent::Blocked { .. }));
    assert!(matches!(
        next(&mut events),
        ConnectionEvent::State(State::Closing)
    ));
    assert!(matches!(
        next(&mut events),
        ConnectionEvent::Closed(ConnectionError::Closed)
    ));
}

#[test]
fn a_dropped_driver_is_the_last_event() {
    let mut session = Session::open();
    let mut events = session.connection.events();
    session.drop_driver();
    assert!(matches!(
        next(&mut events),
        ConnectionEvent::State(State::Closing)
    ));
    assert!(matches!(
        next(&mut events),
        ConnectionEvent::Closed(ConnectionError::DriverDropped)
    ));
}
