//! Consumers and the deliveries that wait for them: started, fed, cancelled, dropped.

use std::collections::VecDeque;
use std::time::Instant;

use crate::methods::basic;
use amqp_protocol::method::Request;
use amqp_protocol::{DeliveryTag, ShortStr};

use super::channel::{Purpose, Subscriber, Waiter};
use super::connection::Connection;
use super::content::Message;
use super::event::{ChannelKey, ConsumerEnd, ConsumerId, Event, RequestId};
use super::portions::Portions;
use crate::error::{CallError, ChannelError, Violation};

/// A consumer, from basic.consume until its owner lets it go.
#[derive(Debug)]
pub(super) struct Consumer {
    pub(super) id: ConsumerId,
    pub(super) channel: ChannelKey,
    pub(super) no_ack: bool,
    pub(super) tag: ShortStr<'static>,
    /// Whether the server has answered.
    started: bool,
    pub(super) queue: Portions,
    pub(super) end: Option<ConsumerEnd>,
}

impl Connection {
    /// Starts a consumer. Its request resolves with basic.consume-ok, and from then on
    /// [`next_delivery`](Self::next_delivery) has its deliveries. With an empty tag the consumer gets one that no other of the
    /// channel has: replies are matched to consumers by their tags.
    ///
    /// Unless the channel had a basic.qos, one with `prefetch_count` goes before it.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call), when a [shutdown](Self::shutdown) has begun, and when a consumer of the channel has this tag,
    /// for which RabbitMQ would close the whole connection. A tag is free again with basic.cancel-ok, or basic.cancel from the server.
    pub fn consume(
        &mut self,
        now: Instant,
        key: ChannelKey,
        mut method: basic::Consume<'_>,
        prefetch_count: Option<u16>,
    ) -> Result<(ConsumerId, RequestId), CallError> {
        self.refuse_in_shutdown()?;
        method.set_no_wait(false);
        let channel = self.channel(key)?;
        let qos_sent = channel.qos_sent;
        if channel.tag_is_taken(&method.consumer_tag) {
            return Err(CallError::DuplicateConsumerTag);
        }
        let consumer = ConsumerId {
            number: self.next_id(),
            slot: self.consumers.next_slot(),
        };
        if method.consumer_tag.is_empty() {
            method.consumer_tag = self.unused_tag(key, consumer)?;
        }
        // No basic.qos goes ahead of a method that cannot follow it.
        let mut frame = Vec::new();
        self.write_method(&mut frame, key.id, &method)?;
        let default = (!qos_sent && !method.no_ack).then_some(self.config.prefetch_count);
        if let Some(prefetch_count) = prefetch_count.or(default) {
            let qos = basic::Qos {
                prefetch_count,
                ..Default::default()
            };
            self.put_method(key.id, &qos)?;
            self.expect_for::<basic::Qos>(key, Waiter::Nobody, Purpose::Call);
            self.channel(key)?.qos_sent = true;
        }
        self.put_frame(key.id, &frame);
        let (no_ack, tag) = (method.no_ack, method.consumer_tag.into_owned());
        let purpose = Purpose::Consume {
            subscriber: Subscriber { consumer, no_ack },
            tag: tag.clone(),
        };
        let request = self.expect::<basic::Consume<'_>>(now, key, purpose);
        self.consumers.insert(Consumer {
            id: consumer,
            channel: key,
            no_ack,
            tag,
            started: false,
            queue: Portions::default(),
            end: None,
        });
        Ok((consumer, request))
    }

