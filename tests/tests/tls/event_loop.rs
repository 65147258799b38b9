//! TLS in the event loop: the same options, the same failures.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use amqp_client::event_loop::{EventLoop, Handlers};
use amqp_client::{ConnectOptions, ConnectPhase, Host, TlsOptions, TlsRoots};

use crate::certificates::Folder;
use crate::node::{node, trusting};

/// Connects to the node with these options, publishes and gets a large message, and says what came of it.
fn connect(tls: TlsOptions) -> String {
    let host = Host::new("localhost", node().broker.tls_port().unwrap());
    let options = ConnectOptions::default().hosts([host]).tls(tls);
    let mut event_loop = EventLoop::new().unwrap();
    let outcome = Rc::new(RefCell::new(String::new()));
    let (opened, failed) = (Rc::clone(&outcome), Rc::clone(&outcome));
    let handlers = Handlers::new()
        .on_open(move |connection| {
            connection.open_channel().then(move |_, channel| {
                let channel = channel.unwrap();
                channel
                    .queue_declare("")
                    .exclusive()
                    .then(move |channel, declared| {
                        let queue = declared.unwrap().queue.to_string();
                        let body = vec![7; 1 << 20];
                        channel
                            .basic_publish("", &queue, body)
                            .then(|_, outcome| outcome.unwrap());
                        channel.basic_get(&queue).no_ack().then(move |_, got| {
                            *opened.borrow_mut() = format!("{} octets", got.unwrap().unwrap().body().len());
                        });
                    });
            });
        })
        .on_open_error(move |_, error| {
            // `localhost` may have several addresses.
            let attempt = error.attempts().last().unwrap();
            assert_eq!(attempt.phase, ConnectPhase::Tls, "{error}");
            *failed.borrow_mut() = attempt.error.to_string();
        });
    event_loop.connect(options, handlers);
    let limit = Instant::now() + Duration::from_secs(60);
    while !event_loop.handle().is_idle() {
        assert!(Instant::now() < limit, "{outcome:?}");
        event_loop.run_once(Duration::from_secs(1)).unwrap();
    }
    outcome.take()
}

#[test]
fn a_loop_speaks_tls() {
    let folder = Folder::new();
    assert_eq!(connect(trusting(&folder)), "1048576 octets");
    let stranger = folder.write("stranger.pem", &node().stranger.pem);
    let refused = connect(TlsOptions::default().roots(TlsRoots::File(stranger)));
    assert!(refused.contains("certificate"), "{refused}");
}
