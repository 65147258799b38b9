//! The async handles: what they send, what wakes them, and what dropping each of their futures does.

use std::future::{Future, IntoFuture};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use amqp_client::protocol::v0_9_1::{basic, channel, connection, constants, exchange, queue};
use amqp_client::protocol::{DeliveryTag, FieldTable, ShortStr};
use amqp_client::{
    CallError, ChannelError, Config, ConnectionError, ConsumerEnd, ConsumerError, Delivery, PublishError,
    State,
};

use crate::peer::{Sent, delivery, header_frame, method_frame};
use crate::wire::{Flag, Session, poll};

fn declare_ok(queue: &'static str) -> queue::DeclareOk<'static> {
    queue::DeclareOk {
        queue: ShortStr::from_static(queue),
        message_count: 1,
        consumer_count: 2,
    }
}

fn reject(delivery_tag: u64) -> Sent {
    Sent::Method(
        1,
        basic::Reject {
            delivery_tag: DeliveryTag(delivery_tag),
            requeue: true,
        }
        .into(),
    )
}

fn ack(delivery_tag: u64) -> Sent {
    Sent::Method(
        1,
        basic::Ack {
            delivery_tag: DeliveryTag(delivery_tag),
            multiple: false,
        }
        .into(),
    )
}

fn cancel(tag: &'static str) -> Sent {
    Sent::Method(
        1,
        basic::Cancel {
            consumer_tag: ShortStr::from_static(tag),
            no_wait: false,
        }
        .into(),
    )
}

/// Polls once and expects that it is done.
fn ready<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("pending"),
    }
}

fn next(consumer: &mut amqp_client::Consumer) -> Result<Delivery, ConsumerError> {
    ready(consumer.next()).expect("it has ended")
}

#[test]
fn a_request_is_sent_at_its_first_poll_and_wakes_the_driver_and_its_reply_wakes_it() {
    let mut session = Session::open();
    let channel = session.open_channel();
    session.driver_was_woken();
    let mut call = channel
        .queue_declare("orders")
        .durable()
        .argument("x-max-length", 1000)
        .into_future();
    assert_eq!((session.driver_was_woken(), session.sent()), (false, vec![]));
    let woken = Flag::new();
    let waker = Waker::from(Arc::clone(&woken));
    assert!(
        Pin::new(&mut call)
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    assert!(session.driver_was_woken());
    let expected = queue::Declare {
        queue: ShortStr::from_static("orders"),
        durable: true,
        arguments: FieldTable::new().with("x-max-length", 1000).unwrap(),
        ..Default::default()
    };
    assert_eq!(session.sent(), [Sent::Method(1, expected.into())]);
    assert!(!woken.take());
    session.send(1, &declare_ok("orders"));
    assert!(woken.take());
    let Poll::Ready(Ok(reply)) = poll(&mut call) else {
        panic!("no reply")
    };
    assert_eq!(
        (reply.queue.as_bytes(), reply.message_count, reply.consumer_count),
        (&b"orders"[..], 1, 2)
    );
}

#[test]
fn no_wait_is_done_when_it_is_queued() {
    let mut session = Session::open();
    let channel = session.open_channel();
    ready(
        channel
            .exchange_declare("x", "fanout")
            .auto_delete()
            .no_wait()
            .into_future(),
    )
    .unwrap();
    let expected = exchange::Declare {
        exchange: ShortStr::from_static("x"),
        r#type: ShortStr::from_static("fanout"),
        auto_delete: true,
        no_wait: true,
        ..Default::default()
    };
    assert_eq!(session.sent(), [Sent::Method(1, expected.into())]);
}

#[test]
fn names_that_do_not_fit_are_reported_when_awaited_and_nothing_is_sent() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let long = "x".repeat(256);
    let declare = ready(channel.queue_declare(&long).durable().into_future());
    assert!(matches!(
        declare,
        Err(CallError::InvalidArgument {
            argument: "queue",
            ..
        })
    ));
    let bind = ready(channel.queue_bind("q", "x", &long).into_future());
    assert!(matches!(
        bind,
        Err(CallError::InvalidArgument {
            argument: "routing_key",
            ..
        })
    ));
    let argument = ready(
        channel
            .queue_declare("q")
            .argument(&long, 1)
            .no_wait()
            .into_future(),
    );
    assert!(matches!(
        argument,
        Err(CallError::InvalidArgument {
            argument: "arguments",
            ..
        })
    ));
    let publish = ready(
        channel
            .basic_publish("", "q", "body")
            .correlation_id(&long)
            .into_future(),
    );
    assert!(matches!(
        publish,
        Err(PublishError::InvalidArgument {
            argument: "correlation_id",
            ..
        })
    ));
    let consume = ready(channel.basic_consume("q").consumer_tag(&long).into_future());
    assert!(matches!(
        consume,
        Err(CallError::InvalidArgument {
            argument: "consumer_tag",
            ..
        })
    ));
    assert_eq!(session.sent(), []);
}

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
    let mut get = channel.call(basic::Get::default());
    assert!(poll(&mut get).is_pending());
    drop(get);
    session.feed(&fetched(1));
    let mut get = channel.call(basic::Get::default());
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
        let mut starting = channel.basic_consume("q").into_future();
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
        Poll::Ready(Err(PublishError::Blocked))
    ));
}

