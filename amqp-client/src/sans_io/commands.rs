//! Commands on channels: open, call, send, close, and what becomes of a request that nobody waits for any more.
//! Registering what is expected and queueing the octets is one step.

use std::time::Instant;

use amqp_protocol::method::{Arguments, Request};
use amqp_protocol::v0_9_1::{basic, channel, confirm, connection, constants, tx};
use amqp_protocol::{ChannelId, ReplyCode, ShortStr};
use bytes::Bytes;

use super::channel::{Channel, Expectation, Phase, Purpose, TIMED_OUT_LIMIT, Waiter};
use super::confirms::{ConfirmOptions, Confirms};
use super::connection::{Connection, deadline};
use super::event::{ChannelKey, Event, Reply, RequestId, State};
use crate::error::{CallError, ChannelError};

impl Connection {
    /// Opens a channel under the lowest free number. The request resolves with channel.open-ok; commands on the key may be
    /// queued at once, and the server takes them in order. Why it ended is known until
    /// [`drop_channel`](Self::drop_channel).
    ///
    /// # Errors
    ///
    /// When the connection is not open, or all its channels are in use.
    pub fn open_channel(&mut self, now: Instant) -> Result<(ChannelKey, RequestId), ChannelError> {
        if let Some(error) = self.error() {
            return Err(ChannelError::Connection(error.clone()));
        }
        let index = self
            .channels
            .iter()
            .position(Option::is_none)
            .unwrap_or(self.channels.len());
        // Before tuning the maximum is 0.
        if index >= usize::from(self.channel_max) || self.state != State::Open {
            return Err(ChannelError::NoFreeChannel {
                channel_max: self.channel_max,
            });
        }
        let key = ChannelKey {
            id: ChannelId(index as u16 + 1),
            opening: self.next_id(),
        };
        let channel = Some(Box::new(Channel::new(key)));
        match self.channels.get_mut(index) {
            Some(slot) => *slot = channel,
            None => self.channels.push(channel),
        }
        // Its frame is 13 octets long.
        let _ = self.put_method(key.id, &channel::Open {});
        let request = self.expect::<channel::Open>(now, key, Purpose::OpenChannel);
        Ok((key, request))
    }

    /// Sends a method and awaits its reply, whatever its no-wait bit said before.
    ///
    /// # Errors
    ///
    /// When the channel is over, the method does not fit into a frame, or it is not the caller's to send: methods of
    /// connection, channel.open and close, basic.consume, cancel and get have commands of their own. Nothing is sent then.
    pub fn call<M: Request>(
        &mut self,
        now: Instant,
        key: ChannelKey,
        mut method: M,
    ) -> Result<RequestId, CallError> {
        method.set_no_wait(false);
        self.put_call(key, &method)?;
        let purpose = match M::ID {
            basic::Recover::ID => Purpose::Recover,
            tx::Commit::ID => Purpose::Commit,
            _ => Purpose::Call,
        };
        Ok(self.expect::<M>(now, key, purpose))
    }

    /// Sends a request with its no-wait bit set: there will be no reply. If the server refuses it, it closes the channel.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call), and when the method has no such bit.
    pub fn send_no_wait<M: Request>(&mut self, key: ChannelKey, mut method: M) -> Result<(), CallError> {
        if !M::NO_WAIT {
            return Err(CallError::NotSendable { method: M::NAME });
        }
        method.set_no_wait(true);
        self.put_call(key, &method)
    }

    /// Sends a method that is never answered, such as basic.ack.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call), and when the method is one that is answered or carries content.
    pub fn send<M: Arguments>(&mut self, key: ChannelKey, method: &M) -> Result<(), CallError> {
        if M::SYNCHRONOUS {
            return Err(CallError::NotSendable { method: M::NAME });
        }
        self.put_call(key, method)
    }

    /// Closes a channel in order: what was called before is still answered, and its request resolves with
    /// channel.close-ok. The number is free for another opening after that.
    ///
    /// # Errors
    ///
    /// When the channel is over.
    pub fn close_channel(
        &mut self,
        now: Instant,
        key: ChannelKey,
        reply_code: ReplyCode,
        reply_text: ShortStr<'_>,
    ) -> Result<RequestId, ChannelError> {
        self.channel(key)?;
        self.put_channel_close(key.id, reply_code, reply_text);
        let request = self.expect::<channel::Close<'_>>(now, key, Purpose::CloseChannel);
        self.channel_is_closing(key, ChannelError::Closed);
        Ok(request)
    }

