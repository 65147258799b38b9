//! No input makes the library panic or take long: cut-off, altered and oversized specifications.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use amqp_codegen::{Options, Source, emit, format, load, xml};

use crate::support::source;

/// How many altered copies of each of our files are loaded.
const COPIES: u64 = 150;

/// Far above what a sound file takes, even without optimisation on a busy machine.
const LONG: Duration = Duration::from_secs(30);

const SMALL: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!-- größer -->
<amqp major="0" minor="9" revision="1" port="5672" comment="&lt;x&gt;">
  <constant name="not-found" value="404" class="soft-error"/>
  <domain name="path" type="shortstr"><assert check="notnull"/></domain>
  <class name="echo" handler="channel" index="200" label="echoes">
    <doc type="grammar"><![CDATA[echo = C:SAY & S:SAID]]></doc>
    <field name="kind" domain="path"/>
    <method name="say" synchronous="1" index="10">
      <chassis name="server" implement="MUST"/><response name="said"/>
      <field name="text" domain="path"><doc>Text, &#252;ber all.</doc></field>
      <field name="loud" type="bit"/>
    </method>
    <method name="said" index="11"><chassis name="client" implement="MUST"/></method>
  </class>
</amqp>
"#;

/// Loads octets as the program does, and generates when they are sound; says whether they were.
fn survives(octets: &[u8]) -> bool {
    let Ok(text) = xml::decode("input.xml", octets) else {
        return false;
    };
    let source = Source {
        name: "input.xml",
        text,
    };
    // As an overlay on something sound as well.
    let base = Source {
        name: "base.xml",
        text: SMALL,
    };
    let _ = load(&base, &[source]);
    load(&source, &[]).is_ok()
}

#[test]
fn every_prefix_is_survived() {
    assert!(survives(SMALL.as_bytes()));
    let sound = (0..SMALL.len())
        .filter(|len| survives(&SMALL.as_bytes()[..*len]))
        .count();
    assert_eq!(sound, 1, "all but the last line's end");
}

#[test]
fn every_octet_changed_is_survived() {
    let mut octets = SMALL.as_bytes().to_vec();
    for index in 0..octets.len() {
        for value in [0, b'"', b'<', b'&', b'0', 0xff] {
            let old = std::mem::replace(&mut octets[index], value);
            survives(&octets);
            octets[index] = old;
        }
    }
}

/// xorshift64*: the same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33;
        number as usize % limit
    }
}

/// Changes some octets, or copies, moves or drops a piece.
fn alter(octets: &mut Vec<u8>, random: &mut Random) {
    const OCTETS: &[u8] = b"<>\"'&/=! \n-0159abst\0\xc3\xff";
    for _ in 0..=random.below(4) {
        let at = random.below(octets.len());
        let to = (at + random.below(200)).min(octets.len());
        match random.below(5) {
            0 | 1 => octets[at] = OCTETS[random.below(OCTETS.len())],
            2 => {
                octets.drain(at..to);
            }
            3 => {
                let piece = octets[at..to].to_vec();
                let other = random.below(octets.len());
                octets.splice(other..other, piece);
            }
            _ => octets.insert(at, OCTETS[random.below(OCTETS.len())]),
        }
    }
}

#[test]
fn altered_copies_of_our_files_are_survived() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let (mut copies, mut sound, mut slowest) = (0, 0, Duration::ZERO);
    for file in [
        amqp_spec::AMQP_0_9_1,
        amqp_spec::RABBITMQ,
        amqp_spec::AMQP_0_8,
        amqp_spec::RABBITMQ_0_8,
    ] {
        for _ in 0..COPIES {
            let mut octets = file.text.as_bytes().to_vec();
            alter(&mut octets, &mut random);
            let began = Instant::now();
            sound += u32::from(survives(&octets));
            slowest = slowest.max(began.elapsed());
            copies += 1;
        }
    }
    println!("{copies} altered copies, {sound} of them still sound, the slowest took {slowest:?}");
    assert!(slowest < LONG, "{slowest:?}");
    assert!(sound > 0 && sound < copies);
}

