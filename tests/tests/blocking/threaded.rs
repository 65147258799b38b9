//! The style with a thread for I/O.

use std::cell::RefCell;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use amqp_client::State;
use amqp_client::blocking::Connection;

use crate::{Outcome, options, ticks};

#[test]
fn a_consumer_ticks_when_nothing_comes() -> Outcome {
    let connection = Connection::connect(options()?)?;
    ticks(&connection)?;
    connection.close()?;
    Ok(())
}

/// Four intervals: a silent client is given two, or nearly three.
#[test]
fn heartbeats_leave_while_the_program_computes() -> Outcome {
    let mut options = options()?;
    options.config.heartbeat = Some(2);
    let connection = Connection::connect(options)?;
    let channel = connection.open_channel()?;
    thread::sleep(Duration::from_secs(8));
    assert_eq!(connection.state(), State::Open);
    channel.queue_declare("").exclusive().call()?;
    connection.close()?;
    Ok(())
}

#[test]
fn threads_share_a_connection_a_channel_and_a_publisher() -> Outcome {
    const THREADS: usize = 4;
    const EACH: usize = 50;
    let connection = Connection::connect(options()?)?;
    let channel = connection.open_channel()?;
    let queue = channel.queue_declare("").exclusive().call()?.queue.to_string();
    let publisher = channel.confirm_select().max_unconfirmed(10).call()?;
    let mut seen = thread::scope(|scope| {
        let mut consumers = Vec::new();
        for thread in 0..THREADS {
            let (publisher, channel, queue) = (&publisher, &channel, &queue);
            scope.spawn(move || {
                for number in 0..EACH {
                    let receipt = publisher.publish("", queue, format!("{thread} {number}")).call();
                    // Somebody else's call is not taken for this one's.
                    let declared = channel.queue_declare(queue).passive().call();
                    assert_eq!(declared.unwrap().queue, queue.as_str());
                    receipt.unwrap().wait().unwrap();
                }
            });
            let connection = connection.clone();
            consumers.push(scope.spawn(move || {
                let own = connection.open_channel().unwrap();
                let mut consumer = own.basic_consume(queue).prefetch_count(5).call().unwrap();
                let mut bodies = Vec::new();
                // Another gets what is left when this one has its share.
                while bodies.len() < EACH {
                    let delivery = consumer.next().unwrap().unwrap();
                    bodies.push(String::from_utf8(delivery.body().to_vec()).unwrap());
                    delivery.ack().call().unwrap();
                }
                bodies
            }));
        }
        let bodies = consumers
            .into_iter()
            .flat_map(|consumer| consumer.join().unwrap());
        bodies.collect::<Vec<_>>()
    });
    seen.sort();
    let mut expected: Vec<_> = (0..THREADS)
        .flat_map(|thread| (0..EACH).map(move |number| format!("{thread} {number}")))
        .collect();
    expected.sort();
    assert_eq!(seen, expected);
    assert_eq!(publisher.unconfirmed(), 0);
    connection.close()?;
    Ok(())
}

/// A thread waits in a call, and another ends the connection under it.
#[test]
fn a_close_ends_the_calls_of_other_threads() -> Outcome {
    let connection = Connection::connect(options()?)?;
    let channel = connection.open_channel()?;
    let queue = channel.queue_declare("").exclusive().call()?.queue;
    let mut consumer = channel.basic_consume(&queue).call()?;
    let waiting = thread::spawn(move || consumer.next());
    let closed = {
        let connection = connection.clone();
        thread::spawn(move || connection.closed())
    };
    connection.close()?;
    let end = waiting.join().unwrap();
    assert!(matches!(end, Some(Err(_))), "{end:?}");
    let error = closed.join().unwrap();
    assert!(matches!(error, amqp_client::ConnectionError::Closed), "{error}");
    Ok(())
}

/// What a thread keeps for itself is dropped when the thread ends, in no order that is promised.
#[test]
fn a_thread_that_ends_may_still_close_its_connection() -> Outcome {
    struct ClosedWithItsThread(Connection, mpsc::Sender<bool>);
    impl Drop for ClosedWithItsThread {
        fn drop(&mut self) {
            let _ = self.1.send(self.0.close().is_ok());
        }
    }
    thread_local! {
        static KEPT: RefCell<Option<ClosedWithItsThread>> = const { RefCell::new(None) };
    }
    let (sender, closed) = mpsc::channel();
    let thread = thread::spawn(move || -> Outcome {
        // It is dropped behind what calls that wait keep for the thread.
        KEPT.with_borrow_mut(|kept| assert!(kept.is_none()));
        let connection = Connection::connect(options()?)?;
        connection.open_channel()?;
        KEPT.set(Some(ClosedWithItsThread(connection, sender)));
        Ok(())
    });
    thread.join().unwrap()?;
    assert!(closed.recv()?);
    Ok(())
}