    /// Lets a channel go: it is closed, unless it is over, and why it ended is forgotten.
    pub fn drop_channel(&mut self, key: ChannelKey) {
        if self.channel(key).is_ok() {
            self.shut_channel(key, constants::REPLY_SUCCESS, "", ChannelError::Closed);
        }
        if let Some(channel) = self.channel_slot(key) {
            channel.held = false;
        }
        self.ended_channels.remove(&key);
        self.forget_confirms(key);
    }

    /// Takes note that nobody waits for a request any more. What it asked for may still happen, but leaves no trace on
    /// this side: a tombstone swallows the reply, an opened channel is closed again, a started consumer cancelled, a
    /// fetched message requeued.
    pub fn abandon_request(&mut self, request: RequestId) {
        if let Some((_, key)) = self.call_deadlines.remove(&request) {
            if key == ChannelKey::CONNECTION {
                self.abandon_update(request);
            } else if let Some(channel) = self.channel_slot(key) {
                channel.bury(request, Waiter::Nobody);
            }
        }
        self.leave_gate(request);
        self.leave_outcomes(request);
    }

    /// Queues a method that a user may send.
    fn put_call<M: Arguments>(&mut self, key: ChannelKey, method: &M) -> Result<(), CallError> {
        let managed = match M::ID.class {
            connection::CLASS_ID => true,
            channel::CLASS_ID => M::ID != channel::Flow::ID,
            _ => [basic::Consume::ID, basic::Cancel::ID, basic::Get::ID].contains(&M::ID) || M::CONTENT,
        };
        if managed || !M::SENDERS.client {
            return Err(CallError::NotSendable { method: M::NAME });
        }
        let channel = self.channel(key)?;
        channel.qos_sent |= M::ID == basic::Qos::ID;
        self.put_method(key.id, method)
            .map_err(|error| CallError::FrameTooLarge {
                method: M::NAME,
                error,
            })?;
        if let Some(channel) = self.channel_slot(key) {
            match M::ID {
                // The server counts publishes from here on; a second select changes nothing.
                confirm::Select::ID => {
                    let fresh = || Box::new(Confirms::new(ConfirmOptions::default()));
                    channel.confirms.get_or_insert_with(fresh);
                }
                tx::Commit::ID => channel.begin_commit(),
                tx::Rollback::ID => channel.settled = channel.committed,
                _ => {}
            }
        }
        Ok(())
    }

    /// Registers the reply of a method just queued, with somebody who waits for it.
    pub(super) fn expect<M: Request>(
        &mut self,
        now: Instant,
        key: ChannelKey,
        purpose: Purpose,
    ) -> RequestId {
        let request = RequestId(self.next_id());
        self.call_deadlines
            .insert(request, (deadline(now, self.config.call_timeout), key));
        self.expect_for::<M>(key, Waiter::Waiting(request), purpose);
        request
    }

    /// Registers the reply of a method just queued.
    pub(super) fn expect_for<M: Request>(&mut self, key: ChannelKey, waiter: Waiter, purpose: Purpose) {
        if let Some(channel) = self.channel_slot(key) {
            channel
                .expectations
                .push_back(Expectation::of::<M>(waiter, purpose));
        }
    }

    /// The channel of this key, closing or not.
    pub(super) fn channel_slot(&mut self, key: ChannelKey) -> Option<&mut Channel> {
        let slot = self.channels.get_mut(usize::from(key.id.0).checked_sub(1)?)?;
        slot.as_deref_mut().filter(|channel| channel.key == key)
    }

    /// channel.open-ok came; a channel that nobody waits for is closed again.
    pub(super) fn channel_opened(&mut self, key: ChannelKey, buried: bool) {
        let Some(channel) = self.channel_slot(key) else {
            return;
        };
        if matches!(channel.phase, Phase::Opening) {
            channel.phase = Phase::Open;
            if buried {
                self.shut_channel(key, constants::REPLY_SUCCESS, "", ChannelError::Closed);
            }
        }
    }

