//! From the protocol header to an open connection, and every way in which that fails.

use std::time::Duration;

use amqp_client::protocol::v0_9_1::{Method, connection, constants};
use amqp_client::protocol::{FieldTable, FieldValue, ProtocolHeader, ReplyCode, ShortStr};
use amqp_client::{Config, ConnectionError, Credentials, State, Violation};

use crate::peer::{Peer, Sent, start};

fn tune(channel_max: u16, frame_max: u32, heartbeat: u16) -> connection::Tune {
    connection::Tune {
        channel_max,
        frame_max,
        heartbeat,
    }
}

fn close(code: ReplyCode, text: &'static str) -> connection::Close<'static> {
    connection::Close {
        reply_code: code,
        reply_text: ShortStr::from_static(text),
        ..Default::default()
    }
}

#[test]
fn the_three_answers_of_the_client() {
    let mut config = Config::default();
    config.credentials = Credentials::plain("me", "s3cret");
    config.virtual_host = "shop".to_owned();
    config.connection_name = Some("orders".to_owned());
    config.client_properties = FieldTable::new().with("product", "mine").unwrap();
    for step in [usize::MAX, 1] {
        let mut peer = Peer::new(config.clone()).by(step);
        let sent = peer.shake_hands(tune(2047, 131_072, 60));
        let [
            Sent::Method(0, Method::Connection(connection::Method::StartOk(start_ok))),
            tune_ok,
            open,
        ] = sent.as_slice()
        else {
            panic!("{sent:?}");
        };
        assert_eq!(
            (start_ok.mechanism.as_bytes(), start_ok.locale.as_bytes()),
            (&b"PLAIN"[..], &b"en_US"[..])
        );
        assert_eq!(start_ok.response.as_bytes(), b"\0me\0s3cret");
        let properties = &start_ok.client_properties;
        assert_eq!(
            properties.get("connection_name").unwrap().as_str(),
            Some("orders")
        );
        assert_eq!(properties.get("product").unwrap().as_str(), Some("mine"));
        assert_eq!(properties.iter().filter(|(name, _)| name == "product").count(), 1);
        let Some(FieldValue::Table(capabilities)) = properties.get("capabilities") else {
            panic!("none")
        };
        assert_eq!(
            capabilities.get("authentication_failure_close"),
            Some(FieldValue::Boolean(true))
        );
        let tune_ok_expected = connection::TuneOk {
            channel_max: 2047,
            frame_max: 131_072,
            heartbeat: 60,
        };
        assert_eq!(*tune_ok, Sent::Method(0, tune_ok_expected.into()));
        assert_eq!(
            *open,
            Sent::Method(
                0,
                connection::Open {
                    virtual_host: ShortStr::from_static("shop")
                }
                .into()
            )
        );
        assert_eq!(peer.core.state(), State::Open);
        assert_eq!(
            peer.core.server_properties().get("product").unwrap().as_str(),
            Some("script")
        );
    }
}

#[test]
fn tuning_takes_the_lesser_and_zero_is_no_limit() {
    for (ours, theirs, agreed) in [
        ((65535, 131_072, None), (2047, 131_072, 60), (2047, 131_072, 60)),
        ((10, 8192, None), (2047, 131_072, 60), (10, 8192, 60)),
        ((0, 0, None), (2047, 4096, 60), (2047, 4096, 60)),
        ((100, 8192, None), (0, 0, 0), (100, 8192, 0)),
        ((0, 0, None), (0, 0, 0), (0, 131_072, 0)),
        ((0, 4095, None), (0, 0, 0), (0, 4096, 0)),
        ((0, 0, Some(0)), (0, 0, 60), (0, 131_072, 0)),
        ((0, 0, Some(90)), (0, 0, 60), (0, 131_072, 90)),
    ] {
        let mut config = Config::default();
        (config.channel_max, config.frame_max, config.heartbeat) = ours;
        let mut peer = Peer::new(config);
        let sent = peer.shake_hands(tune(theirs.0, theirs.1, theirs.2));
        let tune_ok = connection::TuneOk {
            channel_max: agreed.0,
            frame_max: agreed.1,
            heartbeat: agreed.2,
        };
        assert_eq!(sent[1], Sent::Method(0, tune_ok.into()), "{ours:?} {theirs:?}");
    }
}

#[test]
fn a_frame_max_below_the_protocols_floor_is_its_own_error() {
    let mut peer = Peer::new(Config::default());
    peer.shake_hands(tune(0, 4095, 0));
    assert!(matches!(
        peer.core.error(),
        Some(ConnectionError::FrameMaxTooSmall { offered: 4095 })
    ));
    assert_eq!(peer.core.state(), State::Closed);
}

#[test]
fn another_version_is_named() {
    for step in [usize::MAX, 1] {
        let mut peer = Peer::new(Config::default()).by(step);
        peer.feed(b"AMQP\x03\x01\0\0");
        let Some(ConnectionError::VersionRefused(header)) = peer.core.error() else {
            panic!("no")
        };
        assert_eq!(*header, ProtocolHeader::V1_0_SASL);
        assert_eq!(peer.core.state(), State::Closed);
    }
}

#[test]
fn what_is_no_amqp_is_told_nothing() {
    for greeting in [
        "HTTP/1.1 400 Bad Request\r\n",
        "AMQ!\0\0\0\0",
        "\x15\x03\x01\0\x02\x02\x46",
    ] {
        let mut peer = Peer::new(Config::default());
        peer.feed(greeting.as_bytes());
        let Some(ConnectionError::PeerViolation(violation)) = peer.core.error() else {
            panic!("{greeting}")
        };
        assert_eq!(violation.state, State::AwaitingStart);
        assert_eq!(
            (peer.sent(), peer.core.state()),
            (vec![], State::Closed),
            "{greeting}"
        );
    }
}

#[test]
fn a_missing_mechanism_is_its_own_error() {
    let mut peer = Peer::new(Config::default());
    peer.send(0, &start("EXTERNAL PLAINER"));
    let Some(ConnectionError::MechanismNotOffered {
        wanted: "PLAIN",
        offered,
    }) = peer.core.error()
    else {
        panic!("{:?}", peer.core.error());
    };
    assert_eq!(offered, "EXTERNAL PLAINER");
}

#[test]
fn refusals_are_told_apart_and_answered() {
    let mut peer = Peer::new(Config::default());
    peer.send(0, &start("PLAIN"));
    peer.sent();
    peer.send(
        0,
        &close(constants::ACCESS_REFUSED, "ACCESS_REFUSED - Login was refused"),
    );
    assert_eq!(peer.sent(), [Sent::Method(0, connection::CloseOk {}.into())]);
    let error = peer.core.error().unwrap();
    assert!(matches!(error, ConnectionError::AuthenticationRefused(_)));
    assert_eq!(
        error.to_string(),
        "authentication refused: 403 ACCESS_REFUSED: Login was refused"
    );
    assert_eq!(peer.core.state(), State::Closed);

    let mut peer = Peer::new(Config::default());
    peer.send(0, &start("PLAIN"));
    peer.send(0, &tune(0, 0, 0));
    peer.send(
        0,
        &close(constants::NOT_ALLOWED, "NOT_ALLOWED - vhost x not found"),
    );
    assert!(matches!(
        peer.core.error(),
        Some(ConnectionError::VirtualHostRefused(_))
    ));
}

#[test]
fn the_end_of_the_stream_names_the_step() {
    for (steps, state) in [
        (0, State::AwaitingStart),
        (1, State::AwaitingTune),
        (2, State::AwaitingOpenOk),
    ] {
        let mut peer = Peer::new(Config::default());
        if steps > 0 {
            peer.send(0, &start("PLAIN"));
        }
        if steps > 1 {
            peer.send(0, &tune(0, 0, 0));
        }
        peer.core.receive_eof(peer.now);
        assert!(
            matches!(peer.core.error(), Some(ConnectionError::EndOfStream { state: found }) if *found == state)
        );
        assert_eq!(peer.core.state(), State::Closed);
    }
}

#[test]
fn a_silent_server_is_given_up_in_time() {
    let mut config = Config::default();
    config.handshake_timeout = Duration::from_secs(3);
    let mut peer = Peer::new(config);
    assert_eq!(peer.core.poll_timeout(), Some(peer.now + Duration::from_secs(3)));
    peer.advance(Duration::from_secs(2));
    peer.send(0, &start("PLAIN"));
    peer.advance(Duration::from_secs(1));
    let error = peer.core.error().unwrap();
    assert!(matches!(
        error,
        ConnectionError::HandshakeTimedOut {
            state: State::AwaitingTune
        }
    ));
    assert_eq!(
        (peer.core.state(), peer.core.poll_timeout()),
        (State::Closed, None)
    );
}

#[test]
fn methods_out_of_order_are_violations_that_name_the_state() {
    let mut peer = Peer::new(Config::default());
    peer.send(0, &start("PLAIN"));
    peer.sent();
    peer.send(0, &start("PLAIN"));
    let Some(ConnectionError::PeerViolation(violation)) = peer.core.error() else {
        panic!("no")
    };
    assert_eq!(violation.state, State::AwaitingTune);
    assert!(matches!(violation.kind, Violation::UnexpectedMethod { .. }));
    let sent = peer.sent();
    let [Sent::Method(0, Method::Connection(connection::Method::Close(close)))] = sent.as_slice() else {
        panic!("{sent:?}");
    };
    assert_eq!(
        (close.reply_code, close.class_id, close.method_id),
        (constants::COMMAND_INVALID, 10, 10)
    );
}

#[test]
fn settings_that_do_not_fit_are_errors_not_octets() {
    let mut config = Config::default();
    config.credentials = Credentials::plain("me", "x".repeat(5000));
    let mut peer = Peer::new(config);
    peer.send(0, &start("PLAIN"));
    assert!(matches!(
        peer.core.error(),
        Some(ConnectionError::InvalidSetting {
            setting: "connection.start-ok",
            ..
        })
    ));
    assert_eq!(peer.sent(), []);
    let mut config = Config::default();
    config.virtual_host = "x".repeat(256);
    let mut peer = Peer::new(config);
    peer.shake_hands(tune(0, 0, 0));
    assert!(matches!(
        peer.core.error(),
        Some(ConnectionError::InvalidSetting {
            setting: "virtual_host",
            ..
        })
    ));
}
