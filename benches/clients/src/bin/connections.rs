//! As many connections as are wanted, open at once over tokio, each with a channel that publishes and gets its confirm, and how
//! much memory they have. Arguments: `COUNT URI`. Each takes a file descriptor; raise their limit with `ulimit -n`.
#![forbid(unsafe_code)]

use std::env;
use std::sync::Arc;
use std::time::Instant;

use amqp_client::tokio::connect;
use amqp_client::{Connection, Publisher};
use amqp_harness::{BODY, Failure, resident_kib};
use tokio::runtime::Builder;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// How many connect at a time: a listener keeps no more than some hundred waiting.
const AT_A_TIME: usize = 100;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [count, uri] = arguments.as_slice() else {
        return Err("arguments: COUNT URI".into());
    };
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(count.parse()?, uri.as_str().into()))
}

async fn run(count: usize, uri: Arc<str>) -> Result<(), Failure> {
    let (begin, before) = (Instant::now(), resident_kib());
    let turns = Arc::new(Semaphore::new(AT_A_TIME));
    let mut opening = JoinSet::new();
    for _ in 0..count {
        let (uri, turn) = (Arc::clone(&uri), Arc::clone(&turns).acquire_owned().await?);
        opening.spawn(async move {
            let opened = open(&uri).await;
            drop(turn);
            opened
        });
    }
    let mut open = Vec::with_capacity(count);
    while let Some(opened) = opening.join_next().await {
        open.push(opened??);
    }
    let (seconds, resident) = (begin.elapsed().as_secs_f64(), resident_kib());
    for (_, publisher) in &open {
        publisher.publish("", "bench.0", &BODY).await?.await?;
    }
    let behind = resident_kib();
    println!(
        "{{\"connections\":{count},\"seconds\":{seconds:.3},\"before_kib\":{before},\"open_kib\":{resident},\
         \"published_kib\":{behind},\"each_kib\":{:.1}}}",
        (behind - before) as f64 / count as f64
    );
    for (connection, _) in &open {
        connection.close().await?;
    }
    Ok(())
}

async fn open(uri: &str) -> Result<(Connection, Publisher), Failure> {
    let connection = connect(uri).await?;
    let publisher = connection.open_channel().await?.confirm_select().await?;
    Ok((connection, publisher))
}
