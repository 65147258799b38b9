//! The floor: what code written by hand for these scenarios alone costs, under the contract that amqp-protocol keeps.
//!
//! It does: check every length before use, the frame's type, size and end, the class and method ids, the unused rest of
//! a payload, undefined property flags; validate a table to the last octet (lengths, tags, depth at most 32) before
//! anything in it is read; give slices of the input; hold every limit when encoding (255 octets in a short string,
//! 32 bits of a table's size, its depth, `frame-max`); write into a buffer that is kept, each run of fixed octets at
//! once and tables in place, with their length filled in afterwards.
//!
//! It does not: know any other method, any tag's type but those of the scenarios, or a second word of property flags; say
//! what is wrong with an input or where; own a table, so nothing is built before it is written; use `unsafe`.

use crate::values::{CHANNEL, Declare, Deliver, FRAME_MAX, Publish, Table, Value};
use crate::{Codec, Sum};

const FRAME_END: u8 = 0xCE;
const MAX_DEPTH: usize = 32;

/// The output.
#[derive(Debug, Default)]
pub struct Floor {
    out: Vec<u8>,
}

struct Frame<'a> {
    kind: u8,
    channel: u16,
    payload: &'a [u8],
}

/// The frame at the front, and what follows it.
#[inline]
fn split(input: &[u8]) -> Option<(Frame<'_>, &[u8])> {
    let (&[kind, c0, c1, s0, s1, s2, s3], rest) = input.split_first_chunk()?;
    let size = u32::from_be_bytes([s0, s1, s2, s3]);
    if !matches!(kind, 1..=3 | 8) || size > FRAME_MAX - 8 {
        return None;
    }
    let (payload, rest) = rest.split_at_checked(size as usize)?;
    let (&end, rest) = rest.split_first()?;
    let channel = u16::from_be_bytes([c0, c1]);
    (end == FRAME_END).then_some((
        Frame {
            kind,
            channel,
            payload,
        },
        rest,
    ))
}

/// The arguments of this method.
#[inline]
fn arguments<'a>(frame: &Frame<'a>, class_id: u16, method_id: u16) -> Option<&'a [u8]> {
    let (&[a, b, c, d], arguments) = frame.payload.split_first_chunk()?;
    let found =
        frame.kind == 1 && u16::from_be_bytes([a, b]) == class_id && u16::from_be_bytes([c, d]) == method_id;
    found.then_some(arguments)
}

#[inline]
fn shortstr(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&len, rest) = input.split_first()?;
    rest.split_at_checked(usize::from(len))
}

#[inline]
fn counted(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = input.split_first_chunk()?;
    rest.split_at_checked(u32::from_be_bytes(*len) as usize)
}

/// Validates entries: lengths, tags and depth.
fn validate(mut entries: &[u8], depth: usize) -> Option<()> {
    while !entries.is_empty() {
        let (_, value) = shortstr(entries)?;
        let (&tag, rest) = value.split_first()?;
        entries = match tag {
            b'S' | b'x' => counted(rest)?.1,
            b'I' | b'i' | b'f' => rest.get(4..)?,
            b'l' | b'L' | b'd' | b'T' => rest.get(8..)?,
            b't' | b'b' | b'B' => rest.get(1..)?,
            b's' | b'u' => rest.get(2..)?,
            b'D' => rest.get(5..)?,
            b'V' => rest,
            b'F' if depth < MAX_DEPTH => {
                let (inner, rest) = counted(rest)?;
                validate(inner, depth + 1)?;
                rest
            }
            _ => return None,
        };
    }
    Some(())
}

/// A table that is validated, and what follows it.
#[inline]
fn table(input: &[u8]) -> Option<(&[u8], &[u8])> {
    let (entries, rest) = counted(input)?;
    validate(entries, 1)?;
    Some((entries, rest))
}

