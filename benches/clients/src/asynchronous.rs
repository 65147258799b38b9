//! The scenarios with async handles, on any runtime.

use std::collections::VecDeque;

use amqp_client::bytes::Bytes;
use amqp_client::{Body, Channel, Connection};
use amqp_harness::{BODY, Failure, Job, LARGE, Scenario, WINDOW};

/// Does the job over an open connection.
///
/// # Errors
///
/// The client's.
pub async fn run(job: &Job, connection: &Connection) -> Result<(), Failure> {
    let channel = connection.open_channel().await?;
    match job.scenario {
        Scenario::Publish => publish(job, &channel, || Body::from(&BODY)).await,
        Scenario::Large => {
            // What it does not have to copy.
            let body = Bytes::from_static(&[7; LARGE]);
            publish(job, &channel, || Body::from(body.clone())).await
        }
        Scenario::Confirms => confirms(job, &channel).await,
        Scenario::Consume => consume(job, &channel).await,
        Scenario::ConsumeAck => consume_ack(job, &channel).await,
        Scenario::Confirm => confirm(job, &channel).await,
        Scenario::PingPong => ping_pong(job, &channel).await,
    }
}

/// A round trip, behind all that was sent before.
async fn round_trip(job: &Job, channel: &Channel) -> Result<(), Failure> {
    channel.queue_declare(&job.queue).passive().await?;
    Ok(())
}

async fn publish<'a>(job: &Job, channel: &Channel, body: impl Fn() -> Body<'a>) -> Result<(), Failure> {
    let meter = job.start();
    for _ in 0..job.count {
        channel.basic_publish("", &job.queue, body()).transient().await?;
    }
    round_trip(job, channel).await?;
    meter.finish();
    Ok(())
}

async fn confirms(job: &Job, channel: &Channel) -> Result<(), Failure> {
    let publisher = channel.confirm_select().await?;
    let mut receipts = VecDeque::with_capacity(WINDOW);
    let meter = job.start();
    for _ in 0..job.count {
        if receipts.len() == WINDOW
            && let Some(receipt) = receipts.pop_front()
        {
            receipt.await?;
        }
        receipts.push_back(publisher.publish("", &job.queue, &BODY).transient().await?);
    }
    for receipt in receipts {
        receipt.await?;
    }
    meter.finish();
    Ok(())
}

async fn consume(job: &Job, channel: &Channel) -> Result<(), Failure> {
    let meter = job.start();
    let mut consumer = channel.basic_consume(&job.queue).no_ack().await?;
    round_trip(job, channel).await?;
    for _ in 0..job.count {
        drop(consumer.next().await.ok_or("the consumer ended")??);
    }
    meter.finish();
    Ok(())
}

async fn consume_ack(job: &Job, channel: &Channel) -> Result<(), Failure> {
    let consume = channel.basic_consume(&job.queue).prefetch_count(WINDOW as u16);
    let meter = job.start();
    let mut consumer = consume.await?;
    round_trip(job, channel).await?;
    for _ in 0..job.count {
        let delivery = consumer.next().await.ok_or("the consumer ended")??;
        delivery.ack().await?;
    }
    round_trip(job, channel).await?;
    meter.finish();
    Ok(())
}

async fn confirm(job: &Job, channel: &Channel) -> Result<(), Failure> {
    let publisher = channel.confirm_select().await?;
    let mut meter = job.start();
    for _ in 0..job.count {
        publisher
            .publish("", &job.queue, &BODY)
            .transient()
            .await?
            .await?;
        meter.lap();
    }
    meter.finish();
    Ok(())
}

async fn ping_pong(job: &Job, channel: &Channel) -> Result<(), Failure> {
    let mut consumer = channel.basic_consume(&job.queue).no_ack().await?;
    let mut meter = job.start();
    for _ in 0..job.count {
        channel.basic_publish("", &job.queue, &BODY).transient().await?;
        drop(consumer.next().await.ok_or("the consumer ended")??);
        meter.lap();
    }
    meter.finish();
    Ok(())
}
