//! Reads a line of JSON into serde's data model, so that every error has a kind, an offset in the line and the names of
//! the fields it is in. What the fields are is not known here.

use std::collections::{HashSet, VecDeque};
use std::fmt::{self, Display};

use amqp_protocol::table::TableError;
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IntoDeserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::value::RawValue;

use super::fault::Fault;

/// How deep a line may be nested: three levels for each of a table, and some for what is around it.
const MAX_DEPTH: usize = 128;

/// What is wrong with a line, where, and in which fields, the innermost one first.
#[derive(Debug)]
pub(crate) struct JsonError {
    pub(crate) kind: &'static str,
    pub(crate) offset: Option<usize>,
    pub(crate) path: Vec<String>,
}

impl JsonError {
    fn new(kind: &'static str) -> Self {
        Self {
            kind,
            offset: None,
            path: Vec::new(),
        }
    }

    fn of_field(kind: &'static str, name: &str) -> Self {
        Self {
            path: vec![name.to_owned()],
            ..Self::new(kind)
        }
    }

    /// The error as it is printed, in a context whose fields its path names.
    pub(crate) fn in_context(self, context: &str) -> Fault {
        match self.path.last() {
            Some(field) => self.fault(&format!("{context}.{field}")),
            None => self.fault(context),
        }
    }

    /// The error as it is printed.
    pub(crate) fn fault(&self, context: &str) -> Fault {
        Fault {
            kind: self.kind,
            offset: self.offset.unwrap_or(0) as u64,
            context: context.to_owned().into(),
        }
    }

    /// The error, at this node unless it is known to be within.
    pub(crate) fn at(mut self, node: Node<'_>) -> Self {
        self.offset.get_or_insert(node.offset());
        self
    }

    pub(crate) fn within(mut self, name: &str) -> Self {
        self.path.push(name.to_owned());
        self
    }
}

impl Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind)
    }
}

impl std::error::Error for JsonError {}

impl de::Error for JsonError {
    fn custom<T: Display>(message: T) -> Self {
        // serde has no constructor for it, and nothing but the message passes through.
        let too_deep = message.to_string() == TableError::TooDeep.to_string();
        Self::new(if too_deep { "too_deep" } else { "invalid_value" })
    }

    fn invalid_type(_: Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Self::new("wrong_type")
    }

    fn invalid_value(unexpected: Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Self::new(match unexpected {
            Unexpected::Str(_) => "bad_hex",
            _ => "out_of_range",
        })
    }

    fn invalid_length(_: usize, _: &dyn de::Expected) -> Self {
        Self::new("wrong_length")
    }

    fn unknown_variant(_: &str, _: &'static [&'static str]) -> Self {
        Self::new("unknown_name")
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> Self {
        Self::of_field("unknown_field", field)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::of_field("missing_field", field)
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::of_field("duplicate_field", field)
    }
}

/// A JSON value: its text, within the line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<'j> {
    line: &'j str,
    text: &'j str,
    depth: usize,
}

impl<'j> Node<'j> {
    /// The value that `line` is.
    pub(crate) fn parse(line: &'j str) -> Result<Self, JsonError> {
        let line = Self {
            line,
            text: line,
            depth: 0,
        };
        Ok(line.inner(line.shallow()?))
    }

    /// The string that the value of the key `key` must be.
    pub(crate) fn name(self, key: &str) -> Result<String, JsonError> {
        String::deserialize(self).map_err(|error| error.within(key))
    }

    fn offset(&self) -> usize {
        self.text.as_ptr().addr() - self.line.as_ptr().addr()
    }

    fn inner(&self, raw: &'j RawValue) -> Self {
        Self {
            line: self.line,
            text: raw.get(),
            depth: self.depth + 1,
        }
    }

    /// The text as a string, a list or a map of what is not looked into.
    fn shallow<T: Deserialize<'j>>(&self) -> Result<T, JsonError> {
        serde_json::from_str(self.text).map_err(|error| JsonError {
            offset: Some(self.offset() + error.column().saturating_sub(1)),
            ..JsonError::new("bad_json")
        })
    }

    /// The entries of an object, which have names of their own each.
    pub(crate) fn fields(self) -> Result<Fields<'j>, JsonError> {
        if !self.text.starts_with('{') {
            return Err(JsonError::new("wrong_type").at(self));
        }
        let Pairs(pairs) = self.shallow()?;
        let mut rest = VecDeque::with_capacity(pairs.len());
        let mut names = HashSet::with_capacity(pairs.len());
        for (key, value) in pairs {
            let key = self.inner(key);
            let name: String = key.shallow()?;
            if !names.insert(name.clone()) {
                return Err(JsonError::of_field("duplicate_field", &name).at(key));
            }
            let value = self.inner(value);
            rest.push_back(Field { name, key, value });
        }
        Ok(Fields { rest, pending: None })
    }

    fn visit<V: Visitor<'j>>(self, visitor: V) -> Result<V::Value, JsonError> {
        if self.depth > MAX_DEPTH {
            return Err(JsonError::new("too_deep"));
        }
        match self.text.as_bytes() {
            [b'{', ..] => visitor.visit_map(self.fields()?),
            [b'[', ..] => {
                let raw: Vec<&RawValue> = self.shallow()?;
                let mut elements = Elements(raw.into_iter(), self);
                let value = visitor.visit_seq(&mut elements)?;
                match elements.0.next() {
                    None => Ok(value),
                    Some(raw) => Err(JsonError::new("wrong_length").at(self.inner(raw))),
                }
            }
            [b'"', ..] => visitor.visit_string(self.shallow()?),
            b"true" => visitor.visit_bool(true),
            b"false" => visitor.visit_bool(false),
            b"null" => visitor.visit_unit(),
            _ => self.visit_number(visitor),
        }
    }

    fn visit_number<V: Visitor<'j>>(self, visitor: V) -> Result<V::Value, JsonError> {
        let text = self.text;
        if text == "-0" {
            visitor.visit_f64(-0.0)
        } else if let Ok(integer) = text.parse() {
            visitor.visit_u64(integer)
        } else if let Ok(integer) = text.parse() {
            visitor.visit_i64(integer)
        } else {
            match text.parse::<f64>() {
                Ok(number) if number.is_finite() => visitor.visit_f64(number),
                _ => Err(JsonError::new("out_of_range")),
            }
        }
    }

    /// An integer, of any size.
    fn visit_integer<V: Visitor<'j>>(self, visitor: V) -> Result<V::Value, JsonError> {
        let digits = self.text.strip_prefix('-').unwrap_or(self.text);
        if self.text == "-0" {
            visitor.visit_u64(0)
        } else if digits.bytes().all(|digit| digit.is_ascii_digit())
            && self.text.parse::<i64>().is_err()
            && self.text.parse::<u64>().is_err()
        {
            Err(JsonError::new("out_of_range"))
        } else {
            self.visit(visitor)
        }
    }
}

