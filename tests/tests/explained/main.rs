//! Every explanation of a close, provoked on a real node (RabbitMQ 3.10): what is read from its words is what was done.

/// Asserts what a close means.
macro_rules! explained {
    ($close:expr, $expected:expr) => {
        let close = $close;
        assert_eq!(close.explain(), $expected, "{close}");
    };
}

mod access;
mod declarations;
mod messages;
mod names;
mod operators;
mod refusals;

use std::error::Error;
use std::time::Duration;

use amqp_client::explained::{ArgumentValue, Entity, EntityKind, Explanation};
use amqp_client::protocol::DeliveryTag;
use amqp_client::protocol::v0_9_1::basic;
use amqp_client::tokio::connect;
use amqp_client::{
    CallError, Channel, Close, ConnectOptions, Connection, ConnectionError, Credentials, QueueType,
};
use amqp_tests::broker::Broker;
use tokio::time::timeout;

/// What the slowest step takes on a busy machine, times ten.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// A virtual host with quotes and spaces in its name, and options to connect to it.
pub(crate) fn own_vhost(test: &str) -> (String, ConnectOptions) {
    let name = format!("it's {test} {}", std::process::id());
    let broker = Broker::shared();
    broker.rabbitmqctl(["add_vhost", &name]).unwrap();
    broker
        .rabbitmqctl(["set_permissions", "-p", &name, "guest", ".*", ".*", ".*"])
        .unwrap();
    let mut options: ConnectOptions = broker.url().parse().unwrap();
    options.config.virtual_host.clone_from(&name);
    (name, options)
}

/// What the server says to this use of a channel, on a connection of its own.
pub(crate) async fn close_of<T>(
    options: &ConnectOptions,
    used: impl AsyncFnOnce(&Channel) -> Result<T, CallError>,
) -> Close {
    let connection = connect(options.clone()).await.unwrap();
    let channel = connection.open_channel().await.unwrap();
    let error = match used(&channel).await {
        Ok(_) => panic!("it went well"),
        Err(error) => error,
    };
    let close = error.closed_by_server().expect("no close").clone();
    println!("{} {:?}", close.reply_code.0, close.reply_text);
    println!("     {}", close.explain());
    let _ = connection.close().await;
    close
}

/// Waits for what a method without an answer costs.
pub(crate) async fn sync(channel: &Channel) -> Result<(), CallError> {
    loop {
        channel.queue_declare("").exclusive().await?;
    }
}

/// Names that hold what the server puts around names.
pub(crate) const QUEUE: &str = "it's an 'odd' queue: \u{1F430} in use";
pub(crate) const EXCHANGE: &str = "'quoted' \u{e9}xchange";

pub(crate) fn named(kind: EntityKind, name: &'static str, virtual_host: &str) -> Entity<'static> {
    Entity {
        kind,
        name,
        virtual_host: virtual_host.to_owned().leak(),
    }
}

pub(crate) fn set(value: &str) -> ArgumentValue<'_> {
    ArgumentValue::Set {
        value,
        type_name: None,
    }
}

pub(crate) fn typed<'a>(value: &'a str, type_name: &'a str) -> ArgumentValue<'a> {
    ArgumentValue::Set {
        value,
        type_name: Some(type_name),
    }
}

/// Waits for the end of a connection that the server closes.
pub(crate) async fn end_of(connection: &Connection) -> Close {
    let error = timeout(LIMIT, connection.closed()).await.unwrap();
    let ConnectionError::ClosedByServer(close) = &error else {
        panic!("{error}")
    };
    println!("{} {:?}", close.reply_code.0, close.reply_text);
    close.clone()
}
