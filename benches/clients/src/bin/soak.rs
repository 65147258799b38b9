//! A long mixed load on a broker, and how much memory the client has meanwhile: a line of JSON every five seconds. It fails
//! when memory grows. Arguments: `URI [SECONDS]`, 600 unless they are given.
#![forbid(unsafe_code)]

use std::collections::VecDeque;
use std::env;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use amqp_client::bytes::Bytes;
use amqp_client::tokio::connect;
use amqp_client::{Channel, Connection};
use amqp_harness::{BODY, Failure, LARGE, resident_kib};
use tokio::runtime::Builder;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep};

const EVERY: Duration = Duration::from_secs(5);
/// Publishes that may wait for their confirms.
const WINDOW: usize = 100;
/// One body of so many is large.
const LARGE_EVERY: u64 = 50;
/// Between two connections: each takes the broker some milliseconds, and leaves it work to do.
const PAUSE: Duration = Duration::from_millis(50);

/// The median of the last third may be so much larger than that of the first: in parts of it, and in KiB. Allocators keep
/// what they may use again, and two runs of the same load differ by as much.
const TOLERANCE: (f64, f64) = (1.05, 2048.0);

/// How often each thing was done.
#[derive(Default)]
struct Counts {
    confirmed: AtomicU64,
    acked: AtomicU64,
    got: AtomicU64,
    channels: AtomicU64,
    consumers: AtomicU64,
    connections: AtomicU64,
}

/// What every part of the load knows.
#[derive(Clone)]
struct Load {
    uri: Arc<str>,
    end: Instant,
    counts: Arc<Counts>,
    large: Bytes,
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (uri, seconds) = match arguments.as_slice() {
        [uri] => (uri, 600),
        [uri, seconds] => (uri, seconds.parse()?),
        _ => return Err("arguments: URI [SECONDS]".into()),
    };
    let load = Load {
        uri: uri.as_str().into(),
        end: Instant::now() + Duration::from_secs(seconds),
        counts: Arc::default(),
        large: vec![7; LARGE].into(),
    };
    Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(run(load))
}

async fn run(load: Load) -> Result<(), Failure> {
    let connection = connect(&*load.uri).await?;
    let queue = declare(&connection.open_channel().await?).await?;
    let mut parts = JoinSet::new();
    parts.spawn(consume(load.clone(), connection.clone(), queue.clone()));
    parts.spawn(publish(load.clone(), connection.clone(), queue));
    parts.spawn(get(load.clone(), connection.clone()));
    parts.spawn(open_channels(load.clone(), connection.clone()));
    parts.spawn(start_consumers(load.clone(), connection.clone()));
    parts.spawn(open_connections(load.clone()));
    let measured = tokio::spawn(measure(load));
    while let Some(part) = parts.join_next().await {
        part??;
    }
    connection.close().await?;
    held(&measured.await?)
}

/// Confirmed publishes, several under way.
async fn publish(load: Load, connection: Connection, queue: String) -> Result<(), Failure> {
    let channel = connection.open_channel().await?;
    let publisher = channel.confirm_select().await?;
    let mut receipts = VecDeque::with_capacity(WINDOW);
    for number in 0_u64.. {
        if receipts.len() == WINDOW || load.is_over() {
            let Some(receipt) = receipts.pop_front() else {
                break;
            };
            receipt.await?;
            count(&load.counts.confirmed);
            continue;
        }
        let publish = publisher.publish("", &queue, load.body(number));
        receipts.push_back(publish.transient().await?);
    }
    Ok(())
}

/// Acks what is published, until its queue is empty.
async fn consume(load: Load, connection: Connection, queue: String) -> Result<(), Failure> {
    let channel = connection.open_channel().await?;
    let mut consumer = channel.basic_consume(&queue).await?;
    while let Ok(next) = tokio::time::timeout(EVERY, consumer.next()).await {
        next.ok_or("the consumer has ended")??.ack().await?;
        count(&load.counts.acked);
    }
    Ok(consumer.cancel().await.map(drop)?)
}

