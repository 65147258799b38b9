//! Futures dropped at each point of their way, against a real broker: what follows on the channel is not disturbed.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::future::{Future, IntoFuture};
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use amqp_client::protocol::v0_9_1::{basic, queue};
use amqp_client::tokio::connect;
use amqp_client::{CallError, Channel, Connection, ConnectionError, Delivery, PublishError, Receipts, State};
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
    /// A name that nothing has.
    name: String,
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
            name: queue.replace("amq.gen", "unused"),
            queue,
        })
    }

    /// The message.
    async fn get(&self) -> Result<Delivery, Failure> {
        Ok(self.channel.basic_get(&self.queue).await?.ok_or("no message")?)
    }

    /// An exchange that deletes itself.
    async fn exchange(&self) -> Result<&str, CallError> {
        self.elsewhere
            .exchange_declare(&self.name, "fanout")
            .auto_delete()
            .await?;
        Ok(&self.name)
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

/// A method, and a future of it to drop.
struct Case {
    /// As in the client's sources.
    name: &'static str,
    /// Whether it closes the channel; what follows is on another then.
    closes: bool,
    prepare: for<'a> fn(&'a Place) -> Prepared<'a>,
}

/// Drops the future after one step, after two and so on, until it gets ready.
async fn dropped_everywhere(case: &Case) -> Result<(), Failure> {
    for steps in 1..MOST_STEPS {
        let place = Place::new().await?;
        let go = async {
            let attempt = (case.prepare)(&place).await?;
            let ready = place.walk(attempt, steps).await?;
            if case.closes {
                place.is_sound(&place.connection.open_channel().await?).await?;
            } else {
                place.is_sound(&place.channel).await?;
            }
            Ok::<_, Failure>(ready)
        };
        let ready = timeout(LIMIT, go)
            .await?
            .map_err(|error| format!("{} dropped after {steps} steps: {error}", case.name))?;
        place.connection.close().await?;
        if ready {
            return Ok(());
        }
    }
    Err(format!("{} was never ready", case.name).into())
}

/// A future without its output.
fn attempt<'a, T, E: Into<Failure>>(
    future: impl IntoFuture<Output = Result<T, E>, IntoFuture: Send> + 'a,
) -> Attempt<'a> {
    let future = future.into_future();
    Box::pin(async move { future.await.map(drop).map_err(Into::into) })
}

/// `"Type::method" => |place| future`, which may await what it needs before; with `closes` in front where it does that.
macro_rules! cases {
    ($($name:literal $(($closes:ident))? => |$place:ident| $future:expr;)*) => {
        vec![$(Case {
            name: $name,
            closes: cases!(@ $($closes)?),
            prepare: |$place| Box::pin(async move { Ok(attempt($future)) }),
        }),*]
    };
    (@) => { false };
    (@ closes) => { true };
}

