//! What a connection counts, for people and their monitoring.

use std::time::{Duration, Instant};

use super::connection::Connection;
use super::event::{ConsumerEnd, State};
use crate::error::ChannelError;

/// Counts of one connection. Those of the first group only grow; the others are of the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Octets received and understood.
    pub octets_received: u64,
    /// Octets that the transport took.
    pub octets_sent: u64,
    /// Messages queued for the transport by basic.publish.
    pub messages_published: u64,
    /// Messages received by basic.deliver and basic.get-ok, requeued ones among them.
    pub messages_delivered: u64,
    /// Messages received by basic.return.
    pub messages_returned: u64,
    /// Publishes that the server confirmed, in confirm mode; those that came back are not among them.
    pub messages_confirmed: u64,
    /// Publishes that the server refused with basic.nack.
    pub messages_nacked: u64,
    /// Publishes in confirm mode that the server had not settled when their channel ended or their time was over.
    pub messages_given_up: u64,
    /// Those among them of which the transport had not taken the last octet: they were not sent.
    pub messages_not_sent: u64,
    /// Deliveries settled by basic.ack, each that one with multiple covers. What is settled is counted when the method is
    /// queued, whatever becomes of a transaction; [`send`](Connection::send) is not seen to settle.
    pub deliveries_acked: u64,
    /// Deliveries settled by basic.reject or nack without requeue.
    pub deliveries_rejected: u64,
    /// Deliveries given back by basic.reject or nack with requeue, or by basic.recover.
    pub deliveries_requeued: u64,
    /// Channels that opened.
    pub channels_opened: u64,
    /// Channels that this client closed, or dropped.
    pub channels_closed: u64,
    /// Channels that the server closed.
    pub channels_closed_by_server: u64,
    /// Channels that had to be closed, because [calls timed out](ChannelError::Poisoned) or a consumer without
    /// acknowledgements [overflowed](ChannelError::Overflow).
    pub channels_given_up: u64,
    /// Channels that were open when the connection ended.
    pub channels_lost: u64,
    /// Consumers that started.
    pub consumers_started: u64,
    /// Consumers that this client cancelled, dropped or shut down.
    pub consumers_cancelled: u64,
    /// Consumers that the server cancelled.
    pub consumers_cancelled_by_server: u64,
    /// Consumers that ended with their channel.
    pub consumers_lost: u64,
    /// Consumers that [overflowed](super::ConsumerEnd::Overflow).
    pub overflows: u64,
    /// How often the server blocked publishing (connection.blocked).
    pub times_blocked: u64,
    /// For how long in all.
    pub time_blocked: Duration,
    /// How often reading paused because consumers were behind.
    pub times_paused: u64,
    /// For how long in all.
    pub time_paused: Duration,
    /// How often the transport had no room for what was queued. Not counted while the server blocks publishing.
    pub times_stalled: u64,
    /// For how long in all the transport took nothing then.
    pub time_stalled: Duration,
    /// Heartbeats queued for the transport. None is while other octets leave.
    pub heartbeats_sent: u64,

    /// How late the latest heartbeat was: how long the driver had not been polled when it was due.
    pub heartbeat_lag: Duration,
    /// Channels that are open, being opened, or being closed.
    pub channels: usize,
    /// Consumers that run.
    pub consumers: usize,
    /// Octets of memory that hold received messages, whole or not, that nobody took yet.
    pub octets_buffered: usize,
    /// Received messages that nobody took yet.
    pub messages_buffered: usize,
    /// Deliveries that must be settled and are not, those that nobody took yet among them.
    pub deliveries_unsettled: usize,
    /// Calls that wait for a reply.
    pub requests_waiting: usize,
    /// Publishes that are held back.
    pub publishes_waiting: usize,
    /// Publishes that the server has not settled, in confirm mode.
    pub publishes_unconfirmed: usize,
    /// Octets queued that the transport has not taken yet; none once the connection is over.
    pub octets_to_send: u64,
}

impl Stats {
    /// A channel that was open ended.
    pub(super) fn channel_ended(&mut self, reason: &ChannelError) {
        *match reason {
            ChannelError::Closed | ChannelError::NoFreeChannel { .. } => &mut self.channels_closed,
            ChannelError::ClosedByServer(_) => &mut self.channels_closed_by_server,
            ChannelError::Poisoned { .. } | ChannelError::Overflow => &mut self.channels_given_up,
            ChannelError::Connection(_) => &mut self.channels_lost,
        } += 1;
    }

    /// A consumer that ran ended.
    pub(super) fn consumer_ended(&mut self, reason: &ConsumerEnd) {
        self.consumers -= 1;
        *match reason {
            ConsumerEnd::Cancelled | ConsumerEnd::Shutdown => &mut self.consumers_cancelled,
            ConsumerEnd::CancelledByServer => &mut self.consumers_cancelled_by_server,
            ConsumerEnd::Overflow => &mut self.overflows,
            ConsumerEnd::Channel(_) => &mut self.consumers_lost,
        } += 1;
    }
}

/// Something that begins and ends, again and again: how often, and for how long.
#[derive(Debug, Default)]
pub(super) struct Spells {
    begun: Option<Instant>,
    times: u64,
    /// Of those that have ended.
    time: Duration,
}

impl Spells {
    /// One begins, unless it has.
    pub(super) fn begin(&mut self, now: Instant) {
        if self.begun.is_none() {
            self.begun = Some(now);
            self.times += 1;
        }
    }

    /// It ends, if there is one.
    pub(super) fn end(&mut self, now: Instant) {
        self.time = self.time(now);
        self.begun = None;
    }

    /// Since when there is one.
    pub(super) fn begun(&self) -> Option<Instant> {
        self.begun
    }

    fn time(&self, now: Instant) -> Duration {
        let current = self.begun.map(|begun| now.saturating_duration_since(begun));
        self.time.saturating_add(current.unwrap_or_default())
    }
}

impl Connection {
    /// What was counted so far, and what is the case now.
    pub fn stats(&self, now: Instant) -> Stats {
        Stats {
            octets_sent: self.transmitted_position(),
            times_blocked: self.blocked.times,
            time_blocked: self.blocked.time(now),
            times_paused: self.paused.times,
            time_paused: self.paused.time(now),
            times_stalled: self.stalled.times,
            time_stalled: self.stalled.time(now),
            octets_buffered: self.octets_held(),
            messages_buffered: self.buffered.messages,
            requests_waiting: self.call_deadlines.len(),
            publishes_waiting: self.gate.waiters.len(),
            octets_to_send: match self.state {
                State::Closed => 0,
                _ => self.backlog(),
            },
            ..self.stats
        }
    }

    /// Whether stats change though the driver has nothing to do: time passes, or handles take what waits for them.
    #[cfg(feature = "metrics")]
    pub(crate) fn stats_move(&self) -> bool {
        let spells = [&self.blocked, &self.paused, &self.stalled];
        spells.into_iter().any(|spells| spells.begun().is_some())
            || self.buffered.messages > 0
            || !self.gate.waiters.is_empty()
    }
}
