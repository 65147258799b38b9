//! What a declaration that differs from what is there is told.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
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
