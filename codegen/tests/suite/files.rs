//! The program's files and streams: what is read together, and what is never written over.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Command, Stdio};

use crate::support::{Folder, amqp_codegen, amqp_codegen_with};

/// A specification that has a fault of meaning on line 2.
const FAULTY: &str = "<amqp major=\"0\" minor=\"9\">\n<class name=\"a\"/></amqp>";

fn open(path: &std::path::Path) -> fs::File {
    fs::File::open(path).expect("it is there")
}

#[test]
fn nobody_need_read_the_faults() {
    let folder = Folder::new("full-stderr");
    let faulty = folder.write("faulty.xml", FAULTY);
    for (command, status) in [("check", 1), ("generate", 2), ("summary", 2)] {
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .expect("a device");
        let ended = Command::new(env!("CARGO_BIN_EXE_amqp-codegen"))
            .arg(command)
            .arg(&faulty)
            .stdout(Stdio::null())
            .stderr(full)
            .status()
            .expect("the program runs");
        assert_eq!(ended.code(), Some(status), "{command}");
    }
}

#[test]
fn an_input_is_never_written_over() {
    let folder = Folder::new("input-output");
    let (spec, overlay) = (
        folder.spec(&amqp_spec::AMQP_0_9_1),
        folder.spec(&amqp_spec::RABBITMQ),
    );
    symlink(&spec, folder.path("link.xml")).expect("linked");
    let class = folder.write("tx.rs", amqp_spec::AMQP_0_9_1.text);
    let whole = folder.path("");
    for (spec, overlay, output, written_over) in [
        (&spec, None, &spec, &spec),
        (&spec, Some(&overlay), &overlay, &overlay),
        (&spec, None, &folder.path("link.xml"), &spec),
        (&folder.path("link.xml"), None, &spec, &spec),
        (&class, None, &whole, &class),
    ] {
        let names = folder.names();
        let before = fs::read(written_over).expect("there");
        let ran = match overlay {
            None => amqp_codegen(&[&"generate", spec, &"-o", output]),
            Some(overlay) => amqp_codegen(&[&"generate", spec, &"--overlay", overlay, &"-o", output]),
        };
        let expected = format!(
            "{}: this is an input; expected another file to write to\n",
            written_over.canonicalize().expect("there").display()
        );
        assert_eq!((ran.status, ran.stderr), (2, expected));
        assert_eq!(fs::read(written_over).expect("there"), before);
        assert_eq!(folder.names(), names);
    }
}

#[test]
fn a_read_only_file_stays() {
    let folder = Folder::new("read-only");
    let spec = folder.spec(&amqp_spec::AMQP_0_9_1);
    let output = folder.write("output.rs", "what was there\n");
    fs::set_permissions(&output, fs::Permissions::from_mode(0o444)).expect("set");
    let ran = amqp_codegen(&[&"generate", &spec, &"-o", &output]);
    let expected = format!("{}: the file is read-only\n", output.display());
    assert_eq!((ran.status, ran.stderr), (2, expected));
    assert_eq!(fs::read_to_string(&output).expect("there"), "what was there\n");
    assert_eq!(folder.names(), ["amqp0-9-1.xml", "output.rs"]);
}

#[test]
fn a_file_keeps_its_permissions() {
    let folder = Folder::new("permissions");
    let spec = folder.spec(&amqp_spec::AMQP_0_9_1);
    for mode in [0o600, 0o640, 0o755] {
        let output = folder.write("output.rs", "what was there\n");
        fs::set_permissions(&output, fs::Permissions::from_mode(mode)).expect("set");
        let ran = amqp_codegen(&[&"generate", &spec, &"-o", &output]);
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
        let metadata = fs::metadata(&output).expect("there");
        assert_eq!(metadata.permissions().mode() & 0o7777, mode);
        assert!(metadata.len() > 1000);
    }
}

