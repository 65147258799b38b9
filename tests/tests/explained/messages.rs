//! What is said of messages and their settlement.

use super::*;

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
