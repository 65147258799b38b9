//! Closures are called in the order in which their causes came, and never inside of a call.

use std::cell::Cell;
use std::rc::Rc;

use amqp_client::event_loop::EventLoop;
use amqp_client::protocol::v0_9_1::{basic, confirm, connection, queue};
use amqp_client::{CallError, ConsumerError};

use crate::server::{cancel_ok, close, consume_ok, declare_ok, deliver, method, returned, serve};
use crate::{Log, run, with_channel};

#[test]
fn closures_are_called_in_the_order_of_what_the_server_sent() {
    let (options, server) = serve(|session| {
        session.open_with_channel();
        session.expect::<queue::Purge<'_>>();
        // All in one segment, the replies of the consumers too.
        let blocked = connection::Blocked {
            reason: "memory".try_into().unwrap(),
        };
        session.write(
            &[
                consume_ok(1, "a"),
                deliver(1, "a", 1, "a1"),
                consume_ok(1, "b"),
                deliver(1, "b", 2, "b1"),
                deliver(1, "a", 3, "a2"),
                deliver(1, "a", 4, "a3"),
                declare_ok(1, "q"),
                returned(1, "back"),
                deliver(1, "b", 5, "b2"),
                method(0, &blocked),
                deliver(1, "a", 6, "a4"),
                method(0, &connection::Unblocked {}),
                method(1, &queue::PurgeOk { message_count: 7 }),
                deliver(1, "b", 7, "b3"),
                close(1, "over"),
            ]
            .concat(),
        );
        session.close();
    });
    let mut event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let logs = log.clone();
    with_channel(event_loop.handle(), options, &log, move |connection, channel| {
        let log = logs.clone();
        connection.events().for_each(move |_, event| {
            let text = format!("{event:?}");
            log.add(text.split([' ', '(']).next().unwrap());
        });
        let log = logs.clone();
        channel.on_return(move |_, returned| log.add(String::from_utf8_lossy(returned.body())));
        let log = logs.clone();
        channel.on_close(move |_, reason| log.add(format!("channel: {reason}")));
        for tag in ["a", "b"] {
            let log = logs.clone();
            channel
                .basic_consume("q")
                .consumer_tag(tag)
                .no_ack()
                .then_each(move |_, next| match next {
                    Ok(delivery) => log.add(String::from_utf8_lossy(delivery.body())),
                    Err(error) => log.add(format!("{tag}: {error}")),
                });
        }
        let log = logs.clone();
        channel
            .queue_declare("q")
            .then(move |_, declared| log.add(declared.unwrap().queue));
        let log = logs.clone();
        channel
            .queue_purge("q")
            .then(move |_, purged| log.add(purged.unwrap().message_count));
    });
    run(&mut event_loop);
    server.join().unwrap();
    let over = "the server closed the channel: 404 NOT_FOUND: over";
    assert_eq!(
        log.take(),
        [
            "a1",
            "b1",
            "a2",
            "a3",
            "q",
            "back",
            "b2",
            "Blocked",
            "a4",
            "Unblocked",
            "7",
            "b3",
            &format!("a: {over}"),
            &format!("b: {over}"),
            &format!("channel: {over}"),
            "ChannelEnded",
            "State",
            "the connection was closed by this client",
            "Closed",
        ]
    );
}

#[test]
fn the_end_of_a_consumer_has_its_place_though_it_took_deliveries_away() {
    let (options, server) = serve(|session| {
        session.open_with_channel();
        session.expect::<queue::Declare<'_>>();
        session.write(
            &[
                consume_ok(1, "a"),
                deliver(1, "a", 1, "a1"),
                deliver(1, "a", 2, "a2"),
                declare_ok(1, "q"),
                close(1, "over"),
            ]
            .concat(),
        );
        session.close();
    });
    let mut event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let logs = log.clone();
    with_channel(event_loop.handle(), options, &log, move |_, channel| {
        let log = logs.clone();
        channel
            .basic_consume("q")
            .consumer_tag("a")
            .then_each(move |_, next| match next {
                // The server has them again: the channel was over before anything was called.
                Ok(_) => log.add("a delivery"),
                Err(error) => log.add(error),
            });
        let log = logs.clone();
        channel
            .queue_declare("q")
            .then(move |_, declared| log.add(declared.unwrap().queue));
    });
    run(&mut event_loop);
    server.join().unwrap();
    assert_eq!(
        log.take(),
        [
            "q",
            "the server closed the channel: 404 NOT_FOUND: over",
            "the connection was closed by this client"
        ]
    );
}

