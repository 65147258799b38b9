//! Pitfall 24: a server that means harm. Nothing panics, nothing waits longer than its time, and memory stays in proportion
//! to what has come.

use std::cell::Cell;
use std::time::Duration;

use allocation_counter::measure;
use amqp_client::protocol::frame::{self, FrameType};
use amqp_client::protocol::method::Arguments;
use amqp_client::protocol::v0_9_1::{basic, channel, connection, constants, tx};
use amqp_client::protocol::{ChannelId, ShortStr};
use amqp_client::sans_io::{ChannelKey, ConsumerId, Settlement};
use amqp_client::{Config, ConnectionError, State, Violation};

use crate::peer::{
    Peer, Sent, body_frames, declare_ok, deliver, delivery, header_frame, method_frame, start,
};

const STATES: [State; 4] = [
    State::AwaitingStart,
    State::AwaitingTune,
    State::AwaitingOpenOk,
    State::Open,
];

/// A client that the server has brought into this state.
fn peer_in(state: State) -> Peer {
    let mut peer = Peer::new(Config::default());
    if state > State::AwaitingStart {
        peer.send(0, &start("PLAIN"));
    }
    if state > State::AwaitingTune {
        peer.send(0, &connection::Tune::default());
    }
    if state > State::AwaitingOpenOk {
        peer.send(0, &connection::OpenOk {});
        peer.octets();
        peer.events();
        let key = peer.open_channel();
        peer.consume(key, "c");
    }
    peer.octets();
    peer.events();
    assert_eq!(peer.core.state(), state);
    peer
}

/// Pseudo-random numbers: xorshift of 64 bits.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn octets(&mut self, len: u64) -> Vec<u8> {
        (0..len).map(|_| self.below(256) as u8).collect()
    }
}

#[test]
fn pitfall_24_garbage_at_any_step_ends_it_within_its_size() {
    let mut random = Random(0x0009_0001_0024_0001);
    for state in STATES {
        for round in 0..2000 {
            let len = random.below(300);
            let garbage = random.octets(len);
            // Bare, or as what a sound frame holds.
            let input = match round % 4 {
                0 => garbage,
                kind => {
                    let (channel, octet) = (random.below(3) as u16, kind as u8);
                    let mut input =
                        frame::start(FrameType::Method, ChannelId(channel), garbage.len() as u32).to_vec();
                    input[0] = octet;
                    input.extend(garbage);
                    input.push(frame::END);
                    input
                }
            };
            let mut peer = peer_in(state);
            let grown = measure(|| peer.feed(&input));
            assert!(grown.bytes_max < 64 << 10, "{grown:?} for {input:02x?}");
            peer.octets();
            peer.core.receive_eof(peer.now);
            assert!(peer.core.error().is_some() && peer.core.state() == State::Closed);
        }
    }
}

#[test]
fn pitfall_24_half_a_frame_at_any_step_of_the_handshake_is_given_up_in_time() {
    for state in &STATES[..3] {
        let mut peer = peer_in(*state);
        let frame = method_frame(0, &start("PLAIN"));
        peer.feed(&frame[..frame.len() / 2]);
        peer.advance(Config::default().handshake_timeout);
        let Some(ConnectionError::HandshakeTimedOut { state: found }) = peer.core.error() else {
            panic!("{:?}", peer.core.error())
        };
        assert_eq!(found, state);
    }
}

