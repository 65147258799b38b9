//! What is said of names that are reserved, missing or locked.

use super::*;

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
