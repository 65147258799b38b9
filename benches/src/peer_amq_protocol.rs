//! amq-protocol, the codec of lapin: its frames parsed whole, its structs built and generated.
//!
//! It writes into a slice that is large enough, the fastest of the outputs that it supports.

use amq_protocol::frame::{AMQPContentHeader, AMQPFrame, GenResult, WriteContext, gen_frame, parse_frame};
use amq_protocol::protocol::{AMQPClass, basic, queue};
use amq_protocol::types::generation::gen_field_table;
use amq_protocol::types::parsing::parse_field_table;
use amq_protocol::types::{AMQPValue, FieldTable, ShortString};

use crate::values::{CHANNEL, Declare, Deliver, Publish, Table, Value};
use crate::{Codec, Sum};

/// The output.
#[derive(Debug)]
pub struct AmqProtocol {
    out: Vec<u8>,
}

impl Default for AmqProtocol {
    fn default() -> Self {
        Self { out: vec![0; 8192] }
    }
}

impl AmqProtocol {
    fn write(&mut self, frames: &[AMQPFrame]) -> &[u8] {
        let mut context = WriteContext::from(self.out.as_mut_slice());
        for frame in frames {
            context = gen_frame(frame)(context).expect("room for a frame");
        }
        let len = context.position as usize;
        &self.out[..len]
    }
}

fn build(entries: Table<'_>) -> FieldTable {
    let mut table = FieldTable::default();
    for &(name, value) in entries {
        let value = match value {
            Value::Bool(value) => AMQPValue::Boolean(value),
            Value::Int(value) => AMQPValue::LongInt(value),
            Value::Long(value) => AMQPValue::LongLongInt(value),
            Value::Double(value) => AMQPValue::Double(value),
            Value::Timestamp(value) => AMQPValue::Timestamp(value),
            Value::Text(value) => AMQPValue::LongString(value.into()),
            Value::Table(inner) => AMQPValue::FieldTable(build(inner)),
        };
        table.insert(name.into(), value);
    }
    table
}

/// The frame at the front, and what follows it.
fn split(input: &[u8]) -> (AMQPFrame, &[u8]) {
    let (rest, frame) = parse_frame(input).expect("a sound frame");
    (frame, rest)
}

fn read_table(table: &FieldTable, sum: &mut impl Sum) {
    for (name, value) in table {
        sum.entry(name.as_str().as_bytes(), |sum| match value {
            AMQPValue::Boolean(value) => sum.number(u64::from(*value)),
            AMQPValue::LongInt(value) => sum.number(*value as u64),
            AMQPValue::LongLongInt(value) => sum.number(*value as u64),
            AMQPValue::Double(value) => sum.number(value.to_bits()),
            AMQPValue::Timestamp(value) => sum.number(*value),
            AMQPValue::LongString(value) => sum.octets(value.as_bytes()),
            AMQPValue::FieldTable(value) => read_table(value, sum),
            _ => panic!("another tag"),
        });
    }
}

fn read_properties(properties: &basic::AMQPProperties, sum: &mut impl Sum) {
    string(properties.content_type(), sum);
    string(properties.content_encoding(), sum);
    if let Some(headers) = properties.headers() {
        read_table(headers, sum);
    }
    number(*properties.delivery_mode(), sum);
    number(*properties.priority(), sum);
    string(properties.correlation_id(), sum);
    string(properties.reply_to(), sum);
    string(properties.expiration(), sum);
    string(properties.message_id(), sum);
    number(*properties.timestamp(), sum);
    string(properties.kind(), sum);
    string(properties.user_id(), sum);
    string(properties.app_id(), sum);
    string(properties.cluster_id(), sum);
}

fn string(string: &Option<ShortString>, sum: &mut impl Sum) {
    if let Some(string) = string {
        sum.octets(string.as_str().as_bytes());
    }
}

fn number(number: Option<impl Into<u64>>, sum: &mut impl Sum) {
    if let Some(number) = number {
        sum.number(number.into());
    }
}

