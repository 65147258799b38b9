//! What is said to those who may not.

use super::*;

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
