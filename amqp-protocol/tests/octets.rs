//! Octets written down by hand from the standard, for what a generator that agrees with itself would not notice: the
//! order of bits and fields, widths, property flags, ids.
#![forbid(unsafe_code)]
#![cfg(feature = "v0-9-1")]

use amqp_protocol::v0_9_1::{ContentProperties, Method, basic, connection, exchange, queue};
use amqp_protocol::{Decode, DeliveryTag, Encode, FieldTable, Reader, ShortStr, Writer};

fn short(text: &'static str) -> ShortStr<'static> {
    ShortStr::try_from(text).expect("short enough")
}

/// The method has these octets and no others, whole, octet by octet, and before a tail.
fn is(method: impl Into<Method<'static>>, parts: &[&[u8]]) {
    let (method, octets) = (method.into(), parts.concat());
    let mut written = Vec::new();
    method.encode(&mut Writer::new(&mut written));
    assert_eq!(written, octets, "{method:?}");
    assert_eq!(method.encoded_len(), octets.len());
    for len in 0..octets.len() {
        let cut = octets.get(..len).expect("inside");
        assert!(Method::decode(&mut Reader::new(cut)).is_err(), "{len} octets");
    }
    let tailed = [&octets[..], &[0xce]].concat();
    let mut reader = Reader::new(&tailed);
    assert_eq!(Method::decode(&mut reader), Ok(method));
    assert_eq!(reader.remaining(), [0xce]);
}

#[test]
fn the_first_bit_is_the_lowest() {
    let declare = |bits: u8| queue::Declare {
        queue: short("q"),
        passive: bits & 1 != 0,
        durable: bits & 2 != 0,
        exclusive: bits & 4 != 0,
        auto_delete: bits & 8 != 0,
        no_wait: bits & 16 != 0,
        arguments: FieldTable::default(),
    };
    for bits in 0..32 {
        is(
            declare(bits),
            &[&[0, 50, 0, 10, 0, 0], b"\x01q", &[bits], &[0, 0, 0, 0]],
        );
    }
}

#[test]
fn fields_stand_in_their_order() {
    let deliver = basic::Deliver {
        consumer_tag: short("tag"),
        delivery_tag: DeliveryTag(0x0102_0304_0506_0708),
        redelivered: true,
        exchange: short("ex"),
        routing_key: short("key"),
    };
    is(
        deliver,
        &[
            &[0, 60, 0, 60],
            b"\x03tag",
            &[1, 2, 3, 4, 5, 6, 7, 8],
            &[1],
            b"\x02ex",
            b"\x03key",
        ],
    );
}

#[test]
fn numbers_have_their_widths() {
    let tune = connection::Tune {
        channel_max: 0x0102,
        frame_max: 0x0304_0506,
        heartbeat: 0x0708,
    };
    is(tune, &[&[0, 10, 0, 30], &[1, 2], &[3, 4, 5, 6], &[7, 8]]);
    let qos = basic::Qos {
        prefetch_size: 0x0102_0304,
        prefetch_count: 0x0506,
        global: true,
    };
    is(qos, &[&[0, 60, 0, 10], &[1, 2, 3, 4], &[5, 6], &[1]]);
}

#[test]
fn unbind_ok_of_exchanges_is_51() {
    is(exchange::UnbindOk {}, &[&[0, 40, 0, 51]]);
    is(exchange::BindOk {}, &[&[0, 40, 0, 31]]);
    is(queue::UnbindOk {}, &[&[0, 50, 0, 51]]);
}

#[test]
fn the_first_property_has_the_highest_flag() {
    let of = |set: fn(&mut basic::Properties<'static>)| {
        let mut properties = basic::Properties::default();
        set(&mut properties);
        properties
    };
    for (properties, octets) in [
        (of(|_| {}), &[0, 0][..]),
        (of(|p| p.content_type = Some(short("t"))), b"\x80\x00\x01t"),
        (
            of(|p| p.headers = Some(FieldTable::default())),
            b"\x20\x00\x00\x00\x00\x00",
        ),
        (of(|p| p.delivery_mode = Some(2)), b"\x10\x00\x02"),
        (of(|p| p.priority = Some(9)), b"\x08\x00\x09"),
        (
            of(|p| p.timestamp = Some(0x0102_0304_0506_0708)),
            b"\x00\x40\x01\x02\x03\x04\x05\x06\x07\x08",
        ),
        (of(|p| p.reserved = Some(short("c"))), b"\x00\x04\x01c"),
    ] {
        let mut written = Vec::new();
        properties.encode(&mut Writer::new(&mut written));
        assert_eq!(written, octets, "{properties:?}");
        let decoded = ContentProperties::decode(basic::CLASS_ID, &mut Reader::new(octets));
        assert_eq!(decoded, Ok(ContentProperties::Basic(properties)));
    }
}
