//! Frames and contents of random payloads, delivered in random pieces.

use amqp_protocol::content::{Assembler, split};
use amqp_protocol::frame::{self, FrameType, Parsed, RawFrame};
use amqp_protocol::{ChannelId, DecodeErrorKind, FieldTable};
use bytes::Bytes;
use proptest::prelude::*;

/// All frames of the octets, which end with one.
fn frames(mut octets: &[u8], frame_max: u32) -> Vec<RawFrame<'_>> {
    let mut frames = Vec::new();
    while !octets.is_empty() {
        let Parsed::Complete(frame) = RawFrame::parse(octets, frame_max).unwrap() else {
            panic!("a part of a frame")
        };
        octets = &octets[frame.encoded_len()..];
        frames.push(frame);
    }
    frames
}

proptest! {
    #[test]
    fn a_body_is_split_and_gathered(
        body in prop::collection::vec(any::<u8>(), 0..2000),
        frame_max in 9..600_u32,
        channel in any::<ChannelId>(),
    ) {
        let mut octets = Vec::new();
        frame::write_body(&mut octets, channel, &body, frame_max);
        let mut gathered = Assembler::new(body.len() as u64);
        let mut parts = split(Bytes::from(body.clone()), frame_max);
        for frame in frames(&octets, frame_max) {
            prop_assert_eq!((frame.frame_type, frame.channel), (FrameType::Body, channel));
            prop_assert!(!gathered.is_complete());
            prop_assert_eq!(parts.next(), Some(Bytes::copy_from_slice(frame.payload)));
            gathered.push(Bytes::copy_from_slice(frame.payload)).unwrap();
        }
        prop_assert_eq!(parts.next(), None);
        prop_assert!(gathered.is_complete());
        prop_assert!(gathered.push(Bytes::from_static(b"x")).is_err());
        prop_assert_eq!(gathered.into_body(), body);
    }

    #[test]
    fn a_frame_is_seen_when_its_last_octet_comes(table in any::<FieldTable<'static>>(), channel in any::<ChannelId>()) {
        let mut octets = Vec::new();
        frame::write(&mut octets, FrameType::Header, channel, &table, 0).unwrap();
        let frame_max = octets.len() as u32;
        let mut len = 0;
        while len < octets.len() {
            let Parsed::Incomplete { missing } = RawFrame::parse(&octets[..len], frame_max).unwrap() else {
                panic!("{len} of {frame_max} octets")
            };
            prop_assert!(missing > 0 && len + missing <= octets.len());
            len += missing;
        }
        prop_assert!(frames(&octets, frame_max)[0].payload.ends_with(table.as_octets()));
        let error = RawFrame::parse(&octets, frame_max - 1).unwrap_err();
        let too_large = matches!(error.kind, DecodeErrorKind::FrameTooLarge { .. });
        prop_assert!(too_large);
        octets.clear();
        prop_assert!(frame::write(&mut octets, FrameType::Header, channel, &table, frame_max - 1).is_err());
        prop_assert!(octets.is_empty());
    }

    #[test]
    fn random_octets_never_panic(octets in prop::collection::vec(any::<u8>(), 0..40), frame_max in any::<u32>()) {
        if let Ok(Parsed::Complete(frame)) = RawFrame::parse(&octets, frame_max) {
            prop_assert!(frame.encoded_len() <= octets.len());
        }
    }
}
