//! What the fuzz targets check: octets from anywhere never panic, and what is accepted reads back the same.
//! The tests of the workspace include this file and run the same functions on a fixed number of inputs.
#![forbid(unsafe_code)]

use amqp_protocol::frame::{self, Parsed, RawFrame};
use amqp_protocol::{
    Decode, Encode, FieldArray, FieldTable, FieldValue, ProtocolHeader, Reader, Writer, v0_8, v0_9_1,
};

fn encoded(value: &impl Encode) -> Vec<u8> {
    let mut octets = Vec::with_capacity(value.encoded_len());
    value.encode(&mut Writer::new(&mut octets));
    assert_eq!(octets.len(), value.encoded_len());
    octets
}

/// Protocol headers and frames, one after the other, with a limit that the first octet chooses.
pub fn frames(input: &[u8]) {
    let _ = ProtocolHeader::parse(input);
    let Some((&limit, mut rest)) = input.split_first() else {
        return;
    };
    let frame_max = [0, 8, 64, 4096][usize::from(limit % 4)];
    loop {
        match RawFrame::parse(rest, frame_max) {
            Ok(Parsed::Complete(frame)) => {
                let start = frame::start(frame.frame_type, frame.channel, frame.payload.len() as u32);
                let len = frame.encoded_len();
                assert!(frame_max == 0 || len <= frame_max as usize);
                assert_eq!(rest[..len], [&start, frame.payload, &[frame::END]].concat());
                // Not seen before its last octet is there.
                let missing = match RawFrame::parse(&rest[..len - 1], frame_max) {
                    Ok(Parsed::Incomplete { missing }) => missing,
                    other => panic!("{other:?}"),
                };
                assert_eq!(missing, 1);
                rest = &rest[len..];
            }
            Ok(Parsed::Incomplete { missing }) => return assert!(missing > 0),
            Err(error) => return assert!(error.offset <= rest.len()),
        }
    }
}

fn walk(value: &FieldValue<'_>) {
    match value {
        FieldValue::Table(table) => walk_table(table),
        FieldValue::Array(array) => array.iter().for_each(|value| walk(&value)),
        _ => {}
    }
}

fn walk_table(table: &FieldTable<'_>) {
    table.iter().for_each(|(_, value)| walk(&value));
}

/// A field table, a field array and a value: read to the last entry, and built anew from their entries.
pub fn tables(input: &[u8]) {
    if let Ok(table) = FieldTable::decode(&mut Reader::new(input)) {
        walk_table(&table);
        assert!(input.starts_with(&encoded(&table)));
        let built = FieldTable::from_entries(&table).expect("what was read can be built");
        assert!(built.iter().eq(table.iter()));
    }
    if let Ok(array) = FieldArray::decode(&mut Reader::new(input)) {
        let built = FieldArray::from_values(&array).expect("what was read can be built");
        assert!(built.iter().eq(array.iter()));
    }
    if let Ok(value) = FieldValue::decode(&mut Reader::new(input)) {
        walk(&value);
        assert_eq!(encoded(&value).len(), value.encoded_len());
    }
}

macro_rules! methods {
    ($name:ident, $revision:ident, $title:literal) => {
        #[doc = concat!("A method of ", $title, ": what is accepted decodes to the same after encoding.")]
        pub fn $name(input: &[u8]) {
            let mut reader = Reader::new(input);
            match $revision::Method::decode(&mut reader) {
                Ok(method) => {
                    let octets = encoded(&method);
                    assert!(
                        octets.len() <= reader.offset(),
                        "a reserved field is sent empty"
                    );
                    let mut again = Reader::new(&octets);
                    assert_eq!($revision::Method::decode(&mut again).as_ref(), Ok(&method));
                    assert!(again.is_empty());
                    let _ = format!("{method:?}");
                }
                Err(error) => assert!(error.offset <= input.len()),
            }
        }
    };
}

methods!(methods_0_9_1, v0_9_1, "0-9-1");
methods!(methods_0_8, v0_8, "0-8");

macro_rules! properties {
    ($revision:ident, $input:expr) => {
        // Every class: the ids are multiples of 10 up to 120.
        for class_id in (10..=120).step_by(10) {
            let decode = |octets| $revision::ContentProperties::decode(class_id, &mut Reader::new(octets));
            match decode($input) {
                Ok(properties) => {
                    let octets = encoded(&properties);
                    assert!(octets.len() <= $input.len(), "superfluous flag words are dropped");
                    assert_eq!(decode(&octets).as_ref(), Ok(&properties));
                }
                Err(error) => assert!(error.offset <= $input.len()),
            }
        }
    };
}

/// Content properties of every class of both revisions.
pub fn properties(input: &[u8]) {
    properties!(v0_9_1, input);
    properties!(v0_8, input);
}
