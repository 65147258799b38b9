//! What the blocking styles have of their own: ticks, timers, closures from other threads, and heartbeats while a program
//! computes. What they have in common with every style is `conformance`'s.

#[path = "blocking/single_threaded.rs"]
mod single_threaded;
#[path = "blocking/threaded.rs"]
mod threaded;

use std::error::Error;
use std::time::{Duration, Instant};

use amqp_client::{Blocking, ConnectOptions, Connection, ConsumerEnd, ConsumerError};
use amqp_tests::broker::Broker;

type Failure = Box<dyn Error + Send + Sync>;
type Outcome = Result<(), Failure>;

/// What the slowest step takes on a busy machine, times ten.
const LIMIT: Duration = Duration::from_secs(60);

fn options() -> Result<ConnectOptions, Failure> {
    Ok(Broker::shared().url().parse()?)
}

/// A consumer's ticks come when nothing else does, and do not end it.
fn ticks<W: Blocking>(connection: &Connection<W>) -> Outcome {
    const TICK: Duration = Duration::from_millis(100);
    let channel = connection.open_channel()?;
    let queue = channel.queue_declare("").exclusive().call()?.queue;
    let mut consumer = channel.basic_consume(&queue).call()?;
    let mut items = consumer.inactivity_timeout(TICK);
    for _ in 0..2 {
        let begun = Instant::now();
        assert!(matches!(items.next(), Some(None)));
        assert!(begun.elapsed() >= TICK, "{:?}", begun.elapsed());
    }
    let mut items = consumer.inactivity_timeout(LIMIT);
    for body in ["first", "second"] {
        channel.basic_publish("", &queue, body).call()?;
        let delivery = items.next().flatten().ok_or("a tick, or the end")??;
        assert_eq!(delivery.body(), body.as_bytes());
        delivery.ack().call()?;
    }
    channel.queue_delete(&queue).call()?;
    let end = items.next();
    assert!(
        matches!(
            end,
            Some(Some(Err(ConsumerError::Ended(ConsumerEnd::CancelledByServer))))
        ),
        "{end:?}"
    );
    assert!(items.next().is_none());
    Ok(())
}
