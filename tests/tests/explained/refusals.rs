//! What is said of what the server, or a type of queue, does not do.

use super::*;

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
