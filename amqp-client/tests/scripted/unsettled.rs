//! Publishes that the server has not settled when their channel or connection ends, and failures that nobody was told.

use std::time::Duration;

use amqp_client::protocol::v0_9_1::{basic, channel, connection, constants};
use amqp_client::protocol::{DeliveryTag, ShortStr};
use amqp_client::sans_io::{ConfirmOptions, Event, Outgoing};
use amqp_client::{ConnectionError, PublishError};
use bytes::Buf;

use crate::confirms::{ack, confirming, nack, outcome, publish_kept, select, settled};
use crate::peer::{Peer, channel_close};

/// How the connection may end around publishes, by how far the transport has taken the outgoing stream.
#[test]
fn a_publish_was_not_sent_exactly_when_the_transport_lacks_its_last_octet() {
    type End = fn(&mut Peer);
    let ends: [(&str, End); 4] = [
        ("end of stream", |peer| peer.core.receive_eof(peer.now)),
        ("driver dropped", |peer| {
            peer.core.abandon(peer.now, ConnectionError::DriverDropped);
        }),
        ("closed by the server", |peer| {
            let close = connection::Close {
                reply_code: constants::CONNECTION_FORCED,
                ..Default::default()
            };
            peer.send(0, &close);
        }),
        ("channel closed by the server", |peer| {
            peer.send(1, &channel_close(constants::NOT_FOUND, "no exchange"));
        }),
    ];
    for (what, end) in ends {
        let mut taken = 0;
        loop {
            let (mut peer, key) = confirming(ConfirmOptions::default());
            let mut batch = Outgoing::new();
            // One is handed over in part, and one comes behind what was handed over.
            publish_kept(&mut peer, key);
            peer.core.take_outgoing(&mut batch);
            let handed = batch.remaining();
            publish_kept(&mut peer, key);
            let size = handed;
            if taken > 2 * size {
                break;
            }
            batch.advance(taken.min(handed));
            peer.core.transmitted(peer.now, taken.min(handed) as u64);
            if taken > handed {
                peer.core.take_outgoing(&mut batch);
                batch.advance(taken - handed);
                peer.core.transmitted(peer.now, (taken - handed) as u64);
            }
            assert_eq!(outcome(&mut peer, key, 2), "outstanding");
            end(&mut peer);
            assert_eq!(settled(&mut peer), [2], "{what}");
            let expected = |last: usize| if taken >= last { "lost" } else { "not sent" };
            assert_eq!(outcome(&mut peer, key, 1), expected(size), "{what} at {taken}");
            assert_eq!(
                outcome(&mut peer, key, 2),
                expected(2 * size),
                "{what} at {taken}"
            );
            taken += 1;
        }
    }
}

