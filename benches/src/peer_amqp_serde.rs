//! amqp_serde, the codec of amqprs.
//!
//! amqprs keeps its frames and methods to itself; the structs here are what serde needs to read and write the same octets,
//! field by field of amqp_serde's types, and envelopes are handled in the same steps. The properties are amqprs's own.

use amqp_serde::types::{FieldTable, FieldValue, LongStr, ShortStr};
use amqp_serde::{from_bytes, to_buffer};
use amqprs::BasicProperties;
use serde::{Deserialize, Serialize};

use crate::values::{CHANNEL, Declare, Deliver, Publish, Table, Value};
use crate::{Codec, Sum};

const FRAME_END: u8 = 0xCE;

#[derive(Serialize, Deserialize)]
struct FrameHeader {
    frame_type: u8,
    channel: u16,
    payload_size: u32,
}

#[derive(Serialize, Deserialize)]
struct MethodHeader {
    class_id: u16,
    method_id: u16,
}

#[derive(Serialize, Deserialize)]
struct PublishArguments {
    ticket: u16,
    exchange: ShortStr,
    routing_key: ShortStr,
    bits: u8,
}

#[derive(Serialize, Deserialize)]
struct DeclareArguments {
    ticket: u16,
    queue: ShortStr,
    bits: u8,
    arguments: FieldTable,
}

#[derive(Serialize, Deserialize)]
struct DeliverArguments {
    consumer_tag: ShortStr,
    delivery_tag: u64,
    redelivered: bool,
    exchange: ShortStr,
    routing_key: ShortStr,
}

#[derive(Serialize, Deserialize)]
struct HeaderStart {
    class: u16,
    weight: u16,
    body_size: u64,
}

/// The output.
#[derive(Debug, Default)]
pub struct AmqpSerde {
    out: Vec<u8>,
}

impl AmqpSerde {
    fn write(&mut self, frame_type: u8, payload: &impl Serialize) {
        let start = self.out.len();
        let header = FrameHeader {
            frame_type,
            channel: CHANNEL,
            payload_size: 0,
        };
        to_buffer(&header, &mut self.out).expect("a frame header");
        let size = to_buffer(payload, &mut self.out).expect("a payload");
        self.out[start + 3..start + 7].copy_from_slice(&(size as u32).to_be_bytes());
        to_buffer(&FRAME_END, &mut self.out).expect("a frame end");
    }
}

/// A body as octets, in the way that amqp_serde writes octets.
struct Body(Vec<u8>);

impl Serialize for Body {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

fn short(text: &str) -> ShortStr {
    text.try_into().expect("a short string")
}

fn build(entries: Table<'_>) -> FieldTable {
    let mut table = FieldTable::new();
    for &(name, value) in entries {
        let value = match value {
            Value::Bool(value) => FieldValue::t(value),
            Value::Int(value) => FieldValue::I(value),
            Value::Long(value) => FieldValue::l(value),
            Value::Double(value) => FieldValue::d(value),
            Value::Timestamp(value) => FieldValue::T(value),
            Value::Text(value) => FieldValue::S(value.try_into().expect("a long string")),
            Value::Table(inner) => FieldValue::F(build(inner)),
        };
        table.insert(short(name), value);
    }
    table
}

struct Frame<'a> {
    frame_type: u8,
    channel: u16,
    payload: &'a [u8],
}

/// The frame at the front, and what follows it.
fn split(input: &[u8]) -> (Frame<'_>, &[u8]) {
    let header: FrameHeader = from_bytes(input.get(..7).expect("a frame header")).expect("a frame header");
    let end = 7 + header.payload_size as usize;
    let payload = input.get(7..end).expect("a payload");
    assert_eq!(input.get(end), Some(&FRAME_END));
    let frame = Frame {
        frame_type: header.frame_type,
        channel: header.channel,
        payload,
    };
    (frame, &input[end + 1..])
}

fn method<'a, T: Deserialize<'a>>(frame: &Frame<'a>, class_id: u16, method_id: u16) -> T {
    assert_eq!(frame.frame_type, 1);
    let (ids, arguments) = frame.payload.split_at_checked(4).expect("a method header");
    let ids: MethodHeader = from_bytes(ids).expect("a method header");
    assert_eq!((ids.class_id, ids.method_id), (class_id, method_id));
    from_bytes(arguments).expect("arguments")
}

fn read_table(table: &FieldTable, sum: &mut impl Sum) {
    for (name, value) in table.as_ref() {
        sum.entry(name.as_ref().as_bytes(), |sum| match value {
            FieldValue::t(value) => sum.number(u64::from(*value)),
            FieldValue::I(value) => sum.number(*value as u64),
            FieldValue::l(value) => sum.number(*value as u64),
            FieldValue::d(value) => sum.number(value.to_bits()),
            FieldValue::T(value) => sum.number(*value),
            FieldValue::S(value) => sum.octets(LongStr::as_ref(value).as_bytes()),
            FieldValue::F(value) => read_table(value, sum),
            _ => panic!("another tag"),
        });
    }
}

