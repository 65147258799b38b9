//! Pitfall 23: handles may outlive their runtime, and be dropped where there is none.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

use amqp_client::{CallError, ChannelError, ConnectionError, ConsumerEnd, ConsumerError, PublishError};
use amqp_tests::broker::Broker;
use tokio::runtime::Builder;

use crate::support::{LIMIT, connect, own_queue};

/// Wakes a thread that parks.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// The plainest executor: no runtime of anybody's.
fn block_on<F: Future>(future: F) -> F::Output {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

#[test]
fn pitfall_23_handles_that_outlive_their_runtime_fail_typed_and_drop_quietly() {
    for runtime in [
        Builder::new_current_thread().enable_all().build().unwrap(),
        Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap(),
    ] {
        let (connection, channel, mut consumer, delivery) = runtime.block_on(async {
            let connection = connect(Broker::shared().url(), |_| {}).await.unwrap();
            let channel = connection.open_channel().await.unwrap();
            let queue = own_queue(&channel).await;
            channel.basic_publish("", &queue, "x").await.unwrap();
            let mut consumer = channel.basic_consume(&queue).await.unwrap();
            let delivery = consumer.next().await.unwrap().unwrap();
            (connection, channel, consumer, delivery)
        });
        drop(runtime);
        let error = block_on(connection.closed());
        assert!(matches!(error, ConnectionError::DriverDropped), "{error:?}");
        let error = block_on(async { channel.queue_declare("q").await }).unwrap_err();
        assert!(
            matches!(
                error,
                CallError::Channel(ChannelError::Connection(ConnectionError::DriverDropped))
            ),
            "{error:?}"
        );
        let error = block_on(async { channel.basic_publish("", "q", "x").await }).unwrap_err();
        assert!(
            matches!(
                error,
                PublishError::Channel(ChannelError::Connection(ConnectionError::DriverDropped))
            ),
            "{error:?}"
        );
        let end = block_on(consumer.next()).unwrap().unwrap_err();
        assert!(
            matches!(
                end,
                ConsumerError::Ended(ConsumerEnd::Channel(ChannelError::Connection(
                    ConnectionError::DriverDropped
                )))
            ),
            "{end:?}"
        );
        assert!(block_on(delivery.ack()).is_err());
        assert!(block_on(connection.close()).is_err());
        drop((consumer, channel, connection));
    }
}

#[test]
fn pitfall_23_handles_dropped_outside_of_the_runtime_give_back_what_they_held() {
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (connection, channel, queue, consumer, delivery) = runtime.block_on(async {
        let connection = connect(Broker::shared().url(), |_| {}).await.unwrap();
        let channel = connection.open_channel().await.unwrap();
        let queue = own_queue(&channel).await;
        channel.basic_publish("", &queue, "x").await.unwrap();
        let mut consumer = channel.basic_consume(&queue).await.unwrap();
        let delivery = consumer.next().await.unwrap().unwrap();
        (connection, channel, queue, consumer, delivery)
    });
    // This thread knows no runtime.
    drop((delivery, consumer));
    let start = Instant::now();
    let again = loop {
        if let Some(delivery) = block_on(async { channel.basic_get(&queue).await }).unwrap() {
            break delivery;
        }
        assert!(start.elapsed() < LIMIT, "the message did not come back");
    };
    assert!(again.redelivered());
    block_on(again.ack()).unwrap();
    let id = channel.id();
    drop(channel);
    while block_on(connection.open_channel()).unwrap().id() != id {
        assert!(start.elapsed() < LIMIT, "the channel was not closed");
    }
    block_on(connection.close()).unwrap();
}
