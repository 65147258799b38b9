//! Publishing with confirms to a real broker: every message ends as the broker treated it, and its outcome is its own.

use std::collections::{HashSet, VecDeque};
use std::error::Error;
use std::future::IntoFuture;
use std::time::{Duration, Instant};

use amqp_client::protocol::v0_9_1::constants;
use amqp_client::tokio::connect;
use amqp_client::{Channel, Connection, PublishError, Publisher, Receipt, Receipts, State, UnknownReason};
use amqp_tests::broker::{Broker, Options};
use amqp_tests::proxy::{Direction, Fault, Proxy};
use tokio::time::timeout;

type Failure = Box<dyn Error + Send + Sync>;
type Outcome = Result<(), Failure>;

/// What the slowest test takes on a busy machine, times ten.
const LIMIT: Duration = Duration::from_secs(120);
/// How long many tasks publish at once.
const LOAD: Duration = Duration::from_secs(10);
const TASKS: usize = 8;

async fn publisher(url: &str) -> Result<(Connection, Channel, Publisher), Failure> {
    let connection = connect(url).await?;
    let channel = connection.open_channel().await?;
    let publisher = channel.confirm_select().await?;
    Ok((connection, channel, publisher))
}

async fn declare(channel: &Channel) -> Result<String, Failure> {
    Ok(channel.queue_declare("").exclusive().await?.queue.to_string())
}

/// A queue that is full, and refuses more.
async fn declare_full(publisher: &Publisher) -> Result<String, Failure> {
    let declare = publisher.channel().queue_declare("").exclusive();
    let declare = declare
        .argument("x-max-length", 1)
        .argument("x-overflow", "reject-publish");
    let queue = declare.await?.queue.to_string();
    publisher.publish("", &queue, "the one").await?.await?;
    Ok(queue)
}

/// How many messages are ready in a queue.
async fn count(channel: &Channel, queue: &str) -> Result<u32, Failure> {
    Ok(channel.queue_declare(queue).passive().await?.message_count)
}

/// The broker's URI, through a proxy.
fn through(proxy: &Proxy, url: &str) -> String {
    let (before, _) = url.rsplit_once('@').unwrap();
    format!("{before}@{}", proxy.address())
}

async fn outcome(receipt: Receipt) -> Result<Result<(), PublishError>, Failure> {
    Ok(timeout(LIMIT, receipt).await?)
}

#[tokio::test]
async fn a_full_queue_refuses() -> Outcome {
    let (connection, _, publisher) = publisher(Broker::shared().url()).await?;
    let full = declare_full(&publisher).await?;
    let mut receipts = Receipts::new();
    for _ in 0..10 {
        receipts.push(publisher.publish("", &full, "one too many").await?);
    }
    let Err(error) = timeout(LIMIT, receipts).await? else {
        panic!("confirmed")
    };
    let nacked = |(_, error): &&(usize, PublishError)| matches!(error, PublishError::Nacked);
    assert_eq!(error.failures().iter().filter(nacked).count(), 10, "{error}");
    drop(publisher.publish("", &full, "dropped").await?);
    assert!(matches!(
        publisher.wait_for_all().await,
        Err(PublishError::Nacked)
    ));
    connection.close().await?;
    Ok(())
}

#[tokio::test]
async fn an_unroutable_message_comes_back_if_it_is_mandatory() -> Outcome {
    let (connection, channel, publisher) = publisher(Broker::shared().url()).await?;
    publisher
        .publish("", "nowhere", "dropped by the broker")
        .await?
        .await?;
    for body in ["", "body"] {
        let publish = publisher.publish("amq.direct", "nowhere", body).mandatory();
        let receipt = publish.message_id("m").header("b", 1).header("a", 2).await?;
        let Err(PublishError::Returned(returned)) = outcome(receipt).await? else {
            panic!("not returned")
        };
        assert_eq!(returned.reply_code(), constants::NO_ROUTE);
        assert_eq!(
            (returned.exchange(), returned.routing_key()),
            ("amq.direct".try_into()?, "nowhere".try_into()?)
        );
        assert_eq!(returned.properties().message_id, Some("m".try_into()?));
        assert_eq!(returned.body(), body.as_bytes());
    }
    // Without a receipt it comes to whoever listens.
    let mut returns = channel.returns();
    channel.basic_publish("", "nowhere", "plain").mandatory().await?;
    let returned = timeout(LIMIT, returns.next())
        .await?
        .ok_or("the channel has ended")?;
    assert_eq!(returned.body(), b"plain");
    connection.close().await?;
    assert!(timeout(LIMIT, returns.next()).await?.is_none());
    Ok(())
}