/// Reads validated entries.
fn read_table(mut entries: &[u8], sum: &mut impl Sum) -> Option<()> {
    while !entries.is_empty() {
        let (name, value) = shortstr(entries)?;
        let (&tag, rest) = value.split_first()?;
        sum.entry(name, |sum| {
            entries = match tag {
                b't' => {
                    let (&octet, rest) = rest.split_first()?;
                    sum.number(u64::from(octet != 0));
                    rest
                }
                b'I' => {
                    let (octets, rest) = rest.split_first_chunk()?;
                    sum.number(i32::from_be_bytes(*octets) as u64);
                    rest
                }
                b'l' | b'd' | b'T' => {
                    let (octets, rest) = rest.split_first_chunk()?;
                    sum.number(u64::from_be_bytes(*octets));
                    rest
                }
                b'S' => {
                    let (octets, rest) = counted(rest)?;
                    sum.octets(octets);
                    rest
                }
                b'F' => {
                    let (inner, rest) = counted(rest)?;
                    read_table(inner, sum)?;
                    rest
                }
                _ => return None,
            };
            Some(())
        })?;
    }
    Some(())
}

#[derive(Default)]
struct Properties<'a> {
    content_type: Option<&'a [u8]>,
    content_encoding: Option<&'a [u8]>,
    headers: Option<&'a [u8]>,
    delivery_mode: Option<u8>,
    priority: Option<u8>,
    correlation_id: Option<&'a [u8]>,
    reply_to: Option<&'a [u8]>,
    expiration: Option<&'a [u8]>,
    message_id: Option<&'a [u8]>,
    timestamp: Option<u64>,
    kind: Option<&'a [u8]>,
    user_id: Option<&'a [u8]>,
    app_id: Option<&'a [u8]>,
    cluster_id: Option<&'a [u8]>,
}

#[inline]
fn properties(input: &[u8]) -> Option<Properties<'_>> {
    #[inline]
    fn optional<'a>(flagged: bool, rest: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
        if !flagged {
            return Some(None);
        }
        let (string, after) = shortstr(rest)?;
        *rest = after;
        Some(Some(string))
    }
    let (flags, mut rest) = input.split_first_chunk()?;
    let flags = u16::from_be_bytes(*flags);
    if flags & 0b11 != 0 {
        return None;
    }
    let mut found = Properties {
        content_type: optional(flags & 1 << 15 != 0, &mut rest)?,
        content_encoding: optional(flags & 1 << 14 != 0, &mut rest)?,
        ..Properties::default()
    };
    if flags & 1 << 13 != 0 {
        let (headers, after) = table(rest)?;
        (found.headers, rest) = (Some(headers), after);
    }
    if flags & 1 << 12 != 0 {
        let (&octet, after) = rest.split_first()?;
        (found.delivery_mode, rest) = (Some(octet), after);
    }
    if flags & 1 << 11 != 0 {
        let (&octet, after) = rest.split_first()?;
        (found.priority, rest) = (Some(octet), after);
    }
    found.correlation_id = optional(flags & 1 << 10 != 0, &mut rest)?;
    found.reply_to = optional(flags & 1 << 9 != 0, &mut rest)?;
    found.expiration = optional(flags & 1 << 8 != 0, &mut rest)?;
    found.message_id = optional(flags & 1 << 7 != 0, &mut rest)?;
    if flags & 1 << 6 != 0 {
        let (octets, after) = rest.split_first_chunk()?;
        (found.timestamp, rest) = (Some(u64::from_be_bytes(*octets)), after);
    }
    found.kind = optional(flags & 1 << 5 != 0, &mut rest)?;
    found.user_id = optional(flags & 1 << 4 != 0, &mut rest)?;
    found.app_id = optional(flags & 1 << 3 != 0, &mut rest)?;
    found.cluster_id = optional(flags & 1 << 2 != 0, &mut rest)?;
    rest.is_empty().then_some(found)
}

fn read_properties(properties: &Properties<'_>, sum: &mut impl Sum) -> Option<()> {
    string(properties.content_type, sum);
    string(properties.content_encoding, sum);
    if let Some(headers) = properties.headers {
        read_table(headers, sum)?;
    }
    number(properties.delivery_mode, sum);
    number(properties.priority, sum);
    string(properties.correlation_id, sum);
    string(properties.reply_to, sum);
    string(properties.expiration, sum);
    string(properties.message_id, sum);
    number(properties.timestamp, sum);
    string(properties.kind, sum);
    string(properties.user_id, sum);
    string(properties.app_id, sum);
    string(properties.cluster_id, sum);
    Some(())
}

fn string(string: Option<&[u8]>, sum: &mut impl Sum) {
    if let Some(string) = string {
        sum.octets(string);
    }
}

fn number(number: Option<impl Into<u64>>, sum: &mut impl Sum) {
    if let Some(number) = number {
        sum.number(number.into());
    }
}

