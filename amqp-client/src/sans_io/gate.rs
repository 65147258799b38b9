//! The gate before publishing: what holds publishes back, who waits, and who may try again. What is published is
//! `publishing`'s; nothing but publishing waits here.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::channel::Channel;
use super::connection::Connection;
use super::event::{ChannelKey, Event, RequestId};
use super::timers::deadline;
use crate::config::HeldBack;
use crate::error::{ChannelError, ConnectionError, PublishError};

/// What holds publishes back on the whole connection, and those who wait. channel.flow is the channel's own.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// connection.blocked, while it is in force.
    pub(super) blocked: Option<Blocked>,
    /// Whether more than `send_buffer` octets waited for the transport, and half of that still do.
    full: bool,
    /// In the order they came, which is that of their deadlines.
    pub(super) waiters: VecDeque<GateWaiter>,
}

#[derive(Debug)]
pub(super) struct Blocked {
    reason: Arc<str>,
    /// When the connection is given up.
    pub(super) deadline: Option<Instant>,
}

/// Somebody who waits to publish, until it takes its turn.
#[derive(Debug)]
pub(super) struct GateWaiter {
    request: RequestId,
    channel: ChannelKey,
    pub(super) deadline: Option<Instant>,
    /// Whether it was told to try again.
    told: bool,
    /// Whether it has let those go first who were told before it.
    yielded: bool,
}

impl Connection {
    /// Whether to publish on this channel now, and not [wait](Self::wait_to_publish): the server blocks neither the
    /// connection nor the channel, the transport has taken and the server confirmed enough of what was published before,
    /// and nobody who waited longer is about to publish. Nothing but publishing is ever held back.
    #[inline]
    pub fn may_publish(&self, key: ChannelKey) -> bool {
        let waiters = &self.gate.waiters;
        self.is_way_free(key) && (waiters.is_empty() || !waiters.iter().any(|waiter| waiter.told))
    }

    /// Whether nothing holds this channel's publishes back.
    #[inline]
    pub(crate) fn is_way_free(&self, key: ChannelKey) -> bool {
        let open = self.error.is_none() && self.gate.blocked.is_none() && !self.gate.full;
        open && self.peek_channel(key).is_some_and(Channel::may_publish)
    }

    /// Waits to publish, for at most `publish_timeout`: resolved by [`Event::MayPublish`] when the way is free, perhaps at
    /// once; then the turn is to be [taken](Self::take_turn). A turn is the right to try again. All who wait get it, in
    /// the order of waiting; who takes it early lets those before it go first, once, so that who never takes its own holds
    /// nobody back.
    ///
    /// # Errors
    ///
    /// When the channel is over; when the server holds publishing back and `held_back` is [`HeldBack::Fail`].
    pub fn wait_to_publish(&mut self, now: Instant, key: ChannelKey) -> Result<RequestId, PublishError> {
        self.channel(key)?;
        if let Some(error) = self.refusal(key) {
            return Err(error);
        }
        let request = RequestId(self.next_id());
        let told = self.is_way_free(key);
        self.sooner = true;
        self.gate.waiters.push_back(GateWaiter {
            request,
            channel: key,
            deadline: deadline(now, self.config.publish_timeout),
            told,
            yielded: false,
        });
        if told {
            self.tell(request, Ok(()));
        }
        Ok(request)
    }

    /// Takes the turn that [`Event::MayPublish`] gave. `None`: [`publish`](Self::publish) at once, before anything else.
    /// `Some`: the way is closed again, or others go first, who are to be given the time to; the same place in the queue,
    /// and its deadline, go on under this request.
    ///
    /// # Errors
    ///
    /// When the channel is over. When the way is closed, and `publish_timeout` is over or `held_back` is
    /// [`HeldBack::Fail`].
    pub fn take_turn(
        &mut self,
        key: ChannelKey,
        request: RequestId,
    ) -> Result<Option<RequestId>, PublishError> {
        self.channel(key)?;
        let free = self.is_way_free(key);
        let place = self
            .gate
            .waiters
            .iter()
            .position(|waiter| waiter.request == request);
        let Some(place) = place else {
            // It came too late, which matters only if the way is closed again.
            return if free { Ok(None) } else { Err(self.held_back(key)) };
        };
        let refusal = self.refusal(key);
        let first = !self.gate.waiters.iter().take(place).any(|waiter| waiter.told);
        let again = RequestId(self.next_id());
        let Some(waiter) = self.gate.waiters.get_mut(place) else {
            return Ok(None);
        };
        if refusal.is_some() || free && (first || waiter.yielded) {
            self.gate.waiters.remove(place);
            return refusal.map_or(Ok(None), Err);
        }
        (waiter.request, waiter.told, waiter.yielded) = (again, free, free);
        if free {
            self.tell(again, Ok(()));
        }
        Ok(Some(again))
    }

    /// Why a publish is held back that is.
    pub(super) fn held_back(&self, key: ChannelKey) -> PublishError {
        if let Some(Blocked { reason, .. }) = &self.gate.blocked {
            let reason = Arc::clone(reason);
            return PublishError::Blocked { reason };
        }
        match self.peek_channel(key) {
            Some(channel) if channel.flow && channel.commits() => PublishError::Committing,
            Some(channel) if channel.flow && !channel.has_room() => PublishError::TooManyUnconfirmed,
            Some(channel) if channel.flow => PublishError::SendBufferFull,
            _ => PublishError::Flow,
        }
    }

