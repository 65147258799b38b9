//! Serde for the hand-written types. Human readable formats get text, numbers and the tags of the wire; all others get the
//! octets as they are on the wire. Deserializing yields owned data. Tables are in [`table`].

mod table;

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Unexpected, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeStruct, Serializer};

use crate::error::DecodeError;
use crate::header::ProtocolHeader;
use crate::wire::{LongStr, ShortStr};

/// Octets in lower-case hexadecimal.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .map(|c| c.to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()?;
    let (pairs, odd) = digits.as_chunks::<2>();
    odd.is_empty()
        .then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// The one entry `name: hex` of a map.
fn hex_entry<'de, A: MapAccess<'de>>(
    map: &mut A,
    name: &'static [&'static str; 1],
) -> Result<Vec<u8>, A::Error> {
    let text: String = only_entry(map, name)?;
    from_hex(&text)
        .ok_or_else(|| A::Error::invalid_value(Unexpected::Str(&text), &"hexadecimal digits, in pairs"))
}

fn only_entry<'de, A: MapAccess<'de>, T: Deserialize<'de>>(
    map: &mut A,
    name: &'static [&'static str; 1],
) -> Result<T, A::Error> {
    match map.next_key::<String>()? {
        Some(key) if key == name[0] => {}
        Some(key) => return Err(A::Error::unknown_field(&key, name)),
        None => return Err(A::Error::missing_field(name[0])),
    }
    let value = map.next_value()?;
    no_more_entries(map)?;
    Ok(value)
}

fn no_more_entries<'de, A: MapAccess<'de>>(map: &mut A) -> Result<(), A::Error> {
    match map.next_key::<String>()? {
        Some(key) => Err(A::Error::unknown_field(&key, &[])),
        None => Ok(()),
    }
}

/// Octets from a format that is not human readable.
struct OctetsVisitor;

impl<'de> Visitor<'de> for OctetsVisitor {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("octets")
    }

    fn visit_bytes<E: Error>(self, octets: &[u8]) -> Result<Vec<u8>, E> {
        Ok(octets.to_vec())
    }

    fn visit_byte_buf<E: Error>(self, octets: Vec<u8>) -> Result<Vec<u8>, E> {
        Ok(octets)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<u8>, A::Error> {
        let mut octets = Vec::new();
        while let Some(octet) = seq.next_element()? {
            octets.push(octet);
        }
        Ok(octets)
    }
}

/// A string, or `{"hex": "…"}` when it is not UTF-8.
struct StringVisitor;

impl<'de> Visitor<'de> for StringVisitor {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string or {\"hex\": digits}")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<u8>, E> {
        Ok(text.as_bytes().to_vec())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Vec<u8>, E> {
        Ok(text.into_bytes())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<u8>, A::Error> {
        hex_entry(&mut map, &["hex"])
    }
}

macro_rules! octet_string {
    ($name:ident) => {
        impl Serialize for $name<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if !serializer.is_human_readable() {
                    return serializer.serialize_bytes(self.as_bytes());
                }
                if let Ok(text) = self.as_str() {
                    return serializer.serialize_str(text);
                }
                let mut map = serializer.serialize_map(Some(1))?;
                map.serialize_entry("hex", &format_args!("{}", Hex(self.as_bytes())))?;
                map.end()
            }
        }

        impl<'de> Deserialize<'de> for $name<'_> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let octets = if deserializer.is_human_readable() {
                    deserializer.deserialize_any(StringVisitor)?
                } else {
                    deserializer.deserialize_byte_buf(OctetsVisitor)?
                };
                Self::try_from(octets).map_err(|error| {
                    D::Error::invalid_length(
                        error.actual,
                        &format!("at most {} octets", error.limit).as_str(),
                    )
                })
            }
        }
    };
}

octet_string!(ShortStr);
octet_string!(LongStr);

impl Serialize for ProtocolHeader {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(&Hex(&self.0))
        } else {
            serializer.serialize_bytes(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for ProtocolHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let octets = if deserializer.is_human_readable() {
            from_hex(&String::deserialize(deserializer)?)
        } else {
            Some(deserializer.deserialize_byte_buf(OctetsVisitor)?)
        };
        match octets.map(<[u8; 4]>::try_from) {
            Some(Ok(octets)) => Ok(Self(octets)),
            _ => Err(D::Error::custom("expected the four octets after `AMQP`")),
        }
    }
}

/// `{"kind": …, "offset": …, "context": …}`, the kind by its stable name.
impl Serialize for DecodeError {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("DecodeError", 3)?;
        fields.serialize_field("kind", self.kind.name())?;
        fields.serialize_field("offset", &self.offset)?;
        fields.serialize_field("context", self.context)?;
        fields.end()
    }
}
