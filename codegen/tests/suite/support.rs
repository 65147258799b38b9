//! What several tests need: Debian's specifications, our own as files, a folder of one's own, the program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use amqp_codegen::{Protocol, Source, load};
use amqp_spec::SpecFile;

/// The variants of Debian's package `amqp-specs` that are in the grammar of 0-8 to 0-9-1, by folder.
pub(crate) const VARIANTS: [&str; 7] = [
    "0-8",
    "0-8-qpid",
    "0-9",
    "0-9-qpid",
    "0-9-1",
    "0-9-1-qpid",
    "0-9-1-rabbit",
];

/// All XML files of Debian's package `amqp-specs` in one of its folders.
pub(crate) fn debian_files(folder: &str) -> Vec<PathBuf> {
    let listed = Command::new("dpkg")
        .args(["-L", "amqp-specs"])
        .output()
        .expect("`dpkg` runs: the specifications are found with it");
    assert!(
        listed.status.success(),
        "Debian's package `amqp-specs` is not installed; these tests read its files: apt-get install amqp-specs"
    );
    let files: Vec<PathBuf> = String::from_utf8_lossy(&listed.stdout)
        .lines()
        .map(PathBuf::from)
        .filter(|path| path.extension().is_some_and(|extension| extension == "xml"))
        .filter(|path| path.parent().is_some_and(|parent| parent.ends_with(folder)))
        .collect();
    assert!(
        !files.is_empty(),
        "`amqp-specs` has XML files in a folder {folder}"
    );
    files
}

/// The one file of a variant.
pub(crate) fn debian(variant: &str) -> PathBuf {
    let mut files = debian_files(variant);
    assert_eq!(files.len(), 1, "{variant} is one file: {files:?}");
    files.remove(0)
}

pub(crate) fn protocol(name: &str, text: &str) -> Protocol {
    load(&Source { name, text }, &[]).unwrap_or_else(|faults| panic!("{faults}"))
}

pub(crate) fn source(file: &SpecFile) -> Source<'static> {
    Source {
        name: file.name,
        text: file.text,
    }
}

/// A folder of one test's own, empty.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(test: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
        if path.exists() {
            fs::remove_dir_all(&path).expect("the folder of an earlier run goes");
        }
        fs::create_dir_all(&path).expect("the folder can be made");
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("the file can be written");
        path
    }

    /// One of our own specifications as a file.
    pub(crate) fn spec(&self, file: &SpecFile) -> PathBuf {
        self.write(file.name, file.text)
    }

    /// Names of all files in it, hidden ones included.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(&self.0)
            .expect("the folder is there")
            .map(|entry| {
                let name = entry.expect("the entry is readable").file_name();
                name.to_string_lossy().into_owned()
            })
            .collect();
        names.sort();
        names
    }
}

/// What the program said and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs the program, without input.
pub(crate) fn amqp_codegen(arguments: &[&dyn AsRef<std::ffi::OsStr>]) -> Ran {
    amqp_codegen_with(Stdio::null(), arguments)
}

/// Runs the program with an input.
pub(crate) fn amqp_codegen_with(input: impl Into<Stdio>, arguments: &[&dyn AsRef<std::ffi::OsStr>]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_amqp-codegen"));
    command.args(arguments.iter().map(AsRef::as_ref)).stdin(input);
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("the program runs");
    Ran {
        status: status.code().expect("it was not killed"),
        stdout: String::from_utf8(stdout).expect("it prints UTF-8"),
        stderr: String::from_utf8(stderr).expect("it prints UTF-8"),
    }
}

/// Compares a text with a file under `tests/`, or writes that file when `UPDATE_GOLDEN` is set.
pub(crate) fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, text).expect("the golden file can be written");
        return;
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    if let Some((number, (is, was))) = (1..)
        .zip(
            text.lines()
                .map(Some)
                .chain([None])
                .zip(expected.lines().map(Some).chain([None])),
        )
        .find(|(_, (is, was))| is != was)
    {
        panic!(
            "{}:{number}: differs:\n  is       {}\n  expected {}\n\
             If that is meant, set UPDATE_GOLDEN=1, run again and look at the difference.",
            path.display(),
            is.unwrap_or("nothing"),
            was.unwrap_or("nothing"),
        );
    }
}
