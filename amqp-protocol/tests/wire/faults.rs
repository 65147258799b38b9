//! `wire decode` and `wire encode` on what is at fault: an error object in the line's place, of the right kind and place.

use crate::program::{errors, run};
use crate::{METHOD_0_9_1, PROPERTIES_0_9_1, TABLE};

#[test]
fn octets_at_fault_take_the_place_of_their_line() {
    errors(
        "decode",
        METHOD_0_9_1,
        &[
            (
                "0032000b017100000001000000",
                "unexpected_end",
                10,
                "queue.declare_ok.consumer_count",
            ),
            ("0032000b0171000000010000000000", "trailing_octets", 14, "method"),
            ("0032000b01", "unexpected_end", 4, "queue.declare_ok.queue"),
            ("0032ffff", "unknown_method", 4, "method"),
            ("ffff000a", "unknown_class", 4, "method"),
            ("003200", "unexpected_end", 0, "method"),
            // Two octets of class 30, which 0-8 alone has.
            ("001e000b0001", "unknown_class", 4, "method"),
            (
                "0032000a000001710000000003016b3f",
                "unknown_tag",
                15,
                "queue.declare.arguments",
            ),
            ("0032000b017", "bad_hex", 11, "line"),
            ("0032000b017g", "bad_hex", 11, "line"),
            ("00 32", "bad_hex", 2, "line"),
        ],
    );
    errors(
        "decode",
        PROPERTIES_0_9_1,
        &[
            ("0002", "unknown_property", 0, "basic.properties"),
            ("000000", "trailing_octets", 2, "basic.properties"),
            ("8000", "unexpected_end", 2, "basic.properties.content_type"),
        ],
    );
    errors(
        "decode",
        TABLE,
        &[
            ("0000000000", "trailing_octets", 4, "table"),
            ("00000001", "unexpected_end", 0, "table"),
            ("ffffffff00", "unexpected_end", 0, "table"),
            ("00000003016b55", "unknown_tag", 6, "table"),
            ("00000003016b49", "unexpected_end", 6, "table"),
        ],
    );
}

