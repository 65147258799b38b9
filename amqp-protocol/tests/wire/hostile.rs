//! Input that is mutilated on purpose, into everything that the program does: errors, never a panic.

use std::io::Cursor;

use amqp_protocol::{Encode, Writer, v0_9_1};
use proptest::prelude::*;

use crate::dissect::Dissector;
use crate::lines::{Item, decode, decode_octets, encode};
use crate::revision::{Revision, V0_8, V0_9_1};

fn all_ways(octets: &[u8]) {
    fn of<R: Revision>(octets: &[u8]) {
        let properties = R::CONTENT_CLASSES.iter().map(|class| Item::Properties(*class));
        for item in [Item::Method, Item::Table].into_iter().chain(properties) {
            let _ = decode::<R>(item, octets);
            let _ = decode_octets::<R>(item, octets);
            let _ = encode::<R>(item, octets);
        }
    }
    of::<V0_9_1>(octets);
    of::<V0_8>(octets);
}

/// The number of lines that a capture gives: it ends.
fn lines_of(capture: &[u8]) -> usize {
    let mut dissector = Dissector::new(Cursor::new(capture), None);
    std::iter::from_fn(|| dissector.next_line().expect("a slice can be read")).count()
}

proptest! {
    #[test]
    fn random_octets(octets in prop::collection::vec(any::<u8>(), 0..100)) {
        all_ways(&octets);
        prop_assert!(lines_of(&octets) <= octets.len());
    }

    #[test]
    fn random_text(text in r#"([\[\]{}":,0-9.eE+\-]|hex|class|method|true|null|bits|F|A|\\u)*"#) {
        all_ways(text.as_bytes());
    }

    #[test]
    fn mutilated_json(
        method in any::<v0_9_1::Method<'static>>(),
        at in any::<prop::sample::Index>(),
        octet in prop_oneof![any::<u8>(), prop::sample::select(b"[]{}\":,0e-.\\".to_vec())],
        cut in any::<bool>(),
    ) {
        let mut octets = Vec::new();
        method.encode(&mut Writer::new(&mut octets));
        let mut json = decode_octets::<V0_9_1>(Item::Method, &octets).expect("it decodes").into_bytes();
        let at = at.index(json.len());
        json[at] = octet;
        if cut {
            json.truncate(at + 1);
        }
        all_ways(&json);
    }

    #[test]
    fn mutilated_captures(
        methods in prop::collection::vec(any::<v0_9_1::Method<'static>>(), 1..4),
        at in any::<prop::sample::Index>(),
        octet in any::<u8>(),
    ) {
        let mut capture = Vec::new();
        for method in &methods {
            amqp_protocol::frame::write(&mut capture, amqp_protocol::frame::FrameType::Method, amqp_protocol::ChannelId(1), method, 0)
                .expect("there is no limit");
        }
        prop_assert_eq!(lines_of(&capture), methods.len());
        let at = at.index(capture.len());
        capture[at] = octet;
        prop_assert!(lines_of(&capture) <= capture.len());
    }
}
