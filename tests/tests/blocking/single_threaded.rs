//! The style without threads.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use amqp_client::blocking::{Connection, SingleThreaded};
use amqp_client::methods::connection;
use amqp_client::{ConnectionError, Host};
use amqp_tests::broker::Broker;
use amqp_tests::proxy::Proxy;

use crate::{LIMIT, Outcome, options, ticks};

#[path = "../../../amqp-client/tests/shared/frames.rs"]
#[allow(dead_code, reason = "other tests need more of them")]
mod frames;

/// What ran, in order.
type Log = Rc<RefCell<Vec<&'static str>>>;

/// A closure that writes to the log.
fn note(log: &Log, what: &'static str) -> impl FnOnce(&SingleThreaded) + use<> {
    let log = Rc::clone(log);
    move |_| log.borrow_mut().push(what)
}

/// Does what there is to do until the condition holds.
fn until(connection: &SingleThreaded, reached: impl Fn() -> bool) -> Outcome {
    let end = Instant::now() + LIMIT;
    while !reached() {
        if Instant::now() > end {
            return Err("it never happens".into());
        }
        connection.process_events(LIMIT)?;
    }
    Ok(())
}

fn past(time: Duration) {
    thread::sleep(time + Duration::from_millis(1));
}

#[test]
fn a_consumer_ticks_when_nothing_comes() -> Outcome {
    let connection = SingleThreaded::connect(options()?)?;
    ticks(&connection)?;
    connection.close()?;
    Ok(())
}

#[test]
fn timers_run_in_the_order_of_their_times() -> Outcome {
    let connection = SingleThreaded::connect(options()?)?;
    let log = Log::default();
    let ms = Duration::from_millis;
    connection.call_later(ms(30), note(&log, "third"));
    connection.call_later(ms(10), note(&log, "first"));
    connection.call_later(ms(20), note(&log, "second"));
    connection.call_later(Duration::MAX, note(&log, "never"));
    // Nothing runs but in `process_events`.
    past(ms(30));
    connection.open_channel()?.queue_declare("").exclusive().call()?;
    assert!(log.borrow().is_empty());
    connection.process_events(Duration::ZERO)?;
    assert_eq!(*log.borrow(), ["first", "second", "third"]);
    // It wakes for one, and not before.
    let begun = Instant::now();
    connection.call_later(ms(50), note(&log, "fourth"));
    until(&connection, || log.borrow().len() == 4)?;
    assert!(begun.elapsed() >= ms(50), "{:?}", begun.elapsed());
    connection.close()?;
    Ok(())
}

/// However often there is something to do meanwhile.
#[test]
fn sleeping_lasts_as_long_as_is_said_and_runs_what_is_due() -> Outcome {
    let connection = SingleThreaded::connect(options()?)?;
    let log = Log::default();
    let ms = Duration::from_millis;
    connection.call_later(ms(10), note(&log, "first"));
    connection.call_later(ms(30), note(&log, "second"));
    assert!(connection.remote().send(|_| ()));
    let begun = Instant::now();
    connection.sleep(ms(60))?;
    assert!(begun.elapsed() >= ms(60), "{:?}", begun.elapsed());
    assert_eq!(*log.borrow(), ["first", "second"]);
    // The end of the connection ends it.
    connection.call_later(ms(10), |connection| connection.close().unwrap());
    let error = connection.sleep(Duration::MAX).unwrap_err();
    assert!(matches!(error, ConnectionError::Closed), "{error}");
    Ok(())
}

#[test]
fn a_cancelled_timer_does_not_run_even_when_it_was_due() -> Outcome {
    let connection = SingleThreaded::connect(options()?)?;
    let log = Log::default();
    let timer = connection.call_later(Duration::ZERO, note(&log, "cancelled"));
    assert!(connection.cancel_timer(timer));
    assert!(!connection.cancel_timer(timer));
    // The first of two that are due cancels the other, and cannot cancel itself.
    let (first, second) = (Rc::new(Cell::new(None)), Rc::new(Cell::new(None)));
    first.set(Some(connection.call_later(Duration::ZERO, {
        let (log, first, second) = (Rc::clone(&log), Rc::clone(&first), Rc::clone(&second));
        move |connection: &SingleThreaded| {
            assert!(!connection.cancel_timer(first.get().unwrap()));
            assert!(connection.cancel_timer(second.get().unwrap()));
            log.borrow_mut().push("ran");
        }
    })));
    second.set(Some(
        connection.call_later(Duration::ZERO, note(&log, "cancelled by the first")),
    ));
    connection.call_later(Duration::ZERO, note(&log, "ran too"));
    until(&connection, || log.borrow().len() == 2)?;
    assert_eq!(*log.borrow(), ["ran", "ran too"]);
    connection.close()?;
    Ok(())
}

