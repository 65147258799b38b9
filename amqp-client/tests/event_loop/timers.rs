//! Timers and closures from other threads.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use amqp_client::event_loop::{EventLoop, Handlers};

use crate::{Log, run};

fn millis(time: u64) -> Duration {
    Duration::from_millis(time)
}

#[test]
fn timers_are_called_in_the_order_of_their_times_and_not_before() {
    let mut event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    let begun = Instant::now();
    for time in [30, 10, 20, 0, 10] {
        let log = log.clone();
        event_loop.call_later(millis(time), move |_| {
            assert!(begun.elapsed() >= millis(time));
            log.add(time);
        });
    }
    run(&mut event_loop);
    assert_eq!(log.take(), ["0", "10", "10", "20", "30"]);
}

#[test]
fn a_timer_is_cancelled_once_and_from_any_closure() {
    let mut event_loop = EventLoop::new().unwrap();
    // This one is due when the other cancels it.
    let victim = Rc::new(Cell::new(None));
    let found = Rc::clone(&victim);
    event_loop.call_later(millis(0), move |event_loop| {
        thread::sleep(millis(5));
        assert!(event_loop.cancel_timer(found.get().unwrap()));
        assert!(!event_loop.cancel_timer(found.get().unwrap()));
    });
    victim.set(Some(event_loop.call_later(millis(1), |_| panic!("cancelled"))));
    // One that runs cannot be cancelled, by itself either.
    let own = Rc::new(Cell::new(None));
    let found = Rc::clone(&own);
    own.set(Some(event_loop.call_later(millis(2), move |event_loop| {
        assert!(!event_loop.cancel_timer(found.get().unwrap()));
    })));
    run(&mut event_loop);
    assert!(!event_loop.handle().cancel_timer(own.get().unwrap()));
    // A time beyond the clock's is for ever, and not a panic.
    let for_ever = event_loop.call_later(Duration::MAX, |_| unreachable!());
    event_loop.run_once(millis(1)).unwrap();
    assert!(event_loop.handle().cancel_timer(for_ever));
    assert!(event_loop.handle().is_idle());
}

#[test]
fn what_one_loop_gave_out_takes_nothing_away_in_another() {
    let [one, other] = [(); 2].map(|()| EventLoop::new().unwrap());
    let [timer, others] = [&one, &other].map(|it| it.call_later(Duration::MAX, |_| ()));
    let [attempt, others_attempt] = [&one, &other].map(|it| it.connect("no URI", Handlers::new()));
    assert!(!one.handle().cancel_timer(others) && !one.handle().abort(others_attempt));
    assert!(!other.handle().cancel_timer(timer) && !other.handle().abort(attempt));
    assert!(one.handle().cancel_timer(timer) && one.handle().abort(attempt));
    assert!(other.handle().cancel_timer(others) && other.handle().abort(others_attempt));
}

#[test]
fn a_timer_set_by_a_timer_waits_for_the_next_turn() {
    let mut event_loop = EventLoop::new().unwrap();
    let called = Rc::new(Cell::new(0));
    fn again(event_loop: &amqp_client::event_loop::Handle, called: Rc<Cell<u32>>) {
        event_loop.call_later(Duration::ZERO, |event_loop| {
            called.set(called.get() + 1);
            again(event_loop, called);
        });
    }
    again(event_loop.handle(), Rc::clone(&called));
    event_loop.run_once(millis(100)).unwrap();
    assert_eq!(called.get(), 1);
    event_loop.run_once(millis(100)).unwrap();
    assert_eq!(called.get(), 2);
}

#[test]
fn a_stop_ends_the_run_when_the_closure_returns_and_the_rest_waits() {
    let mut event_loop = EventLoop::new().unwrap();
    let log = Log::default();
    event_loop.handle().stop();
    let logs = log.clone();
    event_loop.call_later(millis(0), move |event_loop| {
        event_loop.stop();
        logs.add("stopped");
    });
    let logs = log.clone();
    event_loop.call_later(millis(0), move |_| logs.add("rest"));
    event_loop.run().unwrap();
    assert_eq!(log.take(), ["stopped"]);
    event_loop.run().unwrap();
    assert_eq!(log.take(), ["rest"]);
}

#[test]
fn a_remote_wakes_the_loop_and_keeps_the_order_of_its_closures() {
    let mut event_loop = EventLoop::new().unwrap();
    let (sender, receiver) = mpsc::channel();
    let remote = event_loop.handle().remote();
    let thread = thread::spawn(move || {
        // The loop sleeps without a limit by now, or will see it before.
        for number in 0..1000 {
            let sender = sender.clone();
            assert!(remote.send(move |_| sender.send(number).unwrap()));
        }
        let last = remote.clone();
        drop(remote);
        thread::sleep(millis(20));
        last.send(move |event_loop| {
            event_loop.call_later(millis(1), move |_| sender.send(1000).unwrap());
        })
    });
    // It ends by itself when the last remote is gone.
    event_loop.run().unwrap();
    assert!(thread.join().unwrap());
    assert_eq!(
        receiver.iter().collect::<Vec<_>>(),
        (0..=1000).collect::<Vec<_>>()
    );
}

#[test]
fn a_loop_that_only_waits_for_remotes_ends_with_the_last() {
    let mut event_loop = EventLoop::new().unwrap();
    let remote = event_loop.handle().remote();
    assert!(!event_loop.handle().is_idle());
    let thread = thread::spawn(move || {
        thread::sleep(millis(20));
        drop(remote);
    });
    event_loop.run().unwrap();
    thread.join().unwrap();
}

#[test]
fn nothing_is_called_when_the_loop_is_gone_and_everything_dropped() {
    let event_loop = EventLoop::new().unwrap();
    let (remote, handle) = (event_loop.handle().remote(), event_loop.handle().clone());
    let held = Rc::new(());
    let hold = Rc::clone(&held);
    handle.call_later(Duration::ZERO, move |_| unreachable!("{hold:?}"));
    struct SetsTimer(amqp_client::event_loop::Handle);
    impl Drop for SetsTimer {
        fn drop(&mut self) {
            self.0.call_later(Duration::ZERO, |_| unreachable!());
        }
    }
    let sets = SetsTimer(handle.clone());
    handle.call_later(Duration::ZERO, move |_| drop(sets));
    let (sent, received) = mpsc::channel::<()>();
    assert!(remote.send(move |_| drop(sent)));
    drop(event_loop);
    assert_eq!(Rc::strong_count(&held), 1);
    assert!(received.recv().is_err());
    let hold = Rc::clone(&held);
    handle.call_later(Duration::ZERO, move |_| unreachable!("{hold:?}"));
    assert_eq!(Rc::strong_count(&held), 1);
    assert!(!remote.send(|_| unreachable!()));
}
