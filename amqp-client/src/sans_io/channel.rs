//! The state of one open channel: what it waits for, who consumes on it. It neither reads nor writes octets.

use std::collections::{BTreeMap, VecDeque};

use amqp_protocol::{MethodId, method::Request};

use super::content::Assembly;
use super::event::{ChannelKey, ConsumerId, RequestId};
use crate::error::ChannelError;

/// How many calls may time out without a reply before nobody can tell any more what a late reply belongs to.
pub(super) const TIMED_OUT_LIMIT: u32 = 2;

#[derive(Debug)]
pub(super) struct Channel {
    pub(super) key: ChannelKey,
    pub(super) phase: Phase,
    /// Whether its owner still wants to know why it ended.
    pub(super) held: bool,
    /// The replies that the server owes, in the order of the requests.
    pub(super) expectations: VecDeque<Expectation>,
    /// Consumers by tag; an entry stays until the server sends nothing more for it.
    pub(super) consumers: BTreeMap<Box<[u8]>, Subscriber>,
    /// The message whose frames are coming.
    pub(super) assembly: Option<Assembly>,
    /// Whether the server lets this channel publish.
    pub(super) flow: bool,
    /// Whether a prefetch was set, by the user or for an earlier consumer.
    pub(super) qos_sent: bool,
    /// The number of the next publish, once confirm.select was sent.
    pub(super) next_confirm: Option<u64>,
    /// Timed-out calls that are still owed a reply.
    pub(super) timed_out: u32,
}

#[derive(Debug)]
pub(super) enum Phase {
    /// channel.open is sent.
    Opening,
    Open,
    /// channel.close is sent: the number is in use until close-ok.
    Closing(ChannelError),
}

/// A reply that the server owes.
#[derive(Debug)]
pub(super) struct Expectation {
    pub(super) method: &'static str,
    pub(super) replies: &'static [MethodId],
    pub(super) waiter: Waiter,
    pub(super) purpose: Purpose,
}

/// Who waits for a reply. A tombstone (any but the first) swallows it, so that no other waiter gets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiter {
    Waiting(RequestId),
    /// Nobody any more, or nobody from the start.
    Nobody,
    /// It was told that the reply took too long.
    TimedOut,
}

/// What must be known of a consumer even when its owner is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Subscriber {
    pub(super) consumer: ConsumerId,
    /// Whether its deliveries need no settling.
    pub(super) no_ack: bool,
}

/// What a reply does besides being handed to its waiter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Call,
    OpenChannel,
    CloseChannel,
    Consume(Subscriber),
    Get { no_ack: bool },
}

impl Expectation {
    pub(super) fn of<M: Request>(waiter: Waiter, purpose: Purpose) -> Self {
        use amqp_protocol::method::Reply;
        Self {
            method: M::NAME,
            replies: M::Reply::IDS,
            waiter,
            purpose,
        }
    }
}

impl Channel {
    pub(super) fn new(key: ChannelKey) -> Self {
        Self {
            key,
            phase: Phase::Opening,
            held: true,
            expectations: VecDeque::new(),
            consumers: BTreeMap::new(),
            assembly: None,
            flow: true,
            qos_sent: false,
            next_confirm: None,
            timed_out: 0,
        }
    }

    /// Puts a tombstone in the place of a waiter; its purpose tells what must become of the reply.
    pub(super) fn bury(&mut self, request: RequestId, tombstone: Waiter) -> Option<&Expectation> {
        let waiting = Waiter::Waiting(request);
        let expectation = self
            .expectations
            .iter_mut()
            .find(|expectation| expectation.waiter == waiting)?;
        expectation.waiter = tombstone;
        Some(expectation)
    }
}