#[test]
fn text_at_fault_takes_the_place_of_its_line() {
    let with = |arguments: &str| {
        format!(r#"{{"class":"queue","method":"declare_ok","arguments":{{{arguments}}}}}"#).leak() as &str
    };
    errors(
        "encode",
        METHOD_0_9_1,
        &[
            (
                with(r#""queue":"q","message_count":4294967296,"consumer_count":0"#),
                "out_of_range",
                80,
                "queue.declare_ok.message_count",
            ),
            (
                with(r#""queue":"q","message_count":99999999999999999999999,"consumer_count":0"#),
                "out_of_range",
                80,
                "queue.declare_ok.message_count",
            ),
            (
                with(r#""queue":"q","message_count":-1,"consumer_count":0"#),
                "out_of_range",
                80,
                "queue.declare_ok.message_count",
            ),
            (
                with(r#""queue":"q","message_count":1.0,"consumer_count":0"#),
                "wrong_type",
                80,
                "queue.declare_ok.message_count",
            ),
            (
                with(r#""queue":"q","message_count":"1","consumer_count":0"#),
                "wrong_type",
                80,
                "queue.declare_ok.message_count",
            ),
            (
                with(r#""queue":"q","consumer_count":0"#),
                "missing_field",
                51,
                "queue.declare_ok.message_count",
            ),
            (
                with(r#""queue":"q","consumer_count":0,"message_count":1,"x":2"#),
                "unknown_field",
                101,
                "queue.declare_ok.x",
            ),
            (
                with(r#""queue":"q","consumer_count":0,"message_count":1,"message_count":2"#),
                "duplicate_field",
                101,
                "queue.declare_ok.message_count",
            ),
            (
                with(r#""queue":null,"consumer_count":0,"message_count":1"#),
                "wrong_type",
                60,
                "queue.declare_ok.queue",
            ),
            (
                with(r#""queue":{"hex":"f"},"consumer_count":0,"message_count":1"#),
                "bad_hex",
                60,
                "queue.declare_ok.queue",
            ),
            (
                with(r#""queue":{"hax":"ff"},"consumer_count":0,"message_count":1"#),
                "unknown_field",
                60,
                "queue.declare_ok.queue",
            ),
            (
                with(r#""queue":"\ud800","consumer_count":0,"message_count":1"#),
                "bad_json",
                67,
                "queue.declare_ok.queue",
            ),
            (
                with(&format!(
                    r#""queue":"{}","consumer_count":0,"message_count":1"#,
                    "q".repeat(256)
                )),
                "wrong_length",
                60,
                "queue.declare_ok.queue",
            ),
            // What Rust calls it, and a reserved field.
            (
                r#"{"class":"queue","method":"DeclareOk","arguments":{}}"#,
                "unknown_name",
                26,
                "method.method",
            ),
            (
                r#"{"class":"queue","method":"purge","arguments":{"reserved_1":0,"queue":"","no_wait":false}}"#,
                "unknown_field",
                47,
                "queue.purge.reserved_1",
            ),
            (
                r#"{"class":"queu","method":"declare_ok","arguments":{}}"#,
                "unknown_name",
                9,
                "method.class",
            ),
            (
                r#"{"class":"access","method":"request_ok","arguments":{"ticket":1}}"#,
                "unknown_name",
                9,
                "method.class",
            ),
            (
                r#"{"class":"queue","method":"bind_ok","arguments":{},"x":2}"#,
                "unknown_field",
                51,
                "method.x",
            ),
            (
                r#"{"class":"queue","method":"bind_ok","class":"queue","arguments":{}}"#,
                "duplicate_field",
                36,
                "method.class",
            ),
            (
                r#"{"class":"queue","arguments":{}}"#,
                "missing_field",
                0,
                "method.method",
            ),
            (
                r#"{"class":"queue","method":"bind_ok"}"#,
                "missing_field",
                0,
                "method.arguments",
            ),
            (
                r#"{"class":"queue","method":"bind_ok","arguments":[]}"#,
                "wrong_type",
                48,
                "method.arguments",
            ),
            (
                r#"{"class":"queue","method":"bind_ok","arguments":{}"#,
                "bad_json",
                49,
                "method",
            ),
            ("[1]", "wrong_type", 0, "method"),
            ("nonsense", "bad_json", 1, "method"),
        ],
    );
    errors(
        "encode",
        PROPERTIES_0_9_1,
        &[
            (
                r#"{"delivery_mode":256}"#,
                "out_of_range",
                17,
                "basic.properties.delivery_mode",
            ),
            (
                r#"{"delivery_mode":null}"#,
                "wrong_type",
                17,
                "basic.properties.delivery_mode",
            ),
            (
                r#"{"cluster_id":""}"#,
                "unknown_field",
                1,
                "basic.properties.cluster_id",
            ),
            (r#"{"headers":{}}"#, "wrong_type", 11, "basic.properties.headers"),
        ],
    );
    errors(
        "encode",
        TABLE,
        &[
            (r#"[["d",{"d":1e999}]]"#, "out_of_range", 11, "table"),
            (r#"[["f",{"f":1e39}]]"#, "out_of_range", 11, "table"),
            (r#"[["f",{"f":{"bits":"7fc0000"}}]]"#, "bad_hex", 11, "table"),
            (r#"[["f",{"f":{"bits":"7fc000"}}]]"#, "wrong_length", 11, "table"),
            (r#"[["f",{"f":"1.0"}]]"#, "wrong_type", 11, "table"),
            (
                r#"[["l",{"l":9223372036854775808}]]"#,
                "out_of_range",
                11,
                "table",
            ),
            (r#"[["I",{"I":1e3}]]"#, "wrong_type", 11, "table"),
            (r#"[["t",{"t":1}]]"#, "wrong_type", 11, "table"),
            (r#"[["V",{"V":3}]]"#, "wrong_type", 11, "table"),
            (
                r#"[["D",{"D":{"scale":2,"value":-1}}]]"#,
                "out_of_range",
                30,
                "table",
            ),
            (r#"[["D",{"D":[2,1]}]]"#, "wrong_type", 11, "table"),
            (r#"[["k",{"U":1}]]"#, "unknown_name", 6, "table"),
            (r#"[["k",{}]]"#, "wrong_length", 6, "table"),
            (r#"[["k",{"I":1,"S":"x"}]]"#, "unknown_field", 6, "table"),
            (r#"[["k",{"I":1},3]]"#, "wrong_length", 14, "table"),
            (r#"[["k"]]"#, "wrong_length", 1, "table"),
            (r#"{"k":{"I":1}}"#, "wrong_type", 0, "table"),
        ],
    );
}

#[test]
fn lines_that_are_not_utf_8_are_no_json() {
    let run = run(
        &["encode", "--protocol", "0-8", "--kind", "table"],
        b"[[\"\xff\",{\"I\":1}]]\n[]\n",
    );
    assert_eq!(
        run.lines,
        [
            r#"{"error":{"kind":"bad_json","offset":3,"context":"line"}}"#,
            "00000000"
        ]
    );
    assert_eq!(run.status, Some(1));
}
