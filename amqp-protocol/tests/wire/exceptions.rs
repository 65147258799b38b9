//! `decode | encode` gives back every octet but those that the program documents: reserved fields, unused bits, booleans that
//! are neither 0 nor 1, superfluous flag words. What the others are is read from the specification, not from the codec.

use std::sync::LazyLock;

use amqp_codegen::protocol::{Argument, Class, Field, WireType};
use amqp_codegen::{Protocol, Source, load};
use amqp_protocol::{Encode, FieldTable, Writer, v0_8, v0_9_1};
use amqp_spec::SpecFile;
use proptest::prelude::*;

use crate::lines::{Item, decode_octets, encode_octets};
use crate::revision::{Revision, V0_8, V0_9_1};

fn protocol(spec: &SpecFile, overlay: &SpecFile) -> Protocol {
    let source = |file: &SpecFile| Source {
        name: file.name,
        text: file.text,
    };
    load(&source(spec), &[source(overlay)]).expect("it generated the codec")
}

static PROTOCOL_0_9_1: LazyLock<Protocol> =
    LazyLock::new(|| protocol(&amqp_spec::AMQP_0_9_1, &amqp_spec::RABBITMQ));
static PROTOCOL_0_8: LazyLock<Protocol> =
    LazyLock::new(|| protocol(&amqp_spec::AMQP_0_8, &amqp_spec::RABBITMQ_0_8));

/// Copies octets that decode, but for what the program does not keep: that becomes what the program writes instead, or
/// noise.
struct Walk<'a> {
    input: &'a [u8],
    output: Vec<u8>,
    /// Where noise comes from; empty for none.
    noise: std::slice::Iter<'a, u8>,
    is_noisy: bool,
}

impl<'a> Walk<'a> {
    fn new(input: &'a [u8], noise: Option<&'a [u8]>) -> Self {
        Self {
            input,
            output: Vec::new(),
            noise: noise.unwrap_or_default().iter(),
            is_noisy: noise.is_some(),
        }
    }

    fn noise(&mut self) -> u8 {
        self.noise.next().copied().unwrap_or_default()
    }

    fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.input.split_at(count);
        self.input = rest;
        taken
    }

    fn copy(&mut self, count: usize) -> &'a [u8] {
        let octets = self.take(count);
        self.output.extend_from_slice(octets);
        octets
    }

    fn copy_length(&mut self, octets: usize) -> usize {
        self.copy(octets)
            .iter()
            .fold(0, |length, octet| length << 8 | usize::from(*octet))
    }

    fn method(&mut self, protocol: &Protocol) {
        let (class_id, method_id) = (self.copy_length(2), self.copy_length(2));
        let class = protocol
            .classes
            .iter()
            .find(|class| usize::from(class.index) == class_id);
        let mut methods = class.expect("it decodes").methods.iter();
        let method = methods.find(|method| usize::from(method.index) == method_id);
        for argument in &method.expect("it decodes").arguments {
            match argument {
                Argument::Field(field) => self.field(field),
                Argument::Bits(fields) => fields.chunks(8).for_each(|fields| self.bits(fields)),
            }
        }
    }

    fn properties(&mut self, class: &Class) {
        assert!(class.properties.len() <= 15, "one word of flags");
        let flags = u16::from_be_bytes(self.take(2).try_into().expect("two octets"));
        let mut more = flags & 1 == 1;
        while more {
            more = self.take(2)[1] & 1 == 1;
        }
        let superfluous = usize::from(self.noise() % 3);
        for word in 0..=superfluous {
            let value = if word == 0 { flags & !1 } else { 0 };
            self.output
                .extend((value | u16::from(word < superfluous)).to_be_bytes());
        }
        for (number, field) in class.properties.iter().enumerate() {
            if flags >> (15 - number) & 1 == 1 {
                self.value(field.wire);
            }
        }
    }

    fn bits(&mut self, fields: &[Field]) {
        let known = fields.iter().enumerate().filter(|(_, field)| !field.reserved);
        let known = known.fold(0, |known, (bit, _)| known | 1 << bit);
        let octet = self.take(1)[0] & known | self.noise() & !known;
        self.output.push(octet);
    }

    fn field(&mut self, field: &Field) {
        if !field.reserved {
            return self.value(field.wire);
        }
        // Read past it.
        let before = self.output.len();
        self.value(field.wire);
        self.output.truncate(before);
        let (prefix, count) = match field.wire {
            WireType::ShortStr => (0, usize::from(self.noise() % 9)),
            WireType::LongStr => (3, usize::from(self.noise() % 9)),
            WireType::Table => (4, 0),
            wire => (0, width(wire)),
        };
        self.output.extend(std::iter::repeat_n(0, prefix));
        if matches!(field.wire, WireType::ShortStr | WireType::LongStr) {
            self.output.push(count as u8);
        }
        for _ in 0..count {
            let octet = self.noise();
            self.output.push(octet);
        }
    }

    fn value(&mut self, wire: WireType) {
        match wire {
            WireType::ShortStr => {
                let length = self.copy_length(1);
                self.copy(length);
            }
            WireType::LongStr => {
                let length = self.copy_length(4);
                self.copy(length);
            }
            WireType::Table => self.table(),
            wire => {
                self.copy(width(wire));
            }
        }
    }

    fn table(&mut self) {
        let end = self.copy_length(4);
        let end = self.input.len() - end;
        while self.input.len() > end {
            let length = self.copy_length(1);
            self.copy(length);
            self.tagged();
        }
    }

    fn tagged(&mut self) {
        match self.copy(1)[0] {
            b't' => {
                let octet = self.take(1)[0];
                // Any octet but 0 is true.
                let truth = if self.is_noisy { self.noise().max(1) } else { 1 };
                self.output.push(if octet == 0 { 0 } else { truth });
            }
            b'F' => self.table(),
            b'A' => {
                let end = self.copy_length(4);
                let end = self.input.len() - end;
                while self.input.len() > end {
                    self.tagged();
                }
            }
            b'S' | b'x' => {
                let length = self.copy_length(4);
                self.copy(length);
            }
            tag => {
                self.copy(match tag {
                    b'V' => 0,
                    b'b' | b'B' => 1,
                    b's' | b'u' => 2,
                    b'I' | b'i' | b'f' => 4,
                    b'D' => 5,
                    b'l' | b'L' | b'd' | b'T' => 8,
                    tag => panic!("{} is no tag, and decodes", char::from(tag)),
                });
            }
        }
    }
}

