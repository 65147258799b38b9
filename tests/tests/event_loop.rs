//! The event loop against a real broker: each kind of request, what the server does by itself, and many messages.

use std::cell::{Cell, RefCell};
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant};

use amqp_client::event_loop::{Channel, Connection, EventLoop, Handlers};
use amqp_client::{ConnectionError, ConsumerEnd, ConsumerError, PublishError};
use amqp_tests::broker::Broker;
use amqp_tests::examples::example;

/// What the slowest test takes on a busy machine, times ten.
const LIMIT: Duration = Duration::from_secs(60);

/// What was called, in its order.
#[derive(Debug, Clone, Default)]
struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    fn add(&self, entry: impl ToString) {
        self.0.borrow_mut().push(entry.to_string());
    }
}

/// Connects, runs a loop until nothing is left to do, and gives what was logged; the end of the connection is the last.
fn run(uri: &str, opened: impl FnOnce(&Connection, Channel, Log) + 'static) -> Vec<String> {
    let mut event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let (logs, on_close) = (log.clone(), log.clone());
    let handlers = Handlers::new()
        .on_open(move |connection| {
            connection
                .open_channel()
                .then(|connection, channel| opened(connection, channel.unwrap(), logs));
        })
        .on_open_error(|_, error| panic!("{error}"))
        .on_close(move |_, error| on_close.add(error));
    event_loop.connect(uri, handlers);
    let limit = Instant::now() + LIMIT;
    while !event_loop.handle().is_idle() {
        assert!(
            Instant::now() < limit,
            "the loop does not come to its end: {log:?}"
        );
        event_loop.run_once(Duration::from_secs(1)).unwrap();
    }
    log.0.take()
}

fn closed() -> String {
    ConnectionError::Closed.to_string()
}

/// Declares a queue that ends with its connection.
fn own_queue(channel: &Channel, then: impl FnOnce(&Channel, String) + 'static) {
    channel
        .queue_declare("")
        .exclusive()
        .then(|channel, declared| then(channel, declared.unwrap().queue.to_string()));
}

#[test]
fn a_message_goes_to_a_queue_and_comes_back() {
    let called = run(Broker::shared().url(), |_, channel, log| {
        own_queue(&channel, move |channel, queue| {
            channel
                .queue_bind(&queue, "amq.topic", "order.*")
                .no_wait()
                .send()
                .unwrap();
            let logs = log.clone();
            channel
                .basic_publish("amq.topic", "order.new", "one coffee")
                .content_type("text/plain")
                .then(move |_, published| logs.add(published.is_ok()));
            let (logs, name) = (log.clone(), queue.clone());
            channel.basic_get(&queue).then(move |channel, got| {
                let delivery = got.unwrap().unwrap();
                logs.add(String::from_utf8_lossy(delivery.body()));
                delivery.requeue().call().unwrap();
                channel.basic_consume(&name).consumer_tag("waiter").then_each(
                    move |channel, next| match next {
                        Ok(delivery) => {
                            logs.add(delivery.redelivered());
                            delivery.ack().call().unwrap();
                            channel.basic_cancel("waiter").then(|_, outcome| outcome.unwrap());
                        }
                        Err(error) => logs.add(error),
                    },
                );
            });
        });
    });
    let cancelled = ConsumerEnd::Cancelled.to_string();
    assert_eq!(called, ["true", "one coffee", "true", &cancelled, &closed()]);
}

#[test]
fn several_gets_at_once_have_each_its_own_message() {
    let called = run(Broker::shared().url(), |_, channel, log| {
        own_queue(&channel, move |channel, queue| {
            for body in ["one", "two"] {
                let publish = channel.basic_publish("", &queue, body);
                publish.then(|_, published| published.unwrap());
            }
            // The third finds nothing.
            for _ in 0..3 {
                let log = log.clone();
                channel.basic_get(&queue).then(move |_, got| match got.unwrap() {
                    Some(delivery) => {
                        log.add(String::from_utf8_lossy(delivery.body()));
                        delivery.ack().call().unwrap();
                    }
                    None => log.add("nothing"),
                });
            }
        });
    });
    assert_eq!(called, ["one", "two", "nothing", &closed()]);
}

#[test]
fn each_publish_has_its_outcome() {
    let called = run(Broker::shared().url(), |_, channel, log| {
        own_queue(&channel, move |channel, queue| {
            channel.confirm_select().then(move |channel, publisher| {
                let publisher = publisher.unwrap();
                let logs = log.clone();
                channel.on_return(move |_, returned| logs.add(format!("return: {}", returned.routing_key())));
                let logs = log.clone();
                publisher
                    .publish("", &queue, vec![7; 3 << 20])
                    .mandatory()
                    .then_confirmed(move |_, outcome| logs.add(format!("large: {}", outcome.is_ok())));
                let logs = log.clone();
                publisher
                    .publish("", "no such queue", "x")
                    .mandatory()
                    .then_confirmed(move |_, outcome| {
                        logs.add(format!(
                            "lost: {}",
                            matches!(outcome, Err(PublishError::Returned(_)))
                        ));
                    });
                let logs = log.clone();
                publisher.publish("", &queue, "y").then(move |_, receipt| {
                    receipt
                        .unwrap()
                        .then(move |_, outcome| logs.add(format!("receipt: {}", outcome.is_ok())));
                });
                // A receipt that is dropped leaves the message to others.
                publisher
                    .publish("", "nowhere", "z")
                    .mandatory()
                    .then(|_, receipt| drop(receipt.unwrap()));
                let (logs, queue) = (log.clone(), queue.clone());
                // The publishes are queued by the time that this is called.
                channel.event_loop().call_later(Duration::ZERO, move |_| {
                    publisher.wait_for_all().then(move |publisher, outcome| {
                        logs.add(format!(
                            "all: {}",
                            matches!(outcome, Err(PublishError::Returned(_)))
                        ));
                        let logs = logs.clone();
                        publisher.channel().queue_purge(&queue).then(move |_, purged| {
                            logs.add(format!("purged: {}", purged.unwrap().message_count));
                        });
                    });
                });
            });
        });
    });
    let mut sorted = called.clone();
    sorted.sort();
    assert_eq!(
        sorted,
        [
            "all: true",
            "large: true",
            "lost: true",
            "purged: 2",
            "receipt: true",
            "return: nowhere",
            &closed()
        ]
    );
    assert_eq!(called[called.len() - 2..], ["purged: 2".to_owned(), closed()]);
}

