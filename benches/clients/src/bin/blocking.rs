//! This client without async. Variants: `thread`, one of its own moves octets; `single-threaded`.
#![forbid(unsafe_code)]

use amqp_client::blocking::{Connection, SingleThreaded};
use amqp_clients::blocking;
use amqp_harness::{Failure, Job};

fn main() -> Result<(), Failure> {
    let job = Job::from_args()?;
    match job.variant.as_str() {
        "thread" => {
            let connection = Connection::connect(job.uri())?;
            blocking::run(&job, &connection)?;
            connection.close()?;
        }
        "single-threaded" => {
            let connection = SingleThreaded::connect(job.uri())?;
            blocking::run(&job, &connection)?;
            connection.close()?;
        }
        _ => return Err(job.unknown_variant()),
    }
    Ok(())
}