#[test]
fn deliveries_are_settled_once_and_requeued_when_dropped() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let mut consumer = session.consume(&channel, "c");
    assert_eq!(consumer.consumer_tag(), &"c");
    let woken = Flag::new();
    let waker = Waker::from(Arc::clone(&woken));
    {
        let mut waiting = pin!(consumer.next());
        assert!(
            waiting
                .as_mut()
                .poll(&mut Context::from_waker(&waker))
                .is_pending()
        );
    }
    for tag in 1..=6 {
        session.feed(&delivery(1, "c", tag, format!("body {tag}").as_bytes(), 100));
    }
    assert!(woken.take());
    let first = next(&mut consumer).unwrap();
    assert_eq!((first.body(), first.delivery_tag().0), (&b"body 1"[..], 1));
    ready(first.ack()).unwrap();
    ready(next(&mut consumer).unwrap().reject()).unwrap();
    ready(next(&mut consumer).unwrap().requeue()).unwrap();
    drop(next(&mut consumer).unwrap());
    assert_eq!(next(&mut consumer).unwrap().detach().body(), b"body 5");
    drop(next(&mut consumer).unwrap().ack());
    let thrown_away = basic::Reject {
        delivery_tag: DeliveryTag(2),
        requeue: false,
    };
    assert_eq!(
        session.sent(),
        [
            ack(1),
            Sent::Method(1, thrown_away.into()),
            reject(3),
            reject(4),
            reject(6)
        ]
    );
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
fn a_consumer_ends_once_with_its_reason() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let (mut cancelled, mut closed) = (session.consume(&channel, "a"), session.consume(&channel, "b"));
    session.send(
        1,
        &basic::Cancel {
            consumer_tag: ShortStr::from_static("a"),
            no_wait: true,
        },
    );
    assert!(matches!(
        next(&mut cancelled),
        Err(ConsumerError::Ended(ConsumerEnd::CancelledByServer))
    ));
    assert!(ready(cancelled.next()).is_none());

    session.feed(&delivery(1, "b", 1, b"x", 10));
    let held = next(&mut closed).unwrap();
    let close = channel::Close {
        reply_code: constants::PRECONDITION_FAILED,
        ..Default::default()
    };
    session.send(1, &close);
    assert!(matches!(
        next(&mut closed),
        Err(ConsumerError::Ended(ConsumerEnd::Channel(
            ChannelError::ClosedByServer(_)
        )))
    ));
    assert!(ready(closed.next()).is_none());
    session.sent();
    // What was held of the dead channel is a typed error, and nothing is sent, not on its successor either.
    let successor = session.open_channel();
    assert_eq!(successor.id(), channel.id());
    assert!(matches!(
        ready(held.ack()),
        Err(CallError::Channel(ChannelError::ClosedByServer(_)))
    ));
    assert_eq!(session.sent(), []);
}

#[test]
fn too_large_messages_can_be_settled_and_the_consumer_goes_on() {
    let mut config = Config::default();
    config.body_max = 3;
    let mut session = Session::open_with(config);
    let channel = session.open_channel();
    let mut consumer = session.consume(&channel, "c");
    session.feed(&[delivery(1, "c", 1, b"four", 10), delivery(1, "c", 2, b"two", 10)].concat());
    let Err(ConsumerError::TooLarge(too_large)) = next(&mut consumer) else {
        panic!("too small")
    };
    assert_eq!(too_large.body_size, 4);
    ready(too_large.into_delivery().ack()).unwrap();
    assert_eq!(next(&mut consumer).unwrap().body(), b"two");
    assert_eq!(session.sent(), [ack(1), reject(2)]);
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
fn close_is_idempotent_and_the_stream_is_shut_behind_it() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let other = session.connection.clone();
    let (mut first, mut second) = (Box::pin(session.connection.clone()), Box::pin(other));
    let (mut first, mut second) = (
        Box::pin(first.as_mut().get_mut().close()),
        Box::pin(second.as_mut().get_mut().close()),
    );
    assert!(poll(&mut first).is_pending() && poll(&mut second).is_pending());
    let sent = session.sent();
    assert!(sent.len() == 1 && sent[0].is::<connection::Close<'_>>());
    let refused = ready(channel.queue_declare("q").into_future());
    assert!(matches!(
        refused,
        Err(CallError::Channel(ChannelError::Connection(
            ConnectionError::Closed
        )))
    ));
    session.send(0, &connection::CloseOk {});
    assert!(
        matches!(poll(&mut first), Poll::Ready(Ok(()))) && matches!(poll(&mut second), Poll::Ready(Ok(())))
    );
    assert!(session.drive() && session.was_shut());
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

#[test]
fn what_the_server_said_before_it_hung_up_is_the_error() {
    let mut session = Session::open();
    let channel = session.open_channel();
    session.break_writes();
    let mut call = channel.queue_declare("q").into_future();
    assert!(poll(&mut call).is_pending());
    session.drive();
    assert!(poll(&mut call).is_pending());
    let close = connection::Close {
        reply_code: constants::CONNECTION_FORCED,
        ..Default::default()
    };
    session.send(0, &close);
    let Poll::Ready(Err(CallError::Channel(ChannelError::Connection(error)))) = poll(&mut call) else {
        panic!()
    };
    assert!(
        matches!(error, ConnectionError::ClosedByServer(close) if close.reply_code == constants::CONNECTION_FORCED)
    );

    let mut session = Session::open();
    session.break_writes();
    let connection = session.connection.clone();
    let mut opening = Box::pin(connection.open_channel());
    assert!(poll(&mut opening).is_pending());
    session.end_stream();
    assert!(session.drive());
    assert!(
        matches!(ready(connection.closed()), ConnectionError::Transport(error) if error.kind() == std::io::ErrorKind::BrokenPipe)
    );
}