#[test]
fn a_dash_is_a_stream() {
    let folder = Folder::new("dash");
    let (spec, overlay) = (
        folder.spec(&amqp_spec::AMQP_0_9_1),
        folder.spec(&amqp_spec::RABBITMQ),
    );
    let printed = amqp_codegen(&[&"generate", &spec]).stdout;
    let ran = amqp_codegen(&[&"generate", &spec, &"-o", &"-"]);
    assert_eq!((ran.status, &ran.stdout), (0, &printed));

    let summary = amqp_codegen(&[&"summary", &spec, &"--overlay", &overlay]).stdout;
    let ran = amqp_codegen_with(open(&spec), &[&"summary", &"-", &"--overlay", &overlay]);
    assert_eq!((ran.status, &ran.stdout), (0, &summary));
    let ran = amqp_codegen_with(open(&overlay), &[&"summary", &spec, &"--overlay", &"-"]);
    assert_eq!((ran.status, &ran.stdout), (0, &summary));
    let ran = amqp_codegen_with(open(&spec), &[&"diff", &"-", &spec]);
    assert_eq!((ran.status, ran.stdout.as_str()), (0, ""));

    let faulty = folder.write("faulty.xml", FAULTY);
    let ran = amqp_codegen_with(open(&faulty), &[&"check", &"-"]);
    assert_eq!(ran.status, 1);
    assert!(ran.stderr.starts_with("-:2: <class> lacks"), "{}", ran.stderr);
}

#[test]
fn an_input_given_twice_is_one_fault() {
    let folder = Folder::new("twice");
    let (spec, overlay) = (
        folder.spec(&amqp_spec::AMQP_0_9_1),
        folder.spec(&amqp_spec::RABBITMQ),
    );
    symlink(&overlay, folder.path("link.xml")).expect("linked");
    let link = folder.path("link.xml");
    let refused = |path: &dyn AsRef<std::ffi::OsStr>, ran: crate::support::Ran| {
        let path = path.as_ref().to_string_lossy();
        let expected = format!("{path}: given twice; expected each input once\n");
        assert_eq!((ran.status, ran.stderr), (2, expected));
    };
    let twice = |second| amqp_codegen(&[&"check", &spec, &"--overlay", &overlay, &"--overlay", second]);
    refused(&overlay, twice(&overlay));
    refused(&link, twice(&link));
    refused(&spec, twice(&spec));
    refused(
        &"-",
        amqp_codegen_with(open(&spec), &[&"check", &"-", &"--overlay", &"-"]),
    );
    refused(&"-", amqp_codegen_with(open(&spec), &[&"diff", &"-", &"-"]));
}

#[test]
fn an_overlay_that_cannot_be_read_hides_no_fault_of_the_base() {
    let folder = Folder::new("hidden");
    let faulty = folder.write("faulty.xml", FAULTY);
    let sixteen = "<amqp/>".encode_utf16().flat_map(u16::to_le_bytes);
    let sixteen: Vec<u8> = [0xff, 0xfe].into_iter().chain(sixteen).collect();
    for (octets, fault) in [
        (sixteen, "the file is not UTF-8"),
        (b"<amqp>".to_vec(), "the file ends inside <amqp>"),
        (vec![b' '; 1 << 21], "the file has 2097152 octets"),
    ] {
        let overlay = folder.write("overlay.xml", octets);
        let ran = amqp_codegen(&[&"check", &faulty, &"--overlay", &overlay]);
        let lines: Vec<&str> = ran.stderr.lines().collect();
        let [first, second] = lines[..] else {
            panic!("{}", ran.stderr)
        };
        assert_eq!(ran.status, 1);
        assert!(first.contains("faulty.xml:2: <class> lacks"), "{first}");
        assert!(second.contains(&format!("overlay.xml:1: {fault}")), "{second}");
    }
}

#[test]
fn an_overlay_of_another_version_is_one_fault() {
    let folder = Folder::new("versions");
    let ran = amqp_codegen(&[
        &"check",
        &folder.spec(&amqp_spec::AMQP_0_8),
        &"--overlay",
        &folder.spec(&amqp_spec::RABBITMQ),
    ]);
    assert_eq!((ran.status, ran.stderr.lines().count()), (1, 1), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("the overlay is for AMQP 0-9-1"),
        "{}",
        ran.stderr
    );
}
