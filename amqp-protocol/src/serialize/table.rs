//! Serde for tables, arrays and their values: `[["name", {"I": 5}]]` where a human reads, the wire's octets elsewhere.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

use super::{Hex, OctetsVisitor, hex_entry, no_more_entries};
use crate::error::DecodeError;
use crate::method::{Decode, Encode};
use crate::table::{FieldArray, FieldTable, FieldValue};
use crate::wire::{Reader, ShortStr, Writer};

fn serialize_octets<S: Serializer>(value: &impl Encode, serializer: S) -> Result<S::Ok, S::Error> {
    let mut octets = Vec::with_capacity(value.encoded_len());
    value.encode(&mut Writer::new(&mut octets));
    serializer.serialize_bytes(&octets)
}

/// Reads octets as they are on the wire, and makes what they hold owned.
fn deserialize_octets<'de, D, T>(
    deserializer: D,
    own: impl FnOnce(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
{
    let octets = deserializer.deserialize_byte_buf(OctetsVisitor)?;
    let mut reader = Reader::new(&octets);
    let value = own(&mut reader).map_err(D::Error::custom)?;
    reader.finish("value").map_err(D::Error::custom)?;
    Ok(value)
}

impl Serialize for FieldTable<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_seq(self)
        } else {
            serialize_octets(self, serializer)
        }
    }
}

impl<'de> Deserialize<'de> for FieldTable<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;

        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = FieldTable<'static>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of [name, {tag: value}]")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
                let mut table = FieldTable::new();
                while let Some((name, value)) = entries.next_element::<(ShortStr<'_>, FieldValue<'_>)>()? {
                    table.append(name, value).map_err(A::Error::custom)?;
                }
                Ok(table)
            }
        }

        if deserializer.is_human_readable() {
            deserializer.deserialize_seq(EntriesVisitor)
        } else {
            deserialize_octets(deserializer, |reader| {
                FieldTable::decode(reader).map(FieldTable::into_owned)
            })
        }
    }
}

impl Serialize for FieldArray<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_seq(self)
        } else {
            serialize_octets(self, serializer)
        }
    }
}

impl<'de> Deserialize<'de> for FieldArray<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ValuesVisitor;

        impl<'de> Visitor<'de> for ValuesVisitor {
            type Value = FieldArray<'static>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of {tag: value}")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
                let mut array = FieldArray::new();
                while let Some(value) = values.next_element::<FieldValue<'_>>()? {
                    array.push(value).map_err(A::Error::custom)?;
                }
                Ok(array)
            }
        }

        if deserializer.is_human_readable() {
            deserializer.deserialize_seq(ValuesVisitor)
        } else {
            deserialize_octets(deserializer, |reader| {
                FieldArray::decode(reader).map(FieldArray::into_owned)
            })
        }
    }
}

/// A floating-point number: finite ones as numbers, the others as `{"bits": "7fc00000"}`.
struct FloatingPoint<T>(T);

macro_rules! floating_point {
    ($float:ident as $bits:ident, $serialize:ident, $narrow:expr) => {
        impl Serialize for FloatingPoint<$float> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if self.0.is_finite() {
                    return serializer.$serialize(self.0);
                }
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("bits", &format_args!("{}", Hex(&self.0.to_be_bytes())))?;
                map.end()
            }
        }

        impl<'de> Deserialize<'de> for FloatingPoint<$float> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct FloatVisitor;

                impl<'de> Visitor<'de> for FloatVisitor {
                    type Value = $float;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str(concat!(
                            "a number or {\"bits\": digits} of ",
                            stringify!($bits)
                        ))
                    }

                    fn visit_f64<E: Error>(self, value: f64) -> Result<$float, E> {
                        let narrowed = $narrow(value);
                        if narrowed.is_finite() || !value.is_finite() {
                            Ok(narrowed)
                        } else {
                            Err(E::invalid_value(Unexpected::Float(value), &self))
                        }
                    }

                    fn visit_i64<E: Error>(self, value: i64) -> Result<$float, E> {
                        Ok(value as $float)
                    }

                    fn visit_u64<E: Error>(self, value: u64) -> Result<$float, E> {
                        Ok(value as $float)
                    }

                    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<$float, A::Error> {
                        let octets = hex_entry(&mut map, &["bits"])?;
                        match octets.try_into() {
                            Ok(octets) => Ok($float::from_be_bytes(octets)),
                            Err(octets) => Err(A::Error::invalid_length(octets.len(), &self)),
                        }
                    }
                }

                deserializer.deserialize_any(FloatVisitor).map(Self)
            }
        }
    };
}

