//! What a program can do in every style, told once. Which style it is, and by which adapter, a scenario does not know.

mod connecting;
mod ending;
mod messages;
mod publishing;
mod scripted;

pub(crate) use connecting::*;
pub(crate) use ending::*;
pub(crate) use messages::*;
pub(crate) use publishing::*;
pub(crate) use scripted::*;

use amqp_client::{ConnectionEvent, Delivery};

use crate::client::{Adapter, ChannelOf, Client};
use crate::stage::{Failure, Outcome, options};

/// A connection to the shared broker, a channel, and a queue that ends with them.
struct Place<C: Client> {
    client: C,
    channel: ChannelOf<C>,
    queue: String,
}

impl<C: Client> Place<C> {
    async fn new<A: Adapter<Client = C>>() -> Result<Self, Failure> {
        Self::of(A::connect(options()?).await?).await
    }

    async fn of(client: C) -> Result<Self, Failure> {
        let channel = client.open_channel().await?;
        let declared = client.call(channel.queue_declare("").exclusive()).await?;
        Ok(Self {
            client,
            channel,
            queue: declared.queue.to_string(),
        })
    }

    /// Publishes a message for each of the bodies.
    async fn fill(&self, bodies: &[&str]) -> Outcome {
        for body in bodies {
            let publish = self.channel.basic_publish("", &self.queue, *body);
            self.client.publish(publish).await?;
        }
        Ok(())
    }

    async fn get(&self) -> Result<Option<Delivery>, Failure> {
        Ok(self.client.get(self.channel.basic_get(&self.queue)).await?)
    }

    /// How many messages are ready. RabbitMQ answers before it has looked at what was not confirmed.
    async fn count(&self) -> Result<u32, Failure> {
        let declare = self.channel.queue_declare(&self.queue).passive();
        Ok(self.client.call(declare).await?.message_count)
    }

    async fn consume(&self) -> Result<C::Consumer, Failure> {
        Ok(self
            .client
            .consume(self.channel.basic_consume(&self.queue))
            .await?)
    }

    async fn next(&self, consumer: &mut C::Consumer) -> Result<Delivery, Failure> {
        Ok(self
            .client
            .next(consumer)
            .await
            .ok_or("the consumer has ended")??)
    }
}

/// Waits for an event of this kind.
async fn until<C: Client>(
    client: &C,
    events: &mut C::Events,
    wanted: impl Fn(&ConnectionEvent) -> bool,
) -> Outcome {
    while let Some(event) = client.event(events).await {
        if wanted(&event) {
            return Ok(());
        }
    }
    Err("the connection is over".into())
}
