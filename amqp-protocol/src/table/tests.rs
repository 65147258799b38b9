//! Tables and arrays octet by octet: every tag, every limit, every truncation.

use super::*;
use crate::error::DecodeErrorKind;
use crate::testing::three_ways;
use crate::wire::LongStr;

fn encoded(value: &impl Encode) -> Vec<u8> {
    let mut octets = Vec::new();
    value.encode(&mut Writer::new(&mut octets));
    assert_eq!(octets.len(), value.encoded_len());
    octets
}

fn table_error(octets: &[u8]) -> (DecodeErrorKind, usize) {
    let error = Reader::new(octets).table("queue.declare.arguments").unwrap_err();
    assert_eq!(error.context, "queue.declare.arguments");
    (error.kind, error.offset)
}

/// A value of each tag, and its octets.
fn every_tag() -> Vec<(FieldValue<'static>, &'static [u8])> {
    let text = LongStr::from_static("ab");
    let table = FieldTable::new().with("k", true).unwrap();
    let array = FieldArray::new().with(true).unwrap();
    vec![
        (FieldValue::Boolean(true), b"t\x01"),
        (FieldValue::ShortShortInt(-2), b"b\xFE"),
        (FieldValue::ShortShortUint(254), b"B\xFE"),
        (FieldValue::ShortInt(-2), b"s\xFF\xFE"),
        (FieldValue::ShortUint(65534), b"u\xFF\xFE"),
        (FieldValue::LongInt(-2), b"I\xFF\xFF\xFF\xFE"),
        (FieldValue::LongUint(4_294_967_294), b"i\xFF\xFF\xFF\xFE"),
        (FieldValue::LongLong(-2), b"l\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFE"),
        (FieldValue::LongLongInt(-2), b"L\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFE"),
        (FieldValue::Float(1.5), b"f\x3F\xC0\0\0"),
        (FieldValue::Float(f32::from_bits(0x7FA0_0001)), b"f\x7F\xA0\0\x01"),
        (FieldValue::Double(-0.0), b"d\x80\0\0\0\0\0\0\0"),
        (
            FieldValue::Double(f64::from_bits(0xFFF4_0000_0000_0001)),
            b"d\xFF\xF4\0\0\0\0\0\x01",
        ),
        (
            FieldValue::Decimal(Decimal {
                scale: 2,
                value: 0xFFFF_FFFE,
            }),
            b"D\x02\xFF\xFF\xFF\xFE",
        ),
        (FieldValue::LongString(text.clone()), b"S\0\0\0\x02ab"),
        (FieldValue::Array(array), b"A\0\0\0\x02t\x01"),
        (
            FieldValue::Timestamp(u64::MAX),
            b"T\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF",
        ),
        (FieldValue::Table(table), b"F\0\0\0\x04\x01kt\x01"),
        (FieldValue::Void, b"V"),
        (FieldValue::ByteArray(text), b"x\0\0\0\x02ab"),
    ]
}

#[test]
fn every_tag_is_written_and_read() {
    for (value, octets) in every_tag() {
        assert_eq!(value.tag(), octets[0]);
        assert_eq!(encoded(&value), octets, "{value:?}");
        assert_eq!(
            three_ways(octets, |r| FieldValue::decode(r).map(FieldValue::into_owned)),
            value
        );
        assert_eq!(value.clone().into_owned(), value);
    }
}

#[test]
fn a_table_and_an_array_of_every_tag() {
    let values = || every_tag().into_iter().map(|(value, _)| value);
    let table = FieldTable::from_entries(values().map(|value| ("a name", value))).unwrap();
    let octets = encoded(&table);
    let decoded = three_ways(&octets, |r| r.table("x").map(FieldTable::into_owned));
    assert_eq!(decoded, table);
    assert!(
        decoded.iter().map(|(_, value)| value).eq(values()),
        "order and duplicates are kept"
    );
    assert!(decoded.iter().all(|(name, _)| name == "a name"));

    let array = FieldArray::from_values(values()).unwrap();
    let decoded = three_ways(&encoded(&array), |r| {
        FieldArray::decode(r).map(FieldArray::into_owned)
    });
    assert_eq!(decoded, array);
    assert!(decoded.iter().eq(values()));
}

#[test]
fn any_boolean_octet_but_zero_is_true_and_is_kept() {
    let octets = b"\0\0\0\x04\x01kt\x07";
    let table = Reader::new(octets).table("x").unwrap();
    assert_eq!(table.get("k"), Some(FieldValue::Boolean(true)));
    assert_eq!(encoded(&table), octets);
}

#[test]
fn the_first_of_equal_names_is_got() {
    let table = FieldTable::new().with("k", 1).unwrap().with("k", 2).unwrap();
    assert_eq!(table.get("k").and_then(|value| value.as_i64()), Some(1));
    assert_eq!(table.get("other"), None);
    assert_eq!(format!("{table:?}"), r#"{"k": LongInt(1), "k": LongInt(2)}"#);
}

#[test]
fn faults_say_what_and_where() {
    assert_eq!(
        table_error(b"\0\0\0\x05\x01kt\x01"),
        (DecodeErrorKind::UnexpectedEnd, 0)
    );
    assert_eq!(
        table_error(b"\0\0\0\x01\x05"),
        (DecodeErrorKind::UnexpectedEnd, 4),
        "name"
    );
    assert_eq!(
        table_error(b"\0\0\0\x02\x01k"),
        (DecodeErrorKind::UnexpectedEnd, 6),
        "tag"
    );
    assert_eq!(
        table_error(b"\0\0\0\x05\x01kI\0\0"),
        (DecodeErrorKind::UnexpectedEnd, 6),
        "value"
    );
    assert_eq!(
        table_error(b"\0\0\0\x03\x01kU"),
        (DecodeErrorKind::UnknownTag(b'U'), 6)
    );
    assert_eq!(
        table_error(b"\0\0\0\x0B\x01kF\0\0\0\x04\x01jU\0"),
        (DecodeErrorKind::UnknownTag(b'U'), 13)
    );
    assert_eq!(
        table_error(b"\0\0\0\x09\x01kA\0\0\0\x02U\0"),
        (DecodeErrorKind::UnknownTag(b'U'), 11)
    );
    let error = Reader::new(b"\0\0\0\x03\x01kU")
        .table("basic.properties.headers")
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "unknown tag 'U' at octet 6 in basic.properties.headers"
    );
}