impl Codec for AmqProtocol {
    fn encode_publish(&mut self, values: &Publish<'_>) -> &[u8] {
        let method = basic::Publish {
            exchange: values.exchange.into(),
            routing_key: values.routing_key.into(),
            mandatory: values.mandatory,
            immediate: false,
        };
        let header = AMQPContentHeader {
            class_id: method.get_amqp_class_id(),
            body_size: values.body.len() as u64,
            properties: basic::AMQPProperties::default()
                .with_content_type(values.content_type.into())
                .with_delivery_mode(values.delivery_mode)
                .with_message_id(values.message_id.into()),
        };
        self.write(&[
            AMQPFrame::Method(CHANNEL, AMQPClass::Basic(basic::AMQPMethod::Publish(method))),
            AMQPFrame::Header(CHANNEL, header),
            AMQPFrame::Body(CHANNEL, values.body.to_vec()),
        ])
    }

    fn encode_declare(&mut self, values: &Declare<'_>) -> &[u8] {
        let method = queue::Declare {
            queue: values.queue.into(),
            durable: values.durable,
            arguments: build(values.arguments),
            ..Default::default()
        };
        self.write(&[AMQPFrame::Method(
            CHANNEL,
            AMQPClass::Queue(queue::AMQPMethod::Declare(method)),
        )])
    }

    fn encode_deliver(&mut self, values: &Deliver<'_>) -> &[u8] {
        let method = basic::Deliver {
            consumer_tag: values.consumer_tag.into(),
            delivery_tag: values.delivery_tag,
            redelivered: values.redelivered,
            exchange: values.exchange.into(),
            routing_key: values.routing_key.into(),
        };
        self.write(&[AMQPFrame::Method(
            CHANNEL,
            AMQPClass::Basic(basic::AMQPMethod::Deliver(method)),
        )])
    }

    fn encode_table(&mut self, entries: Table<'_>) -> &[u8] {
        let table = build(entries);
        let written: GenResult<&mut [u8]> =
            gen_field_table(&table)(WriteContext::from(self.out.as_mut_slice()));
        let len = written.expect("room for a table").position as usize;
        &self.out[..len]
    }

    fn decode_publish(input: &[u8], sum: &mut impl Sum) {
        let (frame, input) = split(input);
        let AMQPFrame::Method(channel, AMQPClass::Basic(basic::AMQPMethod::Publish(publish))) = frame else {
            panic!("another method")
        };
        sum.number(u64::from(channel));
        sum.octets(publish.exchange.as_str().as_bytes());
        sum.octets(publish.routing_key.as_str().as_bytes());
        sum.number(u64::from(publish.mandatory));
        sum.number(u64::from(publish.immediate));

        let (frame, input) = split(input);
        let AMQPFrame::Header(channel, header) = frame else {
            panic!("another frame")
        };
        sum.number(u64::from(channel));
        sum.number(header.body_size);
        read_properties(&header.properties, sum);

        let (frame, _) = split(input);
        let AMQPFrame::Body(channel, body) = frame else {
            panic!("another frame")
        };
        sum.number(u64::from(channel));
        sum.octets(&body);
    }

    fn decode_declare(input: &[u8], sum: &mut impl Sum) {
        let (frame, _) = split(input);
        let AMQPFrame::Method(channel, AMQPClass::Queue(queue::AMQPMethod::Declare(declare))) = frame else {
            panic!("another method")
        };
        sum.number(u64::from(channel));
        sum.octets(declare.queue.as_str().as_bytes());
        for bit in [
            declare.passive,
            declare.durable,
            declare.exclusive,
            declare.auto_delete,
            declare.nowait,
        ] {
            sum.number(u64::from(bit));
        }
        read_table(&declare.arguments, sum);
    }

    fn decode_deliver(input: &[u8], sum: &mut impl Sum) {
        let (frame, _) = split(input);
        let AMQPFrame::Method(channel, AMQPClass::Basic(basic::AMQPMethod::Deliver(deliver))) = frame else {
            panic!("another method")
        };
        sum.number(u64::from(channel));
        sum.octets(deliver.consumer_tag.as_str().as_bytes());
        sum.number(deliver.delivery_tag);
        sum.number(u64::from(deliver.redelivered));
        sum.octets(deliver.exchange.as_str().as_bytes());
        sum.octets(deliver.routing_key.as_str().as_bytes());
    }

    fn decode_table(input: &[u8], sum: &mut impl Sum) {
        let (_, table) = parse_field_table(input).expect("a sound table");
        read_table(&table, sum);
    }
}
