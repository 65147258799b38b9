//! A cluster of three private nodes that loses its majority: what a publisher is told, and when.

mod private_node {
    use std::error::Error;
    use std::time::{Duration, Instant};

    use amqp_client::tokio::connect;
    use amqp_client::{PublishError, QueueType, State, UnknownReason};
    use amqp_tests::broker::{Broker, Options};
    use tokio::time::timeout;

    type Outcome = Result<(), Box<dyn Error + Send + Sync>>;

    /// What the slowest step takes on a busy machine, times ten.
    const LIMIT: Duration = Duration::from_secs(120);
    /// How long a publish may be unsettled.
    const CONFIRM: Duration = Duration::from_secs(3);

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_quorum_queue_without_its_majority_settles_nothing_and_the_time_limit_tells() -> Outcome {
        let first = Broker::start(&Options::default())?;
        let others = [first.start_member("second")?, first.start_member("third")?];
        let connection = connect(first.url()).await?;
        let channel = connection.open_channel().await?;
        channel
            .queue_declare("quorum")
            .durable()
            .queue_type(QueueType::Quorum)
            .await?;
        let patient = channel.confirm_select().await?;
        let channel = connection.open_channel().await?;
        let hasty = channel.confirm_select().confirm_timeout(CONFIRM).await?;
        let with_majority = patient.publish("", "quorum", "with a majority").await?;
        timeout(LIMIT, with_majority).await??;

        for other in &others {
            other.kill()?;
        }
        let start = Instant::now();
        let waiting = patient.publish("", "quorum", "confirmed late").await?;
        let given_up = hasty.publish("", "quorum", "given up").await?;
        let outcome = timeout(LIMIT, given_up).await?;
        assert!(
            matches!(outcome, Err(PublishError::Unknown(UnknownReason::TimedOut))),
            "{outcome:?}"
        );
        let took = start.elapsed();
        assert!(took >= CONFIRM && took < 2 * CONFIRM, "{took:?}");
        assert_eq!(connection.state(), State::Open);
        assert_eq!(patient.unconfirmed(), 1);

        // One node more is a majority again: what was not given up is confirmed, and of unknown fate means that.
        others[0].start_again()?;
        timeout(LIMIT, waiting).await??;
        let again = patient.publish("", "quorum", "again").await?;
        timeout(LIMIT, again).await??;
        let mut bodies = Vec::new();
        while let Some(message) = channel.basic_get("quorum").no_ack().await? {
            bodies.push(String::from_utf8(message.body().to_vec())?);
        }
        // Two channels published, and the broker keeps the order of each.
        bodies.sort();
        assert_eq!(bodies, ["again", "confirmed late", "given up", "with a majority"]);
        connection.close().await?;
        Ok(())
    }
}
