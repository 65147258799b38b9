//! Requests of the classes tx and channel: transactions, and channel.flow.

use crate::methods::{channel, tx};

use super::Request;
use crate::error::Refusal;
use crate::handle::channel::Channel;
use crate::handle::style::Style;

impl<S: Style> Channel<S> {
    /// Begins tx.select: from here on what is published and settled on the channel takes effect at
    /// [`tx_commit`](Self::tx_commit). RabbitMQ closes a channel in confirm mode for it (406).
    ///
    /// ```no_run
    /// # async fn example(channel: amqp_client::Channel) -> Result<(), Box<dyn std::error::Error>> {
    /// channel.tx_select().await?;
    /// channel.basic_publish("", "orders", "one coffee").await?;
    /// channel.basic_publish("", "bills", "3 euros").await?;
    /// channel.tx_commit().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn tx_select(&self) -> Request<'_, Self, tx::Select> {
        Request::new(self, tx::Select {})
    }

    /// Begins tx.commit: what was published and settled since the last one takes effect, and a new transaction begins.
    /// RabbitMQ promises no more than that for several queues: a crash may leave half of it. Until it has answered, nothing
    /// else is sent on the channel, for which it would close the connection: methods wait, and publishing is held back.
    ///
    /// ```no_run
    /// # async fn example(channel: amqp_client::Channel) -> Result<(), amqp_client::CallError> {
    /// channel.tx_commit().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn tx_commit(&self) -> Request<'_, Self, tx::Commit> {
        Request::new(self, tx::Commit {})
    }

    /// Begins tx.rollback: what was published since the last commit is dropped. What was settled is unsettled again and
    /// does not come again by itself: settle it by its tag, or [`basic_recover`](Self::basic_recover).
    ///
    /// ```no_run
    /// # async fn example(channel: amqp_client::Channel) -> Result<(), amqp_client::CallError> {
    /// channel.tx_rollback().await?;
    /// channel.basic_recover().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn tx_rollback(&self) -> Request<'_, Self, tx::Rollback> {
        Request::new(self, tx::Rollback {})
    }

    /// Begins channel.flow, which asks the server to deliver on this channel. RabbitMQ always does; use
    /// [`basic_qos`](Self::basic_qos) to be sent less.
    ///
    /// ```no_run
    /// # async fn example(channel: amqp_client::Channel) -> Result<(), amqp_client::CallError> {
    /// assert!(channel.channel_flow().await?.active);
    /// # Ok(())
    /// # }
    /// ```
    pub fn channel_flow(&self) -> Request<'_, Self, channel::Flow> {
        Request::new(self, channel::Flow { active: true })
    }
}

/// Options of [`Channel::channel_flow`].
impl<C> Request<'_, C, channel::Flow> {
    /// Asks it to stop, which RabbitMQ does not do: [refused](Refusal::FlowInactive).
    pub fn inactive(self) -> Self {
        self.refuse(Refusal::FlowInactive)
    }
}
