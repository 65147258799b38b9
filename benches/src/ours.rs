//! amqp-protocol as its user writes it: frames parsed, the method that is expected decoded by its type (`Ours`) or
//! whichever comes by the enum over all methods (`OursAny`), borrowed structs written.

use amqp_protocol::content::ContentHeader;
use amqp_protocol::frame::{self, FrameType, Parsed, RawFrame};
use amqp_protocol::table::{FieldTable, FieldValue, MAX_DEPTH, TableError};
use amqp_protocol::v0_9_1::{Method, basic, queue};
use amqp_protocol::{Arguments, ChannelId, Decode, DecodeError, DeliveryTag, Reader, ShortStr, TooLong};

use crate::values::{CHANNEL, Declare, Deliver, FRAME_MAX, Publish, Table, Value};
use crate::{Codec, Sum};

/// The buffers that a connection keeps: the output, and a table to build in for each depth.
#[derive(Debug)]
pub struct Ours {
    out: Vec<u8>,
    tables: Vec<FieldTable<'static>>,
}

impl Default for Ours {
    fn default() -> Self {
        Self {
            out: Vec::new(),
            tables: vec![FieldTable::new(); MAX_DEPTH],
        }
    }
}

impl Ours {
    fn publish(&mut self, values: &Publish<'_>) -> Result<(), TooLong> {
        let method = basic::Publish {
            exchange: ShortStr::try_from(values.exchange)?,
            routing_key: ShortStr::try_from(values.routing_key)?,
            mandatory: values.mandatory,
            ..Default::default()
        };
        let header = ContentHeader {
            body_size: values.body.len() as u64,
            properties: basic::Properties {
                content_type: Some(ShortStr::try_from(values.content_type)?),
                delivery_mode: Some(values.delivery_mode),
                message_id: Some(ShortStr::try_from(values.message_id)?),
                ..Default::default()
            },
        };
        let channel = ChannelId(CHANNEL);
        self.out.clear();
        frame::write_method(&mut self.out, channel, &method, FRAME_MAX)?;
        frame::write(&mut self.out, FrameType::Header, channel, &header, FRAME_MAX)?;
        frame::write_body(&mut self.out, channel, values.body, FRAME_MAX);
        Ok(())
    }

    fn declare(&mut self, values: &Declare<'_>) -> Result<(), TableError> {
        fill(&mut self.tables, values.arguments)?;
        let method = queue::Declare {
            queue: ShortStr::try_from(values.queue)?,
            durable: values.durable,
            arguments: self.tables[0].borrowed(),
            ..Default::default()
        };
        self.out.clear();
        frame::write_method(&mut self.out, ChannelId(CHANNEL), &method, FRAME_MAX)?;
        Ok(())
    }

    fn deliver(&mut self, values: &Deliver<'_>) -> Result<(), TooLong> {
        let method = basic::Deliver {
            consumer_tag: ShortStr::try_from(values.consumer_tag)?,
            delivery_tag: DeliveryTag(values.delivery_tag),
            redelivered: values.redelivered,
            exchange: ShortStr::try_from(values.exchange)?,
            routing_key: ShortStr::try_from(values.routing_key)?,
        };
        self.out.clear();
        frame::write_method(&mut self.out, ChannelId(CHANNEL), &method, FRAME_MAX)
    }
}

