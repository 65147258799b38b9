//! A server that means harm, on AMQP 0-8: at every step it gets a typed error, and nothing panics.

use amqp_client::protocol::frame::{self, FrameType};
use amqp_client::protocol::method::Encode;
use amqp_client::protocol::v0_8::{Method, basic, connection};
use amqp_client::protocol::{ChannelId, Writer};
use amqp_client::{Config, ConnectionError, State, Violation};
use proptest::prelude::*;
use proptest::strategy::Union;

use super::{config, open_channel, peer_in, sent, start_consumer};
use crate::peer::Peer;

const STATES: [State; 4] = [
    State::AwaitingStart,
    State::AwaitingTune,
    State::AwaitingOpenOk,
    State::Open,
];

fn ready_peer(state: State) -> Peer {
    let mut peer = peer_in(state, config());
    if state == State::Open {
        let key = open_channel(&mut peer);
        start_consumer(&mut peer, key, "c");
        peer.core.open_channel(peer.now).unwrap();
        peer.octets();
    }
    peer
}

fn method_frame(channel: u16, method: &Method<'_>) -> Vec<u8> {
    let mut octets = Vec::new();
    frame::write(&mut octets, FrameType::Method, ChannelId(channel), method, 0).unwrap();
    octets
}

/// Gives it to the client, and ends the stream: whatever it was, the connection has one error and is over.
fn survive(state: State, octets: &[u8], step: usize) -> String {
    let mut peer = ready_peer(state).by(step);
    peer.feed(octets);
    peer.octets();
    peer.events();
    peer.core.receive_eof(peer.now);
    peer.octets();
    peer.core.receive_eof(peer.now);
    assert_eq!(peer.core.state(), State::Closed);
    peer.core.error().unwrap().to_string()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Methods in any order, on any channel, whole or damaged: the same end whether they come whole or octet by octet.
    #[test]
    fn methods_at_any_step_come_to_the_same_however_they_are_cut(
        state in prop::sample::select(&STATES[..]),
        methods in prop::collection::vec((0_u16..4, Union::new(Method::strategies())), 1..4),
        damage in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let frames = methods.iter().map(|(channel, method)| method_frame(*channel, method));
        let mut octets: Vec<u8> = frames.flatten().collect();
        if let Some((at, octet)) = damage {
            let at = at.index(octets.len());
            octets[at] = octet;
        }
        prop_assert_eq!(survive(state, &octets, usize::MAX), survive(state, &octets, 1));
    }
}

#[test]
fn a_method_that_only_clients_send_is_named_as_the_revision_names_it() {
    let mut peer = ready_peer(State::Open);
    peer.feed(&method_frame(1, &basic::Ack::default().into()));
    let Some(ConnectionError::PeerViolation(violation)) = peer.core.error() else {
        panic!("{:?}", peer.core.error())
    };
    assert_eq!(
        violation.kind,
        Violation::ForeignMethod {
            channel: ChannelId(1),
            method: "basic.ack"
        }
    );
    assert!(sent(&mut peer).iter().any(|frame| matches!(
        frame,
        super::Sent::Method(0, Method::Connection(connection::Method::Close(_)))
    )));
}

#[test]
fn a_method_of_the_wrong_revision_is_malformed_or_out_of_place() {
    // What 0-9-1 calls connection.close is a redirect here, and connection.blocked a close.
    let mut octets = Vec::new();
    amqp_client::methods::connection::Unblocked {}.encode(&mut Writer::new(&mut octets));
    for (ids, arguments) in [([0, 10, 0, 70], octets), ([0, 85, 0, 11], vec![])] {
        let mut peer = ready_peer(State::Open);
        let mut payload = ids.to_vec();
        payload.extend(arguments);
        let mut frame = frame::start(FrameType::Method, ChannelId(0), payload.len() as u32).to_vec();
        frame.extend(payload);
        frame.push(frame::END);
        peer.feed(&frame);
        let Some(ConnectionError::PeerViolation(violation)) = peer.core.error() else {
            panic!("{:?}", peer.core.error())
        };
        assert!(matches!(violation.kind, Violation::Malformed(_)), "{violation}");
    }
}

#[test]
fn garbage_behind_the_arguments_is_malformed() {
    let mut payload = Vec::new();
    Method::from(connection::OpenOk::default()).encode(&mut Writer::new(&mut payload));
    payload.push(0);
    let mut octets = frame::start(FrameType::Method, ChannelId(0), payload.len() as u32).to_vec();
    octets.extend(payload);
    octets.push(frame::END);
    let mut peer = peer_in(
        State::AwaitingOpenOk,
        Config::default().protocol(config().protocol),
    );
    peer.feed(&octets);
    assert!(matches!(
        peer.core.error(),
        Some(ConnectionError::PeerViolation(violation)) if matches!(violation.kind, Violation::Malformed(_))
    ));
    assert!(peer.core.known_hosts().is_empty());
}
