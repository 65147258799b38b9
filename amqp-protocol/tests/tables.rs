//! Tables of random values: what is built is read back, and what is mutilated is refused or read, never more.

use amqp_protocol::{
    Decode, DecodeError, DecodeErrorKind, Encode, FieldArray, FieldTable, FieldValue, Reader, Writer,
};
use proptest::prelude::*;

fn encoded(value: &impl Encode) -> Vec<u8> {
    let mut octets = Vec::new();
    value.encode(&mut Writer::new(&mut octets));
    octets
}

/// Reads everything there is in a value, and counts the values.
fn walk(value: &FieldValue<'_>) -> usize {
    1 + match value {
        FieldValue::Table(table) => table.iter().map(|(_, value)| walk(&value)).sum(),
        FieldValue::Array(array) => array.iter().map(|value| walk(&value)).sum(),
        _ => 0,
    }
}

fn walk_table(octets: &[u8]) -> Result<usize, DecodeError> {
    let mut reader = Reader::new(octets);
    let table = reader.table("table")?;
    reader.finish("table")?;
    Ok(walk(&FieldValue::Table(table)))
}

proptest! {
    #[test]
    fn entries_come_back_in_order(
        entries in prop::collection::vec((any::<amqp_protocol::ShortStr<'static>>(), any::<FieldValue<'static>>()), 0..8),
    ) {
        let table = FieldTable::from_entries(entries.clone()).unwrap();
        let octets = encoded(&table);
        prop_assert_eq!(octets.len(), table.encoded_len());
        let decoded = Reader::new(&octets).table("table").unwrap();
        prop_assert_eq!(&decoded, &table);
        for (name, value) in &entries {
            let first = entries.iter().find(|(other, _)| other == name).map(|(_, value)| value);
            prop_assert_eq!(decoded.get(name), first.cloned());
            let octets = encoded(value);
            let mut reader = Reader::new(&octets);
            prop_assert_eq!(&FieldValue::decode(&mut reader).unwrap(), value);
            prop_assert!(reader.is_empty());
        }
        prop_assert!(decoded.iter().eq(entries));
    }

    #[test]
    fn arrays_come_back_in_order(values in prop::collection::vec(any::<FieldValue<'static>>(), 0..8)) {
        let octets = encoded(&FieldArray::from_values(values.clone()).unwrap());
        let decoded = FieldArray::decode(&mut Reader::new(&octets)).unwrap();
        prop_assert!(decoded.iter().eq(values));
    }

    #[test]
    fn no_beginning_is_a_table_and_no_tail_belongs_to_it(table in any::<FieldTable<'static>>(), tail in any::<[u8; 3]>()) {
        let mut octets = encoded(&table);
        for len in 0..octets.len() {
            let error = Reader::new(&octets[..len]).table("table").unwrap_err();
            prop_assert_eq!(error.kind, DecodeErrorKind::UnexpectedEnd);
        }
        octets.extend(tail);
        let mut reader = Reader::new(&octets);
        prop_assert_eq!(reader.table("table").unwrap(), table);
        prop_assert_eq!(reader.remaining(), tail);
    }

    /// Whatever validation lets pass is read to its last octet: the entries encode to the same length.
    #[test]
    fn mutilated_tables_are_refused_or_read_whole(
        table in any::<FieldTable<'static>>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut octets = encoded(&table);
        for (index, octet) in changes {
            let index = index.index(octets.len());
            octets[index] = octet;
        }
        match walk_table(&octets) {
            Ok(values) => prop_assert!(values <= octets.len()),
            Err(error) => prop_assert!(error.offset <= octets.len()),
        }
        if let Ok(table) = Reader::new(&octets).table("table") {
            let rebuilt = FieldTable::from_entries(&table).unwrap();
            prop_assert_eq!(rebuilt.encoded_len(), table.encoded_len());
        }
    }

    #[test]
    fn random_octets_never_panic(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        let len = (octets.len() as u32).to_be_bytes();
        let _ = walk_table(&[&len[..], &octets].concat());
        let _ = walk_table(&octets);
    }
}