/// Builds a table in the first of `tables`, and what is nested in it in those behind.
fn fill(tables: &mut [FieldTable<'static>], entries: Table<'_>) -> Result<(), TableError> {
    let (table, behind) = tables.split_first_mut().ok_or(TableError::TooDeep)?;
    table.clear();
    for &(name, value) in entries {
        match value {
            Value::Bool(value) => table.append(name, value),
            Value::Int(value) => table.append(name, value),
            Value::Long(value) => table.append(name, value),
            Value::Double(value) => table.append(name, value),
            Value::Timestamp(value) => table.append(name, FieldValue::Timestamp(value)),
            Value::Text(value) => table.append(name, value),
            Value::Table(inner) => {
                fill(behind, inner)?;
                table.append(name, &behind[0])
            }
        }?;
    }
    Ok(())
}

/// The frame at the front, and what follows it.
#[inline(always)]
fn split(input: &[u8]) -> Result<(RawFrame<'_>, &[u8]), DecodeError> {
    let Parsed::Complete(frame) = RawFrame::parse(input, FRAME_MAX)? else {
        panic!("an incomplete frame")
    };
    Ok((frame, &input[frame.encoded_len()..]))
}

/// The arguments of this method.
#[inline(always)]
fn method<'a, M: Arguments + Decode<'a>>(frame: &RawFrame<'a>) -> Result<M, DecodeError> {
    assert_eq!(frame.frame_type, FrameType::Method);
    let mut reader = Reader::new(frame.payload);
    assert_eq!(reader.method_id("method")?, M::ID);
    let method = M::decode(&mut reader)?;
    reader.finish("method")?;
    Ok(method)
}

/// Whichever method it is.
#[inline(always)]
fn any_method<'a>(frame: &RawFrame<'a>) -> Result<Method<'a>, DecodeError> {
    assert_eq!(frame.frame_type, FrameType::Method);
    let mut reader = Reader::new(frame.payload);
    let method = Method::decode(&mut reader)?;
    reader.finish("method")?;
    Ok(method)
}

fn read_publish(input: &[u8], sum: &mut impl Sum) -> Result<(), DecodeError> {
    let (frame, rest) = split(input)?;
    read_message(frame, &method(&frame)?, rest, sum)
}

fn read_any_publish(input: &[u8], sum: &mut impl Sum) -> Result<(), DecodeError> {
    let (frame, rest) = split(input)?;
    match &any_method(&frame)? {
        Method::Basic(basic::Method::Publish(publish)) => read_message(frame, publish, rest, sum),
        _ => panic!("another method"),
    }
}

#[inline(always)]
fn read_message(
    frame: RawFrame<'_>,
    publish: &basic::Publish<'_>,
    input: &[u8],
    sum: &mut impl Sum,
) -> Result<(), DecodeError> {
    sum.number(u64::from(frame.channel.0));
    sum.octets(publish.exchange.as_bytes());
    sum.octets(publish.routing_key.as_bytes());
    sum.number(u64::from(publish.mandatory));
    sum.number(u64::from(publish.immediate));

    let (frame, input) = split(input)?;
    let mut reader = Reader::new(frame.payload);
    let header = ContentHeader::<basic::Properties<'_>>::decode(&mut reader)?;
    reader.finish("header")?;
    sum.number(u64::from(frame.channel.0));
    sum.number(header.body_size);
    read_properties(&header.properties, sum);

    let (frame, _) = split(input)?;
    sum.number(u64::from(frame.channel.0));
    sum.octets(frame.payload);
    Ok(())
}