fn read_publish(input: &[u8], sum: &mut impl Sum) -> Option<()> {
    let (frame, input) = split(input)?;
    let rest = arguments(&frame, 60, 40)?.get(2..)?;
    let (exchange, rest) = shortstr(rest)?;
    let (routing_key, rest) = shortstr(rest)?;
    let &[bits] = rest else { return None };
    sum.number(u64::from(frame.channel));
    sum.octets(exchange);
    sum.octets(routing_key);
    sum.number(u64::from(bits & 1));
    sum.number(u64::from(bits >> 1 & 1));

    let (frame, input) = split(input)?;
    let (&[c0, c1, _, _, size @ ..], rest) = frame.payload.split_first_chunk::<12>()?;
    if frame.kind != 2 || u16::from_be_bytes([c0, c1]) != 60 {
        return None;
    }
    let properties = properties(rest)?;
    sum.number(u64::from(frame.channel));
    sum.number(u64::from_be_bytes(size));
    read_properties(&properties, sum)?;

    let (frame, _) = split(input)?;
    sum.number(u64::from(frame.channel));
    sum.octets(frame.payload);
    (frame.kind == 3).then_some(())
}

fn read_declare(input: &[u8], sum: &mut impl Sum) -> Option<()> {
    let (frame, _) = split(input)?;
    let rest = arguments(&frame, 50, 10)?.get(2..)?;
    let (queue, rest) = shortstr(rest)?;
    let (&bits, rest) = rest.split_first()?;
    let (entries, rest) = table(rest)?;
    if !rest.is_empty() {
        return None;
    }
    sum.number(u64::from(frame.channel));
    sum.octets(queue);
    for bit in 0..5 {
        sum.number(u64::from(bits >> bit & 1));
    }
    read_table(entries, sum)
}

fn read_deliver(input: &[u8], sum: &mut impl Sum) -> Option<()> {
    let (frame, _) = split(input)?;
    let (consumer_tag, rest) = shortstr(arguments(&frame, 60, 60)?)?;
    let (&[tag @ .., bits], rest) = rest.split_first_chunk::<9>()?;
    let (exchange, rest) = shortstr(rest)?;
    let (routing_key, rest) = shortstr(rest)?;
    if !rest.is_empty() {
        return None;
    }
    sum.number(u64::from(frame.channel));
    sum.octets(consumer_tag);
    sum.number(u64::from_be_bytes(tag));
    sum.number(u64::from(bits & 1));
    sum.octets(exchange);
    sum.octets(routing_key);
    Some(())
}

/// The length of a short string, if it is one.
#[inline]
fn short_len(text: &str) -> Option<u8> {
    u8::try_from(text.len()).ok()
}

impl Floor {
    /// Empties the output and makes room for all frames of a message.
    #[inline]
    fn start(&mut self, room: usize) {
        self.out.clear();
        self.out.reserve(room);
    }

    /// The start of a frame and eight octets more.
    #[inline]
    fn frame(&mut self, kind: u8, size: usize) -> Option<()> {
        if size > FRAME_MAX as usize - 8 {
            return None;
        }
        let [c0, c1] = CHANNEL.to_be_bytes();
        let [s0, s1, s2, s3] = (size as u32).to_be_bytes();
        self.out.extend_from_slice(&[kind, c0, c1, s0, s1, s2, s3]);
        Some(())
    }

    fn publish(&mut self, values: &Publish<'_>) -> Option<()> {
        let [exchange, routing_key] = [short_len(values.exchange)?, short_len(values.routing_key)?];
        let [content_type, message_id] = [short_len(values.content_type)?, short_len(values.message_id)?];
        let method = 9 + values.exchange.len() + values.routing_key.len();
        let header = 17 + values.content_type.len() + values.message_id.len();
        self.start(method + header + values.body.len() + 3 * 8);

        self.frame(1, method)?;
        self.out.extend_from_slice(&[0, 60, 0, 40, 0, 0, exchange]);
        self.out.extend_from_slice(values.exchange.as_bytes());
        self.out.push(routing_key);
        self.out.extend_from_slice(values.routing_key.as_bytes());
        self.out
            .extend_from_slice(&[u8::from(values.mandatory), FRAME_END]);

        self.frame(2, header)?;
        let [b0, b1, b2, b3, b4, b5, b6, b7] = (values.body.len() as u64).to_be_bytes();
        let [f0, f1] = (1_u16 << 15 | 1 << 12 | 1 << 7).to_be_bytes();
        self.out
            .extend_from_slice(&[0, 60, 0, 0, b0, b1, b2, b3, b4, b5, b6, b7, f0, f1, content_type]);
        self.out.extend_from_slice(values.content_type.as_bytes());
        self.out.extend_from_slice(&[values.delivery_mode, message_id]);
        self.out.extend_from_slice(values.message_id.as_bytes());
        self.out.push(FRAME_END);

        self.frame(3, values.body.len())?;
        self.out.extend_from_slice(values.body);
        self.out.push(FRAME_END);
        Some(())
    }

