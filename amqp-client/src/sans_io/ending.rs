//! How a connection ends: one way into the failed state, which is never left, and on which everything is resolved.

use std::io;
use std::time::Instant;

use crate::methods::connection;
use amqp_protocol::{ChannelId, ReplyCode, ShortStr};

use super::channel::{Channel, Phase, Waiter};
use super::connection::Connection;
use super::event::{Event, State};
use super::timers::deadline;
use crate::error::{CallError, ChannelError, ConnectionError, PeerViolation, Violation};
use crate::tls::TlsError;

impl Connection {
    /// Takes note that the server will send nothing more.
    pub fn receive_eof(&mut self, now: Instant) {
        self.lose(now, self.ended_by_server());
    }

    /// Takes note that the transport failed: nothing more can be sent or received. A [`TlsError`] inside of the error is
    /// reported as such.
    pub fn transport_failed(&mut self, now: Instant, error: io::Error) {
        let error = match error.downcast::<TlsError>() {
            Ok(error) => ConnectionError::Tls(error),
            Err(error) => self.broken_by(error),
        };
        self.lose(now, error);
    }

    /// Ends the connection with the stream, for what that means.
    fn lose(&mut self, now: Instant, error: ConnectionError) {
        self.heartbeat.attend(now);
        let error = match self.heartbeat.neglected(now) {
            Some(pause) if self.state == State::Open => ConnectionError::HeartbeatsMissed { pause },
            _ => error,
        };
        self.abandon(now, error);
    }

    /// Ends the connection at once for a reason of the owner's, without telling the server.
    pub fn abandon(&mut self, now: Instant, error: ConnectionError) {
        if self.awaits_close_ok && matches!(self.error, Some(ConnectionError::Closed)) {
            self.error = Some(ConnectionError::CloseUnanswered);
        }
        self.end(now, error, None);
        self.set_state(State::Closed);
    }

    /// Closes the connection in order: everything that waits is resolved now, what was queued before still leaves, then
    /// connection.close. The state is [`Closed`](State::Closed) when the server has answered, or `close_timeout` has
    /// passed. Does nothing when the connection has ended.
    pub fn close(&mut self, now: Instant, reply_code: ReplyCode, reply_text: ShortStr<'_>) {
        let close = connection::Close {
            reply_code,
            reply_text,
            ..Default::default()
        };
        self.end(
            now,
            ConnectionError::Closed,
            (self.state == State::Open).then_some(close),
        );
        self.settle_state();
    }

    /// Ends the connection for what the server did, and tells it.
    pub(super) fn fail(&mut self, now: Instant, kind: Violation) {
        let violation = PeerViolation {
            state: self.state,
            kind,
        };
        let mut close = connection::Close {
            reply_code: violation.kind.reply_code(),
            ..Default::default()
        };
        if let Violation::UnexpectedMethod { method, .. } = violation.kind {
            (close.class_id, close.method_id) = (method.class, method.method);
        }
        let text = violation.kind.to_string();
        close.reply_text = text.as_str().try_into().unwrap_or_default();
        // A server that has not even begun may speak anything.
        let told = self.state != State::AwaitingStart;
        self.end(now, violation.into(), told.then_some(close));
    }

    /// The one way into the failed state, which is never left: resolves everything, then sends what the protocol asks for.
    pub(super) fn end(&mut self, now: Instant, error: ConnectionError, close: Option<connection::Close<'_>>) {
        if self.error.is_some() {
            return;
        }
        self.end_shutdown();
        self.error = Some(error.clone());
        self.heartbeat.stop();
        self.gate.blocked = None;
        for spells in [&mut self.blocked, &mut self.paused, &mut self.stalled] {
            spells.end(now);
        }
        self.end_authentication(&error);
        // What is queued still leaves ahead of a close of ours. Ahead of the server's own close it counts for nothing.
        let transmitted = match close {
            Some(_) => self.position(),
            None => self.transmitted_position(),
        };
        for index in 0..self.channels.len() {
            if let Some(channel) = self.channels.get_mut(index).and_then(Option::take) {
                self.resolve_channel(*channel, transmitted, &error.clone().into());
            }
        }
        self.channels.clear();
        self.deadline = deadline(now, self.config.close_timeout);
        self.sooner = true;
        if let Some(close) = close {
            // A close is far smaller than the smallest frame.
            let _ = self.put_method(ChannelId(0), &close);
            self.awaits_close_ok = true;
        }
        self.set_state(State::Closing);
    }

    /// Resolves what waited on a channel that is over, when the transport has taken this much of the outgoing stream.
    pub(super) fn resolve_channel(&mut self, mut channel: Channel, transmitted: u64, reason: &ChannelError) {
        let key = channel.key;
        self.stats.channels -= 1;
        self.stats.deliveries_unsettled -= channel.unsettled.count();
        self.drop_assembly(channel.assembly.as_ref());
        self.end_confirms(&mut channel, transmitted, reason);
        for expectation in channel.expectations {
            if let Waiter::Waiting(request) = expectation.waiter {
                self.call_deadlines.remove(&request);
                // Whoever closes a channel that is over already has what it wants.
                self.events.push_back(Event::Resolved {
                    request,
                    outcome: Err(CallError::Channel(reason.clone())),
                });
            }
        }
        self.end_consumers(key, reason);
        let reason = match channel.phase {
            Phase::Closing(reason) => reason,
            phase @ (Phase::Opening | Phase::Open) => {
                if matches!(phase, Phase::Open) {
                    self.stats.channel_ended(reason);
                }
                self.events.push_back(Event::ChannelEnded {
                    channel: key,
                    reason: reason.clone(),
                });
                reason.clone()
            }
        };
        if channel.held {
            self.ended_channels.insert(key, reason.clone());
        }
        self.clear_gate(key, &reason);
    }

    /// Closing turns into closed as soon as nothing is left to send or to wait for.
    pub(super) fn settle_state(&mut self) {
        if self.state == State::Closing && !self.awaits_close_ok && self.backlog() == 0 {
            self.set_state(State::Closed);
        }
    }

    pub(super) fn set_state(&mut self, state: State) {
        if self.state < state {
            self.state = state;
            self.was_open |= state == State::Open;
            if state == State::Closed {
                self.drop_outgoing();
            }
            self.events.push_back(Event::State(state));
        }
    }
}
