//! The example `wire`: its contract line by line, as a program, and as properties of what it is made of.

mod captures;
mod hostile;
mod program;
mod round_trips;

// What the program is made of.
#[path = "../../examples/wire/dissect.rs"]
mod dissect;
#[path = "../../examples/wire/fault.rs"]
mod fault;
#[path = "../../examples/wire/json.rs"]
mod json;
#[path = "../../examples/wire/lines.rs"]
mod lines;
#[path = "../../examples/wire/revision.rs"]
mod revision;

use program::{errors, run, same};

const METHOD_0_9_1: &str = "--protocol 0-9-1 --kind method";
const METHOD_0_8: &str = "--protocol 0-8 --kind method";
const PROPERTIES_0_9_1: &str = "--protocol 0-9-1 --kind properties";
const TABLE: &str = "--protocol 0-9-1 --kind table";

#[test]
fn methods_of_0_9_1() {
    same(
        METHOD_0_9_1,
        &[
            (
                "0032000b01710000000100000000",
                r#"{"class":"queue","method":"declare_ok","arguments":{"queue":"q","message_count":1,"consumer_count":0}}"#,
            ),
            (
                "00320015",
                r#"{"class":"queue","method":"bind_ok","arguments":{}}"#,
            ),
            // The field is spelled as each file spells it.
            (
                "0055000a01",
                r#"{"class":"confirm","method":"select","arguments":{"nowait":true}}"#,
            ),
            (
                "0014001400",
                r#"{"class":"channel","method":"flow","arguments":{"active":false}}"#,
            ),
            (
                "003c0050ffffffffffffffff01",
                r#"{"class":"basic","method":"ack","arguments":{"delivery_tag":18446744073709551615,"multiple":true}}"#,
            ),
            // Reserved fields are hidden; `type` is no keyword of the wire's; a short string need not be UTF-8.
            (
                "0028000a0000016502ff001500000000",
                r#"{"class":"exchange","method":"declare","arguments":{"exchange":"e","type":{"hex":"ff00"},"passive":true,"durable":false,"auto_delete":true,"internal":false,"no_wait":true,"arguments":[]}}"#,
            ),
            (
                "003c0032019c01780000",
                r#"{"class":"basic","method":"return","arguments":{"reply_code":412,"reply_text":"x","exchange":"","routing_key":""}}"#,
            ),
            (
                "000a003c05616c61726d",
                r#"{"class":"connection","method":"blocked","arguments":{"reason":"alarm"}}"#,
            ),
            (
                "00280033",
                r#"{"class":"exchange","method":"unbind_ok","arguments":{}}"#,
            ),
        ],
    );
}

