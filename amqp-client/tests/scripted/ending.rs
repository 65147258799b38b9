//! How a connection or a channel ends: invariant 9, closes from either side, silence.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use amqp_client::protocol::ShortStr;
use amqp_client::protocol::frame;
use amqp_client::protocol::v0_9_1::{Method, basic, channel, connection, constants};
use amqp_client::sans_io::{ChannelKey, Connection, ConsumerId};
use amqp_client::{CallError, ChannelError, Config, ConnectionError, State, Violation};
use bytes::Bytes;

use crate::peer::{
    Peer, Sent, channel_close, declare, declare_ok, delivery, publish, queue_of, resolved, start,
};

#[test]
fn what_the_server_still_sends_on_a_channel_that_it_closed_is_thrown_away() {
    for step in [usize::MAX, 1] {
        let mut peer = Peer::open().by(step);
        let key = peer.open_channel();
        peer.consume(key, "c");
        let (other, declared) = {
            let other = peer.open_channel();
            (other, peer.core.call(peer.now, other, declare("q")).unwrap())
        };
        peer.sent();
        let late = [
            delivery(1, "c", 2, b"a body in frames", 9),
            delivery(1, "c", 3, b"", 9),
        ]
        .concat();
        peer.feed(&delivery(1, "c", 1, b"in time", 100));
        peer.send(1, &channel_close(constants::PRECONDITION_FAILED, "no"));
        peer.feed(&late);
        peer.send(2, &declare_ok("q"));
        assert_eq!(peer.core.state(), State::Open);
        assert_eq!(queue_of(&mut peer, declared), "q");
        assert!(peer.sent().iter().any(Sent::is::<channel::CloseOk>));

        // So is what comes before the number is opened anew.
        let (again, opening) = peer.core.open_channel(peer.now).unwrap();
        assert_eq!(again.id(), key.id());
        peer.feed(&late);
        peer.send(1, &channel::OpenOk {});
        assert!(peer.outcome(opening).is_ok());
        peer.sent();
        let consumer = peer.consume(again, "c");
        peer.feed(&delivery(1, "c", 1, b"new", 100));
        let message = peer.core.next_delivery(consumer).unwrap().unwrap();
        assert_eq!(message.body(), b"new");
        assert_eq!(peer.core.state(), State::Open);

        // A server that refuses the next use is heard.
        peer.send(1, &channel_close(constants::PRECONDITION_FAILED, "no"));
        peer.feed(&late);
        let (_, opening) = peer.core.open_channel(peer.now).unwrap();
        peer.send(1, &channel_close(constants::RESOURCE_ERROR, "not now"));
        let refused = resolved(peer.events())
            .into_iter()
            .find(|(request, _)| *request == opening);
        assert!(
            matches!(&refused, Some((_, Err(CallError::Channel(ChannelError::ClosedByServer(close)))))
                if close.reply_text == "not now"),
            "{refused:?}"
        );

        // On one that nobody opened it is what it was.
        peer.feed(&delivery(other.id().0 + 1, "c", 1, b"x", 100));
        assert!(matches!(
            peer.core.error(),
            Some(ConnectionError::PeerViolation(violation))
                if matches!(violation.kind, Violation::ChannelNotOpen { .. })
        ));
    }
}

#[test]
fn invariant_9_a_failure_is_sticky_and_the_server_is_told() {
    let mut peer = Peer::open();
    let key = peer.open_channel();
    peer.sent();
    // A method for a channel that is not open, then more that must change nothing.
    peer.send(7, &declare_ok("q"));
    peer.send(1, &declare_ok("q"));
    let Some(ConnectionError::PeerViolation(violation)) = peer.core.error() else {
        panic!("no")
    };
    assert_eq!(violation.state, State::Open);
    assert!(matches!(violation.kind, Violation::ChannelNotOpen { .. }));
    let sent = peer.sent();
    let [Sent::Method(0, Method::Connection(connection::Method::Close(close)))] = sent.as_slice() else {
        panic!("{sent:?}");
    };
    assert_eq!(close.reply_code, constants::CHANNEL_ERROR);
    let refused = peer.core.call(peer.now, key, declare("q")).unwrap_err();
    assert!(matches!(
        refused,
        CallError::Channel(ChannelError::Connection(ConnectionError::PeerViolation(_)))
    ));
    assert!(peer.core.open_channel(peer.now).is_err());
    assert_eq!(peer.core.state(), State::Closing);
    peer.send(0, &connection::CloseOk {});
    assert_eq!(peer.core.state(), State::Closed);
    peer.core.receive_eof(peer.now);
    assert!(matches!(
        peer.core.error(),
        Some(ConnectionError::PeerViolation(_))
    ));
}

