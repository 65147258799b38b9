//! The scenarios with blocking handles, with a thread for octets or without.

use std::collections::VecDeque;

use amqp_client::bytes::Bytes;
use amqp_client::{Blocking, Body, Channel, Connection, Receipt};
use amqp_harness::{BODY, Failure, Job, LARGE, Scenario, WINDOW};

/// Does the job over an open connection.
///
/// # Errors
///
/// The client's.
pub fn run<W: Blocking>(job: &Job, connection: &Connection<W>) -> Result<(), Failure> {
    let channel = connection.open_channel()?;
    match job.scenario {
        Scenario::Publish => publish(job, &channel, || Body::from(&BODY)),
        Scenario::Large => {
            // What it does not have to copy.
            let body = Bytes::from_static(&[7; LARGE]);
            publish(job, &channel, || Body::from(body.clone()))
        }
        Scenario::Confirms => confirms(job, &channel),
        Scenario::Consume => consume(job, &channel),
        Scenario::ConsumeAck => consume_ack(job, &channel),
        Scenario::Confirm => confirm(job, &channel),
        Scenario::PingPong => ping_pong(job, &channel),
    }
}

/// A round trip, behind all that was sent before.
fn round_trip<W: Blocking>(job: &Job, channel: &Channel<W>) -> Result<(), Failure> {
    channel.queue_declare(&job.queue).passive().call()?;
    Ok(())
}

fn publish<'a, W: Blocking>(
    job: &Job,
    channel: &Channel<W>,
    body: impl Fn() -> Body<'a>,
) -> Result<(), Failure> {
    let meter = job.start();
    for _ in 0..job.count {
        channel.basic_publish("", &job.queue, body()).transient().call()?;
    }
    round_trip(job, channel)?;
    meter.finish();
    Ok(())
}

fn confirms<W: Blocking>(job: &Job, channel: &Channel<W>) -> Result<(), Failure> {
    let publisher = channel.confirm_select().call()?;
    let mut receipts: VecDeque<Receipt<W>> = VecDeque::with_capacity(WINDOW);
    let meter = job.start();
    for _ in 0..job.count {
        if receipts.len() == WINDOW
            && let Some(receipt) = receipts.pop_front()
        {
            receipt.wait()?;
        }
        receipts.push_back(publisher.publish("", &job.queue, &BODY).transient().call()?);
    }
    for receipt in receipts {
        receipt.wait()?;
    }
    meter.finish();
    Ok(())
}

fn consume<W: Blocking>(job: &Job, channel: &Channel<W>) -> Result<(), Failure> {
    let meter = job.start();
    let mut consumer = channel.basic_consume(&job.queue).no_ack().call()?;
    round_trip(job, channel)?;
    for _ in 0..job.count {
        drop(consumer.next().ok_or("the consumer ended")??);
    }
    meter.finish();
    Ok(())
}

fn consume_ack<W: Blocking>(job: &Job, channel: &Channel<W>) -> Result<(), Failure> {
    let consume = channel.basic_consume(&job.queue).prefetch_count(WINDOW as u16);
    let meter = job.start();
    let mut consumer = consume.call()?;
    round_trip(job, channel)?;
    for _ in 0..job.count {
        let delivery = consumer.next().ok_or("the consumer ended")??;
        delivery.ack().call()?;
    }
    round_trip(job, channel)?;
    meter.finish();
    Ok(())
}

fn confirm<W: Blocking>(job: &Job, channel: &Channel<W>) -> Result<(), Failure> {
    let publisher = channel.confirm_select().call()?;
    let mut meter = job.start();
    for _ in 0..job.count {
        let receipt = publisher.publish("", &job.queue, &BODY).transient().call()?;
        receipt.wait()?;
        meter.lap();
    }
    meter.finish();
    Ok(())
}

fn ping_pong<W: Blocking>(job: &Job, channel: &Channel<W>) -> Result<(), Failure> {
    let mut consumer = channel.basic_consume(&job.queue).no_ack().call()?;
    let mut meter = job.start();
    for _ in 0..job.count {
        channel.basic_publish("", &job.queue, &BODY).transient().call()?;
        drop(consumer.next().ok_or("the consumer ended")??);
        meter.lap();
    }
    meter.finish();
    Ok(())
}
