//! What several suites on the shared broker begin with.

use std::error::Error;
use std::time::Duration;

use amqp_client::tokio::connect;
use amqp_client::{CallError, Channel, Connection};
use amqp_tests::broker::Broker;

pub(crate) type Failure = Box<dyn Error + Send + Sync>;
pub(crate) type Outcome = Result<(), Failure>;

/// What the slowest step takes on a busy machine, times ten.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) async fn open() -> Result<(Connection, Channel), Failure> {
    let connection = connect(Broker::shared().url()).await?;
    let channel = connection.open_channel().await?;
    Ok((connection, channel))
}

/// A queue that ends with its connection.
pub(crate) async fn own_queue(channel: &Channel) -> Result<String, CallError> {
    Ok(channel.queue_declare("").exclusive().await?.queue.to_string())
}
