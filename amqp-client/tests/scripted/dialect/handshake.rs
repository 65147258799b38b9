//! From the protocol header to an open channel: versions, redirects, known hosts, realms.

use amqp_client::protocol::v0_8::{access, channel, connection, constants};
use amqp_client::protocol::{FieldValue, MethodId, ProtocolHeader, ShortStr};
use amqp_client::{CallError, ChannelError, Config, ConnectionError, Protocol, State, Violation};

use super::{Sent, config, on, open, open_channel, peer_in, sent, start, tune};
use crate::peer::Peer;

#[test]
fn the_handshake_is_that_of_the_revision() {
    for step in [usize::MAX, 1] {
        let mut peer = Peer::new(config().virtual_host("shop")).by(step);
        peer.send(0, &start());
        let sent_first = sent(&mut peer);
        let [
            Sent::Method(
                0,
                super::Method::Connection(connection::Method::StartOk(connection::StartOk {
                    client_properties,
                    mechanism,
                    response,
                    locale,
                })),
            ),
        ] = sent_first.as_slice()
        else {
            panic!("{sent_first:?}")
        };
        assert_eq!(
            (mechanism.as_bytes(), locale.as_bytes()),
            (&b"PLAIN"[..], &b"en_US"[..])
        );
        assert_eq!(response.as_bytes(), b"\0guest\0guest");
        // A server that was told more would send methods that the revision lacks.
        let Some(FieldValue::Table(capabilities)) = client_properties.get("capabilities") else {
            panic!("none")
        };
        let named: Vec<_> = capabilities.iter().map(|(name, _)| name.to_string()).collect();
        assert_eq!(named, ["authentication_failure_close", "consumer_cancel_notify"]);

        peer.send(0, &tune());
        let tune_ok = connection::TuneOk {
            channel_max: 2047,
            frame_max: 131_072,
            heartbeat: 0,
        };
        let opening = connection::Open {
            virtual_host: ShortStr::from_static("shop"),
            capabilities: ShortStr::default(),
            insist: true,
        };
        assert_eq!(sent(&mut peer), [on(0, tune_ok), on(0, opening)]);
        peer.send(
            0,
            &connection::OpenOk {
                known_hosts: ShortStr::from_static("a, b:5673,,c"),
            },
        );
        assert_eq!(peer.core.state(), State::Open);
        assert_eq!(peer.core.known_hosts(), ["a", "b:5673", "c"]);
        assert_eq!(peer.core.server_properties().product.as_deref(), Some("script"));
        peer.events();
        open_channel(&mut peer);
    }
}

#[test]
fn a_challenge_is_answered() {
    let credentials = amqp_client::Credentials::rabbit_cr_demo("me", "s3cret");
    let mut peer = Peer::new(config().credentials(credentials));
    peer.send(
        0,
        &connection::Start {
            mechanisms: amqp_client::protocol::LongStr::from_static("RABBIT-CR-DEMO"),
            ..start()
        },
    );
    assert_eq!(sent(&mut peer).len(), 1);
    peer.send(
        0,
        &connection::Secure {
            challenge: amqp_client::protocol::LongStr::from_static("Please tell me your password"),
        },
    );
    let response = amqp_client::protocol::LongStr::from_static("My password is s3cret");
    assert_eq!(sent(&mut peer), [on(0, connection::SecureOk { response })]);
}

