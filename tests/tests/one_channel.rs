//! Many users of one channel of a real broker at the same time: every reply finds its own, every message arrives.

use std::collections::BTreeSet;
use std::error::Error;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;

use amqp_client::tokio::connect;
use amqp_client::{Channel, State};
use amqp_tests::broker::Broker;
use tokio::task::JoinHandle;
use tokio::time::timeout;

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

/// What the slowest test takes on a busy machine, times ten.
const LIMIT: Duration = Duration::from_secs(120);
const ROUNDS: usize = 30;

async fn declare(channel: &Channel) -> Result<String, amqp_client::CallError> {
    Ok(channel.queue_declare("").exclusive().await?.queue.to_string())
}

/// Runs `users` on many new channels, each of a new connection, which must survive it.
async fn on_new_channels<F: Future<Output = Outcome>>(users: impl Fn(Channel, String) -> F) -> Outcome {
    for round in 0..ROUNDS {
        let connection = connect(Broker::shared().url()).await?;
        let channel = connection.open_channel().await?;
        let queue = declare(&channel).await?;
        timeout(LIMIT, users(channel.clone(), queue))
            .await?
            .map_err(|error| format!("round {round}: {error}"))?;
        declare(&channel).await?;
        assert_eq!(connection.state(), State::Open);
        connection.close().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_call_right_behind_a_dropped_consumer() -> Outcome {
    on_new_channels(async |channel, queue| {
        drop(channel.basic_consume(&queue).await?);
        declare(&channel).await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_call_beside_the_start_of_a_consumer() -> Outcome {
    on_new_channels(async |channel, queue| {
        let (consumer, declared) =
            tokio::join!(channel.basic_consume(&queue).into_future(), declare(&channel));
        declared?;
        consumer?.cancel().await?;
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_call_beside_the_cancel_of_a_consumer() -> Outcome {
    on_new_channels(async |channel, queue| {
        let consumer = channel.basic_consume(&queue).await?;
        let (cancelled, declared) = tokio::join!(consumer.cancel(), declare(&channel));
        declared?;
        assert!(cancelled?.is_empty());
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_call_right_behind_an_abandoned_start_of_a_consumer() -> Outcome {
    on_new_channels(async |channel, queue| {
        let mut starting = channel.basic_consume(&queue).into_future();
        let polled = Pin::new(&mut starting).poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        drop(starting);
        declare(&channel).await?;
        Ok(())
    })
    .await
}

async fn publish(channel: Channel, queues: [String; 2], numbers: std::ops::Range<usize>) -> Outcome {
    for number in numbers {
        channel
            .basic_publish("", &queues[number % 2], number.to_string())
            .await?;
    }
    Ok(())
}

async fn call(channel: Channel, queue: String, calls: usize) -> Outcome {
    for _ in 0..calls {
        assert_eq!(
            channel.queue_declare(&queue).passive().await?.queue,
            queue.as_str()
        );
    }
    Ok(())
}

/// Starts consumers and drops them: what they get goes back to the queue.
async fn consume_and_drop(channel: Channel, queues: [String; 2], times: usize) -> Outcome {
    for time in 0..times {
        drop(channel.basic_consume(&queues[time % 2]).await?);
    }
    Ok(())
}

/// Takes and acks messages, each of which must come once.
async fn consume(channel: Channel, queue: String, messages: usize) -> Outcome {
    let mut consumer = channel.basic_consume(&queue).await?;
    let mut seen = BTreeSet::new();
    while seen.len() < messages {
        let delivery = consumer.next().await.ok_or("the consumer gives nothing more")??;
        assert!(seen.insert(delivery.body().to_vec()), "{delivery:?} came twice");
        delivery.ack().await?;
    }
    assert!(consumer.cancel().await?.is_empty());
    Ok(())
}

/// Eight tasks on one channel: three publish so many messages each, two consume them all, two call, one starts consumers
/// and drops them.
fn eight_tasks(
    channel: &Channel,
    queues: &[String; 2],
    each: usize,
    calls: usize,
) -> Vec<JoinHandle<Outcome>> {
    let [a, b] = queues.clone();
    let mut tasks = Vec::new();
    for publisher in 0..3 {
        let first = publisher * each;
        tasks.push(tokio::spawn(publish(
            channel.clone(),
            queues.clone(),
            first..first + each,
        )));
    }
    for queue in [a, b] {
        tasks.push(tokio::spawn(consume(
            channel.clone(),
            queue.clone(),
            3 * each / 2,
        )));
        tasks.push(tokio::spawn(call(channel.clone(), queue, calls)));
    }
    tasks.push(tokio::spawn(consume_and_drop(
        channel.clone(),
        queues.clone(),
        calls,
    )));
    tasks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_tasks_share_a_channel_and_everything_arrives() -> Outcome {
    let connection = connect(Broker::shared().url()).await?;
    let channel = connection.open_channel().await?;
    let queues = [declare(&channel).await?, declare(&channel).await?];
    for task in eight_tasks(&channel, &queues, 1000, 200) {
        timeout(LIMIT, task).await???;
    }
    for queue in &queues {
        assert_eq!(channel.queue_delete(queue).await?.message_count, 0);
    }
    connection.close().await?;
    Ok(())
}

mod private_node {
    use super::*;
    use amqp_tests::broker::Options;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn that_dies_ends_every_task() -> Outcome {
        let broker = Broker::start(&Options::default())?;
        let connection = connect(broker.url()).await?;
        let channel = connection.open_channel().await?;
        let queues = [declare(&channel).await?, declare(&channel).await?];
        // Far more than they get to do.
        let tasks = eight_tasks(&channel, &queues, 1 << 40, 1 << 40);
        let mut consumer = channel.basic_consume(&queues[0]).await?;
        for _ in 0..200 {
            let delivery = timeout(LIMIT, consumer.next()).await?.ok_or("no delivery")??;
            delivery.ack().await?;
        }
        broker.kill()?;
        for (number, task) in tasks.into_iter().enumerate() {
            let outcome = timeout(LIMIT, task).await??;
            assert!(outcome.is_err(), "task {number}");
        }
        let ended = timeout(LIMIT, async { while let Some(Ok(_)) = consumer.next().await {} }).await;
        assert!(ended.is_ok() && consumer.next().await.is_none());
        timeout(LIMIT, connection.closed()).await?;
        assert!(declare(&channel).await.is_err());
        Ok(())
    }
}
