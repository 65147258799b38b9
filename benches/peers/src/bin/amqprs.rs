//! amqprs over tokio. Variants: `current-thread`, `multi-thread`.
#![forbid(unsafe_code)]

use std::sync::Arc;

use amqp_harness::{BODY, Failure, Job, LARGE, Scenario, WINDOW};
use amqprs::callbacks::{ChannelCallback, DefaultConnectionCallback};
use amqprs::channel::{
    BasicAckArguments, BasicConsumeArguments, BasicPublishArguments, BasicQosArguments, Channel,
    ConfirmSelectArguments, ConsumerMessage, QueueDeclareArguments,
};
use amqprs::connection::{Connection, OpenConnectionArguments};
use amqprs::{Ack, BasicProperties, Cancel, CloseChannel, Nack, Return};
use async_trait::async_trait;
use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedReceiver;

fn main() -> Result<(), Failure> {
    amqp_harness::run(program)
}

async fn program(job: Job) -> Result<(), Failure> {
    let (host, port) = (job.address.ip().to_string(), job.address.port());
    let arguments = OpenConnectionArguments::new(&host, port, "guest", "guest");
    let connection = Connection::open(&arguments).await?;
    connection.register_callback(DefaultConnectionCallback).await?;
    let channel = connection.open_channel(None).await?;
    let amqprs = Amqprs {
        publish: BasicPublishArguments::new("", &job.queue),
        properties: BasicProperties::default().with_delivery_mode(1).finish(),
        channel,
        job,
    };
    match amqprs.job.scenario {
        Scenario::Publish => amqprs.publish_all(&BODY).await?,
        Scenario::Large => amqprs.publish_all(&[7; LARGE]).await?,
        Scenario::Confirms => amqprs.confirms(WINDOW).await?,
        Scenario::Confirm => amqprs.confirms(1).await?,
        Scenario::Consume | Scenario::ConsumeAck => amqprs.consume_all().await?,
        Scenario::PingPong => amqprs.ping_pong().await?,
    }
    connection.close().await?;
    Ok(())
}

struct Amqprs {
    job: Job,
    channel: Channel,
    publish: BasicPublishArguments,
    properties: BasicProperties,
}

/// Gives a permit back for each confirm.
struct Confirms {
    window: Arc<Semaphore>,
    settled: u64,
}

impl Confirms {
    fn settle(&mut self, delivery_tag: u64) {
        self.window.add_permits((delivery_tag - self.settled) as usize);
        self.settled = delivery_tag;
    }
}

#[async_trait]
impl ChannelCallback for Confirms {
    async fn close(&mut self, _: &Channel, _: CloseChannel) -> Result<(), amqprs::error::Error> {
        Ok(())
    }

    async fn cancel(&mut self, _: &Channel, _: Cancel) -> Result<(), amqprs::error::Error> {
        Ok(())
    }

    async fn flow(&mut self, _: &Channel, active: bool) -> Result<bool, amqprs::error::Error> {
        Ok(active)
    }

    async fn publish_ack(&mut self, _: &Channel, ack: Ack) {
        // The broker confirms in order.
        self.settle(ack.delivery_tag());
    }

    async fn publish_nack(&mut self, _: &Channel, _: Nack) {}

    async fn publish_return(&mut self, _: &Channel, _: Return, _: BasicProperties, _: Vec<u8>) {}
}

impl Amqprs {
    async fn round_trip(&self) -> Result<(), Failure> {
        let declare = QueueDeclareArguments::new(&self.job.queue).passive(true).finish();
        self.channel.queue_declare(declare).await?;
        Ok(())
    }

    async fn publish(&self, body: &[u8]) -> Result<(), Failure> {
        let (properties, arguments) = (self.properties.clone(), self.publish.clone());
        self.channel
            .basic_publish(properties, body.to_vec(), arguments)
            .await?;
        Ok(())
    }

    async fn publish_all(&self, body: &[u8]) -> Result<(), Failure> {
        let meter = self.job.start();
        for _ in 0..self.job.count {
            self.publish(body).await?;
        }
        self.round_trip().await?;
        meter.finish();
        Ok(())
    }

    /// Confirms come to a callback.
    async fn confirms(&self, outstanding: usize) -> Result<(), Failure> {
        let window = Arc::new(Semaphore::new(outstanding));
        let callback = Confirms {
            window: Arc::clone(&window),
            settled: 0,
        };
        self.channel.register_callback(callback).await?;
        self.channel
            .confirm_select(ConfirmSelectArguments::default())
            .await?;
        let mut meter = self.job.start();
        for _ in 0..self.job.count {
            window.acquire().await?.forget();
            self.publish(&BODY).await?;
            if outstanding == 1 {
                drop(window.acquire().await?);
                meter.lap();
            }
        }
        drop(window.acquire_many(outstanding as u32).await?);
        meter.finish();
        Ok(())
    }

    async fn consume(&self, no_ack: bool) -> Result<UnboundedReceiver<ConsumerMessage>, Failure> {
        let consume = BasicConsumeArguments::new(&self.job.queue, "consumer")
            .auto_ack(no_ack)
            .finish();
        let (_, messages) = self.channel.basic_consume_rx(consume).await?;
        Ok(messages)
    }

    async fn consume_all(&self) -> Result<(), Failure> {
        let no_ack = self.job.scenario == Scenario::Consume;
        if !no_ack {
            let qos = BasicQosArguments::new(0, WINDOW as u16, false);
            self.channel.basic_qos(qos).await?;
        }
        let meter = self.job.start();
        let mut messages = self.consume(no_ack).await?;
        self.round_trip().await?;
        for _ in 0..self.job.count {
            let message = messages.recv().await.ok_or("the consumer ended")?;
            if !no_ack {
                let delivery_tag = message.deliver.ok_or("no method")?.delivery_tag();
                let ack = BasicAckArguments::new(delivery_tag, false);
                self.channel.basic_ack(ack).await?;
            }
        }
        if !no_ack {
            self.round_trip().await?;
        }
        meter.finish();
        Ok(())
    }

    async fn ping_pong(&self) -> Result<(), Failure> {
        let mut messages = self.consume(true).await?;
        let mut meter = self.job.start();
        for _ in 0..self.job.count {
            self.publish(&BODY).await?;
            messages.recv().await.ok_or("the consumer ended")?;
            meter.lap();
        }
        meter.finish();
        Ok(())
    }
}
