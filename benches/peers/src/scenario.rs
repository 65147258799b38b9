//! The scenarios, written once for all clients. Each ends with what was seen, or with what went wrong.

use std::fmt::Display;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::time::timeout;

use crate::client::{Client, Outcome, Result};
use crate::server::{self, Misbehaviour};

/// A scenario's name on the command line, and what it asks.
pub(crate) const ALL: &[(&str, &str)] = &[
    (
        "prefilled",
        "3,000 waiting messages consumed 50 times: none is lost",
    ),
    (
        "concurrent-calls",
        "32 calls at once on one channel: each gets its own reply",
    ),
    (
        "dropped-call",
        "a call is dropped while it waits: the next one gets its own reply",
    ),
    (
        "concurrent-publish",
        "8 tasks publish on one channel for 3 s: all confirmed",
    ),
    ("returned", "of two publishes, the one that was returned is known"),
    (
        "dropped-consumer",
        "a dropped consumer is cancelled at the server",
    ),
    (
        "reset",
        "connection reset: a waiting publish and a consumer end within 5 s",
    ),
    ("blocked-close", "connection blocked: close returns within 20 s"),
    (
        "flood",
        "a consumer that is not read, 5 s of flood: memory grows by less than 256 MiB",
    ),
    ("dead-peer", "silent server, heartbeat 1 s: noticed within 5 s"),
    (
        "silent-server",
        "server that never answers: connect fails within 60 s",
    ),
    ("refused", "socket closed after the password: the error says so"),
    ("nested-tables", "tables nested 10,000 deep: an error, no crash"),
    ("tiny-frames", "frame_max of 8 octets: an error within 10 s"),
];

/// How long a scenario may take before it counts as hanging.
pub(crate) const LIMIT: Duration = Duration::from_secs(90);

pub(crate) async fn run<C: Client>(name: &str, node: &str) -> Result<String> {
    match name {
        "prefilled" => prefilled::<C>(node).await,
        "concurrent-calls" => concurrent_calls::<C>(node).await,
        "dropped-call" => dropped_call::<C>(node).await,
        "concurrent-publish" => concurrent_publish::<C>(node).await,
        "returned" => returned::<C>(node).await,
        "dropped-consumer" => dropped_consumer::<C>(node).await,
        "reset" => reset::<C>().await,
        "blocked-close" => blocked_close::<C>().await,
        "flood" => flood::<C>().await,
        "dead-peer" => dead_peer::<C>().await,
        "silent-server" => refused_within::<C>(Misbehaviour::Silent, 60).await,
        "refused" => authentication::<C>().await,
        "nested-tables" => refused_within::<C>(Misbehaviour::Nested, 10).await,
        "tiny-frames" => refused_within::<C>(Misbehaviour::TinyFrames, 10).await,
        _ => Err(format!("no scenario {name}")),
    }
}

/// A queue's name that no other process uses: the queues of one that has just ended may live a moment longer.
fn name(queue: impl Display) -> String {
    format!("{queue}-{}", std::process::id())
}

fn serve(misbehaviour: Misbehaviour) -> Result<String> {
    server::start(misbehaviour).map_err(|error| error.to_string())
}

async fn within<T>(seconds: u64, what: &str, future: impl Future<Output = T>) -> Result<T> {
    timeout(Duration::from_secs(seconds), future)
        .await
        .map_err(|_| format!("{what}: nothing within {seconds} s"))
}

async fn prefilled<C: Client>(node: &str) -> Result<String> {
    const MESSAGES: u32 = 3_000;
    let connection = C::connect(node).await?;
    let (mut lost, mut rounds_with_loss) = (0, 0);
    for round in 0..50 {
        let channel = connection.channel().await?;
        let queue = name(format_args!("prefilled-{round}"));
        C::declare(&channel, &queue).await?;
        for _ in 0..MESSAGES {
            C::publish(&channel, &queue, b"message").await?;
        }
        while C::count(&channel, &queue).await?.0 < MESSAGES {}
        let mut consumer = C::consume(&channel, &queue, true).await?;
        let mut received = 0;
        while received < MESSAGES {
            match timeout(Duration::from_secs(1), C::next(&mut consumer)).await {
                Ok(Some(delivery)) => drop(delivery?),
                Ok(None) | Err(_) => break,
            }
            received += 1;
        }
        lost += MESSAGES - received;
        rounds_with_loss += u32::from(received < MESSAGES);
    }
    match lost {
        0 => Ok("none lost".to_owned()),
        lost => Err(format!("{lost} lost, in {rounds_with_loss} of 50 rounds")),
    }
}

