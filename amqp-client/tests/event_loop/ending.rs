//! What a panic leaves, and what the end of the loop does to connections.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use amqp_client::event_loop::{EventLoop, Handlers};
use amqp_client::protocol::v0_9_1::{basic, connection};
use amqp_client::{ConnectionError, State};

use crate::server::{consume_ok, deliver, method, serve};
use crate::{Log, run, with_channel};

/// Runs the loop until it panics, and gives back with what.
fn run_to_panic(event_loop: &mut EventLoop) -> String {
    let panic = catch_unwind(AssertUnwindSafe(|| run(event_loop))).unwrap_err();
    (*panic.downcast::<&str>().unwrap()).to_owned()
}

#[test]
fn a_panic_costs_what_panicked_and_nothing_else() {
    let (options, server) = serve(|session| {
        session.open_with_channel();
        session.expect::<basic::Consume<'_>>();
        session.expect::<basic::Consume<'_>>();
        session.write(
            &[
                consume_ok(1, "bad"),
                consume_ok(1, "good"),
                deliver(1, "bad", 1, "x"),
                deliver(1, "bad", 2, "y"),
                deliver(1, "good", 3, "z"),
            ]
            .concat(),
        );
        // The consumer is cancelled, what it had goes back.
        session.expect::<basic::Ack>();
        let blocked = connection::Blocked {
            reason: "memory".try_into().unwrap(),
        };
        session.write(&[method(0, &blocked), method(0, &connection::Unblocked {})].concat());
        session.close();
        session.names()
    });
    let mut event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let (on_close, on_unblocked, logs) = (log.clone(), log.clone(), log.clone());
    let handlers = Handlers::new()
        .on_open(move |connection| {
            connection.open_channel().then(move |_, channel| {
                let channel = channel.unwrap();
                let bad = channel.basic_consume("q").consumer_tag("bad");
                bad.then_each(|_, next| {
                    let _requeued = next.unwrap();
                    panic!("in a consumer");
                });
                let good = channel.basic_consume("q").consumer_tag("good");
                good.then_each(move |_, next| {
                    if let Ok(delivery) = next {
                        logs.add(String::from_utf8_lossy(delivery.body()));
                        delivery.ack().call().unwrap();
                    }
                });
            });
        })
        .on_blocked(|_, _| panic!("in a handler"))
        .on_unblocked(move |connection| {
            on_unblocked.add("unblocked");
            connection.close().then(|_, outcome| outcome.unwrap());
        })
        .on_close(move |_, error| on_close.add(error));
    event_loop.connect(options, handlers);
    event_loop.call_later(Duration::ZERO, |_| panic!("in a timer"));
    assert_eq!(run_to_panic(&mut event_loop), "in a timer");
    assert_eq!(run_to_panic(&mut event_loop), "in a consumer");
    assert_eq!(run_to_panic(&mut event_loop), "in a handler");
    // The handlers of the connection are still there.
    run(&mut event_loop);
    assert_eq!(
        log.take(),
        ["z", "unblocked", "the connection was closed by this client"]
    );
    let sent = server.join().unwrap();
    assert_eq!(
        sent.iter().filter(|name| **name == "basic.reject").count(),
        2,
        "{sent:?}"
    );
    assert!(sent.contains(&"basic.cancel"), "{sent:?}");
}

#[test]
fn connections_end_with_their_loop_and_nothing_is_called() {
    let (options, server) = serve(|session| {
        session.open_with_channel();
        // No close: the stream ends.
        while session.next().is_some() {}
    });
    let mut event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let held = std::rc::Rc::new(std::cell::RefCell::new(None));
    let hold = std::rc::Rc::clone(&held);
    with_channel(event_loop.handle(), options, &log, move |connection, channel| {
        *hold.borrow_mut() = Some((connection.clone(), channel.clone()));
        connection.event_loop().stop();
    });
    event_loop.run().unwrap();
    let (connection, channel) = held.take().unwrap();
    assert_eq!(connection.state(), State::Open);
    channel
        .queue_declare("q")
        .then(|_, _| panic!("there is no loop to call it"));
    drop(event_loop);
    assert_eq!(connection.state(), State::Closed);
    channel
        .queue_declare("q")
        .then(|_, _| panic!("there is no loop to call it"));
    let error = channel.queue_declare("q").no_wait().send().unwrap_err();
    assert!(
        error
            .to_string()
            .contains(&ConnectionError::DriverDropped.to_string()),
        "{error}"
    );
    assert!(log.take().is_empty());
    server.join().unwrap();
}
