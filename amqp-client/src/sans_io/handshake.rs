//! The way to an open connection: start, tune, open. What happens on an open one stands elsewhere.

use std::time::Instant;

use amqp_protocol::table::TableError;
use amqp_protocol::v0_9_1::{connection, constants};
use amqp_protocol::{ChannelId, FieldTable, LongStr, ReplyCode, ShortStr};

use super::connection::{Connection, FRAME_MIN};
use super::event::State;
use crate::config::Config;
use crate::error::{Close, ConnectionError};

impl Connection {
    /// Answers connection.start with start-ok.
    pub(super) fn handle_start(&mut self, now: Instant, start: connection::Start<'_>) {
        let wanted = self.config.credentials.mechanism();
        if !start
            .mechanisms
            .as_bytes()
            .split(|octet| *octet == b' ')
            .any(|name| name == wanted.as_bytes())
        {
            let offered = start.mechanisms.to_str_lossy().into_owned();
            return self.end(
                now,
                ConnectionError::MechanismNotOffered { wanted, offered },
                None,
            );
        }
        self.server_properties = start.server_properties.into_owned();
        match self.put_start_ok() {
            Ok(()) => self.set_state(State::AwaitingTune),
            Err(error) => self.end(now, error, None),
        }
    }

    fn put_start_ok(&mut self) -> Result<(), ConnectionError> {
        fn invalid<E: Into<TableError>>(setting: &'static str) -> impl FnOnce(E) -> ConnectionError {
            move |error| ConnectionError::InvalidSetting {
                setting,
                error: error.into(),
            }
        }
        let locale = ShortStr::try_from(self.config.locale.clone());
        let response = LongStr::try_from(self.config.credentials.response());
        let start_ok = connection::StartOk {
            client_properties: client_properties(&self.config).map_err(invalid("client_properties"))?,
            mechanism: ShortStr::from_static(self.config.credentials.mechanism()),
            response: response.map_err(invalid("credentials"))?,
            locale: locale.map_err(invalid("locale"))?,
        };
        self.put_method(ChannelId(0), &start_ok)
            .map_err(invalid("connection.start-ok"))
    }

    /// Agrees on the limits with tune-ok, and asks for the virtual host.
    pub(super) fn handle_tune(&mut self, now: Instant, tune: connection::Tune) {
        if (1..FRAME_MIN).contains(&tune.frame_max) {
            return self.end(
                now,
                ConnectionError::FrameMaxTooSmall {
                    offered: tune.frame_max,
                },
                None,
            );
        }
        let virtual_host = match ShortStr::try_from(self.config.virtual_host.clone()) {
            Ok(name) => name,
            Err(error) => {
                let setting = "virtual_host";
                return self.end(
                    now,
                    ConnectionError::InvalidSetting {
                        setting,
                        error: error.into(),
                    },
                    None,
                );
            }
        };
        let wanted_frame_max = match self.config.frame_max {
            0 => 0,
            octets => octets.max(FRAME_MIN),
        };
        // When neither side has a limit, ours still has to be held in memory.
        let frame_max = match lesser(wanted_frame_max, tune.frame_max) {
            0 => self.receive_frame_max,
            octets => octets,
        };
        let channel_max = lesser(self.config.channel_max.into(), tune.channel_max.into()) as u16;
        let heartbeat = self.config.heartbeat.unwrap_or(tune.heartbeat);
        let tune_ok = connection::TuneOk {
            channel_max,
            frame_max,
            heartbeat,
        };
        // Neither of the two comes near the smallest frame.
        let _ = self.put_method(ChannelId(0), &tune_ok);
        self.send_frame_max = frame_max;
        self.receive_frame_max = self.receive_frame_max.max(frame_max);
        self.channel_max = if channel_max == 0 { u16::MAX } else { channel_max };
        self.heartbeat.start(now, heartbeat);
        let _ = self.put_method(ChannelId(0), &connection::Open { virtual_host });
        self.set_state(State::AwaitingOpenOk);
    }

    /// The handshake is over.
    pub(super) fn handle_open_ok(&mut self) {
        self.deadline = None;
        self.set_state(State::Open);
    }

    /// What a connection.close means while this is the state.
    pub(super) fn closed_by_server(&self, close: Close) -> ConnectionError {
        match (self.state, close.reply_code) {
            (State::AwaitingTune, constants::ACCESS_REFUSED) => ConnectionError::AuthenticationRefused(close),
            (State::AwaitingOpenOk, NOT_ALLOWED | constants::ACCESS_REFUSED | constants::NOT_FOUND) => {
                ConnectionError::VirtualHostRefused(close)
            }
            _ => ConnectionError::ClosedByServer(close),
        }
    }
}

const NOT_ALLOWED: ReplyCode = constants::NOT_ALLOWED;

/// The lesser of two limits, where 0 means none.
fn lesser(ours: u32, theirs: u32) -> u32 {
    match (ours, theirs) {
        (0, limit) | (limit, 0) => limit,
        (ours, theirs) => ours.min(theirs),
    }
}

/// What the client says of itself; the user's own entries replace those of the same name.
fn client_properties(config: &Config) -> Result<FieldTable<'static>, TableError> {
    let capabilities = [
        "authentication_failure_close",
        "basic.nack",
        "connection.blocked",
        "consumer_cancel_notify",
        "exchange_exchange_bindings",
        "publisher_confirms",
    ];
    let capabilities = FieldTable::from_entries(capabilities.map(|name| (name, true)))?;
    let mut own = FieldTable::new()
        .with("product", "amqp-client")?
        .with("version", env!("CARGO_PKG_VERSION"))?
        .with("platform", "Rust")?
        .with("capabilities", capabilities)?;
    if let Some(name) = &config.connection_name {
        own.append("connection_name", name.as_str())?;
    }
    let mut properties = config.client_properties.clone();
    for (name, value) in &own {
        if properties.get(name.as_bytes()).is_none() {
            properties.append(name, value)?;
        }
    }
    Ok(properties)
}
