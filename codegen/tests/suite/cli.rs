//! The program: its commands, what they print, their exit status, and the files they leave.

use std::fs;

use serde_json::{Value, json};

use crate::support::{Folder, VARIANTS, amqp_codegen, debian, debian_files};

/// The counts of each file: constants, domains, classes, methods, fields of methods, properties.
const COUNTS: [(&str, &str, [usize; 6]); 7] = [
    ("0-8", "0-8", [26, 15, 12, 89, 208, 33]),
    ("0-8-qpid", "0-8", [26, 15, 12, 92, 214, 33]),
    ("0-9", "0-9", [29, 32, 12, 101, 248, 33]),
    ("0-9-qpid", "0-9", [29, 32, 12, 105, 254, 33]),
    ("0-9-1", "0-9-1", [24, 24, 6, 53, 122, 14]),
    ("0-9-1-qpid", "0-9-1", [24, 26, 6, 55, 127, 14]),
    ("0-9-1-rabbit", "0-9-1", [24, 24, 7, 60, 138, 14]),
];

/// A specification with a fault on line 3 and one on line 4.
const FAULTY: &str = "<amqp major=\"0\" minor=\"9\">
<class name=\"a\" index=\"1\">
<method name=\"m\"><chassis name=\"server\" implement=\"MUST\"/></method>
<method name=\"n\" index=\"2\"/>
</class></amqp>
";

const FAULTS: [&str; 2] = [
    "3: <method> lacks the attribute `index`; expected a whole number from 0 to 65535",
    "4: method `n` has no <chassis>; expected `server`, `client` or both, those that receive it",
];

#[test]
fn summary_counts_every_file() {
    for (variant, version, [constants, domains, classes, methods, fields, properties]) in COUNTS {
        let path = debian(variant);
        let ran = amqp_codegen(&[&"summary", &path]);
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{variant}");
        let first = ran.stdout.lines().next().expect("a first line");
        assert_eq!(
            first,
            format!(
                "AMQP {version}: {constants} constants, {domains} domains, {classes} classes, \
                 {methods} methods, {fields} fields, {properties} properties"
            ),
        );
        assert_eq!(ran.stdout.lines().count(), 1 + classes, "a line per class");

        let ran = amqp_codegen(&[&"summary", &path, &"--json"]);
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{variant}");
        let summary: Value = serde_json::from_str(&ran.stdout).expect("JSON");
        for (key, value) in [
            ("version", json!(version)),
            ("constants", json!(constants)),
            ("domains", json!(domains)),
            ("classes", json!(classes)),
            ("methods", json!(methods)),
            ("fields", json!(fields)),
            ("properties", json!(properties)),
        ] {
            assert_eq!(summary[key], value, "{variant}: {key}");
        }
    }
    assert_eq!(COUNTS.map(|(variant, ..)| variant), VARIANTS);
}

#[test]
fn summary_has_a_line_per_class() {
    let folder = Folder::new("summary");
    let (spec, overlay) = (
        folder.spec(&amqp_spec::AMQP_0_9_1),
        folder.spec(&amqp_spec::RABBITMQ),
    );
    let ran = amqp_codegen(&[&"summary", &spec, &"--overlay", &overlay]);
    assert_eq!(
        ran.stdout,
        "AMQP 0-9-1: 25 constants, 24 domains, 7 classes, 64 methods, 141 fields, 14 properties
   10 connection  14 methods   28 fields   0 properties
   20 channel      6 methods    8 fields   0 properties
   40 exchange     8 methods   25 fields   0 properties
   50 queue       10 methods   32 fields   0 properties
   60 basic       18 methods   47 fields  14 properties
   90 tx           6 methods    0 fields   0 properties
   85 confirm      2 methods    1 fields   0 properties
"
    );
    let ran = amqp_codegen(&[&"summary", &spec, &"--overlay", &overlay, &"--json"]);
    let summary: Value = serde_json::from_str(&ran.stdout).expect("JSON");
    assert_eq!(
        summary["class"][6],
        json!({"name": "confirm", "index": 85, "methods": 2, "fields": 1, "properties": 0})
    );
}

