//! The example `wire`: its contract line by line, as a program, and as properties of what it is made of.

mod captures;
mod coprocess;
mod exceptions;
mod faults;
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
    // A class is refused for each kind, used or not.
    for kind in ["method", "properties", "table"] {
        let args = ["encode", "--protocol", "0-8", "--kind", kind, "--class", "nosuch"];
        assert_eq!(run(&args, b"").status, Some(2), "{kind}");
    }
}

/// Many keys cost as many steps, not their square.
#[test]
fn an_object_may_have_many_keys() {
    let keys: String = (0..60_000).map(|key| format!(r#""key-{key}":0,"#)).collect();
    for (last, kind, offset) in [
        (r#""last":0"#, "unknown_field", 1),
        (r#""key-0":0"#, "duplicate_field", 1 + keys.len()),
    ] {
        let json = format!("{{{keys}{last}}}");
        errors(
            "encode",
            PROPERTIES_0_9_1,
            &[(&json, kind, offset, "basic.properties.key-0")],
        );
    }
}