    /// channel.close-ok came: the channel is over and its number free, whatever replies were still owed. False when it
    /// was not closing.
    pub(super) fn channel_close_ok(&mut self, key: ChannelKey, octets: &Bytes) -> bool {
        let Some(slot) = self.channels.get_mut(usize::from(key.id.0) - 1) else {
            return false;
        };
        let closing = |channel: &mut Box<Channel>| matches!(channel.phase, Phase::Closing(_));
        let Some(mut channel) = slot.take_if(closing) else {
            return false;
        };
        // Nothing is expected behind a close.
        if let Some(Expectation { waiter, .. }) = channel.expectations.pop_back()
            && let Waiter::Waiting(request) = waiter
        {
            self.call_deadlines.remove(&request);
            let reply = Reply {
                octets: octets.clone(),
                content: None,
                unsettled: false,
            };
            self.events.push_back(Event::Resolved {
                request,
                outcome: Ok(reply),
            });
        }
        let transmitted = self.transmitted_position();
        self.resolve_channel(*channel, transmitted, &ChannelError::Closed);
        true
    }

    /// The server closed a channel, and has been answered. When its close crosses ours, it answers nothing more but that,
    /// and the number stays in use until it has.
    pub(super) fn channel_closed_by_server(&mut self, key: ChannelKey, reason: &ChannelError) {
        let Some(slot) = self.channels.get_mut(usize::from(key.id.0) - 1) else {
            return;
        };
        let open = |channel: &mut Box<Channel>| !matches!(channel.phase, Phase::Closing(_));
        if let Some(channel) = slot.take_if(open) {
            let transmitted = self.transmitted_position();
            self.resolve_channel(*channel, transmitted, reason);
        }
    }

    /// Closes a channel without anybody who waits for close-ok.
    pub(super) fn shut_channel(
        &mut self,
        key: ChannelKey,
        reply_code: ReplyCode,
        reply_text: &'static str,
        reason: ChannelError,
    ) {
        self.put_channel_close(key.id, reply_code, ShortStr::from_static(reply_text));
        self.expect_for::<channel::Close<'_>>(key, Waiter::Nobody, Purpose::CloseChannel);
        self.channel_is_closing(key, reason);
    }

    /// From here on commands are refused and deliveries thrown away.
    fn channel_is_closing(&mut self, key: ChannelKey, reason: ChannelError) {
        if let Some(channel) = self.channel_slot(key) {
            channel.phase = Phase::Closing(reason.clone());
        }
        self.end_consumers(key, &reason);
        self.events.push_back(Event::ChannelEnded {
            channel: key,
            reason: reason.clone(),
        });
        self.clear_gate(key, &reason);
    }

    /// Tells callers that waited too long; the second on one channel poisons it.
    pub(super) fn time_out_calls(&mut self, now: Instant) {
        while let Some(entry) = self
            .call_deadlines
            .first_entry()
            .filter(|entry| entry.get().0.is_some_and(|at| at <= now))
        {
            let (request, (_, key)) = entry.remove_entry();
            if key == ChannelKey::CONNECTION {
                self.time_out_update(request);
                continue;
            }
            let Some(channel) = self.channel_slot(key) else {
                continue;
            };
            let Some(method) = channel
                .bury(request, Waiter::TimedOut)
                .map(|expectation| expectation.method)
            else {
                continue;
            };
            channel.timed_out += 1;
            let timed_out = channel.timed_out;
            let poisoned = timed_out >= TIMED_OUT_LIMIT && !matches!(channel.phase, Phase::Closing(_));
            self.events.push_back(Event::Resolved {
                request,
                outcome: Err(CallError::TimedOut { method }),
            });
            if poisoned {
                self.poison(key, timed_out);
            }
        }
    }

    /// Closes a channel on which it is in doubt what a reply belongs to.
    fn poison(&mut self, key: ChannelKey, timed_out: u32) {
        let reason = ChannelError::Poisoned { timed_out };
        let Some(channel) = self.channel_slot(key) else {
            return;
        };
        let mut waiting = Vec::new();
        for expectation in &mut channel.expectations {
            if let Waiter::Waiting(request) = expectation.waiter {
                expectation.waiter = Waiter::Nobody;
                waiting.push(request);
            }
        }
        // A close may leave while a commit is under way; what waits behind the commit never does.
        channel.deferred.clear();
        for request in waiting {
            self.call_deadlines.remove(&request);
            self.events.push_back(Event::Resolved {
                request,
                outcome: Err(reason.clone().into()),
            });
        }
        self.shut_channel(key, constants::REPLY_SUCCESS, "calls timed out", reason);
    }
}
