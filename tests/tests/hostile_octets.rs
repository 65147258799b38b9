//! Octets that were valid once: altered, cut off, extended, crowded with lengths that lie. Nothing panics, decoding allocates
//! nothing, and owning what was decoded allocates no more than the input has. The fuzz targets run here on the same inputs.

#[path = "../../fuzz/src/lib.rs"]
#[allow(unreachable_pub, reason = "it is the library of another package")]
mod targets;

use allocation_counter::measure;
use amqp_protocol::content::ContentHeader;
use amqp_protocol::frame::{self, FrameType, RawFrame};
use amqp_protocol::{
    ChannelId, Decode, DecodeError, Encode, FieldTable, IntoOwned, Reader, Writer, v0_8, v0_9_1,
};
use proptest::prelude::any;
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, TestRunner};

/// How many inputs each test has: 20480, or in proportion to `PROPTEST_CASES`, whose default is 256.
fn inputs() -> usize {
    Config::default().cases as usize * 80
}
/// Where the pseudo-random numbers begin.
const SEED: u64 = 0x0009_0001_0000_0008;

/// Pseudo-random numbers: xorshift of 64 bits.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn octets(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }

    /// Damages octets in one to four ways.
    fn damage(&mut self, octets: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(octets.len());
            match self.below(7) {
                0 => octets.truncate(at),
                1 => octets.extend(self.octets(at % 9)),
                2 => octets.splice(at..at, [0xFF; 4]).for_each(drop),
                3 => octets
                    .splice(at..(at + 4).min(octets.len()), [0, 0, 0xFF, 0xFF])
                    .for_each(drop),
                4 => octets.extend_from_within(at..),
                5 => octets
                    .iter_mut()
                    .skip(at)
                    .take(1)
                    .for_each(|octet| *octet ^= 1 << (at % 8)),
                _ => {
                    let octet = self.next() as u8;
                    octets.iter_mut().skip(at).take(1).for_each(|old| *old = octet);
                }
            }
        }
    }
}

fn octets(value: &impl Encode) -> Vec<u8> {
    let mut octets = Vec::new();
    value.encode(&mut Writer::new(&mut octets));
    octets
}

/// A few values of each strategy, encoded; the same in every run.
fn encoded<T: Encode>(strategies: Vec<impl Strategy<Value = T>>) -> Vec<Vec<u8>> {
    let mut runner = TestRunner::deterministic();
    let draws = strategies
        .iter()
        .flat_map(|strategy| std::iter::repeat_n(strategy, 8));
    draws
        .map(|strategy| octets(&strategy.new_tree(&mut runner).expect("it has values").current()))
        .collect()
}

/// Runs `check` on the seeds as they are, on damaged ones, and on octets that were never valid.
fn on_hostile_octets(name: &str, seeds: &[Vec<u8>], check: impl Fn(&[u8])) {
    let mut random = Random(SEED);
    seeds.iter().for_each(|seed| check(seed));
    for index in 0..inputs() {
        let input = if index % 8 == 0 {
            let len = random.below(64);
            random.octets(len)
        } else {
            let mut input = seeds[random.below(seeds.len())].clone();
            random.damage(&mut input);
            input
        };
        check(&input);
    }
    println!("{name}: {} inputs, seed {SEED:#x}", seeds.len() + inputs());
}

/// Decoding allocates nothing; what it yields is owned within as many octets as the input has.
fn within_its_size<'a, T: IntoOwned>(
    input: &'a [u8],
    decode: impl Fn(&mut Reader<'a>) -> Result<T, DecodeError>,
) {
    let mut decoded = None;
    let decoding = measure(|| decoded = Some(decode(&mut Reader::new(input))));
    assert_eq!(decoding.count_total, 0, "{input:02x?}");
    if let Some(Ok(value)) = decoded {
        let mut owned = None;
        let owning = measure(|| owned = Some(value.into_owned()));
        assert!(
            owning.bytes_max <= input.len() as u64,
            "{owning:?} for {input:02x?}"
        );
    }
}

/// Frames of all eight types in turn, three in a row; the four that 0-8 alone has are refused.
fn frames(payloads: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let frame = |(octet, payload): (u8, &Vec<u8>)| {
        if octet == FrameType::Heartbeat as u8 {
            return frame::HEARTBEAT.to_vec();
        }
        let mut start = frame::start(FrameType::Method, ChannelId(1), payload.len() as u32);
        start[0] = octet;
        [&start[..], payload, &[frame::END]].concat()
    };
    let frames: Vec<Vec<u8>> = (1..=8).cycle().zip(payloads).map(frame).collect();
    frames.chunks(3).map(<[_]>::concat).collect()
}

#[test]
fn methods_of_0_9_1() {
    on_hostile_octets(
        "methods of 0-9-1",
        &encoded(v0_9_1::Method::strategies()),
        |input| {
            within_its_size(input, v0_9_1::Method::decode);
            targets::methods_0_9_1(input);
        },
    );
}

#[test]
fn methods_of_0_8() {
    on_hostile_octets("methods of 0-8", &encoded(v0_8::Method::strategies()), |input| {
        within_its_size(input, v0_8::Method::decode);
        targets::methods_0_8(input);
    });
}

#[test]
fn properties() {
    let seeds = [
        encoded(v0_9_1::ContentProperties::strategies()),
        encoded(v0_8::ContentProperties::strategies()),
    ]
    .concat();
    on_hostile_octets("properties", &seeds, |input| {
        for class_id in [60, 70, 80, 110, 120] {
            within_its_size(input, |reader| {
                v0_9_1::ContentProperties::decode(class_id, reader)
            });
            within_its_size(input, |reader| v0_8::ContentProperties::decode(class_id, reader));
        }
        targets::properties(input);
    });
}

#[test]
fn content_headers() {
    let headers = any::<ContentHeader<v0_9_1::basic::Properties<'static>>>();
    on_hostile_octets("content headers", &encoded(vec![headers; 16]), |input| {
        within_its_size(input, ContentHeader::<v0_9_1::basic::Properties<'_>>::decode);
    });
}

#[test]
fn tables() {
    on_hostile_octets(
        "tables",
        &encoded(vec![any::<FieldTable<'static>>(); 64]),
        |input| {
            within_its_size(input, FieldTable::decode);
            targets::tables(input);
        },
    );
}

#[test]
fn frame_envelopes() {
    let seeds = frames(&encoded(v0_9_1::Method::strategies()));
    on_hostile_octets("frames", &seeds, |input| {
        let parsing = measure(|| {
            let _ = RawFrame::parse(input, 0);
            let _ = RawFrame::parse(input, 4096);
        });
        assert_eq!(parsing.count_total, 0);
        targets::frames(input);
    });
}

/// The measure itself measures.
#[test]
fn allocations_are_seen() {
    let seen = measure(|| drop(std::hint::black_box(vec![0_u8; 1000])));
    assert_eq!((seen.count_total, seen.bytes_max), (1, 1000));
}
