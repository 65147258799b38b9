//! Confirms on a connection: choosing confirm mode, what the server says of publishes, and who waits for it. The
//! bookkeeping of one channel is `confirms`'.

use std::time::Instant;

use crate::methods::{basic, confirm};
use amqp_protocol::method::{Arguments, Decode};
use amqp_protocol::{DecodeError, DeliveryTag, Reader};

use super::channel::{Channel, Purpose};
use super::confirms::{ConfirmOptions, Confirms, NeverPublished, Outside};
use super::connection::Connection;
use super::content::Message;
use super::event::{ChannelKey, Event, RequestId};
use super::returns::Returned;
use crate::error::{CallError, ChannelError, PublishError, Violation};

/// Somebody who waits until publishes are settled.
#[derive(Debug)]
pub(super) struct OutcomesWaiter {
    request: RequestId,
    /// The channel, and the number below which all must be settled; or all publishes of the connection.
    below: Option<(ChannelKey, u64)>,
}

impl Connection {
    /// Sends confirm.select: from here on the channel's publishes are numbered, and the server says what becomes of each.
    /// On a channel that is in confirm mode already the numbers go on, and the options replace the earlier ones.
    ///
    /// # Errors
    ///
    /// When the channel is over, or the protocol has no confirms. Nothing is sent then.
    pub fn confirm_select(
        &mut self,
        now: Instant,
        key: ChannelKey,
        options: ConfirmOptions,
    ) -> Result<RequestId, CallError> {
        self.channel(key)?;
        self.put_method(key.id, &confirm::Select::default())?;
        let channel = self.channel(key)?;
        // The server counts publishes from the first select on.
        match &mut channel.confirms {
            Some(confirms) => {
                confirms.options = options;
                // Their time may be another now.
                confirms.watched = false;
            }
            none => *none = Some(Box::new(Confirms::new(options))),
        }
        self.watch_confirms(key);
        self.open_gate();
        Ok(self.expect::<confirm::Select>(now, key, Purpose::Call))
    }

    /// Keeps the outcome of the publish that was just queued, until it is [taken](Self::take_outcome) or
    /// [released](Self::release_outcome), also beyond the end of the channel.
    pub fn keep_outcome(&mut self, key: ChannelKey, delivery_tag: DeliveryTag) {
        if let Some(confirms) = self.confirms(key) {
            confirms.keep(delivery_tag);
        }
    }

    /// Takes the outcome of a publish that is [kept](Self::keep_outcome), once. `None`: it is not settled yet;
    /// [`Event::OutcomeKnown`] tells when to ask again.
    #[inline]
    pub fn take_outcome(
        &mut self,
        key: ChannelKey,
        delivery_tag: DeliveryTag,
    ) -> Option<Result<(), PublishError>> {
        let outcome = match self.confirms(key) {
            Some(confirms) => confirms.take_outcome(delivery_tag)?,
            None => Err(PublishError::Unknown(ChannelError::Closed.into())),
        };
        self.forget_confirms(key);
        Some(outcome)
    }

    /// Takes note that nobody will take this outcome.
    pub fn release_outcome(&mut self, key: ChannelKey, delivery_tag: DeliveryTag) {
        self.with_confirms(key, |confirms, outside| confirms.release(delivery_tag, outside));
        self.forget_confirms(key);
    }

    /// How many publishes of a channel are not settled.
    pub fn unconfirmed_on(&self, key: ChannelKey) -> usize {
        let confirms = self
            .peek_channel(key)
            .and_then(|channel| channel.confirms.as_deref());
        confirms.map_or(0, Confirms::unsettled)
    }

    /// Waits until all publishes made before on a channel, or on the connection, are settled: resolved by
    /// [`Event::OutcomesKnown`], at the latest when the channel or the connection ends.
    /// [`abandon_request`](Self::abandon_request) ends the wait.
    pub fn wait_for_outcomes(&mut self, key: Option<ChannelKey>) -> RequestId {
        let request = RequestId(self.next_id());
        let below = key.map(|key| (key, self.confirms(key).map_or(0, |confirms| confirms.next())));
        self.outcomes_waiters.push(OutcomesWaiter { request, below });
        self.tell_waiters();
        request
    }

    /// The first failure of a publish on this channel whose outcome was kept for nobody, since this was asked last.
    pub fn take_failure(&mut self, key: ChannelKey) -> Option<PublishError> {
        self.confirms(key)?.take_untold()
    }

    /// basic.ack or basic.nack came.
    pub(super) fn receive_confirm(
        &mut self,
        now: Instant,
        key: ChannelKey,
        delivery_tag: DeliveryTag,
        multiple: bool,
        acknowledged: bool,
    ) -> Result<(), Violation> {
        self.with_confirms(key, |confirms, outside| {
            confirms.settle(now, delivery_tag, multiple, acknowledged, outside)
        })
        .unwrap_or(Err(NeverPublished))
        .map_err(|NeverPublished| Violation::UnknownPublish {
            channel: key.id,
            delivery_tag,
        })?;
        self.events.push_back(Event::Confirmed {
            channel: key,
            delivery_tag,
            multiple,
            acknowledged,
        });
        self.settled();
        Ok(())
    }