#[test]
fn the_next_deadline_is_the_earliest() -> Outcome {
    let mut options = options()?;
    options.config.heartbeat = Some(100);
    let connection = SingleThreaded::connect(options)?;
    let channel = connection.open_channel()?;
    let queue = channel.queue_declare("").exclusive().call()?.queue;
    connection.process_events(Duration::ZERO)?;
    let own = connection.next_deadline().ok_or("there are heartbeats")?;
    // Heartbeats are far away, but the recorder of metrics may have to be told within a second.
    assert!(own > Instant::now(), "{own:?}");
    let timer = connection.call_later(Duration::from_millis(10), |_| ());
    let earlier = connection.next_deadline().ok_or("there is a timer")?;
    assert!(
        earlier <= Instant::now() + Duration::from_millis(10),
        "{earlier:?}"
    );
    assert!(connection.cancel_timer(timer));
    // What waits to be sent is due at once: an acknowledgement does not move octets by itself.
    channel.basic_publish("", &queue, "x").call()?;
    let delivery = loop {
        if let Some(delivery) = channel.basic_get(&queue).call()? {
            break delivery;
        }
    };
    connection.process_events(Duration::ZERO)?;
    assert!(connection.next_deadline().is_some_and(|at| at > Instant::now()));
    delivery.ack().call()?;
    assert!(connection.next_deadline().is_some_and(|at| at <= Instant::now()));
    connection.process_events(Duration::ZERO)?;
    assert!(connection.next_deadline().is_some_and(|at| at > Instant::now()));
    connection.close()?;
    assert_eq!(connection.next_deadline(), None);
    Ok(())
}

/// A program that publishes and then goes about other things for a while.
#[test]
fn what_a_call_sends_leaves_with_it() -> Outcome {
    let watching = Connection::connect(options()?)?;
    let watched = watching.open_channel()?;
    let queue = watched.queue_declare("").auto_delete().call()?.queue.to_string();
    let mut consumer = watched.basic_consume(&queue).call()?;
    let connection = SingleThreaded::connect(options()?)?;
    let channel = connection.open_channel()?;
    channel.basic_publish("", &queue, "sent").call()?;
    let delivery = consumer.inactivity_timeout(LIMIT).next().flatten();
    let delivery = delivery.ok_or("nothing has left")??;
    assert_eq!(delivery.body(), b"sent");
    delivery.ack().call()?;
    watching.close()?;
    connection.close()?;
    Ok(())
}

#[test]
fn closures_from_other_threads_run_here_in_their_order() -> Outcome {
    let connection = SingleThreaded::connect(options()?)?;
    let (here, count) = (thread::current().id(), Rc::new(Cell::new(0)));
    connection.call_later(Duration::MAX, {
        // What is not `Send` stays here; closures reach it by the connection.
        let count = Rc::clone(&count);
        move |_| count.set(u32::MAX)
    });
    let (sender, ran) = std::sync::mpsc::channel();
    let threads: Vec<_> = (0..3)
        .map(|thread| {
            let (remote, sender) = (connection.remote(), sender.clone());
            thread::spawn(move || {
                for number in 0..20 {
                    let sender = sender.clone();
                    assert!(remote.send(move |connection| {
                        assert_eq!(thread::current().id(), here);
                        assert!(connection.open_channel().is_ok());
                        sender.send((thread, number)).unwrap();
                    }));
                }
            })
        })
        .collect();
    let mut seen = Vec::new();
    while seen.len() < 60 {
        connection.process_events(LIMIT)?;
        seen.extend(ran.try_iter());
    }
    for thread in threads {
        thread.join().unwrap();
    }
    for thread in 0..3 {
        let of_thread = seen.iter().filter(|(from, _)| *from == thread);
        assert!(of_thread.map(|(_, number)| *number).eq(0..20));
    }
    let remote = connection.remote();
    connection.close()?;
    drop(connection);
    assert!(!remote.send(|_| unreachable!("there is nothing to run it on")));
    Ok(())
}