floating_point!(f32 as u32, serialize_f32, narrow);
floating_point!(f64 as u64, serialize_f64, std::convert::identity);

/// The number of 32 bits whose shortest decimal was read as 64 bits. Rounding twice may end beside it: `7.038531e-26`.
fn narrow(value: f64) -> f32 {
    let nearest = value as f32;
    let prints_it = |number: &f32| number.to_string().parse() == Ok(value);
    if f64::from(nearest) == value || prints_it(&nearest) {
        return nearest;
    }
    [nearest.next_down(), nearest.next_up()]
        .into_iter()
        .find(prints_it)
        .unwrap_or(nearest)
}

impl Serialize for FieldValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !serializer.is_human_readable() {
            return serialize_octets(self, serializer);
        }
        let mut map = serializer.serialize_map(Some(1))?;
        match self {
            Self::Boolean(value) => map.serialize_entry("t", value),
            Self::ShortShortInt(value) => map.serialize_entry("b", value),
            Self::ShortShortUint(value) => map.serialize_entry("B", value),
            Self::ShortInt(value) => map.serialize_entry("s", value),
            Self::ShortUint(value) => map.serialize_entry("u", value),
            Self::LongInt(value) => map.serialize_entry("I", value),
            Self::LongUint(value) => map.serialize_entry("i", value),
            Self::LongLong(value) => map.serialize_entry("l", value),
            Self::LongLongInt(value) => map.serialize_entry("L", value),
            Self::Float(value) => map.serialize_entry("f", &FloatingPoint(*value)),
            Self::Double(value) => map.serialize_entry("d", &FloatingPoint(*value)),
            Self::Decimal(value) => map.serialize_entry("D", value),
            Self::LongString(value) => map.serialize_entry("S", value),
            Self::Array(value) => map.serialize_entry("A", value),
            Self::Timestamp(value) => map.serialize_entry("T", value),
            Self::Table(value) => map.serialize_entry("F", value),
            Self::Void => map.serialize_entry("V", &()),
            Self::ByteArray(value) => map.serialize_entry("x", value),
        }?;
        map.end()
    }
}

const TAGS: &[&str] = &[
    "t", "b", "B", "s", "u", "I", "i", "l", "L", "f", "d", "D", "S", "A", "T", "F", "V", "x",
];

impl<'de> Deserialize<'de> for FieldValue<'_> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TaggedVisitor;

        impl<'de> Visitor<'de> for TaggedVisitor {
            type Value = FieldValue<'static>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("{tag: value}")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let tag = map
                    .next_key::<String>()?
                    .ok_or_else(|| A::Error::invalid_length(0, &self))?;
                let value = match tag.as_str() {
                    "t" => FieldValue::Boolean(map.next_value()?),
                    "b" => FieldValue::ShortShortInt(map.next_value()?),
                    "B" => FieldValue::ShortShortUint(map.next_value()?),
                    "s" => FieldValue::ShortInt(map.next_value()?),
                    "u" => FieldValue::ShortUint(map.next_value()?),
                    "I" => FieldValue::LongInt(map.next_value()?),
                    "i" => FieldValue::LongUint(map.next_value()?),
                    "l" => FieldValue::LongLong(map.next_value()?),
                    "L" => FieldValue::LongLongInt(map.next_value()?),
                    "f" => FieldValue::Float(map.next_value::<FloatingPoint<_>>()?.0),
                    "d" => FieldValue::Double(map.next_value::<FloatingPoint<_>>()?.0),
                    "D" => FieldValue::Decimal(map.next_value()?),
                    "S" => FieldValue::LongString(map.next_value()?),
                    "A" => FieldValue::Array(map.next_value()?),
                    "T" => FieldValue::Timestamp(map.next_value()?),
                    "F" => FieldValue::Table(map.next_value()?),
                    "V" => {
                        map.next_value::<()>()?;
                        FieldValue::Void
                    }
                    "x" => FieldValue::ByteArray(map.next_value()?),
                    _ => {
                        return Err(A::Error::unknown_variant(&tag, TAGS));
                    }
                };
                no_more_entries(&mut map)?;
                Ok(value)
            }
        }

        if deserializer.is_human_readable() {
            deserializer.deserialize_map(TaggedVisitor)
        } else {
            deserialize_octets(deserializer, |reader| {
                FieldValue::decode(reader).map(FieldValue::into_owned)
            })
        }
    }
}
