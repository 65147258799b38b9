//! This client over tokio. Variants: `current-thread`, `multi-thread`.
#![forbid(unsafe_code)]

use amqp_client::tokio::connect;
use amqp_clients::asynchronous;
use amqp_harness::Failure;

fn main() -> Result<(), Failure> {
    amqp_harness::run(|job| async move {
        let connection = connect(job.uri()).await?;
        asynchronous::run(&job, &connection).await?;
        connection.close().await?;
        Ok(())
    })
}