macro_rules! integers {
    ($($method:ident)*) => { $(
        fn $method<V: Visitor<'j>>(self, visitor: V) -> Result<V::Value, JsonError> {
            self.visit_integer(visitor).map_err(|error| error.at(self))
        }
    )* };
}

impl<'j> Deserializer<'j> for Node<'j> {
    type Error = JsonError;

    fn deserialize_any<V: Visitor<'j>>(self, visitor: V) -> Result<V::Value, JsonError> {
        self.visit(visitor).map_err(|error| error.at(self))
    }

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    /// What is absent is left out: `null` is no way to say it.
    fn deserialize_option<V: Visitor<'j>>(self, visitor: V) -> Result<V::Value, JsonError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'j>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        visitor.visit_newtype_struct(self)
    }

    /// serde's own structs would take a list too.
    fn deserialize_struct<V: Visitor<'j>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        visitor.visit_map(self.fields()?).map_err(|error| error.at(self))
    }

    /// The name of a variant without a value.
    fn deserialize_enum<V: Visitor<'j>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, JsonError> {
        let name = String::deserialize(self)?;
        visitor
            .visit_enum(name.into_deserializer())
            .map_err(|error: JsonError| error.at(self))
    }

    forward_to_deserialize_any! {
        <V: Visitor<'j>>
        bool i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map
        identifier ignored_any
    }
}

struct Pairs<'j>(Vec<(&'j RawValue, &'j RawValue)>);

impl<'j> Deserialize<'j> for Pairs<'j> {
    fn deserialize<D: Deserializer<'j>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor;

        impl<'j> Visitor<'j> for PairsVisitor {
            type Value = Pairs<'j>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: de::MapAccess<'j>>(self, mut map: A) -> Result<Pairs<'j>, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(PairsVisitor)
    }
}

struct Field<'j> {
    name: String,
    key: Node<'j>,
    value: Node<'j>,
}

/// The entries of an object that are still to be read, and the one whose value comes next.
pub(crate) struct Fields<'j> {
    rest: VecDeque<Field<'j>>,
    pending: Option<Field<'j>>,
}

impl<'j> Fields<'j> {
    /// Sees that there are no entries of other names.
    pub(crate) fn only(&self, names: &[&str]) -> Result<(), JsonError> {
        match self
            .rest
            .iter()
            .find(|field| !names.contains(&field.name.as_str()))
        {
            Some(field) => Err(JsonError::of_field("unknown_field", &field.name).at(field.key)),
            None => Ok(()),
        }
    }

    /// Takes the value of this name out.
    pub(crate) fn take(&mut self, name: &'static str) -> Result<Node<'j>, JsonError> {
        let field = self.find(name)?;
        Ok(field.value)
    }

    /// Puts the entry of this name before the others: a tag that comes first is read without keeping the others for later.
    pub(crate) fn put_first(&mut self, name: &'static str) -> Result<Node<'j>, JsonError> {
        let field = self.find(name)?;
        let value = field.value;
        self.rest.push_front(field);
        Ok(value)
    }

    fn find(&mut self, name: &'static str) -> Result<Field<'j>, JsonError> {
        let index = self.rest.iter().position(|field| field.name == name);
        let field = index.and_then(|index| self.rest.remove(index));
        field.ok_or_else(|| de::Error::missing_field(name))
    }
}

impl<'j> de::MapAccess<'j> for Fields<'j> {
    type Error = JsonError;

    fn next_key_seed<K: DeserializeSeed<'j>>(&mut self, seed: K) -> Result<Option<K::Value>, JsonError> {
        self.pending = self.rest.pop_front();
        self.pending
            .as_ref()
            .map(|field| seed.deserialize(field.key))
            .transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'j>>(&mut self, seed: V) -> Result<V::Value, JsonError> {
        let field = self
            .pending
            .take()
            .ok_or_else(|| JsonError::new("invalid_value"))?;
        seed.deserialize(field.value)
            .map_err(|error| error.at(field.value).within(&field.name))
    }
}

struct Elements<'j>(std::vec::IntoIter<&'j RawValue>, Node<'j>);

impl<'j> de::SeqAccess<'j> for &mut Elements<'j> {
    type Error = JsonError;

    fn next_element_seed<T: DeserializeSeed<'j>>(&mut self, seed: T) -> Result<Option<T::Value>, JsonError> {
        let node = self.0.next().map(|raw| self.1.inner(raw));
        node.map(|node| seed.deserialize(node).map_err(|error| error.at(node)))
            .transpose()
    }
}
