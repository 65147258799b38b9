//! Connections one after the other to a real broker: what is tried again, and what is not.

use std::cell::Cell;
use std::future::{Ready, ready};

use amqp_client::tokio::connect;
use amqp_client::{ConnectOptions, ConnectPhase, Credentials, ExponentialBackoff, Reconnecting};
use amqp_tests::broker::Broker;

#[tokio::test]
async fn what_is_wrong_at_the_server_is_not_tried_again() {
    let options: ConnectOptions = Broker::shared().url().parse().unwrap();
    let (mut password, mut vhost) = (options.clone(), options);
    password.config.credentials = Credentials::plain("guest", "wrong");
    vhost.config.virtual_host = "no-such-vhost".to_owned();
    for options in [password.clone(), vhost] {
        let never = |_| -> Ready<()> { panic!("it pauses") };
        let attempt = || connect(options.clone());
        let mut connections = Reconnecting::new(ExponentialBackoff::default(), attempt, never);
        let error = connections.next().await.unwrap().unwrap_err();
        assert!(error.is_permanent(), "{error}");
        assert_eq!(error.attempts()[0].phase, ConnectPhase::Amqp);
        assert!(connections.next().await.is_none());
    }
    // A strategy may see it otherwise.
    let stubborn = ExponentialBackoff::default().retry_permanent(true).max_retries(2);
    let pauses = Cell::new(0);
    let pause = |_| {
        pauses.set(pauses.get() + 1);
        ready(())
    };
    let mut connections = Reconnecting::new(stubborn, || connect(password.clone()), pause);
    assert!(connections.next().await.unwrap().is_err());
    assert_eq!(pauses.get(), 2);
}

mod private_node {
    use std::cell::Cell;
    use std::sync::Arc;
    use std::time::Duration;

    use amqp_client::tokio::connect;
    use amqp_client::{Connection, ExponentialBackoff, Reconnecting};
    use amqp_tests::broker::{Broker, Options};
    use tokio::task::spawn_blocking;
    use tokio::time::{sleep, timeout};

    /// What a node takes to start on a busy machine, times ten, and the pause behind it.
    const LIMIT: Duration = Duration::from_secs(165);

    /// Publishes to a durable queue and consumes from it; both begin anew on each connection.
    async fn use_in_full(connection: &Connection) {
        let channel = connection.open_channel().await.unwrap();
        channel.queue_declare("orders").durable().await.unwrap();
        let publisher = channel.confirm_select().await.unwrap();
        let receipt = publisher.publish("", "orders", "one coffee").await.unwrap();
        receipt.await.unwrap();
        let mut consumer = channel.basic_consume("orders").await.unwrap();
        let delivery = consumer.next().await.unwrap().unwrap();
        assert_eq!(delivery.body(), b"one coffee");
        delivery.ack().await.unwrap();
    }

    #[tokio::test]
    async fn a_node_that_is_killed_and_started_again_is_connected_to_again() {
        let broker = Arc::new(Broker::private(&Options::default()));
        let attempts = Cell::new(0);
        let attempt = || {
            attempts.set(attempts.get() + 1);
            connect(broker.url())
        };
        let mut connections = Reconnecting::new(ExponentialBackoff::default(), attempt, sleep);
        let first = connections.next().await.unwrap().unwrap();
        use_in_full(&first).await;
        assert_eq!(attempts.get(), 1);

        broker.kill().unwrap();
        let error = first.closed().await;
        assert!(!error.is_wanted() && !error.is_permanent(), "{error}");
        // It goes on trying while the node starts.
        let node = Arc::clone(&broker);
        let start = spawn_blocking(move || node.start_again());
        let (second, started) = tokio::join!(timeout(LIMIT, connections.next()), start);
        started.unwrap().unwrap();
        let second = second.expect("it is not connected").unwrap().unwrap();
        use_in_full(&second).await;
        assert!(attempts.get() > 2, "{attempts:?}");

        second.close().await.unwrap();
        assert!(connections.next().await.is_none());
    }
}