#[test]
fn another_version_is_a_refusal_and_names_both() {
    for step in [usize::MAX, 1] {
        let mut peer = Peer::new(config()).by(step);
        peer.feed(b"AMQP\0\0\x09\x01");
        let Some(error @ ConnectionError::VersionRefused { wanted, offered }) = peer.core.error() else {
            panic!("{:?}", peer.core.error())
        };
        assert_eq!((*wanted, *offered), (Protocol::V0_8, ProtocolHeader::V0_9_1));
        assert_eq!(Protocol::of(*offered), Some(Protocol::V0_9_1));
        assert_eq!(
            error.to_string(),
            "the server speaks AMQP 0 0 9 1 (0-9-1), not AMQP 0-8"
        );
    }
    // The other way round, as a server that knows nothing newer does.
    let mut peer = Peer::new(Config::default());
    peer.feed(b"AMQP\x01\x01\x08\0");
    let Some(ConnectionError::VersionRefused { offered, .. }) = peer.core.error() else {
        panic!("{:?}", peer.core.error())
    };
    assert_eq!(Protocol::of(*offered), Some(Protocol::V0_8));
    // One that offers what it has just refused.
    let mut peer = Peer::new(config());
    peer.feed(b"AMQP\x01\x01\x08\0");
    assert_eq!(
        peer.core.error().map(ToString::to_string).as_deref(),
        Some("the server refused AMQP 0-8 and offers the same: AMQP 1 1 8 0 (0-8)")
    );
}

#[test]
fn a_start_of_another_version_is_a_violation() {
    let mut peer = Peer::new(config());
    peer.send(
        0,
        &connection::Start {
            version_major: 0,
            version_minor: 9,
            ..start()
        },
    );
    let Some(ConnectionError::PeerViolation(violation)) = peer.core.error() else {
        panic!("{:?}", peer.core.error())
    };
    assert_eq!(violation.kind, Violation::WrongVersion { major: 0, minor: 9 });
    assert_eq!(sent(&mut peer), []);
}

#[test]
fn a_redirect_says_where_to() {
    let redirect = connection::Redirect {
        host: ShortStr::from_static("other:5673"),
        known_hosts: ShortStr::from_static("third,fourth:1"),
    };
    let mut peer = Peer::new(config().insist(false));
    peer.send(0, &start());
    peer.send(0, &tune());
    let asked = sent(&mut peer);
    let Some(Sent::Method(0, super::Method::Connection(connection::Method::Open(open)))) = asked.last()
    else {
        panic!("{asked:?}")
    };
    assert!(!open.insist);
    peer.send(0, &redirect);
    let Some(error @ ConnectionError::Redirected { host, known_hosts }) = peer.core.error() else {
        panic!("{:?}", peer.core.error())
    };
    assert_eq!(
        (host.as_str(), known_hosts.join(" ").as_str()),
        ("other:5673", "third fourth:1")
    );
    assert_eq!(
        error.to_string(),
        "the server redirects to other:5673 (others: third, fourth:1)"
    );
    assert_eq!((sent(&mut peer), peer.core.state()), (vec![], State::Closed));

    let mut nowhere = Peer::new(config().insist(false));
    nowhere.send(0, &start());
    nowhere.send(0, &tune());
    nowhere.send(0, &connection::Redirect::default());
    assert_eq!(
        nowhere.core.error().map(ToString::to_string).as_deref(),
        Some("the server redirects to no host")
    );

    // Anywhere else it is out of place.
    for state in [State::AwaitingStart, State::AwaitingTune, State::Open] {
        let mut peer = peer_in(state, config());
        peer.send(0, &redirect);
        let Some(error @ ConnectionError::PeerViolation(_)) = peer.core.error() else {
            panic!("{state}: {:?}", peer.core.error())
        };
        let text = error.to_string();
        assert!(
            text.ends_with("unexpected connection.redirect on channel 0"),
            "{text}"
        );
    }
}