#[test]
fn requests_are_sent_in_their_order_while_others_wait_for_replies() {
    let (options, server) = serve(|session| {
        session.open_with_channel();
        session.expect::<queue::Delete<'_>>();
        let sent = session.names();
        session.write(&[declare_ok(1, "first"), declare_ok(1, "second")].concat());
        session.write(&method(1, &confirm::SelectOk {}));
        session.write(&method(1, &queue::DeleteOk { message_count: 0 }));
        session.close();
        sent
    });
    let mut event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let logs = log.clone();
    with_channel(event_loop.handle(), options, &log, move |_, channel| {
        let log = logs.clone();
        channel
            .queue_declare("first")
            .durable()
            .then(move |_, outcome| log.add(outcome.unwrap().queue));
        let log = logs.clone();
        channel
            .queue_declare("second")
            .then(move |_, outcome| log.add(outcome.unwrap().queue));
        channel
            .queue_bind("second", "amq.topic", "#")
            .no_wait()
            .send()
            .unwrap();
        let log = logs.clone();
        channel.confirm_select().then(move |_, _| log.add("confirm"));
        let log = logs.clone();
        channel
            .basic_publish("", "first", "one coffee")
            .then(move |_, outcome| {
                outcome.unwrap();
                log.add("published");
            });
        channel.basic_recover_async().send().unwrap();
        let log = logs.clone();
        channel
            .queue_delete("first")
            .then(move |_, outcome| log.add(outcome.is_ok()));
    });
    run(&mut event_loop);
    assert_eq!(
        server.join().unwrap(),
        [
            "channel.open",
            "queue.declare",
            "queue.declare",
            "queue.bind",
            "confirm.select",
            "basic.publish",
            "basic.recover_async",
            "queue.delete",
        ]
    );
    let called = log.take();
    assert_eq!(
        called,
        [
            "published",
            "first",
            "second",
            "confirm",
            "true",
            "the connection was closed by this client"
        ]
    );
}

#[test]
fn no_closure_is_called_inside_of_a_call() {
    let (options, server) = serve(|session| {
        session.open_with_channel();
        session.expect::<basic::Consume<'_>>();
        session.write(&consume_ok(1, "tag"));
        session.expect::<basic::Cancel<'_>>();
        session.write(&cancel_ok(1, "tag"));
        session.close();
    });
    let mut event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let logs = log.clone();
    with_channel(event_loop.handle(), options, &log, move |connection, channel| {
        let inside = Rc::new(Cell::new(true));
        let called = |what: &'static str| {
            let (inside, log) = (Rc::clone(&inside), logs.clone());
            move || {
                assert!(!inside.get(), "{what}");
                log.add(what);
            }
        };
        // Each of these has its outcome at once.
        let done = called("too long");
        channel.queue_declare(&"q".repeat(256)).then(move |_, outcome| {
            assert!(matches!(outcome, Err(CallError::InvalidArgument { .. })));
            done();
        });
        let done = called("not started");
        channel
            .basic_consume("q")
            .consumer_tag(&"t".repeat(256))
            .then_each(move |_, next| {
                assert!(matches!(
                    next,
                    Err(ConsumerError::NotStarted(CallError::InvalidArgument { .. }))
                ));
                done();
            });
        let done = called("published");
        channel.basic_publish("", "q", "body").then(move |_, outcome| {
            outcome.unwrap();
            done();
        });
        let done = called("refused");
        channel
            .basic_publish("", "q", "body")
            .immediate()
            .then(move |_, outcome| {
                outcome.unwrap_err();
                done();
            });
        let done = called("acked");
        channel.basic_ack(1.into()).then(move |_, outcome| {
            outcome.unwrap();
            done();
        });
        let done = called("no consumer");
        channel.basic_cancel("nobody").then(move |_, outcome| {
            outcome.unwrap();
            done();
        });
        let done = called("timer");
        channel
            .event_loop()
            .call_later(std::time::Duration::ZERO, move |_| done());
        // A consumer is cancelled though the server has not said yet that it is there.
        let done = called("cancelled");
        channel
            .basic_consume("q")
            .consumer_tag("tag")
            .then_each(move |_, next| {
                assert!(matches!(next, Err(ConsumerError::Ended(end)) if end.is_wanted()));
                done();
            });
        channel.basic_cancel("tag").then(|_, outcome| outcome.unwrap());
        let done = called("closed");
        channel.on_close(move |_, _| done());
        connection
            .event_loop()
            .call_later(std::time::Duration::from_millis(20), move |_| drop(channel));
        inside.set(false);
    });
    run(&mut event_loop);
    server.join().unwrap();
    let called = log.take();
    assert_eq!(
        called[..7],
        [
            "too long",
            "not started",
            "published",
            "refused",
            "acked",
            "no consumer",
            "timer"
        ]
    );
    assert!(called.contains(&"cancelled".to_owned()), "{called:?}");
}
