//! Serialized forms: the JSON that people read, the octets that other formats carry, and what neither accepts.

use amqp_protocol::content::ContentHeader;
use amqp_protocol::frame::FrameType;
use amqp_protocol::{
    Content, DecodeErrorKind, DeliveryTag, FieldTable, FieldValue, LongStr, ProtocolHeader, Reader,
    ReplyCode, ShortStr, v0_8, v0_9_1,
};
use proptest::prelude::*;
use serde::de::value::{BytesDeserializer, Error as ValueError};
use serde::de::{DeserializeOwned, IntoDeserializer};
use serde::{Deserialize, Serialize};

fn json<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap()
}

#[track_caller]
fn both_ways<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(value: T, text: &str) {
    assert_eq!(json(&value), text);
    assert_eq!(serde_json::from_str::<T>(text).unwrap(), value);
    let through_value = serde_json::to_value(&value).unwrap();
    assert_eq!(serde_json::from_value::<T>(through_value).unwrap(), value);
}

#[test]
fn strings_are_text_or_hexadecimal() {
    both_ways(ShortStr::from_static("queue \u{1F430}"), "\"queue \u{1F430}\"");
    both_ways(ShortStr::try_from(b"\xFF\x0A").unwrap(), r#"{"hex":"ff0a"}"#);
    both_ways(LongStr::try_from(b"\0\xFE").unwrap(), r#"{"hex":"00fe"}"#);
    both_ways(
        Content::Reference(LongStr::from_static("name")),
        r#"{"reference":"name"}"#,
    );
    for text in [
        r#"{"hex":"f"}"#,
        r#"{"hex":"+f"}"#,
        r#"{"hxe":"ff"}"#,
        r#"{"hex":"ff","x":1}"#,
        "{}",
        "7",
        "null",
    ] {
        assert!(serde_json::from_str::<ShortStr<'_>>(text).is_err(), "{text}");
    }
    assert!(serde_json::from_str::<ShortStr<'_>>(&json(&"x".repeat(256))).is_err());
}

#[test]
fn numbers_are_numbers() {
    both_ways(ReplyCode(404), "404");
    both_ways(DeliveryTag(u64::MAX), "18446744073709551615");
    both_ways(FrameType::Heartbeat, r#""heartbeat""#);
    both_ways(ProtocolHeader::V0_9_1, r#""00000901""#);
    both_ways(
        ContentHeader {
            body_size: 5,
            properties: 1_u8,
        },
        r#"{"body_size":5,"properties":1}"#,
    );
    assert!(serde_json::from_str::<ProtocolHeader>(r#""000009""#).is_err());
}

#[test]
fn properties_name_their_class() {
    both_ways(
        v0_9_1::ContentProperties::Basic(v0_9_1::basic::Properties {
            delivery_mode: Some(2),
            ..Default::default()
        }),
        r#"{"class":"basic","properties":{"delivery_mode":2}}"#,
    );
    both_ways(
        v0_8::ContentProperties::Test(v0_8::test::Properties {}),
        r#"{"class":"test","properties":{}}"#,
    );
    for text in [
        r#"{"class":"queue","properties":{}}"#,
        r#"{"class":"basic"}"#,
        r#"{"class":"basic","properties":{},"x":1}"#,
        r#"{"class":"basic","properties":{"x":1}}"#,
    ] {
        let refused = serde_json::from_str::<v0_9_1::ContentProperties<'_>>(text);
        assert!(refused.is_err(), "{text}");
    }
}

#[test]
fn values_carry_their_tag() {
    for text in [
        r#"{"t":true}"#,
        r#"{"b":-128}"#,
        r#"{"B":255}"#,
        r#"{"s":-32768}"#,
        r#"{"u":65535}"#,
        r#"{"I":-2147483648}"#,
        r#"{"i":4294967295}"#,
        r#"{"l":-9223372036854775808}"#,
        r#"{"L":9223372036854775807}"#,
        r#"{"f":0.1}"#,
        r#"{"f":-0.0}"#,
        r#"{"f":1e-45}"#,
        r#"{"f":7.038531e-26}"#,
        r#"{"f":-7.038531e-26}"#,
        r#"{"f":3.4028235e+38}"#,
        r#"{"f":{"bits":"7fc00000"}}"#,
        r#"{"f":{"bits":"ff800000"}}"#,
        r#"{"d":0.1}"#,
        r#"{"d":-0.0}"#,
        r#"{"d":5e-324}"#,
        r#"{"d":1.7976931348623157e+308}"#,
        r#"{"d":{"bits":"7ff0000000000001"}}"#,
        r#"{"D":{"scale":2,"value":4294967295}}"#,
        r#"{"S":"a"}"#,
        r#"{"S":{"hex":"ff"}}"#,
        r#"{"A":[{"S":"a"},{"F":[["k",{"V":null}]]}]}"#,
        r#"{"T":18446744073709551615}"#,
        r#"{"F":[["k",{"I":1}],["k",{"I":2}]]}"#,
        r#"{"V":null}"#,
        r#"{"x":{"hex":"ff"}}"#,
    ] {
        let value: FieldValue<'_> = serde_json::from_str(text).unwrap();
        both_ways(value, text);
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    for text in [
        "{}",
        r#"{"U":1}"#,
        r#"{"t":1}"#,
        r#"{"b":128}"#,
        r#"{"B":-1}"#,
        r#"{"I":2147483648}"#,
        r#"{"I":1.0}"#,
        r#"{"I":"1"}"#,
        r#"{"f":1e39}"#,
        r#"{"d":1e400}"#,
        r#"{"f":{"bits":"7fc0"}}"#,
        r#"{"D":{"scale":256,"value":0}}"#,
        r#"{"D":{"scale":2}}"#,
        r#"{"D":{"scale":2,"value":1,"more":1}}"#,
        r#"{"V":1}"#,
        r#"{"I":1,"i":2}"#,
        r#"{"F":{"k":1}}"#,
        r#"{"F":[["k"]]}"#,
        r#"{"T":-1}"#,
    ] {
        assert!(serde_json::from_str::<FieldValue<'_>>(text).is_err(), "{text}");
    }
    let deep = format!("{}{}", r#"{"A":["#.repeat(33), "]}".repeat(33));
    assert!(
        serde_json::from_str::<FieldValue<'_>>(&deep)
            .unwrap_err()
            .to_string()
            .contains("deeper")
    );
}

#[test]
fn a_number_of_32_bits_is_not_rounded_twice() {
    let value = FieldValue::Float(f32::from_bits(0x15AE_43FD));
    both_ways(value, r#"{"f":7.038531e-26}"#);
    let ties_go_to_even = serde_json::from_str(r#"{"f":16777217}"#).ok();
    assert_eq!(ties_go_to_even, Some(FieldValue::Float(16_777_216.0)));
}

#[test]
fn errors_are_objects() {
    let error = Reader::new(b"\0\0\0\x03\x01kU")
        .table("queue.declare.arguments")
        .unwrap_err();
    assert_eq!(error.kind, DecodeErrorKind::UnknownTag(b'U'));
    assert_eq!(
        json(&error),
        r#"{"kind":"unknown_tag","offset":6,"context":"queue.declare.arguments"}"#
    );
}

#[test]
fn other_formats_carry_the_wires_octets() {
    let octets = b"\0\0\0\x04\x01kt\x01";
    let octets: BytesDeserializer<'_, ValueError> = octets.as_slice().into_deserializer();
    let table = FieldTable::deserialize(Compact(octets)).unwrap();
    assert_eq!(table, FieldTable::new().with("k", true).unwrap());
    let octets: BytesDeserializer<'_, ValueError> = b"\0\0\0\x04\x01kt".as_slice().into_deserializer();
    let error = FieldTable::deserialize(Compact(octets)).unwrap_err();
    assert_eq!(error.to_string(), "unexpected end of input at octet 0 in table");
}

/// A deserializer of one octet string that is not human readable.
struct Compact<D>(D);

impl<'de, D: serde::Deserializer<'de>> serde::Deserializer<'de> for Compact<D> {
    type Error = D::Error;

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: serde::de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

proptest! {
    #[test]
    fn tables_survive_json(table in any::<FieldTable<'static>>()) {
        prop_assert_eq!(serde_json::from_str::<FieldTable<'_>>(&json(&table)).unwrap(), table);
    }

    #[test]
    fn finite_numbers_survive_json(float in any::<f32>(), double in any::<f64>()) {
        for value in [FieldValue::Float(float), FieldValue::Double(double)] {
            prop_assert_eq!(serde_json::from_str::<FieldValue<'_>>(&json(&value)).unwrap(), value);
        }
    }

    #[test]
    fn contents_and_strings_survive_json(content in any::<Content<'static>>(), string in any::<ShortStr<'static>>()) {
        prop_assert_eq!(serde_json::from_str::<Content<'_>>(&json(&content)).unwrap(), content);
        prop_assert_eq!(serde_json::from_str::<ShortStr<'_>>(&json(&string)).unwrap(), string);
    }
}