/// Fetches one message at a time.
async fn get(load: Load, connection: Connection) -> Result<(), Failure> {
    let channel = connection.open_channel().await?;
    let queue = declare(&channel).await?;
    for number in 0_u64.. {
        if load.is_over() {
            break;
        }
        let body = load.body(number);
        channel.basic_publish("", &queue, body).transient().await?;
        // Nothing says that it has reached the queue before the request does.
        if let Some(message) = channel.basic_get(&queue).await? {
            message.ack().await?;
            count(&load.counts.got);
        }
    }
    Ok(())
}

async fn open_channels(load: Load, connection: Connection) -> Result<(), Failure> {
    while !load.is_over() {
        connection.open_channel().await?.close().await?;
        count(&load.counts.channels);
    }
    Ok(())
}

/// Starts consumers; one is cancelled, the next is dropped.
async fn start_consumers(load: Load, connection: Connection) -> Result<(), Failure> {
    let channel = connection.open_channel().await?;
    let queue = declare(&channel).await?;
    while !load.is_over() {
        let consumer = channel.basic_consume(&queue).await?;
        drop(channel.basic_consume(&queue).await?);
        consumer.cancel().await?;
        load.counts.consumers.fetch_add(2, Ordering::Relaxed);
    }
    Ok(())
}

async fn open_connections(load: Load) -> Result<(), Failure> {
    while !load.is_over() {
        let connection = connect(&*load.uri).await?;
        let channel = connection.open_channel().await?;
        let publisher = channel.confirm_select().await?;
        let queue = declare(&channel).await?;
        publisher.publish("", &queue, &BODY).await?.await?;
        connection.close().await?;
        count(&load.counts.connections);
        sleep(PAUSE).await;
    }
    Ok(())
}

/// A queue of this connection.
async fn declare(channel: &Channel) -> Result<String, Failure> {
    let declared = channel.queue_declare("").exclusive().await?;
    Ok(declared.queue.to_str_lossy().into_owned())
}

impl Load {
    fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }

    fn body(&self, number: u64) -> Bytes {
        match number % LARGE_EVERY {
            0 => self.large.clone(),
            _ => Bytes::from_static(&BODY),
        }
    }
}

fn count(what: &AtomicU64) {
    what.fetch_add(1, Ordering::Relaxed);
}

/// Prints and gives memory until the load is over.
async fn measure(load: Load) -> Vec<u64> {
    let (begin, mut ticks, mut samples) = (Instant::now(), interval(EVERY), Vec::new());
    // At once.
    ticks.tick().await;
    while !load.is_over() {
        ticks.tick().await;
        let (second, resident) = (begin.elapsed().as_secs(), resident_kib());
        let of = |what: &AtomicU64| what.load(Ordering::Relaxed);
        let counts = &load.counts;
        println!(
            "{{\"second\":{second},\"resident_kib\":{resident},\"confirmed\":{},\"acked\":{},\"got\":{},\
             \"channels\":{},\"consumers\":{},\"connections\":{}}}",
            of(&counts.confirmed),
            of(&counts.acked),
            of(&counts.got),
            of(&counts.channels),
            of(&counts.consumers),
            of(&counts.connections)
        );
        samples.push(resident);
    }
    samples
}

/// Whether memory stayed where it was.
fn held(samples: &[u64]) -> Result<(), Failure> {
    let third = samples.len() / 3;
    let median = |part: &[u64]| {
        let mut part = part.to_vec();
        part.sort_unstable();
        part.get(part.len() / 2).copied()
    };
    let (first, last) = samples.split_at(third);
    let (Some(first), Some(last)) = (median(first), median(&last[last.len() - third..])) else {
        return Err("too short to tell".into());
    };
    let most = first as f64 * TOLERANCE.0 + TOLERANCE.1;
    println!("{{\"first_third_kib\":{first},\"last_third_kib\":{last},\"most_kib\":{most:.0}}}");
    if last as f64 > most {
        return Err(format!("memory has grown from {first} to {last} KiB").into());
    }
    Ok(())
}