#[tokio::test]
async fn pitfall_21_each_of_many_returns_is_the_outcome_of_its_own_publish() -> Outcome {
    for header in [false, true] {
        let connection = connect(Broker::shared().url()).await?;
        let channel = connection.open_channel().await?;
        let select = channel.confirm_select();
        let publisher = if header { select.return_header() } else { select }.await?;
        let queue = declare(&channel).await?;
        let mut receipts = Vec::new();
        for number in 0..1000 {
            // Every third is alike, and every fifth of all can be routed.
            let body = if number % 3 == 0 {
                String::new()
            } else {
                number.to_string()
            };
            let queue = if number % 5 == 0 {
                queue.as_str()
            } else {
                "nowhere"
            };
            let receipt = publisher.publish("", queue, body.as_str()).mandatory().await?;
            receipts.push((number, body, receipt));
        }
        for (number, body, receipt) in receipts {
            match outcome(receipt).await? {
                Ok(()) => assert_eq!(number % 5, 0, "{number}"),
                Err(PublishError::Returned(returned)) => {
                    assert!(number % 5 != 0 && returned.body() == body.as_bytes(), "{number}");
                }
                Err(error) => return Err(error.into()),
            }
        }
        connection.close().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_quorum_queue_confirms() -> Outcome {
    let (connection, channel, publisher) = publisher(Broker::shared().url()).await?;
    let queue = format!("quorum-{}", std::process::id());
    let declare = channel.queue_declare(&queue).durable();
    declare.argument("x-queue-type", "quorum").await?;
    let mut receipts = Receipts::new();
    for number in 0..500 {
        receipts.push(publisher.publish("", &queue, number.to_string()).await?);
    }
    timeout(LIMIT, receipts).await??;
    assert_eq!(publisher.unconfirmed(), 0);
    channel.queue_delete(&queue).await?;
    connection.close().await?;
    Ok(())
}

#[tokio::test]
async fn selecting_again_goes_on_counting_as_the_broker_does() -> Outcome {
    let (connection, channel, first) = publisher(Broker::shared().url()).await?;
    let queue = declare(&channel).await?;
    for round in 0..10 {
        let publisher = channel.confirm_select().await?;
        channel.basic_publish("", &queue, "plain").await?;
        let receipts = [
            first.publish("", &queue, "x").await?,
            publisher.publish("", &queue, "x").await?,
        ];
        assert_eq!(
            receipts.each_ref().map(|receipt| receipt.delivery_tag().0),
            [3 * round + 2, 3 * round + 3]
        );
        timeout(LIMIT, Receipts::from_iter(receipts)).await??;
    }
    assert_eq!(connection.state(), State::Open);
    connection.close().await?;
    Ok(())
}

/// Where a message goes, and how its publish must end therefore.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Taken,
    Refused,
    Unroutable,
    /// Without a receipt.
    Plain,
}

/// Publishes for a while, awaiting outcomes some way behind, and tells how many messages were taken.
async fn publish_all_ways(
    publisher: Publisher,
    task: usize,
    queue: String,
    full: String,
) -> Result<u32, Failure> {
    let start = Instant::now();
    let mut taken = 0;
    let mut receipts = VecDeque::new();
    let mut number = 0;
    while start.elapsed() < LOAD || !receipts.is_empty() {
        if start.elapsed() < LOAD {
            number += 1;
            // Not the same for all tasks at the same time.
            let way = match (number * 7 + task) % 10 {
                0 => Way::Refused,
                1 | 2 => Way::Unroutable,
                3 => Way::Plain,
                _ => Way::Taken,
            };
            let to = match way {
                Way::Taken | Way::Plain => &queue,
                Way::Refused => &full,
                Way::Unroutable => "nowhere",
            };
            // Some of several frames, so that frames of two messages could mix.
            let size = if number % 100 == 0 {
                300_000
            } else {
                20 + number % 5000
            };
            let mut body = format!("{task} {number} ").into_bytes();
            body.resize(size.max(body.len()), task as u8);
            if way == Way::Plain {
                publisher.channel().basic_publish("", to, &body).await?;
                taken += 1;
            } else {
                let receipt = publisher.publish("", to, &body).mandatory().await?;
                receipts.push_back((way, body, receipt));
            }
        }
        if receipts.len() > 100 || start.elapsed() >= LOAD {
            let Some((way, body, receipt)) = receipts.pop_front() else {
                continue;
            };
            let ended = match outcome(receipt).await? {
                Ok(()) => Way::Taken,
                Err(PublishError::Nacked) => Way::Refused,
                Err(PublishError::Returned(returned)) => {
                    assert!(returned.body() == body, "the return of another message");
                    Way::Unroutable
                }
                Err(error) => return Err(error.into()),
            };
            assert_eq!(ended, way, "the outcome of another message");
            taken += u32::from(ended == Way::Taken);
        }
    }
    Ok(taken)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pitfall_04_05_tasks_that_share_a_channel_get_their_own_outcomes() -> Outcome {
    let (connection, channel, publisher) = publisher(Broker::shared().url()).await?;
    let (queue, full) = (declare(&channel).await?, declare_full(&publisher).await?);
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| {
            let publish = publish_all_ways(publisher.clone(), task, queue.clone(), full.clone());
            tokio::spawn(timeout(LIMIT, publish))
        })
        .collect();
    let mut taken = 0;
    for task in tasks {
        taken += task.await???;
    }
    publisher.wait_for_all().await?;
    assert_eq!((connection.state(), publisher.unconfirmed()), (State::Open, 0));
    assert_eq!(count(&channel, &queue).await?, taken);
    println!("{taken} messages taken in {LOAD:?}");
    connection.close().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_receipt_or_publish_does_not_shift_the_outcomes_of_others() -> Outcome {
    let connection = connect(Broker::shared().url()).await?;
    let channel = connection.open_channel().await?;
    let publisher = channel.confirm_select().max_unconfirmed(3).await?;
    let (queue, full) = (declare(&channel).await?, declare_full(&publisher).await?);
    let mut kept = Vec::new();
    for number in 0..3000 {
        let to = if number % 2 == 0 { &queue } else { &full };
        let publish = publisher.publish("", to, "x").into_future();
        // A time that is over now and then.
        match timeout(Duration::from_micros(number % 7 * 50), publish).await {
            Ok(receipt) if number % 3 > 0 => kept.push((number, receipt?)),
            Ok(receipt) => drop(receipt?),
            Err(_) => {}
        }
    }
    for (number, receipt) in kept {
        let refused = matches!(outcome(receipt).await?, Err(PublishError::Nacked));
        assert_eq!(refused, number % 2 == 1, "{number}");
    }
    assert_eq!(connection.state(), State::Open);
    connection.close().await?;
    Ok(())
}

#[tokio::test]
async fn messages_that_no_confirm_came_for_are_of_unknown_fate() -> Outcome {
    let broker = Broker::shared();
    let proxy = Proxy::start(broker.address())?;
    let direct = connect(broker.url()).await?.open_channel().await?;
    let queue = format!("unknown-{}", std::process::id());
    direct.queue_declare(&queue).await?;

    let (connection, _, patient) = publisher(&through(&proxy, broker.url())).await?;
    let channel = connection.open_channel().await?;
    let select = channel.confirm_select();
    let hasty = select.confirm_timeout(Duration::from_millis(200)).await?;
    proxy.set(Direction::ToClient, Fault::Swallow);
    let waiting = patient.publish("", &queue, "no confirm at all").await?;
    let late = hasty.publish("", &queue, "no confirm in time").await?;
    assert!(matches!(
        outcome(late).await?,
        Err(PublishError::Unknown(UnknownReason::TimedOut))
    ));
    timeout(LIMIT, async {
        while count(&direct, &queue).await? < 2 {}
        Ok::<_, Failure>(())
    })
    .await??;
    proxy.reset();
    assert!(matches!(
        outcome(waiting).await?,
        Err(PublishError::Unknown(UnknownReason::Channel(_)))
    ));
    direct.queue_delete(&queue).await?;
    Ok(())
}

#[tokio::test]
async fn what_the_transport_did_not_take_was_not_sent() -> Outcome {
    const SIZE: usize = 256 << 10;
    let broker = Broker::shared();
    let proxy = Proxy::start(broker.address())?;
    let direct = connect(broker.url()).await?.open_channel().await?;
    let queue = format!("not-sent-{}", std::process::id());
    direct.queue_declare(&queue).await?;

    let (connection, _, publisher) = publisher(&through(&proxy, broker.url())).await?;
    publisher.publish("", &queue, "confirmed").await?.await?;
    proxy.set(Direction::ToServer, Fault::Stall);
    let mut receipts = Vec::new();
    // Until what lies between is full: then the next one waits in vain.
    loop {
        let mut publish = publisher.publish("", &queue, vec![0; SIZE]).into_future();
        match timeout(Duration::from_secs(1), &mut publish).await {
            Ok(receipt) => receipts.push(receipt?),
            Err(_) => break,
        }
    }
    proxy.reset();
    let mut words = Vec::new();
    for receipt in receipts {
        words.push(match outcome(receipt).await? {
            Err(PublishError::Unknown(UnknownReason::Channel(_))) => "unknown",
            Err(PublishError::NotSent(_)) => "not sent",
            other => panic!("{other:?}"),
        });
    }
    // The stream was cut once: all before it may have arrived, nothing behind it.
    let unknown = words.iter().take_while(|word| **word == "unknown").count();
    let not_sent = words.len() - unknown;
    assert!(
        words[unknown..].iter().all(|word| *word == "not sent"),
        "{words:?}"
    );
    assert!(unknown > 0 && not_sent > 0, "{words:?}");
    timeout(LIMIT, connection.closed()).await?;
    assert!(count(&direct, &queue).await? as usize <= 1 + unknown);
    direct.queue_delete(&queue).await?;
    Ok(())
}

mod private_node {
    use super::*;

    /// Publishes until the connection ends, and tells which numbers were confirmed, and which were not sent.
    async fn publish_to_the_end(
        publisher: Publisher,
        task: usize,
    ) -> Result<(Vec<String>, Vec<String>), Failure> {
        let mut receipts = Vec::new();
        for number in 0.. {
            let body = format!("{task}-{number}");
            match publisher.publish("", "durable", body.as_str()).await {
                Ok(receipt) => receipts.push((body, receipt)),
                Err(PublishError::Channel(_)) => break,
                Err(error) => return Err(error.into()),
            }
        }
        let (mut confirmed, mut not_sent) = (Vec::new(), Vec::new());
        for (body, receipt) in receipts {
            match outcome(receipt).await? {
                Ok(()) => confirmed.push(body),
                Err(PublishError::NotSent(_)) => not_sent.push(body),
                Err(PublishError::Unknown(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok((confirmed, not_sent))
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_was_confirmed_survives_a_crash_of_the_node_and_what_was_not_sent_is_not_there() -> Outcome {
        let broker = Broker::start(&Options::default())?;
        let (connection, channel, publisher) = publisher(broker.url()).await?;
        channel.queue_declare("durable").durable().await?;
        let tasks: Vec<_> = (0..4)
            .map(|task| tokio::spawn(publish_to_the_end(publisher.clone(), task)))
            .collect();
        timeout(LIMIT, async {
            while count(&channel, "durable").await? < 1000 || connection.stats().messages_confirmed < 1000 {}
            Ok::<_, Failure>(())
        })
        .await??;
        broker.kill()?;
        timeout(LIMIT, connection.closed()).await?;
        let (mut confirmed, mut not_sent) = (Vec::new(), Vec::new());
        for task in tasks {
            let (more_confirmed, more_not_sent) = timeout(LIMIT, task).await???;
            confirmed.extend(more_confirmed);
            not_sent.extend(more_not_sent);
        }
        assert!(confirmed.len() >= 1000);
        broker.start_again()?;
        let connection = connect(broker.url()).await?;
        let channel = connection.open_channel().await?;
        let mut stored = HashSet::new();
        while let Some(message) = channel.basic_get("durable").no_ack().await? {
            stored.insert(String::from_utf8(message.body().to_vec())?);
        }
        let lost: Vec<_> = confirmed.iter().filter(|body| !stored.contains(*body)).collect();
        assert!(lost.is_empty(), "{} of {} lost", lost.len(), confirmed.len());
        assert!(not_sent.iter().all(|body| !stored.contains(body)));
        connection.close().await?;
        Ok(())
    }
}
