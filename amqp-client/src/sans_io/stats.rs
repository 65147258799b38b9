//! What a connection counts, for people and their monitoring.

use super::connection::Connection;
use super::event::State;

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
    /// How often the server blocked publishing (connection.blocked).
    pub times_blocked: u64,
    /// How often reading paused because consumers were behind.
    pub times_paused: u64,
    /// Consumers that [overflowed](super::ConsumerEnd::Overflow).
    pub overflows: u64,

    /// Channels that are open, being opened, or being closed.
    pub channels: usize,
    /// Consumers that run.
    pub consumers: usize,
    /// Octets of memory that hold received messages, whole or not, that nobody took yet.
    pub octets_buffered: usize,
    /// Received messages that nobody took yet.
    pub messages_buffered: usize,
    /// Calls that wait for a reply.
    pub requests_waiting: usize,
    /// Publishes that are held back.
    pub publishes_waiting: usize,
    /// Publishes that the server has not settled, in confirm mode.
    pub publishes_unconfirmed: usize,
    /// Octets queued that the transport has not taken yet; none once the connection is over.
    pub octets_to_send: u64,
}

impl Connection {
    /// What was counted so far, and what is the case now.
    pub fn stats(&self) -> Stats {
        Stats {
            octets_sent: self.transmitted_position(),
            channels: self.channels.iter().flatten().count(),
            consumers: self.running_consumers().count(),
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
}