    /// Asks the server to stop. Deliveries that come before the request resolves still belong to the consumer.
    ///
    /// `None`, and nothing is sent, when it has ended or is being cancelled.
    pub fn cancel(&mut self, now: Instant, consumer: ConsumerId) -> Option<RequestId> {
        let stoppable = |consumer: &&Consumer| consumer.end.is_none();
        let consumer = self.consumers.get(consumer).filter(stoppable)?;
        let (key, tag) = (consumer.channel, consumer.tag.clone());
        let purpose = self.put_cancel(key, tag, ConsumerEnd::Cancelled)?;
        Some(self.expect::<basic::Cancel<'_>>(now, key, purpose))
    }

    /// Lets a consumer go: it is cancelled without anybody who waits for it, and what it did not take goes back to the
    /// queue, then and until the server has cancelled it.
    pub fn drop_consumer(&mut self, consumer: ConsumerId) {
        let Some(Consumer {
            id: _,
            channel: key,
            no_ack,
            tag,
            started,
            queue,
            end,
        }) = self.consumers.remove(consumer)
        else {
            return;
        };
        self.buffered.remove_all(queue.held());
        // First the cancel: what is requeued would come right back to the consumer.
        if started && end.is_none() {
            self.stats.consumer_ended(&ConsumerEnd::Cancelled);
            self.cancel_for_nobody(key, tag, ConsumerEnd::Cancelled);
        }
        if !no_ack {
            queue.iter().for_each(|message| self.requeue(key, message));
        }
    }

    /// The next delivery of a consumer, then, once, why it ended; `None` when there is nothing yet.
    /// [`Event::Readable`] tells when to ask again.
    pub fn next_delivery(&mut self, consumer: ConsumerId) -> Option<Result<Message, ConsumerEnd>> {
        let entry = self.consumers.get_mut(consumer)?;
        match entry.queue.pop() {
            Some(message) => {
                self.buffered.remove(&message);
                self.unsettled += usize::from(!entry.no_ack);
                Some(Ok(message))
            }
            None => {
                let end = entry.end.clone()?;
                self.consumers.remove(consumer);
                Some(Err(end))
            }
        }
    }

    /// As [`next_delivery`](Self::next_delivery), for an owner who hands out later what `taken` gets: one delivery, or
    /// several when it does not matter what happens until then, as it does not without acknowledgements. Tells whether
    /// they are settled from the start.
    pub(crate) fn take_deliveries(
        &mut self,
        consumer: ConsumerId,
        taken: &mut VecDeque<Message>,
    ) -> Option<Result<bool, ConsumerEnd>> {
        let entry = self.consumers.get_mut(consumer)?;
        let (key, no_ack) = (entry.channel, entry.no_ack);
        if no_ack && !self.announces_each_delivery {
            let left = entry.queue.take(taken);
            self.buffered.remove_all(left);
        } else if let Some(message) = entry.queue.pop() {
            self.buffered.remove(&message);
            taken.push_back(message);
        }
        let Some(last) = taken.back() else {
            let end = entry.end.clone()?;
            self.consumers.remove(consumer);
            return Some(Err(end));
        };
        let delivery_tag = last.delivery_tag();
        let settled = no_ack || self.has_settled(key, delivery_tag);
        // A shutdown waits for the others.
        self.unsettled += usize::from(!settled);
        Some(Ok(settled))
    }

    /// Has [`Event::Readable`] come for each delivery from here on, not only for the first of those that wait: for an owner
    /// who hands out one at each, in the order of all events.
    pub fn announce_each_delivery(&mut self) {
        self.announces_each_delivery = true;
    }

    /// How many deliveries wait for the consumer to take them, its end included.
    #[cfg(feature = "event-loop")]
    pub(crate) fn waiting_for(&self, consumer: ConsumerId) -> usize {
        let waiting = |consumer: &Consumer| consumer.queue.len() + usize::from(consumer.end.is_some());
        self.consumers.get(consumer).map_or(0, waiting)
    }

    /// The consumer of a channel under this tag, from basic.consume until it has ended.
    #[cfg(feature = "event-loop")]
    pub(crate) fn consumer_with_tag(&self, key: ChannelKey, tag: &[u8]) -> Option<ConsumerId> {
        let named = |consumer: &&Consumer| {
            consumer.channel == key && consumer.tag.as_bytes() == tag && consumer.end.is_none()
        };
        self.consumers.iter().find(named).map(|consumer| consumer.id)
    }

    /// The consumer exists from here on, before the next frame is looked at.
    pub(super) fn consume_ok(
        &mut self,
        key: ChannelKey,
        subscriber: Subscriber,
        tag: &ShortStr<'static>,
        buried: bool,
    ) {
        let Some(channel) = self.channel_slot(key) else {
            return;
        };
        channel.consumers.insert(tag.as_bytes().into(), subscriber);
        match self.consumers.get_mut(subscriber.consumer) {
            Some(consumer) => {
                consumer.started = true;
                self.stats.consumers_started += 1;
                self.stats.consumers += 1;
                if self.shutdown.is_some() {
                    self.cancel_for_nobody(key, tag.clone(), ConsumerEnd::Shutdown);
                }
            }
            None => self.cancel_for_nobody(key, tag.clone(), ConsumerEnd::Cancelled),
        }
        if buried {
            self.drop_consumer(subscriber.consumer);
        }
    }

    /// basic.cancel-ok came: nothing more comes for this tag.
    pub(super) fn cancel_ok(&mut self, key: ChannelKey, tag: &ShortStr<'_>, end: ConsumerEnd) {
        self.consumer_gone(key, tag.as_bytes(), end);
    }

    pub(super) fn cancelled_by_server(&mut self, key: ChannelKey, tag: &ShortStr<'_>) {
        self.consumer_gone(key, tag.as_bytes(), ConsumerEnd::CancelledByServer);
    }

    /// Takes note of a delivery, and tells whose it is: nobody's on a channel that is closing.
    pub(super) fn delivered(
        &mut self,
        now: Instant,
        key: ChannelKey,
        tag: &[u8],
        delivery_tag: DeliveryTag,
    ) -> Result<Option<Subscriber>, Violation> {
        let Some(channel) = self.channel_slot(key) else {
            return Ok(None);
        };
        channel.delivered = delivery_tag.0;
        if channel.is_closing() {
            return Ok(None);
        }
        let Some(&subscriber) = channel.consumers.get(tag) else {
            return Err(Violation::UnknownConsumer { channel: key.id });
        };
        if !subscriber.no_ack {
            self.must_settle(now, key, delivery_tag);
        }
        Ok(Some(subscriber))
    }

    /// Hands a delivery to its consumer; one that was dropped or has overflowed has it requeued.
    pub(super) fn deliver(&mut self, key: ChannelKey, subscriber: Option<Subscriber>, message: Message) {
        let Some(Subscriber { consumer: id, no_ack }) = subscriber else {
            return;
        };
        let running = |consumer: &&mut Consumer| consumer.end.is_none();
        match self.consumers.get_mut(id).filter(running) {
            Some(consumer) => {
                self.buffered.add(&message);
                consumer.queue.push(message);
                if consumer.queue.len() == 1 || self.announces_each_delivery {
                    self.events.push_back(Event::Readable(id));
                }
                self.shed();
            }
            None if no_ack => {}
            None => self.requeue(key, &message),
        }
    }

    /// Ends the consumers of a channel that is over. The server requeues by itself what was not settled, so only what
    /// needs no settling is still handed out.
    pub(super) fn end_consumers(&mut self, key: ChannelKey, reason: &ChannelError) {
        // One that was never started has nobody who knows it.
        self.consumers
            .retain(|consumer| consumer.channel != key || consumer.started);
        for consumer in self.consumers.iter_mut() {
            if consumer.channel != key || consumer.end.is_some() {
                continue;
            }
            if !consumer.no_ack {
                let queue = std::mem::take(&mut consumer.queue);
                self.buffered.remove_all(queue.held());
            }
            let end = ConsumerEnd::Channel(reason.clone());
            self.stats.consumer_ended(&end);
            consumer.end = Some(end);
            self.events.push_back(Event::Readable(consumer.id));
        }
    }

    /// Takes the deliveries of a channel that await settling away from its consumers, those that `forgotten` names.
    pub(super) fn forget_deliveries(&mut self, key: ChannelKey, forgotten: impl Fn(&Message) -> bool) {
        for consumer in self.consumers.iter_mut() {
            if consumer.channel != key || consumer.no_ack {
                continue;
            }
            let gone = consumer.queue.retain(|message| !forgotten(message));
            self.buffered.remove_all(gone);
        }
    }

    fn consumer_gone(&mut self, key: ChannelKey, tag: &[u8], end: ConsumerEnd) {
        let gone = self
            .channel_slot(key)
            .and_then(|channel| channel.consumers.remove(tag));
        let Some(Subscriber { consumer: id, .. }) = gone else {
            return;
        };
        let Some(consumer) = self.consumers.get_mut(id) else {
            return;
        };
        if consumer.end.is_none() && matches!(end, ConsumerEnd::CancelledByServer) {
            self.events.push_back(Event::ConsumerEnded {
                channel: key,
                consumer_tag: consumer.tag.clone(),
                reason: end.clone(),
            });
        }
        if consumer.end.is_none() {
            self.stats.consumer_ended(&end);
            consumer.end = Some(end);
        }
        self.events.push_back(Event::Readable(id));
    }

    /// Those that the server has or will have.
    pub(super) fn live_consumers(&self) -> impl Iterator<Item = &Consumer> {
        self.consumers.iter().filter(|consumer| consumer.end.is_none())
    }

    /// Those that the server has and may deliver to.
    pub(super) fn running_consumers(&self) -> impl Iterator<Item = &Consumer> {
        let runs = |consumer: &&Consumer| consumer.started && consumer.end.is_none();
        self.consumers.iter().filter(runs)
    }

    /// Cancels a consumer that ends for this reason, without anybody who waits for it.
    pub(super) fn cancel_for_nobody(&mut self, key: ChannelKey, tag: ShortStr<'static>, end: ConsumerEnd) {
        if let Some(purpose) = self.put_cancel(key, tag, end) {
            self.expect_for::<basic::Cancel<'_>>(key, Waiter::Nobody, purpose);
        }
    }

    /// Queues basic.cancel, unless the channel is over or one is under way: the server would answer a second one before
    /// what its queue still delivers.
    fn put_cancel(&mut self, key: ChannelKey, tag: ShortStr<'static>, end: ConsumerEnd) -> Option<Purpose> {
        if self.channel(key).ok()?.is_cancelling(&tag) {
            return None;
        }
        let cancel = basic::Cancel {
            consumer_tag: tag.borrowed(),
            no_wait: false,
        };
        // It fits where the tag came in.
        self.put_method(key.id, &cancel).ok()?;
        Some(Purpose::Cancel { tag, end })
    }

    /// A tag for a consumer whose owner asked for none.
    fn unused_tag(
        &mut self,
        key: ChannelKey,
        consumer: ConsumerId,
    ) -> Result<ShortStr<'static>, ChannelError> {
        let mut number = consumer.number;
        loop {
            // Far shorter than 255 octets.
            let tag = ShortStr::try_from(format!("ctag-{number}")).unwrap_or_default();
            if !self.channel(key)?.tag_is_taken(&tag) {
                return Ok(tag);
            }
            number = self.next_id();
        }
    }
}
