//! What connections count and measure, for the recorder of the crate `metrics`: the catalogue.
//!
//! The program installs a recorder, such as that of `metrics-exporter-prometheus`, before it connects; the rest is done
//! here. The example `prometheus` is a whole program. Without a recorder this costs next to nothing, and without the
//! feature nothing: [`Connection::stats`](crate::Connection::stats) has the same counts.
//!
//! [`CATALOGUE`] lists all there is. Each metric has the label `connection`, which is the
//! [`connection_name`](crate::Config#structfield.connection_name), or empty; connections of the same name are one series,
//! and their gauges its sum. So name connections by what they are for, and do not put into the name what is new at each
//! start. The other labels have the values that are listed, and no more: no names of queues, routing keys or tags.
//!
//! A connection tells what has changed once a second at most, and when it has ended: then what it added to gauges is taken
//! away. The recorder runs in the driver's task, and never under a lock of this library. A metric that the recorder forgets, by an idle time-out for example, comes back
//! with the next connection only.

mod report;

use ::metrics::Unit;

use crate::sans_io::{Durations, Measured, Stats};

pub(crate) use report::Reporter;
pub(crate) use report::attempted;

/// A metric of the [`CATALOGUE`].
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// How it changes.
    pub kind: Kind,
    /// What is counted.
    pub unit: Unit,
    /// What it is.
    pub description: &'static str,
    /// The label that it has beside `connection`, if any.
    pub label: Option<&'static str>,
    /// The values of that label, and what each counts.
    series: &'static [(&'static str, Source)],
}

impl Metric {
    /// The values of its [`label`](Self::label); none when it has none.
    ///
    /// ```
    /// use amqp_client::metrics::CATALOGUE;
    ///
    /// let settled = CATALOGUE.iter().find(|metric| metric.name == "amqp_client_deliveries_settled_total");
    /// let outcomes: Vec<_> = settled.into_iter().flat_map(|metric| metric.label_values()).collect();
    /// assert_eq!(outcomes, ["acked", "rejected", "requeued"]);
    /// ```
    pub fn label_values(&self) -> impl Iterator<Item = &'static str> {
        let values = self.series.iter().map(|(value, _)| *value);
        values.filter(|value| !value.is_empty())
    }
}

/// How a metric changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// It is a distribution.
    Histogram,
}

/// Where a series comes from.
#[derive(Debug, Clone, Copy)]
enum Source {
    Connection(fn(&Seen) -> u64),
    Took(fn(&mut Measured) -> &mut Durations),
    /// Attempts to connect, before there is a connection.
    Attempts,
}

use Source::{Attempts, Connection, Took};

/// A connection at one moment.
#[derive(Debug, Clone, Copy)]
struct Seen {
    stats: Stats,
    /// Whether the handshake has come to its end.
    opened: bool,
    /// Why it is over; none of the catalogue's reasons for one that never opened.
    end: Option<&'static str>,
}

impl Seen {
    fn ended_by(&self, reason: &'static str) -> u64 {
        u64::from(self.opened && self.end == Some(reason))
    }
}

macro_rules! catalogue {
    ($($kind:ident $unit:ident $name:literal $(by $label:literal)? $description:literal {
        $( $($value:literal)? => $source:expr ),+ $(,)?
    })+) => {
        /// All metrics.
        ///
        /// | name | kind | unit | label | what it is |
        /// |---|---|---|---|---|
        $(
            #[doc = concat!(
                "| `", $name, "` | ", stringify!($kind), " | ", stringify!($unit), " | ",
                $("`", $label, "`:",)? $($(" ", $value,)?)+ " | ", $description, " |"
            )]
        )+
        pub const CATALOGUE: &[Metric] = &[
            $(Metric {
                name: $name,
                kind: Kind::$kind,
                unit: Unit::$unit,
                description: $description,
                label: [$(Some($label),)? None][0],
                series: &[$((concat!($($value)?), $source)),+],
            }),+
        ];
    };
}