#[test]
fn generate_writes_to_standard_output_a_file_or_a_folder() {
    let folder = Folder::new("generate");
    let (spec, overlay) = (
        folder.spec(&amqp_spec::AMQP_0_9_1),
        folder.spec(&amqp_spec::RABBITMQ),
    );
    let printed = amqp_codegen(&[&"generate", &spec, &"--overlay", &overlay]);
    assert_eq!((printed.status, printed.stderr.as_str()), (0, ""));
    assert!(printed.stdout.contains("pub struct UpdateSecret<'a>"));

    let file = folder.path("amqp.rs");
    let ran = amqp_codegen(&[&"generate", &spec, &"--overlay", &overlay, &"-o", &file]);
    assert_eq!(
        (ran.status, ran.stdout.as_str(), ran.stderr.as_str()),
        (0, "", "")
    );
    assert_eq!(fs::read_to_string(&file).expect("written"), printed.stdout);

    let ran = amqp_codegen(&[
        &"generate",
        &spec,
        &"--overlay",
        &overlay,
        &"-o",
        &format!("{}/", folder.path("amqp").display()),
    ]);
    assert_eq!(
        (ran.status, ran.stdout.as_str(), ran.stderr.as_str()),
        (0, "", "")
    );
    let classes = [
        "basic.rs",
        "channel.rs",
        "confirm.rs",
        "connection.rs",
        "constants.rs",
        "exchange.rs",
        "mod.rs",
        "queue.rs",
        "tx.rs",
    ];
    let mut names: Vec<_> = fs::read_dir(folder.path("amqp"))
        .expect("made")
        .map(|entry| entry.expect("readable").file_name())
        .collect();
    names.sort();
    assert_eq!(names, classes);
    let root = fs::read_to_string(folder.path("amqp/mod.rs")).expect("written");
    assert!(root.contains("pub mod queue;"), "{root}");

    // A folder that exists needs no slash.
    let ran = amqp_codegen(&[&"generate", &spec, &"-o", &folder.path("amqp")]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let root = fs::read_to_string(folder.path("amqp/mod.rs")).expect("written");
    assert!(
        !root.contains("pub mod confirm;"),
        "now without the overlay: {root}"
    );
}

#[test]
fn generate_takes_options() {
    let folder = Folder::new("options");
    let spec = folder.spec(&amqp_spec::AMQP_0_9_1);
    let plain = amqp_codegen(&[&"generate", &spec]).stdout;
    let serde = amqp_codegen(&[&"generate", &spec, &"--serde"]).stdout;
    let proptest = amqp_codegen(&[&"generate", &spec, &"--proptest"]).stdout;
    assert!(!plain.contains("serde") && !plain.contains("proptest"));
    assert!(serde.contains("#[serde(rename = \"declare_ok\")]") && !serde.contains("proptest"));
    assert!(proptest.contains("pub fn strategies()") && !proptest.contains("serde"));
}

#[test]
fn an_error_leaves_an_existing_output_untouched() {
    let folder = Folder::new("untouched");
    let faulty = folder.write("faulty.xml", FAULTY);
    let output = folder.write("output.rs", "what was there\n");
    fs::create_dir(folder.path("module")).expect("made");
    folder.write("module/mod.rs", "what was there\n");
    for (spec, output) in [
        (&faulty, output.clone()),
        (&folder.path("missing.xml"), output.clone()),
        (&faulty, folder.path("module")),
        (&faulty, folder.path("new.rs")),
        (&faulty, folder.path("new/")),
    ] {
        let ran = amqp_codegen(&[&"generate", spec, &"-o", &output]);
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{output:?}");
        assert!(!ran.stderr.is_empty());
    }
    let read = |name: &str| fs::read_to_string(folder.path(name)).expect("still there");
    assert_eq!(read("output.rs"), "what was there\n");
    assert_eq!(read("module/mod.rs"), "what was there\n");
    assert_eq!(folder.names(), ["faulty.xml", "module", "output.rs"]);
}

#[test]
fn an_output_that_cannot_be_written_leaves_no_part_of_it() {
    let folder = Folder::new("unwritable");
    let spec = folder.spec(&amqp_spec::AMQP_0_9_1);
    // A folder in the place of a file that comes late: what was staged before it must go.
    fs::create_dir_all(folder.path("module/tx.rs")).expect("made");
    folder.write("module/mod.rs", "what was there\n");
    let ran = amqp_codegen(&[&"generate", &spec, &"-o", &folder.path("module")]);
    assert_eq!(ran.status, 2);
    assert!(ran.stderr.contains("tx.rs: "), "{}", ran.stderr);
    let mut names: Vec<_> = fs::read_dir(folder.path("module"))
        .expect("there")
        .map(|entry| entry.expect("readable").file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["mod.rs", "tx.rs"]);
    let root = fs::read_to_string(folder.path("module/mod.rs")).expect("there");
    assert_eq!(root, "what was there\n");

    let nowhere = folder.path("missing/output.rs");
    let ran = amqp_codegen(&[&"generate", &spec, &"-o", &nowhere]);
    assert_eq!(ran.status, 2);
    assert!(
        ran.stderr.starts_with(&nowhere.display().to_string()),
        "{}",
        ran.stderr
    );
}

#[test]
fn output_goes_into_devices_and_through_links() {
    let folder = Folder::new("devices");
    let spec = folder.spec(&amqp_spec::AMQP_0_9_1);
    let ran = amqp_codegen(&[&"generate", &spec, &"-o", &"/dev/null"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    assert!(!fs::metadata("/dev/null").expect("there").is_file());
    let target = folder.write("target.rs", "");
    std::os::unix::fs::symlink(&target, folder.path("link.rs")).expect("linked");
    let ran = amqp_codegen(&[&"generate", &spec, &"-o", &folder.path("link.rs")]);
    assert_eq!(ran.status, 0, "{}", ran.stderr);
    let link = fs::symlink_metadata(folder.path("link.rs")).expect("there");
    assert!(link.is_symlink());
    assert!(fs::metadata(&target).expect("there").len() > 0);
}

#[test]
fn check_reports_every_fault() {
    let folder = Folder::new("check");
    let spec = folder.spec(&amqp_spec::AMQP_0_9_1);
    let ran = amqp_codegen(&[&"check", &spec, &"--overlay", &folder.spec(&amqp_spec::RABBITMQ)]);
    assert_eq!(
        (ran.status, ran.stdout.as_str(), ran.stderr.as_str()),
        (0, "", "")
    );

    let faulty = folder.write("faulty.xml", FAULTY);
    let ran = amqp_codegen(&[&"check", &faulty]);
    let expected = FAULTS.map(|fault| format!("{}:{fault}\n", faulty.display()));
    assert_eq!((ran.status, ran.stderr), (1, expected.concat()));

    // Faults of several files, of XML and of meaning, in one answer.
    let typo =
        "<amqp major=\"0\" minor=\"9\" revision=\"1\"><clas/>\n<class name=\"tx\" index=\"90\"/></amqp>";
    let typo = folder.write("typo.xml", typo);
    let ran = amqp_codegen(&[&"check", &faulty, &"--overlay", &typo]);
    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!((ran.status, lines.len()), (1, 4), "{}", ran.stderr);
    assert!(
        lines[2].contains("typo.xml:1: ") && lines[3].contains("typo.xml:1: "),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_needs_a_sound_specification_ends_with_2() {
    let folder = Folder::new("status");
    let faulty = folder.write("faulty.xml", FAULTY);
    let sound = folder.spec(&amqp_spec::AMQP_0_9_1);
    let expected = FAULTS
        .map(|fault| format!("{}:{fault}\n", faulty.display()))
        .concat();
    for ran in [
        amqp_codegen(&[&"generate", &faulty]),
        amqp_codegen(&[&"summary", &faulty]),
        amqp_codegen(&[&"diff", &sound, &faulty]),
        amqp_codegen(&[&"diff", &faulty, &sound]),
    ] {
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""));
        assert_eq!(ran.stderr, expected);
    }
}

#[test]
fn what_cannot_be_read_ends_with_2() {
    let folder = Folder::new("unreadable");
    let missing = folder.path("missing.xml");
    for command in ["generate", "check", "summary"] {
        let ran = amqp_codegen(&[&command, &missing]);
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{command}");
        let expected = format!("{}: No such file or directory (os error 2)\n", missing.display());
        assert_eq!(ran.stderr, expected);
        let ran = amqp_codegen(&[&command, &env!("CARGO_TARGET_TMPDIR")]);
        assert_eq!(ran.status, 2, "a folder is no specification");
    }
    // A device that never ends is read up to the size limit.
    let ran = amqp_codegen(&[&"check", &"/dev/zero"]);
    assert_eq!(
        (ran.status, ran.stderr.as_str()),
        (
            1,
            "/dev/zero:1: the file has 1048577 octets; expected at most 1048576\n"
        )
    );
}

#[test]
fn a_full_standard_output_ends_with_2() {
    let folder = Folder::new("full");
    let spec = folder.spec(&amqp_spec::AMQP_0_9_1);
    let full = fs::File::create("/dev/full").expect("a device");
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_amqp-codegen"))
        .args(["summary".as_ref(), spec.as_os_str()])
        .stdout(full)
        .output()
        .expect("the program runs");
    assert_eq!(output.status.code(), Some(2));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.starts_with("standard output: "), "{stderr}");
}

#[test]
fn later_versions_are_named() {
    let grammars = [
        ("0-10", "AMQP 0-10"),
        ("0-10-qpid", "AMQP 0-10"),
        ("1-0", "AMQP 1.0"),
    ];
    for (folder, grammar) in grammars {
        for path in debian_files(folder) {
            for command in ["generate", "check", "summary"] {
                let ran = amqp_codegen(&[&command, &path]);
                assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{command} {path:?}");
                assert_eq!(
                    ran.stderr,
                    format!(
                        "{}:35: this is the grammar of {grammar}; expected that of AMQP 0-8, 0-9 or 0-9-1, \
                         an <amqp> with <class> elements\n",
                        path.display()
                    )
                );
            }
        }
    }
}

#[test]
fn help_is_complete() {
    let ran = amqp_codegen(&[&"--help"]);
    assert_eq!(ran.status, 0);
    for part in [
        "generate",
        "check",
        "summary",
        "diff",
        "Exit status",
        "0 fine",
        "1 a negative answer",
        "2 an error",
    ] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
    }
    for (command, parts) in [
        (
            "generate",
            &[
                "<SPEC>",
                "--overlay <FILE>",
                "--output <FILE|DIR>",
                "--serde",
                "--proptest",
            ][..],
        ),
        ("check", &["<SPEC>", "--overlay <FILE>", "Exit status 1"]),
        ("summary", &["<SPEC>", "--overlay <FILE>", "--json"]),
        (
            "diff",
            &[
                "<A>",
                "<B>",
                "--overlay-a <FILE>",
                "--overlay-b <FILE>",
                "Exit status 1",
            ],
        ),
    ] {
        let ran = amqp_codegen(&[&command, &"--help"]);
        assert_eq!(ran.status, 0);
        for part in parts {
            assert!(ran.stdout.contains(part), "{command}: {part}: {}", ran.stdout);
        }
    }
    assert_eq!(amqp_codegen(&[]).status, 2, "a command is needed");
    assert_eq!(
        amqp_codegen(&[&"generate"]).status,
        2,
        "a specification is needed"
    );
    assert_eq!(amqp_codegen(&[&"--version"]).status, 0);
}
