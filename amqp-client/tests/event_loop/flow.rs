//! What channel.flow does to a channel, and who is told.

use amqp_client::event_loop::EventLoop;
use amqp_client::protocol::v0_9_1::{basic, channel};

use crate::server::{method, serve};
use crate::{Log, run, with_channel};

#[test]
fn flow_is_told_to_its_channel_and_holds_back_what_it_publishes() {
    let (options, server) = serve(|session| {
        session.open();
        let (one, other) = (session.open_channel(), session.open_channel());
        session.write(&method(one, &channel::Flow { active: false }));
        session.expect::<channel::FlowOk>();
        // Published behind that of the other channel.
        assert_eq!(session.expect::<basic::Publish<'_>>().0, other);
        session.write(&method(one, &channel::Flow { active: true }));
        session.expect::<channel::FlowOk>();
        assert_eq!(session.expect::<basic::Publish<'_>>().0, one);
        session.close();
        session.log.clone()
    });
    let mut event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let logs = log.clone();
    with_channel(&event_loop, options, &log, move |connection, one| {
        connection.open_channel().then(move |_, other| {
            let other = other.unwrap();
            let log = logs.clone();
            other.on_flow(move |_, active| log.add(format!("the other flows: {active}")));
            let log = logs.clone();
            // Held until each has published.
            let (mut other, mut held) = (Some(other), Some(one.clone()));
            assert!(one.may_publish());
            one.on_flow(move |channel, active| {
                log.add(format!("flows: {active}"));
                assert!(active || !channel.may_publish());
                let Some(other) = other.take() else {
                    return drop(held.take());
                };
                let logs = log.clone();
                channel
                    .basic_publish("", "q", "held back")
                    .then(move |channel, outcome| {
                        logs.add(format!("held back: {}", outcome.is_ok()));
                        assert!(channel.may_publish());
                    });
                let logs = log.clone();
                assert!(other.may_publish());
                other
                    .basic_publish("", "q", "let go")
                    .then(move |_, outcome| logs.add(format!("let go: {}", outcome.is_ok())));
            });
        });
    });
    run(&mut event_loop);
    let received = server.join().unwrap();
    let flow_oks = received.iter().filter_map(|(_, method)| match method {
        amqp_client::methods::Method::Channel(channel::Method::FlowOk(ok)) => Some(ok.active),
        _ => None,
    });
    assert_eq!(flow_oks.collect::<Vec<_>>(), [false, true]);
    assert_eq!(
        log.take(),
        [
            "flows: false",
            "let go: true",
            "flows: true",
            "held back: true",
            "the connection was closed by this client",
        ]
    );
}
