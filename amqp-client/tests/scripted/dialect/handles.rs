//! What users of the handles see of AMQP 0-8.

use std::future::IntoFuture;
use std::sync::{Arc, Mutex};

use amqp_client::protocol::v0_8::{basic, channel, connection};
use amqp_client::protocol::{DeliveryTag, ShortStr};
use amqp_client::{CallError, Channel, Delivery, methods, wire};

use super::{config, start, tune};
use crate::peer::{header_frame, method_frame};
use crate::wire::{Session, poll, ready, reject};

/// An open session. No access is requested, so that what is sent has the form of any revision.
fn session() -> Session {
    let mut session = Session::greeted(config().access_realm(None));
    session.send(0, &start());
    session.send(0, &tune());
    session.send(
        0,
        &connection::OpenOk {
            known_hosts: ShortStr::from_static("a,b:5673"),
        },
    );
    assert_eq!(session.sent().len(), 3);
    session
}

fn open_channel(session: &mut Session) -> Channel {
    let connection = session.connection.clone();
    let mut opening = Box::pin(connection.open_channel());
    assert!(poll(&mut opening).is_pending());
    assert_eq!(session.sent().len(), 1);
    session.send(1, &channel::OpenOk {});
    ready(opening).unwrap()
}

#[test]
fn other_hosts_are_named() {
    assert_eq!(session().connection.known_hosts(), ["a", "b:5673"]);
}

#[test]
fn a_tap_names_methods_as_they_are_on_the_wire() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let tap = {
        let seen = Arc::clone(&seen);
        move |frame: &wire::Frame<'_>| seen.lock().unwrap().push(frame.to_string())
    };
    let mut session = Session::greeted(config().access_realm(None).wire_tap(Arc::new(tap)));
    session.send(0, &start());
    session.send(0, &tune());
    session.send(0, &connection::OpenOk::default());
    session.sent();
    let connection = session.connection.clone();
    let mut opening = Box::pin(connection.open_channel());
    assert!(poll(&mut opening).is_pending());
    session.sent();
    session.send(1, &channel::OpenOk {});
    let seen = seen.lock().unwrap();
    let names: Vec<_> = seen
        .iter()
        .map(|line| line.split_once(": ").unwrap().1.split([' ', '{']).next().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "protocol",
            "connection.start",
            "connection.start_ok",
            "connection.tune",
            "connection.tune_ok",
            "connection.open",
            "connection.open_ok",
            "channel.open",
            "channel.open_ok",
        ]
    );
    assert!(seen.iter().any(|line| line.contains("insist: true")));
    assert!(!seen.iter().any(|line| line.contains("guest")), "{seen:?}");
}

fn fetch(session: &mut Session, channel: &Channel, delivery_tag: u64) -> Delivery {
    let mut fetching = channel.basic_get("q").into_future();
    assert!(poll(&mut fetching).is_pending());
    assert_eq!(session.sent().len(), 1);
    let get_ok = basic::GetOk {
        delivery_tag: DeliveryTag(delivery_tag),
        ..Default::default()
    };
    session.feed(&[method_frame(1, &get_ok), header_frame(1, 0)].concat());
    ready(fetching).unwrap().unwrap()
}

#[test]
fn a_delivery_that_cannot_be_settled_so_is_requeued() {
    let mut session = session();
    let channel = open_channel(&mut session);
    let [first, second] = [1, 2].map(|delivery_tag| fetch(&mut session, &channel, delivery_tag));
    let outcome = ready(first.reject_multiple());
    assert!(matches!(
        outcome,
        Err(CallError::Unsupported {
            method: "basic.nack",
            ..
        })
    ));
    assert_eq!(session.sent(), [reject(1)]);
    // By itself it can.
    ready(second.reject()).unwrap();
    assert!(matches!(session.sent().as_slice(), [sent] if sent.is::<methods::basic::Reject>()));
}

#[test]
fn confirm_mode_is_refused() {
    let mut session = session();
    let channel = open_channel(&mut session);
    let outcome = ready(channel.confirm_select().into_future());
    assert!(matches!(outcome, Err(CallError::Unsupported { .. })));
    assert_eq!(session.sent(), []);
}