fn cases() -> Vec<Case> {
    cases! {
        "Connection::open_channel" => |place| place.connection.open_channel();
        "Connection::update_secret" => |place| place.connection.update_secret("guest", "dropped");
        "Channel::close" (closes) => |place| place.channel.close();
        "Channel::send" => |place| place.channel.send(basic::RecoverAsync { requeue: true });
        "Channel::call" => |place| place.channel.call(queue::Declare { exclusive: true, ..Default::default() });
        "Request::no_wait" => |place| place.channel.queue_purge(&place.queue).no_wait();
        "Channel::exchange_declare" => |place| place.channel.exchange_declare(&place.name, "fanout").auto_delete();
        "Channel::exchange_delete" => |place| place.channel.exchange_delete(&place.name);
        "Channel::exchange_bind" => |place| place.channel.exchange_bind(place.exchange().await?, "amq.fanout", "k");
        "Channel::exchange_unbind" => |place| place.channel.exchange_unbind(place.exchange().await?, "amq.fanout", "k");
        "Channel::queue_declare" => |place| place.channel.queue_declare("").exclusive();
        "Channel::queue_bind" => |place| place.channel.queue_bind(&place.queue, "amq.direct", &place.queue);
        "Channel::queue_unbind" => |place| place.channel.queue_unbind(&place.queue, "amq.direct", &place.queue);
        "Channel::queue_purge" => |place| place.channel.queue_purge(&place.queue);
        "Channel::queue_delete" => |place| place.channel.queue_delete(&place.name);
        "Channel::basic_qos" => |place| place.channel.basic_qos(5);
        "Channel::basic_recover" => |place| place.channel.basic_recover();
        "Channel::basic_recover_async" => |place| place.channel.basic_recover_async();
        "Channel::basic_ack" => |place| place.channel.basic_ack(place.get().await?.detach().delivery_tag());
        "Channel::basic_nack" => |place| place.channel.basic_nack(place.get().await?.detach().delivery_tag());
        "Channel::basic_reject" => |place| place.channel.basic_reject(place.get().await?.detach().delivery_tag());
        "Channel::basic_get" => |place| place.channel.basic_get(&place.queue);
        "Channel::basic_consume" => |place| place.channel.basic_consume(&place.queue).consumer_tag("t");
        // More than the send buffer takes at once.
        "Channel::basic_publish" => |place| async {
            let body = vec![0; 1 << 20];
            for _ in 0..8 {
                place.channel.basic_publish("", &place.queue, &body[..]).await?;
            }
            Ok::<_, PublishError>(())
        };
        "Channel::tx_select" => |place| place.channel.tx_select();
        "Channel::tx_commit" => |place| {
            place.channel.tx_select().await?;
            place.channel.basic_publish("", &place.queue, "x").await?;
            place.channel.tx_commit()
        };
        "Channel::tx_rollback" => |place| {
            place.channel.tx_select().await?;
            place.channel.tx_rollback()
        };
        "Channel::channel_flow" => |place| place.channel.channel_flow();
        "Consumer::next" => |place| {
            let mut consumer = place.channel.basic_consume(&place.queue).await?;
            async move { consumer.next().await.ok_or("ended")?.map_err(Failure::from) }
        };
        "Consumer::cancel" => |place| place.channel.basic_consume(&place.queue).await?.cancel();
        "Consumer::drain" => |place| {
            let mut consumer = place.channel.basic_consume(&place.queue).await?;
            async move { consumer.drain().await }
        };
        "Delivery::ack" => |place| place.get().await?.ack();
        "Delivery::ack_multiple" => |place| place.get().await?.ack_multiple();
        "Delivery::reject" => |place| place.get().await?.reject();
        "Delivery::reject_multiple" => |place| place.get().await?.reject_multiple();
        "Delivery::requeue" => |place| place.get().await?.requeue();
        "Delivery::requeue_multiple" => |place| place.get().await?.requeue_multiple();
        "Channel::confirm_select" => |place| place.channel.confirm_select();
        // Each waits for the confirm of the one before, and none for the last.
        "Publisher::publish" => |place| {
            let publisher = place.channel.confirm_select().max_unconfirmed(1).await?;
            async move {
                for _ in 0..3 {
                    drop(publisher.publish("", &place.queue, "x").await?);
                }
                Ok::<_, PublishError>(())
            }
        };
        "Publisher::wait_for_all" => |place| {
            let publisher = place.channel.confirm_select().await?;
            drop(publisher.publish("", &place.queue, "x").await?);
            async move { publisher.wait_for_all().await }
        };
        "Receipt" => |place| {
            let publisher = place.channel.confirm_select().await?;
            publisher.publish("", &place.queue, "x").await?
        };
        "Receipts" => |place| {
            let publisher = place.channel.confirm_select().await?;
            let mut receipts = Receipts::new();
            for _ in 0..3 {
                receipts.push(publisher.publish("", &place.queue, "x").await?);
            }
            receipts
        };
        "Returns::next" => |place| {
            let mut returns = place.channel.returns();
            place.channel.basic_publish("", &place.name, "x").mandatory().await?;
            async move { returns.next().await.ok_or("ended") }
        };
    }
}