#[test]
fn methods_of_0_8() {
    same(
        METHOD_0_8,
        &[
            (
                "000a003c00c80000140015",
                r#"{"class":"connection","method":"close","arguments":{"reply_code":200,"reply_text":"","class_id":20,"method_id":21}}"#,
            ),
            (
                "001e000a052f646174611f",
                r#"{"class":"access","method":"request","arguments":{"realm":"/data","exclusive":true,"passive":true,"active":true,"write":true,"read":true}}"#,
            ),
            ("0064000a", r#"{"class":"dtx","method":"select","arguments":{}}"#),
            (
                "003c006e01",
                r#"{"class":"basic","method":"recover","arguments":{"requeue":true}}"#,
            ),
            // The ticket is an ordinary field here.
            (
                "003c00460007017101",
                r#"{"class":"basic","method":"get","arguments":{"ticket":7,"queue":"q","no_ack":true}}"#,
            ),
        ],
    );
}

#[test]
fn properties() {
    same(
        PROPERTIES_0_9_1,
        &[
            ("0000", "{}"),
            // The fourteenth property of 0-9-1 is an ordinary one.
            (
                "900402706c0203636964",
                r#"{"content_type":"pl","delivery_mode":2,"reserved":"cid"}"#,
            ),
            (
                "206000000004016b7401ffffffffffffffff0174",
                r#"{"headers":[["k",{"t":true}]],"timestamp":18446744073709551615,"type":"t"}"#,
            ),
            ("200000000000", r#"{"headers":[]}"#),
        ],
    );
    same(
        "--protocol 0-9-1 --kind properties --class basic",
        &[("0400026964", r#"{"correlation_id":"id"}"#)],
    );
    same(
        "--protocol 0-8 --kind properties --class file",
        &[("0280016601ff", r#"{"filename":"f","cluster_id":{"hex":"ff"}}"#)],
    );
    same(
        "--protocol 0-8 --kind properties --class tunnel",
        &[("18000100", r#"{"durable":1,"broadcast":0}"#)],
    );
    same("--protocol 0-8 --kind properties --class test", &[("0000", "{}")]);
}

#[test]
fn tables_keep_order_duplicates_and_tags() {
    let pairs = [
        ("00000000", "[]"),
        (
            "0000002c0c782d6d61782d6c656e677468490000000506782d74616773410000000e5300000001614600000003016b56",
            r#"[["x-max-length",{"I":5}],["x-tags",{"A":[{"S":"a"},{"F":[["k",{"V":null}]]}]}]]"#,
        ),
        (
            "00000022006c0000000000000001004c0000000000000001016b4600000000016b4100000000",
            r#"[["",{"l":1}],["",{"L":1}],["k",{"F":[]}],["k",{"A":[]}]]"#,
        ),
        (
            "0000001c01ff53000000018001787800000004746578740178780000000200ff",
            r#"[[{"hex":"ff"},{"S":{"hex":"80"}}],["x",{"x":"text"}],["x",{"x":{"hex":"00ff"}}]]"#,
        ),
        (
            "0000000c014444ffffffffff01747401",
            r#"[["D",{"D":{"scale":255,"value":4294967295}}],["t",{"t":true}]]"#,
        ),
        (
            "0000000d016153000000060a0d22c3a900",
            r#"[["a",{"S":"\n\r\"é\u0000"}]]"#,
        ),
    ];
    same(TABLE, &pairs);
    same("--protocol 0-8 --kind table", &pairs);
}

#[test]
fn integers_are_exact_to_their_limits() {
    same(
        TABLE,
        &[
            (
                "0000004101626280014242ff0173738000017575ffff01494980000000016969ffffffff016c6c8000000000000000014c4c7fffffffffffffff015454ffffffffffffffff",
                r#"[["b",{"b":-128}],["B",{"B":255}],["s",{"s":-32768}],["u",{"u":65535}],["I",{"I":-2147483648}],["i",{"i":4294967295}],["l",{"l":-9223372036854775808}],["L",{"L":9223372036854775807}],["T",{"T":18446744073709551615}]]"#,
            ),
            (
                "0000000b016c6c0020000000000001",
                r#"[["l",{"l":9007199254740993}]]"#,
            ),
        ],
    );
}

#[test]
fn floating_point_numbers_are_the_shortest_that_read_back() {
    same(
        TABLE,
        &[
            (
                "000000230166663dcccccd0166668000000001666615ae43fd0166667fc00001016666ff800000",
                r#"[["f",{"f":0.1}],["f",{"f":-0.0}],["f",{"f":7.038531e-26}],["f",{"f":{"bits":"7fc00001"}}],["f",{"f":{"bits":"ff800000"}}]]"#,
            ),
            (
                "000000370164643fb999999999999a016464800000000000000001646400000000000000010164647ff000000000000101646444b52d02c7e14af6",
                r#"[["d",{"d":0.1}],["d",{"d":-0.0}],["d",{"d":5e-324}],["d",{"d":{"bits":"7ff0000000000001"}}],["d",{"d":1e+23}]]"#,
            ),
        ],
    );
}

/// What comes back otherwise: reserved fields, unused bits, booleans, superfluous words of property flags.
#[test]
fn what_is_not_kept_is_what_the_contract_names() {
    for (args, octets, json, kept) in [
        // queue.purge: the reserved ticket, and 7 unused bits.
        (
            METHOD_0_9_1,
            "0032001e12340171ff",
            r#"{"class":"queue","method":"purge","arguments":{"queue":"q","no_wait":true}}"#,
            "0032001e0000017101",
        ),
        (
            TABLE,
            "00000004016b7480",
            r#"[["k",{"t":true}]]"#,
            "00000004016b7401",
        ),
        (
            PROPERTIES_0_9_1,
            "10010001000002",
            r#"{"delivery_mode":2}"#,
            "100002",
        ),
    ] {
        assert_eq!(program::lines("decode", args, [octets]).lines, [json]);
        assert_eq!(program::lines("encode", args, [json]).lines, [kept]);
    }
}

#[test]
fn blank_lines_stay_blank_and_line_ends_do_not_matter() {
    let input = b"\n00000000\r\n  \n00000000";
    let decoded = run(&["decode", "--protocol", "0-8", "--kind", "table"], input);
    assert_eq!(
        (decoded.lines, decoded.status),
        (["", "[]", "", "[]"].map(String::from).to_vec(), Some(0))
    );
    let upper = run(
        &["decode", "--protocol", "0-8", "--kind", "table"],
        b"00000005014B5300000000",
    );
    assert_eq!(upper.status, Some(1), "five octets are announced");
    assert_eq!(
        run(&["encode", "--protocol", "0-8", "--kind", "method"], b"").lines,
        [""; 0]
    );
}

#[test]
fn entries_of_an_object_come_in_any_order() {
    let json = r#" { "arguments" : {"consumer_count":2,"queue":"\u0071","message_count":1}, "method":"declare_ok", "class":"queue"}"#;
    let encoded = program::lines("encode", METHOD_0_9_1, [json]);
    assert_eq!(encoded.lines, ["0032000b01710000000100000002"]);
}

/// Tables within tables, `depth` of them, as octets and as JSON.
fn nested(depth: usize) -> (String, String) {
    (1..depth).fold(("00000000".to_owned(), "[]".to_owned()), |(octets, json), _| {
        let len = 3 + octets.len() / 2;
        (
            format!("{len:08x}016b46{octets}"),
            format!(r#"[["k",{{"F":{json}}}]]"#),
        )
    })
}

#[test]
fn tables_are_32_deep_at_most() {
    let (octets, json) = nested(32);
    same(TABLE, &[(&octets, &json)]);
    let (octets, json) = nested(33);
    errors("decode", TABLE, &[(&octets, "too_deep", 32 * 7 - 1, "table")]);
    let deep = program::lines("encode", TABLE, [json.as_str()]);
    assert!(
        deep.lines[0].starts_with(r#"{"error":{"kind":"too_deep","#),
        "{deep:?}"
    );
    let (_, json) = nested(20_000);
    let deep = program::lines("encode", TABLE, [json.as_str()]);
    assert!(
        deep.lines[0].starts_with(r#"{"error":{"kind":"too_deep","#),
        "{:.80}",
        deep.lines[0]
    );
}

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
            ("000000", "trailing_octets", 2, "properties"),
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

#[test]
fn help_lists_every_kind() {
    let help = run(&["--help"], b"");
    assert_eq!(help.status, Some(0));
    let text = help.lines.join("\n");
    for (kind, meaning) in fault::KINDS {
        assert!(text.contains(kind) && text.contains(meaning), "{kind}");
    }
}

#[test]
fn wrong_arguments_end_with_2() {
    for args in [
        &["decode"][..],
        &["decode", "--protocol", "0-9", "--kind", "table"],
        &["decode", "--protocol", "0-9-1", "--kind", "frame"],
        &[
            "decode",
            "--protocol",
            "0-9-1",
            "--kind",
            "properties",
            "--class",
            "queue",
        ],
        &["dissect", "no such file"],
    ] {
        assert_eq!(run(args, b"").status, Some(2), "{args:?}");
    }
}
