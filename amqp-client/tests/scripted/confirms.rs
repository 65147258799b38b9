//! Confirms in the core: every publish on a channel in confirm mode ends once, in what the server said or did not say.

use std::time::Duration;

use amqp_client::protocol::DeliveryTag;
use amqp_client::protocol::v0_9_1::{basic, confirm, constants};
use amqp_client::sans_io::{ChannelKey, ConfirmOptions, Event};
use amqp_client::{Config, ConnectionError, PeerViolation, PublishError, UnknownReason, Violation};
use proptest::prelude::*;

use crate::peer::{Peer, Sent, channel_close, method_frame, publish};

/// A peer with a channel in confirm mode.
pub(crate) fn confirming(options: ConfirmOptions) -> (Peer, ChannelKey) {
    let mut peer = Peer::open();
    let key = peer.open_channel();
    select(&mut peer, key, options);
    (peer, key)
}

pub(crate) fn select(peer: &mut Peer, key: ChannelKey, options: ConfirmOptions) {
    let request = peer.core.confirm_select(peer.now, key, options).unwrap();
    let sent = peer.sent();
    assert_eq!(
        sent.last(),
        Some(&Sent::Method(key.id().0, confirm::Select::default().into()))
    );
    peer.send(key.id().0, &confirm::SelectOk {});
    peer.outcome(request).unwrap();
}

/// Publishes and keeps the outcome.
pub(crate) fn publish_kept(peer: &mut Peer, key: ChannelKey) -> u64 {
    let number = publish(peer, key, "x").unwrap().unwrap();
    peer.core.keep_outcome(key, DeliveryTag(number));
    number
}

pub(crate) fn ack(delivery_tag: u64, multiple: bool) -> basic::Ack {
    basic::Ack {
        delivery_tag: DeliveryTag(delivery_tag),
        multiple,
    }
}

pub(crate) fn nack(delivery_tag: u64, multiple: bool) -> basic::Nack {
    basic::Nack {
        delivery_tag: DeliveryTag(delivery_tag),
        multiple,
        requeue: false,
    }
}

/// An outcome in a word.
pub(crate) fn word(outcome: Option<Result<(), PublishError>>) -> &'static str {
    match outcome {
        None => "outstanding",
        Some(Ok(())) => "confirmed",
        Some(Err(PublishError::Nacked)) => "nacked",
        Some(Err(PublishError::Returned(_))) => "returned",
        Some(Err(PublishError::NotSent(_))) => "not sent",
        Some(Err(PublishError::Unknown(UnknownReason::TimedOut))) => "timed out",
        Some(Err(PublishError::Unknown(UnknownReason::Channel(_)))) => "lost",
        Some(Err(other)) => panic!("{other:?}"),
    }
}

pub(crate) fn outcome(peer: &mut Peer, key: ChannelKey, number: u64) -> &'static str {
    word(peer.core.take_outcome(key, DeliveryTag(number)))
}

/// The numbers of publishes that were said to be settled.
pub(crate) fn settled(peer: &mut Peer) -> Vec<u64> {
    let number = |event| match event {
        Event::OutcomeKnown { delivery_tag, .. } => Some(delivery_tag.0),
        _ => None,
    };
    peer.events().into_iter().filter_map(number).collect()
}