/// Futures that wait for the connection itself: see the test below, and for secrets the client's scripted ones.
const OF_CONNECTIONS: [&str; 6] = [
    "Connection::opened",
    "Connection::close",
    "Connection::closed",
    "Connection::shutdown",
    "Connection::keep_secret_fresh",
    "Events::next",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_method_can_be_dropped_at_every_step() -> Result<(), Failure> {
    for case in cases() {
        dropped_everywhere(&case).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_close_of_the_connection_goes_on_and_waiting_for_it_changes_nothing() -> Result<(), Failure> {
    let place = Place::new().await?;
    for steps in 1..4 {
        assert!(
            place
                .walk(
                    attempt(async { Ok::<_, Failure>(place.connection.opened().await?) }),
                    steps
                )
                .await?
        );
        assert!(
            !place
                .walk(
                    attempt(async { Err::<(), _>(place.connection.closed().await) }),
                    steps
                )
                .await?
        );
    }
    let mut events = place.connection.events();
    let event = async move { events.next().await.ok_or("ended") };
    assert!(!place.walk(attempt(event), 3).await?);
    place.is_sound(&place.channel).await?;
    let other = Place::new().await?;
    assert!(!other.walk(attempt(other.connection.shutdown(LIMIT)), 1).await?);
    let ended = timeout(LIMIT, other.connection.closed()).await?;
    assert!(matches!(ended, ConnectionError::Closed), "{ended}");
    assert!(!place.walk(attempt(place.connection.close()), 1).await?);
    let ended = timeout(LIMIT, place.connection.closed()).await?;
    assert!(matches!(ended, ConnectionError::Closed), "{ended}");
    Ok(())
}

/// The names of the async methods, of those that begin a request or give another future, and of the types that are futures
/// by themselves, as the client's sources have them.
fn methods_in(source: &str) -> Vec<String> {
    let mut methods = Vec::new();
    let mut owner = "";
    for (index, line) in source.lines().enumerate() {
        if let Some(implemented) = line.strip_prefix("impl") {
            // Behind the parameters, up to the type's own.
            let implemented = implemented.split_once("> ").map_or(implemented, |(_, rest)| rest);
            owner = implemented
                .trim_start()
                .split([' ', '<'])
                .next()
                .unwrap_or_default();
        }
        // Those with a lifetime are of a request or of a method, and so are those that a method gives.
        let itself = line.strip_prefix("impl Future for ");
        methods.extend(
            itself
                .and_then(|name| name.strip_suffix(" {"))
                .filter(|name| !name.contains('<') && !source.contains(&format!(") -> {name} {{")))
                .map(str::to_owned),
        );
        let awaited = line.strip_prefix("    pub async fn ");
        let begun = line.strip_prefix("    pub fn ").filter(|_| {
            let signature = source
                .lines()
                .skip(index)
                .take_while(|line| !line.trim().is_empty());
            let signature: String = signature.take(8).collect();
            signature.split('{').next().is_some_and(|signature| {
                ["-> Request<", "-> impl Future<", "-> Settle "]
                    .iter()
                    .any(|given| signature.contains(given))
            })
        });
        if let Some(rest) = awaited.or(begun) {
            let name = rest.split(['(', '<']).next().unwrap_or_default();
            methods.push(format!("{owner}::{name}"));
        }
    }
    methods
}

/// The client's handles, file by file.
fn sources() -> Result<Vec<String>, Failure> {
    let mut folders = vec![PathBuf::from(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../amqp-client/src/handle"
    ))];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else {
                sources.push(fs::read_to_string(path)?);
            }
        }
    }
    Ok(sources)
}

#[test]
fn no_method_is_forgotten() -> Result<(), Failure> {
    let cases = cases();
    let covered: BTreeSet<_> = cases.iter().map(|case| case.name).chain(OF_CONNECTIONS).collect();
    let sources = sources()?;
    let found: BTreeSet<_> = sources.iter().flat_map(|source| methods_in(source)).collect();
    assert!(
        found.contains("Channel::queue_declare") && found.contains("Delivery::ack"),
        "{found:?}"
    );
    let forgotten: Vec<_> = found
        .iter()
        .filter(|name| !covered.contains(name.as_str()))
        .collect();
    assert!(forgotten.is_empty(), "a case for each: {forgotten:?}");
    Ok(())
}

/// The async methods, and the public futures, that a source declares, each with whether its documentation says what dropping
/// it does.
fn dropping_said_in(source: &str) -> Vec<(&str, bool)> {
    let mut found = Vec::new();
    let mut said = false;
    for line in source.lines() {
        if line.trim_start().starts_with("///") {
            said |= line.to_lowercase().contains("dropping");
            continue;
        }
        if line.trim_start().starts_with('#') {
            continue;
        }
        let name = |rest: &'static str| {
            let declared = line.trim_start().strip_prefix(rest)?;
            declared.split(['(', '<', ' ']).next()
        };
        let future = name("pub struct ").filter(|name| {
            source.lines().any(|line| {
                let implemented = line
                    .strip_prefix("impl")
                    .and_then(|line| line.split_once(" Future for "));
                implemented.is_some_and(|(_, of)| of.split(['<', ' ']).next() == Some(*name))
            })
        });
        found.extend(name("pub async fn ").or(future).map(|name| (name, said)));
        said = false;
    }
    found
}

#[test]
fn every_future_says_what_dropping_it_does() -> Result<(), Failure> {
    let sources = sources()?;
    let found: Vec<_> = sources
        .iter()
        .flat_map(|source| dropping_said_in(source))
        .collect();
    for name in ["shutdown", "Settle", "Receipt", "Call", "PublishMessage"] {
        assert!(found.iter().any(|(found, _)| *found == name), "{name}: {found:?}");
    }
    let silent: Vec<_> = found.iter().filter(|(_, said)| !said).collect();
    assert!(silent.is_empty(), "{silent:?}");
    Ok(())
}
