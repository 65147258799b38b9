//! Broken specifications: each fault is found, at its line, with the message of the table `tests/bad/faults.txt`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use amqp_codegen::{Source, SpecErrors, load, xml};

use crate::support::{Folder, amqp_codegen, golden};

/// What stands on each line of a fixture that has a fault.
const MARK: &str = "<!-- fault -->";

/// The fixtures that cannot have it: empty ones, those in another encoding, those that end within a tag, a comment
/// or CDATA, and one whose fault is on a line of its base.
const UNMARKED: [&str; 8] = [
    "empty-white-space.xml",
    "empty.xml",
    "encoding-utf-16-be.xml",
    "encoding-utf-16.xml",
    "xml-unclosed-cdata.xml",
    "xml-unclosed-comment.xml",
    "xml-unclosed-tag.xml",
    "replaced-response.xml",
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad")
}

/// The XML files of a folder, sorted.
fn fixtures(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the fixtures are there");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the entry is readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "xml"))
        .collect();
    paths.sort();
    paths
}

fn file_name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .expect("fixtures have plain names")
}

/// The faults of a fixture, as an overlay on `base` if there is one.
fn faults(path: &Path, base: Option<&str>) -> SpecErrors {
    let octets = fs::read(path).expect("the fixture is readable");
    let name = file_name(path);
    let text = match xml::decode(name, &octets) {
        Ok(text) => text,
        Err(faults) => return faults,
    };
    let source = Source { name, text };
    let loaded = match base {
        None => load(&source, &[]),
        Some(text) => load(
            &Source {
                name: "base.xml",
                text,
            },
            &[source],
        ),
    };
    match loaded {
        Ok(_) => panic!("{name} has no fault"),
        Err(faults) => faults,
    }
}

#[test]
fn each_fault_has_its_line_and_message() {
    let overlays = folder().join("overlay");
    let base = fs::read_to_string(overlays.join("base.xml")).expect("the base is there");
    let mut table = String::new();
    let mut count = 0;
    let plain = fixtures(&folder()).into_iter().map(|path| (path, None));
    let on_base = fixtures(&overlays)
        .into_iter()
        .filter(|path| !path.ends_with("base.xml"))
        .map(|path| (path, Some(base.as_str())));
    for (path, base) in plain.chain(on_base) {
        let faults = faults(&path, base);
        check_marks(&path, &faults);
        for error in faults.as_slice() {
            let fixture = path
                .strip_prefix(folder())
                .expect("it is inside")
                .with_extension("");
            table.push_str(&format!("{}  {error}\n", fixture.display()));
        }
        count += 1;
    }
    println!("{count} broken specifications");
    assert!(count >= 140, "{count}");
    golden("bad/faults.txt", &table);
}

/// The lines that are marked in the fixture are those of the faults, and there is one.
fn check_marks(path: &Path, faults: &SpecErrors) {
    let octets = fs::read(path).expect("the fixture is readable");
    let text = String::from_utf8_lossy(&octets);
    let marked: Vec<u32> = (1..)
        .zip(text.lines())
        .filter(|(_, line)| line.contains(MARK))
        .map(|(number, _)| number)
        .collect();
    let name = file_name(path);
    assert_eq!(marked.is_empty(), UNMARKED.contains(&name), "{name}: {faults}");
    if !marked.is_empty() {
        let reported: Vec<u32> = faults
            .as_slice()
            .iter()
            .filter(|error| &*error.position.file == name)
            .map(|error| error.position.line)
            .collect();
        assert_eq!(reported, marked, "{name}: {faults}");
    }
}

#[test]
fn three_faults_are_three_lines_of_the_program() {
    let path = folder().join("three-faults.xml");
    let ran = amqp_codegen(&[&"check", &path]);
    assert_eq!((ran.status, ran.stdout.as_str()), (1, ""));
    let lines: Vec<&str> = ran.stderr.lines().collect();
    assert_eq!(lines.len(), 3, "{}", ran.stderr);
    for (line, number) in lines.iter().zip(3..) {
        assert!(
            line.starts_with(&format!("{}:{number}: ", path.display())),
            "{line}"
        );
    }
}

#[test]
fn a_large_file_is_refused_before_it_is_read() {
    let folder = Folder::new("large");
    for (name, octets) in [("limit.xml", xml::MAX_OCTETS as u64 + 1), ("huge.xml", 1 << 40)] {
        let path = folder.path(name);
        // Holes only: reading a terabyte of them would take hours.
        let file = fs::File::create(&path).expect("made");
        file.set_len(octets).expect("a sparse file");
        let began = Instant::now();
        let ran = amqp_codegen(&[&"check", &path]);
        let expected = format!(
            "{}:1: the file has {octets} octets; expected at most {}\n",
            path.display(),
            xml::MAX_OCTETS
        );
        assert_eq!((ran.status, ran.stderr), (1, expected));
        assert!(began.elapsed() < Duration::from_secs(30));
    }
}

#[test]
fn a_file_of_the_largest_size_is_read() {
    let mut text = String::from("<amqp major=\"0\" minor=\"9\"><class name=\"a\" index=\"1\"/>");
    let end = "</amqp>";
    text.push_str(&" ".repeat(xml::MAX_OCTETS - text.len() - end.len()));
    text.push_str(end);
    let source = Source {
        name: "large.xml",
        text: &text,
    };
    assert!(load(&source, &[]).is_ok());
}