fn read_properties(properties: &BasicProperties, sum: &mut impl Sum) {
    string(properties.content_type(), sum);
    string(properties.content_encoding(), sum);
    if let Some(headers) = properties.headers() {
        read_table(headers, sum);
    }
    number(properties.delivery_mode(), sum);
    number(properties.priority(), sum);
    string(properties.correlation_id(), sum);
    string(properties.reply_to(), sum);
    string(properties.expiration(), sum);
    string(properties.message_id(), sum);
    number(properties.timestamp(), sum);
    string(properties.message_type(), sum);
    string(properties.user_id(), sum);
    string(properties.app_id(), sum);
    string(properties.cluster_id(), sum);
}

fn string(string: Option<&String>, sum: &mut impl Sum) {
    if let Some(string) = string {
        sum.octets(string.as_bytes());
    }
}

fn number(number: Option<impl Into<u64>>, sum: &mut impl Sum) {
    if let Some(number) = number {
        sum.number(number.into());
    }
}

impl Codec for AmqpSerde {
    fn encode_publish(&mut self, values: &Publish<'_>) -> &[u8] {
        let arguments = PublishArguments {
            ticket: 0,
            exchange: short(values.exchange),
            routing_key: short(values.routing_key),
            bits: u8::from(values.mandatory),
        };
        let start = HeaderStart {
            class: 60,
            weight: 0,
            body_size: values.body.len() as u64,
        };
        let mut properties = BasicProperties::default();
        properties
            .with_content_type(values.content_type)
            .with_delivery_mode(values.delivery_mode)
            .with_message_id(values.message_id);
        self.out.clear();
        self.write(
            1,
            &(
                MethodHeader {
                    class_id: 60,
                    method_id: 40,
                },
                arguments,
            ),
        );
        self.write(2, &(start, properties));
        self.write(3, &Body(values.body.to_vec()));
        &self.out
    }

    fn encode_declare(&mut self, values: &Declare<'_>) -> &[u8] {
        let arguments = DeclareArguments {
            ticket: 0,
            queue: short(values.queue),
            bits: u8::from(values.durable) << 1,
            arguments: build(values.arguments),
        };
        self.out.clear();
        self.write(
            1,
            &(
                MethodHeader {
                    class_id: 50,
                    method_id: 10,
                },
                arguments,
            ),
        );
        &self.out
    }

    fn encode_deliver(&mut self, values: &Deliver<'_>) -> &[u8] {
        let arguments = DeliverArguments {
            consumer_tag: short(values.consumer_tag),
            delivery_tag: values.delivery_tag,
            redelivered: values.redelivered,
            exchange: short(values.exchange),
            routing_key: short(values.routing_key),
        };
        self.out.clear();
        self.write(
            1,
            &(
                MethodHeader {
                    class_id: 60,
                    method_id: 60,
                },
                arguments,
            ),
        );
        &self.out
    }

    fn encode_table(&mut self, entries: Table<'_>) -> &[u8] {
        self.out.clear();
        to_buffer(&build(entries), &mut self.out).expect("a table");
        &self.out
    }

    fn decode_publish(input: &[u8], sum: &mut impl Sum) {
        let (frame, input) = split(input);
        let publish: PublishArguments = method(&frame, 60, 40);
        sum.number(u64::from(frame.channel));
        sum.octets(publish.exchange.as_ref().as_bytes());
        sum.octets(publish.routing_key.as_ref().as_bytes());
        sum.number(u64::from(publish.bits & 1));
        sum.number(u64::from(publish.bits >> 1 & 1));

        let (frame, input) = split(input);
        assert_eq!(frame.frame_type, 2);
        let (start, properties) = frame.payload.split_at_checked(12).expect("a header");
        let start: HeaderStart = from_bytes(start).expect("a header");
        assert_eq!(start.class, 60);
        let properties: BasicProperties = from_bytes(properties).expect("properties");
        sum.number(u64::from(frame.channel));
        sum.number(start.body_size);
        read_properties(&properties, sum);

        let (frame, _) = split(input);
        assert_eq!(frame.frame_type, 3);
        let body = frame.payload.to_vec();
        sum.number(u64::from(frame.channel));
        sum.octets(&body);
    }

    fn decode_declare(input: &[u8], sum: &mut impl Sum) {
        let (frame, _) = split(input);
        let declare: DeclareArguments = method(&frame, 50, 10);
        sum.number(u64::from(frame.channel));
        sum.octets(declare.queue.as_ref().as_bytes());
        for bit in 0..5 {
            sum.number(u64::from(declare.bits >> bit & 1));
        }
        read_table(&declare.arguments, sum);
    }

    fn decode_deliver(input: &[u8], sum: &mut impl Sum) {
        let (frame, _) = split(input);
        let deliver: DeliverArguments = method(&frame, 60, 60);
        sum.number(u64::from(frame.channel));
        sum.octets(deliver.consumer_tag.as_ref().as_bytes());
        sum.number(deliver.delivery_tag);
        sum.number(u64::from(deliver.redelivered));
        sum.octets(deliver.exchange.as_ref().as_bytes());
        sum.octets(deliver.routing_key.as_ref().as_bytes());
    }

    fn decode_table(input: &[u8], sum: &mut impl Sum) {
        let table: FieldTable = from_bytes(input).expect("a sound table");
        read_table(&table, sum);
    }
}
