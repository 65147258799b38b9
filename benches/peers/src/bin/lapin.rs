//! lapin over tokio. Variants: `current-thread`, `multi-thread`, in which a publish or an ack is awaited before the next, as
//! its documentation does; `current-thread-pipelined`, `multi-thread-pipelined`, in which up to 1,000 are under way.
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::future::Future;

use amqp_harness::{BODY, Failure, Job, LARGE, Scenario, WINDOW};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    QueueDeclareOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::message::Delivery;
use lapin::{
    BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Consumer, PublisherConfirm,
};

fn main() -> Result<(), Failure> {
    amqp_harness::run(program)
}

async fn program(job: Job) -> Result<(), Failure> {
    let connection = Connection::connect(&job.uri(), ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let lapin = Lapin {
        queue: job.queue.as_str().into(),
        channel,
        pipelined: job.variant.ends_with("pipelined"),
        job,
    };
    match lapin.job.scenario {
        Scenario::Publish => lapin.publish(&BODY).await?,
        Scenario::Large => lapin.publish(&[7; LARGE]).await?,
        Scenario::Confirms => lapin.confirms().await?,
        Scenario::Consume | Scenario::ConsumeAck => lapin.consume_all().await?,
        Scenario::Confirm => lapin.confirm().await?,
        Scenario::PingPong => lapin.ping_pong().await?,
    }
    connection.close(200, "".into()).await?;
    Ok(())
}

struct Lapin {
    job: Job,
    channel: Channel,
    queue: ShortString,
    pipelined: bool,
}

impl Lapin {
    async fn round_trip(&self) -> Result<(), Failure> {
        let passive = QueueDeclareOptions {
            passive: true,
            ..Default::default()
        };
        self.channel
            .queue_declare(self.queue.clone(), passive, FieldTable::default())
            .await?;
        Ok(())
    }

    fn basic_publish<'a>(
        &'a self,
        body: &'a [u8],
    ) -> impl Future<Output = lapin::Result<PublisherConfirm>> + Send + 'a {
        let options = BasicPublishOptions::default();
        let properties = BasicProperties::default().with_delivery_mode(1);
        self.channel
            .basic_publish("".into(), self.queue.clone(), options, body, properties)
    }

    async fn publish(&self, body: &[u8]) -> Result<(), Failure> {
        let meter = self.job.start();
        if self.pipelined {
            let publishes = stream::iter(0..self.job.count).map(|_| self.basic_publish(body));
            let mut publishes = publishes.buffered(WINDOW);
            while publishes.try_next().await?.is_some() {}
        } else {
            for _ in 0..self.job.count {
                self.basic_publish(body).await?.await?;
            }
        }
        self.round_trip().await?;
        meter.finish();
        Ok(())
    }

    async fn confirm_select(&self) -> Result<(), Failure> {
        self.channel
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        Ok(())
    }

    async fn settled(confirm: PublisherConfirm) -> Result<(), Failure> {
        match confirm.await? {
            Confirmation::Ack(_) => Ok(()),
            _ => Err("not confirmed".into()),
        }
    }

    async fn confirms(&self) -> Result<(), Failure> {
        self.confirm_select().await?;
        let meter = self.job.start();
        if self.pipelined {
            let publish = |_| async { Self::settled(self.basic_publish(&BODY).await?).await };
            let mut publishes = stream::iter(0..self.job.count).map(publish).buffered(WINDOW);
            while publishes.try_next().await?.is_some() {}
        } else {
            let mut waiting = VecDeque::with_capacity(WINDOW);
            for _ in 0..self.job.count {
                if waiting.len() == WINDOW
                    && let Some(confirm) = waiting.pop_front()
                {
                    Self::settled(confirm).await?;
                }
                waiting.push_back(self.basic_publish(&BODY).await?);
            }
            for confirm in waiting {
                Self::settled(confirm).await?;
            }
        }
        meter.finish();
        Ok(())
    }

    async fn confirm(&self) -> Result<(), Failure> {
        self.confirm_select().await?;
        let mut meter = self.job.start();
        for _ in 0..self.job.count {
            Self::settled(self.basic_publish(&BODY).await?).await?;
            meter.lap();
        }
        meter.finish();
        Ok(())
    }

    async fn consume(&self, no_ack: bool) -> Result<Consumer, Failure> {
        let options = BasicConsumeOptions {
            no_ack,
            ..Default::default()
        };
        let arguments = FieldTable::default();
        let consume = self
            .channel
            .basic_consume(self.queue.clone(), "consumer".into(), options, arguments);
        Ok(consume.await?)
    }

    async fn consume_all(&self) -> Result<(), Failure> {
        let no_ack = self.job.scenario == Scenario::Consume;
        if !no_ack {
            self.channel
                .basic_qos(WINDOW as u16, BasicQosOptions::default())
                .await?;
        }
        let meter = self.job.start();
        let mut consumer = self.consume(no_ack).await?;
        self.round_trip().await?;
        if self.pipelined && !no_ack {
            let ack = |delivery: lapin::Result<Delivery>| async {
                delivery?.ack(BasicAckOptions::default()).await
            };
            let deliveries = consumer.by_ref().take(self.job.count as usize);
            let mut acks = deliveries.map(ack).buffered(WINDOW);
            while acks.try_next().await?.is_some() {}
        } else {
            for _ in 0..self.job.count {
                let delivery = consumer.next().await.ok_or("the consumer ended")??;
                if !no_ack {
                    delivery.ack(BasicAckOptions::default()).await?;
                }
            }
        }
        if !no_ack {
            self.round_trip().await?;
        }
        meter.finish();
        Ok(())
    }

    async fn ping_pong(&self) -> Result<(), Failure> {
        let mut consumer = self.consume(true).await?;
        let mut meter = self.job.start();
        for _ in 0..self.job.count {
            self.basic_publish(&BODY).await?;
            consumer.next().await.ok_or("the consumer ended")??;
            meter.lap();
        }
        meter.finish();
        Ok(())
    }
}
