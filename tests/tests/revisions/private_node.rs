//! A node that runs short of memory. Who publishes on 0-9-1 is told; on 0-8 the server only stops reading.

use std::future::IntoFuture;
use std::time::{Duration, Instant};

use amqp_client::tokio::connect;
use amqp_client::{CallError, Channel, ConnectOptions, Connection, ConnectionError, Protocol, State};
use amqp_tests::broker::{Alarm, Broker, Options};
use tokio::time::timeout;

use crate::common::{Failure, LIMIT, Outcome};
use crate::stage::options;

const PUBLISH_TIMEOUT: Duration = Duration::from_secs(2);
const CALL_TIMEOUT: Duration = Duration::from_secs(3);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(3);
const WRITE_TIMEOUT: Duration = Duration::from_secs(8);
/// What a busy machine adds to a time-out.
const SLACK: Duration = Duration::from_secs(20);
/// So many fill what is between client and server soon.
static BODY: [u8; 64 << 10] = [7; 64 << 10];

fn patient(broker: &Broker, protocol: Protocol) -> Result<ConnectOptions, Failure> {
    let mut options = options(broker, protocol)?;
    options.config.call_timeout = CALL_TIMEOUT;
    options.config.close_timeout = CLOSE_TIMEOUT;
    Ok(options)
}

/// A connection whose publishes are held back, and how many were taken before.
async fn held_back(options: &ConnectOptions, queue: &str) -> Result<(Connection, Channel, u32), Failure> {
    let mut options = options.clone();
    options.config.publish_timeout = PUBLISH_TIMEOUT;
    let connection = connect(options).await?;
    let channel = connection.open_channel().await?;
    let mut taken = 0;
    let (error, took) = loop {
        let start = Instant::now();
        let publish = channel.basic_publish("", queue, &BODY[..]).into_future();
        match timeout(LIMIT, publish).await? {
            Ok(()) => taken += 1,
            Err(error) => break (error, start.elapsed()),
        }
    };
    assert!(error.is_unsent(), "{error:?}");
    assert!(took < PUBLISH_TIMEOUT + SLACK, "{took:?}");
    Ok((connection, channel, taken))
}

async fn publishing_stalls_and_goes_on(protocol: Protocol) -> Outcome {
    let broker = Broker::start(&Options::default())?;
    let options = patient(&broker, protocol)?;
    let idle = connect(options.clone()).await?;
    let working = idle.open_channel().await?;
    let queue = format!("stalled-{protocol}");
    working.queue_declare(&queue).await?;
    broker.raise(Alarm::Memory)?;

    // Whatever needs the server on such a connection fails in its own time: a publish, a call, a close.
    let (stalled, channel, taken) = held_back(&options, &queue).await?;
    let start = Instant::now();
    let call = timeout(LIMIT, channel.queue_declare("").into_future()).await?;
    assert!(matches!(call, Err(CallError::TimedOut { .. })), "{call:?}");
    assert!(start.elapsed() < CALL_TIMEOUT + SLACK, "{:?}", start.elapsed());
    let (closing, _channel, mut lost) = held_back(&options, &queue).await?;
    let start = Instant::now();
    let closed = timeout(LIMIT, closing.close()).await?;
    assert!(
        matches!(closed, Ok(()) | Err(ConnectionError::CloseTimedOut)),
        "{closed:?}"
    );
    assert!(start.elapsed() < CLOSE_TIMEOUT + SLACK, "{:?}", start.elapsed());

    // Where the server says nothing, a connection that it does not read ends in its own time too.
    if protocol == Protocol::V0_8 {
        let mut options = options.clone();
        options.config.write_timeout = WRITE_TIMEOUT;
        let (ending, _channel, taken) = held_back(&options, &queue).await?;
        lost += taken;
        let error = timeout(LIMIT, ending.closed()).await?;
        assert!(matches!(error, ConnectionError::WriteTimedOut), "{error}");
    }

    // Who does not publish goes on.
    working.queue_declare(&queue).passive().await?;
    let told = stalled.stats().times_blocked > 0;
    assert_eq!(told, protocol == Protocol::V0_9_1);

    // A publish that may wait is through when the alarm is over, behind all that were taken before.
    let waiting = channel.clone();
    let name = queue.clone();
    let waiting = tokio::spawn(async move {
        loop {
            match waiting.basic_publish("", &name, "the last").await {
                Err(error) if error.is_unsent() => {}
                outcome => break outcome,
            }
        }
    });
    broker.clear(Alarm::Memory)?;
    timeout(LIMIT, waiting).await???;
    assert_eq!(stalled.state(), State::Open);
    stalled.close().await?;
    let count = working.queue_declare(&queue).passive().await?.message_count;
    assert!(
        (taken + 1..=taken + 1 + lost).contains(&count),
        "{count} of {taken} and {lost}"
    );
    idle.close().await?;
    Ok(())
}

#[tokio::test]
async fn publishing_stalls_and_goes_on_in_0_9_1() -> Outcome {
    publishing_stalls_and_goes_on(Protocol::V0_9_1).await
}

#[tokio::test]
async fn publishing_stalls_and_goes_on_in_0_8() -> Outcome {
    publishing_stalls_and_goes_on(Protocol::V0_8).await
}
