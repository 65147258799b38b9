//! The state of one open channel: what it waits for, who consumes on it. It neither reads nor writes octets.

use std::collections::VecDeque;

use amqp_protocol::{MethodId, ShortStr, method::Request};

use super::assembly::Assembly;
use super::confirms::Confirms;
use super::event::{ChannelKey, ConsumerEnd, ConsumerId, RequestId};
use super::slots::Tags;
use super::unsettled::Unsettled;
use crate::error::ChannelError;

/// How many calls may time out without a reply before nobody can tell any more what a late reply belongs to.
pub(super) const TIMED_OUT_LIMIT: u32 = 2;

#[derive(Debug)]
pub(super) struct Channel {
    pub(super) key: ChannelKey,
    pub(super) phase: Phase,
    /// Whether its owner still wants to know why it ended.
    pub(super) held: bool,
    /// The replies that the server owes, in the order of the requests. basic.consume-ok and basic.cancel-ok may come in
    /// any order, the others keep theirs.
    pub(super) expectations: VecDeque<Expectation>,
    /// Consumers by tag; an entry stays until the server sends nothing more for it.
    pub(super) consumers: Tags,
    /// Whom the latest delivery was for: mostly the next one is too.
    pub(super) latest: Option<ConsumerId>,
    /// The message whose frames are coming.
    pub(super) assembly: Option<Assembly>,
    /// Whether the server lets this channel publish.
    pub(super) flow: bool,
    /// Whether a prefetch was set, by the user or for an earlier consumer.
    pub(super) qos_sent: bool,
    /// Its publishes, once confirm.select was sent.
    pub(super) confirms: Option<Box<Confirms>>,
    /// The tag of the latest delivery.
    pub(super) delivered: u64,
    pub(super) unsettled: Unsettled,
    /// Deliveries up to this tag are settled, whoever holds them.
    pub(super) settled: u64,
    /// What [`settled`](Self::settled) was at the last tx.commit, and is again after tx.rollback.
    pub(super) committed: u64,
    /// What must not leave before tx.commit is answered, in frames: a run of them for each commit under way.
    pub(super) deferred: VecDeque<Vec<u8>>,
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
#[derive(Debug)]
pub(super) enum Purpose {
    Call,
    OpenChannel,
    CloseChannel,
    Consume {
        subscriber: Subscriber,
        tag: ShortStr<'static>,
    },
    Cancel {
        tag: ShortStr<'static>,
        /// Why the consumer ends, unless it has before.
        end: ConsumerEnd,
    },
    Get {
        no_ack: bool,
    },
    Recover,
    Commit,
}

impl Purpose {
    /// The consumer tag by which the reply is known. A queue sends such a reply, and the channel's own may overtake it.
    fn tag(&self) -> Option<&ShortStr<'static>> {
        match self {
            Self::Consume { tag, .. } | Self::Cancel { tag, .. } => Some(tag),
            Self::Call
            | Self::OpenChannel
            | Self::CloseChannel
            | Self::Get { .. }
            | Self::Recover
            | Self::Commit => None,
        }
    }
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
            consumers: Tags::default(),
            latest: None,
            assembly: None,
            flow: true,
            qos_sent: false,
            confirms: None,
            delivered: 0,
            unsettled: Unsettled::default(),
            settled: 0,
            committed: 0,
            deferred: VecDeque::new(),
            timed_out: 0,
        }
    }

    pub(super) fn is_closing(&self) -> bool {
        matches!(self.phase, Phase::Closing(_))
    }

    /// Whether nothing of its own holds its publishes back: channel.flow, a commit, or too few confirms.
    pub(super) fn may_publish(&self) -> bool {
        self.flow && !self.commits() && self.has_room()
    }

    /// Whether an answer to tx.commit is awaited.
    pub(super) fn commits(&self) -> bool {
        !self.deferred.is_empty()
    }

    /// Whether one more publish may wait for its confirm.
    pub(super) fn has_room(&self) -> bool {
        self.confirms.as_ref().is_none_or(|confirms| confirms.has_room())
    }

    /// Whether basic.recover is sent and not answered: whatever has come until then comes again.
    pub(super) fn is_recovering(&self) -> bool {
        let recovers = |expectation: &Expectation| matches!(expectation.purpose, Purpose::Recover);
        self.expectations.iter().any(recovers)
    }

    /// Takes out the expectation that this reply, with this consumer tag if it is basic.consume-ok or basic.cancel-ok,
    /// fulfils; `None` when it is not due.
    pub(super) fn fulfil(&mut self, reply: MethodId, tag: Option<&ShortStr<'_>>) -> Option<Expectation> {
        let index = self
            .expectations
            .iter()
            .position(|due| due.purpose.tag() == tag)?;
        self.expectations
            .get(index)
            .filter(|due| due.replies.contains(&reply))?;
        self.expectations.remove(index)
    }

    /// Whether the server has a consumer of this tag, or may have before all is answered.
    pub(super) fn tag_is_taken(&self, tag: &ShortStr<'_>) -> bool {
        let names = |expectation: &Expectation| expectation.purpose.tag() == Some(tag);
        self.consumers.contains_key(tag.as_bytes()) || self.expectations.iter().any(names)
    }

    /// Whether basic.cancel of this tag is sent and not answered.
    pub(super) fn is_cancelling(&self, tag: &ShortStr<'_>) -> bool {
        let cancels = |expectation: &Expectation| matches!(&expectation.purpose, Purpose::Cancel { tag: other, .. } if other == tag);
        self.expectations.iter().any(cancels)
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
