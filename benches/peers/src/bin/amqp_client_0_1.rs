//! The crate amqp-client 0.1.0 over tokio. Variants: `current-thread`, `multi-thread`.
#![forbid(unsafe_code)]

use std::collections::VecDeque;

use amqp_client_0_1::{
    BasicProperties, Channel, Confirmation, Connection, ConsumeOpts, PublishConfirm, QueueDeclareOpts,
};
use amqp_harness::{BODY, Failure, Job, LARGE, Scenario, WINDOW};
use bytes::Bytes;

fn main() -> Result<(), Failure> {
    amqp_harness::run(program)
}

async fn program(job: Job) -> Result<(), Failure> {
    let connection = Connection::connect(&job.uri()).await?;
    let channel = connection.open_channel().await?;
    match job.scenario {
        Scenario::Publish => publish(&job, &channel, &BODY).await?,
        Scenario::Large => publish(&job, &channel, &[7; LARGE]).await?,
        Scenario::Confirms => confirms(&job, &channel).await?,
        Scenario::Consume | Scenario::ConsumeAck => consume(&job, &channel).await?,
        Scenario::Confirm => confirm(&job, &channel).await?,
        Scenario::PingPong => ping_pong(&job, &channel).await?,
    }
    connection.close().await?;
    Ok(())
}

fn properties() -> BasicProperties {
    BasicProperties {
        delivery_mode: Some(1),
        ..BasicProperties::new()
    }
}

async fn round_trip(job: &Job, channel: &Channel) -> Result<(), Failure> {
    let passive = QueueDeclareOpts {
        passive: true,
        ..Default::default()
    };
    channel.queue_declare(&job.queue, passive).await?;
    Ok(())
}

async fn publish(job: &Job, channel: &Channel, body: &'static [u8]) -> Result<(), Failure> {
    // What it does not have to copy.
    let body = Bytes::from_static(body);
    let meter = job.start();
    for _ in 0..job.count {
        channel
            .basic_publish("", &job.queue, body.clone(), properties())
            .await?;
    }
    round_trip(job, channel).await?;
    meter.finish();
    Ok(())
}

async fn publish_confirmed(job: &Job, channel: &Channel) -> Result<PublishConfirm, Failure> {
    let body = Bytes::from_static(&BODY);
    let confirm = channel.basic_publish_confirmed("", &job.queue, body, properties(), false);
    Ok(confirm.await?)
}

async fn settled(confirm: PublishConfirm) -> Result<(), Failure> {
    match confirm.await? {
        Confirmation::Acked => Ok(()),
        Confirmation::Nacked { .. } => Err("refused".into()),
    }
}

async fn confirms(job: &Job, channel: &Channel) -> Result<(), Failure> {
    channel.confirm_select().await?;
    let mut waiting = VecDeque::with_capacity(WINDOW);
    let meter = job.start();
    for _ in 0..job.count {
        if waiting.len() == WINDOW
            && let Some(confirm) = waiting.pop_front()
        {
            settled(confirm).await?;
        }
        waiting.push_back(publish_confirmed(job, channel).await?);
    }
    for confirm in waiting {
        settled(confirm).await?;
    }
    meter.finish();
    Ok(())
}

async fn consume(job: &Job, channel: &Channel) -> Result<(), Failure> {
    let no_ack = job.scenario == Scenario::Consume;
    if !no_ack {
        channel.basic_qos(WINDOW as u16, false).await?;
    }
    let options = ConsumeOpts {
        no_ack,
        ..Default::default()
    };
    let meter = job.start();
    let mut consumer = channel.basic_consume(&job.queue, "", options).await?;
    round_trip(job, channel).await?;
    for _ in 0..job.count {
        let delivery = consumer.next().await.ok_or("the consumer ended")?;
        if !no_ack {
            delivery.ack()?;
        }
    }
    if !no_ack {
        round_trip(job, channel).await?;
    }
    meter.finish();
    Ok(())
}

async fn confirm(job: &Job, channel: &Channel) -> Result<(), Failure> {
    channel.confirm_select().await?;
    let mut meter = job.start();
    for _ in 0..job.count {
        settled(publish_confirmed(job, channel).await?).await?;
        meter.lap();
    }
    meter.finish();
    Ok(())
}

async fn ping_pong(job: &Job, channel: &Channel) -> Result<(), Failure> {
    let options = ConsumeOpts {
        no_ack: true,
        ..Default::default()
    };
    let mut consumer = channel.basic_consume(&job.queue, "", options).await?;
    let mut meter = job.start();
    for _ in 0..job.count {
        let body = Bytes::from_static(&BODY);
        channel.basic_publish("", &job.queue, body, properties()).await?;
        consumer.next().await.ok_or("the consumer ended")?;
        meter.lap();
    }
    meter.finish();
    Ok(())
}