catalogue! {
    Counter Count "amqp_client_connect_attempts_total" by "outcome"
    "Attempts to connect to an address, or to look up a host's: opened, or the phase in which they failed." {
        "opened" => Attempts,
        "resolve" => Attempts,
        "tcp" => Attempts,
        "tls" => Attempts,
        "amqp" => Attempts,
    }
    Counter Count "amqp_client_connections_opened_total"
    "Connections that opened." {
        => Connection(|seen| seen.opened.into())
    }
    Counter Count "amqp_client_connections_closed_total" by "reason"
    "Connections that were open and are over: closed by this client or the server, given up because nothing came \
     (heartbeat), nothing was taken (write), it blocked too long (blocked) or violated the protocol (violation), or lost \
     with their transport or driver." {
        "client" => Connection(|seen| seen.ended_by("client")),
        "server" => Connection(|seen| seen.ended_by("server")),
        "heartbeat" => Connection(|seen| seen.ended_by("heartbeat")),
        "write" => Connection(|seen| seen.ended_by("write")),
        "blocked" => Connection(|seen| seen.ended_by("blocked")),
        "violation" => Connection(|seen| seen.ended_by("violation")),
        "transport" => Connection(|seen| seen.ended_by("transport")),
        "driver" => Connection(|seen| seen.ended_by("driver")),
        "other" => Connection(|seen| seen.ended_by("other")),
    }
    Gauge Count "amqp_client_connections"
    "Connections that are open." {
        => Connection(|seen| seen.opened.into())
    }
    Counter Bytes "amqp_client_received_bytes_total"
    "Octets received and understood." {
        => Connection(|seen| seen.stats.octets_received)
    }
    Counter Bytes "amqp_client_sent_bytes_total"
    "Octets that the transport took." {
        => Connection(|seen| seen.stats.octets_sent)
    }
    Counter Count "amqp_client_channels_opened_total"
    "Channels that opened." {
        => Connection(|seen| seen.stats.channels_opened)
    }
    Counter Count "amqp_client_channels_closed_total" by "reason"
    "Channels that were open and are over: closed by this client or the server, given up because calls timed out or a \
     consumer without acknowledgements overflowed, or lost with the connection." {
        "client" => Connection(|seen| seen.stats.channels_closed),
        "server" => Connection(|seen| seen.stats.channels_closed_by_server),
        "given_up" => Connection(|seen| seen.stats.channels_given_up),
        "connection" => Connection(|seen| seen.stats.channels_lost),
    }
    Gauge Count "amqp_client_channels"
    "Channels that are open, being opened, or being closed." {
        => Connection(|seen| seen.stats.channels as u64)
    }
    Counter Count "amqp_client_messages_published_total"
    "Messages queued for the transport by basic.publish." {
        => Connection(|seen| seen.stats.messages_published)
    }
    Counter Count "amqp_client_publish_outcomes_total" by "outcome"
    "What became of publishes: confirmed, refused by basic.nack, returned (without confirms too), not settled in time or \
     before their channel's end (unknown), or not sent by then." {
        "confirmed" => Connection(|seen| seen.stats.messages_confirmed),
        "nacked" => Connection(|seen| seen.stats.messages_nacked),
        "returned" => Connection(|seen| seen.stats.messages_returned),
        "unknown" => Connection(|seen| seen.stats.messages_given_up - seen.stats.messages_not_sent),
        "not_sent" => Connection(|seen| seen.stats.messages_not_sent),
    }
    Histogram Seconds "amqp_client_confirm_duration_seconds"
    "From queueing a publish in confirm mode to the server's basic.ack or nack. Off by at most 3 %." {
        => Took(|measured| &mut measured.confirms)
    }
    Gauge Count "amqp_client_publishes_unconfirmed"
    "Publishes in confirm mode that the server has not settled." {
        => Connection(|seen| seen.stats.publishes_unconfirmed as u64)
    }
    Gauge Count "amqp_client_publishes_waiting"
    "Publishes that are held back." {
        => Connection(|seen| seen.stats.publishes_waiting as u64)
    }
    Counter Count "amqp_client_messages_delivered_total"
    "Messages received by basic.deliver and basic.get-ok." {
        => Connection(|seen| seen.stats.messages_delivered)
    }
    Counter Count "amqp_client_deliveries_settled_total" by "outcome"
    "Deliveries settled: by basic.ack, by basic.reject or nack, or requeued by those or basic.recover." {
        "acked" => Connection(|seen| seen.stats.deliveries_acked),
        "rejected" => Connection(|seen| seen.stats.deliveries_rejected),
        "requeued" => Connection(|seen| seen.stats.deliveries_requeued),
    }
    Histogram Seconds "amqp_client_settle_duration_seconds"
    "From receiving a delivery to the transport's taking what settles it. Off by at most 3 %." {
        => Took(|measured| &mut measured.settlements)
    }
    Gauge Count "amqp_client_deliveries_unsettled"
    "Deliveries that must be settled and are not." {
        => Connection(|seen| seen.stats.deliveries_unsettled as u64)
    }
    Gauge Count "amqp_client_messages_buffered"
    "Received messages that nobody took yet." {
        => Connection(|seen| seen.stats.messages_buffered as u64)
    }
    Gauge Bytes "amqp_client_buffered_bytes"
    "Octets of memory that hold received messages, whole or not, that nobody took yet." {
        => Connection(|seen| seen.stats.octets_buffered as u64)
    }
    Counter Count "amqp_client_consumers_started_total"
    "Consumers that started." {
        => Connection(|seen| seen.stats.consumers_started)
    }
    Counter Count "amqp_client_consumers_ended_total" by "reason"
    "Consumers that ended: cancelled by this client or the server, too far behind (overflow), or with their channel." {
        "client" => Connection(|seen| seen.stats.consumers_cancelled),
        "server" => Connection(|seen| seen.stats.consumers_cancelled_by_server),
        "overflow" => Connection(|seen| seen.stats.overflows),
        "channel" => Connection(|seen| seen.stats.consumers_lost),
    }
    Gauge Count "amqp_client_consumers"
    "Consumers that run." {
        => Connection(|seen| seen.stats.consumers as u64)
    }
    Gauge Count "amqp_client_requests_waiting"
    "Calls that wait for a reply." {
        => Connection(|seen| seen.stats.requests_waiting as u64)
    }
    Gauge Bytes "amqp_client_send_backlog_bytes"
    "Octets queued that the transport has not taken yet." {
        => Connection(|seen| seen.stats.octets_to_send)
    }
    Counter Count "amqp_client_blocked_total"
    "How often the server blocked publishing (connection.blocked)." {
        => Connection(|seen| seen.stats.times_blocked)
    }
    Counter Milliseconds "amqp_client_blocked_milliseconds_total"
    "For how long in all." {
        => Connection(|seen| seen.stats.time_blocked.as_millis() as u64)
    }
    Counter Count "amqp_client_reading_paused_total"
    "How often reading paused because consumers were behind." {
        => Connection(|seen| seen.stats.times_paused)
    }
    Counter Milliseconds "amqp_client_reading_paused_milliseconds_total"
    "For how long in all." {
        => Connection(|seen| seen.stats.time_paused.as_millis() as u64)
    }
    Counter Count "amqp_client_write_stalls_total"
    "How often the transport had no room for what was queued." {
        => Connection(|seen| seen.stats.times_stalled)
    }
    Counter Milliseconds "amqp_client_write_stalls_milliseconds_total"
    "For how long in all it took nothing then." {
        => Connection(|seen| seen.stats.time_stalled.as_millis() as u64)
    }
    Histogram Seconds "amqp_client_heartbeat_lag_seconds"
    "How late heartbeats were: how long the driver had not been polled when they were due. Off by at most 3 %." {
        => Took(|measured| &mut measured.heartbeat_lags)
    }
}
