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
    /// When the owner last attended to the transport or the clock.
    attended: Instant,
    /// For how long it had not, longer than a server waits, and when it did again.
    neglected: Option<(Duration, Instant)>,
    /// What follows from the times above, reckoned when they change: far less often than it is asked for.
    send_at: Option<Instant>,
    dead_at: Option<Instant>,
}

impl Heartbeat {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            interval: None,
            sent: now,
            silent_since: now,
            paused: false,
            attended: now,
            neglected: None,
            send_at: None,
            dead_at: None,
        }
    }

    /// The owner attends to the transport or the clock, as it must at least twice in an interval.
    pub(super) fn attend(&mut self, now: Instant) {
        let pause = now.saturating_duration_since(self.attended);
        if self.interval.is_some_and(|interval| pause > interval * 2) {
            self.neglected = Some((pause, now));
        }
        self.attended = now;
    }

    /// For how long nobody attended, so that the server had reason to give up. An interval later it would have done so.
    pub(super) fn neglected(&self, now: Instant) -> Option<Duration> {
        let (pause, since) = self.neglected?;
        let interval = self.interval?;
        (now.saturating_duration_since(since) <= interval).then_some(pause)
    }

    /// Starts with the agreed seconds; 0 means never.
    pub(super) fn start(&mut self, now: Instant, seconds: u16) {
        self.interval = (seconds > 0).then(|| Duration::from_secs(seconds.into()));
        self.sent(now);
        self.received(now);
        self.attended = now;
    }

    pub(super) fn stop(&mut self) {
        self.interval = None;
        self.reckon();
    }

    pub(super) fn sent(&mut self, now: Instant) {
        self.sent = now;
        self.reckon();
    }

    pub(super) fn last_sent(&self) -> Instant {
        self.sent
    }

    pub(super) fn received(&mut self, now: Instant) {
        self.silent_since = now;
        self.reckon();
    }

    /// Reading pauses: silence is not measured until [`resume`](Self::resume).
    pub(super) fn pause(&mut self) {
        self.paused = true;
        self.reckon();
    }

    pub(super) fn resume(&mut self, now: Instant) {
        if self.paused {
            self.paused = false;
            self.received(now);
        }
    }

    /// When the next heartbeat must leave: after half an interval without other octets.
    pub(super) fn send_at(&self) -> Option<Instant> {
        self.send_at
    }

    /// When the server counts as dead: after two intervals of silence.
    pub(super) fn dead_at(&self) -> Option<Instant> {
        self.dead_at
    }

    pub(super) fn is_paused(&self) -> bool {
        self.paused
    }

    pub(super) fn silent_since(&self) -> Instant {
        self.silent_since
    }

    fn reckon(&mut self) {
        self.send_at = self.interval.map(|interval| self.sent + interval / 2);
        let listened = self.interval.filter(|_| !self.paused);
        self.dead_at = listened.map(|interval| self.silent_since + interval * 2);
    }
}
