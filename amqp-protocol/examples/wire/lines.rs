//! A line from hexadecimal digits to JSON, and back.

use std::borrow::Cow;

use amqp_protocol::{Decode, Encode, FieldTable, Reader, Writer};
use serde::{Deserialize, Serialize};

use super::fault::Fault;
use super::json::Node;
use super::revision::{ContentClass, Revision};

/// What each line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Item {
    /// Class id, method id and arguments.
    Method,
    /// The flags and the values of this class.
    Properties(ContentClass),
    /// A 4-octet length and its fields.
    Table,
}

/// The JSON of the octets whose digits `line` holds.
pub(crate) fn decode<R: Revision>(item: Item, line: &[u8]) -> Result<String, Fault> {
    decode_octets::<R>(item, &from_hex(line)?)
}

/// The JSON of these octets.
pub(crate) fn decode_octets<R: Revision>(item: Item, octets: &[u8]) -> Result<String, Fault> {
    let mut reader = Reader::new(octets);
    match item {
        Item::Method => {
            let method = R::Method::decode(&mut reader)?;
            reader.finish("method")?;
            Ok(json(&method))
        }
        Item::Properties(class) => {
            let properties = R::decode_properties(class.id, &mut reader)?;
            reader.finish(class.context)?;
            Ok(json(&properties))
        }
        Item::Table => {
            let table = FieldTable::decode(&mut reader)?;
            reader.finish("table")?;
            Ok(json(&table))
        }
    }
}

/// The digits of the octets that the JSON of `line` stands for.
pub(crate) fn encode<R: Revision>(item: Item, line: &[u8]) -> Result<String, Fault> {
    encode_octets::<R>(item, line).map(|octets| to_hex(&octets))
}

/// The octets that the JSON of `line` stands for.
pub(crate) fn encode_octets<R: Revision>(item: Item, line: &[u8]) -> Result<Vec<u8>, Fault> {
    let text = std::str::from_utf8(line).map_err(|error| Fault {
        kind: "bad_json",
        offset: error.valid_up_to() as u64,
        context: Cow::Borrowed("line"),
    })?;
    match item {
        Item::Method => method::<R>(text),
        Item::Properties(class) => Node::parse(text)
            .and_then(|node| R::read_properties(class.name, node))
            .map(|properties| octets(&properties))
            .map_err(|error| error.in_context(class.context)),
        Item::Table => Node::parse(text)
            .and_then(FieldTable::deserialize)
            .map(|table| octets(&table))
            .map_err(|error| error.fault("table")),
    }
}

/// `{"class": …, "method": …, "arguments": {…}}`, its entries in any order.
fn method<R: Revision>(text: &str) -> Result<Vec<u8>, Fault> {
    let mut name = String::new();
    let mut read = || {
        let node = Node::parse(text)?;
        let mut fields = node.fields()?;
        fields.only(&["class", "method", "arguments"])?;
        let class = fields.take("class").map_err(|error| error.at(node))?;
        let method = fields.put_first("method").map_err(|error| error.at(node))?;
        name = [class.name("class")?, method.name("method")?].join(".");
        R::read_method(class, fields).map_err(|error| error.at(node))
    };
    let method = read().map_err(|error| match &error.path[..] {
        [.., field, key] if key == "arguments" => error.fault(&format!("{name}.{field}")),
        _ => error.in_context("method"),
    })?;
    Ok(octets(&method))
}

fn octets(value: &impl Encode) -> Vec<u8> {
    let mut octets = Vec::with_capacity(value.encoded_len());
    value.encode(&mut Writer::new(&mut octets));
    octets
}

/// One line of JSON.
pub(crate) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("strings, numbers and maps of text become JSON")
}

fn from_hex(line: &[u8]) -> Result<Vec<u8>, Fault> {
    let bad = |offset: usize| Fault {
        kind: "bad_hex",
        offset: offset as u64,
        context: Cow::Borrowed("line"),
    };
    let digit = |offset: usize| {
        let digit = line.get(offset).and_then(|&digit| char::from(digit).to_digit(16));
        digit.map(|digit| digit as u8).ok_or_else(|| bad(offset))
    };
    (0..line.len())
        .step_by(2)
        .map(|offset| Ok(digit(offset)? << 4 | digit(offset + 1)?))
        .collect()
}

fn to_hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
