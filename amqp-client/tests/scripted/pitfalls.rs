//! What users of other clients suffered with calls, one test each, where only a scripted server shows it.

use std::future::IntoFuture;
use std::task::Poll;

use amqp_client::{CallError, State};

use crate::peer::{Peer, declare, declare_ok, queue_of};
use crate::wire::{Session, poll};

#[test]
fn pitfall_02_the_reply_of_a_call_that_timed_out_is_nobody_elses() {
    let mut peer = Peer::open();
    let key = peer.open_channel();
    let late = peer.core.call(peer.now, key, declare("late")).unwrap();
    let timeout = peer.core.config().call_timeout;
    peer.advance(timeout);
    assert!(matches!(peer.outcome(late), Err(CallError::TimedOut { .. })));
    // The calls behind it are not one off, those made before its reply comes and those after.
    let next = peer.core.call(peer.now, key, declare("next")).unwrap();
    peer.send(1, &declare_ok("late"));
    peer.send(1, &declare_ok("next"));
    assert_eq!(queue_of(&mut peer, next), "next");
    for name in ["a", "b", "c"] {
        let call = peer.core.call(peer.now, key, declare(name)).unwrap();
        peer.send(1, &declare_ok(name));
        assert_eq!(queue_of(&mut peer, call), name);
    }
    assert_eq!(peer.core.state(), State::Open);
}

#[test]
fn pitfall_03_a_reply_that_is_there_before_anybody_waits_is_found() {
    let mut session = Session::open();
    let channel = session.open_channel();
    let mut call = channel.queue_declare("fast").into_future();
    // Sent and answered within one turn of the driver, before the call is polled again.
    assert!(poll(&mut call).is_pending());
    session.sent();
    session.send(1, &declare_ok("fast"));
    let Poll::Ready(Ok(reply)) = poll(&mut call) else {
        panic!("the reply was lost")
    };
    assert_eq!(reply.queue, "fast");
}
