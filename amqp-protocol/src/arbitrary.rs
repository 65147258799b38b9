//! Strategies for the hand-written types, in their `'static` form: whatever a peer may send, within a size that tests bear.

use proptest::arbitrary::Arbitrary;
use proptest::collection::{SizeRange, vec};
use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof};

use crate::content::ContentHeader;
use crate::header::ProtocolHeader;
use crate::method::MethodId;
use crate::table::{Decimal, FieldArray, FieldTable, FieldValue};
use crate::wire::{ChannelId, Content, DeliveryTag, LongStr, ReplyCode, ShortStr};

/// How deep the tables of a strategy are nested, well below [`MAX_DEPTH`](crate::table::MAX_DEPTH).
const DEPTH: u32 = 4;
/// How many entries a table or an array has at most.
const WIDTH: u32 = 6;

/// Text and octets that are no text, mostly short.
fn octets(long: impl Into<SizeRange>) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => vec(any::<char>(), 0..12).prop_map(|chars| chars.into_iter().collect::<String>().into_bytes()),
        2 => vec(any::<u8>(), 0..16),
        1 => vec(any::<u8>(), long),
    ]
}

/// Never fails: a strategy keeps within the limits, and what does not is left out.
fn fitting<T, E>(strategy: impl Strategy<Value = Result<T, E>> + 'static) -> BoxedStrategy<T>
where
    T: std::fmt::Debug + 'static,
    E: std::fmt::Debug + 'static,
{
    strategy.prop_filter_map("does not fit", Result::ok).boxed()
}

macro_rules! arbitrary {
    ($($name:ty => $strategy:expr;)*) => { $(
        impl Arbitrary for $name {
            type Parameters = ();
            type Strategy = BoxedStrategy<Self>;

            fn arbitrary_with((): ()) -> Self::Strategy {
                $strategy.boxed()
            }
        }
    )* };
}

arbitrary! {
    ReplyCode => any::<u16>().prop_map(Self);
    DeliveryTag => any::<u64>().prop_map(Self);
    ChannelId => any::<u16>().prop_map(Self);
    MethodId => any::<(u16, u16)>().prop_map(|(class, method)| Self { class, method });
    ProtocolHeader => prop_oneof![
        Just(Self::V0_8),
        Just(Self::V0_9_1),
        Just(Self::V1_0_SASL),
        any::<[u8; 4]>().prop_map(Self),
    ];
    ShortStr<'static> => fitting(octets(0..=Self::MAX).prop_map(|octets| octets.try_into()));
    LongStr<'static> => fitting(octets(0..600).prop_map(Self::try_from));
    Content<'static> => prop_oneof![
        any::<LongStr<'static>>().prop_map(Self::Inline),
        any::<LongStr<'static>>().prop_map(Self::Reference),
    ];
    Decimal => any::<(u8, u32)>().prop_map(|(scale, value)| Self { scale, value });
    FieldValue<'static> => values();
    FieldTable<'static> => table(values().boxed());
    FieldArray<'static> => array(values().boxed());
}

impl<P> Arbitrary for ContentHeader<P>
where
    P: Arbitrary + 'static,
    P::Strategy: 'static,
{
    type Parameters = ();
    type Strategy = BoxedStrategy<Self>;

    fn arbitrary_with((): ()) -> Self::Strategy {
        any::<(u64, P)>()
            .prop_map(|(body_size, properties)| Self {
                body_size,
                properties,
            })
            .boxed()
    }
}

fn table(values: BoxedStrategy<FieldValue<'static>>) -> BoxedStrategy<FieldTable<'static>> {
    fitting(vec((any::<ShortStr<'static>>(), values), 0..WIDTH as usize).prop_map(FieldTable::from_entries))
}

fn array(values: BoxedStrategy<FieldValue<'static>>) -> BoxedStrategy<FieldArray<'static>> {
    fitting(vec(values, 0..WIDTH as usize).prop_map(FieldArray::from_values))
}

/// Values of every tag; floating-point numbers of every bit pattern.
fn values() -> impl Strategy<Value = FieldValue<'static>> {
    let flat = prop_oneof![
        any::<bool>().prop_map(FieldValue::Boolean),
        any::<i8>().prop_map(FieldValue::ShortShortInt),
        any::<u8>().prop_map(FieldValue::ShortShortUint),
        any::<i16>().prop_map(FieldValue::ShortInt),
        any::<u16>().prop_map(FieldValue::ShortUint),
        any::<i32>().prop_map(FieldValue::LongInt),
        any::<u32>().prop_map(FieldValue::LongUint),
        any::<i64>().prop_map(FieldValue::LongLong),
        any::<i64>().prop_map(FieldValue::LongLongInt),
        floats(),
        any::<Decimal>().prop_map(FieldValue::Decimal),
        any::<LongStr<'static>>().prop_map(FieldValue::LongString),
        any::<u64>().prop_map(FieldValue::Timestamp),
        Just(FieldValue::Void),
        any::<LongStr<'static>>().prop_map(FieldValue::ByteArray),
    ];
    flat.prop_recursive(DEPTH, 64, WIDTH, |values| {
        prop_oneof![
            array(values.clone()).prop_map(FieldValue::Array),
            table(values).prop_map(FieldValue::Table),
        ]
    })
}

fn floats() -> impl Strategy<Value = FieldValue<'static>> {
    prop_oneof![
        any::<u32>().prop_map(|bits| FieldValue::Float(f32::from_bits(bits))),
        any::<u64>().prop_map(|bits| FieldValue::Double(f64::from_bits(bits))),
        any::<u32>().prop_map(|bits| FieldValue::Float(f32::from_bits(bits | 0x7F80_0000))),
        any::<u64>().prop_map(|bits| FieldValue::Double(f64::from_bits(bits | 0x7FF0_0000_0000_0000))),
        Just(FieldValue::Float(-0.0)),
        Just(FieldValue::Double(-0.0)),
    ]
}
