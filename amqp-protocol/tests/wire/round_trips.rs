//! Whatever a generated strategy makes comes back through the program's JSON, octet for octet.

use amqp_protocol::{Encode, FieldTable, Writer, v0_8, v0_9_1};
use proptest::prelude::*;

use crate::lines::{Item, decode_octets, encode_octets};
use crate::revision::{ContentClass, Revision, V0_8, V0_9_1};

fn encoded(value: &impl Encode) -> Vec<u8> {
    let mut octets = Vec::new();
    value.encode(&mut Writer::new(&mut octets));
    octets
}

#[track_caller]
fn comes_back<R: Revision>(item: Item, octets: &[u8]) {
    let json = decode_octets::<R>(item, octets).expect("what was encoded decodes");
    assert!(!json.contains('\n'));
    let back = encode_octets::<R>(item, json.as_bytes()).unwrap_or_else(|fault| panic!("{fault:?}: {json}"));
    assert_eq!(back, octets, "{json}");
}

fn class<R: Revision>(id: u16) -> ContentClass {
    *R::CONTENT_CLASSES
        .iter()
        .find(|class| class.id == id)
        .expect("every class with properties is listed")
}

proptest! {
    #[test]
    fn methods_of_0_9_1(method in any::<v0_9_1::Method<'static>>()) {
        comes_back::<V0_9_1>(Item::Method, &encoded(&method));
    }

    #[test]
    fn methods_of_0_8(method in any::<v0_8::Method<'static>>()) {
        comes_back::<V0_8>(Item::Method, &encoded(&method));
    }

    #[test]
    fn properties_of_0_9_1(properties in any::<v0_9_1::ContentProperties<'static>>()) {
        let class = class::<V0_9_1>(properties.class_id());
        comes_back::<V0_9_1>(Item::Properties(class), &encoded(&properties));
    }

    #[test]
    fn properties_of_0_8(properties in any::<v0_8::ContentProperties<'static>>()) {
        let class = class::<V0_8>(properties.class_id());
        comes_back::<V0_8>(Item::Properties(class), &encoded(&properties));
    }

    #[test]
    fn tables(table in any::<FieldTable<'static>>()) {
        comes_back::<V0_9_1>(Item::Table, &encoded(&table));
    }

    /// Decode, encode, decode gives the same JSON, whatever the first octets were.
    #[test]
    fn json_is_stable(octets in prop::collection::vec(any::<u8>(), 0..64), id in any::<prop::sample::Index>()) {
        let ids = v0_8::Method::IDS;
        let id = ids[id.index(ids.len())];
        let octets = [&id.class.to_be_bytes()[..], &id.method.to_be_bytes(), &octets].concat();
        // Shortened until nothing trails.
        let end = match decode_octets::<V0_8>(Item::Method, &octets) {
            Err(fault) if fault.kind == "trailing_octets" => fault.offset as usize,
            _ => octets.len(),
        };
        if let Ok(json) = decode_octets::<V0_8>(Item::Method, &octets[..end]) {
            let back = encode_octets::<V0_8>(Item::Method, json.as_bytes()).expect("what was printed encodes");
            prop_assert_eq!(decode_octets::<V0_8>(Item::Method, &back), Ok(json));
        }
    }
}