#[test]
fn ten_thousand_messages_keep_their_order() {
    const MESSAGES: u32 = 10_000;
    let called = run(Broker::shared().url(), |connection, channel, log| {
        let connection = connection.clone();
        own_queue(&channel, move |channel, queue| {
            let (confirmed, taken) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
            let (end, counted) = (log.clone(), Rc::clone(&confirmed));
            let next = Rc::clone(&taken);
            channel.basic_consume(&queue).then_each(move |_, delivery| {
                let Ok(delivery) = delivery else { return };
                assert_eq!(delivery.body(), next.get().to_string().as_bytes());
                delivery.ack().call().unwrap();
                next.set(next.get() + 1);
                if next.get() == MESSAGES {
                    end.add(format!("{} confirmed", counted.get()));
                    connection.shutdown(LIMIT).then(|_, outcome| outcome.unwrap());
                }
            });
            channel.confirm_select().then(move |_, publisher| {
                let publisher = publisher.unwrap();
                // More than may be under way: some wait for their turn.
                for number in 0..MESSAGES {
                    let confirmed = Rc::clone(&confirmed);
                    publisher
                        .publish("", &queue, number.to_string())
                        .transient()
                        .then_confirmed(move |_, outcome| {
                            outcome.unwrap();
                            confirmed.set(confirmed.get() + 1);
                        });
                }
            });
        });
    });
    assert_eq!(called.len(), 2, "{called:?}");
    assert!(called[0].ends_with("confirmed"));
    assert_eq!(called[1], closed());
}

#[test]
fn the_server_s_own_doings_are_told() {
    let called = run(Broker::shared().url(), |connection, channel, log| {
        let connection = connection.clone();
        let logs = log.clone();
        channel.on_cancel(move |_, tag, reason| {
            logs.add(format!(
                "{tag}: {}",
                matches!(reason, ConsumerEnd::CancelledByServer)
            ));
        });
        let logs = log.clone();
        channel.on_close(move |_, reason| logs.add(reason.to_string().contains("404 NOT_FOUND")));
        own_queue(&channel, move |channel, queue| {
            let logs = log.clone();
            let other = connection.clone();
            channel
                .basic_consume(&queue)
                .consumer_tag("waiter")
                .then_each(move |channel, next| {
                    assert!(matches!(
                        next,
                        Err(ConsumerError::Ended(ConsumerEnd::CancelledByServer))
                    ));
                    logs.add("consumer");
                    let (logs, other) = (logs.clone(), other.clone());
                    channel
                        .queue_declare("no such queue")
                        .passive()
                        .then(move |_, outcome| {
                            logs.add(outcome.is_err());
                            // The connection goes on.
                            other
                                .open_channel()
                                .then(move |_, channel| logs.add(channel.is_ok()));
                        });
                });
            connection.open_channel().then(move |_, channel| {
                channel.unwrap().queue_delete(&queue).then(|_, outcome| {
                    outcome.unwrap();
                });
            });
        });
    });
    assert_eq!(
        called,
        ["waiter: true", "consumer", "true", "true", "true", &closed()]
    );
}

#[test]
fn a_connection_that_the_server_closes_is_told_with_its_reason() {
    let broker = Broker::shared();
    let name = format!("event-loop-{}", std::process::id());
    let asked = name.clone();
    let called = run(
        &format!("{}?name={name}", broker.url()),
        move |connection, channel, log| {
            let connection = connection.clone();
            own_queue(&channel, move |channel, queue| {
                let remote = channel.event_loop().remote();
                channel.basic_consume(&queue).then_each(move |_, next| {
                    let _held = &connection;
                    log.add(matches!(next, Err(ConsumerError::Ended(ConsumerEnd::Channel(_)))));
                });
                // The server's list of connections has it after a while: another thread waits for that, not the loop.
                std::thread::spawn(move || {
                    let limit = Instant::now() + LIMIT;
                    while broker.close_connections(&asked, "enough").unwrap() == 0 {
                        assert!(Instant::now() < limit);
                    }
                    assert!(remote.send(|_| {}));
                });
            });
        },
    );
    assert_eq!(called[0], "true");
    assert!(called[1].contains("320 CONNECTION_FORCED: enough"), "{called:?}");
}

#[test]
fn the_example_publishes_and_consumes_and_comes_to_its_end() {
    let output = Command::new(example("event_loop"))
        .env("AMQP_URL", Broker::shared().url())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let printed = String::from_utf8(output.stdout).unwrap();
    let (mut served, ended): (Vec<_>, Vec<_>) = printed.lines().partition(|line| !line.contains("closed"));
    // Confirms and deliveries race.
    served.sort();
    assert_eq!(
        served,
        [
            "coffee 1",
            "coffee 2",
            "coffee 3",
            "the server has order 1",
            "the server has order 2",
            "the server has order 3"
        ]
    );
    assert_eq!(
        ended,
        [
            "the channel is over: the channel was closed by this client",
            "closed: the connection was closed by this client"
        ]
    );
}
