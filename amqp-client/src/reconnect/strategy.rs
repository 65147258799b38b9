//! When to try again: a trait, exponential pauses, and never. Trying is `Reconnecting`'s work.

use std::time::Duration;

use crate::error::{ConnectError, ConnectionError};
use crate::settings::settings;

/// Says how long to wait before the next attempt to connect, or that there is none. It is told of each attempt, failure,
/// open connection and end, so it can also count or report them.
///
/// It has no clock and no dice: pauses are what it answers, `retries` is how often it was tried again since a connection was
/// last open, or since the beginning, and `random` a number from 0 up to, but not including, 1.
///
/// A strategy that gives a server an hour to come back, and says so:
///
/// ```
/// use std::time::Duration;
///
/// use amqp_client::{ConnectError, ConnectionError, ReconnectionStrategy};
///
/// struct Hourly;
///
/// impl ReconnectionStrategy for Hourly {
///     fn on_failure(&mut self, error: &ConnectError, retries: u32, _: f64) -> Option<Duration> {
///         eprintln!("attempt {}: {error}", retries + 1);
///         (retries < 60 && !error.is_permanent()).then_some(Duration::from_secs(60))
///     }
///
///     fn on_close(&mut self, error: &ConnectionError, _: f64) -> Option<Duration> {
///         eprintln!("the connection is over: {error}");
///         (!error.is_wanted()).then_some(Duration::ZERO)
///     }
/// }
/// ```
pub trait ReconnectionStrategy {
    /// An attempt begins.
    fn on_attempt(&mut self, _retries: u32) {}

    /// The attempt failed: how long to wait before the next one; `None` gives up, with this error.
    fn on_failure(&mut self, error: &ConnectError, retries: u32, random: f64) -> Option<Duration>;

    /// The connection is open.
    fn on_open(&mut self) {}

    /// The connection that was open is over: how long to wait before an attempt to make another; `None` makes none.
    fn on_close(&mut self, error: &ConnectionError, random: f64) -> Option<Duration>;
}

settings! {
    /// Pauses that grow: each is `multiplier` times the one before, up to `max_delay`, and by chance longer by up to the
    /// `jitter`th part of it, so that the clients of a server that was away do not all come back at once. An open connection
    /// begins anew. By default 1 to 1.5 seconds, 2 to 3, 4 to 6, and so on until 30 to 45, for ever.
    ///
    /// It gives up when an error [is permanent](ConnectError::is_permanent), and when this client closed the connection.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use amqp_client::ExponentialBackoff;
    ///
    /// let backoff = ExponentialBackoff::default().initial_delay(Duration::from_millis(100)).jitter(0.0);
    /// assert_eq!(backoff.delay(0, 0.5), Duration::from_millis(100));
    /// assert_eq!(backoff.delay(3, 0.5), Duration::from_millis(800));
    /// assert_eq!(backoff.delay(99, 0.5), Duration::from_secs(30));
    /// ```
    #[derive(Debug, Clone, Copy, PartialEq)]
    #[non_exhaustive]
    pub struct ExponentialBackoff {
        /// The first pause. Default: 1 second.
        initial_delay: Duration = Duration::from_secs(1);
        /// By what each pause is longer than the one before; less than 1 counts as 1. Default: 2.
        multiplier: f64 = 2.0;
        /// The longest pause, without jitter. Default: 30 seconds.
        max_delay: Duration = Duration::from_secs(30);
        /// Which part of a pause is added to it at most; less than 0 counts as 0. Default: 0.5.
        jitter: f64 = 0.5;
        /// How often it is tried again before giving up; `None`, the default, is for ever.
        max_retries: Option<u32> = None, set(retries: u32) Some(retries);
        /// Whether it goes on after errors that [are permanent](ConnectError::is_permanent), for somebody to mend them
        /// meanwhile. Default: false.
        retry_permanent: bool = false;
    }
}

impl ExponentialBackoff {
    /// The pause after so many retries, for a random number from 0 up to 1.
    pub fn delay(&self, retries: u32, random: f64) -> Duration {
        let exponent = i32::try_from(retries).unwrap_or(i32::MAX);
        // Nothing times infinity would not be nothing.
        let growth = self.multiplier.max(1.0).powi(exponent).min(f64::MAX);
        let delay = (self.initial_delay.as_secs_f64() * growth).min(self.max_delay.as_secs_f64());
        let jittered = delay * (1.0 + self.jitter.max(0.0) * random);
        Duration::try_from_secs_f64(jittered).unwrap_or(Duration::MAX)
    }

    fn next(&self, retries: u32, random: f64) -> Option<Duration> {
        let goes_on = self.max_retries.is_none_or(|max| retries < max);
        goes_on.then(|| self.delay(retries, random))
    }
}

impl ReconnectionStrategy for ExponentialBackoff {
    fn on_failure(&mut self, error: &ConnectError, retries: u32, random: f64) -> Option<Duration> {
        if error.is_permanent() && !self.retry_permanent {
            return None;
        }
        self.next(retries, random)
    }

    fn on_close(&mut self, error: &ConnectionError, random: f64) -> Option<Duration> {
        if error.is_wanted() {
            return None;
        }
        self.next(0, random)
    }
}

/// One attempt, one connection, and no other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct NoReconnection;

impl ReconnectionStrategy for NoReconnection {
    fn on_failure(&mut self, _: &ConnectError, _: u32, _: f64) -> Option<Duration> {
        None
    }

    fn on_close(&mut self, _: &ConnectionError, _: f64) -> Option<Duration> {
        None
    }
}
