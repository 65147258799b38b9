//! What is said when an operator ends a connection.

use super::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
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
