//! Any method may be called from any closure.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use amqp_client::ConsumerError;
use amqp_client::event_loop::{EventLoop, Handlers};
use amqp_client::protocol::v0_9_1::{basic, channel, connection, queue};

use crate::server::{cancel_ok, close, consume_ok, declare_ok, deliver, method, serve};
use crate::{Log, run, with_channel};

#[test]
fn a_delivery_may_close_its_connection() {
    let (options, server) = serve(|session| {
        session.open_with_channel();
        session.expect::<basic::Consume<'_>>();
        session.write(
            &[
                consume_ok(1, "ctag"),
                deliver(1, "ctag", 1, "a"),
                deliver(1, "ctag", 2, "b"),
            ]
            .concat(),
        );
        session.close();
    });
    let mut event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let logs = log.clone();
    with_channel(event_loop.handle(), options, &log, move |connection, channel| {
        let connection = connection.clone();
        channel
            .basic_consume("q")
            .consumer_tag("ctag")
            .then_each(move |channel, next| match next {
                Ok(delivery) => {
                    logs.add(String::from_utf8_lossy(delivery.body()));
                    for asker in ["first", "second", "third", "fourth"] {
                        let log = logs.clone();
                        let told = move |_: &_, outcome: Result<(), _>| {
                            log.add(format!("{asker}: {}", outcome.is_ok()));
                        };
                        connection.close().then(told);
                    }
                    // All of it is over now, and says so.
                    delivery.ack().call().unwrap_err();
                    let log = logs.clone();
                    channel
                        .queue_declare("late")
                        .then(move |_, outcome| log.add(outcome.unwrap_err()));
                    channel.basic_cancel("ctag").then(|_, outcome| outcome.unwrap());
                }
                Err(error) => logs.add(error),
            });
    });
    run(&mut event_loop);
    server.join().unwrap();
    let closed = "the connection was closed by this client";
    // What had come of the other delivery is the server's again.
    // Who closed it is told in the order of asking, and before its end is.
    let askers = ["first: true", "second: true", "third: true", "fourth: true"];
    assert_eq!(
        log.take(),
        [&["a", closed, closed], &askers[..], &[closed]].concat()
    );
}

#[test]
fn a_delivery_may_cancel_its_consumer_and_start_another() {
    let (options, server) = serve(|session| {
        session.open_with_channel();
        session.expect::<basic::Consume<'_>>();
        session.write(
            &[
                consume_ok(1, "one"),
                deliver(1, "one", 1, "a"),
                deliver(1, "one", 2, "b"),
            ]
            .concat(),
        );
        session.expect::<basic::Consume<'_>>();
        let sent = session.names();
        session.write(
            &[
                cancel_ok(1, "one"),
                consume_ok(1, "two"),
                deliver(1, "two", 3, "c"),
            ]
            .concat(),
        );
        session.close();
        sent
    });
    let mut event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let logs = log.clone();
    with_channel(event_loop.handle(), options, &log, move |_, channel| {
        channel
            .basic_consume("q")
            .consumer_tag("one")
            .then_each(move |channel, next| match next {
                Ok(delivery) => {
                    logs.add(String::from_utf8_lossy(delivery.body()));
                    delivery.ack().call().unwrap();
                    channel.basic_cancel("one").then(|_, outcome| outcome.unwrap());
                    let log = logs.clone();
                    let consume = channel.basic_consume("q").consumer_tag("two");
                    consume.then_each(move |channel, next| match next {
                        Ok(delivery) => {
                            log.add(String::from_utf8_lossy(delivery.body()));
                            delivery.ack().call().unwrap();
                            channel.close().then(|_, outcome| outcome.unwrap());
                        }
                        Err(ConsumerError::NotStarted(error)) => log.add(error),
                        Err(error) => log.add(error),
                    });
                }
                Err(error) => logs.add(error),
            });
    });
    // The second delivery asks for the tag `two` again, which is taken.
    run(&mut event_loop);
    assert_eq!(
        server.join().unwrap(),
        [
            "channel.open",
            "basic.qos",
            "basic.consume",
            "basic.ack",
            "basic.cancel",
            "basic.consume"
        ]
    );
    let called = log.take();
    assert_eq!(called[..2], ["a", "b"]);
    assert!(called.contains(&"c".to_owned()), "{called:?}");
    assert!(
        called.contains(&"the consumer was cancelled by this client".to_owned()),
        "{called:?}"
    );
}

