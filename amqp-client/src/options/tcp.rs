//! What sockets are like, as plain data. Setting it is the adapters' work.

use std::time::Duration;

use crate::settings::settings;

settings! {
    /// Options of a TCP socket. `None` is what the operating system does.
    ///
    /// ```
    /// use std::time::Duration;
    /// use amqp_client::{ConnectOptions, Keepalive, TcpOptions};
    ///
    /// let tcp = TcpOptions::default()
    ///     .keepalive(Keepalive::default().idle(Duration::from_secs(30)))
    ///     .user_timeout(Duration::from_secs(20));
    /// let options = ConnectOptions::default().tcp(tcp);
    /// ```
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct TcpOptions {
        /// TCP_NODELAY: octets leave at once. Frames are batched by the library; waiting for more of them would only delay
        /// replies. Default: `true`.
        nodelay: bool = true;
        /// SO_KEEPALIVE: probes by the operating system while nothing is sent. Heartbeats do the same within AMQP, and
        /// notice more. Default: none.
        keepalive: Option<Keepalive> = None, set(keepalive: Keepalive) Some(keepalive);
        /// TCP_USER_TIMEOUT: how long what was sent may stay without acknowledgement, to the millisecond, before the
        /// operating system gives the connection up. It has no effect but on Linux and Android. Default: none.
        user_timeout: Option<Duration> = None, set(limit: Duration) Some(limit);
    }
}

settings! {
    /// How the operating system probes an idle TCP connection. `None` is its own default, and what it cannot be told is
    /// left at that.
    #[derive(Debug, Clone, PartialEq, Eq)]
    #[non_exhaustive]
    pub struct Keepalive {
        /// How long nothing must have come before the first probe, in whole seconds.
        idle: Option<Duration> = None, set(time: Duration) Some(time);
        /// The pause between probes, in whole seconds.
        interval: Option<Duration> = None, set(time: Duration) Some(time);
        /// How many probes stay unanswered before the connection is given up.
        count: Option<u32> = None, set(count: u32) Some(count);
    }
}
