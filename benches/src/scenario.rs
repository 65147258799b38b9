//! The cases: each scenario, encoded and decoded, by each codec; and the proof that all of them do the same.

use std::hint::black_box;

use crate::values::{self, DECLARE, DELIVER, PUBLISH, TABLE};
use crate::{AmqProtocol, AmqpSerde, Codec, Floor, Light, Ours, OursAny, Sum, Thorough};

/// The codecs, in the order of the table.
pub const VARIANTS: [&str; 4] = ["ours", "amq-protocol", "amqp_serde", "floor"];

/// What goes over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// basic.publish, a header with three properties, a body of 16 octets.
    Publish,
    /// queue.declare with a table of five entries.
    Declare,
    /// basic.deliver.
    Deliver,
    /// A table of thirty entries, nested three deep.
    Table,
}

impl Scenario {
    /// As it is called in the report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Publish => "basic.publish, header, body",
            Self::Declare => "queue.declare, 5 arguments",
            Self::Deliver => "basic.deliver",
            Self::Table => "table of 30 entries, nested",
        }
    }
}

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Octets in, every field read; ours knows which method comes.
    Decode,
    /// The same, but ours decodes the enum over all methods.
    DecodeAny,
    /// Values in, octets in a buffer that is kept.
    Encode,
}

/// A scenario in one direction: for each variant, what does it so many times.
pub struct Case {
    /// What goes over the wire.
    pub scenario: Scenario,
    /// Which way.
    pub direction: Direction,
    /// In the order of [`VARIANTS`].
    pub run: [Box<dyn FnMut(u64)>; 4],
}

macro_rules! decode {
    ($codec:ty, $function:ident, $input:expr) => {{
        let input: Vec<u8> = $input;
        Box::new(move |times: u64| {
            for _ in 0..times {
                let mut sum = Light::default();
                <$codec>::$function(black_box(&input), &mut sum);
                black_box(sum.total());
            }
        }) as Box<dyn FnMut(u64)>
    }};
}

macro_rules! encode {
    ($codec:ty, $function:ident, $values:expr) => {{
        let mut codec = <$codec>::default();
        Box::new(move |times: u64| {
            for _ in 0..times {
                black_box(codec.$function(black_box(&$values)));
            }
        }) as Box<dyn FnMut(u64)>
    }};
}

/// All cases.
pub fn cases() -> Vec<Case> {
    macro_rules! any {
        ($scenario:ident, $encode:ident, $decode:ident, $values:expr) => {{
            let octets = || Floor::default().$encode(&$values).to_vec();
            Case {
                scenario: Scenario::$scenario,
                direction: Direction::DecodeAny,
                run: [
                    decode!(OursAny, $decode, octets()),
                    decode!(AmqProtocol, $decode, octets()),
                    decode!(AmqpSerde, $decode, octets()),
                    decode!(Floor, $decode, octets()),
                ],
            }
        }};
    }
    macro_rules! case {
        ($scenario:ident, $encode:ident, $decode:ident, $values:expr) => {{
            let octets = || Floor::default().$encode(&$values).to_vec();
            [
                Case {
                    scenario: Scenario::$scenario,
                    direction: Direction::Decode,
                    run: [
                        decode!(Ours, $decode, octets()),
                        decode!(AmqProtocol, $decode, octets()),
                        decode!(AmqpSerde, $decode, octets()),
                        decode!(Floor, $decode, octets()),
                    ],
                },
                Case {
                    scenario: Scenario::$scenario,
                    direction: Direction::Encode,
                    run: [
                        encode!(Ours, $encode, $values),
                        encode!(AmqProtocol, $encode, $values),
                        encode!(AmqpSerde, $encode, $values),
                        encode!(Floor, $encode, $values),
                    ],
                },
            ]
        }};
    }
    [
        case!(Publish, encode_publish, decode_publish, PUBLISH),
        case!(Declare, encode_declare, decode_declare, DECLARE),
        case!(Deliver, encode_deliver, decode_deliver, DELIVER),
        case!(Table, encode_table, decode_table, TABLE),
    ]
    .into_iter()
    .flatten()
    .chain([
        any!(Publish, encode_publish, decode_publish, PUBLISH),
        any!(Declare, encode_declare, decode_declare, DECLARE),
        any!(Deliver, encode_deliver, decode_deliver, DELIVER),
    ])
    .collect()
}

/// Lets every codec decode what every codec has encoded, twice, and compares the checksums over all octets with those
/// of the values.
///
/// # Panics
///
/// When two differ.
pub fn verify() {
    fn total(add: impl FnOnce(&mut Thorough)) -> u64 {
        let mut sum = Thorough::default();
        add(&mut sum);
        sum.total()
    }
    macro_rules! verify {
        ($encode:ident, $decode:ident, $values:expr, $sum:expr) => {{
            let expected = total($sum);
            let mut outputs: Vec<Vec<u8>> = Vec::new();
            let mut first = Ours::default();
            first.$encode(&$values);
            outputs.push(first.$encode(&$values).to_vec());
            outputs.push(AmqProtocol::default().$encode(&$values).to_vec());
            outputs.push(AmqpSerde::default().$encode(&$values).to_vec());
            outputs.push(Floor::default().$encode(&$values).to_vec());
            assert_eq!(outputs[0], outputs[3], "ours and the floor write the same octets");
            for (writer, octets) in VARIANTS.iter().zip(&outputs) {
                assert_eq!(octets.len(), outputs[0].len(), "{writer}");
                let totals = [
                    total(|sum| Ours::$decode(octets, sum)),
                    total(|sum| AmqProtocol::$decode(octets, sum)),
                    total(|sum| AmqpSerde::$decode(octets, sum)),
                    total(|sum| Floor::$decode(octets, sum)),
                ];
                for (reader, total) in VARIANTS.iter().zip(totals) {
                    assert_eq!(
                        total, expected,
                        "{reader} reads something else in what {writer} wrote"
                    );
                }
            }
        }};
    }
    verify!(encode_publish, decode_publish, PUBLISH, |sum| PUBLISH.sum(sum));
    verify!(encode_declare, decode_declare, DECLARE, |sum| DECLARE.sum(sum));
    verify!(encode_deliver, decode_deliver, DELIVER, |sum| DELIVER.sum(sum));
    let any = [
        (
            total(|sum| PUBLISH.sum(sum)),
            total(|sum| {
                OursAny::decode_publish(Ours::default().encode_publish(&PUBLISH), sum);
            }),
        ),
        (
            total(|sum| DECLARE.sum(sum)),
            total(|sum| {
                OursAny::decode_declare(Ours::default().encode_declare(&DECLARE), sum);
            }),
        ),
        (
            total(|sum| DELIVER.sum(sum)),
            total(|sum| {
                OursAny::decode_deliver(Ours::default().encode_deliver(&DELIVER), sum);
            }),
        ),
    ];
    for (expected, found) in any {
        assert_eq!(expected, found, "through the enum over all methods");
    }
    verify!(encode_table, decode_table, TABLE, |sum| values::table_sum(
        TABLE, sum
    ));
}