#[test]
fn a_closure_may_drop_every_handle_there_is() {
    let (options, server) = serve(|session| {
        session.open_with_channel();
        session.expect::<queue::Declare<'_>>();
        session.write(&declare_ok(1, "q"));
        session.expect::<channel::Close<'_>>();
        session.close();
    });
    let mut event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let logs = log.clone();
    with_channel(event_loop.handle(), options, &log, move |connection, channel| {
        let held = Rc::new(RefCell::new(Some((connection.clone(), channel.clone()))));
        channel.on_close(|_, _| {});
        channel.on_return(|_, _| {});
        channel.on_flow(|_, _| {});
        let log = logs.clone();
        channel.queue_declare("q").then(move |_, _| {
            drop(held.take());
            log.add("dropped");
        });
    });
    run(&mut event_loop);
    server.join().unwrap();
    assert_eq!(
        log.take(),
        ["dropped", "the connection was closed by this client"]
    );
}

#[test]
fn a_connection_that_is_over_may_be_made_again() {
    let (first, server) = serve(|session| {
        session.open();
        let forced = connection::Close {
            reply_code: amqp_client::protocol::ReplyCode(320),
            reply_text: "shutdown".try_into().unwrap(),
            ..Default::default()
        };
        session.write(&method(0, &forced));
        session.expect::<connection::CloseOk>();
    });
    let (second, again) = serve(|session| {
        session.open();
        session.close();
    });
    let mut event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let logs = log.clone();
    let held = Rc::new(RefCell::new(None));
    let hold = Rc::clone(&held);
    let handlers = Handlers::new()
        .on_open(move |connection| *hold.borrow_mut() = Some(connection.clone()))
        .on_close(move |event_loop, error| {
            logs.add(error);
            drop(held.take());
            let log = logs.clone();
            let handlers = Handlers::new()
                .on_open(|connection| connection.close().then(|_, outcome| outcome.unwrap()))
                .on_close(move |_, error| log.add(error));
            event_loop.connect(second, handlers);
        });
    event_loop.connect(first, handlers);
    run(&mut event_loop);
    server.join().unwrap();
    again.join().unwrap();
    let called = log.take();
    assert!(called[0].contains("320 CONNECTION_FORCED"), "{called:?}");
    assert_eq!(called[1], "the connection was closed by this client");
}

#[test]
fn a_channel_that_the_server_closes_may_be_opened_again_from_its_own_end() {
    let (options, server) = serve(|session| {
        session.open_with_channel();
        session.expect::<queue::Declare<'_>>();
        session.write(&close(1, "no"));
        session.expect::<channel::CloseOk>();
        assert_eq!(session.open_channel(), 1);
        session.close();
    });
    let mut event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let logs = log.clone();
    with_channel(event_loop.handle(), options, &log, move |connection, channel| {
        let (connection, log) = (connection.clone(), logs.clone());
        channel.on_close(move |_, reason| {
            log.add(reason);
            let log = log.clone();
            connection.open_channel().then(move |_, channel| {
                let channel = channel.unwrap();
                let logs = log.clone();
                channel.on_close(move |_, reason| logs.add(format!("again: {reason}")));
                // Long enough to be told of its end.
                let event_loop = channel.event_loop().clone();
                event_loop.call_later(Duration::from_millis(1), move |_| {
                    log.add("opened again");
                    drop(channel);
                });
            });
        });
        let log = logs.clone();
        channel
            .queue_declare("q")
            .passive()
            .then(move |_, outcome| log.add(outcome.is_err()));
    });
    run(&mut event_loop);
    server.join().unwrap();
    let called = log.take();
    assert_eq!(called[0], "true");
    assert!(called[1].contains("404 NOT_FOUND: no"), "{called:?}");
    assert_eq!(called[2], "opened again");
}
