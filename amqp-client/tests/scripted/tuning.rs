//! What connection.tune and tune-ok agree on, servers that do not, and heartbeats as agreed.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use amqp_client::protocol::frame;
use amqp_client::protocol::v0_9_1::{channel, connection, constants};
use amqp_client::sans_io::{Connection, Outgoing};
use amqp_client::{Config, ConnectionError, State};
use bytes::Buf;

use crate::handshake::{after, close, tune};
use crate::peer::{Peer, Sent, frame_len, start};
use crate::wire::{Session, poll, ready};

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
        ((0, 0, Some(90)), (0, 0, 0), (0, 131_072, 90)),
        ((0, 0, None), (0, 0, 60), (0, 131_072, 60)),
        // Zero never answers an offer, but that of heartbeats: there it is off.
        ((0, 0, Some(0)), (1, 4096, 1), (1, 4096, 0)),
        ((0, 8192, None), (1, 0, 1), (1, 8192, 1)),
        ((7, 0, None), (0, 4096, 0), (7, 4096, 0)),
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
fn a_server_that_wants_larger_frames_is_told_from_other_refusals() {
    let mut small = Config::default();
    small.frame_max = 4096;
    let refused = |peer: &Peer, said: bool| match peer.core.error() {
        Some(ConnectionError::FrameMaxRefused {
            frame_max: 4096,
            close,
        }) => close.is_some() == said,
        _ => false,
    };
    let mut peer = after(&small, 2);
    peer.core.receive_eof(peer.now);
    assert!(refused(&peer, false), "{:?}", peer.core.error());
    let error = peer.core.error().unwrap().to_string();
    assert!(error.contains("set it to 8192 or more"), "{error}");
    let mut peer = after(&small, 2);
    peer.core
        .transport_failed(peer.now, ErrorKind::ConnectionReset.into());
    assert!(refused(&peer, false));
    let mut peer = after(&small, 2);
    let text = "NOT_ALLOWED - negotiated frame_max = 4096 is lower than the minimum allowed value (8192)";
    peer.send(0, &close(constants::NOT_ALLOWED, text));
    assert!(refused(&peer, true));
    assert_eq!(peer.sent(), [Sent::Method(0, connection::CloseOk {}.into())]);
    // A virtual host may have any name.
    let mut peer = after(&small, 2);
    let mut of_open = close(constants::NOT_ALLOWED, "NOT_ALLOWED - vhost frame_max not found");
    (of_open.class_id, of_open.method_id) = (10, 40);
    peer.send(0, &of_open);
    assert!(matches!(
        peer.core.error(),
        Some(ConnectionError::VirtualHostRefused { .. })
    ));
    // A server that offered no more has got what it offered.
    let mut peer = Peer::new(small);
    peer.send(0, &start("PLAIN"));
    peer.send(0, &tune(0, 4096, 0));
    peer.sent();
    peer.core.receive_eof(peer.now);
    assert!(matches!(
        peer.core.error(),
        Some(ConnectionError::EndOfStream { .. })
    ));
}

#[test]
fn a_silent_peer_is_found_in_two_intervals_though_a_write_is_blocked() {
    let mut config = Config::default();
    (config.heartbeat, config.write_timeout) = (Some(10), Duration::MAX);
    // The number set here counts, whatever the server proposed.
    let mut peer = Peer::new(config);
    peer.shake_hands(tune(0, 131_072, 60));
    peer.core.open_channel(peer.now).unwrap();
    let second = Duration::from_secs(1);
    for _ in 0..30 {
        // While the server speaks it lives, and heartbeats do not pile up behind what cannot leave.
        peer.advance(second);
        peer.feed(&frame::HEARTBEAT);
    }
    let mut batch = Outgoing::new();
    peer.core.take_outgoing(&mut batch);
    assert_eq!(batch.remaining(), frame_len(&channel::Open {}));
    for _ in 0..19 {
        peer.advance(second);
        assert_eq!(peer.core.state(), State::Open);
    }
    assert_eq!(peer.core.poll_timeout(), Some(peer.now + second));
    peer.advance(second);
    assert!(matches!(
        peer.core.error(),
        Some(ConnectionError::HeartbeatTimedOut)
    ));
}

#[test]
fn a_driver_finds_a_silent_peer_though_its_transport_takes_nothing() {
    let mut config = Config::default();
    (config.heartbeat, config.write_timeout) = (Some(10), Duration::MAX);
    let mut session = Session::open_with(config);
    let connection = session.connection.clone();
    session.set_room(3);
    let mut opening = Box::pin(connection.open_channel());
    assert!(poll(&mut opening).is_pending());
    session.advance(Duration::from_secs(19));
    assert_eq!(session.timer(), Some(Duration::from_secs(1)));
    session.advance(Duration::from_secs(1));
    assert!(poll(&mut opening).is_ready());
    let over = connection.closed();
    assert!(matches!(ready(over), ConnectionError::HeartbeatTimedOut));
}

#[test]
fn a_program_that_lets_no_heartbeat_leave_is_told_when_it_loses_the_connection() {
    let second = Duration::from_secs(1);
    let ends: [fn(&mut Connection, Instant); 2] = [Connection::receive_eof, |core, now| {
        core.transport_failed(now, ErrorKind::ConnectionReset.into());
    }];
    for end in ends {
        let attended = |pause: Duration, then: &dyn Fn(&mut Peer)| {
            let mut config = Config::default();
            config.heartbeat = Some(60);
            let mut peer = Peer::tuned(config, 2047, 131_072);
            peer.advance(second);
            peer.sent();
            peer.now += pause;
            then(&mut peer);
            end(&mut peer.core, peer.now);
            peer.core.error().cloned().unwrap()
        };
        // What it does when it comes back, and what had come before the end, change nothing.
        let returns: [&dyn Fn(&mut Peer); 4] = [
            &|_| (),
            &|peer| drop((peer.core.open_channel(peer.now), peer.sent())),
            &|peer| peer.feed(&frame::HEARTBEAT),
            &|peer| {
                peer.feed(&frame::HEARTBEAT);
                peer.advance(second * 60);
                peer.sent();
            },
        ];
        for then in returns {
            let error = attended(second * 121, then);
            let missed =
                matches!(error, ConnectionError::HeartbeatsMissed { pause } if pause == second * 121);
            assert!(missed, "{error:?}");
        }
        // A server that lived on for long had not minded, and one that had no reason had another.
        let error = attended(second * 121, &|peer| {
            for _ in 0..3 {
                peer.feed(&frame::HEARTBEAT);
                peer.advance(second * 30);
                peer.sent();
            }
        });
        assert!(
            !matches!(error, ConnectionError::HeartbeatsMissed { .. }),
            "{error:?}"
        );
        let error = attended(second * 120, &|_| ());
        assert!(
            !matches!(error, ConnectionError::HeartbeatsMissed { .. }),
            "{error:?}"
        );
    }
}
