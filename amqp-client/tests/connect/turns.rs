//! Whom a driver over tokio gives way to.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::Poll;

use amqp_client::driver::Transport;
use amqp_client::tokio::Stream;
use tokio::io::empty;
use tokio::runtime::Builder;
use tokio::task::{LocalSet, spawn_local, yield_now};

/// Gives way whenever it is polled, and counts that.
fn driver(turns: &Rc<Cell<u32>>) -> impl Future<Output = ()> + use<> {
    let turns = Rc::clone(turns);
    let mut stream = Stream::new(empty());
    poll_fn(move |cx| {
        turns.set(turns.get() + 1);
        stream.give_way(cx);
        Poll::Pending
    })
}

#[test]
fn what_is_no_task_has_its_turn_whenever_a_driver_gives_way() {
    let runtime = Builder::new_current_thread().build().unwrap();
    let turns = Rc::new(Cell::new(0));
    LocalSet::new().block_on(&runtime, async {
        spawn_local(driver(&turns));
        for _ in 0..10 {
            let before = turns.get();
            yield_now().await;
            assert!(turns.get() <= before + 1, "{} turns", turns.get() - before);
        }
    });
    assert!(turns.get() > 5);
}