#[test]
fn what_leaves_ahead_of_our_own_close_counts_as_sent() {
    // The connection closes at once, its octets follow.
    let (mut peer, key) = confirming(ConfirmOptions::default());
    publish_kept(&mut peer, key);
    peer.core
        .close(peer.now, constants::REPLY_SUCCESS, ShortStr::default());
    assert_eq!(outcome(&mut peer, key, 1), "lost");
    assert!(peer.sent()[0].is::<basic::Publish<'_>>());

    // The server may confirm until it has answered the close of a channel.
    let (mut peer, key) = confirming(ConfirmOptions::default());
    let numbers = [(); 3].map(|()| publish_kept(&mut peer, key));
    assert_eq!(numbers, [1, 2, 3]);
    peer.core
        .close_channel(peer.now, key, constants::REPLY_SUCCESS, ShortStr::default())
        .unwrap();
    peer.octets();
    peer.send(1, &ack(1, false));
    assert_eq!(outcome(&mut peer, key, 1), "confirmed");
    assert_eq!(outcome(&mut peer, key, 2), "outstanding");
    peer.send(1, &ack(3, false));
    peer.send(1, &channel::CloseOk {});
    assert_eq!(settled(&mut peer), [2]);
    assert_eq!(outcome(&mut peer, key, 2), "lost");
    assert_eq!(outcome(&mut peer, key, 3), "confirmed");
}

#[test]
fn outcomes_outlive_the_channel_and_its_number() {
    let (mut peer, key) = confirming(ConfirmOptions::default());
    for _ in 0..3 {
        publish_kept(&mut peer, key);
    }
    peer.octets();
    peer.send(1, &nack(1, false));
    peer.core.drop_channel(key);
    peer.octets();
    peer.send(1, &ack(2, false));
    peer.send(1, &channel::CloseOk {});
    let again = peer.open_channel();
    assert_eq!(again.id(), key.id());
    select(&mut peer, again, ConfirmOptions::default());
    publish_kept(&mut peer, again);
    peer.send(1, &ack(1, false));
    let words = [1, 2, 3].map(|number| outcome(&mut peer, key, number));
    assert_eq!(words, ["nacked", "confirmed", "lost"]);
    assert_eq!(outcome(&mut peer, again, 1), "confirmed");
}

#[test]
fn failures_that_are_kept_for_nobody_are_told_to_whoever_waits_for_all() {
    let (mut peer, key) = confirming(ConfirmOptions::default());
    let told = |peer: &mut Peer| {
        peer.events()
            .into_iter()
            .filter_map(|event| match event {
                Event::OutcomesKnown { request } => Some(request),
                _ => None,
            })
            .collect::<Vec<_>>()
    };
    // Nothing to wait for.
    let at_once = peer.core.wait_for_outcomes(Some(key));
    assert_eq!(told(&mut peer), [at_once]);
    for _ in 0..4 {
        publish_kept(&mut peer, key);
    }
    for number in [2, 3] {
        peer.core.release_outcome(key, DeliveryTag(number));
    }
    let first = peer.core.wait_for_outcomes(Some(key));
    let all = peer.core.wait_for_outcomes(None);
    let abandoned = peer.core.wait_for_outcomes(None);
    peer.core.abandon_request(abandoned);
    publish_kept(&mut peer, key);
    peer.send(1, &ack(2, true));
    peer.send(1, &nack(3, false));
    assert_eq!(told(&mut peer), []);
    peer.send(1, &nack(4, false));
    // What is published later is not waited for, but by whoever waits for the connection.
    assert_eq!(told(&mut peer), [first]);
    assert!(matches!(peer.core.take_failure(key), Some(PublishError::Nacked)));
    assert!(peer.core.take_failure(key).is_none());
    // Its receipt tells of the fourth, until it is dropped untold.
    peer.core.release_outcome(key, DeliveryTag(4));
    assert!(peer.core.take_failure(key).is_some());
    peer.core.release_outcome(key, DeliveryTag(5));
    assert_eq!(outcome(&mut peer, key, 1), "confirmed");
    peer.core.receive_eof(peer.now);
    assert_eq!(told(&mut peer), [all]);
    let late = peer.core.wait_for_outcomes(Some(key));
    assert_eq!(told(&mut peer), [late]);
    assert!(matches!(
        peer.core.take_failure(key),
        Some(PublishError::NotSent(_))
    ));
    peer.core.drop_channel(key);
    assert!(peer.core.take_failure(key).is_none());
}

#[test]
fn nothing_is_kept_of_a_channel_that_is_over_when_nobody_can_ask() {
    let kept = |peer: &Peer| !format!("{:?}", peer.core).contains("ended_confirms: {}");
    for taken in [true, false] {
        let (mut peer, key) = confirming(ConfirmOptions::default());
        for _ in 0..4 {
            publish_kept(&mut peer, key);
        }
        peer.octets();
        peer.send(1, &nack(1, false));
        peer.send(1, &ack(3, false));
        assert_eq!(outcome(&mut peer, key, 1), "nacked");
        assert!(format!("{:?}", peer.core).contains("exceptions: {}"));
        assert_eq!(outcome(&mut peer, key, 3), "confirmed");
        peer.send(1, &channel_close(constants::NOT_FOUND, "gone"));
        for number in [2, 4] {
            assert!(kept(&peer));
            if taken {
                assert_eq!(outcome(&mut peer, key, number), "lost");
            } else {
                peer.core.release_outcome(key, DeliveryTag(number));
            }
        }
        assert!(kept(&peer));
        assert_eq!(peer.core.take_failure(key).is_some(), !taken);
        peer.core.drop_channel(key);
        assert!(!kept(&peer));
        // As if it had never been.
        assert_eq!(peer.core.unconfirmed_on(key), 0);
        let late = peer.core.wait_for_outcomes(Some(key));
        assert!(matches!(
            peer.events().last(),
            Some(Event::OutcomesKnown { request }) if *request == late
        ));
    }
}

#[test]
fn a_shutdown_waits_for_confirms_and_the_stats_count_what_became_of_publishes() {
    let (mut peer, key) = confirming(ConfirmOptions::default());
    for _ in 0..4 {
        publish_kept(&mut peer, key);
    }
    peer.octets();
    peer.send(1, &nack(1, false));
    peer.send(1, &ack(2, false));
    let stats = peer.core.stats(peer.now);
    assert_eq!((stats.messages_published, stats.publishes_unconfirmed), (4, 2));
    peer.core.shutdown(peer.now, Duration::from_secs(30));
    peer.advance(Duration::ZERO);
    assert_eq!(peer.sent(), []);
    peer.send(1, &ack(3, false));
    peer.advance(Duration::from_secs(29));
    assert_eq!(peer.sent(), []);
    peer.advance(Duration::from_secs(1));
    assert!(peer.sent()[0].is::<connection::Close<'_>>());
    let left = peer.core.unfinished().unwrap();
    assert_eq!(left.publishes_unconfirmed, 1);
    let stats = peer.core.stats(peer.now);
    let ended = (
        stats.messages_confirmed,
        stats.messages_nacked,
        stats.messages_given_up,
    );
    assert_eq!((ended, stats.publishes_unconfirmed), ((2, 1, 1), 0));

    let (mut peer, key) = confirming(ConfirmOptions::default());
    publish_kept(&mut peer, key);
    peer.octets();
    peer.core.shutdown(peer.now, Duration::MAX);
    peer.send(1, &ack(1, false));
    peer.advance(Duration::ZERO);
    assert!(peer.sent()[0].is::<connection::Close<'_>>());
    assert_eq!(outcome(&mut peer, key, 1), "confirmed");
}
