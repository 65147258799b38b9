//! `wire dissect`: captures of one direction, sound and broken.

use std::fs;
use std::path::PathBuf;

use crate::program::{Run, run};

/// A frame of this type, channel and payload.
fn frame(frame_type: u8, channel: u8, payload: &[u8]) -> Vec<u8> {
    let size = payload.len() as u32;
    [
        &[frame_type, 0, channel][..],
        &size.to_be_bytes(),
        payload,
        &[0xCE],
    ]
    .concat()
}

/// connection.start of a version, with an empty table and two empty strings.
fn start(major: u8, minor: u8) -> Vec<u8> {
    let payload = [&[0, 10, 0, 10, major, minor][..], &[0; 12]].concat();
    frame(1, 0, &payload)
}

/// A file of this test alone, gone with it.
struct Capture(PathBuf);

impl Capture {
    fn new(name: &str, octets: &[u8]) -> Self {
        let path = std::env::temp_dir().join(format!("wire-{}-{name}", std::process::id()));
        fs::write(&path, octets).expect("the folder of temporary files can be written to");
        Self(path)
    }
}

impl Drop for Capture {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn dissect(name: &str, args: &[&str], octets: &[u8]) -> Run {
    let capture = Capture::new(name, octets);
    let path = capture.0.to_str().expect("the path is UTF-8");
    run(&[&["dissect"], args, &[path]].concat(), b"")
}

const ACK: [u8; 13] = [0, 60, 0, 80, 0, 0, 0, 0, 0, 0, 0, 7, 0];
const ACK_LINE: &str = r#"{"type":"method","channel":1,"class":"basic","method":"ack","arguments":{"delivery_tag":7,"multiple":false}}"#;
/// connection.redirect of 0-8, where 0-9-1 has close.
const ID_10_50: [u8; 6] = [0, 10, 0, 50, 0, 0];
const REDIRECT_LINE: &str = r#"{"type":"method","channel":0,"class":"connection","method":"redirect","arguments":{"host":"","known_hosts":""}}"#;

#[test]
fn a_line_for_each_frame() {
    let header = [&[0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0x10, 0][..], &[2]].concat();
    let octets = [
        b"AMQP\x00\x00\x09\x01".to_vec(),
        frame(1, 1, &ACK),
        frame(2, 1, &header),
        frame(3, 1, b"hello"),
        frame(3, 2, b""),
        frame(8, 0, b""),
    ]
    .concat();
    let expected = [
        r#"{"type":"protocol-header","octets":"00000901","version":"0-9-1"}"#,
        ACK_LINE,
        r#"{"type":"header","channel":1,"class":"basic","body_size":5,"properties":{"delivery_mode":2}}"#,
        r#"{"type":"body","channel":1,"size":5}"#,
        r#"{"type":"body","channel":2,"size":0}"#,
        r#"{"type":"heartbeat"}"#,
    ];
    for args in [&[][..], &["--protocol", "auto"], &["--protocol", "0-9-1"]] {
        let run = dissect("frames", args, &octets);
        assert_eq!(run.lines, expected);
        assert_eq!(run.status, Some(0));
    }
    assert_eq!(dissect("empty", &[], b"").lines, [""; 0]);
}

#[test]
fn the_header_names_the_revision() {
    for (octets, version, is_0_8) in [
        ("01010800", r#""0-8""#, true),
        ("01010901", r#""0-8""#, true),
        ("01010009", r#""0-9-1""#, false),
        ("00000901", r#""0-9-1""#, false),
        ("03010000", "null", false),
        ("0101000a", "null", false),
    ] {
        let header: Vec<u8> = (0..8)
            .step_by(2)
            .map(|at| u8::from_str_radix(&octets[at..at + 2], 16).unwrap())
            .collect();
        let run = dissect(
            octets,
            &[],
            &[b"AMQP", &header[..], &frame(1, 0, &ID_10_50)].concat(),
        );
        let line = format!(r#"{{"type":"protocol-header","octets":"{octets}","version":{version}}}"#);
        assert_eq!(run.lines[0], line);
        assert_eq!(run.lines[1] == REDIRECT_LINE, is_0_8, "{run:?}");
    }
}

#[test]
fn without_a_header_the_start_names_the_revision() {
    let redirect = frame(1, 0, &ID_10_50);
    let old = dissect("start-0-8", &[], &[start(8, 0), redirect.clone()].concat());
    assert_eq!(old.lines[1], REDIRECT_LINE);
    let new = dissect("start-0-9", &[], &[start(0, 9), redirect.clone()].concat());
    assert_eq!(new.status, Some(1), "{new:?}");
    let neither = dissect("no-start", &[], &redirect);
    assert_eq!(neither.status, Some(1), "{neither:?}");
    // What is asked for counts more than what the file says.
    let told = dissect("told", &["--protocol", "0-8"], &[start(0, 9), redirect].concat());
    assert_eq!(told.lines[1], REDIRECT_LINE);
}

#[test]
fn a_payload_at_fault_is_passed_over() {
    let octets = [
        frame(1, 3, &[0, 50, 0xFF, 0xFF]),
        frame(1, 1, &ACK[..12]),
        frame(2, 4, &[0, 50, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        frame(2, 4, &[0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9]),
        frame(8, 0, b"x"),
        frame(8, 9, b""),
        frame(5, 1, b""),
        frame(200, 1, b"abc"),
        frame(1, 1, &ACK),
    ]
    .concat();
    let run = dissect("payloads", &[], &octets);
    assert_eq!(
        run.lines,
        [
            r#"{"error":{"kind":"unknown_method","offset":4,"context":"method","channel":3,"frame":"method"}}"#,
            r#"{"error":{"kind":"unexpected_end","offset":12,"context":"basic.ack.multiple","channel":1,"frame":"method"}}"#,
            r#"{"error":{"kind":"unknown_class","offset":12,"context":"header","channel":4,"frame":"header"}}"#,
            r#"{"error":{"kind":"trailing_octets","offset":14,"context":"basic.properties","channel":4,"frame":"header"}}"#,
            r#"{"error":{"kind":"heartbeat_not_empty","offset":0,"context":"frame.size","channel":0,"frame":"heartbeat"}}"#,
            r#"{"error":{"kind":"heartbeat_on_channel","offset":0,"context":"frame.channel","channel":9,"frame":"heartbeat"}}"#,
            r#"{"error":{"kind":"unsupported_frame_type","offset":0,"context":"frame.type","channel":1,"frame":5}}"#,
            r#"{"error":{"kind":"unknown_frame_type","offset":0,"context":"frame.type","channel":1,"frame":200}}"#,
            ACK_LINE,
        ]
    );
    assert_eq!(run.status, Some(1));
}

#[test]
fn a_broken_envelope_ends_with_its_place_in_the_file() {
    let whole = frame(1, 1, &ACK);
    let mut bad_end = whole.clone();
    bad_end[20] = 0;
    let after = |broken: &[u8]| [&whole, broken, &whole].concat();
    for (name, octets, error) in [
        (
            "end",
            after(&bad_end),
            r#"{"error":{"kind":"bad_frame_end","offset":41,"context":"frame.end"}}"#,
        ),
        (
            "type",
            after(b"HTTP/1.1"),
            r#"{"error":{"kind":"unknown_frame_type","offset":21,"context":"frame.type"}}"#,
        ),
        (
            "size",
            after(&[1, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF]),
            r#"{"error":{"kind":"unexpected_end","offset":21,"context":"frame"}}"#,
        ),
        (
            "cut",
            [&whole[..], &whole[..20]].concat(),
            r#"{"error":{"kind":"unexpected_end","offset":21,"context":"frame"}}"#,
        ),
        (
            "start",
            [&whole[..], &whole[..3]].concat(),
            r#"{"error":{"kind":"unexpected_end","offset":21,"context":"frame"}}"#,
        ),
    ] {
        let run = dissect(name, &[], &octets);
        assert_eq!(run.lines, [ACK_LINE, error]);
        assert_eq!(run.status, Some(1));
    }
    for (octets, error) in [
        (
            &b"AMQ"[..],
            r#"{"error":{"kind":"unexpected_end","offset":0,"context":"protocol_header"}}"#,
        ),
        (
            b"AMPQ\0\0\x09\x01",
            r#"{"error":{"kind":"unknown_frame_type","offset":0,"context":"frame.type"}}"#,
        ),
    ] {
        assert_eq!(dissect("header", &[], octets).lines, [error]);
    }
}

#[test]
fn a_frame_may_have_the_type_octet_that_a_protocol_header_begins_with() {
    let octets = [frame(b'A', 1, b"abc"), frame(1, 1, &ACK)].concat();
    assert_eq!(
        dissect("letter", &[], &octets).lines,
        [
            r#"{"error":{"kind":"unknown_frame_type","offset":0,"context":"frame.type","channel":1,"frame":65}}"#,
            ACK_LINE,
        ]
    );
}