fn width(wire: WireType) -> usize {
    match wire {
        WireType::Octet => 1,
        WireType::Short => 2,
        WireType::Long => 4,
        WireType::LongLong | WireType::Timestamp => 8,
        other => panic!("{} has no width", other.name()),
    }
}

fn walked(protocol: &Protocol, item: Item, octets: &[u8], noise: Option<&[u8]>) -> Vec<u8> {
    let mut walk = Walk::new(octets, noise);
    match item {
        Item::Method => walk.method(protocol),
        Item::Properties(class) => {
            let mut classes = protocol.classes.iter();
            walk.properties(
                classes
                    .find(|found| found.index == class.id)
                    .expect("it has properties"),
            );
        }
        Item::Table => walk.table(),
    }
    assert!(walk.input.is_empty(), "what trails does not decode");
    walk.output
}

/// Noise where nothing is kept changes nothing; octets that were changed anywhere come back but for the exceptions.
fn comes_back<R: Revision>(
    protocol: &Protocol,
    item: Item,
    octets: &[u8],
    noise: &[u8],
    changes: &[(prop::sample::Index, u8)],
) {
    let noisy = walked(protocol, item, octets, Some(noise));
    let mut changed = noisy.clone();
    for (at, octet) in changes {
        let at = at.index(changed.len());
        changed[at] = *octet;
    }
    let json = decode_octets::<R>(item, &noisy).unwrap_or_else(|fault| panic!("{fault:?}: {noisy:02x?}"));
    assert_eq!(
        encode_octets::<R>(item, json.as_bytes()).expect("what was printed"),
        octets,
        "{noisy:02x?}"
    );
    if let Ok(json) = decode_octets::<R>(item, &changed) {
        let back = encode_octets::<R>(item, json.as_bytes()).expect("what was printed");
        assert_eq!(back, walked(protocol, item, &changed, None), "{changed:02x?}");
    }
}

fn encoded(value: &impl Encode) -> Vec<u8> {
    let mut octets = Vec::new();
    value.encode(&mut Writer::new(&mut octets));
    octets
}

fn changes() -> impl Strategy<Value = Vec<(prop::sample::Index, u8)>> {
    prop::collection::vec(any::<(prop::sample::Index, u8)>(), 1..4)
}

fn noise() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..64)
}

proptest! {
    #[test]
    fn of_methods_of_0_9_1(method in any::<v0_9_1::Method<'static>>(), noise in noise(), changes in changes()) {
        comes_back::<V0_9_1>(&PROTOCOL_0_9_1, Item::Method, &encoded(&method), &noise, &changes);
    }

    #[test]
    fn of_methods_of_0_8(method in any::<v0_8::Method<'static>>(), noise in noise(), changes in changes()) {
        comes_back::<V0_8>(&PROTOCOL_0_8, Item::Method, &encoded(&method), &noise, &changes);
    }

    #[test]
    fn of_properties_of_0_9_1(properties in any::<v0_9_1::ContentProperties<'static>>(), noise in noise(), changes in changes()) {
        let class = V0_9_1::content_class(properties.class_id()).expect("it has properties");
        comes_back::<V0_9_1>(&PROTOCOL_0_9_1, Item::Properties(class), &encoded(&properties), &noise, &changes);
    }

    #[test]
    fn of_properties_of_0_8(properties in any::<v0_8::ContentProperties<'static>>(), noise in noise(), changes in changes()) {
        let class = V0_8::content_class(properties.class_id()).expect("it has properties");
        comes_back::<V0_8>(&PROTOCOL_0_8, Item::Properties(class), &encoded(&properties), &noise, &changes);
    }

    #[test]
    fn of_tables(table in any::<FieldTable<'static>>(), noise in noise(), changes in changes()) {
        comes_back::<V0_9_1>(&PROTOCOL_0_9_1, Item::Table, &encoded(&table), &noise, &changes);
    }
}
