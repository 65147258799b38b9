//! What a propagator adds to messages and finds in them, and that it may use the connection meanwhile.

use std::cell::Cell;
use std::future::IntoFuture;
use std::sync::{Arc, OnceLock};

use amqp_client::protocol::v0_9_1::{basic, connection};
use amqp_client::protocol::{FieldTable, ShortStr};
use amqp_client::{Config, Connection, Headers, Propagator};

use crate::peer::{Sent, body_frames, deliver, header_frame_with, method_frame};
use crate::wire::{Session, next, poll, ready};

thread_local!(static NUMBER: Cell<u32> = const { Cell::new(0) });

/// Carries a number of the thread.
#[derive(Clone, Default)]
struct Number(Arc<OnceLock<Connection>>);

impl Propagator for Number {
    fn inject(&self, headers: &mut Headers<'_, '_>) {
        if let Some(connection) = self.0.get() {
            connection.stats();
        }
        headers.set("x-number", &NUMBER.get().to_string()).unwrap();
        NUMBER.set(NUMBER.get() + 1);
    }

    fn extract(&self, headers: &FieldTable<'_>, within: &mut dyn FnMut()) {
        if let Some(connection) = self.0.get() {
            connection.stats();
        }
        let number = headers.get("x-number").unwrap();
        let before = NUMBER.replace(number.as_str().unwrap().parse().unwrap());
        within();
        NUMBER.set(before);
    }
}

fn headers(sent: Vec<Sent>) -> Vec<FieldTable<'static>> {
    let headers = |sent| match sent {
        Sent::Header(_, _, properties) => Some(properties.headers.unwrap_or_default()),
        _ => None,
    };
    sent.into_iter().filter_map(headers).collect()
}

fn table<const N: usize>(entries: [(&'static str, &'static str); N]) -> FieldTable<'static> {
    FieldTable::from_entries(entries).unwrap()
}

#[test]
fn each_message_is_given_the_context_once_and_keeps_what_its_publisher_set() {
    NUMBER.set(7);
    let propagator = Number::default();
    let mut session = Session::open_with(Config::default().propagator(propagator.clone()));
    propagator.0.set(session.connection.clone()).unwrap();
    let channel = session.open_channel();
    ready(channel.basic_publish("", "q", "plain").into_future()).unwrap();
    ready(
        channel
            .basic_publish("", "q", "mine")
            .header("x-number", "mine")
            .header("b", "2")
            .into_future(),
    )
    .unwrap();
    // A future that is never polled is given nothing.
    drop(channel.basic_publish("", "q", "never").into_future());
    assert_eq!(
        headers(session.sent()),
        [
            table([("x-number", "7")]),
            table([("x-number", "mine"), ("b", "2")])
        ]
    );

    // One that is held back is given it before.
    session.send(0, &connection::Blocked::default());
    let mut held = channel.basic_publish("", "q", "held").into_future();
    assert!(poll(&mut held).is_pending());
    NUMBER.set(100);
    assert!(poll(&mut held).is_pending());
    session.send(0, &connection::Unblocked {});
    assert!(poll(&mut held).is_ready());
    assert_eq!(headers(session.sent()), [table([("x-number", "9")])]);
}

#[test]
fn what_a_message_carries_is_the_context_of_its_handler() {
    NUMBER.set(1);
    let propagator = Number::default();
    let mut session = Session::open_with(Config::default().propagator(propagator.clone()));
    propagator.0.set(session.connection.clone()).unwrap();
    let channel = session.open_channel();
    let mut consumer = session.consume(&channel, "c");
    let properties = basic::Properties {
        headers: Some(table([("x-number", "42")])),
        ..Default::default()
    };
    let mut octets = method_frame(1, &deliver("c", 1));
    octets.extend(header_frame_with(1, 4, &properties));
    octets.extend(body_frames(1, b"body", 100));
    session.feed(&octets);
    let delivery = next(&mut consumer).unwrap();
    assert_eq!(NUMBER.get(), 1);
    let (mut calls, mut seen) = (0, 0);
    delivery.in_context(|| (calls, seen) = (calls + 1, NUMBER.get()));
    assert_eq!((calls, seen, NUMBER.get()), (1, 42, 1));
    ready(delivery.ack()).unwrap();
}

#[test]
fn without_a_propagator_a_handler_has_the_context_that_there_is() {
    NUMBER.set(5);
    let mut session = Session::open();
    let channel = session.open_channel();
    ready(channel.basic_publish("", "q", "plain").into_future()).unwrap();
    assert_eq!(headers(session.sent()), [FieldTable::new()]);
    let mut fetching = channel.basic_get("q").no_ack().into_future();
    assert!(poll(&mut fetching).is_pending());
    session.sent();
    let get_ok = basic::GetOk {
        routing_key: ShortStr::from_static("q"),
        ..Default::default()
    };
    let mut octets = method_frame(1, &get_ok);
    octets.extend(header_frame_with(1, 0, &basic::Properties::default()));
    session.feed(&octets);
    let delivery = ready(fetching).unwrap().unwrap();
    let mut seen = 0;
    delivery.in_context(|| seen = NUMBER.get());
    assert_eq!(seen, 5);
}
