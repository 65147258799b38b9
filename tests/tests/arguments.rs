//! Typed arguments as a real broker has them: every one of queue.declare, by name, type and value.

use std::error::Error;
use std::time::Duration;

use amqp_client::protocol::v0_9_1::queue;
use amqp_client::tokio::connect;
use amqp_client::{Channel, DeadLetterStrategy, Overflow, QueueLeaderLocator, QueueMode, QueueType, Request};
use amqp_tests::broker::Broker;
use serde_json::{Value, json};

type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

type Declare<'a> = Request<'a, Channel, queue::Declare<'a>>;

/// A queue's type and arguments as RabbitMQ lists them.
type Declared = (&'static str, for<'a> fn(Declare<'a>) -> Declare<'a>, Value);

const HOUR: Duration = Duration::from_secs(3600);

/// Every typed argument of queue.declare, on the type of queue that takes it.
fn declared() -> Vec<Declared> {
    vec![
        (
            "classic",
            |declare| {
                declare
                    .queue_type(QueueType::Classic)
                    .message_ttl(HOUR)
                    .expires(HOUR)
                    .max_length(1000)
                    .max_length_bytes(1 << 40)
                    .overflow(Overflow::RejectPublishDlx)
                    .dead_letter_exchange("amq.fanout")
                    .dead_letter_routing_key("dead")
                    .max_priority(10)
                    .single_active_consumer()
                    .queue_mode(QueueMode::Lazy)
            },
            json!({
                "x-queue-type": "classic", "x-message-ttl": 3_600_000, "x-expires": 3_600_000, "x-max-length": 1000,
                "x-max-length-bytes": 1_u64 << 40, "x-overflow": "reject-publish-dlx",
                "x-dead-letter-exchange": "amq.fanout", "x-dead-letter-routing-key": "dead", "x-max-priority": 10,
                "x-single-active-consumer": true, "x-queue-mode": "lazy",
            }),
        ),
        (
            // What 3.10 takes no notice of is well formed and kept.
            "version-2",
            |declare| {
                declare
                    .queue_version(2)
                    .queue_mode(QueueMode::Default)
                    .consumer_timeout(HOUR)
                    .stream_filter_size_bytes(16)
            },
            json!({
                "x-queue-version": 2, "x-queue-mode": "default", "x-consumer-timeout": 3_600_000,
                "x-stream-filter-size-bytes": 16,
            }),
        ),
        (
            "quorum",
            |declare| {
                declare
                    .durable()
                    .queue_type(QueueType::Quorum)
                    .delivery_limit(3)
                    .overflow(Overflow::RejectPublish)
                    .dead_letter_exchange("")
                    .dead_letter_routing_key("dead")
                    .dead_letter_strategy(DeadLetterStrategy::AtLeastOnce)
                    .quorum_initial_group_size(1)
                    .queue_leader_locator(QueueLeaderLocator::Balanced)
            },
            json!({
                "x-queue-type": "quorum", "x-delivery-limit": 3, "x-overflow": "reject-publish",
                "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "dead",
                "x-dead-letter-strategy": "at-least-once", "x-quorum-initial-group-size": 1,
                "x-queue-leader-locator": "balanced",
            }),
        ),
        (
            "stream",
            |declare| {
                declare
                    .durable()
                    .queue_type(QueueType::Stream)
                    .max_length_bytes(1 << 30)
                    .max_age(HOUR)
                    .stream_max_segment_size_bytes(1 << 20)
                    .initial_cluster_size(1)
                    .queue_leader_locator(QueueLeaderLocator::ClientLocal)
            },
            json!({
                "x-queue-type": "stream", "x-max-length-bytes": 1 << 30, "x-max-age": "3600s",
                "x-stream-max-segment-size-bytes": 1 << 20, "x-initial-cluster-size": 1,
                "x-queue-leader-locator": "client-local",
            }),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn typed_arguments_are_what_the_broker_lists() -> Outcome {
    let broker = Broker::shared();
    let vhost = format!("arguments-{}", std::process::id());
    let connection = connect(broker.add_vhost(&vhost)?.as_str()).await?;
    let channel = connection.open_channel().await?;
    for (name, build, _) in declared() {
        build(channel.queue_declare(name)).await?;
    }
    let list = [
        "list_queues",
        "-p",
        &vhost,
        "name",
        "arguments",
        "--formatter",
        "json",
        "--quiet",
    ];
    let listed: Vec<Value> = serde_json::from_str(&broker.rabbitmqctl(list)?)?;
    for (name, _, expected) in declared() {
        let queue = listed.iter().find(|queue| queue["name"] == name);
        // Pairs of name and value, or an object: RabbitMQ's tools differ.
        let arguments = match &queue.ok_or(name)?["arguments"] {
            Value::Array(entries) => {
                let entry =
                    |entry: &Value| (entry[0].as_str().unwrap_or_default().to_owned(), entry[2].clone());
                Value::Object(entries.iter().map(entry).collect())
            }
            object => object.clone(),
        };
        assert_eq!(arguments, expected, "{name}");
    }
    connection.close().await?;
    Ok(())
}