#[test]
fn an_operators_close_is_told_from_others() {
    for (code, forced) in [
        (constants::CONNECTION_FORCED, true),
        (constants::INTERNAL_ERROR, false),
    ] {
        let mut peer = Peer::open();
        let close = connection::Close {
            reply_code: code,
            reply_text: ShortStr::from_static("CONNECTION_FORCED - broker forced connection closure"),
            ..Default::default()
        };
        peer.send(0, &close);
        let error = peer.core.error().unwrap();
        assert_eq!(error.is_connection_forced(), forced, "{error}");
    }
    // It may come before the connection is open, too.
    let mut peer = Peer::new(Config::default());
    let close = connection::Close {
        reply_code: constants::CONNECTION_FORCED,
        ..Default::default()
    };
    peer.send(0, &start("PLAIN"));
    peer.send(0, &close);
    assert!(peer.core.error().unwrap().is_connection_forced());
}

#[test]
fn a_close_from_the_server_is_answered_and_printed_with_its_cause() {
    let mut config = Config::default();
    config.connection_name = Some("orders".to_owned());
    let mut peer = Peer::tuned(config, 10, 4096);
    let key = peer.open_channel();
    let call = peer.core.call(peer.now, key, declare("q")).unwrap();
    peer.sent();
    peer.send(
        1,
        &channel_close(constants::NOT_FOUND, "NOT_FOUND - no queue 'x' in vhost '/'"),
    );
    assert_eq!(peer.sent(), [Sent::Method(1, channel::CloseOk {}.into())]);
    let error = peer.outcome(call).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the server closed the channel: 404 NOT_FOUND: no queue 'x' in vhost '/' (queue.bind) on connection \"orders\""
    );
    // The reason stays until the channel is let go; its number is free at once.
    assert_eq!(
        peer.core
            .call(peer.now, key, declare("q"))
            .unwrap_err()
            .to_string(),
        error.to_string()
    );
    assert_eq!(peer.open_channel().id(), key.id());
    peer.core.drop_channel(key);
    let forgotten = peer.core.call(peer.now, key, declare("q")).unwrap_err();
    assert!(matches!(forgotten, CallError::Channel(ChannelError::Closed)));

    let close = connection::Close {
        reply_code: constants::CONNECTION_FORCED,
        reply_text: ShortStr::from_static("CONNECTION_FORCED - broker forced connection closure"),
        ..Default::default()
    };
    peer.send(0, &close);
    assert_eq!(peer.sent(), [Sent::Method(0, connection::CloseOk {}.into())]);
    assert_eq!(peer.core.state(), State::Closed);
    let text = peer.core.error().unwrap().to_string();
    assert!(
        text.contains("320 CONNECTION_FORCED: broker forced connection closure on connection"),
        "{text}"
    );
}

#[test]
fn an_orderly_close_lets_out_what_was_queued_and_has_a_deadline() {
    let mut peer = Peer::open();
    let key = peer.open_channel();
    publish(&mut peer, key, Bytes::from(vec![3; 100_000])).unwrap();
    peer.core.close(
        peer.now,
        constants::REPLY_SUCCESS,
        ShortStr::from_static("goodbye"),
    );
    let sent = peer.sent();
    assert!(sent[0].is::<basic::Publish<'_>>() && sent.last().unwrap().is::<connection::Close<'_>>());
    assert_eq!(peer.core.state(), State::Closing);
    peer.core
        .close(peer.now, constants::REPLY_SUCCESS, ShortStr::default());
    assert_eq!(peer.sent(), []);
    // A close from the server crosses ours.
    peer.send(0, &connection::Close::default());
    assert_eq!(peer.sent(), [Sent::Method(0, connection::CloseOk {}.into())]);
    peer.send(0, &connection::CloseOk {});
    assert_eq!(peer.core.state(), State::Closed);
    assert!(matches!(peer.core.error(), Some(ConnectionError::Closed)));

    let mut peer = Peer::open();
    peer.core
        .close(peer.now, constants::REPLY_SUCCESS, ShortStr::default());
    peer.advance(Duration::from_secs(10));
    assert_eq!(peer.core.state(), State::Closed);
    assert!(matches!(peer.core.error(), Some(ConnectionError::CloseTimedOut)));
}

