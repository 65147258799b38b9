//! A wire tap sees what the transport gets and gives, whatever a client does and a server sends.

use std::time::Duration;

use amqp_client::methods::connection;
use amqp_client::protocol::frame::HEARTBEAT;
use amqp_client::protocol::{LongStr, ShortStr};
use amqp_client::wire::Sender;
use amqp_client::{Config, Secret};
use proptest::prelude::*;

use crate::peer::{Peer, body_frames, declare, header_frame, method_frame, publish};
use crate::tap::{PASSWORD, consumer_with_three_frames, octets_of, open, tapped};

/// What a client may do.
#[derive(Debug, Clone)]
enum Step {
    Publish { size: usize, shared: bool },
    Declare,
    Beat,
    Renew,
    Write,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0_usize..20_000, any::<bool>()).prop_map(|(size, shared)| Step::Publish { size, shared }),
        Just(Step::Declare),
        Just(Step::Beat),
        Just(Step::Renew),
        Just(Step::Write),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_seen_is_what_the_transport_gets_but_for_secrets(steps in prop::collection::vec(step(), 0..30)) {
        let config = Config::default()
            .heartbeat(10)
            .call_timeout(Duration::MAX)
            .write_timeout(Duration::MAX);
        let (config, log) = tapped(config);
        let mut peer = Peer::tuned(config, 2047, 4096);
        let key = peer.open_channel();
        log.take();
        let mut sent = Vec::new();
        for step in steps {
            match step {
                Step::Publish { size, shared: true } => {
                    publish(&mut peer, key, vec![1; size]).unwrap();
                }
                Step::Publish { size, shared: false } => {
                    let body: &'static [u8] = &[2; 20_000];
                    publish(&mut peer, key, &body[..size]).unwrap();
                }
                Step::Declare => {
                    peer.core.call(peer.now, key, declare("q")).unwrap();
                }
                Step::Beat => {
                    peer.feed(&HEARTBEAT);
                    peer.advance(Duration::from_secs(6));
                }
                Step::Renew => {
                    let secret = Secret::from(PASSWORD);
                    peer.core.update_secret(peer.now, &secret, ShortStr::default()).unwrap();
                }
                Step::Write => sent.extend(peer.octets()),
            }
        }
        sent.extend(peer.octets());
        let hidden = method_frame(0, &connection::UpdateSecret {
            new_secret: LongStr::from_static("(hidden)"),
            reason: ShortStr::default(),
        });
        let renewed = method_frame(0, &connection::UpdateSecret {
            new_secret: LongStr::from_static(PASSWORD),
            reason: ShortStr::default(),
        });
        let mut seen = Vec::new();
        for frame in log.take().into_iter().filter(|frame| frame.sender == Sender::Client) {
            prop_assert_eq!(frame.redacted, frame.octets == hidden);
            seen.extend(if frame.redacted { renewed.clone() } else { frame.octets });
        }
        prop_assert!(seen == sent);
    }

    #[test]
    fn damaged_octets_are_seen_in_order_whatever_they_are(
        at in 0_usize..200,
        octet in any::<u8>(),
        step in 1_usize..40,
    ) {
        let (mut peer, log) = open();
        let mut octets = consumer_with_three_frames(&mut peer);
        log.take();
        octets.extend(header_frame(1, 3));
        octets.extend(body_frames(1, b"abc", 2));
        let at = at % octets.len();
        octets[at] = octet;
        peer = peer.by(step);
        let before = peer.core.stats(peer.now).octets_received;
        peer.feed(&octets);
        let seen = log.take();
        let hidden = seen.iter().any(|seen| seen.redacted);
        let shown = octets_of(&seen, Sender::Server);
        let taken = (peer.core.stats(peer.now).octets_received - before) as usize;
        prop_assert!(hidden || octets.starts_with(&shown));
        prop_assert!(hidden || shown.len() >= taken, "{} of {taken}", shown.len());
        for frame in &seen {
            prop_assert_eq!(frame.line.lines().count(), 1);
        }
    }
}