#[test]
fn a_realm_that_is_too_long_is_a_setting_that_is_wrong() {
    let mut peer = Peer::new(config().access_realm(Some("/".repeat(256))));
    peer.send(0, &start());
    let error = peer.core.error().unwrap();
    assert!(
        matches!(
            error,
            ConnectionError::InvalidSetting {
                setting: "access_realm",
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(sent(&mut peer), []);
}

#[test]
fn without_a_realm_no_access_is_requested() {
    let mut peer = peer_in(State::Open, config().access_realm(None));
    let (key, request) = peer.core.open_channel(peer.now).unwrap();
    sent(&mut peer);
    peer.send(1, &channel::OpenOk {});
    assert!(peer.outcome(request).is_ok());
    assert_eq!(sent(&mut peer), []);
    let declare = crate::peer::declare("q");
    peer.core.call(peer.now, key, declare).unwrap();
    let declare = amqp_client::protocol::v0_8::queue::Declare {
        ticket: 0,
        queue: ShortStr::from_static("q"),
        ..Default::default()
    };
    assert_eq!(sent(&mut peer), [on(1, declare)]);
}

#[test]
fn a_refused_access_is_a_channel_that_the_server_closed() {
    let mut peer = open();
    let (key, request) = peer.core.open_channel(peer.now).unwrap();
    peer.send(1, &channel::OpenOk {});
    sent(&mut peer);
    peer.send(
        1,
        &channel::Close {
            reply_code: constants::ACCESS_REFUSED,
            reply_text: ShortStr::from_static("ACCESS_REFUSED - no realm"),
            class_id: 30,
            method_id: 10,
        },
    );
    assert_eq!(sent(&mut peer), [on(1, channel::CloseOk {})]);
    let Err(CallError::Channel(ChannelError::ClosedByServer(close))) = peer.outcome(request) else {
        panic!("open")
    };
    assert_eq!(close.method, Some(MethodId::new(30, 10)));
    assert!(peer.core.channel_error(key).is_some());
    // Its number is free for a channel that is asked for anew.
    assert_eq!(open_channel(&mut peer).id(), key.id());
}

#[test]
fn a_channel_that_is_closed_before_it_is_open_asks_for_nothing() {
    let mut peer = open();
    let (key, opening) = peer.core.open_channel(peer.now).unwrap();
    let closing = peer
        .core
        .close_channel(peer.now, key, constants::REPLY_SUCCESS, ShortStr::default())
        .unwrap();
    sent(&mut peer);
    peer.send(1, &channel::OpenOk {});
    assert_eq!(sent(&mut peer), []);
    peer.send(1, &channel::CloseOk {});
    let outcomes = crate::peer::resolved(peer.events());
    let [
        (first, Ok(_)),
        (second, Err(CallError::Channel(ChannelError::Closed))),
    ] = outcomes.as_slice()
    else {
        panic!("{outcomes:?}")
    };
    assert_eq!((*first, *second), (closing, opening));
    open_channel(&mut peer);
}

#[test]
fn a_channel_whose_opener_is_gone_is_closed_again() {
    let mut peer = open();
    let (_, request) = peer.core.open_channel(peer.now).unwrap();
    peer.core.abandon_request(request);
    peer.send(1, &channel::OpenOk {});
    sent(&mut peer);
    peer.send(1, &access::RequestOk { ticket: 1 });
    assert!(matches!(
        sent(&mut peer).as_slice(),
        [Sent::Method(1, super::Method::Channel(channel::Method::Close(_)))]
    ));
}

#[test]
fn the_answers_of_opening_come_once_and_in_order() {
    // Each: what comes before, what comes out of place, and how that is called.
    let cases: [(&[u16], u16, &str); 3] = [
        (&[], 1, "access.request_ok"),
        (&[0], 0, "channel.open_ok"),
        (&[0, 1], 1, "access.request_ok"),
    ];
    for (before, then, name) in cases {
        let mut peer = open();
        peer.core.open_channel(peer.now).unwrap();
        let answer = |peer: &mut Peer, which| match which {
            0 => peer.send(1, &channel::OpenOk {}),
            _ => peer.send(1, &access::RequestOk { ticket: 9 }),
        };
        before.iter().for_each(|which| answer(&mut peer, *which));
        assert!(peer.core.error().is_none());
        answer(&mut peer, then);
        let text = peer.core.error().unwrap().to_string();
        assert!(
            text.ends_with(&format!("unexpected {name} on channel 1")),
            "{text}"
        );
    }
}
