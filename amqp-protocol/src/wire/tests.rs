//! Reader and writer octet by octet.

use super::*;
use crate::error::DecodeErrorKind;
use crate::method::MethodId;
use crate::testing::three_ways;

fn written(write: impl FnOnce(&mut Writer<'_>)) -> Vec<u8> {
    let mut octets = Vec::new();
    write(&mut Writer::new(&mut octets));
    octets
}

#[test]
fn numbers() {
    assert_eq!(three_ways(b"\xFE", |r| r.octet("x")), 0xFE);
    assert_eq!(three_ways(b"\x01\x02", |r| r.short("x")), 0x0102);
    assert_eq!(three_ways(b"\x01\x02\x03\x04", |r| r.long("x")), 0x0102_0304);
    assert_eq!(
        three_ways(b"\x01\x02\x03\x04\x05\x06\x07\x08", |r| r.longlong("x")),
        0x0102_0304_0506_0708
    );
    assert_eq!(three_ways(&[0xFF; 8], |r| r.timestamp("x")), u64::MAX);
    assert_eq!(three_ways(b"\x01\x94", |r| r.reply_code("x")), ReplyCode(404));
    assert_eq!(
        three_ways(b"\0\0\0\0\0\0\0\x07", |r| r.delivery_tag("x")),
        DeliveryTag(7)
    );
    assert_eq!(
        three_ways(b"\0\x32\0\x0A", |r| r.method_id("x")),
        MethodId {
            class: 50,
            method: 10
        }
    );
}

#[test]
fn strings_and_contents() {
    assert_eq!(
        three_ways(b"\x03abc", |r| r.shortstr("x").map(ShortStr::into_owned)),
        "abc"
    );
    assert_eq!(
        three_ways(b"\0\0\0\x02\xFF\0", |r| r.longstr("x").map(LongStr::into_bytes)),
        b"\xFF\0"
    );
    let content = three_ways(b"\x01\0\0\0\x01a", |r| r.content("x").map(Content::into_owned));
    assert_eq!(content, Content::Reference(LongStr::from_static("a")));
    assert_eq!(content.encoded_len(), 6);
    assert_eq!(written(|w| w.content(&content)), b"\x01\0\0\0\x01a");
    let error = Reader::new(b"\x02\0\0\0\0").content("x").unwrap_err();
    assert_eq!(
        (error.kind, error.offset),
        (DecodeErrorKind::UnknownContent(2), 0)
    );
}

#[test]
fn hostile_lengths_end_at_the_input() {
    let error = Reader::new(b"\xFF\xFF\xFF\xFFx")
        .longstr("connection.start.locales")
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "unexpected end of input at octet 0 in connection.start.locales"
    );
    assert!(Reader::new(b"\xFF\xFF\xFF\xFFx").table("x").is_err());
}

#[test]
fn bits_are_packed_from_the_least_significant_on() {
    assert_eq!(three_ways(b"\x05", |r| r.bits("x")), [true, false, true]);
    assert_eq!(
        three_ways(b"\xFD", |r| r.bits("x")),
        [true, false, true],
        "unused bits are ignored"
    );
    let nine = [false, true, false, false, false, false, false, true, true];
    assert_eq!(three_ways(b"\x82\x01", |r| r.bits("x")), nine);
    assert_eq!(written(|w| w.bits(nine)), b"\x82\x01");
    assert_eq!(written(|w| w.bits([true; 8])), b"\xFF");
}

/// Writes the flags as these octets, and reads them from these.
#[track_caller]
fn property_flags<const COUNT: usize>(flags: [bool; COUNT], octets: &[u8]) {
    let set = PropertyFlags::new(flags);
    assert_eq!(std::array::from_fn(|index| set.has(index)), flags);
    assert_eq!(written(|w| w.property_flags(|_| set)), octets);
    let behind = written(|w| {
        w.octet(7);
        w.property_flags(|w| {
            w.octet(8);
            set
        });
    });
    assert_eq!(behind, [b"\x07", octets, b"\x08"].concat());
    let mut one_by_one = PropertyFlags::default();
    for index in (0..COUNT).filter(|index| flags[*index]) {
        one_by_one.set(index);
    }
    assert_eq!(one_by_one, set);
    assert_eq!(set.encoded_len(), octets.len());
    assert_eq!(three_ways(octets, |r| r.property_flags::<COUNT>("x")), set);
}

#[test]
fn property_flags_of_one_word() {
    let mut flags = [false; 14];
    property_flags(flags, b"\0\0");
    (flags[0], flags[2], flags[13]) = (true, true, true);
    property_flags(flags, b"\xA0\x04");
    property_flags([true; 15], b"\xFF\xFE");
    property_flags([], b"\0\0");
    let mut one = PropertyFlags::new([true]);
    one.set(PropertyFlags::MAX);
    assert_eq!(one, PropertyFlags::new([true]));
    assert!(!one.has(usize::MAX));
}

#[test]
fn property_flags_of_several_words() {
    let mut flags = [false; 31];
    (flags[0], flags[15], flags[30]) = (true, true, true);
    property_flags(flags, b"\x80\x01\x80\x01\x80\0");
    flags[30] = false;
    // Words end at the last flag.
    property_flags(flags, b"\x80\x01\x80\0");
    property_flags([true; 60], b"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFE");
}

#[test]
fn superfluous_flag_words_survive_and_unknown_flags_do_not() {
    assert_eq!(
        three_ways(b"\x80\x01\0\x01\0\0", |r| r.property_flags::<2>("x")),
        PropertyFlags::new([true, false])
    );
    let none = three_ways(b"\0\x01\0\x01\0\x01\0\x01\0\x01\0\0", |r| {
        r.property_flags::<0>("x")
    });
    assert_eq!(none, PropertyFlags::default());
    let error = Reader::new(b"\0\x01\0\x01\0\x01\0\x01\0\x02")
        .property_flags::<60>("x")
        .unwrap_err();
    assert_eq!((error.kind, error.offset), (DecodeErrorKind::UnknownProperty, 8));
    for octets in [&b"\0\x02"[..], b"\x80\x01\x80\0", b"\xFF\xFF\0\0"] {
        let mut reader = Reader::new(octets);
        let error = reader.property_flags::<14>("basic.properties").unwrap_err();
        assert_eq!(error.kind, DecodeErrorKind::UnknownProperty);
    }
    let error = Reader::new(b"\0\x01\x80\0")
        .property_flags::<14>("x")
        .unwrap_err();
    assert_eq!(error.offset, 2, "of the word");
}