#[test]
fn a_closure_from_another_thread_ends_the_waiting_for_events() -> Outcome {
    let mut options = options()?;
    options.config.heartbeat = Some(0);
    let connection = SingleThreaded::connect(options)?;
    connection.process_events(Duration::ZERO)?;
    let remote = connection.remote();
    let other = thread::spawn(move || {
        past(Duration::from_millis(100));
        remote.send(|_| ())
    });
    let begun = Instant::now();
    connection.process_events(LIMIT)?;
    assert!(begun.elapsed() < LIMIT / 2, "{:?}", begun.elapsed());
    assert!(other.join().unwrap());
    connection.close()?;
    Ok(())
}

#[test]
fn closures_may_do_whatever_the_program_may() -> Outcome {
    let connection = SingleThreaded::connect(options()?)?;
    let log = Log::default();
    connection.call_later(Duration::ZERO, {
        let log = Rc::clone(&log);
        move |connection: &SingleThreaded| {
            log.borrow_mut().push("begun");
            let channel = connection.open_channel().unwrap();
            channel.queue_declare("").exclusive().call().unwrap();
            // What is due already runs within; what is added waits for the next time, each time.
            connection.call_later(Duration::ZERO, note(&log, "added"));
            let again = note(&log, "added by the one added");
            connection.call_later(Duration::ZERO, move |connection| {
                connection.call_later(Duration::ZERO, again);
            });
            connection.process_events(Duration::ZERO).unwrap();
            log.borrow_mut().push("ended");
        }
    });
    connection.call_later(Duration::ZERO, note(&log, "the second"));
    connection.process_events(LIMIT)?;
    assert_eq!(*log.borrow(), ["begun", "the second", "added", "ended"]);
    connection.process_events(LIMIT)?;
    assert_eq!(log.borrow().last(), Some(&"added by the one added"));
    connection.close()?;
    Ok(())
}

/// Thousands of them would take more stack than there is.
#[test]
fn closures_that_process_events_do_not_run_in_each_other_without_end() -> Outcome {
    let connection = SingleThreaded::connect(options()?)?;
    let (running, deepest, ran) = <(Rc<Cell<usize>>, Rc<Cell<usize>>, Rc<Cell<usize>>)>::default();
    for _ in 0..20_000 {
        let (running, deepest, ran) = (Rc::clone(&running), Rc::clone(&deepest), Rc::clone(&ran));
        connection.call_later(Duration::ZERO, move |connection| {
            running.set(running.get() + 1);
            deepest.set(deepest.get().max(running.get()));
            connection.process_events(Duration::ZERO).unwrap();
            running.set(running.get() - 1);
            ran.set(ran.get() + 1);
        });
    }
    until(&connection, || ran.get() == 20_000)?;
    assert_eq!(deepest.get(), 16);
    // Where what is due may not run, its time is no reason to return.
    let waited = Rc::new(Cell::new(None));
    fn descend(connection: &SingleThreaded, left: usize, waited: Rc<Cell<Option<Duration>>>) {
        let begun = Instant::now();
        connection.call_later(Duration::ZERO, move |connection| match left.checked_sub(1) {
            Some(left) => descend(connection, left, waited),
            None => waited.set(Some(begun.elapsed())),
        });
        connection.process_events(Duration::from_millis(50)).unwrap();
    }
    descend(&connection, 16, Rc::clone(&waited));
    until(&connection, || waited.get().is_some())?;
    assert!(waited.get() >= Some(Duration::from_millis(50)), "{waited:?}");
    connection.close()?;
    Ok(())
}