#[test]
fn no_tag_is_read_that_is_not_known() {
    for tag in 0..=u8::MAX {
        let octets = [&[tag][..], &[0; 8]].concat();
        let known = b"tbBsuIilLfdDSATFVx".contains(&tag);
        match FieldValue::decode(&mut Reader::new(&octets)) {
            Ok(value) => assert!(known && value.tag() == tag),
            Err(error) => assert!(!known && error.kind == DecodeErrorKind::UnknownTag(tag)),
        }
    }
}

/// A table within a table, `depth` of them, alternately as tables and as arrays of one table.
fn nested(depth: usize) -> Result<FieldTable<'static>, TableError> {
    match depth {
        1 => Ok(FieldTable::new()),
        2 => FieldTable::new().with("k", FieldArray::new()),
        _ => FieldTable::new().with("k", FieldArray::new().with(nested(depth - 2)?)?),
    }
}

#[test]
fn depth_is_bound_when_built_and_when_read() {
    for depth in 1..=MAX_DEPTH {
        let table = nested(depth).unwrap();
        assert_eq!(table.depth(), depth);
        assert_eq!(Reader::new(&encoded(&table)).table("x"), Ok(table));
    }
    assert_eq!(nested(MAX_DEPTH + 1), Err(TableError::TooDeep));
    let deepest = nested(MAX_DEPTH).unwrap();
    let mut array = FieldArray::new().with(1).unwrap();
    assert_eq!(array.push(&deepest), Err(TableError::TooDeep));
    assert_eq!(array, FieldArray::new().with(1).unwrap(), "as it was");

    let octets = encoded(&deepest);
    let mut deeper = ((octets.len() + 2) as u32).to_be_bytes().to_vec();
    deeper.extend_from_slice(b"\0F");
    deeper.extend_from_slice(&octets);
    let (kind, offset) = table_error(&deeper);
    assert_eq!(
        (kind, offset),
        (DecodeErrorKind::TooDeep, deeper.len() - 5),
        "at the innermost value"
    );
}

#[test]
fn hostile_nesting_costs_no_stack() {
    let mut octets = Vec::new();
    for _ in 0..20_000 {
        let len = octets.len() as u32;
        octets = [&[0, b'F'][..], &len.to_be_bytes(), &octets].concat();
    }
    octets = [&(octets.len() as u32).to_be_bytes()[..], &octets].concat();
    assert_eq!(table_error(&octets).0, DecodeErrorKind::TooDeep);
}

#[test]
fn conversions_choose_the_tag() {
    let tags: Vec<u8> = [
        FieldValue::from(true),
        FieldValue::from(1_i8),
        FieldValue::from(1_u8),
        FieldValue::from(1_i16),
        FieldValue::from(1_u16),
        FieldValue::from(1),
        FieldValue::from(1_u32),
        FieldValue::from(1_i64),
        FieldValue::try_from(1_u64).unwrap(),
        FieldValue::try_from(1_usize).unwrap(),
        FieldValue::from(1.0_f32),
        FieldValue::from(1.0),
        FieldValue::try_from("1").unwrap(),
        FieldValue::try_from(String::from("1")).unwrap(),
        FieldValue::from(&FieldTable::new()),
        FieldValue::from(&FieldArray::new()),
    ]
    .iter()
    .map(FieldValue::tag)
    .collect();
    assert_eq!(tags, b"tbBsuIilllfdSSFA");
    let mut table = FieldTable::new();
    assert!(matches!(
        table.append("k", u64::MAX),
        Err(TableError::OutOfRange(_))
    ));
    let too_long = TooLong {
        actual: 256,
        limit: 255,
    };
    assert_eq!(
        table.append("k".repeat(256), 1),
        Err(TableError::TooLong(too_long))
    );
    assert!(table.is_empty());
}

#[test]
fn accessors_see_through_the_width_and_nothing_else() {
    for (value, _) in every_tag() {
        assert_eq!(
            value.as_i64().is_some(),
            b"bBsuIilL".contains(&value.tag()),
            "{value:?}"
        );
        assert_eq!(value.as_bool().is_some(), value.tag() == b't');
        assert_eq!(value.as_f64().is_some(), b"fd".contains(&value.tag()));
        assert_eq!(value.as_str(), b"Sx".contains(&value.tag()).then_some("ab"));
        assert_eq!(value.as_timestamp().is_some(), value.tag() == b'T');
        assert_eq!(value.as_table().is_some(), value.tag() == b'F');
        assert_eq!(value.as_array().is_some(), value.tag() == b'A');
    }
}

#[test]
fn clearing_keeps_the_buffer() {
    let mut table = FieldTable::new().with("k", 1).unwrap();
    let buffer = table.as_octets().as_ptr();
    table.clear();
    assert!(table.is_empty());
    table.append("j", 2).unwrap();
    assert_eq!(table.as_octets().as_ptr(), buffer);
}