#[test]
fn acks_and_nacks_settle_one_or_all_up_to_one_in_any_order() {
    let (mut peer, key) = confirming(ConfirmOptions::default());
    for number in 1..=9 {
        assert_eq!(publish_kept(&mut peer, key), number);
        assert_eq!(outcome(&mut peer, key, number), "outstanding");
    }
    assert_eq!(peer.core.unconfirmed_on(key), 9);
    // Out of order, and one that is awaited says so.
    peer.send(1, &ack(3, false));
    assert_eq!(settled(&mut peer), [3]);
    assert_eq!(outcome(&mut peer, key, 3), "confirmed");
    peer.send(1, &nack(5, false));
    assert_eq!(outcome(&mut peer, key, 5), "nacked");
    // All up to one, but for those that were settled before.
    peer.send(1, &nack(4, true));
    assert_eq!(settled(&mut peer), [5, 1, 2, 4]);
    for number in [4, 2, 1] {
        assert_eq!(outcome(&mut peer, key, number), "nacked");
    }
    assert_eq!(peer.core.unconfirmed_on(key), 4);
    peer.send(1, &ack(7, true));
    // Once more, and of some long settled: nothing happens.
    peer.send(1, &nack(7, true));
    peer.send(1, &nack(2, false));
    assert_eq!(settled(&mut peer), [6, 7]);
    assert_eq!(outcome(&mut peer, key, 6), "confirmed");
    assert_eq!(outcome(&mut peer, key, 7), "confirmed");
    // Zero is all there are.
    peer.send(1, &ack(0, true));
    assert_eq!(outcome(&mut peer, key, 9), "confirmed");
    assert_eq!(outcome(&mut peer, key, 8), "confirmed");
    peer.send(1, &ack(0, true));
    assert_eq!(peer.core.unconfirmed_on(key), 0);
    assert!(peer.core.error().is_none());
}

#[test]
fn the_server_is_told_off_for_confirming_what_was_not_published() {
    let frames = [
        method_frame(1, &ack(3, false)),
        method_frame(1, &ack(3, true)),
        method_frame(1, &nack(3, false)),
        method_frame(1, &nack(u64::MAX, true)),
        method_frame(1, &ack(0, false)),
        // This channel is not in confirm mode.
        method_frame(2, &ack(1, false)),
        method_frame(2, &nack(0, true)),
    ];
    for frame in frames {
        let (mut peer, key) = confirming(ConfirmOptions::default());
        let plain = peer.open_channel();
        publish(&mut peer, plain, "x").unwrap();
        let numbers = [publish_kept(&mut peer, key), publish_kept(&mut peer, key)];
        peer.octets();
        peer.feed(&frame);
        let Some(ConnectionError::PeerViolation(PeerViolation { kind, .. })) = peer.core.error() else {
            panic!("{:?}", peer.core.error())
        };
        assert!(matches!(kind, Violation::UnknownPublish { .. }), "{kind}");
        assert_eq!(kind.reply_code(), constants::COMMAND_INVALID);
        for number in numbers {
            assert_eq!(outcome(&mut peer, key, number), "lost");
        }
    }
}

#[test]
fn selecting_again_goes_on_counting_and_a_refused_publish_takes_no_number() {
    let (mut peer, key) = confirming(ConfirmOptions::default());
    let first = publish_kept(&mut peer, key);
    peer.sent();
    let mut options = ConfirmOptions::default();
    options.max_unconfirmed = 3;
    select(&mut peer, key, options);
    // A plain publish takes a number too.
    assert_eq!(publish(&mut peer, key, "x").unwrap(), Some(2));
    assert_eq!(publish_kept(&mut peer, key), 3);
    assert!(matches!(
        publish(&mut peer, key, "x"),
        Err(PublishError::TooManyUnconfirmed)
    ));
    peer.send(1, &ack(1, false));
    let properties = basic::Properties {
        headers: Some(
            amqp_client::protocol::FieldTable::new()
                .with("x", "x".repeat(200_000).as_str())
                .unwrap(),
        ),
        ..Default::default()
    };
    let refused = peer
        .core
        .publish(peer.now, key, &basic::Publish::default(), &properties, "x".into());
    assert!(matches!(refused, Err(PublishError::FrameTooLarge(_))));
    assert_eq!(publish_kept(&mut peer, key), 4);
    assert_eq!(outcome(&mut peer, key, first), "confirmed");
    // Without options, as any method: the numbers go on, and what was chosen stays.
    peer.core.call(peer.now, key, confirm::Select::default()).unwrap();
    assert!(!peer.core.may_publish(key));
}

