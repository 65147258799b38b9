//! The async handles: what they send, what wakes them, how they end.

use std::io::ErrorKind;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use amqp_client::protocol::v0_9_1::{basic, channel, connection, constants, exchange, queue};
use amqp_client::protocol::{DeliveryTag, FieldTable, ShortStr};
use amqp_client::{
    CallError, ChannelError, Config, ConnectionError, ConsumerEnd, ConsumerError, PublishError,
};

use crate::peer::{Sent, body_frames, declare_ok, delivery, header_frame, method_frame};
use crate::wire::{Flag, Session, ack, next, poll, ready, reject};

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
        matches!(ready(connection.closed()), ConnectionError::Transport(error) if error.kind() == ErrorKind::BrokenPipe)
    );

    // Why nothing more can be read is nearer to the cause than that nothing more can be written.
    let mut session = Session::open();
    session.break_writes();
    let connection = session.connection.clone();
    let mut opening = Box::pin(connection.open_channel());
    assert!(poll(&mut opening).is_pending());
    session.fail_reads(ErrorKind::ConnectionReset);
    assert!(session.drive());
    assert!(
        matches!(ready(connection.closed()), ConnectionError::Transport(error) if error.kind() == ErrorKind::ConnectionReset)
    );
}

#[test]
fn what_a_transport_keeps_back_is_flushed_once_nothing_is_left_to_write() {
    let mut session = Session::open();
    let channel = session.open_channel();
    session.keep_back(true);
    let send = || ready(channel.queue_declare("q").no_wait().into_future()).unwrap();
    send();
    assert_eq!(session.sent(), []);
    send();
    assert_eq!(session.sent(), []);
    session.keep_back(false);
    assert_eq!(session.sent().len(), 2);
    send();
    assert_eq!(session.sent().len(), 1);
}

#[test]
fn a_fetched_message_is_a_delivery_and_an_empty_queue_is_none() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let mut get = channel.basic_get("q").into_future();
    assert!(poll(&mut get).is_pending());
    let get_ok = basic::GetOk {
        delivery_tag: DeliveryTag(1),
        redelivered: true,
        message_count: 2,
        ..Default::default()
    };
    session.feed(
        &[
            method_frame(1, &get_ok),
            header_frame(1, 4),
            body_frames(1, b"body", 4),
        ]
        .concat(),
    );
    let Poll::Ready(Ok(Some(delivery))) = poll(&mut get) else {
        panic!("nothing")
    };
    assert_eq!((delivery.body(), delivery.redelivered()), (&b"body"[..], true));
    assert_eq!(delivery.method::<basic::GetOk<'_>>().unwrap().message_count, 2);
    session.sent();
    ready(delivery.ack()).unwrap();
    assert_eq!(session.sent(), [ack(1)]);
    let mut get = channel.basic_get("q").no_ack().into_future();
    assert!(poll(&mut get).is_pending());
    session.send(1, &basic::GetEmpty {});
    assert!(matches!(poll(&mut get), Poll::Ready(Ok(None))));
}

#[test]
fn what_happens_while_the_driver_falls_asleep_is_not_overlooked() {
    let mut config = Config::default();
    config.call_timeout = Duration::from_secs(3600);
    let mut session = Session::open_with(config);
    let channel = session.open_channel();
    session.send(1, &channel::Flow { active: false });
    let mut call = channel.queue_declare("q").into_future();
    assert!(poll(&mut call).is_pending());
    // In which metrics are told, where there are any.
    session.advance(Duration::from_secs(1));
    assert!(session.timer() > Some(Duration::from_secs(3000)));
    // A publish begins to wait after the time to set the timer to was asked for: the driver is woken to set it anew,
    // unless it wakes sooner to tell metrics.
    let other = channel.clone();
    session.meanwhile(move || {
        let mut publish = other.basic_publish("", "q", "x").into_future();
        assert!(poll(&mut publish).is_pending());
        // Not dropped: it would take its deadline with it.
        std::mem::forget(publish);
    });
    session.driver_was_woken();
    session.drive();
    if session.driver_was_woken() {
        session.drive();
    }
    assert!(session.timer() < Some(Duration::from_secs(100)));
}

#[test]
fn a_stream_that_does_not_end_is_given_up() {
    let mut session = Session::open();
    session.set_room(0);
    session.end_stream();
    assert!(!session.drive());
    assert!(session.was_shut());
    assert_eq!(session.timer(), Some(Duration::from_secs(10)));
    session.advance(Duration::from_secs(10));
    assert!(session.drive());
}

#[test]
fn the_end_of_a_consumer_is_wanted_when_this_client_brought_it_about() {
    use amqp_client::ConnectionError;

    let of_connection = |error| ConsumerEnd::Channel(ChannelError::Connection(error));
    let ends = [
        (ConsumerEnd::Cancelled, true),
        (ConsumerEnd::Shutdown, true),
        (ConsumerEnd::Channel(ChannelError::Closed), true),
        (of_connection(ConnectionError::Closed), true),
        (ConsumerEnd::CancelledByServer, false),
        (ConsumerEnd::Overflow, false),
        (ConsumerEnd::Channel(ChannelError::Overflow), false),
        (of_connection(ConnectionError::DriverDropped), false),
    ];
    for (end, wanted) in ends {
        assert_eq!(end.is_wanted(), wanted, "{end}");
    }
}