/// What was queued before it may be lost with the stream, so that this is not the orderly end.
#[test]
fn a_stream_that_ends_before_close_ok_is_no_orderly_close() {
    let reset =
        |core: &mut Connection, now: Instant| core.transport_failed(now, ErrorKind::ConnectionReset.into());
    let dropped = |core: &mut Connection, now: Instant| core.abandon(now, ConnectionError::DriverDropped);
    let ends: [fn(&mut Connection, Instant); 3] = [Connection::receive_eof, reset, dropped];
    for end in ends {
        let mut peer = Peer::open();
        let key = peer.open_channel();
        publish(&mut peer, key, Bytes::from(vec![3; 100_000])).unwrap();
        peer.core
            .close(peer.now, constants::REPLY_SUCCESS, ShortStr::default());
        end(&mut peer.core, peer.now);
        assert_eq!(peer.core.state(), State::Closed);
        let error = peer.core.error().unwrap();
        assert!(matches!(error, ConnectionError::CloseUnanswered), "{error:?}");
        assert!(error.is_wanted());
        // The answer is all that is waited for: what comes behind it changes nothing.
        let mut peer = Peer::open();
        peer.core
            .close(peer.now, constants::REPLY_SUCCESS, ShortStr::default());
        peer.sent();
        peer.send(0, &connection::CloseOk {});
        end(&mut peer.core, peer.now);
        assert!(matches!(peer.core.error(), Some(ConnectionError::Closed)));
    }
}

#[test]
fn heartbeats_leave_at_half_the_interval_and_silence_ends_it_after_two() {
    let mut peer = Peer::new(Config::default());
    peer.shake_hands(connection::Tune {
        channel_max: 0,
        frame_max: 0,
        heartbeat: 60,
    });
    let second = Duration::from_secs(1);
    assert_eq!(peer.core.poll_timeout(), Some(peer.now + 30 * second));
    peer.advance(29 * second);
    assert_eq!(peer.sent(), []);
    peer.advance(second);
    assert_eq!(peer.sent(), [Sent::Heartbeat]);
    // Octets that leave count as a heartbeat.
    peer.advance(29 * second);
    peer.core.open_channel(peer.now).unwrap();
    peer.sent();
    peer.advance(29 * second);
    assert_eq!(peer.sent(), []);
    peer.feed(&frame::HEARTBEAT);
    for _ in 0..119 {
        peer.advance(second);
        peer.sent();
    }
    assert_eq!(peer.core.state(), State::Open);
    peer.advance(second);
    assert_eq!(peer.core.state(), State::Closed);
    assert!(matches!(
        peer.core.error(),
        Some(ConnectionError::HeartbeatTimedOut)
    ));
}

#[test]
fn reading_pauses_while_consumers_are_behind_and_silence_is_not_held_against_the_server() {
    let mut config = Config::default();
    config.receive_buffer = 10_000;
    let mut peer = Peer::new(config);
    peer.shake_hands(connection::Tune {
        channel_max: 0,
        frame_max: 0,
        heartbeat: 10,
    });
    peer.events();
    let key = peer.open_channel();
    let consumer = peer.consume(key, "c");
    for tag in 1..=3 {
        assert!(peer.core.wants_read());
        peer.feed(&delivery(1, "c", tag, &[0; 4000], 5000));
    }
    assert!(!peer.core.wants_read());
    for _ in 0..100 {
        peer.advance(Duration::from_secs(1));
        peer.sent();
    }
    assert_eq!(peer.core.state(), State::Open);
    // While a reply is awaited, reading goes on.
    let call = peer.core.call(peer.now, key, declare("q")).unwrap();
    assert!(peer.core.wants_read());
    peer.send(1, &declare_ok("q"));
    assert_eq!(queue_of(&mut peer, call), "q");
    assert!(!peer.core.wants_read());
    peer.core.next_delivery(consumer).unwrap().unwrap();
    assert!(!peer.core.wants_read(), "not before half of it is taken");
    peer.core.next_delivery(consumer).unwrap().unwrap();
    assert!(peer.core.wants_read());
    peer.advance(Duration::from_secs(1));
    peer.sent();
    assert_eq!(peer.core.poll_timeout(), Some(peer.now + Duration::from_secs(5)));
    peer.advance(Duration::from_secs(20));
    assert!(matches!(
        peer.core.error(),
        Some(ConnectionError::HeartbeatTimedOut)
    ));
}

#[test]
fn closes_of_a_channel_cross() {
    let mut peer = Peer::open();
    let key = peer.open_channel();
    let call = peer.core.call(peer.now, key, declare("q")).unwrap();
    let close = peer
        .core
        .close_channel(peer.now, key, constants::REPLY_SUCCESS, ShortStr::default())
        .unwrap();
    peer.sent();
    // The server closes for the call, and answers nothing more but our close.
    peer.send(1, &channel_close(constants::NOT_FOUND, "x"));
    assert_eq!(peer.sent(), [Sent::Method(1, channel::CloseOk {}.into())]);
    assert!(peer.open_channel().id().0 == 2, "its number is in use");
    peer.send(1, &channel::CloseOk {});
    let resolved = resolved(peer.events());
    assert_eq!(resolved.len(), 2);
    for (request, outcome) in resolved {
        assert!(request == call && outcome.is_err() || request == close && outcome.is_ok());
    }
    assert_eq!((peer.core.state(), peer.open_channel().id().0), (State::Open, 1));
}