#[test]
fn a_panic_passes_through_and_costs_no_other_closure() -> Outcome {
    let connection = SingleThreaded::connect(options()?)?;
    let log = Log::default();
    connection.call_later(Duration::ZERO, |_| panic!("of a timer, which is meant"));
    connection.call_later(Duration::ZERO, note(&log, "timer"));
    let remote = connection.remote();
    assert!(remote.send(|_| panic!("of a closure, which is meant")));
    let (sender, ran) = std::sync::mpsc::channel();
    assert!(remote.send(move |_| sender.send(()).unwrap()));
    let mut panics = 0;
    while log.borrow().is_empty() || ran.try_recv().is_err() {
        let turn = catch_unwind(AssertUnwindSafe(|| connection.process_events(LIMIT)));
        match turn {
            Ok(turn) => turn?,
            Err(_) => panics += 1,
        }
    }
    assert_eq!(panics, 2);
    connection.open_channel()?;
    connection.close()?;
    Ok(())
}

/// What the documentation warns of.
#[test]
fn a_program_that_computes_for_too_long_is_taken_for_dead() -> Outcome {
    let mut options = options()?;
    options.config.heartbeat = Some(1);
    let connection = SingleThreaded::connect(options)?;
    thread::sleep(Duration::from_secs(8));
    let late = connection.open_channel();
    assert!(late.is_err());
    let error = connection.closed();
    assert!(
        matches!(error, ConnectionError::HeartbeatsMissed { pause } if pause >= Duration::from_secs(8)),
        "{error:?}"
    );
    Ok(())
}

#[test]
fn a_program_that_comes_back_in_time_stays_connected() -> Outcome {
    let mut options = options()?;
    options.config.heartbeat = Some(2);
    let connection = SingleThreaded::connect(options)?;
    let end = Instant::now() + Duration::from_secs(8);
    while Instant::now() < end {
        let at = connection.next_deadline().ok_or("there are heartbeats")?;
        thread::sleep(at.saturating_duration_since(Instant::now()));
        connection.process_events(Duration::ZERO)?;
    }
    connection.close()?;
    Ok(())
}

/// A delivery may be elsewhere, and nobody could say goodbye later.
#[test]
fn dropping_the_handles_closes_the_connection_though_a_delivery_is_left() -> Outcome {
    let proxy = Proxy::start_recording(Broker::shared().address())?;
    let mut options = options()?;
    options.hosts = vec![Host::new(
        proxy.address().ip().to_string(),
        proxy.address().port(),
    )];
    let client = SingleThreaded::connect(options)?;
    let channel = client.open_channel()?;
    let queue = channel.queue_declare("").exclusive().call()?.queue;
    channel.basic_publish("", &queue, "x").call()?;
    let delivery = channel
        .basic_consume(&queue)
        .call()?
        .next()
        .ok_or("it has ended")??;
    drop((client, channel));
    let end = Instant::now() + LIMIT;
    loop {
        let recorded = proxy.recorded();
        let octets = recorded.first().map_or(&[][..], |recording| &recording.to_server);
        let frames = frames::read_frames(&mut octets.get(8..).unwrap_or_default());
        if frames
            .last()
            .is_some_and(frames::Sent::is::<connection::Close<'_>>)
        {
            break;
        }
        assert!(Instant::now() < end, "{frames:?}");
        thread::yield_now();
    }
    assert!(delivery.ack().call().is_err());
    Ok(())
}

#[test]
fn what_is_sent_while_deliveries_wait_to_be_taken_leaves_with_its_call() -> Outcome {
    let connection = SingleThreaded::connect(options()?)?;
    let channel = connection.open_channel()?;
    let queue = channel.queue_declare("").call()?.queue;
    let replies = channel.queue_declare("").exclusive().call()?.queue;
    // More than is read at a time.
    for _ in 0..200 {
        channel.basic_publish("", &queue, &[7; 2048]).call()?;
    }
    let mut consumer = channel.basic_consume(&queue).prefetch_count(0).call()?;
    // All of it is on its way, and nothing of it was read.
    let other = SingleThreaded::connect(options()?)?;
    let counting = other.open_channel()?;
    while counting.queue_declare(&queue).passive().call()?.message_count > 0 {}
    let delivery = consumer.next().ok_or("the end")??;
    let sent = connection.stats().octets_sent;
    channel.basic_publish("", &replies, "reply").call()?;
    assert!(connection.stats().octets_sent > sent, "it was kept back");
    delivery.ack().call()?;
    let sent = connection.stats().octets_sent;
    drop(consumer.next());
    assert!(connection.stats().octets_sent > sent, "the ack was kept back");
    counting.queue_delete(&queue).call()?;
    other.close()?;
    connection.close()?;
    Ok(())
}
