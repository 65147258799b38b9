//! Every explanation of a close, provoked on a real node (RabbitMQ 3.10): what is read from its words is what was done.

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
const LIMIT: Duration = Duration::from_secs(60);

/// A virtual host with quotes and spaces in its name, and options to connect to it.
fn own_vhost(test: &str) -> (String, ConnectOptions) {
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
async fn close_of<T>(
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
async fn sync(channel: &Channel) -> Result<(), CallError> {
    loop {
        channel.queue_declare("").exclusive().await?;
    }
}

/// Asserts what a close means.
macro_rules! explained {
    ($close:expr, $expected:expr) => {
        let close = $close;
        assert_eq!(close.explain(), $expected, "{close}");
    };
}

/// Names that hold what the server puts around names.
const QUEUE: &str = "it's an 'odd' queue: \u{1F430} in use";
const EXCHANGE: &str = "'quoted' \u{e9}xchange";

fn named(kind: EntityKind, name: &'static str, virtual_host: &str) -> Entity<'static> {
    Entity {
        kind,
        name,
        virtual_host: virtual_host.to_owned().leak(),
    }
}

fn set(value: &str) -> ArgumentValue<'_> {
    ArgumentValue::Set {
        value,
        type_name: None,
    }
}

fn typed<'a>(value: &'a str, type_name: &'a str) -> ArgumentValue<'a> {
    ArgumentValue::Set {
        value,
        type_name: Some(type_name),
    }
}

#[tokio::test]
async fn declarations() {
    let (vhost, options) = own_vhost("declarations");
    let queue = named(EntityKind::Queue, QUEUE, &vhost);
    let exchange = named(EntityKind::Exchange, EXCHANGE, &vhost);
    let connection = connect(options.clone()).await.unwrap();
    let channel = connection.open_channel().await.unwrap();
    channel
        .queue_declare(QUEUE)
        .durable()
        .argument("x-max-length", 10)
        .await
        .unwrap();
    channel.exchange_declare(EXCHANGE, "direct").await.unwrap();

    let close = close_of(&options, async |channel| channel.queue_declare(QUEUE).await).await;
    explained!(
        close,
        Explanation::InequivalentArgument {
            argument: "durable",
            entity: queue,
            received: set("false"),
            current: set("true"),
        }
    );
    let close = close_of(&options, async |channel| {
        let declare = channel.queue_declare(QUEUE).durable();
        declare.argument("x-max-length", "it's none").await
    });
    explained!(
        close.await,
        Explanation::InequivalentArgument {
            argument: "x-max-length",
            entity: queue,
            received: set("it's none"),
            current: set("10"),
        }
    );
    let close = close_of(&options, async |channel| {
        channel.queue_declare(QUEUE).durable().await
    });
    explained!(
        close.await,
        Explanation::InequivalentArgument {
            argument: "x-max-length",
            entity: queue,
            received: ArgumentValue::None,
            current: typed("10", "signedint"),
        }
    );
    let close = close_of(&options, async |channel| {
        channel.exchange_declare(EXCHANGE, "topic").await
    });
    explained!(
        close.await,
        Explanation::InequivalentArgument {
            argument: "type",
            entity: exchange,
            received: set("topic"),
            current: set("direct"),
        }
    );
    // The text is cut off behind the name.
    let long: &'static str = "q".repeat(140).leak();
    channel.queue_declare(long).durable().await.unwrap();
    let close = close_of(&options, async |channel| channel.queue_declare(long).await);
    explained!(
        close.await,
        Explanation::InequivalentArgument {
            argument: "durable",
            entity: named(EntityKind::Queue, long, &vhost),
            received: ArgumentValue::Unknown,
            current: ArgumentValue::Unknown,
        }
    );

    let new = named(EntityKind::Queue, "new", &vhost);
    let close = close_of(&options, async |channel| {
        channel.queue_declare("new").argument("x-expires", -1).await
    })
    .await;
    let Explanation::InvalidArgument {
        argument: "x-expires",
        entity,
        reason,
    } = close.explain()
    else {
        panic!("{close}")
    };
    assert_eq!((entity, reason), (new, "{value_negative,-1}"));
    let close = close_of(&options, async |channel| {
        let declare = channel.queue_declare("new");
        declare.argument("x-dead-letter-exchange", 1).await
    })
    .await;
    assert!(
        matches!(close.explain(), Explanation::InvalidArgument { argument: "x-dead-letter-exchange", entity, .. } if entity == new),
        "{close}"
    );
    let close = close_of(&options, async |channel| {
        let declare = channel.queue_declare("new").durable();
        declare
            .queue_type(QueueType::Quorum)
            .argument("x-max-priority", 3)
            .await
    });
    explained!(
        close.await,
        Explanation::UnsupportedArgument {
            argument: "x-max-priority",
            entity: new,
            queue_type: "rabbit_quorum_queue",
        }
    );
    let close = close_of(&options, async |channel| {
        channel.queue_declare("new").queue_type(QueueType::Quorum).await
    });
    explained!(
        close.await,
        Explanation::UnsupportedProperty {
            property: "non-durable",
            entity: new,
        }
    );
    let close = close_of(&options, async |channel| {
        channel
            .queue_declare("")
            .durable()
            .queue_type(QueueType::Stream)
            .await
    });
    explained!(
        close.await,
        Explanation::ServerNamedQueue {
            queue_type: "rabbit_stream_queue",
        }
    );
    let close = close_of(&options, async |channel| {
        channel.exchange_declare("x", "no such type").await
    });
    explained!(
        close.await,
        Explanation::UnknownExchangeType {
            exchange_type: "no such type",
        }
    );
    let limits = r#"{"max-queues": 2}"#;
    Broker::shared()
        .rabbitmqctl(["set_vhost_limits", "-p", &vhost, limits])
        .unwrap();
    let close = close_of(&options, async |channel| {
        channel.queue_declare("one 'more'").await
    });
    explained!(
        close.await,
        Explanation::QueueLimit {
            queue: "one 'more'",
            virtual_host: &vhost,
            limit: 2,
        }
    );
    connection.close().await.unwrap();
}

#[tokio::test]
async fn messages_and_their_settlement() {
    let (vhost, options) = own_vhost("messages");
    let queue = named(EntityKind::Queue, QUEUE, &vhost);
    let connection = connect(options.clone()).await.unwrap();
    let channel = connection.open_channel().await.unwrap();
    channel.queue_declare(QUEUE).await.unwrap();
    channel.basic_publish("", QUEUE, "x").await.unwrap();

    let close = close_of(&options, async |channel| {
        channel.basic_ack(DeliveryTag(7)).await?;
        sync(channel).await
    });
    explained!(close.await, Explanation::UnknownDeliveryTag { delivery_tag: 7 });
    let close = close_of(&options, async |channel| {
        channel.queue_delete(QUEUE).if_empty().await
    });
    explained!(close.await, Explanation::NotEmpty { entity: queue });
    let consumer = channel.basic_consume(QUEUE).await.unwrap();
    let close = close_of(&options, async |channel| {
        channel.queue_delete(QUEUE).if_unused().await
    });
    explained!(close.await, Explanation::InUse { entity: queue });
    let close = close_of(&options, async |channel| {
        channel.basic_consume(QUEUE).exclusive().await
    });
    explained!(close.await, Explanation::ExclusiveConsumer { entity: queue });
    drop(consumer);
    channel.exchange_declare(EXCHANGE, "fanout").await.unwrap();
    channel.queue_bind(QUEUE, EXCHANGE, "").await.unwrap();
    let close = close_of(&options, async |channel| {
        channel.exchange_delete(EXCHANGE).if_unused().await
    });
    let exchange = named(EntityKind::Exchange, EXCHANGE, &vhost);
    explained!(close.await, Explanation::InUse { entity: exchange });

    let close = close_of(&options, async |channel| {
        let publish = channel.basic_publish("", QUEUE, "x").user_id("some'body");
        publish.await.unwrap();
        sync(channel).await
    });
    explained!(
        close.await,
        Explanation::WrongUserId {
            claimed: "some'body",
            user: "guest",
        }
    );
    let close = close_of(&options, async |channel| {
        let properties = basic::Properties {
            expiration: Some("1'000".try_into().unwrap()),
            ..Default::default()
        };
        let publish = channel.basic_publish("", QUEUE, "x").properties(properties);
        publish.await.unwrap();
        sync(channel).await
    });
    explained!(
        close.await,
        Explanation::InvalidExpiration { expiration: "1'000" }
    );

    let close = close_of(&options, async |channel| {
        channel.call(amqp_client::methods::tx::Commit {}).await
    });
    explained!(close.await, Explanation::NotTransactional);
    let close = close_of(&options, async |channel| {
        channel.call(amqp_client::methods::tx::Select {}).await?;
        channel
            .call(amqp_client::methods::confirm::Select::default())
            .await
    });
    explained!(close.await, Explanation::ConfirmsAndTransactions);

    const REPLIES: &str = "amq.rabbitmq.reply-to";
    let close = close_of(&options, async |channel| {
        let publish = channel.basic_publish("", QUEUE, "x").reply_to(REPLIES);
        publish.await.unwrap();
        sync(channel).await
    });
    explained!(close.await, Explanation::NoReplyConsumer);
    let close = close_of(&options, async |channel| channel.basic_consume(REPLIES).await);
    explained!(close.await, Explanation::ReplyConsumerAcknowledges);
    let close = close_of(&options, async |channel| {
        let _first = channel.basic_consume(REPLIES).no_ack().await?;
        channel.basic_consume(REPLIES).no_ack().await
    });
    explained!(close.await, Explanation::ReplyConsumerExists);
    connection.close().await.unwrap();
}

#[tokio::test]
async fn access() {
    let (vhost, options) = own_vhost("access");
    let broker = Broker::shared();
    let user = format!("o'brien {}", std::process::id());
    broker.rabbitmqctl(["add_user", &user, "s3cret"]).unwrap();
    let mut theirs = options.clone();
    theirs.config.credentials = Credentials::plain(&user, "s3cret");
    let refused = |error: amqp_client::ConnectError| {
        let [attempt] = error.attempts() else {
            panic!("{error}")
        };
        let close = attempt.error.closed_by_server().expect("no close").clone();
        println!("{} {:?}", close.reply_code.0, close.reply_text);
        close
    };
    explained!(
        refused(connect(theirs.clone()).await.unwrap_err()),
        Explanation::VirtualHostRefused {
            virtual_host: &vhost,
            user: &user,
        }
    );
    let mut nowhere = options.clone();
    nowhere.config.virtual_host = "no 'such' host".to_owned();
    explained!(
        refused(connect(nowhere).await.unwrap_err()),
        Explanation::VirtualHostNotFound {
            virtual_host: "no 'such' host",
        }
    );
    let mut wrong = options.clone();
    wrong.config.credentials = Credentials::plain(&user, "wrong");
    explained!(
        refused(connect(wrong).await.unwrap_err()),
        Explanation::LoginRefused { mechanism: "PLAIN" }
    );

    broker
        .rabbitmqctl(["set_permissions", "-p", &vhost, &user, "^$", "^amq.topic$", "^$"])
        .unwrap();
    broker
        .rabbitmqctl([
            "set_topic_permissions",
            "-p",
            &vhost,
            &user,
            "amq.topic",
            "^ok$",
            "^$",
        ])
        .unwrap();
    let entity = named(EntityKind::Queue, QUEUE, &vhost);
    let close = close_of(&theirs, async |channel| channel.queue_declare(QUEUE).await);
    explained!(
        close.await,
        Explanation::AccessRefused {
            permission: None,
            entity,
            user: &user,
        }
    );
    let close = close_of(&theirs, async |channel| {
        channel.basic_publish("", QUEUE, "x").await.unwrap();
        sync(channel).await
    });
    explained!(
        close.await,
        Explanation::AccessRefused {
            permission: None,
            entity: named(EntityKind::Exchange, "amq.default", &vhost),
            user: &user,
        }
    );
    let close = close_of(&theirs, async |channel| {
        channel.basic_publish("amq.topic", "isn't.ok", "x").await.unwrap();
        sync(channel).await
    });
    explained!(
        close.await,
        Explanation::TopicRefused {
            permission: None,
            topic: "isn't.ok",
            exchange: "amq.topic",
            virtual_host: &vhost,
            user: &user,
        }
    );
    for (limit, explanation) in [
        (
            r#"{"max-connections": 0}"#,
            Explanation::UserConnectionLimit {
                user: &user,
                limit: 0,
            },
        ),
        (
            r#"{"max-connections": -1, "max-channels": 0}"#,
            Explanation::UserChannelLimit {
                user: &user,
                limit: 0,
            },
        ),
    ] {
        broker.rabbitmqctl(["set_user_limits", &user, limit]).unwrap();
        let close = match connect(theirs.clone()).await {
            Ok(connection) => {
                let error = connection.open_channel().await.unwrap_err();
                error.closed_by_server().expect("no close").clone()
            }
            Err(error) => refused(error),
        };
        explained!(close, explanation);
    }
    broker
        .rabbitmqctl(["set_vhost_limits", "-p", &vhost, r#"{"max-connections": 0}"#])
        .unwrap();
    explained!(
        refused(connect(options).await.unwrap_err()),
        Explanation::VirtualHostLimit {
            virtual_host: &vhost,
            limit: 0,
        }
    );
    broker.rabbitmqctl(["delete_user", &user]).unwrap();
}

#[tokio::test]
async fn names_that_are_reserved_missing_or_locked() {
    let (vhost, options) = own_vhost("names");
    let close = close_of(&options, async |channel| {
        channel.queue_declare("amq.it's mine").await
    });
    explained!(
        close.await,
        Explanation::ReservedName {
            kind: EntityKind::Queue,
            name: "amq.it's mine",
        }
    );
    let close = close_of(&options, async |channel| {
        channel.exchange_declare("amq.mine", "direct").await
    });
    explained!(
        close.await,
        Explanation::ReservedName {
            kind: EntityKind::Exchange,
            name: "amq.mine",
        }
    );
    let close = close_of(&options, async |channel| channel.exchange_delete("").await);
    explained!(close.await, Explanation::DefaultExchange);
    let entity = named(EntityKind::Exchange, "amq.direct", &vhost);
    let close = close_of(&options, async |channel| {
        channel.exchange_delete("amq.direct").await
    });
    explained!(close.await, Explanation::SystemExchange { entity });
    let entity = named(EntityKind::Exchange, EXCHANGE, &vhost);
    let close = close_of(&options, async |channel| {
        channel.exchange_declare(EXCHANGE, "fanout").internal().await?;
        channel.basic_publish(EXCHANGE, "", "x").await.unwrap();
        sync(channel).await
    });
    explained!(close.await, Explanation::InternalExchange { entity });

    for (name, kind) in [
        ("no 'such' queue", EntityKind::Queue),
        ("no 'such' exchange", EntityKind::Exchange),
    ] {
        let close = close_of(&options, async |channel| match kind {
            EntityKind::Queue => channel.queue_declare(name).passive().await.map(drop),
            _ => channel.exchange_declare(name, "").passive().await.map(drop),
        });
        let entity = named(kind, name, &vhost);
        explained!(close.await, Explanation::NotFound { entity });
    }
    let close = close_of(&options, async |channel| channel.queue_purge("").await);
    explained!(close.await, Explanation::NoLastQueue);

    let connection = connect(options.clone()).await.unwrap();
    let channel = connection.open_channel().await.unwrap();
    channel.queue_declare(QUEUE).exclusive().await.unwrap();
    let close = close_of(&options, async |channel| channel.queue_purge(QUEUE).await);
    let entity = named(EntityKind::Queue, QUEUE, &vhost);
    explained!(close.await, Explanation::Locked { entity });
    // What the server wants to add to it is cut off.
    let long: &'static str = "q".repeat(120).leak();
    channel.queue_declare(long).exclusive().await.unwrap();
    let close = close_of(&options, async |channel| channel.queue_purge(long).await).await;
    assert!(close.reply_text.ends_with("..."));
    let entity = named(EntityKind::Queue, long, &vhost);
    explained!(close, Explanation::Locked { entity });
    connection.close().await.unwrap();
}

#[tokio::test]
async fn what_the_server_or_a_type_of_queue_does_not_do() {
    let (vhost, options) = own_vhost("types");
    let connection = connect(options.clone()).await.unwrap();
    let channel = connection.open_channel().await.unwrap();
    let declare = channel.queue_declare("a 'stream'").durable();
    declare.queue_type(QueueType::Stream).await.unwrap();
    let declare = channel.queue_declare("a 'quorum'").durable();
    declare
        .queue_type(QueueType::Quorum)
        .single_active_consumer()
        .await
        .unwrap();
    let stream = named(EntityKind::Queue, "a 'stream'", &vhost);
    let quorum = named(EntityKind::Queue, "a 'quorum'", &vhost);

    let close = close_of(&options, async |channel| {
        channel.basic_consume(stream.name).prefetch_count(0).await
    });
    explained!(close.await, Explanation::PrefetchNotSet { entity: stream });
    let close = close_of(&options, async |channel| {
        let consume = channel.basic_consume(stream.name).prefetch_count(1);
        consume.no_ack().await
    });
    explained!(
        close.await,
        Explanation::UnsupportedByQueue {
            operation: "automatic acknowledgement",
            entity: stream,
        }
    );
    let close = close_of(&options, async |channel| channel.queue_purge(stream.name).await);
    explained!(
        close.await,
        Explanation::UnsupportedByQueue {
            operation: "queue.purge",
            entity: stream,
        }
    );
    for (queue, code) in [(stream, 540), (quorum, 405)] {
        let close = close_of(&options, async |channel| channel.basic_get(queue.name).await).await;
        assert_eq!(close.reply_code.0, code);
        explained!(
            close,
            Explanation::UnsupportedByQueue {
                operation: "basic.get",
                entity: queue,
            }
        );
    }
    let close = close_of(&options, async |channel| {
        channel.basic_publish("", stream.name, "x").await.unwrap();
        let consume = channel.basic_consume(stream.name).prefetch_count(1);
        let mut consumer = consume.stream_offset(amqp_client::StreamOffset::First).await?;
        let delivery = consumer.next().await.unwrap().unwrap();
        let delivery_tag = delivery.delivery_tag();
        let _message = delivery.detach();
        let reject = basic::Reject {
            delivery_tag,
            requeue: false,
        };
        channel.send(reject).await?;
        sync(channel).await
    });
    explained!(
        close.await,
        Explanation::UnsupportedByQueue {
            operation: "basic.nack and basic.reject",
            entity: stream,
        }
    );
    let close = close_of(&options, async |channel| {
        channel.basic_qos(1).global().await?;
        channel.basic_consume(quorum.name).await
    });
    explained!(
        close.await,
        Explanation::UnsupportedByQueue {
            operation: "global qos",
            entity: quorum,
        }
    );
    for flag in ["if-unused", "if-empty"] {
        let close = close_of(&options, async |channel| {
            let delete = channel.queue_delete(quorum.name);
            match flag {
                "if-unused" => delete.if_unused().await,
                _ => delete.if_empty().await,
            }
        });
        explained!(
            close.await,
            Explanation::UnsupportedByQueue {
                operation: flag,
                entity: quorum,
            }
        );
    }

    let close = close_of(&options, async |channel| {
        let qos = basic::Qos {
            prefetch_size: 1,
            ..Default::default()
        };
        channel.call(qos).await
    });
    explained!(
        close.await,
        Explanation::Unsupported {
            what: "prefetch_size!=0 (1)",
        }
    );
    connection.close().await.unwrap();
}

/// Waits for the end of a connection that the server closes.
async fn end_of(connection: &Connection) -> Close {
    let error = timeout(LIMIT, connection.closed()).await.unwrap();
    let ConnectionError::ClosedByServer(close) = &error else {
        panic!("{error}")
    };
    println!("{} {:?}", close.reply_code.0, close.reply_text);
    close.clone()
}

#[tokio::test]
async fn operators() -> Result<(), Box<dyn Error>> {
    let broker = Broker::shared();
    let (vhost, mut options) = own_vhost("operators");
    let name = format!("explained-{}", std::process::id());
    options.config.connection_name = Some(name.clone());
    let connection = connect(options.clone()).await?;
    assert_eq!(broker.close_connections(&name, "it's late")?, 1);
    explained!(
        end_of(&connection).await,
        Explanation::ClosedByOperator { reason: "it's late" }
    );

    let user = format!("o'hara {}", std::process::id());
    broker.rabbitmqctl(["add_user", &user, "s3cret"])?;
    broker.rabbitmqctl(["set_permissions", "-p", &vhost, &user, ".*", ".*", ".*"])?;
    let mut theirs = options.clone();
    theirs.config.credentials = Credentials::plain(&user, "s3cret");
    let connection = connect(theirs).await?;
    broker.rabbitmqctl(["delete_user", &user])?;
    explained!(
        end_of(&connection).await,
        Explanation::UserDeleted { user: &user }
    );

    let connection = connect(options).await?;
    broker.rabbitmqctl(["delete_vhost", &vhost])?;
    explained!(
        end_of(&connection).await,
        Explanation::VirtualHostDeleted { virtual_host: &vhost }
    );
    Ok(())
}

mod private_node {
    use super::*;
    use amqp_tests::broker::Options;

    #[tokio::test]
    async fn limits_that_are_configured_and_the_end_of_the_node() -> Result<(), Box<dyn Error>> {
        let broker = Broker::start(&Options {
            config: "max_message_size = 1000\n".into(),
            advanced: "[{rabbit, [{consumer_timeout, 1000}, {channel_tick_interval, 1000}]}].\n".into(),
            ..Options::default()
        })?;
        let options: ConnectOptions = broker.url().parse()?;
        let close = close_of(&options, async |channel| {
            channel.basic_publish("", "q", vec![0; 1001]).await.unwrap();
            sync(channel).await
        });
        explained!(
            close.await,
            Explanation::MessageTooLarge {
                size: 1001,
                max_size: 1000,
            }
        );
        let close = close_of(&options, async |channel| {
            let queue = channel.queue_declare("").exclusive().await?.queue;
            channel.basic_publish("", &queue, "x").await.unwrap();
            let mut consumer = channel.basic_consume(&queue).await?;
            let _held = timeout(LIMIT, consumer.next()).await.expect("a delivery");
            let end = timeout(LIMIT, consumer.next()).await.expect("an end");
            assert!(matches!(end, Some(Err(_))));
            channel.queue_purge("").await
        });
        explained!(
            close.await,
            Explanation::AcknowledgementTimedOut {
                timeout: Some(Duration::from_secs(1)),
            }
        );
        let connection = connect(options).await?;
        broker.stop()?;
        explained!(end_of(&connection).await, Explanation::ServerShutdown);
        Ok(())
    }
}
