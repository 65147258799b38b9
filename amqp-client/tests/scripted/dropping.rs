//! What dropping a handle or a future does, wherever it has got to.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use amqp_client::protocol::v0_9_1::{basic, channel, connection};
use amqp_client::protocol::{DeliveryTag, ShortStr};
use amqp_client::{Config, ConnectionError, ConsumerEnd, ConsumerError, PublishError, State};

use crate::peer::{Sent, declare_ok, delivery, header_frame, method_frame};
use crate::wire::{Flag, Session, ack, cancel, next, poll, ready, reject};

#[test]
fn a_dropped_call_leaves_a_tombstone_whenever_it_is_dropped() {
    let mut session = Session::open();
    let channel = session.open_channel();
    // Never polled: nothing is sent.
    drop(channel.queue_declare("a").into_future());
    assert_eq!(session.sent(), []);
    // Dropped while its request is on its way, and dropped with its reply unread.
    let mut early = channel.queue_declare("early").into_future();
    let mut late = channel.queue_declare("late").into_future();
    let mut kept = channel.queue_declare("kept").into_future();
    assert!(poll(&mut early).is_pending() && poll(&mut late).is_pending() && poll(&mut kept).is_pending());
    drop(early);
    assert_eq!(session.sent().len(), 3);
    session.send(1, &declare_ok("early"));
    session.send(1, &declare_ok("late"));
    drop(late);
    session.send(1, &declare_ok("kept"));
    let Poll::Ready(Ok(reply)) = poll(&mut kept) else {
        panic!("no reply")
    };
    assert_eq!(reply.queue, "kept");
}

#[test]
fn a_dropped_get_requeues_what_it_fetched() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let fetched = |tag| {
        let get_ok = basic::GetOk {
            delivery_tag: DeliveryTag(tag),
            ..Default::default()
        };
        [method_frame(1, &get_ok), header_frame(1, 0)].concat()
    };
    let mut get = channel.basic_get("q").into_future();
    assert!(poll(&mut get).is_pending());
    drop(get);
    session.feed(&fetched(1));
    let mut get = channel.basic_get("q").into_future();
    assert!(poll(&mut get).is_pending());
    session.feed(&fetched(2));
    drop(get);
    let sent: Vec<_> = session
        .sent()
        .into_iter()
        .filter(|sent| !sent.is::<basic::Get<'_>>())
        .collect();
    assert_eq!(sent, [reject(1), reject(2)]);
}

#[test]
fn a_dropped_opening_closes_what_was_opened() {
    let mut session = Session::open();
    let connection = session.connection.clone();
    let mut opening = Box::pin(connection.open_channel());
    assert!(poll(&mut opening).is_pending());
    drop(opening);
    let sent = session.sent();
    assert!(sent[0].is::<channel::Open>() && sent[1].is::<channel::Close<'_>>() && sent.len() == 2);
    session.send(1, &channel::OpenOk {});
    session.send(1, &channel::CloseOk {});
    assert_eq!(session.sent(), []);
    assert_eq!(session.open_channel().id().0, 1);
}

#[test]
fn a_dropped_start_of_a_consumer_cancels_it() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let started = [
        method_frame(1, &basic::QosOk {}),
        method_frame(
            1,
            &basic::ConsumeOk {
                consumer_tag: ShortStr::from_static("t"),
            },
        ),
        delivery(1, "t", 1, b"x", 10),
    ]
    .concat();
    // Before its reply, and with its reply unread. A prefetch is sent once.
    for (before, answer) in [
        (true, &started[..]),
        (false, &started[method_frame(1, &basic::QosOk {}).len()..]),
    ] {
        let mut starting = channel.basic_consume("q").consumer_tag("t").into_future();
        assert!(poll(&mut starting).is_pending());
        session.sent();
        if before {
            drop(starting);
            session.feed(answer);
        } else {
            session.feed(answer);
            drop(starting);
        }
        assert_eq!(session.sent(), [cancel("t"), reject(1)]);
        session.send(
            1,
            &basic::CancelOk {
                consumer_tag: ShortStr::from_static("t"),
            },
        );
    }
    assert_eq!(session.connection.state(), State::Open);
}