/// A sound altered copy still generates: what resolves can be emitted.
#[test]
fn what_resolves_can_be_emitted() {
    let mut random = Random(0x0123_4567_89ab_cdef);
    let mut emitted = 0;
    while emitted < 20 {
        let mut octets = SMALL.as_bytes().to_vec();
        alter(&mut octets, &mut random);
        let Ok(text) = xml::decode("input.xml", &octets) else {
            continue;
        };
        let source = Source {
            name: "input.xml",
            text,
        };
        if let Ok(protocol) = load(&source, &[]) {
            let bindings = emit::emit(
                &protocol,
                Options {
                    serde: true,
                    proptest: true,
                },
            );
            assert!(!format::single(&bindings, &protocol.sources).is_empty());
            emitted += 1;
        }
    }
}

/// As many parts of a kind as the size limit allows.
fn crowded(begin: &str, part: impl Fn(usize) -> String, end: &str) -> String {
    let mut text = String::from(begin);
    for number in 0.. {
        let part = part(number);
        if text.len() + part.len() + end.len() > xml::MAX_OCTETS {
            break;
        }
        text.push_str(&part);
    }
    text.push_str(end);
    text
}

#[test]
fn the_largest_files_do_not_take_long() {
    let begin = "<amqp major=\"0\" minor=\"9\">";
    let class = format!("{begin}<class name=\"a\" index=\"1\">");
    let chain = |next: fn(usize) -> usize| {
        move |number: usize| format!("<domain name=\"d{number}\" type=\"d{}\"/>", next(number))
    };
    let files = [
        (
            "one chain of domains",
            crowded(begin, chain(|number| number + 1), "</amqp>"),
        ),
        (
            "one cycle of domains",
            crowded(begin, chain(|number| (number + 1) % 10_000), "</amqp>"),
        ),
        (
            "methods without anything",
            crowded(
                &class,
                |number| format!("<method name=\"m{number}\"/>"),
                "</class></amqp>",
            ),
        ),
        (
            "responses to nowhere",
            crowded(
                &class,
                |number| format!("<method name=\"m{number}\"><response name=\"n\"/></method>"),
                "</class></amqp>",
            ),
        ),
        (
            "the same constant",
            crowded(
                begin,
                |_| "<constant name=\"a\" value=\"1\"/>".to_owned(),
                "</amqp>",
            ),
        ),
        (
            "unknown elements",
            crowded(begin, |_| "<a/>".to_owned(), "</amqp>"),
        ),
        ("open elements", crowded(begin, |_| "<a>".to_owned(), "")),
        ("attributes", {
            let attributes = crowded("<amqp ", |number| format!("a{number}=\"\" "), ">");
            attributes[..attributes.len().min(xml::MAX_OCTETS / 8)].to_owned()
        }),
        (
            "references",
            crowded(&format!("{begin}<doc>"), |_| "&lt;".to_owned(), "</doc></amqp>"),
        ),
        (
            "new classes",
            crowded(begin, |number| format!("<class name=\"c{number}\"/>"), "</amqp>"),
        ),
    ];
    let base = source(&amqp_spec::AMQP_0_9_1);
    let mut times = String::new();
    for (what, text) in &files {
        let source = Source {
            name: "crowded.xml",
            text,
        };
        let began = Instant::now();
        let faults = load(&source, &[]).expect_err("none of them is sound");
        let octets = faults.to_string().len();
        let alone = began.elapsed();
        let _ = load(&base, &[source]);
        let both = began.elapsed();
        let _ = writeln!(
            times,
            "{what}: {alone:?}, {both:?} with an overlay; {octets} octets of messages"
        );
        assert!(both < LONG, "{times}");
        assert!(octets < 64 * xml::MAX_OCTETS, "{times}");
    }
    print!("{times}");
}
