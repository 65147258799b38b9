//! Closures that are registered for what happens: when they are called, and that each can be taken back and replaced.

use std::cell::Cell;
use std::rc::Rc;

use amqp_client::event_loop::{Channel, EventLoop};
use amqp_client::protocol::v0_9_1::{basic, channel, connection, queue};

use crate::server::{Session, close, declare_ok, method, returned, serve};
use crate::{Log, run, with_channel};

fn flow(number: u16, active: bool) -> Vec<u8> {
    method(number, &channel::Flow { active })
}

fn blocked(reason: &'static str) -> Vec<u8> {
    let reason = reason.try_into().unwrap();
    method(0, &connection::Blocked { reason })
}

/// Answers a declaration behind what it causes.
fn cause(session: &mut Session, octets: &[u8]) {
    session.expect::<queue::Declare<'_>>();
    session.write(&[octets, &declare_ok(1, "q")].concat());
}

#[test]
fn flow_is_told_and_holds_publishes_back_meanwhile() {
    let (options, server) = serve(|session| {
        session.open_with_channel();
        cause(session, &flow(1, false));
        // Not the publish that was made before.
        session.expect::<queue::Purge<'_>>();
        session.write(&method(1, &queue::PurgeOk { message_count: 0 }));
        session.write(&flow(1, true));
        session.expect::<basic::Publish<'_>>();
        session.close();
        session.names()
    });
    let mut event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let logs = log.clone();
    with_channel(event_loop.handle(), options, &log, move |connection, channel| {
        let (log, connection) = (logs.clone(), connection.clone());
        channel.on_flow(move |channel, active| {
            log.add(format!("on {}: {active}", channel.id()));
            if active {
                return;
            }
            let (log, connection) = (log.clone(), connection.clone());
            channel
                .basic_publish("", "q", "held back")
                .then(move |_, published| {
                    log.add(format!("published: {}", published.is_ok()));
                    connection.close().then(|_, closed| closed.unwrap());
                });
        });
        channel.queue_declare("q").then(move |channel, _| {
            logs.add("declared");
            channel.queue_purge("q").then(move |_, _| logs.add("purged"));
        });
    });
    run(&mut event_loop);
    let sent = server.join().unwrap();
    assert_eq!(
        sent,
        [
            "channel.open",
            "queue.declare",
            "channel.flow_ok",
            "queue.purge",
            "channel.flow_ok",
            "basic.publish"
        ]
    );
    assert_eq!(
        log.take(),
        [
            "on 1: false",
            "declared",
            "purged",
            "on 1: true",
            "published: true",
            "the connection was closed by this client"
        ]
    );
}

#[test]
fn a_closure_is_called_until_it_is_taken_back() {
    let (options, server) = serve(|session| {
        session.open_with_channel();
        let twice = [flow(1, false), flow(1, true)].concat();
        cause(session, &twice);
        cause(session, &twice);
        cause(session, &returned(1, "lost"));
        session.close();
    });
    let mut event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let logs = log.clone();
    with_channel(event_loop.handle(), options, &log, move |connection, channel| {
        let (event_loop, connection) = (channel.event_loop().clone(), connection.clone());
        // In the order in which they are registered.
        let [first, second] = ["first", "second"].map(|name| {
            let log = logs.clone();
            channel.on_flow(move |_, active| log.add(format!("{name}: {active}")))
        });
        // One that takes itself back, and what it holds with it.
        let held = Rc::new(());
        let (own, hold) = (Rc::new(Cell::new(None)), Rc::clone(&held));
        let (found, log) = (Rc::clone(&own), logs.clone());
        own.set(Some(channel.on_flow(move |channel, _| {
            let own = found.get().unwrap();
            assert!(channel.event_loop().unregister(own));
            assert!(!channel.event_loop().unregister(own));
            log.add(format!("once, held by {}", Rc::strong_count(&hold)));
        })));
        let lost = channel.on_return(|_, _| unreachable!());
        let logs = logs.clone();
        channel.queue_declare("q").then(move |channel, _| {
            assert_eq!(Rc::strong_count(&held), 1);
            assert!(!event_loop.unregister(own.get().unwrap()));
            // Replaced.
            assert!(event_loop.unregister(first));
            assert!(!event_loop.unregister(first));
            let log = logs.clone();
            channel.on_flow(move |channel, active| {
                log.add(format!("new: {active}"));
                // It has happened, and the second one is not called for it.
                channel.event_loop().unregister(second);
            });
            channel.queue_declare("q").then(move |channel, _| {
                assert!(event_loop.unregister(lost));
                let back = logs.clone();
                // This one keeps the channel open, until it is taken back.
                let returns = channel
                    .returns()
                    .for_each(move |_, returned| back.add(String::from_utf8_lossy(returned.body())));
                channel.queue_declare("q").then(move |channel, _| {
                    assert!(channel.event_loop().unregister(returns));
                    connection.close().then(|_, closed| closed.unwrap());
                });
            });
        });
    });
    run(&mut event_loop);
    server.join().unwrap();
    assert_eq!(
        log.take(),
        [
            "first: false",
            "second: false",
            "once, held by 2",
            "first: true",
            "second: true",
            "second: false",
            "new: false",
            "new: true",
            "lost",
            "the connection was closed by this client"
        ]
    );
}

