//! Requests and their replies, closes, and what is refused before anything of it is sent.

use amqp_client::protocol::method::{Arguments, Encode, Request};
use amqp_client::protocol::v0_8::{basic, channel, connection, constants, queue, tx};
use amqp_client::protocol::{DeliveryTag, FieldTable, MethodId, Senders, ShortStr, Writer};
use amqp_client::sans_io::{ChannelKey, Settlement};
use amqp_client::{CallError, ChannelError, ConnectionError, Protocol, Secret, State, methods};

use super::{Sent, TICKET, on, open, open_channel, sent, start_consumer};
use crate::peer::{Peer, declare};

fn unsupported<T>(outcome: Result<T, CallError>) -> Option<&'static str> {
    match outcome {
        Err(CallError::Unsupported {
            method,
            protocol: Protocol::V0_8,
        }) => Some(method),
        _ => None,
    }
}

#[test]
fn a_call_and_its_reply_are_those_of_any_revision() {
    for step in [usize::MAX, 1] {
        let mut peer = open().by(step);
        let key = open_channel(&mut peer);
        let mut declare = declare("q");
        declare.arguments = FieldTable::new().with("x-max-length", 10).unwrap();
        declare.durable = true;
        declare.no_wait = true;
        let request = peer.core.call(peer.now, key, declare.clone()).unwrap();
        let declare_sent = queue::Declare {
            ticket: TICKET,
            queue: ShortStr::from_static("q"),
            durable: true,
            arguments: declare.arguments.clone(),
            ..Default::default()
        };
        assert_eq!(sent(&mut peer), [on(1, declare_sent.clone())]);
        let declare_ok = queue::DeclareOk {
            queue: ShortStr::from_static("q"),
            message_count: 3,
            consumer_count: 4,
        };
        peer.send(1, &declare_ok);
        let reply = peer.outcome(request).unwrap();
        let reply: methods::queue::DeclareOk<'_> = reply.decode().unwrap();
        assert_eq!((reply.queue.as_bytes(), reply.message_count), (&b"q"[..], 3));

        peer.core.send_no_wait(key, declare).unwrap();
        let declare_sent = queue::Declare {
            nowait: true,
            ..declare_sent
        };
        assert_eq!(sent(&mut peer), [on(1, declare_sent)]);
    }
}

#[test]
fn a_transaction_holds_back_what_follows_its_commit() {
    let mut peer = open();
    let key = open_channel(&mut peer);
    let select = peer.core.call(peer.now, key, methods::tx::Select {}).unwrap();
    peer.send(1, &tx::SelectOk {});
    assert!(peer.outcome(select).is_ok());
    let commit = peer.core.call(peer.now, key, methods::tx::Commit {}).unwrap();
    let purge = methods::queue::Purge {
        queue: ShortStr::from_static("q"),
        no_wait: false,
    };
    let purge = peer.core.call(peer.now, key, purge).unwrap();
    assert_eq!(sent(&mut peer), [on(1, tx::Select {}), on(1, tx::Commit {})]);
    peer.send(1, &tx::CommitOk {});
    assert!(peer.outcome(commit).is_ok());
    let purge_sent = queue::Purge {
        ticket: TICKET,
        queue: ShortStr::from_static("q"),
        nowait: false,
    };
    assert_eq!(sent(&mut peer), [on(1, purge_sent)]);
    peer.send(1, &queue::PurgeOk { message_count: 8 });
    assert!(peer.outcome(purge).is_ok());
}

#[test]
fn both_forms_of_recover_are_rabbitmqs() {
    let mut peer = open();
    let key = open_channel(&mut peer);
    peer.core
        .recover_async(key, methods::basic::RecoverAsync { requeue: true })
        .unwrap();
    let recover = methods::basic::Recover { requeue: true };
    let recover = peer.core.call(peer.now, key, recover).unwrap();
    assert_eq!(
        sent(&mut peer),
        [
            on(1, basic::RecoverAsync { requeue: true }),
            on(1, basic::Recover { requeue: true })
        ]
    );
    peer.send(1, &basic::RecoverOk {});
    assert!(peer.outcome(recover).is_ok());
}

