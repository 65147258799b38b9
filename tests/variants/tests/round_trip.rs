//! Every method and every property set of every revision: encoded, measured, decoded whole, cut off after each octet, and
//! with a tail.
#![forbid(unsafe_code)]

use std::fmt::Debug;

use amqp_protocol::{DecodeError, Encode, Reader, Writer};
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

/// What may follow in a buffer: the frame end, and the start of another frame.
const TAIL: &[u8] = &[0xce, 1, 0, 0];

/// Tries 16 values of a strategy, or in proportion to `PROPTEST_CASES`, whose default is 256; the same in every run.
fn try_values<T: Debug>(strategy: &impl Strategy<Value = T>, check: impl Fn(&T) -> Result<(), String>) {
    let mut config = Config::default();
    config.cases = config.cases.div_ceil(256 / 16);
    config.failure_persistence = None;
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let result = TestRunner::new_with_rng(config, rng)
        .run(strategy, |value| check(&value).map_err(TestCaseError::fail));
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

/// The octets of a value decode to it and to nothing else; `decode` yields owned values.
fn round_trip<T>(value: &T, decode: impl Fn(&mut Reader<'_>) -> Result<T, DecodeError>) -> Result<(), String>
where
    T: Encode + PartialEq + Debug,
{
    let octets = encoded(value);
    if value.encoded_len() != octets.len() {
        return Err(format!(
            "encoded_len {} for {} octets",
            value.encoded_len(),
            octets.len()
        ));
    }
    let expect = |octets: &[u8], tail: &[u8]| {
        let mut reader = Reader::new(octets);
        let decoded = decode(&mut reader).map_err(|error| error.to_string())?;
        if decoded != *value {
            return Err(format!("decoded to {decoded:?}"));
        }
        if reader.remaining() != tail {
            return Err(format!("leaves {:?} for {tail:?}", reader.remaining()));
        }
        if encoded(&decoded) != octets[..octets.len() - tail.len()] {
            return Err(format!("encoded again to {:?}", encoded(&decoded)));
        }
        Ok(())
    };
    expect(&octets, &[])?;
    expect(&[&octets, TAIL].concat(), TAIL)?;
    for len in 0..octets.len() {
        if let Ok(decoded) = decode(&mut Reader::new(&octets[..len])) {
            return Err(format!("{len} of {} octets decode to {decoded:?}", octets.len()));
        }
    }
    Ok(())
}

fn encoded(value: &impl Encode) -> Vec<u8> {
    let mut octets = Vec::new();
    value.encode(&mut Writer::new(&mut octets));
    octets
}

/// The tests of one revision: its module, and the counts of its specification.
macro_rules! revision {
    ($name:ident, $revision:path, $counts:expr) => {
        mod $name {
            use amqp_protocol::{Decode, IntoOwned};
            use amqp_variants::{Counts, counts};
            use $revision as revision;

            use super::{round_trip, try_values};

            #[test]
            fn every_method_and_property_set_round_trips() {
                let methods = revision::Method::strategies();
                for (strategy, id) in methods.iter().zip(revision::Method::IDS) {
                    try_values(strategy, |method| {
                        if method.id() != id {
                            return Err(format!("{} is not {id}", method.id()));
                        }
                        round_trip(method, |reader| {
                            revision::Method::decode(reader).map(IntoOwned::into_owned)
                        })
                    });
                }
                let contents = revision::ContentProperties::strategies();
                for strategy in &contents {
                    try_values(strategy, |properties| {
                        round_trip(properties, |reader| {
                            revision::ContentProperties::decode(properties.class_id(), reader)
                                .map(IntoOwned::into_owned)
                        })
                    });
                }
                let tested = Counts {
                    methods: methods.len(),
                    contents: contents.len(),
                };
                println!("{}: {tested:?}", stringify!($name));
                assert_eq!(tested, $counts);
            }
        }
    };
}

revision!(v0_8, amqp_variants::v0_8, counts::V0_8);
revision!(v0_8_qpid, amqp_variants::v0_8_qpid, counts::V0_8_QPID);
revision!(v0_9, amqp_variants::v0_9, counts::V0_9);
revision!(v0_9_qpid, amqp_variants::v0_9_qpid, counts::V0_9_QPID);
revision!(v0_9_1, amqp_variants::v0_9_1, counts::V0_9_1);
revision!(v0_9_1_qpid, amqp_variants::v0_9_1_qpid, counts::V0_9_1_QPID);
revision!(v0_9_1_rabbit, amqp_variants::v0_9_1_rabbit, counts::V0_9_1_RABBIT);
revision!(own_v0_8, amqp_protocol::v0_8, counts::OWN_V0_8);
revision!(own_v0_9_1, amqp_protocol::v0_9_1, counts::OWN_V0_9_1);
