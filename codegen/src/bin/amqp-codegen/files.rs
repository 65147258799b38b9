//! Files of the program: specifications in, generated code out. A failure leaves what was there.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use amqp_codegen::{Source, SpecErrors, xml};

/// A specification or overlay that was read; its name is the path as the user gave it.
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) octets: Vec<u8>,
}

impl Input {
    pub(crate) fn source(&self) -> Result<Source<'_>, SpecErrors> {
        let text = xml::decode(&self.name, &self.octets)?;
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
    fn io(name: &dyn std::fmt::Display, error: &io::Error) -> Self {
        Self::Io(format!("{name}: {error}"))
    }
}

impl From<SpecErrors> for Failure {
    fn from(faults: SpecErrors) -> Self {
        Self::Spec(faults)
    }
}

/// Reads a file, unless its size alone says that it is no specification.
pub(crate) fn read(path: &Path) -> Result<Input, Failure> {
    let name = path.display().to_string();
    let failed = |error: io::Error| Failure::io(&name, &error);
    let file = File::open(path).map_err(failed)?;
    xml::check_size(&name, file.metadata().map_err(failed)?.len())?;
    let mut octets = Vec::new();
    // A device has no size; one octet over the limit is enough to tell.
    file.take(xml::MAX_OCTETS as u64 + 1)
        .read_to_end(&mut octets)
        .map_err(failed)?;
    Ok(Input { name, octets })
}

/// Writes all files or none: each is written beside its place first, and moved there once all are.
pub(crate) fn write(files: &[(PathBuf, &str)]) -> Result<(), Failure> {
    let mut staged = Staged(Vec::new());
    for (path, text) in files {
        let failed = |error: io::Error| Failure::io(&path.display(), &error);
        match fs::metadata(path) {
            // A device or a pipe keeps nothing, and must not be replaced by a file.
            Ok(metadata) if !metadata.is_file() => fs::write(path, text).map_err(failed)?,
            // Through a symbolic link, to the file itself.
            Ok(_) => staged.add(fs::canonicalize(path).map_err(failed)?, text)?,
            Err(_) => staged.add(path.clone(), text)?,
        }
    }
    staged.commit()
}

/// Files that wait beside their places.
struct Staged(Vec<(PathBuf, PathBuf)>);

impl Staged {
    fn add(&mut self, path: PathBuf, text: &str) -> Result<(), Failure> {
        let failed = |error: io::Error| Failure::io(&path.display(), &error);
        let no_name = || io::Error::from(io::ErrorKind::InvalidFilename);
        let mut name = OsString::from(".");
        name.push(path.file_name().ok_or_else(no_name).map_err(failed)?);
        name.push(format!(".{}.tmp", std::process::id()));
        let temporary = path.with_file_name(name);
        let written = fs::write(&temporary, text).map_err(failed);
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