#[test]
fn flow_and_warnings_of_the_server() {
    let mut peer = open();
    let key = open_channel(&mut peer);
    for active in [false, true] {
        peer.send(1, &channel::Flow { active });
        assert_eq!(sent(&mut peer), [on(1, channel::FlowOk { active })]);
        assert_eq!(peer.core.may_publish(key), active);
    }
    let alert = channel::Alert {
        reply_code: constants::NOT_FOUND,
        reply_text: ShortStr::from_static("something"),
        details: FieldTable::default(),
    };
    peer.send(1, &alert);
    assert_eq!((sent(&mut peer), peer.core.state()), (vec![], State::Open));
}

/// A method of nobody's.
#[derive(Default)]
struct Stranger<const METHOD: u16>;

impl<const METHOD: u16> Encode for Stranger<METHOD> {
    fn encoded_len(&self) -> usize {
        1
    }
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.octet(7);
    }
}

impl<const METHOD: u16> Arguments for Stranger<METHOD> {
    const ID: MethodId = MethodId::new(60, METHOD);
    const NAME: &'static str = "basic.stranger";
    const SENDERS: Senders = Senders::CLIENT;
    const SYNCHRONOUS: bool = false;
    const CONTENT: bool = false;
}

impl<const METHOD: u16> Request for Stranger<METHOD> {
    type Reply = methods::basic::QosOk;
}

#[test]
fn what_the_revision_lacks_leaves_no_trace() {
    fn call<M: Request>(peer: &mut Peer, key: ChannelKey, method: M) -> Option<&'static str> {
        unsupported(peer.core.call(peer.now, key, method))
    }
    let mut peer = open();
    let key = open_channel(&mut peer);
    let nack = methods::basic::Nack {
        delivery_tag: DeliveryTag(1),
        ..Default::default()
    };
    let multiple = methods::basic::Nack {
        multiple: true,
        ..nack
    };
    let with_arguments = methods::basic::Consume {
        arguments: FieldTable::new().with("x-priority", 1).unwrap(),
        ..crate::peer::consume("c")
    };
    let (now, secret) = (peer.now, Secret::from("fresh"));
    let refused = [
        call(&mut peer, key, methods::confirm::Select::default()),
        call(&mut peer, key, methods::exchange::Bind::default()),
        call(&mut peer, key, methods::exchange::Unbind::default()),
        unsupported(peer.core.send(key, &nack)),
        unsupported(peer.core.settle(key, Settlement::Nack(multiple))),
        unsupported(peer.core.consume(now, key, with_arguments, Some(5))),
        unsupported(peer.core.update_secret(now, &secret, ShortStr::default())),
        unsupported(peer.core.send_no_wait(key, methods::exchange::Bind::default())),
        // A method that nobody knows, and one that is not what its id says.
        call(&mut peer, key, Stranger::<199>),
        call(&mut peer, key, Stranger::<10>),
    ];
    assert_eq!(
        refused.map(|method| method.unwrap_or("sent")),
        [
            "confirm.select",
            "exchange.bind",
            "exchange.unbind",
            "basic.nack",
            "basic.nack",
            "basic.consume",
            "connection.update_secret",
            "exchange.bind",
            "basic.stranger",
            "basic.stranger",
        ]
    );
    assert_eq!(sent(&mut peer), []);
    // Nothing is expected, numbered, settled or due: the next reply belongs to the next call.
    assert_eq!(peer.core.poll_timeout(), None);
    assert_eq!(crate::peer::publish(&mut peer, key, "x").unwrap(), None);
    let request = peer.core.call(peer.now, key, declare("q")).unwrap();
    peer.send(1, &queue::DeclareOk::default());
    assert!(peer.outcome(request).is_ok());
    sent(&mut peer);
    start_consumer(&mut peer, key, "c");
    for (method, text) in [
        ("confirm.select", "AMQP 0-8 has no confirm.select"),
        ("basic.consume", "AMQP 0-8 has no arguments of basic.consume"),
    ] {
        let protocol = Protocol::V0_8;
        assert_eq!(CallError::Unsupported { method, protocol }.to_string(), text);
    }
}