#[test]
fn a_connection_tells_whoever_asks_later_too() {
    let (options, server) = serve(|session| {
        session.open_with_channel();
        cause(session, &blocked("one"));
        cause(session, &method(0, &connection::Unblocked {}));
        cause(session, &blocked("two"));
        session.close();
    });
    let mut event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let logs = log.clone();
    with_channel(event_loop.handle(), options, &log, move |connection, channel| {
        let (log, connection) = (logs.clone(), connection.clone());
        let on_blocked = connection.on_blocked(move |_, reason| log.add(format!("blocked: {reason}")));
        let log = logs.clone();
        connection.on_unblocked(move |_| log.add("unblocked"));
        let log = logs.clone();
        connection.on_close(move |_, error| log.add(format!("behind the other: {error}")));
        let gone = connection.on_close(|_, _| unreachable!());
        connection.event_loop().unregister(gone);
        channel.queue_declare("q").then(move |channel, _| {
            channel.queue_declare("q").then(move |channel, _| {
                channel.event_loop().unregister(on_blocked);
                channel.queue_declare("q").then(move |_, _| {
                    connection.close().then(move |connection, closed| {
                        closed.unwrap();
                        connection.on_close(move |_, error| logs.add(format!("late: {error}")));
                    });
                });
            });
        });
    });
    run(&mut event_loop);
    server.join().unwrap();
    let closed = "the connection was closed by this client";
    assert_eq!(
        log.take(),
        [
            "blocked: one",
            "unblocked",
            closed,
            &format!("behind the other: {closed}"),
            &format!("late: {closed}")
        ]
    );
}

/// The next channel has the number of one that is over.
#[test]
fn a_channel_that_is_over_says_so_and_hears_nothing_of_the_next_one() {
    let (options, server) = serve(|session| {
        session.open_with_channel();
        session.expect::<queue::Declare<'_>>();
        session.write(&close(1, "no"));
        assert_eq!(session.open_channel(), 1);
        cause(session, &[flow(1, false), flow(1, true)].concat());
        session.close();
    });
    let mut event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let logs = log.clone();
    with_channel(event_loop.handle(), options, &log, move |connection, first| {
        let connection = connection.clone();
        first.queue_declare("q").then(move |first: &Channel, declared| {
            declared.unwrap_err();
            let first = first.clone();
            let log = logs.clone();
            first.on_close(move |_, reason| log.add(reason));
            first.on_flow(|_, _| unreachable!());
            first.on_cancel(|_, _, _| unreachable!());
            first.on_return(|_, _| unreachable!());
            connection.open_channel().then(move |connection, second| {
                let (second, connection) = (second.unwrap(), connection.clone());
                assert_eq!(first.id(), second.id());
                let log = logs.clone();
                second.on_flow(move |_, active| log.add(active));
                first.on_flow(|_, _| unreachable!());
                second.queue_declare("q").then(move |_, declared| {
                    declared.unwrap();
                    connection.close().then(move |_, closed| {
                        closed.unwrap();
                        drop(first);
                    });
                });
            });
        });
    });
    run(&mut event_loop);
    server.join().unwrap();
    assert_eq!(
        log.take(),
        [
            "the server closed the channel: 404 NOT_FOUND: no",
            "false",
            "true",
            "the connection was closed by this client"
        ]
    );
}
