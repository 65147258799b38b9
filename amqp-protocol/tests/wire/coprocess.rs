//! The program beside another that asks and waits for each answer, and one that does not listen to its errors.

use std::io;
use std::process::{Command, Stdio};

use crate::program::{Dialogue, program};
use crate::{METHOD_0_9_1, TABLE};

#[test]
fn lines_are_answered_before_more_are_there() {
    for (command, question, answer) in [
        ("decode", "00000000", "[]"),
        ("encode", "[]", "00000000"),
        ("decode", "", ""),
    ] {
        let mut wire = Dialogue::new(&format!("{command} {TABLE}"));
        for _ in 0..3 {
            wire.send(format!("{question}\n").as_bytes());
            assert_eq!(wire.answer(), answer);
        }
        // The beginning of the next line holds nothing back.
        let (half, rest) = question.split_at(question.len() / 2);
        wire.send(format!("{question}\n{half}").as_bytes());
        assert_eq!(wire.answer(), answer);
        wire.send(format!("{rest}\n").as_bytes());
        assert_eq!(wire.answer(), answer);
    }
}

#[cfg(unix)]
#[test]
fn frames_are_printed_before_more_are_there() {
    let mut wire = Dialogue::new("dissect /dev/stdin");
    wire.send(b"AMQP\x00\x00\x09\x01");
    assert!(wire.answer().contains("protocol-header"));
    for _ in 0..3 {
        wire.send(b"\x08\0\0\0\0\0\0\xCE\x08\0\0");
        assert_eq!(wire.answer(), r#"{"type":"heartbeat"}"#);
        wire.send(b"\0\0\0\0\xCE");
        assert_eq!(wire.answer(), r#"{"type":"heartbeat"}"#);
    }
}

/// Nobody reads what is wrong: the status says it all the same.
#[test]
fn standard_error_may_be_closed() {
    let (reader, writer) = io::pipe().expect("there are pipes");
    drop(reader);
    for args in [
        "dissect no-such-file".to_owned(),
        format!("decode {METHOD_0_9_1} --class nosuch"),
    ] {
        let status = Command::new(program())
            .args(args.split(' '))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(writer.try_clone().expect("it can be had twice"))
            .status()
            .expect("the program starts");
        assert_eq!(status.code(), Some(2), "{args}");
    }
}
