//! Nobody keeps the others waiting: a peer that floods, and closures that take their time.

use std::cell::Cell;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use amqp_client::event_loop::{Channel, EventLoop, Handle};
use amqp_client::protocol::v0_9_1::{basic, queue};

use crate::server::{Session, consume_ok, declare_ok, deliver, serve};
use crate::{Log, run, with_channel};

/// Delivers as fast as it is read, until the client goes.
fn flood(session: &mut Session) {
    session.open_with_channel();
    session.expect::<basic::Consume<'_>>();
    session.write(&consume_ok(1, "flood"));
    let octets: Vec<u8> = (1..=1000)
        .flat_map(|number| deliver(1, "flood", number, "x"))
        .collect();
    while session.try_write(&octets) {}
}

#[test]
fn a_flood_keeps_neither_timers_nor_other_connections_waiting() {
    let (flood, flooding) = serve(flood);
    let (calm, answering) = serve(|session| {
        session.open_with_channel();
        for _ in 0..20 {
            session.expect::<queue::Declare<'_>>();
            session.write(&declare_ok(1, "q"));
        }
        while session.next().is_some() {}
    });
    let mut event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let (taken, ticks) = (Rc::new(Cell::new(0_u64)), Rc::new(Cell::new(0_u32)));
    let (count, counted) = (Rc::clone(&taken), Rc::clone(&ticks));
    let logs = log.clone();
    with_channel(event_loop.handle(), flood, &Log::default(), move |_, channel| {
        let mut calm = Some((calm, logs));
        let consume = channel.basic_consume("q").consumer_tag("flood").no_ack();
        consume.then_each(move |channel, next| {
            count.set(count.get() + u64::from(next.is_ok()));
            // From here on it is under way.
            if let Some((calm, logs)) = calm.take() {
                let event_loop = channel.event_loop();
                tick(event_loop, Rc::clone(&counted));
                with_channel(event_loop, calm, &Log::default(), move |_, channel| {
                    declare(&channel, 19, logs);
                });
            }
        });
    });
    event_loop.run().unwrap();
    assert_eq!(log.take(), ["done"]);
    assert!(taken.get() > 1000 && ticks.get() > 1, "{taken:?} {ticks:?}");
    drop(event_loop);
    flooding.join().unwrap();
    answering.join().unwrap();
}

#[test]
fn slow_closures_for_a_flood_let_others_have_their_turn_between_reads() {
    let (flood, flooding) = serve(flood);
    // A few reads of 64 KiB, and far less than may wait.
    let most = 4 * 64 * 1024 / deliver(1, "flood", 1, "x").len() as u64;
    let mut event_loop = EventLoop::new().unwrap();
    let (taken, ticks) = (Rc::new(Cell::new(0_u64)), Rc::new(Cell::new(0_u32)));
    let (count, counted) = (Rc::clone(&taken), Rc::clone(&ticks));
    with_channel(event_loop.handle(), flood, &Log::default(), move |_, channel| {
        tick(channel.event_loop(), Rc::clone(&counted));
        let mut last = (0, 0);
        let consume = channel.basic_consume("q").consumer_tag("flood").no_ack();
        consume.then_each(move |channel, _| {
            count.set(count.get() + 1);
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_micros(50) {}
            if counted.get() != last.0 {
                last = (counted.get(), count.get());
            }
            assert!(count.get() - last.1 <= most, "{} in a row", count.get() - last.1);
            if last.0 > 5 && count.get() > 8 * most {
                channel.event_loop().stop();
            }
        });
    });
    event_loop.run().unwrap();
    drop(event_loop);
    flooding.join().unwrap();
}

fn tick(event_loop: &Handle, ticks: Rc<Cell<u32>>) {
    event_loop.call_later(Duration::from_millis(1), |event_loop| {
        ticks.set(ticks.get() + 1);
        tick(event_loop, ticks);
    });
}

fn declare(channel: &Channel, left: u32, log: Log) {
    channel.queue_declare("q").then(move |channel, outcome| {
        outcome.unwrap();
        match left {
            0 => {
                log.add("done");
                channel.event_loop().stop();
            }
            left => declare(channel, left - 1, log),
        }
    });
}

#[test]
fn heartbeats_go_out_between_closures_that_take_their_time() {
    const DELIVERIES: u64 = 60;
    let (options, server) = serve(|session| {
        session.start();
        session.expect::<amqp_client::protocol::v0_9_1::connection::StartOk<'_>>();
        session.tune_with_heartbeat(1);
        session.open_channel();
        session.expect::<basic::Consume<'_>>();
        let deliveries: Vec<u8> = (1..=DELIVERIES)
            .flat_map(|number| deliver(1, "slow", number, "x"))
            .collect();
        session.write(&[consume_ok(1, "slow"), deliveries].concat());
        session.beat_until_close()
    });
    let mut event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let begun = Instant::now();
    with_channel(event_loop.handle(), options, &log, move |connection, channel| {
        let (connection, mut taken) = (connection.clone(), 0);
        let consume = channel.basic_consume("q").consumer_tag("slow").no_ack();
        consume.then_each(move |_, _| {
            // All that came at once takes longer than both sides take for the other's life.
            thread::sleep(Duration::from_millis(50));
            taken += 1;
            if taken == DELIVERIES {
                connection.close().then(|_, outcome| outcome.unwrap());
            }
        });
    });
    run(&mut event_loop);
    assert!(begun.elapsed() > Duration::from_secs(2));
    assert_eq!(log.take(), ["the connection was closed by this client"]);
    // One every half second, at least while they lasted.
    assert!(server.join().unwrap() >= 3);
}
