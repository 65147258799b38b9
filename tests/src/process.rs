//! Looking at processes, and waiting for what they do. Starting and ending them is the supervisor's.

use std::fs;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

/// Whether any thread of the process has not ended. A zombie's have.
pub(crate) fn is_running(pid: u32) -> bool {
    // The first thread may be a zombie while others still hold the process's files and sockets.
    fs::read_dir(format!("/proc/{pid}/task")).is_ok_and(|threads| {
        threads.flatten().any(|thread| {
            // "ID (NAME) STATE …", where NAME may hold anything, a parenthesis included.
            let stat = fs::read_to_string(thread.path().join("stat")).unwrap_or_default();
            stat.rsplit(") ")
                .next()
                .is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
        })
    })
}

/// Asks `condition` again and again until it yields something or `limit` has passed.
///
/// # Errors
/// What `condition` fails with; `TimedOut`, naming `what`, when the limit has passed.
pub(crate) fn wait_for<T>(
    what: &str,
    limit: Duration,
    mut condition: impl FnMut() -> io::Result<Option<T>>,
) -> io::Result<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(answer) = condition()? {
            return Ok(answer);
        }
        if Instant::now() >= deadline {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("{what}: not within {limit:?}"),
            ));
        }
        thread::sleep(Duration::from_millis(20));
    }
}