    fn declare(&mut self, values: &Declare<'_>) -> Option<()> {
        let queue = short_len(values.queue)?;
        self.start(4096);
        self.frame(1, 0)?;
        self.out.extend_from_slice(&[0, 50, 0, 10, 0, 0, queue]);
        self.out.extend_from_slice(values.queue.as_bytes());
        self.out.push(u8::from(values.durable) << 1);
        write_table(&mut self.out, values.arguments, 1)?;
        let size = self.out.len() - 7;
        self.out
            .get_mut(3..7)?
            .copy_from_slice(&u32::try_from(size).ok()?.to_be_bytes());
        self.out.push(FRAME_END);
        (size <= FRAME_MAX as usize - 8).then_some(())
    }

    fn deliver(&mut self, values: &Deliver<'_>) -> Option<()> {
        let [exchange, routing_key] = [short_len(values.exchange)?, short_len(values.routing_key)?];
        let consumer_tag = short_len(values.consumer_tag)?;
        let size = 16 + values.consumer_tag.len() + values.exchange.len() + values.routing_key.len();
        self.start(size + 8);
        self.frame(1, size)?;
        self.out.extend_from_slice(&[0, 60, 0, 60, consumer_tag]);
        self.out.extend_from_slice(values.consumer_tag.as_bytes());
        let [t0, t1, t2, t3, t4, t5, t6, t7] = values.delivery_tag.to_be_bytes();
        let redelivered = u8::from(values.redelivered);
        self.out
            .extend_from_slice(&[t0, t1, t2, t3, t4, t5, t6, t7, redelivered, exchange]);
        self.out.extend_from_slice(values.exchange.as_bytes());
        self.out.push(routing_key);
        self.out.extend_from_slice(values.routing_key.as_bytes());
        self.out.push(FRAME_END);
        Some(())
    }
}

/// Writes a table in place: its length is filled in when it is known.
fn write_table(out: &mut Vec<u8>, entries: Table<'_>, depth: usize) -> Option<()> {
    #[inline]
    fn tagged<const N: usize, const M: usize>(out: &mut Vec<u8>, tag: u8, octets: [u8; N]) {
        let mut both = [tag; M];
        both[1..].copy_from_slice(&octets);
        out.extend_from_slice(&both);
    }
    if depth > MAX_DEPTH {
        return None;
    }
    let start = out.len();
    out.extend_from_slice(&[0; 4]);
    for (name, value) in entries {
        out.push(short_len(name)?);
        out.extend_from_slice(name.as_bytes());
        match *value {
            Value::Bool(value) => tagged::<1, 2>(out, b't', [u8::from(value)]),
            Value::Int(value) => tagged::<4, 5>(out, b'I', value.to_be_bytes()),
            Value::Long(value) => tagged::<8, 9>(out, b'l', value.to_be_bytes()),
            Value::Double(value) => tagged::<8, 9>(out, b'd', value.to_be_bytes()),
            Value::Timestamp(value) => tagged::<8, 9>(out, b'T', value.to_be_bytes()),
            Value::Text(value) => {
                tagged::<4, 5>(out, b'S', u32::try_from(value.len()).ok()?.to_be_bytes());
                out.extend_from_slice(value.as_bytes());
            }
            Value::Table(inner) => {
                out.push(b'F');
                write_table(out, inner, depth + 1)?;
            }
        }
    }
    let size = u32::try_from(out.len() - start - 4).ok()?;
    out.get_mut(start..start + 4)?
        .copy_from_slice(&size.to_be_bytes());
    Some(())
}

impl Codec for Floor {
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
        self.out.clear();
        write_table(&mut self.out, entries, 1).expect("values that fit");
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
        let (entries, _) = table(input).expect("a sound table");
        read_table(entries, sum).expect("a sound table");
    }
}
