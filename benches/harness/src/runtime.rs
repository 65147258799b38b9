//! The runtimes of programs over tokio.

use std::future::Future;

use tokio::runtime::Builder;

use crate::{Failure, Job};

/// Runs an async program over tokio as the job's variant begins: `current-thread` or `multi-thread`. In the latter it is a
/// task, and so on a worker thread, like the tasks that a client spawns.
///
/// # Errors
///
/// The program's, and that there is no such variant.
pub fn run<F>(program: impl FnOnce(Job) -> F) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let job = Job::from_args()?;
    if job.variant.starts_with("current-thread") {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(program(job))
    } else if job.variant.starts_with("multi-thread") {
        let runtime = Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(runtime.spawn(program(job)))?
    } else {
        Err(job.unknown_variant())
    }
}
