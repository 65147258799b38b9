//! A message with everything that every revision can carry, and whether it came through.

use amqp_client::methods::basic;
use amqp_client::protocol::table::FieldArray;
use amqp_client::protocol::{FieldTable, FieldValue, ShortStr};
use amqp_client::{Channel, ConnectOptions, Delivery};
use amqp_tests::broker::Broker;

use crate::common::{Failure, Outcome};

/// A value of every type that RabbitMQ reads and writes alike; the names are in order, because newer brokers sort them.
fn headers() -> Result<FieldTable<'static>, Failure> {
    let nested = FieldTable::new().with("deep", FieldTable::new().with("er", "x")?)?;
    Ok(FieldTable::new()
        .with(
            "array",
            FieldArray::from_values([nested.clone(), nested.clone()])?,
        )?
        .with("bool", true)?
        .with("double", 2.5)?
        .with("i32", -7)?
        .with("i64", i64::MIN)?
        .with("none", FieldValue::Void)?
        .with("table", nested)?
        .with("text", "grüße")?
        .with("time", FieldValue::Timestamp(1_700_000_000))?)
}

fn properties() -> Result<basic::Properties<'static>, Failure> {
    let text = ShortStr::from_static;
    let options = ConnectOptions::try_from(Broker::shared().url())?;
    let user = options.config.credentials.user().ok_or("no user")?.to_owned();
    Ok(basic::Properties {
        content_type: Some(text("text/plain")),
        content_encoding: Some(text("utf-8")),
        headers: Some(headers()?),
        delivery_mode: Some(2),
        priority: Some(9),
        correlation_id: Some(text("correlation")),
        reply_to: Some(text("reply")),
        expiration: Some(text("3600000")),
        message_id: Some(text("message")),
        timestamp: Some(1_700_000_000),
        r#type: Some(text("type")),
        user_id: Some(user.try_into()?),
        app_id: Some(text("app")),
        reserved: Some(text("cluster")),
    })
}

pub(crate) async fn publish_with_everything(channel: &Channel, queue: &str) -> Outcome {
    let publish = channel.basic_publish("", queue, "body").properties(properties()?);
    Ok(publish.await?)
}

pub(crate) fn compare(delivery: &Delivery) -> Outcome {
    assert_eq!(delivery.properties(), properties()?);
    assert_eq!(delivery.body(), b"body");
    Ok(())
}