#[test]
fn unsettled_publishes_are_bounded_by_number_and_by_octets() {
    let mut options = ConfirmOptions::default();
    options.max_unconfirmed = 2;
    let (mut peer, key) = confirming(options);
    let other = peer.open_channel();
    publish_kept(&mut peer, key);
    publish_kept(&mut peer, key);
    peer.octets();
    let waiting = peer.core.wait_to_publish(peer.now, key).unwrap();
    assert!(peer.events().is_empty());
    // It is this channel alone that waits, and for publish_timeout at most.
    publish(&mut peer, other, "x").unwrap();
    peer.send(1, &ack(2, false));
    let turn = |events: Vec<Event>| {
        events.into_iter().find_map(|event| match event {
            Event::MayPublish { request, outcome } => Some((request, outcome.is_ok())),
            _ => None,
        })
    };
    assert_eq!(turn(peer.events()), Some((waiting, true)));
    assert_eq!(peer.core.take_turn(key, waiting).unwrap(), None);
    publish_kept(&mut peer, key);
    let waiting = peer.core.wait_to_publish(peer.now, key).unwrap();
    peer.advance(Config::default().publish_timeout - Duration::from_secs(1));
    assert_eq!(turn(peer.events()), None);
    // None is too few: one publish may always go.
    options.max_unconfirmed = 0;
    select(&mut peer, key, options);
    peer.send(1, &ack(0, true));
    assert_eq!(turn(peer.events()), Some((waiting, true)));
    assert_eq!(peer.core.take_turn(key, waiting).unwrap(), None);
    publish_kept(&mut peer, key);
    assert!(!peer.core.may_publish(key));

    options.max_unconfirmed = 100;
    options.max_unconfirmed_octets = 1000;
    select(&mut peer, key, options);
    peer.send(1, &ack(0, true));
    publish(&mut peer, key, vec![0; 500]).unwrap();
    publish(&mut peer, key, vec![0; 5000]).unwrap();
    assert!(!peer.core.may_publish(key));
    peer.send(1, &ack(6, false));
    assert!(peer.core.may_publish(key));
}

#[test]
fn what_the_server_does_not_settle_in_time_is_of_unknown_fate() {
    let mut options = ConfirmOptions::default();
    options.confirm_timeout = Duration::from_secs(10);
    let (mut peer, key) = confirming(options);
    publish_kept(&mut peer, key);
    peer.octets();
    assert_eq!(peer.core.poll_timeout(), Some(peer.now + Duration::from_secs(10)));
    peer.advance(Duration::from_secs(4));
    publish_kept(&mut peer, key);
    publish_kept(&mut peer, key);
    peer.octets();
    peer.send(1, &ack(1, false));
    assert_eq!(outcome(&mut peer, key, 1), "confirmed");
    assert_eq!(outcome(&mut peer, key, 2), "outstanding");
    // The clock is looked at for the first, which is settled, and then for the second.
    peer.advance(Duration::from_secs(6));
    assert_eq!(settled(&mut peer), []);
    assert_eq!(peer.core.poll_timeout(), Some(peer.now + Duration::from_secs(4)));
    peer.advance(Duration::from_secs(4));
    assert_eq!(settled(&mut peer), [2]);
    for number in [2, 3] {
        assert_eq!(outcome(&mut peer, key, number), "timed out");
    }
    assert_eq!(
        (peer.core.unconfirmed_on(key), peer.core.poll_timeout()),
        (0, None)
    );
    // The server comes round: nobody is told twice, and what is published now counts on.
    assert_eq!(publish_kept(&mut peer, key), 4);
    peer.send(1, &nack(3, true));
    assert_eq!(outcome(&mut peer, key, 4), "outstanding");
    peer.send(1, &ack(4, true));
    assert_eq!(outcome(&mut peer, key, 4), "confirmed");

    // A time chosen later holds for those that wait already.
    publish_kept(&mut peer, key);
    options.confirm_timeout = Duration::from_secs(1);
    select(&mut peer, key, options);
    peer.advance(Duration::from_secs(1));
    assert_eq!(outcome(&mut peer, key, 5), "timed out");

    options.confirm_timeout = Duration::MAX;
    select(&mut peer, key, options);
    publish_kept(&mut peer, key);
    peer.octets();
    assert_eq!(
        peer.core
            .poll_timeout()
            .filter(|at| *at > peer.now + Duration::from_secs(60)),
        None
    );
    peer.advance(Duration::from_secs(1_000_000));
    assert_eq!(outcome(&mut peer, key, 6), "outstanding");
}