async fn concurrent_calls<C: Client>(node: &str) -> Result<String> {
    let connection = C::connect(node).await?;
    let channel = connection.channel().await?;
    let calls = (0..32).map(|number| {
        let (channel, name) = (&channel, name(format_args!("concurrent-{number}")));
        async move { (C::declare(channel, &name).await, name) }
    });
    let replies = within(30, "replies", join_all(calls)).await?;
    for (reply, name) in replies {
        if reply.as_ref() != Ok(&name) {
            let got = reply.map_or_else(|error| error, |other| format!("the reply for {other}"));
            return Err(format!("one got: {got}"));
        }
    }
    Ok("each its own".to_owned())
}

async fn dropped_call<C: Client>(node: &str) -> Result<String> {
    let connection = C::connect(node).await?;
    let channel = connection.channel().await?;
    for number in 0..20 {
        // Polled once, and a little later dropped while the reply is on its way.
        let dropped = name(format_args!("dropped-{number}"));
        let _ = timeout(Duration::from_micros(50 * number), C::declare(&channel, &dropped)).await;
        let kept = name(format_args!("kept-{number}"));
        let reply = within(5, "the reply to the next call", C::declare(&channel, &kept)).await??;
        if reply != kept {
            return Err("it got the reply of the dropped one".to_owned());
        }
    }
    Ok("its own".to_owned())
}

async fn concurrent_publish<C: Client>(node: &str) -> Result<String> {
    let connection = C::connect(node).await?;
    let channel = Arc::new(connection.confirm_channel().await?);
    let queue = name("concurrent-publish");
    C::declare(&channel, &queue).await?;
    let end = Instant::now() + Duration::from_secs(3);
    let tasks = (0..8).map(|_| {
        let (channel, queue) = (Arc::clone(&channel), queue.clone());
        tokio::spawn(async move {
            let mut confirmed = 0_u32;
            while Instant::now() < end {
                match C::publish_confirmed(&channel, &queue).await? {
                    Outcome::Confirmed => confirmed += 1,
                    outcome => return Err(format!("{outcome:?}")),
                }
            }
            Ok(confirmed)
        })
    });
    let mut sum = 0;
    for task in join_all(tasks).await {
        sum += task.map_err(|error| error.to_string())??;
    }
    let arrived = C::count(&channel, &queue).await?.0;
    if arrived != sum {
        return Err(format!("{sum} confirmed, {arrived} in the queue"));
    }
    Ok("all confirmed".to_owned())
}

async fn returned<C: Client>(node: &str) -> Result<String> {
    let connection = C::connect(node).await?;
    let channel = connection.confirm_channel().await?;
    let (routable, nobody) = (name("routable"), name("nobody"));
    C::declare(&channel, &routable).await?;
    for _ in 0..20 {
        let both = futures_util::future::join(
            C::publish_confirmed(&channel, &nobody),
            C::publish_confirmed(&channel, &routable),
        );
        let both = within(10, "confirms", both).await?;
        match both {
            (Ok(Outcome::Returned), Ok(Outcome::Confirmed)) => {}
            (Err(error), _) | (_, Err(error)) => return Err(error),
            (unroutable, routable) => {
                return Err(format!(
                    "the unroutable one: {unroutable:?}, the other: {routable:?}"
                ));
            }
        }
    }
    Ok("known".to_owned())
}

