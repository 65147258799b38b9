//! Secrets that expire, with tokio's timers. What is done with them stands in `credentials` and on the connection.

use std::future::Future;

use ::tokio::time::sleep;

use crate::error::RefreshError;
use crate::handle::Connection;

/// [`Connection::keep_secret_fresh`] with tokio's timer, to be spawned.
///
/// Dropping the future leaves the connection with the secret that it has.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// # let options = amqp_client::ConnectOptions::default();
/// let connection = amqp_client::tokio::connect(options).await?;
/// tokio::spawn(amqp_client::tokio::keep_secret_fresh(&connection));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// When a secret has expired and could not be replaced.
pub fn keep_secret_fresh(
    connection: &Connection,
) -> impl Future<Output = Result<(), RefreshError>> + Send + use<> {
    connection.keep_secret_fresh(sleep)
}