#[test]
fn a_publish_waits_for_its_turn_and_dropped_before_publishes_nothing() {
    let mut config = Config::default();
    config.send_buffer = 1000;
    let mut session = Session::open_with(config);
    let channel = session.open_channel();
    session.set_room(0);
    ready(channel.basic_publish("", "q", vec![1; 2000]).into_future()).unwrap();
    session.drive();
    let mut dropped = channel.basic_publish("", "q", "dropped").into_future();
    let mut kept = channel
        .basic_publish("", "q", "kept")
        .header("n", 1)
        .into_future();
    let woken = Flag::new();
    let waker = Waker::from(Arc::clone(&woken));
    assert!(poll(&mut dropped).is_pending());
    assert!(
        Pin::new(&mut kept)
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    drop(dropped);
    session.set_room(usize::MAX);
    assert_eq!(session.sent().len(), 3);
    assert!(woken.take());
    assert!(matches!(poll(&mut kept), Poll::Ready(Ok(()))));
    assert_eq!(session.sent()[2], Sent::Body(1, b"kept".to_vec()));

    session.send(0, &connection::Blocked::default());
    let mut blocked = channel.basic_publish("", "q", "blocked").into_future();
    assert!(poll(&mut blocked).is_pending());
    // An ack is not held back.
    ready(channel.send(basic::Ack {
        delivery_tag: DeliveryTag(1),
        multiple: false,
    }))
    .unwrap();
    assert_eq!(session.sent(), [ack(1)]);
    session.advance(Duration::from_secs(61));
    assert!(matches!(
        poll(&mut blocked),
        Poll::Ready(Err(PublishError::Blocked { .. }))
    ));
}

#[test]
fn publishes_that_wait_are_woken_in_the_order_they_came_and_newcomers_behind_them() {
    let mut config = Config::default();
    config.send_buffer = 1000;
    let mut session = Session::open_with(config);
    let channel = session.open_channel();
    session.set_room(0);
    let publish = |n: u8| channel.basic_publish("", "q", vec![n; 2000]).into_future();
    let published = |session: &mut Session| -> Vec<u8> {
        let bodies = session.sent().into_iter().filter_map(|sent| match sent {
            Sent::Body(_, octets) => Some(octets[0]),
            _ => None,
        });
        bodies.collect()
    };
    ready(publish(0)).unwrap();
    session.drive();
    // What wakes them writes their numbers down.
    let woken = Arc::new(Mutex::new(Vec::new()));
    let waker = |number| Waker::from(Arc::new(Numbered(number, Arc::clone(&woken))));
    let mut publishes = [1, 2, 3].map(|n| (publish(n), waker(n)));
    for (publish, waker) in &mut publishes[..2] {
        assert!(
            Pin::new(publish)
                .poll(&mut Context::from_waker(waker))
                .is_pending()
        );
    }
    session.set_room(usize::MAX);
    assert_eq!(published(&mut session), [0]);
    let (newcomer, waker) = &mut publishes[2];
    assert!(
        Pin::new(newcomer)
            .poll(&mut Context::from_waker(waker))
            .is_pending()
    );
    assert_eq!(*woken.lock().unwrap(), [1, 2, 3]);
    // One that nobody polls holds nobody back.
    let [(never_polled, _), (second, _), (newcomer, _)] = &mut publishes;
    assert!(poll(second).is_pending(), "it lets the first go first, once");
    assert!(poll(second).is_ready());
    assert!(poll(newcomer).is_pending(), "there is no room");
    assert_eq!(published(&mut session), [2]);
    assert!(poll(newcomer).is_pending() && poll(newcomer).is_ready());
    assert_eq!(published(&mut session), [3]);
    // The time of waiting counts from the first poll.
    session.send(0, &connection::Blocked::default());
    session.advance(Duration::from_secs(61));
    assert!(matches!(
        poll(never_polled),
        Poll::Ready(Err(PublishError::Blocked { .. }))
    ));
}

/// A waker that writes its number down.
struct Numbered(u8, Arc<Mutex<Vec<u8>>>);

impl Wake for Numbered {
    fn wake(self: Arc<Self>) {
        self.1.lock().unwrap().push(self.0);
    }
}

#[test]
fn a_dropped_consumer_is_cancelled_and_a_cancelled_one_gives_the_rest() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let consumer = session.consume(&channel, "dropped");
    session.feed(&delivery(1, "dropped", 1, b"x", 10));
    drop(consumer);
    assert_eq!(session.sent(), [cancel("dropped"), reject(1)]);
    session.send(
        1,
        &basic::CancelOk {
            consumer_tag: ShortStr::from_static("dropped"),
        },
    );

    let consumer = session.consume(&channel, "cancelled");
    let mut cancelling = Box::pin(consumer.cancel());
    assert!(poll(&mut cancelling).is_pending());
    session.feed(&delivery(1, "cancelled", 2, b"y", 10));
    session.send(
        1,
        &basic::CancelOk {
            consumer_tag: ShortStr::from_static("cancelled"),
        },
    );
    let Poll::Ready(Ok(mut rest)) = poll(&mut cancelling) else {
        panic!("not cancelled")
    };
    assert_eq!(rest.len(), 1);
    ready(rest.remove(0).unwrap().ack()).unwrap();
    assert_eq!(session.sent(), [cancel("cancelled"), ack(2)]);

    // The cancel itself dropped halfway: what came is requeued.
    let consumer = session.consume(&channel, "c");
    let mut cancelling = Box::pin(consumer.cancel());
    assert!(poll(&mut cancelling).is_pending());
    session.feed(&delivery(1, "c", 3, b"z", 10));
    drop(cancelling);
    session.feed(&delivery(1, "c", 4, b"z", 10));
    assert!(session.sent().ends_with(&[reject(3), reject(4)]));
    assert_eq!(session.connection.state(), State::Open);
}

