//! What the scenarios want of a client. Each client is used as its documentation says; what it cannot do, it says.

use std::future::Future;

/// What became of a message that was published with confirms.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Confirmed,
    Refused,
    Returned,
}

pub(crate) type Result<T, E = String> = std::result::Result<T, E>;

pub(crate) trait Client: Send + Sync + Sized + 'static {
    type Channel: Send + Sync + 'static;
    type Consumer: Send + 'static;

    fn connect(uri: &str) -> impl Future<Output = Result<Self>> + Send;
    fn channel(&self) -> impl Future<Output = Result<Self::Channel>> + Send;
    fn confirm_channel(&self) -> impl Future<Output = Result<Self::Channel>> + Send;
    /// Declares a queue that ends with the connection; the name in the reply.
    fn declare(channel: &Self::Channel, queue: &str) -> impl Future<Output = Result<String>> + Send;
    /// Messages and consumers of a queue.
    fn count(channel: &Self::Channel, queue: &str) -> impl Future<Output = Result<(u32, u32)>> + Send;
    fn publish(channel: &Self::Channel, queue: &str, body: &[u8]) -> impl Future<Output = Result<()>> + Send;
    /// Publishes with `mandatory` on a confirm channel and waits for what becomes of it.
    fn publish_confirmed(
        channel: &Self::Channel,
        queue: &str,
    ) -> impl Future<Output = Result<Outcome>> + Send;
    fn consume(
        channel: &Self::Channel,
        queue: &str,
        no_ack: bool,
    ) -> impl Future<Output = Result<Self::Consumer>> + Send;
    /// The next delivery's body, unsettled deliveries being acked; `None` at the end.
    fn next(consumer: &mut Self::Consumer) -> impl Future<Output = Option<Result<Vec<u8>>>> + Send;
    fn close(self) -> impl Future<Output = Result<()>> + Send;
}

/// Any error, in its own words.
pub(crate) fn text(error: impl std::fmt::Debug + std::fmt::Display) -> String {
    let text = error.to_string();
    if text.is_empty() {
        format!("{error:?}")
    } else {
        text
    }
}
