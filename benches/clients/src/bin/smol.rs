//! This client over smol, with an executor on one thread. Variant: `one-thread`.
#![forbid(unsafe_code)]

use amqp_client::smol::connect;
use amqp_clients::asynchronous;
use amqp_harness::{Failure, Job};

fn main() -> Result<(), Failure> {
    let job = Job::from_args()?;
    if job.variant != "one-thread" {
        return Err(job.unknown_variant());
    }
    let executor = smol::LocalExecutor::new();
    smol::block_on(executor.run(async {
        let (connection, driver) = connect(job.uri()).await?;
        executor.spawn(driver).detach();
        asynchronous::run(&job, &connection).await?;
        connection.close().await?;
        Ok(())
    }))
}
