//! When the clock has to be looked at, and what is due then: whatever of a connection has a time. The times themselves are
//! kept where they belong.

use std::time::{Duration, Instant};

use amqp_protocol::frame;

use super::connection::Connection;
use super::event::State;
use crate::error::ConnectionError;

/// When a time that begins now is over; `None` when the clock does not reach that far.
pub(super) fn deadline(now: Instant, duration: Duration) -> Option<Instant> {
    now.checked_add(duration)
}

impl Connection {
    /// Does what is due at `now`. May be called at any time; then ask [`poll_timeout`](Self::poll_timeout) anew.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.heartbeat.attend(now);
        self.update_pause(now);
        if self.deadline.is_some_and(|at| at <= now) {
            match self.state {
                State::Open | State::Closed => {}
                State::Closing => {
                    if self.awaits_close_ok && matches!(self.error, Some(ConnectionError::Closed)) {
                        self.error = Some(ConnectionError::CloseTimedOut);
                    }
                    self.set_state(State::Closed);
                }
                state => self.abandon(now, ConnectionError::HandshakeTimedOut { state }),
            }
        }
        if self.heartbeat.dead_at().is_some_and(|at| at <= now) {
            self.abandon(now, ConnectionError::HeartbeatTimedOut);
        }
        if self.must_write() {
            self.stalled.begin(now);
        }
        if self.stall_at().is_some_and(|at| at <= now) {
            self.abandon(now, ConnectionError::WriteTimedOut);
        }
        // Octets that wait for the transport say as much as a heartbeat behind them would.
        if self.backlog() == 0
            && let Some(due) = self.heartbeat.send_at().filter(|at| *at <= now)
        {
            self.stats.heartbeats_sent += 1;
            self.stats.heartbeat_lag = now.saturating_duration_since(due);
            self.measured.heartbeat_lags.note(due, now, 1);
            // Nothing was sent for a while.
            self.shrink();
            self.put(|octets| octets.extend_from_slice(&frame::HEARTBEAT));
            self.heartbeat.sent(now);
        }
        self.time_out_calls(now);
        self.time_out_confirms(now);
        self.time_out_gate(now);
        self.finish_shutdown(now);
    }

    /// When [`handle_timeout`](Self::handle_timeout) must be called at the latest.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.state == State::Closed {
            return None;
        }
        let mut first = self.deadline;
        // One after the other, each looked at once: this is asked for each time that a handle is used.
        let mut consider = |at: Option<Instant>| {
            if at.is_some_and(|at| first.is_none_or(|first| at < first)) {
                first = at;
            }
        };
        if self.backlog() == 0 {
            consider(self.heartbeat.send_at());
        } else {
            consider(self.stall_at());
        }
        consider(if self.is_pause_due() {
            Some(self.heartbeat.silent_since())
        } else {
            self.heartbeat.dead_at()
        });
        if let Some((_, (at, _))) = self.call_deadlines.first_key_value() {
            consider(*at);
        }
        if let Some((at, _)) = self.confirm_deadlines.first() {
            consider(Some(*at));
        }
        if let Some(waiter) = self.gate.waiters.front() {
            consider(waiter.deadline);
        }
        if let Some(blocked) = &self.gate.blocked {
            consider(blocked.deadline);
        }
        if self.shutdown.is_some() {
            consider(self.shutdown_at());
        }
        first
    }

    /// [`poll_timeout`](Self::poll_timeout), of which [`is_sooner_than`](Self::is_sooner_than) tells what became of it.
    pub(crate) fn next_timeout(&mut self) -> Option<Instant> {
        self.sooner = false;
        self.poll_timeout()
    }

    /// Whether the clock has to be looked at before `then`, which [`next_timeout`](Self::next_timeout) said. It is asked with
    /// every use of a handle, and most of them change nothing about that.
    #[inline]
    pub(crate) fn is_sooner_than(&self, then: Option<Instant>) -> bool {
        let is_sooner = || {
            self.poll_timeout()
                .is_some_and(|now| then.is_none_or(|then| now < then))
        };
        let may_be = self.sooner || self.shutdown.is_some();
        debug_assert!(may_be || !is_sooner(), "a deadline that nobody was told of");
        may_be && is_sooner()
    }

    /// Whether the transport has something to take, and a server that reads behind it.
    fn must_write(&self) -> bool {
        self.backlog() > 0 && self.gate.blocked.is_none() && self.state == State::Open
    }

    /// When a transport that takes nothing is given up; at once, to look at the clock, when octets have just begun to wait.
    fn stall_at(&self) -> Option<Instant> {
        if !self.must_write() {
            return None;
        }
        match self.stalled.begun() {
            Some(since) => deadline(since, self.config.write_timeout),
            None => Some(self.heartbeat.last_sent()),
        }
    }
}