#[test]
fn a_method_that_does_not_fit_is_measured_as_it_is_sent() {
    let mut peer = super::peer_in(State::AwaitingTune, super::config());
    peer.send(
        0,
        &connection::Tune {
            frame_max: 4096,
            ..super::tune()
        },
    );
    peer.send(0, &connection::OpenOk::default());
    sent(&mut peer);
    peer.events();
    let key = open_channel(&mut peer);
    let mut declare = declare("q");
    declare.arguments = FieldTable::new().with("k", "x".repeat(4096).as_str()).unwrap();
    let outcome = peer.core.call(peer.now, key, declare);
    assert!(matches!(
        outcome,
        Err(CallError::FrameTooLarge {
            method: "queue.declare",
            ..
        })
    ));
    assert_eq!(sent(&mut peer), []);
}

#[test]
fn a_close_of_the_server_blames_a_method_by_the_name_that_it_has_everywhere() {
    for step in [usize::MAX, 1] {
        // A connection.close that blames a connection.close: 10.60, and not what 10.60 means elsewhere.
        let close = connection::Close {
            reply_code: constants::CHANNEL_ERROR,
            reply_text: ShortStr::from_static("CHANNEL_ERROR - why"),
            class_id: 10,
            method_id: 60,
        };
        let mut peer = open().by(step);
        peer.send(0, &close);
        let Some(ConnectionError::ClosedByServer(found)) = peer.core.error() else {
            panic!("{:?}", peer.core.error())
        };
        assert_eq!(found.method, Some(methods::connection::Close::ID));
        assert_eq!(found.to_string(), "504 CHANNEL_ERROR: why (connection.close)");
        assert_eq!(sent(&mut peer), [on(0, connection::CloseOk {})]);
        assert_eq!(peer.core.state(), State::Closed);

        let mut peer = open().by(step);
        let key = open_channel(&mut peer);
        let request = peer.core.call(peer.now, key, declare("q")).unwrap();
        sent(&mut peer);
        let close = channel::Close {
            reply_code: constants::NOT_FOUND,
            reply_text: ShortStr::from_static("NOT_FOUND - no queue 'q'"),
            class_id: 50,
            method_id: 10,
        };
        peer.send(1, &close);
        assert_eq!(sent(&mut peer), [on(1, channel::CloseOk {})]);
        let Err(CallError::Channel(ChannelError::ClosedByServer(close))) = peer.outcome(request) else {
            panic!("not closed")
        };
        assert_eq!(close.to_string(), "404 NOT_FOUND: no queue 'q' (queue.declare)");
    }
}

#[test]
fn closing_is_that_of_the_revision() {
    for step in [usize::MAX, 1] {
        let mut peer = open().by(step);
        peer.core.close(
            peer.now,
            constants::REPLY_SUCCESS,
            ShortStr::from_static("goodbye"),
        );
        let close = connection::Close {
            reply_code: constants::REPLY_SUCCESS,
            reply_text: ShortStr::from_static("goodbye"),
            ..Default::default()
        };
        assert_eq!(sent(&mut peer), [on(0, close.clone())]);
        // Theirs crosses ours.
        peer.send(0, &close);
        assert_eq!(sent(&mut peer), [on(0, connection::CloseOk {})]);
        assert_eq!(peer.core.state(), State::Closing);
        peer.send(0, &connection::CloseOk {});
        assert_eq!(peer.core.state(), State::Closed);
        assert!(matches!(peer.core.error(), Some(ConnectionError::Closed)));
    }
}

#[test]
fn a_violation_is_told_by_the_ids_of_the_revision() {
    let mut peer = open();
    peer.send(0, &connection::CloseOk {});
    let told = sent(&mut peer);
    let [Sent::Method(0, super::Method::Connection(connection::Method::Close(close)))] = told.as_slice()
    else {
        panic!("{told:?}")
    };
    assert_eq!((close.class_id, close.method_id), (10, 61));
    assert_eq!(close.reply_code, constants::COMMAND_INVALID);
}
