//! When a heartbeat is due, and when silence means that the server is dead. It reads and writes no octets.

use std::time::{Duration, Instant};

/// The two clocks of a connection, off until it is tuned.
#[derive(Debug)]
pub(super) struct Heartbeat {
    interval: Option<Duration>,
    sent: Instant,
    /// Since when nothing came, as far as we listened.
    silent_since: Instant,
    /// Whether reading is paused by us: what is not read is not silence.
    paused: bool,
}

impl Heartbeat {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            interval: None,
            sent: now,
            silent_since: now,
            paused: false,
        }
    }

    /// Starts with the agreed seconds; 0 means never.
    pub(super) fn start(&mut self, now: Instant, seconds: u16) {
        self.interval = (seconds > 0).then(|| Duration::from_secs(seconds.into()));
        self.sent = now;
        self.silent_since = now;
    }

    pub(super) fn stop(&mut self) {
        self.interval = None;
    }

    pub(super) fn sent(&mut self, now: Instant) {
        self.sent = now;
    }

    pub(super) fn last_sent(&self) -> Instant {
        self.sent
    }

    pub(super) fn received(&mut self, now: Instant) {
        self.silent_since = now;
    }

    /// Reading pauses: silence is not measured until [`resume`](Self::resume).
    pub(super) fn pause(&mut self) {
        self.paused = true;
    }

    pub(super) fn resume(&mut self, now: Instant) {
        if self.paused {
            self.paused = false;
            self.silent_since = now;
        }
    }

    /// When the next heartbeat must leave: after half an interval without other octets.
    pub(super) fn send_at(&self) -> Option<Instant> {
        self.interval.map(|interval| self.sent + interval / 2)
    }

    /// When the server counts as dead: after two intervals of silence.
    pub(super) fn dead_at(&self) -> Option<Instant> {
        let interval = self.interval.filter(|_| !self.paused)?;
        Some(self.silent_since + interval * 2)
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }

    pub(super) fn silent_since(&self) -> Instant {
        self.silent_since
    }
}
