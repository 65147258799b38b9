//! The way to an open connection: start, tune, open. Who connects is `authentication`'s, what happens on an open connection
//! stands elsewhere.

use std::io;
use std::time::Instant;

use crate::methods::{connection, constants};
use amqp_protocol::method::Arguments;
use amqp_protocol::table::TableError;
use amqp_protocol::{ChannelId, FieldTable, ShortStr};

use super::connection::{Connection, FRAME_MIN};
use super::event::State;
use crate::config::Config;
use crate::error::{Close, ConnectionError, TransportError, Violation};
use crate::server_properties::ServerProperties;

/// Newer RabbitMQ refuses frames smaller than this, though the protocol allows them.
const FRAME_MAX_WANTED: u32 = 8192;

impl Connection {
    /// Answers connection.start with start-ok.
    pub(super) fn handle_start(&mut self, now: Instant, start: connection::Start<'_>) {
        self.server_properties = ServerProperties::new(start.server_properties.into_owned());
        let begun = self.dialect.begin(&self.config);
        match begun.and_then(|()| self.begin_authentication(&start.mechanisms)) {
            Ok(()) => self.set_state(State::AwaitingTune),
            Err(error) => self.end(now, error, None),
        }
    }

    /// Agrees on the limits with tune-ok, and asks for the virtual host.
    pub(super) fn handle_tune(&mut self, now: Instant, tune: connection::Tune) {
        self.authentication.finish();
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
        self.lowered_frame_max = tune.frame_max == 0 || frame_max < tune.frame_max;
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

    /// The server names another host instead of opening the virtual host. It leaves it to the client to end the stream.
    pub(super) fn handle_redirect(
        &mut self,
        now: Instant,
        host: String,
        known_hosts: Vec<String>,
    ) -> Result<(), Violation> {
        if self.state != State::AwaitingOpenOk {
            return Err(Violation::ForeignMethod {
                channel: ChannelId(0),
                method: "connection.redirect",
            });
        }
        self.end(now, ConnectionError::Redirected { host, known_hosts }, None);
        Ok(())
    }

    /// What a connection.close means while this is the state.
    pub(super) fn closed_by_server(&self, close: Close) -> ConnectionError {
        let blames_frame_max =
            close.method != Some(connection::Open::ID) && close.reply_text.contains("frame_max");
        match (self.state, close.reply_code) {
            (State::AwaitingTune, constants::ACCESS_REFUSED) => {
                ConnectionError::AuthenticationRefused { close: Some(close) }
            }
            (State::AwaitingOpenOk, _) if self.lowered_frame_max && blames_frame_max => {
                ConnectionError::FrameMaxRefused {
                    frame_max: self.send_frame_max,
                    close: Some(close),
                }
            }
            (
                State::AwaitingOpenOk,
                constants::NOT_ALLOWED | constants::ACCESS_REFUSED | constants::NOT_FOUND,
            ) => ConnectionError::VirtualHostRefused {
                virtual_host: self.config.virtual_host.clone(),
                close,
            },
            _ => ConnectionError::ClosedByServer(close),
        }
    }

    /// What the end of the stream means while this is the state.
    pub(super) fn ended_by_server(&self) -> ConnectionError {
        // A server that has not got our answer cannot have refused it.
        match self.state {
            State::AwaitingTune if self.backlog() == 0 => {
                ConnectionError::AuthenticationRefused { close: None }
            }
            State::AwaitingOpenOk if self.lowered_frame_max && self.send_frame_max < FRAME_MAX_WANTED => {
                ConnectionError::FrameMaxRefused {
                    frame_max: self.send_frame_max,
                    close: None,
                }
            }
            state => ConnectionError::EndOfStream { state },
        }
    }

    /// What an error of the transport means while this is the state: a server that gives up on a client may reset the
    /// stream as well as end it.
    pub(super) fn broken_by(&self, error: io::Error) -> ConnectionError {
        use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
        let reset = [BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof].contains(&error.kind());
        match self.ended_by_server() {
            ConnectionError::EndOfStream { .. } => ConnectionError::Transport(TransportError::from(error)),
            refused if reset => refused,
            _ => ConnectionError::Transport(TransportError::from(error)),
        }
    }
}

/// The lesser of two limits, where 0 means none.
fn lesser(ours: u32, theirs: u32) -> u32 {
    match (ours, theirs) {
        (0, limit) | (limit, 0) => limit,
        (ours, theirs) => ours.min(theirs),
    }
}

/// What the client says of itself; the user's own entries replace those of the same name.
pub(super) fn client_properties(config: &Config) -> Result<FieldTable<'static>, TableError> {
    let capabilities = config.protocol.capabilities();
    let capabilities = FieldTable::from_entries(capabilities.iter().map(|name| (*name, true)))?;
    let mut own = FieldTable::new()
        .with("product", "amqp-client")?
        .with("version", env!("CARGO_PKG_VERSION"))?
        .with("platform", "Rust")?
        .with("information", "Licensed under MIT or Apache-2.0")?
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