/// What happens on a channel in confirm mode.
#[derive(Debug, Clone)]
enum Step {
    Publish {
        kept: bool,
    },
    /// Asks for the outcome of one of those that are kept.
    Ask(usize),
    Release(usize),
    /// Settles the publish of this rank among all, or all up to it.
    Settle {
        number: usize,
        multiple: bool,
        acknowledged: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => any::<bool>().prop_map(|kept| Step::Publish { kept }),
        2 => any::<usize>().prop_map(Step::Ask),
        1 => any::<usize>().prop_map(Step::Release),
        4 => (any::<usize>(), prop::bool::weighted(0.2), any::<bool>()).prop_map(
            |(number, multiple, acknowledged)| Step::Settle { number, multiple, acknowledged }
        ),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_kept_outcome_is_what_the_server_said_first_and_told_once(
        steps in prop::collection::vec(step(), 0..200),
        eof in any::<bool>(),
    ) {
        let (mut peer, key) = confirming(ConfirmOptions::default());
        // What became of each publish, by its number less one, and which are kept.
        let mut expected: Vec<Option<&str>> = Vec::new();
        let mut kept: Vec<u64> = Vec::new();
        let mut awaited: Vec<u64> = Vec::new();
        for step in steps {
            match step {
                Step::Publish { kept: keep } => {
                    let number = publish(&mut peer, key, "x").unwrap().unwrap();
                    expected.push(None);
                    prop_assert_eq!(number, expected.len() as u64);
                    if keep {
                        peer.core.keep_outcome(key, DeliveryTag(number));
                        kept.push(number);
                    }
                }
                Step::Ask(index) if !kept.is_empty() => {
                    let number = kept[index % kept.len()];
                    let outcome = outcome(&mut peer, key, number);
                    prop_assert_eq!(outcome, expected[number as usize - 1].unwrap_or("outstanding"));
                    if outcome == "outstanding" {
                        awaited.push(number);
                    } else {
                        kept.retain(|other| *other != number);
                    }
                }
                Step::Release(index) if !kept.is_empty() => {
                    let number = kept.swap_remove(index % kept.len());
                    peer.core.release_outcome(key, DeliveryTag(number));
                    awaited.retain(|other| *other != number);
                }
                Step::Settle { number, multiple, acknowledged } if !expected.is_empty() => {
                    let number = number % expected.len();
                    let tag = number as u64 + 1;
                    peer.octets();
                    let word = if acknowledged {
                        peer.send(1, &ack(tag, multiple));
                        "confirmed"
                    } else {
                        peer.send(1, &nack(tag, multiple));
                        "nacked"
                    };
                    let from = if multiple { 0 } else { number };
                    for entry in &mut expected[from..=number] {
                        entry.get_or_insert(word);
                    }
                }
                Step::Ask(_) | Step::Release(_) | Step::Settle { .. } => {}
            }
            let unsettled = expected.iter().filter(|outcome| outcome.is_none()).count();
            prop_assert_eq!(peer.core.unconfirmed_on(key), unsettled);
            for number in settled(&mut peer) {
                prop_assert!(awaited.contains(&number) && expected[number as usize - 1].is_some());
                awaited.retain(|other| *other != number);
            }
        }
        prop_assert!(awaited.iter().all(|number| expected[*number as usize - 1].is_none()));
        peer.octets();
        if eof {
            peer.core.receive_eof(peer.now);
        } else {
            peer.send(1, &channel_close(constants::NOT_FOUND, "gone"));
        }
        awaited.sort_unstable();
        awaited.dedup();
        prop_assert_eq!(settled(&mut peer), awaited);
        for number in kept {
            let outcome = outcome(&mut peer, key, number);
            prop_assert_eq!(outcome, expected[number as usize - 1].unwrap_or("lost"));
        }
    }
}