#[test]
fn pitfall_24_a_method_out_of_its_turn_is_a_violation_at_any_step() {
    fn frame<M: Arguments + Default>(channel: u16) -> (u16, Vec<u8>) {
        (channel, method_frame(channel, &M::default()))
    }
    // Each with the step at which it is in order, if there is one.
    let methods = [
        (frame::<connection::Start<'_>>(0), Some(State::AwaitingStart)),
        (frame::<connection::Tune>(0), Some(State::AwaitingTune)),
        (frame::<connection::OpenOk>(0), Some(State::AwaitingOpenOk)),
        (frame::<connection::Blocked<'_>>(0), Some(State::Open)),
        (frame::<connection::Unblocked>(0), Some(State::Open)),
        (frame::<connection::CloseOk>(0), None),
        (frame::<connection::Open<'_>>(0), None),
        (frame::<channel::OpenOk>(0), None),
        (frame::<channel::OpenOk>(1), None),
        (frame::<channel::CloseOk>(1), None),
        (frame::<basic::CancelOk<'_>>(1), None),
        ((7, method_frame(7, &declare_ok("q"))), None),
    ];
    for state in STATES {
        for ((channel, octets), due) in &methods {
            if *due == Some(state) {
                continue;
            }
            let mut peer = peer_in(state);
            peer.feed(octets);
            let Some(ConnectionError::PeerViolation(violation)) = peer.core.error() else {
                panic!("{octets:02x?} in {state}: {:?}", peer.core.error())
            };
            assert_eq!(violation.state, state);
            let expected = match violation.kind {
                Violation::UnexpectedMethod { channel: found, .. }
                | Violation::ChannelNotOpen { channel: found } => found == ChannelId(*channel),
                _ => false,
            };
            assert!(expected, "{violation}");
            // Told so, unless it may not even be AMQP.
            let told = peer.sent().iter().any(Sent::is::<connection::Close<'_>>);
            assert_eq!(told, state != State::AwaitingStart);
        }
    }
}

#[test]
fn pitfall_24_a_close_at_any_step_is_answered_and_typed() {
    for state in STATES {
        let mut peer = peer_in(state);
        let close = connection::Close {
            reply_code: constants::CONNECTION_FORCED,
            reply_text: ShortStr::from_static("CONNECTION_FORCED - maintenance"),
            ..Default::default()
        };
        peer.send(0, &close);
        let Some(ConnectionError::ClosedByServer(close)) = peer.core.error() else {
            panic!("{state}: {:?}", peer.core.error())
        };
        assert_eq!(close.to_string(), "320 CONNECTION_FORCED: maintenance");
        assert_eq!(peer.sent(), [Sent::Method(0, connection::CloseOk {}.into())]);
        assert_eq!(peer.core.state(), State::Closed);
    }
}

#[test]
fn pitfall_24_a_frame_max_that_nothing_fits_into_is_refused() {
    for offered in [1, 7, 8, 9, 100, 4095] {
        let mut peer = peer_in(State::AwaitingTune);
        peer.send(
            0,
            &connection::Tune {
                frame_max: offered,
                ..Default::default()
            },
        );
        let Some(ConnectionError::FrameMaxTooSmall { offered: found }) = peer.core.error() else {
            panic!("{:?}", peer.core.error())
        };
        assert_eq!(*found, offered);
        assert_eq!((peer.sent(), peer.core.state()), (vec![], State::Closed));
    }
}

/// A table in a table in a table, `depth` of them.
fn nested(depth: usize) -> Vec<u8> {
    let mut table = vec![0; 4];
    for _ in 1..depth {
        let mut outer = ((table.len() + 3) as u32).to_be_bytes().to_vec();
        outer.extend([1, b'k', b'F']);
        outer.append(&mut table);
        table = outer;
    }
    table
}

#[test]
fn pitfall_24_tables_without_end_overflow_neither_stack_nor_memory() {
    for (depth, accepted) in [(32, true), (34, false), (10_000, false)] {
        let mut payload = vec![0, 10, 0, 10, 0, 9];
        payload.extend(nested(depth));
        payload.extend(b"\0\0\0\x05PLAIN\0\0\0\x05en_US");
        let mut input = frame::start(FrameType::Method, ChannelId(0), payload.len() as u32).to_vec();
        input.extend(payload);
        input.push(frame::END);
        let mut peer = peer_in(State::AwaitingStart);
        let grown = measure(|| peer.feed(&input));
        assert!(grown.bytes_max < 4 * input.len() as u64 + 4096, "{grown:?}");
        assert_eq!(peer.core.error().is_none(), accepted, "{depth}");
    }
}

#[test]
fn pitfall_24_a_body_that_comes_slowly_takes_what_has_come_and_not_what_was_announced() {
    // What fits the limit is kept as it comes; what does not is thrown away as it comes.
    for (announced, kept) in [(Config::default().body_max, true), (u64::MAX, false)] {
        let mut peer = peer_in(State::Open);
        peer.feed(&[method_frame(1, &deliver("c", 1)), header_frame(1, announced)].concat());
        let piece = body_frames(1, &[7; 1000], 2000);
        for pieces in [10, 1000] {
            let grown = measure(|| {
                for _ in 0..pieces {
                    peer.feed(&piece);
                }
            });
            let come = if kept { pieces * 1000 } else { 0 };
            // A buffer that doubles holds thrice its content while it grows.
            assert!(
                grown.bytes_max < 3 * come + (256 << 10),
                "{grown:?} for {pieces} pieces of {announced}"
            );
        }
        assert_eq!(peer.core.state(), State::Open);
    }
}

/// Octets of answers that may wait in [`flood`].
const ANSWERS: usize = 256 << 10;

/// A server that has been asked for something on channel 1 and then sends one thing again and again, which has to be
/// answered. It takes the answers, or it does not.
fn flood(
    asked: impl FnOnce(&mut Peer, ChannelKey, ConsumerId),
    piece: impl Fn(u64) -> Vec<u8>,
    mut answer: impl FnMut(&mut Peer),
    taken: bool,
) -> Peer {
    let mut peer = Peer::tuned(Config::default().receive_buffer(ANSWERS), 10, 4096);
    let key = peer.open_channel();
    let consumer = peer.consume(key, "c");
    asked(&mut peer, key, consumer);
    peer.octets();
    let grown = measure(|| {
        for number in 1..=(4 * ANSWERS / 12) as u64 {
            if peer.core.state() == State::Closed {
                break;
            }
            peer.feed(&piece(number));
            answer(&mut peer);
            while peer.core.poll_event().is_some() {}
            if taken {
                peer.octets();
            }
        }
    });
    // A buffer that doubles, beside its half while it is moved; nothing is left of it.
    assert!(grown.bytes_max < 3 * ANSWERS as u64 + (128 << 10), "{grown:?}");
    assert!(grown.bytes_current < 128 << 10, "{grown:?}");
    peer
}

/// Sees that the connection ends for a flood that is not read, and not for one that is.
fn floods(
    asked: impl Fn(&mut Peer, ChannelKey, ConsumerId),
    piece: impl Fn(u64) -> Vec<u8>,
    answer: impl Fn(&mut Peer),
) {
    let peer = flood(&asked, &piece, &answer, true);
    assert_eq!(peer.core.state(), State::Open);
    for blocks in [false, true] {
        let asked = |peer: &mut Peer, key: ChannelKey, consumer: ConsumerId| {
            asked(peer, key, consumer);
            if blocks {
                // As a server may that does not read, and then is not held to any time.
                peer.send(0, &connection::Blocked::default());
            }
        };
        let peer = flood(asked, &piece, &answer, false);
        let error = peer.core.error();
        let expected = matches!(error, Some(ConnectionError::AnswersNotTaken { limit: ANSWERS }));
        assert!(expected && peer.core.state() == State::Closed, "{error:?}");
    }
}

#[test]
fn pitfall_24_a_flood_of_channel_flow_that_takes_no_answers_ends_the_connection() {
    let flow = method_frame(1, &channel::Flow { active: true });
    floods(|_, _, _| {}, |_| flow.clone(), |_| {});
}

#[test]
fn pitfall_24_a_flood_of_cancels_that_takes_no_answers_ends_the_connection() {
    let cancel = method_frame(1, &basic::Cancel::default());
    floods(|_, _, _| {}, |_| cancel.clone(), |_| {});
}

#[test]
fn pitfall_24_a_flood_of_closes_that_takes_no_answers_ends_the_connection() {
    let close = method_frame(1, &channel::Close::default());
    // They cross ours, which is never answered.
    floods(
        |peer, key, _| peer.core.drop_channel(key),
        |_| close.clone(),
        |_| {},
    );
}

#[test]
fn pitfall_24_a_flood_for_a_dropped_consumer_that_takes_no_answers_ends_the_connection() {
    floods(
        |peer, _, consumer| peer.core.drop_consumer(consumer),
        |number| delivery(1, "c", number, b"x", 100),
        |_| {},
    );
}

#[test]
fn pitfall_24_a_flood_for_a_consumer_that_acks_and_takes_no_acks_ends_the_connection() {
    let subscribed = Cell::new(None);
    floods(
        |_, key, consumer| subscribed.set(Some((key, consumer))),
        |number| delivery(1, "c", number, b"x", 100),
        |peer| {
            let (key, consumer) = subscribed.get().unwrap();
            if let Some(Ok(message)) = peer.core.next_delivery(consumer) {
                let ack = basic::Ack {
                    delivery_tag: message.delivery_tag(),
                    multiple: false,
                };
                peer.core.settle(key, Settlement::Ack(ack)).unwrap();
            }
        },
    );
}

#[test]
fn pitfall_24_a_flood_while_a_commit_holds_the_answers_back_ends_the_connection() {
    let flow = method_frame(1, &channel::Flow { active: true });
    let commit = |peer: &mut Peer, key, _| {
        peer.core.call(peer.now, key, tx::Commit {}).unwrap();
    };
    let peer = flood(commit, |_| flow.clone(), |_| {}, true);
    let error = peer.core.error();
    let expected = matches!(error, Some(ConnectionError::AnswersNotTaken { limit: ANSWERS }));
    assert!(expected, "{error:?}");
}

#[test]
fn pitfall_24_a_flood_of_closes_that_cross_our_close_takes_no_more() {
    let close = method_frame(0, &connection::Close::default());
    let closed = |peer: &mut Peer, _, _| {
        let text = ShortStr::from_static("goodbye");
        peer.core.close(peer.now, constants::REPLY_SUCCESS, text);
    };
    let peer = flood(closed, |_| close.clone(), |_| {}, false);
    assert!(matches!(
        peer.core.error(),
        Some(ConnectionError::CloseUnanswered)
    ));
    assert_eq!(peer.core.state(), State::Closed);
}

#[test]
fn pitfall_24_what_follows_the_end_is_thrown_away() {
    let mut peer = peer_in(State::Open);
    peer.send(0, &connection::OpenOk {});
    assert!(peer.core.error().is_some());
    peer.octets();
    peer.events();
    let piece = delivery(1, "c", 1, &[7; 1000], 2000);
    let grown = measure(|| {
        for _ in 0..1000 {
            peer.feed(&piece);
        }
    });
    assert!(grown.bytes_max < 64 << 10, "{grown:?}");
    assert!(peer.octets().is_empty() && peer.events().is_empty());
    // No close-ok comes: the transport is given up in time.
    peer.advance(Duration::from_secs(10));
    assert_eq!(peer.core.state(), State::Closed);
}
