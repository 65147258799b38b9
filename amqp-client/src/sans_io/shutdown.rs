//! Ending a connection without leaving anything undone: what is stopped, what is waited for, and until when. The close
//! itself is `ending`'s.

use std::fmt;
use std::time::{Duration, Instant};

use crate::methods::constants;
use amqp_protocol::ShortStr;

use super::connection::Connection;
use super::event::{ConsumerEnd, State};
use super::timers::deadline;
use crate::error::CallError;

const DELIVERIES: [&str; 2] = ["delivery", "deliveries"];
const PUBLISHES: [&str; 2] = ["publish", "publishes"];

/// What a shutdown waits for, or what it left behind when its time was over.
///
/// Prints what there is, as `1 consumer, 2 deliveries not settled`; `nothing` when it is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, thiserror::Error)]
#[non_exhaustive]
pub struct Unfinished {
    /// Consumers that the server had not stopped yet.
    pub consumers: usize,
    /// Deliveries that were received and not handed out. The server requeues them; those without acknowledgements are lost.
    pub deliveries_waiting: usize,
    /// Deliveries that were handed out and not settled. The server requeues them.
    pub deliveries_unsettled: usize,
    /// Publishes that were held back. They were not sent.
    pub publishes_waiting: usize,
    /// Publishes that the server had not confirmed. What became of them is not known.
    pub publishes_unconfirmed: usize,
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = [
            (self.consumers, ["consumer", "consumers"], ""),
            (self.deliveries_waiting, DELIVERIES, " not handed out"),
            (self.deliveries_unsettled, DELIVERIES, " not settled"),
            (self.publishes_waiting, PUBLISHES, " held back"),
            (self.publishes_unconfirmed, PUBLISHES, " not confirmed"),
        ];
        let mut separator = "";
        for (count, [one, several], how) in all.into_iter().filter(|(count, ..)| *count > 0) {
            let noun = if count == 1 { one } else { several };
            write!(f, "{separator}{count} {noun}{how}")?;
            separator = ", ";
        }
        if separator.is_empty() {
            f.write_str("nothing")?;
        }
        Ok(())
    }
}

/// A shutdown under way.
#[derive(Debug)]
pub(super) struct Shutdown {
    /// When it closes the connection, whatever is left.
    deadline: Option<Instant>,
}

impl Connection {
    /// Ends the connection when nothing is left to do, or after `limit`: all consumers are cancelled, also those that were
    /// asked for and start later; what was received is still handed out, and when that is done, everything handed out is
    /// [settled](Self::note_settled), and no publish waits for its turn or its confirm, the connection is
    /// [closed](Self::close). From here on [`consume`](Self::consume), [`get`](Self::get) and
    /// [`open_channel`](Self::open_channel) are refused; everything else goes on. Called again, the earlier limit counts.
    pub fn shutdown(&mut self, now: Instant, limit: Duration) {
        if self.state != State::Open {
            return self.close_after_shutdown(now);
        }
        let limit = deadline(now, limit);
        let deadline = match &self.shutdown {
            Some(Shutdown { deadline: Some(at) }) => Some(limit.map_or(*at, |limit| limit.min(*at))),
            Some(Shutdown { deadline: None }) | None => limit,
        };
        self.shutdown = Some(Shutdown { deadline });
        let running = self.running_consumers();
        let running: Vec<_> = running
            .map(|consumer| (consumer.channel, consumer.tag.clone()))
            .collect();
        for (key, tag) in running {
            self.cancel_for_nobody(key, tag, ConsumerEnd::Shutdown);
        }
    }

    /// Takes note that a delivery which was handed out, by [`next_delivery`](Self::next_delivery) or as the reply to
    /// basic.get, was settled, or will not be. Only [`shutdown`](Self::shutdown) asks.
    pub fn note_settled(&mut self) {
        self.unsettled = self.unsettled.saturating_sub(1);
    }

    /// What the shutdown that ended the connection left behind; `None` when there was no shutdown.
    pub fn unfinished(&self) -> Option<Unfinished> {
        self.unfinished
    }

    /// What would give a shutdown more to do is not begun any more.
    pub(super) fn refuse_in_shutdown(&self) -> Result<(), CallError> {
        match self.shutdown {
            Some(_) => Err(CallError::ShuttingDown),
            None => Ok(()),
        }
    }

    /// When a shutdown has something to do: at once, when nothing is left.
    pub(super) fn shutdown_at(&self) -> Option<Instant> {
        let shutdown = self.shutdown.as_ref()?;
        if self.left_to_do() == Unfinished::default() {
            return Some(self.heartbeat.silent_since());
        }
        shutdown.deadline
    }

    /// Closes the connection if a shutdown is done, or its time is.
    pub(super) fn finish_shutdown(&mut self, now: Instant) {
        if self.shutdown_at().is_some_and(|at| at <= now) {
            self.close_after_shutdown(now);
        }
    }

    /// The connection ends: keeps what a shutdown has not done.
    pub(super) fn end_shutdown(&mut self) {
        if self.shutdown.take().is_some() {
            self.unfinished = Some(self.left_to_do());
        }
    }

    fn close_after_shutdown(&mut self, now: Instant) {
        let text = ShortStr::from_static("shutdown");
        self.close(now, constants::REPLY_SUCCESS, text);
    }

    fn left_to_do(&self) -> Unfinished {
        Unfinished {
            consumers: self.live_consumers().count(),
            deliveries_waiting: self.consumers.iter().map(|consumer| consumer.queue.len()).sum(),
            deliveries_unsettled: self.unsettled,
            publishes_waiting: self.gate.waiters.len(),
            publishes_unconfirmed: self.stats.publishes_unconfirmed,
        }
    }
}
