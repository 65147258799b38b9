//! Every generated method and property set of both revisions: decoded whole, from each beginning, and with a tail.

use amqp_protocol::{Decode, DecodeError, DecodeErrorKind, Encode, IntoOwned, Reader, Writer, v0_8, v0_9_1};
use proptest::arbitrary::any;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, TestRunner};

/// How many values of each: 32, and more or fewer in proportion to `PROPTEST_CASES`, whose default is 256.
fn rounds() -> u32 {
    Config::default().cases.div_ceil(256 / 32)
}

fn three_ways<T>(value: &T, decode: impl for<'r> Fn(&mut Reader<'r>) -> Result<T, DecodeError>)
where
    T: Encode + PartialEq + std::fmt::Debug,
{
    let mut octets = vec![0xAA];
    value.encode(&mut Writer::new(&mut octets));
    let octets = &octets[1..];
    assert_eq!(octets.len(), value.encoded_len());

    let mut reader = Reader::new(octets);
    assert_eq!(decode(&mut reader).as_ref(), Ok(value));
    assert_eq!(reader.finish("test"), Ok(()));

    for len in 0..octets.len() {
        let error = decode(&mut Reader::new(&octets[..len])).expect_err("a beginning is not enough");
        assert_eq!(
            error.kind,
            DecodeErrorKind::UnexpectedEnd,
            "{len} of {octets:02x?}"
        );
        assert!(error.offset <= len);
    }

    let tailed = [octets, b"tail"].concat();
    let mut reader = Reader::new(&tailed);
    assert_eq!(decode(&mut reader).as_ref(), Ok(value));
    assert_eq!(reader.remaining(), b"tail");
}

fn values<T>(strategies: Vec<impl Strategy<Value = T>>, mut check: impl FnMut(T)) -> usize {
    let mut runner = TestRunner::deterministic();
    for strategy in &strategies {
        for _ in 0..rounds() {
            check(
                strategy
                    .new_tree(&mut runner)
                    .expect("the strategy has values")
                    .current(),
            );
        }
    }
    strategies.len()
}

macro_rules! revision {
    ($methods:ident, $properties:ident, $revision:ident, $count:literal) => {
        #[test]
        fn $methods() {
            let mut ids = Vec::new();
            let count = values($revision::Method::strategies(), |method| {
                ids.push(method.id());
                three_ways(&method, |reader| {
                    $revision::Method::decode(reader).map(IntoOwned::into_owned)
                });
            });
            ids.dedup();
            assert_eq!(ids, $revision::Method::IDS);
            assert_eq!(count, $count);
        }

        #[test]
        fn $properties() {
            values($revision::ContentProperties::strategies(), |properties| {
                let class_id = properties.class_id();
                three_ways(&properties, |reader| {
                    $revision::ContentProperties::decode(class_id, reader).map(IntoOwned::into_owned)
                });
            });
        }
    };
}

revision!(methods_of_0_9_1, properties_of_0_9_1, v0_9_1, 64);
revision!(methods_of_0_8, properties_of_0_8, v0_8, 93);

#[test]
fn skipping_properties_finds_what_decoding_finds() {
    type Properties<'a> = v0_9_1::basic::Properties<'a>;
    let agree = |octets: &[u8]| {
        let (mut decoded, mut skipped) = (Reader::new(octets), Reader::new(octets));
        let expected = Properties::decode(&mut decoded).map(drop);
        assert_eq!(Properties::skip(&mut skipped), expected, "{octets:02x?}");
        assert_eq!(skipped.offset(), decoded.offset(), "{octets:02x?}");
        expected.is_ok()
    };
    let (mut sound, mut unsound) = (0, 0);
    values(vec![any::<Properties<'static>>()], |properties| {
        let mut octets = Vec::new();
        properties.encode(&mut Writer::new(&mut octets));
        assert!(agree(&octets));
        for at in 0..octets.len() {
            for flipped in [0x01, 0x80, 0xFF] {
                let mut altered = octets.clone();
                altered[at] ^= flipped;
                match agree(&altered) {
                    true => sound += 1,
                    false => unsound += 1,
                }
            }
        }
    });
    assert!(sound > 100 && unsound > 100, "{sound} and {unsound}");
}
