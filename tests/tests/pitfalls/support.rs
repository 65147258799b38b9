//! What the tests of pitfalls share: connections with settings, and tasks that use one in every way until it ends.

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

use amqp_client::{
    CallError, Channel, ChannelError, Config, ConnectOptions, Connection, ConnectionError, ConsumerEnd,
    ConsumerError, PublishError, Publisher, Receipts, UnknownReason,
};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// What the slowest step takes on a busy machine, times ten.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// Connects with settings of the test's own, or says why the one attempt failed.
pub(crate) async fn connect(url: &str, set: impl FnOnce(&mut Config)) -> Result<Connection, ConnectionError> {
    let mut options: ConnectOptions = url.parse().unwrap();
    set(&mut options.config);
    in_time(amqp_client::tokio::connect(options))
        .await
        .map_err(|error| match error.attempts() {
            [attempt] => attempt.error.clone(),
            _ => panic!("{error}"),
        })
}

/// The result of what must not hang.
pub(crate) async fn in_time<F: Future>(future: F) -> F::Output {
    timeout(LIMIT, future).await.expect("it hangs")
}

/// A queue of this connection's own.
pub(crate) async fn own_queue(channel: &Channel) -> String {
    channel
        .queue_declare("")
        .exclusive()
        .await
        .unwrap()
        .queue
        .to_string()
}

/// The connection's error in an error of something on it.
pub(crate) trait Cause: Debug + Sized {
    fn connection(self) -> Result<ConnectionError, Self>;
}

impl Cause for ConnectionError {
    fn connection(self) -> Result<ConnectionError, Self> {
        Ok(self)
    }
}

impl Cause for CallError {
    fn connection(self) -> Result<ConnectionError, Self> {
        match self {
            Self::Channel(ChannelError::Connection(error)) => Ok(error),
            other => Err(other),
        }
    }
}

impl Cause for PublishError {
    fn connection(self) -> Result<ConnectionError, Self> {
        match self {
            Self::Channel(ChannelError::Connection(error))
            | Self::NotSent(ChannelError::Connection(error))
            | Self::Unknown(UnknownReason::Channel(ChannelError::Connection(error))) => Ok(error),
            other => Err(other),
        }
    }
}

impl Cause for ConsumerError {
    fn connection(self) -> Result<ConnectionError, Self> {
        match self {
            Self::Ended(ConsumerEnd::Channel(ChannelError::Connection(error))) => Ok(error),
            other => Err(other),
        }
    }
}

fn cause(error: impl Cause) -> ConnectionError {
    error
        .connection()
        .unwrap_or_else(|other| panic!("the connection had not ended: {other:?}"))
}

/// Publishes some and waits for all of them at once. Whichever were lost, it was for one reason.
async fn many(publisher: &Publisher) -> Result<(), PublishError> {
    let mut receipts = Receipts::new();
    for _ in 0..50 {
        receipts.push(publisher.publish("amq.fanout", "", "x").await?);
    }
    receipts.await.map_err(|error| error.failures()[0].1.clone())
}

/// Tasks that use a connection in every way, each until it fails.
pub(crate) struct Busy {
    connection: Connection,
    tasks: Vec<(&'static str, JoinHandle<ConnectionError>)>,
}

impl Busy {
    pub(crate) async fn start(connection: &Connection) -> Self {
        let channel = connection.open_channel().await.unwrap();
        let queue = own_queue(&channel).await;
        let mut tasks = Vec::new();
        macro_rules! until_it_fails {
            ($what:literal, $attempt:expr) => {
                let task = tokio::spawn(async move {
                    loop {
                        if let Err(error) = $attempt {
                            return cause(error);
                        }
                    }
                });
                tasks.push(($what, task));
            };
        }
        let (publisher, body) = (connection.open_channel().await.unwrap(), vec![7; 64 << 10]);
        // Nothing is bound to it: what is published does not fill the broker.
        until_it_fails!("publish", publisher.basic_publish("amq.fanout", "", &body).await);
        let channel_of_receipts = connection.open_channel().await.unwrap();
        let publisher = channel_of_receipts.confirm_select().await.unwrap();
        let confirmed = publisher.clone();
        until_it_fails!(
            "publish and confirm",
            async { confirmed.publish("amq.fanout", "", "x").await?.await }.await
        );
        until_it_fails!("publish many and confirm", many(&publisher).await);
        let (caller, name) = (channel.clone(), queue.clone());
        until_it_fails!("call", caller.queue_declare(&name).passive().await);
        let (getter, name) = (channel.clone(), queue.clone());
        until_it_fails!("get", getter.basic_get(&name).await);
        let opener = connection.clone();
        until_it_fails!(
            "open channel",
            match opener.open_channel().await {
                Ok(channel) => channel.close().await,
                Err(error) => Err(error),
            }
        );
        let mut consumer = channel.basic_consume(&queue).await.unwrap();
        until_it_fails!("consume", consumer.next().await.unwrap());
        let mut consumer = channel.basic_consume(&queue).await.unwrap();
        until_it_fails!("consume too", consumer.next().await.unwrap());
        let watched = connection.clone();
        until_it_fails!("closed", Err::<(), _>(watched.closed().await));
        let connection = connection.clone();
        Self { connection, tasks }
    }

    /// Waits until every task has failed, all for the same reason, which is returned.
    pub(crate) async fn ended(self) -> ConnectionError {
        let reason = in_time(self.connection.closed()).await;
        for (what, task) in self.tasks {
            let error = in_time(task)
                .await
                .unwrap_or_else(|panic| panic!("{what}: {panic}"));
            assert_eq!(error.to_string(), reason.to_string(), "{what}");
        }
        // And it stays so.
        let again = cause(self.connection.open_channel().await.unwrap_err());
        assert_eq!(again.to_string(), reason.to_string());
        reason
    }
}
