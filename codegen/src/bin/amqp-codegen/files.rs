//! Files and streams of the program: specifications in, generated code out. A failure leaves what was there.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use amqp_codegen::{Source, SpecErrors, xml};

/// Whether a path stands for standard input or standard output.
pub(crate) fn is_stream(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// A specification or overlay that was read; its name is the path as the user gave it.
pub(crate) struct Input {
    name: String,
    /// Unless its size alone says that it is no specification.
    octets: Result<Vec<u8>, SpecErrors>,
}

impl Input {
    pub(crate) fn source(&self) -> Result<Source<'_>, SpecErrors> {
        let octets = self.octets.as_ref().map_err(Clone::clone)?;
        let text = xml::decode(&self.name, octets)?;
        Ok(Source {
            name: &self.name,
            text,
        })
    }
}

/// Why there is no protocol.
pub(crate) enum Failure {
    /// A file or stream that does not do what it is asked for.
    Io(String),
    /// What is wrong with the specification.
    Spec(SpecErrors),
}

impl Failure {
    pub(crate) fn io(name: &dyn std::fmt::Display, error: &dyn std::fmt::Display) -> Self {
        Self::Io(format!("{name}: {error}"))
    }
}

impl From<SpecErrors> for Failure {
    fn from(faults: SpecErrors) -> Self {
        Self::Spec(faults)
    }
}

/// Refuses a file or stream that is given twice.
pub(crate) fn each_once<'p>(paths: impl IntoIterator<Item = &'p Path>) -> Result<(), Failure> {
    let mut known = Vec::new();
    for path in paths {
        // A stream has no other path; of what does not exist, reading tells.
        let canonical = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        if known.contains(&canonical) {
            return Err(Failure::io(
                &path.display(),
                &"given twice; expected each input once",
            ));
        }
        known.push(canonical);
    }
    Ok(())
}

/// Reads a file or standard input.
pub(crate) fn read(path: &Path) -> Result<Input, Failure> {
    let name = path.display().to_string();
    let octets = octets(path, &name).map_err(|error| Failure::io(&name, &error))?;
    Ok(Input { name, octets })
}

fn octets(path: &Path, name: &str) -> io::Result<Result<Vec<u8>, SpecErrors>> {
    let reader: Box<dyn Read> = if is_stream(path) {
        Box::new(io::stdin())
    } else {
        let file = File::open(path)?;
        if let Err(faults) = xml::check_size(name, file.metadata()?.len()) {
            return Ok(Err(faults));
        }
        Box::new(file)
    };
    let mut octets = Vec::new();
    // A device or a stream has no size; one octet over the limit is enough to tell.
    reader.take(xml::MAX_OCTETS as u64 + 1).read_to_end(&mut octets)?;
    Ok(Ok(octets))
}

/// Writes all files or none, and over no input: each is written beside its place first, and moved there once all are.
pub(crate) fn write(files: &[(PathBuf, &str)], inputs: &[&Path]) -> Result<(), Failure> {
    let inputs: Vec<PathBuf> = inputs
        .iter()
        .filter_map(|path| fs::canonicalize(path).ok())
        .collect();
    let mut staged = Staged(Vec::new());
    for (path, text) in files {
        let failed = |error: io::Error| Failure::io(&path.display(), &error);
        match fs::metadata(path) {
            // A device or a pipe keeps nothing, and must not be replaced by a file.
            Ok(metadata) if !metadata.is_file() => fs::write(path, text).map_err(failed)?,
            Ok(metadata) => {
                // Through a symbolic link, to the file itself.
                let path = fs::canonicalize(path).map_err(failed)?;
                if inputs.contains(&path) {
                    let message = "this is an input; expected another file to write to";
                    return Err(Failure::io(&path.display(), &message));
                }
                let permissions = metadata.permissions();
                check_writable(&path, &permissions).map_err(failed)?;
                staged.add(path, text, Some(permissions))?;
            }
            Err(_) => staged.add(path.clone(), text, None)?,
        }
    }
    staged.commit()
}

/// A file can be replaced where it could not be written to; whoever protects it does not want that.
fn check_writable(path: &Path, permissions: &Permissions) -> io::Result<()> {
    if permissions.readonly() {
        return Err(io::Error::other("the file is read-only"));
    }
    OpenOptions::new().write(true).open(path).map(drop)
}

/// Files that wait beside their places.
struct Staged(Vec<(PathBuf, PathBuf)>);

impl Staged {
    fn add(&mut self, path: PathBuf, text: &str, permissions: Option<Permissions>) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::io(&path.display(), &error);
        let no_name = || io::Error::from(io::ErrorKind::InvalidFilename);
        let mut name = OsString::from(".");
        name.push(path.file_name().ok_or_else(no_name).map_err(failed)?);
        name.push(format!(".{}.tmp", std::process::id()));
        let temporary = path.with_file_name(name);
        let written = fs::write(&temporary, text)
            .and_then(|()| {
                permissions.map_or(Ok(()), |permissions| fs::set_permissions(&temporary, permissions))
            })
            .map_err(failed);
        self.0.push((temporary, path));
        written
    }

    fn commit(mut self) -> Result<(), Failure> {
        for (temporary, path) in &self.0 {
            fs::rename(temporary, path).map_err(|error| Failure::io(&path.display(), &error))?;
        }
        self.0.clear();
        Ok(())
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        for (temporary, _) in &self.0 {
            let _ = fs::remove_file(temporary);
        }
    }
}

/// Says something on standard error, and ends no worse when nobody can read it.
pub(crate) fn complain(message: &dyn std::fmt::Display) {
    let _ = writeln!(io::stderr(), "{message}");
}

/// Prints to standard output; a reader that went away is no error of ours.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::io(&"standard output", &error))
        }
        _ => Ok(()),
    }
}