fn paused(config: Config) -> (Peer, ChannelKey, ConsumerId) {
    let mut config = config;
    config.receive_buffer = 1000;
    let mut peer = Peer::new(config);
    peer.shake_hands(connection::Tune {
        channel_max: 10,
        frame_max: 0,
        heartbeat: 10,
    });
    peer.events();
    let key = peer.open_channel();
    let consumer = peer.consume(key, "c");
    peer.feed(&delivery(1, "c", 1, &[0; 2000], 4000));
    assert!(!peer.core.wants_read());
    (peer, key, consumer)
}

#[test]
fn only_a_reply_that_somebody_waits_for_keeps_reading_on() {
    let (mut peer, key, _) = paused(Config::default());
    let call = peer.core.call(peer.now, key, declare("q")).unwrap();
    assert!(peer.core.wants_read());
    peer.core.abandon_request(call);
    assert!(!peer.core.wants_read());
    peer.core.call(peer.now, key, declare("q")).unwrap();
    assert!(peer.core.wants_read());
    for _ in 0..3 {
        peer.feed(&frame::HEARTBEAT);
        peer.advance(Duration::from_secs(10));
    }
    peer.sent();
    peer.events();
    assert!(!peer.core.wants_read(), "a tombstone waits for nothing");
    let other = peer.open_channel();
    peer.core.drop_channel(other);
    assert!(!peer.core.wants_read(), "nobody waits for this close-ok");
}

#[test]
fn an_orderly_close_reads_on_and_throws_away_what_comes() {
    let (mut peer, _, _) = paused(Config::default());
    peer.core
        .close(peer.now, constants::REPLY_SUCCESS, ShortStr::default());
    assert!(peer.core.wants_read());
    peer.feed(&delivery(1, "c", 2, &[0; 2000], 4000));
    peer.octets();
    peer.send(0, &connection::CloseOk {});
    assert_eq!(peer.core.state(), State::Closed);
    assert!(matches!(peer.core.error(), Some(ConnectionError::Closed)));
}

#[test]
fn silence_is_measured_again_as_soon_as_a_consumer_drains_even_when_writing_stalls() {
    let (mut peer, key, consumer) = paused(Config::default());
    publish(&mut peer, key, vec![0; 100_000]).unwrap();
    peer.advance(Duration::from_secs(25));
    assert!(peer.core.error().is_none());
    peer.core.next_delivery(consumer).unwrap().unwrap();
    assert!(peer.core.wants_read());
    assert!(peer.core.poll_timeout().unwrap() <= peer.now);
    peer.advance(Duration::ZERO);
    assert_eq!(peer.core.poll_timeout(), Some(peer.now + Duration::from_secs(20)));
    peer.advance(Duration::from_secs(20));
    assert!(matches!(
        peer.core.error(),
        Some(ConnectionError::HeartbeatTimedOut)
    ));
}

#[test]
fn the_longest_duration_is_no_time_out() {
    let mut config = Config::default();
    for duration in [
        &mut config.handshake_timeout,
        &mut config.call_timeout,
        &mut config.publish_timeout,
        &mut config.write_timeout,
        &mut config.close_timeout,
    ] {
        *duration = Duration::MAX;
    }
    let mut peer = Peer::tuned(config, 10, 4096);
    let key = peer.open_channel();
    peer.send(0, &connection::Blocked::default());
    peer.core.call(peer.now, key, declare("q")).unwrap();
    peer.core.wait_to_publish(peer.now, key).unwrap();
    peer.sent();
    assert_eq!(peer.core.poll_timeout(), None);
    peer.core
        .close(peer.now, constants::REPLY_SUCCESS, ShortStr::default());
    peer.sent();
    assert_eq!(peer.core.poll_timeout(), None);
}

#[test]
fn a_transport_that_takes_nothing_is_given_up_unless_the_server_blocks_publishing() {
    let mut peer = Peer::open();
    let key = peer.open_channel();
    peer.advance(Duration::from_secs(1000));
    publish(&mut peer, key, "x").unwrap();
    // The clock is looked at when octets begin to wait, and again whenever some are taken.
    assert!(peer.core.poll_timeout().unwrap() <= peer.now);
    peer.advance(Duration::ZERO);
    peer.advance(Duration::from_secs(59));
    peer.core.transmitted(peer.now, 1);
    peer.advance(Duration::ZERO);
    assert_eq!(peer.core.poll_timeout(), Some(peer.now + Duration::from_secs(60)));
    peer.send(0, &connection::Blocked::default());
    assert_eq!(peer.core.poll_timeout(), None);
    peer.now += Duration::from_secs(3600);
    peer.send(0, &connection::Unblocked {});
    peer.advance(Duration::ZERO);
    peer.advance(Duration::from_secs(60));
    assert!(matches!(peer.core.error(), Some(ConnectionError::WriteTimedOut)));
    assert_eq!(peer.core.state(), State::Closed);
}
