//! Taps that write: octets for `wire dissect`, and text for people.

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::{Frame, Sender, Tap};

type Output = BufWriter<Box<dyn Write + Send>>;

/// Records the octets of each direction of each connection, for the program `wire dissect` of `amqp-protocol` and for
/// others that read captures. Secrets are [hidden](Tap).
///
/// ```no_run
/// use std::sync::Arc;
/// use amqp_client::ConnectOptions;
/// use amqp_client::wire::Recorder;
///
/// # #[cfg(feature = "tokio")]
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// // Writes session-1.client and session-1.server; a second connection has the number 2.
/// let recorder = Arc::new(Recorder::to_files("session"));
/// let mut options: ConnectOptions = "amqp://localhost".parse()?;
/// options.config.wire_tap = Some(recorder.clone());
/// let connection = amqp_client::tokio::connect(options).await?;
/// connection.close().await?;
/// if let Some(error) = recorder.take_error() {
///     eprintln!("the recording is not complete: {error}");
/// }
/// # Ok(())
/// # }
/// ```
///
/// ```sh
/// cargo run -p amqp-protocol --all-features --example wire -- dissect session-1.client
/// ```
///
/// Each frame is written, and flushed, before the connection goes on, so that a recording is there after a crash. A
/// direction that could not be opened or written to is not written to any more: what is recorded has no gaps.
pub struct Recorder {
    open: Box<Open>,
    state: Mutex<State>,
}

type Open = dyn Fn(u64, Sender) -> io::Result<Box<dyn Write + Send>> + Send + Sync;

#[derive(Default)]
struct State {
    /// Where each direction of each connection goes; `None` after an error.
    outputs: HashMap<(u64, Sender), Option<Output>>,
    error: Option<io::Error>,
}

impl Recorder {
    /// Records to what `open` makes for each direction of a connection, whose number it gets. It is asked at the first
    /// frame, and what it made is dropped when the connection has ended.
    pub fn new<W, F>(open: F) -> Self
    where
        W: Write + Send + 'static,
        F: Fn(u64, Sender) -> io::Result<W> + Send + Sync + 'static,
    {
        Self {
            open: Box::new(move |connection, sender| Ok(Box::new(open(connection, sender)?))),
            state: Mutex::default(),
        }
    }

    /// Records to the files `NAME-N.client` and `NAME-N.server`, where N is the [number of the
    /// connection](Frame::connection). Files that are there are overwritten.
    pub fn to_files(name: impl Into<PathBuf>) -> Self {
        let name = name.into();
        Self::new(move |connection, sender| {
            let mut path = name.clone().into_os_string();
            path.push(format!("-{connection}.{sender}"));
            File::create(path)
        })
    }

    /// The first error since it was last asked for. Recordings that had one end there.
    pub fn take_error(&self) -> Option<io::Error> {
        self.state().error.take()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tap for Recorder {
    fn frame(&self, frame: &Frame<'_>) {
        let (connection, sender) = (frame.connection, frame.sender);
        let State { outputs, error } = &mut *self.state();
        let output = outputs.entry((connection, sender)).or_insert_with(|| {
            let opened = (self.open)(connection, sender);
            opened
                .map(BufWriter::new)
                .map_err(|failure| error.get_or_insert(failure))
                .ok()
        });
        if let Some(writer) = output
            && let Err(failure) = write(writer, frame)
        {
            error.get_or_insert(failure);
            *output = None;
        }
    }

    fn ended(&self, connection: u64) {
        self.state()
            .outputs
            .retain(|(number, _), _| *number != connection);
    }
}

fn write(output: &mut Output, frame: &Frame<'_>) -> io::Result<()> {
    for octets in frame.octets() {
        output.write_all(octets)?;
    }
    output.flush()
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

/// Writes a line for each frame: the seconds since the first one, and its [`Display`](fmt::Display).
///
/// ```
/// use std::sync::Arc;
/// use amqp_client::Config;
/// use amqp_client::wire::Text;
///
/// let config = Config::default().wire_tap(Arc::new(Text::new(std::io::stderr())));
/// ```
///
/// A line that cannot be written is lost.
#[derive(Debug)]
pub struct Text<W> {
    output: Mutex<(W, Option<Instant>)>,
}

impl<W: Write + Send> Text<W> {
    /// Writes to `output`.
    pub fn new(output: W) -> Self {
        Self {
            output: Mutex::new((output, None)),
        }
    }
}

impl<W: Write + Send> Tap for Text<W> {
    fn frame(&self, frame: &Frame<'_>) {
        let (output, first) = &mut *self.output.lock().unwrap_or_else(PoisonError::into_inner);
        let first = *first.get_or_insert(frame.at);
        let seconds = frame.at.saturating_duration_since(first).as_secs_f64();
        // At once: lines of several writers would mix.
        let line = format!("{seconds:.6} {frame}\n");
        let _ = output.write_all(line.as_bytes()).and_then(|()| output.flush());
    }
}
