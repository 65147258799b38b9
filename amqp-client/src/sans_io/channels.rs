//! The channels of a connection: each found by its key, opened, and closed from either side. What happens on an open one
//! stands elsewhere.

use std::time::Instant;

use crate::methods::{channel, constants};
use amqp_protocol::{ChannelId, ReplyCode, ShortStr};
use bytes::Bytes;

use super::channel::{Channel, Expectation, Phase, Purpose, Waiter};
use super::connection::Connection;
use super::event::{ChannelKey, Event, Reply, RequestId, State};
use crate::error::{CallError, ChannelError};

impl Connection {
    /// Opens a channel under the lowest free number. The request resolves with channel.open-ok; commands on the key may be
    /// queued at once, and the server takes them in order; where the protocol has tickets (AMQP 0-8), those that are queued
    /// before the request resolves have none. Why it ended is known until
    /// [`drop_channel`](Self::drop_channel).
    ///
    /// # Errors
    ///
    /// When the connection is not open or [shutting down](Self::shutdown), or all its channels are in use.
    pub fn open_channel(&mut self, now: Instant) -> Result<(ChannelKey, RequestId), CallError> {
        self.refuse_in_shutdown()?;
        if let Some(error) = self.error() {
            return Err(error.clone().into());
        }
        let index = self
            .channels
            .iter()
            .position(Option::is_none)
            .unwrap_or(self.channels.len());
        // Before tuning the maximum is 0.
        if index >= usize::from(self.channel_max) || self.state != State::Open {
            let in_use = self.channels.iter().flatten();
            return Err(CallError::Channel(ChannelError::NoFreeChannel {
                channel_max: self.channel_max,
                closing: in_use.filter(|channel| channel.is_closing()).count() as u16,
            }));
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
        self.stats.channels += 1;
        // Its frame is 13 octets long.
        let _ = self.put_method(key.id, &channel::Open {});
        let request = self.expect::<channel::Open>(now, key, Purpose::OpenChannel);
        Ok((key, request))
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

    /// Why nothing can be sent on this channel any more; `None` as long as something can.
    pub fn channel_error(&mut self, key: ChannelKey) -> Option<ChannelError> {
        self.channel(key).err()
    }

    /// The channel of this key, while it is not over.
    #[inline]
    pub(super) fn channel(&mut self, key: ChannelKey) -> Result<&mut Channel, ChannelError> {
        let index = usize::from(key.id.0).wrapping_sub(1);
        let is_usable = |channel: &Channel| channel.key == key && !channel.is_closing();
        if self.error.is_some()
            || !self
                .channels
                .get(index)
                .and_then(Option::as_deref)
                .is_some_and(is_usable)
        {
            return Err(self.why_over(key));
        }
        match self.channels.get_mut(index) {
            Some(Some(channel)) => Ok(channel),
            _ => Err(ChannelError::Closed),
        }
    }

    /// Why the channel of this key is over.
    #[cold]
    fn why_over(&self, key: ChannelKey) -> ChannelError {
        if let Some(error) = &self.error {
            return ChannelError::Connection(error.clone());
        }
        match self.peek_channel(key).map(|channel| &channel.phase) {
            Some(Phase::Closing(reason)) => reason.clone(),
            _ => self
                .ended_channels
                .get(&key)
                .cloned()
                .unwrap_or(ChannelError::Closed),
        }
    }

    /// The channel of this key, closing or not.
    pub(super) fn channel_slot(&mut self, key: ChannelKey) -> Option<&mut Channel> {
        let slot = self.channels.get_mut(usize::from(key.id.0).checked_sub(1)?)?;
        slot.as_deref_mut().filter(|channel| channel.key == key)
    }

    /// The same, to look at.
    pub(super) fn peek_channel(&self, key: ChannelKey) -> Option<&Channel> {
        let slot = self.channels.get(usize::from(key.id.0).checked_sub(1)?)?;
        slot.as_deref().filter(|channel| channel.key == key)
    }

    /// channel.open-ok came; a channel that nobody waits for is closed again.
    pub(super) fn channel_opened(&mut self, key: ChannelKey, buried: bool) {
        let Some(channel) = self.channel_slot(key) else {
            return;
        };
        if matches!(channel.phase, Phase::Opening) {
            channel.phase = Phase::Open;
            self.stats.channels_opened += 1;
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
        let closing = |channel: &mut Box<Channel>| channel.is_closing();
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
        let open = |channel: &mut Box<Channel>| !channel.is_closing();
        if let Some(channel) = slot.take_if(open) {
            self.closed_by_server.insert(key.id);
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
            let phase = std::mem::replace(&mut channel.phase, Phase::Closing(reason.clone()));
            // The server requeues what is not settled.
            let unsettled = std::mem::take(&mut channel.unsettled);
            self.stats.deliveries_unsettled -= unsettled.count();
            if matches!(phase, Phase::Open) {
                self.stats.channel_ended(&reason);
            }
        }
        self.end_consumers(key, &reason);
        self.events.push_back(Event::ChannelEnded {
            channel: key,
            reason: reason.clone(),
        });
        self.clear_gate(key, &reason);
    }

    /// Queues channel.close.
    pub(super) fn put_channel_close(
        &mut self,
        id: ChannelId,
        reply_code: ReplyCode,
        reply_text: ShortStr<'_>,
    ) {
        let close = channel::Close {
            reply_code,
            reply_text,
            ..Default::default()
        };
        // A close is far smaller than the smallest frame.
        let _ = self.put_method(id, &close);
    }
}
