//! From the protocol header to an open connection, and every way in which that fails.

use std::io::ErrorKind;
use std::time::Duration;

use amqp_client::protocol::v0_9_1::{Method, connection, constants};
use amqp_client::protocol::{FieldTable, FieldValue, ProtocolHeader, ReplyCode, ShortStr};
use amqp_client::tls::{TlsAlert, TlsError};
use amqp_client::{Config, ConnectionError, Credentials, Protocol, State, Violation};

use crate::peer::{Peer, Sent, method_frame, start};

pub(crate) fn tune(channel_max: u16, frame_max: u32, heartbeat: u16) -> connection::Tune {
    connection::Tune {
        channel_max,
        frame_max,
        heartbeat,
    }
}

pub(crate) fn close(code: ReplyCode, text: &'static str) -> connection::Close<'static> {
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
        assert_eq!(peer.core.server_properties().product.as_deref(), Some("script"));
    }
}

#[test]
fn another_version_is_named() {
    for step in [usize::MAX, 1] {
        let mut peer = Peer::new(Config::default()).by(step);
        peer.feed(b"AMQP\x03\x01\0\0");
        let Some(error @ ConnectionError::VersionRefused { wanted, offered }) = peer.core.error() else {
            panic!("no")
        };
        assert_eq!((*wanted, *offered), (Protocol::V0_9_1, ProtocolHeader::V1_0_SASL));
        assert_eq!(
            error.to_string(),
            "the server speaks AMQP 3 1 0 0 (1-0-sasl), not AMQP 0-9-1"
        );
        assert_eq!(peer.core.state(), State::Closed);
    }
}

#[test]
fn an_alert_of_tls_is_told_from_garbage() {
    for step in [usize::MAX, 1] {
        let mut peer = Peer::new(Config::default()).by(step);
        peer.feed(b"\x15\x03\x01\0\x02\x02\x46");
        assert!(matches!(
            peer.core.error(),
            Some(ConnectionError::ServerSpeaksTls)
        ));
        assert_eq!((peer.sent(), peer.core.state()), (vec![], State::Closed));
    }
    // Later on it is a frame of an unknown type.
    let mut peer = Peer::new(Config::default());
    peer.send(0, &start("PLAIN"));
    peer.feed(b"\x15\x03\x01\0\x02\x02\x46");
    assert!(matches!(
        peer.core.error(),
        Some(ConnectionError::PeerViolation(_))
    ));
}

#[test]
fn an_error_of_tls_is_told_from_others_of_the_transport() {
    let mut peer = Peer::new(Config::default());
    let error = TlsError::from(TlsAlert::CERTIFICATE_REQUIRED);
    peer.core.transport_failed(peer.now, std::io::Error::other(error));
    let error = peer.core.error().unwrap();
    assert!(matches!(
        error,
        ConnectionError::Tls(TlsError::ClientCertificateRefused { .. })
    ));
    assert_eq!(
        error.to_string(),
        "TLS: the server demands a client certificate: TLS alert certificate_required (116)"
    );
}

#[test]
fn what_is_no_amqp_is_told_nothing() {
    for greeting in [
        "HTTP/1.1 400 Bad Request\r\n",
        "AMQ!\0\0\0\0",
        "\x15\x02\x01\0\x02\x02\x46",
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
    assert!(matches!(
        error,
        ConnectionError::AuthenticationRefused { close: Some(_) }
    ));
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
        Some(ConnectionError::VirtualHostRefused { .. })
    ));
}

/// A client that got so many answers of the server: start, tune.
pub(crate) fn after(config: &Config, steps: usize) -> Peer {
    let mut peer = Peer::new(config.clone());
    if steps > 0 {
        peer.send(0, &start("PLAIN"));
        peer.sent();
    }
    if steps > 1 {
        peer.send(0, &tune(0, 131_072, 0));
        peer.sent();
    }
    peer
}

#[test]
fn the_end_of_the_stream_names_the_step() {
    for (steps, state) in [(0, State::AwaitingStart), (2, State::AwaitingOpenOk)] {
        let mut peer = after(&Config::default(), steps);
        peer.core.receive_eof(peer.now);
        let error = peer.core.error().unwrap();
        assert!(
            matches!(error, ConnectionError::EndOfStream { state: found } if *found == state),
            "{error}"
        );
        assert_eq!(peer.core.state(), State::Closed);
    }
}

