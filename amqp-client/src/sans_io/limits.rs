//! How much received data may wait on this side, and what gives way when it is too much: first reading pauses, then the
//! largest holder loses what it holds.

use std::time::Instant;

use crate::methods::constants;

use super::assembly::Assembly;
use super::blocks::unshare;
use super::channel::Channel;
use super::connection::Connection;
use super::content::Message;
use super::event::{ChannelKey, ConsumerEnd, ConsumerId, Event, State};
use crate::error::ChannelError;

/// How many times the limits at which reading pauses may be held while reading goes on for a reply.
const HARD: usize = 4;

/// Received messages that wait for their consumer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Buffered {
    pub(super) octets: usize,
    pub(super) messages: usize,
}

impl Buffered {
    pub(super) fn add(&mut self, message: &Message) {
        self.octets += message.footprint();
        self.messages += 1;
    }

    pub(super) fn remove(&mut self, message: &Message) {
        self.octets -= message.footprint();
        self.messages -= 1;
    }

    pub(super) fn remove_all(&mut self, of: Self) {
        self.octets -= of.octets;
        self.messages -= of.messages;
    }
}

impl Connection {
    /// Whether to read from the transport. False while consumers are behind by more than `receive_buffer` octets or
    /// `receive_buffer_messages`, until half of that is taken, and nobody waits for a reply: ask again after they took
    /// deliveries, and let TCP hold the server back meanwhile. Of incomplete messages nobody can take anything: only
    /// reading on frees what they hold.
    pub fn wants_read(&self) -> bool {
        match self.state {
            State::Closed => false,
            // What comes now is thrown away, but for the answer to our close.
            State::Closing => true,
            _ => {
                let share = if self.heartbeat.is_paused() { 2 } else { 1 };
                let full = self.buffered.octets > self.config.receive_buffer / share
                    || self.buffered.messages > self.config.receive_buffer_messages / share;
                !full || self.awaits_reply()
            }
        }
    }

    /// Whether somebody waits for what only the server can say, so that reading must go on.
    fn awaits_reply(&self) -> bool {
        !self.call_deadlines.is_empty() || self.stats.publishes_unconfirmed > 0 || self.awaits_unblocked()
    }

    /// Whether reading has to be paused or resumed.
    pub(super) fn is_pause_due(&self) -> bool {
        let pauses = self.state == State::Open && !self.wants_read();
        pauses != self.heartbeat.is_paused()
    }

    /// Pauses or resumes reading. While it is paused, silence is not held against the server.
    pub(super) fn update_pause(&mut self, now: Instant) {
        if !self.is_pause_due() {
            return;
        }
        if self.heartbeat.is_paused() {
            self.heartbeat.resume(now);
            self.paused.end(now);
            if self.error.is_none() {
                self.events.push_back(Event::ReadingResumed);
            }
        } else {
            self.heartbeat.pause();
            self.paused.begin(now);
            self.events.push_back(Event::ReadingPaused);
        }
    }

    /// Octets of memory that hold received messages, whole or not.
    pub(super) fn octets_held(&self) -> usize {
        self.buffered.octets + self.assembling
    }

    /// Moves what waits out of shared blocks, when so many were begun that those of a few old messages might be more than
    /// the limits know of. What blocks hold beside messages that wait is never more than `receive_buffer`, then.
    pub(super) fn unshare_blocks(&mut self) {
        if self.blocks.begun > self.config.receive_buffer {
            self.blocks.begun = 0;
            let consumers = self.consumers.iter_mut();
            let messages = consumers.flat_map(|consumer| consumer.queue.iter_mut());
            messages.for_each(|message| unshare(&mut message.octets));
        }
    }

    fn is_over_hard_limit(&self) -> bool {
        self.octets_over_hard_limit()
            || self.buffered.messages > self.config.receive_buffer_messages.saturating_mul(HARD)
    }

    fn octets_over_hard_limit(&self) -> bool {
        self.octets_held() > self.config.receive_buffer.saturating_mul(HARD)
    }

    /// Takes from the largest holders until what is held is under the hard limit.
    #[inline]
    pub(super) fn shed(&mut self) {
        while self.is_over_hard_limit() && self.shed_largest() {}
    }

    /// False when nobody holds anything that can be taken.
    #[cold]
    fn shed_largest(&mut self) -> bool {
        let by_octets = self.octets_over_hard_limit();
        let size = |held: Buffered| if by_octets { held.octets } else { held.messages };
        let consumers = self.consumers.iter();
        let consumer = consumers
            .map(|consumer| (size(consumer.queue.held()), consumer.id))
            .max();
        let body = |channel: &Channel| Some((channel.assembly.as_ref()?.body_held(), channel.key));
        let assemblies = self.channels.iter().flatten();
        let assembly = assemblies.filter_map(|channel| body(channel)).max();
        match (consumer, assembly.filter(|_| by_octets)) {
            (consumer, Some((octets @ 1.., key))) if consumer.is_none_or(|(most, _)| octets > most) => {
                self.withhold(key);
            }
            (Some((1.., id)), _) => self.overflow(id),
            _ => return false,
        }
        true
    }

    /// Throws away the body that is coming on a channel; its consumer is told as of one over `body_max`.
    fn withhold(&mut self, key: ChannelKey) {
        let channel = self.channel_slot(key);
        if let Some(assembly) = channel.and_then(|channel| channel.assembly.as_mut()) {
            let before = assembly.footprint();
            assembly.withhold();
            let after = assembly.footprint();
            self.assembling = self.assembling - before + after;
        }
    }

    /// Ends a consumer that holds too much. What it holds goes back to the queue; without acknowledgements it is lost, and
    /// only the end of the channel stops the server at once.
    fn overflow(&mut self, id: ConsumerId) {
        let Some(consumer) = self.consumers.get_mut(id) else {
            return;
        };
        let (key, tag, no_ack) = (consumer.channel, consumer.tag.clone(), consumer.no_ack);
        let queue = std::mem::take(&mut consumer.queue);
        self.buffered.remove_all(queue.held());
        let ran = consumer.end.replace(ConsumerEnd::Overflow).is_none();
        self.events.push_back(Event::Readable(id));
        if ran {
            self.stats.consumer_ended(&ConsumerEnd::Overflow);
            self.events.push_back(Event::ConsumerEnded {
                channel: key,
                consumer_tag: tag.clone(),
                reason: ConsumerEnd::Overflow,
            });
        }
        match (ran, no_ack) {
            (true, false) => self.cancel_for_nobody(key, tag, ConsumerEnd::Overflow),
            (true, true) => {
                let text = "a consumer without acknowledgements fell behind";
                self.shut_channel(key, constants::RESOURCE_ERROR, text, ChannelError::Overflow);
            }
            (false, _) => self.stats.overflows += 1,
        }
        if !no_ack {
            // Behind the cancel: what is requeued would come right back to the consumer.
            queue.iter().for_each(|message| self.requeue(key, message));
        }
    }

    /// A channel is over, and with it the message that was coming.
    pub(super) fn drop_assembly(&mut self, assembly: Option<&Assembly>) {
        let held = assembly.map_or(0, Assembly::footprint);
        self.assembling -= held;
    }
}