async fn dropped_consumer<C: Client>(node: &str) -> Result<String> {
    let connection = C::connect(node).await?;
    let channel = connection.channel().await?;
    let queue = name("dropped-consumer");
    C::declare(&channel, &queue).await?;
    let consumer = C::consume(&channel, &queue, false).await?;
    drop(consumer);
    let gone = async {
        while C::count(&channel, &queue).await?.1 > 0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok::<_, String>(())
    };
    within(5, "basic.cancel", gone).await??;
    Ok("cancelled".to_owned())
}

async fn reset<C: Client>() -> Result<String> {
    let connection = C::connect(&serve(Misbehaviour::Resets)?).await?;
    let consuming = connection.channel().await?;
    let mut consumer = C::consume(&consuming, "queue", false).await?;
    let channel = connection.confirm_channel().await?;
    let publish = within(5, "the publish", C::publish_confirmed(&channel, "queue")).await?;
    let consumed = within(5, "the consumer", C::next(&mut consumer)).await?;
    match (publish, consumed) {
        (Err(_), None | Some(Err(_))) => Ok("both end".to_owned()),
        other => Err(format!("{other:?}")),
    }
}

async fn blocked_close<C: Client>() -> Result<String> {
    let connection = C::connect(&serve(Misbehaviour::Blocked)?).await?;
    let channel = connection.channel().await?;
    let _ = timeout(Duration::from_secs(1), C::publish(&channel, "queue", b"message")).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let begin = Instant::now();
    // An error is an answer too: the server did not take part in the close.
    let _ = within(20, "close", connection.close()).await?;
    Ok(format!("{} s", begin.elapsed().as_secs()))
}

async fn flood<C: Client>() -> Result<String> {
    let before = resident_mib()?;
    let connection = C::connect(&serve(Misbehaviour::Floods)?).await?;
    let channel = connection.channel().await?;
    let mut consumer = C::consume(&channel, "queue", true).await?;
    let first = within(5, "a delivery", C::next(&mut consumer)).await?;
    first.ok_or("the consumer ended")??;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let grown = resident_mib()?.saturating_sub(before);
    let seen = format!("{grown} MiB");
    if grown < 256 { Ok(seen) } else { Err(seen) }
}

async fn dead_peer<C: Client>() -> Result<String> {
    let connection = C::connect(&serve(Misbehaviour::Dies)?).await?;
    let channel = connection.channel().await?;
    let begin = Instant::now();
    let call = within(5, "the end of a call", C::declare(&channel, "queue")).await?;
    match call {
        Ok(_) => Err("a reply that nobody sent".to_owned()),
        Err(_) => Ok(format!("{:.1} s", begin.elapsed().as_secs_f32())),
    }
}

async fn refused_within<C: Client>(misbehaviour: Misbehaviour, seconds: u64) -> Result<String> {
    let uri = serve(misbehaviour)?;
    let begin = Instant::now();
    match within(seconds, "connect", C::connect(&uri)).await? {
        // Whoever takes such frames must be able to use them.
        Ok(connection) => {
            let channel = within(seconds, "opening a channel", connection.channel()).await??;
            within(seconds, "publish", C::publish(&channel, "queue", b"message")).await??;
            within(seconds, "declare", C::declare(&channel, "queue")).await??;
            Err("taken for granted".to_owned())
        }
        Err(_) => Ok(format!("an error after {:.1} s", begin.elapsed().as_secs_f32())),
    }
}

async fn authentication<C: Client>() -> Result<String> {
    let uri = serve(Misbehaviour::Refuses)?;
    match within(
        30,
        "connect",
        C::connect(&uri).map(|connected| connected.map(drop)),
    )
    .await?
    {
        Ok(()) => Err("connected".to_owned()),
        Err(error)
            if ["auth", "credential", "password", "login"]
                .iter()
                .any(|word| error.to_lowercase().contains(word)) =>
        {
            Ok("it does".to_owned())
        }
        Err(error) => Err(format!("`{error}`")),
    }
}

/// Resident memory of this process.
fn resident_mib() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kib.map(|kib| kib / 1024).ok_or_else(|| "no VmRSS".to_owned())
}
