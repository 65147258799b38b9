//! Futures dropped at each point of their way, against a real broker: what follows on the channel is not disturbed.

use std::error::Error;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use amqp_client::tokio::connect;
use amqp_client::{CallError, Channel, Connection, PublishError, State};
use amqp_tests::broker::Broker;
use tokio::time::timeout;

type Failure = Box<dyn Error + Send + Sync>;
type Attempt<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;
type Prepared<'a> = Pin<Box<dyn Future<Output = Result<Attempt<'a>, Failure>> + Send + 'a>>;

/// What the slowest test takes on a busy machine, times ten.
const LIMIT: Duration = Duration::from_secs(60);
/// No future needs as many polls.
const MOST_STEPS: usize = 100;

/// A connection with a channel, a queue on it with one message, and another channel to see time pass on.
struct Place {
    connection: Connection,
    channel: Channel,
    elsewhere: Channel,
    queue: String,
}

impl Place {
    async fn new() -> Result<Self, Failure> {
        let connection = connect(Broker::shared().url()).await?;
        let (channel, elsewhere) = (connection.open_channel().await?, connection.open_channel().await?);
        let queue = channel.queue_declare("").exclusive().await?.queue.to_string();
        channel.basic_publish("", &queue, "message").await?;
        Ok(Self {
            connection,
            channel,
            elsewhere,
            queue,
        })
    }

    /// The driver and the broker have their turn: a call on another channel that goes through the queue.
    async fn round_trip(&self) -> Result<(), CallError> {
        self.elsewhere
            .queue_declare(&self.queue)
            .passive()
            .await
            .map(drop)
    }

    /// Goes so many steps along a future, polls and round trips by turns, and drops it; true when it was ready.
    async fn walk(&self, mut attempt: Attempt<'_>, steps: usize) -> Result<bool, Failure> {
        for step in 0..steps {
            if step % 2 == 1 {
                self.round_trip().await?;
            } else if let Poll::Ready(outcome) =
                attempt.as_mut().poll(&mut Context::from_waker(Waker::noop()))
            {
                outcome?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What must work whatever was dropped.
    async fn is_sound(&self, channel: &Channel) -> Result<(), Failure> {
        let declared = channel.queue_declare(&self.queue).passive().await?;
        assert_eq!(declared.queue, self.queue.as_str());
        self.round_trip().await?;
        assert_eq!(self.connection.state(), State::Open);
        Ok(())
    }
}

/// Drops what `prepare` makes after one step, after two and so on, until it gets ready. Where that
/// closes the channel, what follows is on another.
async fn dropped_everywhere(
    closes: bool,
    prepare: impl for<'a> Fn(&'a Place) -> Prepared<'a>,
) -> Result<(), Failure> {
    for steps in 1..MOST_STEPS {
        let place = Place::new().await?;
        let go = async {
            let attempt = prepare(&place).await?;
            let ready = place.walk(attempt, steps).await?;
            if closes {
                place.is_sound(&place.connection.open_channel().await?).await?;
            } else {
                place.is_sound(&place.channel).await?;
            }
            Ok::<_, Failure>(ready)
        };
        let ready = timeout(LIMIT, go)
            .await?
            .map_err(|error| format!("dropped after {steps} steps: {error}"))?;
        place.connection.close().await?;
        if ready {
            return Ok(());
        }
    }
    Err("it was never ready".into())
}

/// A future without its output.
fn attempt<'a, T, E: Into<Failure>>(
    future: impl IntoFuture<Output = Result<T, E>, IntoFuture: Send> + 'a,
) -> Attempt<'a> {
    let future = future.into_future();
    Box::pin(async move { future.await.map(drop).map_err(Into::into) })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_start_of_a_consumer() -> Result<(), Failure> {
    dropped_everywhere(false, |place| {
        Box::pin(async move {
            Ok(attempt(
                place.channel.basic_consume(&place.queue).consumer_tag("t"),
            ))
        })
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cancel_of_a_consumer() -> Result<(), Failure> {
    dropped_everywhere(false, |place| {
        Box::pin(async move {
            let consumer = place.channel.basic_consume(&place.queue).await?;
            Ok(attempt(consumer.cancel()))
        })
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_get() -> Result<(), Failure> {
    dropped_everywhere(false, |place| {
        Box::pin(async move { Ok(attempt(place.channel.basic_get(&place.queue))) })
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_opening_of_a_channel() -> Result<(), Failure> {
    dropped_everywhere(false, |place| {
        Box::pin(async move { Ok(attempt(place.connection.open_channel())) })
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_close_of_a_channel() -> Result<(), Failure> {
    dropped_everywhere(true, |place| {
        Box::pin(async move { Ok(attempt(place.channel.close())) })
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_publish() -> Result<(), Failure> {
    dropped_everywhere(false, |place| {
        Box::pin(async move {
            // More than the send buffer takes at once.
            let body = vec![0; 1 << 20];
            Ok(attempt(async move {
                for _ in 0..8 {
                    place.channel.basic_publish("", &place.queue, &body[..]).await?;
                }
                Ok::<_, PublishError>(())
            }))
        })
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call() -> Result<(), Failure> {
    dropped_everywhere(false, |place| {
        Box::pin(async move { Ok(attempt(place.channel.queue_declare("").exclusive())) })
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ack() -> Result<(), Failure> {
    dropped_everywhere(false, |place| {
        Box::pin(async move {
            let delivery = place.channel.basic_get(&place.queue).await?.ok_or("no message")?;
            Ok(attempt(delivery.ack()))
        })
    })
    .await
}