    /// connection.blocked came. A second one changes the reason, not the time.
    pub(super) fn server_blocks(&mut self, now: Instant, reason: Arc<str>) {
        let deadline = match &self.gate.blocked {
            Some(blocked) => blocked.deadline,
            None => deadline(now, self.config.blocked_connection_timeout),
        };
        self.blocked.begin(now);
        self.gate.blocked = Some(Blocked {
            reason: Arc::clone(&reason),
            deadline,
        });
        self.events.push_back(Event::Blocked { reason });
        self.refuse_waiters();
    }

    /// Whether somebody waits for connection.unblocked or channel.flow, or counts the time until then.
    pub(super) fn awaits_unblocked(&self) -> bool {
        let blocked = self.gate.blocked.as_ref();
        let held = |waiter: &GateWaiter| !waiter.told && (blocked.is_some() || !self.flows(waiter.channel));
        blocked.is_some_and(|blocked| blocked.deadline.is_some()) || self.gate.waiters.iter().any(held)
    }

    /// connection.unblocked came.
    pub(super) fn server_unblocks(&mut self, now: Instant) {
        self.blocked.end(now);
        self.gate.blocked = None;
        self.events.push_back(Event::Unblocked);
        self.open_gate();
    }

    /// channel.flow came.
    pub(super) fn set_flow(&mut self, key: ChannelKey, active: bool) {
        if let Some(channel) = self.channel_slot(key) {
            channel.flow = active;
        }
        self.events.push_back(Event::Flow { channel: key, active });
        self.refuse_waiters();
        self.open_gate();
    }

    /// Octets of a message were queued.
    pub(super) fn note_backlog(&mut self) {
        self.gate.full |= self.backlog() > self.config.send_buffer as u64;
    }

    /// The transport took octets. Publishing goes on when there is room for more than one, so that not all who wait are
    /// woken for each.
    pub(super) fn note_room(&mut self) {
        if self.gate.full && self.backlog() <= self.config.send_buffer as u64 / 2 {
            self.gate.full = false;
            self.open_gate();
        }
    }

    /// Sends everybody away who waits on a channel that is over.
    pub(super) fn clear_gate(&mut self, key: ChannelKey, reason: &ChannelError) {
        self.dismiss(|_, waiter| (waiter.channel == key).then(|| reason.clone().into()));
    }

    /// Sends those away who waited too long, and gives up a connection that was blocked for too long.
    pub(super) fn time_out_gate(&mut self, now: Instant) {
        if let Some(Blocked { reason, deadline }) = &self.gate.blocked
            && deadline.is_some_and(|at| at <= now)
        {
            let reason = Arc::clone(reason);
            return self.abandon(now, ConnectionError::BlockedTimedOut { reason });
        }
        let due = |waiter: &GateWaiter| waiter.deadline.is_some_and(|at| at <= now);
        while self.gate.waiters.front().is_some_and(due)
            && let Some(waiter) = self.gate.waiters.pop_front()
        {
            if !waiter.told {
                let error = self.held_back(waiter.channel);
                self.tell(waiter.request, Err(error));
            }
        }
    }

    /// Takes note that this one left the queue by itself.
    pub(super) fn leave_gate(&mut self, request: RequestId) {
        self.gate.waiters.retain(|waiter| waiter.request != request);
        // Reading may pause when nobody waits.
        self.sooner = true;
    }

    /// Whether the server lets this channel publish.
    fn flows(&self, key: ChannelKey) -> bool {
        self.peek_channel(key).is_some_and(|channel| channel.flow)
    }

    /// Why a publish may not even wait.
    fn refusal(&self, key: ChannelKey) -> Option<PublishError> {
        let held = self.gate.blocked.is_some() || !self.flows(key);
        (held && self.config.held_back == HeldBack::Fail).then(|| self.held_back(key))
    }

    /// Sends those away who may not wait any more.
    fn refuse_waiters(&mut self) {
        if self.config.held_back == HeldBack::Fail {
            self.dismiss(|connection, waiter| connection.refusal(waiter.channel));
        }
    }

    /// Tells everybody whose way has become free.
    pub(super) fn open_gate(&mut self) {
        let mut waiters = std::mem::take(&mut self.gate.waiters);
        for waiter in &mut waiters {
            if !waiter.told && self.is_way_free(waiter.channel) {
                waiter.told = true;
                self.tell(waiter.request, Ok(()));
            }
        }
        self.gate.waiters = waiters;
    }

    /// Removes those who are to be told an error; who was told to try again learns it then.
    fn dismiss(&mut self, reason: impl Fn(&Self, &GateWaiter) -> Option<PublishError>) {
        self.sooner = true;
        let mut waiters = std::mem::take(&mut self.gate.waiters);
        waiters.retain(|waiter| {
            let Some(error) = reason(self, waiter) else {
                return true;
            };
            if !waiter.told {
                self.tell(waiter.request, Err(error));
            }
            false
        });
        self.gate.waiters = waiters;
    }

    fn tell(&mut self, request: RequestId, outcome: Result<(), PublishError>) {
        self.events.push_back(Event::MayPublish { request, outcome });
    }
}