#[test]
fn a_server_that_ends_or_resets_the_stream_behind_start_ok_refuses_the_credentials() {
    for kind in [
        None,
        Some(ErrorKind::ConnectionReset),
        Some(ErrorKind::BrokenPipe),
    ] {
        let mut peer = after(&Config::default(), 1);
        match kind {
            None => peer.core.receive_eof(peer.now),
            Some(kind) => peer.core.transport_failed(peer.now, kind.into()),
        }
        let error = peer.core.error().unwrap();
        assert!(matches!(
            error,
            ConnectionError::AuthenticationRefused { close: None }
        ));
        assert_eq!(
            error.to_string(),
            "authentication refused: it ended the stream without a word"
        );
    }
    // One that never got start-ok has not refused it, and what is no end of the stream is not the server's word.
    let mut peer = Peer::new(Config::default());
    peer.send(0, &start("PLAIN"));
    peer.core.receive_eof(peer.now);
    assert!(matches!(
        peer.core.error(),
        Some(ConnectionError::EndOfStream {
            state: State::AwaitingTune
        })
    ));
    let mut peer = after(&Config::default(), 1);
    peer.core
        .transport_failed(peer.now, ErrorKind::HostUnreachable.into());
    assert!(matches!(peer.core.error(), Some(ConnectionError::Transport(_))));
}

#[test]
fn every_step_takes_a_close_garbage_and_only_its_own_methods() {
    let frames: [(&str, Vec<u8>); 5] = [
        ("start", method_frame(0, &start("PLAIN"))),
        ("secure", method_frame(0, &connection::Secure::default())),
        ("tune", method_frame(0, &tune(0, 0, 0))),
        ("open-ok", method_frame(0, &connection::OpenOk {})),
        (
            "update-secret-ok",
            method_frame(0, &connection::UpdateSecretOk {}),
        ),
    ];
    let expected = [&["start"][..], &["secure", "tune"], &["open-ok"]];
    for (steps, expected) in expected.into_iter().enumerate() {
        for step in [usize::MAX, 1] {
            let mut peer = after(&Config::default(), steps).by(step);
            peer.send(0, &close(constants::CONNECTION_FORCED, "maintenance"));
            assert!(
                matches!(peer.core.error(), Some(ConnectionError::ClosedByServer(close))
                    if close.reply_code == constants::CONNECTION_FORCED)
            );
            assert_eq!(peer.sent(), [Sent::Method(0, connection::CloseOk {}.into())]);
            assert_eq!(peer.core.state(), State::Closed);

            for garbage in [
                &b"\x09\0\0\0\0\0\0\xce"[..],
                b"\x01\0\0\0\0\0\x01\0\xce",
                &[0xff; 64],
            ] {
                let mut peer = after(&Config::default(), steps).by(step);
                peer.feed(garbage);
                assert!(
                    matches!(peer.core.error(), Some(ConnectionError::PeerViolation(_))),
                    "{garbage:?}"
                );
            }
            for (name, frame) in frames.iter().filter(|(name, _)| !expected.contains(name)) {
                let mut peer = after(&Config::default(), steps).by(step);
                peer.feed(frame);
                let Some(ConnectionError::PeerViolation(violation)) = peer.core.error() else {
                    panic!("{name} after {steps}: {:?}", peer.core.error())
                };
                assert!(
                    matches!(violation.kind, Violation::UnexpectedMethod { .. }),
                    "{name}"
                );
            }
        }
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
    let invalid = |peer: &Peer| match peer.core.error() {
        Some(ConnectionError::InvalidSetting { setting, .. }) => *setting,
        error => panic!("{error:?}"),
    };
    let mut config = Config::default();
    config.client_properties = FieldTable::new()
        .with("essay", "x".repeat(5000).as_str())
        .unwrap();
    let mut peer = Peer::new(config);
    peer.send(0, &start("PLAIN"));
    assert_eq!((invalid(&peer), peer.sent()), ("client_properties", vec![]));
    let mut config = Config::default();
    config.locale = "x".repeat(256);
    let mut peer = Peer::new(config);
    peer.send(0, &start("PLAIN"));
    assert_eq!((invalid(&peer), peer.sent()), ("locale", vec![]));
    let mut config = Config::default();
    config.virtual_host = "x".repeat(256);
    let mut peer = Peer::new(config);
    peer.shake_hands(tune(0, 0, 0));
    assert_eq!(invalid(&peer), "virtual_host");
}

#[test]
fn what_the_server_says_of_itself_has_types() {
    let capabilities = FieldTable::new()
        .with("publisher_confirms", true)
        .unwrap()
        .with("basic.nack", false)
        .unwrap();
    let table = FieldTable::new()
        .with("product", "RabbitMQ")
        .unwrap()
        .with("version", 4)
        .unwrap()
        .with("capabilities", capabilities)
        .unwrap();
    let mut start = start("PLAIN");
    start.server_properties = table.clone();
    let mut peer = Peer::new(Config::default());
    peer.send(0, &start);
    let server = peer.core.server_properties();
    assert_eq!(server.product.as_deref(), Some("RabbitMQ"));
    assert_eq!((&server.version, &server.platform), (&None, &None));
    assert!(server.capabilities.publisher_confirms && !server.capabilities.basic_nack);
    assert_eq!(server.table, table);
}