#[test]
fn a_drained_consumer_hands_out_the_rest_and_ends() {
    let cancel_ok = basic::CancelOk {
        consumer_tag: ShortStr::from_static("c"),
    };
    for dropped in [false, true] {
        let mut session = Session::open();
        let channel = session.open_channel();
        let mut consumer = session.consume(&channel, "c");
        session.feed(&delivery(1, "c", 1, b"x", 10));
        {
            let mut draining = Box::pin(consumer.drain());
            assert!(poll(&mut draining).is_pending());
            session.feed(&delivery(1, "c", 2, b"y", 10));
            if dropped {
                drop(draining);
                session.send(1, &cancel_ok);
            } else {
                session.send(1, &cancel_ok);
                assert!(matches!(poll(&mut draining), Poll::Ready(Ok(()))));
            }
        }
        // Once is enough.
        ready(consumer.drain()).unwrap();
        for _ in 0..2 {
            ready(next(&mut consumer).unwrap().ack()).unwrap();
        }
        assert!(matches!(
            next(&mut consumer),
            Err(ConsumerError::Ended(ConsumerEnd::Cancelled))
        ));
        assert!(ready(consumer.next()).is_none());
        ready(consumer.drain()).unwrap();
        drop(consumer);
        assert_eq!(session.sent(), [cancel("c"), ack(1), ack(2)]);
    }
}

#[test]
fn dropping_the_driver_resolves_and_wakes_every_waiter() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let mut consumer = session.consume(&channel, "c");
    session.send(0, &connection::Blocked::default());
    let connection = session.connection.clone();
    type Waiter<'a> = Pin<Box<dyn Future<Output = bool> + 'a>>;
    let mut waiters: Vec<(Waiter<'_>, Arc<Flag>)> = vec![
        (
            Box::pin(async { channel.queue_declare("q").await.is_err() }),
            Flag::new(),
        ),
        (
            Box::pin(async { channel.basic_publish("", "q", "x").await.is_err() }),
            Flag::new(),
        ),
        (
            Box::pin(async { channel.basic_consume("q").await.is_err() }),
            Flag::new(),
        ),
        (
            Box::pin(async { connection.open_channel().await.is_err() }),
            Flag::new(),
        ),
        (
            Box::pin(async { matches!(connection.closed().await, ConnectionError::DriverDropped) }),
            Flag::new(),
        ),
        (
            Box::pin(async { consumer.next().await.is_some_and(|item| item.is_err()) }),
            Flag::new(),
        ),
    ];
    for (waiter, woken) in &mut waiters {
        let waker = Waker::from(Arc::clone(woken));
        assert!(
            waiter
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
    }
    session.drop_driver();
    for (index, (waiter, woken)) in waiters.iter_mut().enumerate() {
        assert!(woken.take(), "waiter {index} was not woken");
        assert!(matches!(poll(waiter), Poll::Ready(true)), "waiter {index}");
    }
}

#[test]
fn watching_the_connection_leaves_nothing_behind() {
    let mut session = Session::open();
    let connection = session.connection.clone();
    let (dropped, kept) = (Flag::new(), Flag::new());
    let wakers = [&dropped, &kept].map(|flag| Waker::from(Arc::clone(flag)));
    let mut watching = Box::pin(connection.closed());
    for waker in &wakers {
        assert!(
            watching
                .as_mut()
                .poll(&mut Context::from_waker(waker))
                .is_pending()
        );
    }
    // The future moved to another task: the first one's waker is gone.
    drop(wakers);
    assert_eq!((Arc::strong_count(&dropped), Arc::strong_count(&kept)), (1, 2));
    drop(watching);
    assert_eq!(Arc::strong_count(&kept), 1);
    session.drop_driver();
}

#[test]
fn dropping_the_last_handles_closes_channel_and_connection() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let mut consumer = session.consume(&channel, "c");
    session.feed(&delivery(1, "c", 1, b"x", 10));
    let held = next(&mut consumer).unwrap();
    drop(channel);
    assert_eq!(session.sent(), []);
    drop(consumer);
    assert_eq!(session.sent(), [cancel("c")]);
    drop(held);
    let sent = session.sent();
    assert!(
        sent.len() == 2 && sent[0] == reject(1) && sent[1].is::<channel::Close<'_>>(),
        "{sent:?}"
    );
}