    /// basic.return came.
    pub(super) fn receive_return(&mut self, key: ChannelKey, message: Message) {
        let returned = Returned::new(message);
        let fingerprint = returned.fingerprint(self.config.body_max);
        let nobodys = match self.confirms(key) {
            Some(confirms) => confirms.returned(returned, fingerprint),
            None => Some(returned),
        };
        if let Some(returned) = nobodys {
            self.events.push_back(Event::Returned {
                channel: key,
                returned,
            });
        }
    }

    /// The channel is over, and the transport has taken, or will take, this much of the outgoing stream.
    pub(super) fn end_confirms(&mut self, channel: &mut Channel, transmitted: u64, reason: &ChannelError) {
        let key = channel.key;
        let Some(mut confirms) = channel.confirms.take() else {
            return;
        };
        let mut outside = Outside {
            key,
            events: &mut self.events,
            stats: &mut self.stats,
            durations: &mut self.measured.confirms,
        };
        confirms.end(transmitted, reason, &mut outside);
        if channel.held || confirms.has_receipts() {
            self.ended_confirms.insert(key, confirms);
        }
        self.tell_waiters();
    }

    /// Gives up waiting for what the server did not settle in time.
    pub(super) fn time_out_confirms(&mut self, now: Instant) {
        let mut timed_out = false;
        while let Some((at, key)) = self.confirm_deadlines.pop_first() {
            if at > now {
                self.confirm_deadlines.insert((at, key));
                break;
            }
            self.with_confirms(key, |confirms, outside| {
                confirms.watched = false;
                confirms.time_out(now, outside);
            });
            self.watch_confirms(key);
            timed_out = true;
        }
        if timed_out {
            self.settled();
        }
    }

    /// Sees to it that the clock is looked at when the first publish of a channel has waited too long. Once for all of
    /// them: when that time has come, the first may be another, and its time later.
    pub(super) fn watch_confirms(&mut self, key: ChannelKey) {
        let Some(confirms) = self.confirms(key).filter(|confirms| !confirms.watched) else {
            return;
        };
        if let Some(at) = confirms.deadline() {
            confirms.watched = true;
            self.sooner = true;
            self.confirm_deadlines.insert((at, key));
        }
    }

    /// Takes note that this one does not wait any more.
    pub(super) fn leave_outcomes(&mut self, request: RequestId) {
        self.outcomes_waiters.retain(|waiter| waiter.request != request);
    }

    /// Something was settled: there may be room to publish, or nothing left to wait for.
    fn settled(&mut self) {
        self.tell_waiters();
        self.open_gate();
    }

    /// Tells those for whom everything is settled.
    fn tell_waiters(&mut self) {
        if self.outcomes_waiters.is_empty() {
            return;
        }
        let mut waiters = std::mem::take(&mut self.outcomes_waiters);
        waiters.retain(|waiter| {
            let waits = match waiter.below {
                None => self.stats.publishes_unconfirmed > 0,
                Some((key, below)) => self
                    .confirms(key)
                    .is_some_and(|confirms| confirms.first() < below),
            };
            if !waits {
                self.events.push_back(Event::OutcomesKnown {
                    request: waiter.request,
                });
            }
            waits
        });
        self.outcomes_waiters = waiters;
    }

    /// Where the publishes of a channel are kept, over or not.
    #[inline]
    fn confirms(&mut self, key: ChannelKey) -> Option<&mut Confirms> {
        self.with_outside(key).0
    }

    fn with_confirms<R>(
        &mut self,
        key: ChannelKey,
        f: impl FnOnce(&mut Confirms, &mut Outside<'_>) -> R,
    ) -> Option<R> {
        let (confirms, mut outside) = self.with_outside(key);
        confirms.map(|confirms| f(confirms, &mut outside))
    }

    #[inline]
    fn with_outside(&mut self, key: ChannelKey) -> (Option<&mut Confirms>, Outside<'_>) {
        let slot = usize::from(key.id.0)
            .checked_sub(1)
            .and_then(|index| self.channels.get_mut(index));
        let confirms = match slot.and_then(Option::as_deref_mut) {
            Some(channel) if channel.key == key => channel.confirms.as_deref_mut(),
            _ => self.ended_confirms.get_mut(&key).map(Box::as_mut),
        };
        let outside = Outside {
            key,
            events: &mut self.events,
            stats: &mut self.stats,
            durations: &mut self.measured.confirms,
        };
        (confirms, outside)
    }

    /// Nothing is kept of a channel that is over when its owner and its last receipt are gone.
    #[inline]
    pub(super) fn forget_confirms(&mut self, key: ChannelKey) {
        if let Some(confirms) = self.ended_confirms.get(&key)
            && !confirms.has_receipts()
            && !self.ended_channels.contains_key(&key)
        {
            self.ended_confirms.remove(&key);
        }
    }
}

/// The basic.ack in the payload of a method frame, if it is one: most of what comes to those who publish. Read on its own it
/// takes no memory, and 400 instructions less than among all methods.
pub(super) fn decode_ack(payload: &[u8]) -> Result<Option<basic::Ack>, DecodeError> {
    let mut reader = Reader::new(payload);
    if reader.method_id("method") != Ok(basic::Ack::ID) {
        return Ok(None);
    }
    let ack = basic::Ack::decode(&mut reader)?;
    reader.finish("method")?;
    Ok(Some(ack))
}