fn read_properties(properties: &basic::Properties<'_>, sum: &mut impl Sum) {
    string(&properties.content_type, sum);
    string(&properties.content_encoding, sum);
    if let Some(headers) = &properties.headers {
        read_table(headers, sum);
    }
    number(properties.delivery_mode, sum);
    number(properties.priority, sum);
    string(&properties.correlation_id, sum);
    string(&properties.reply_to, sum);
    string(&properties.expiration, sum);
    string(&properties.message_id, sum);
    number(properties.timestamp, sum);
    string(&properties.r#type, sum);
    string(&properties.user_id, sum);
    string(&properties.app_id, sum);
    string(&properties.reserved, sum);
}

fn string(string: &Option<ShortStr<'_>>, sum: &mut impl Sum) {
    if let Some(string) = string {
        sum.octets(string.as_bytes());
    }
}

fn number(number: Option<impl Into<u64>>, sum: &mut impl Sum) {
    if let Some(number) = number {
        sum.number(number.into());
    }
}

fn read_declare(input: &[u8], sum: &mut impl Sum) -> Result<(), DecodeError> {
    let (frame, _) = split(input)?;
    sum_declare(frame, &method(&frame)?, sum);
    Ok(())
}

fn read_any_declare(input: &[u8], sum: &mut impl Sum) -> Result<(), DecodeError> {
    let (frame, _) = split(input)?;
    match &any_method(&frame)? {
        Method::Queue(queue::Method::Declare(declare)) => sum_declare(frame, declare, sum),
        _ => panic!("another method"),
    }
    Ok(())
}

#[inline(always)]
fn sum_declare(frame: RawFrame<'_>, declare: &queue::Declare<'_>, sum: &mut impl Sum) {
    sum.number(u64::from(frame.channel.0));
    sum.octets(declare.queue.as_bytes());
    for bit in [
        declare.passive,
        declare.durable,
        declare.exclusive,
        declare.auto_delete,
        declare.no_wait,
    ] {
        sum.number(u64::from(bit));
    }
    read_table(&declare.arguments, sum);
}

fn read_deliver(input: &[u8], sum: &mut impl Sum) -> Result<(), DecodeError> {
    let (frame, _) = split(input)?;
    sum_deliver(frame, &method(&frame)?, sum);
    Ok(())
}

fn read_any_deliver(input: &[u8], sum: &mut impl Sum) -> Result<(), DecodeError> {
    let (frame, _) = split(input)?;
    match &any_method(&frame)? {
        Method::Basic(basic::Method::Deliver(deliver)) => sum_deliver(frame, deliver, sum),
        _ => panic!("another method"),
    }
    Ok(())
}

#[inline(always)]
fn sum_deliver(frame: RawFrame<'_>, deliver: &basic::Deliver<'_>, sum: &mut impl Sum) {
    sum.number(u64::from(frame.channel.0));
    sum.octets(deliver.consumer_tag.as_bytes());
    sum.number(deliver.delivery_tag.0);
    sum.number(u64::from(deliver.redelivered));
    sum.octets(deliver.exchange.as_bytes());
    sum.octets(deliver.routing_key.as_bytes());
}

fn read_table(table: &FieldTable<'_>, sum: &mut impl Sum) {
    for (name, value) in table {
        sum.entry(name.as_bytes(), |sum| match &value {
            FieldValue::Boolean(value) => sum.number(u64::from(*value)),
            FieldValue::LongInt(value) => sum.number(*value as u64),
            FieldValue::LongLong(value) => sum.number(*value as u64),
            FieldValue::Double(value) => sum.number(value.to_bits()),
            FieldValue::Timestamp(value) => sum.number(*value),
            FieldValue::LongString(value) => sum.octets(value.as_bytes()),
            FieldValue::Table(value) => read_table(value, sum),
            _ => panic!("another tag"),
        });
    }
}

impl Codec for Ours {
    fn encode_publish(&mut self, values: &Publish<'_>) -> &[u8] {
        self.publish(values).expect("values that fit");
        &self.out
    }

    fn encode_declare(&mut self, values: &Declare<'_>) -> &[u8] {
        self.declare(values).expect("values that fit");
        &self.out
    }

    fn encode_deliver(&mut self, values: &Deliver<'_>) -> &[u8] {
        self.deliver(values).expect("values that fit");
        &self.out
    }

    fn encode_table(&mut self, entries: Table<'_>) -> &[u8] {
        fill(&mut self.tables, entries).expect("values that fit");
        self.out.clear();
        amqp_protocol::Writer::new(&mut self.out).table(&self.tables[0]);
        &self.out
    }

    fn decode_publish(input: &[u8], sum: &mut impl Sum) {
        read_publish(input, sum).expect("sound frames");
    }

    fn decode_declare(input: &[u8], sum: &mut impl Sum) {
        read_declare(input, sum).expect("a sound frame");
    }

    fn decode_deliver(input: &[u8], sum: &mut impl Sum) {
        read_deliver(input, sum).expect("a sound frame");
    }

    fn decode_table(input: &[u8], sum: &mut impl Sum) {
        let table = FieldTable::decode(&mut Reader::new(input)).expect("a sound table");
        read_table(&table, sum);
    }
}

/// The same for a reader who does not know which method comes.
#[derive(Debug)]
pub struct OursAny;

impl OursAny {
    /// Reads every field of three frames.
    pub fn decode_publish(input: &[u8], sum: &mut impl Sum) {
        read_any_publish(input, sum).expect("sound frames");
    }

    /// Reads every field and table entry.
    pub fn decode_declare(input: &[u8], sum: &mut impl Sum) {
        read_any_declare(input, sum).expect("a sound frame");
    }

    /// Reads every field.
    pub fn decode_deliver(input: &[u8], sum: &mut impl Sum) {
        read_any_deliver(input, sum).expect("a sound frame");
    }
}
