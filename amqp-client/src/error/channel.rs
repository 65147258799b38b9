//! Why a channel ended.

use super::connection::ConnectionError;
use super::explained::Explanation;
use super::peer::Close;

/// Why a channel ended, or never opened. Other channels of its connection live on, unless it says
/// [`Connection`](Self::Connection).
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// This client closed the channel, or dropped its last handle.
    #[error("the channel was closed by this client")]
    Closed,
    /// The server sent channel.close.
    #[error("the server closed the channel: {0}")]
    ClosedByServer(Close),
    /// Several calls on the channel got no reply in time, so that what later replies belong to is in doubt; it was closed.
    #[error("the channel was closed after {timed_out} calls without a reply")]
    Poisoned {
        /// How many calls timed out.
        timed_out: u32,
    },
    /// A consumer without acknowledgements on this channel was so far behind that it was
    /// [ended](crate::ConsumerEnd::Overflow), and nothing else stops its deliveries.
    #[error("the channel was closed because a consumer without acknowledgements was too far behind")]
    Overflow,
    /// As many channels are in use as the connection may have. One that is dropped or being closed is in use until the
    /// server has answered: to open another in its place, await [`close`](crate::Channel::close).
    #[error("all {channel_max} channels of the connection are in use{}", being_closed(*closing))]
    NoFreeChannel {
        /// The negotiated maximum.
        channel_max: u16,
        /// How many of them are being closed, and will be free soon.
        closing: u16,
    },
    /// The connection ended, and its channels with it.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
}

impl ChannelError {
    /// Whether RabbitMQ closed the channel because a delivery stayed unsettled for longer than its `consumer_timeout`, half
    /// an hour unless it is configured. All that was unsettled on the channel is requeued. RabbitMQ says so with a plain 406,
    /// so this goes by its words: [`Close::explain`].
    ///
    /// ```no_run
    /// # async fn example(mut consumer: amqp_client::Consumer) {
    /// use amqp_client::{ConsumerEnd, ConsumerError};
    ///
    /// if let Some(Err(ConsumerError::Ended(ConsumerEnd::Channel(error)))) = consumer.next().await
    ///     && error.is_consumer_timeout()
    /// {
    ///     eprintln!("a handler takes too long: {error}");
    /// }
    /// # }
    /// ```
    pub fn is_consumer_timeout(&self) -> bool {
        self.closed_by_server()
            .is_some_and(|close| matches!(close.explain(), Explanation::AcknowledgementTimedOut { .. }))
    }

    /// What the server said, when it was the server that closed the channel or its connection.
    pub fn closed_by_server(&self) -> Option<&Close> {
        match self {
            Self::ClosedByServer(close) => Some(close),
            Self::Connection(error) => error.closed_by_server(),
            _ => None,
        }
    }
}

/// What is said of channels in use that soon are not.
fn being_closed(closing: u16) -> String {
    match closing {
        0 => String::new(),
        closing => format!(", {closing} of them being closed"),
    }
}
