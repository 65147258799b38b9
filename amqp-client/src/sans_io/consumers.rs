//! Consumers and the deliveries that wait for them: started, fed, cancelled, dropped.

use std::collections::VecDeque;
use std::time::Instant;

use amqp_protocol::frame::payload_max;
use amqp_protocol::method::{Decode, Encode, Request};
use amqp_protocol::v0_9_1::basic;
use amqp_protocol::{Reader, ShortStr, TooLong};

use super::channel::{Phase, Purpose, Subscriber, Waiter};
use super::connection::Connection;
use super::content::Message;
use super::event::{ChannelKey, ConsumerEnd, ConsumerId, Event, Reply, RequestId};
use super::incoming::NotExpected;
use crate::error::{CallError, ChannelError, Violation};

/// A consumer, from basic.consume until its owner lets it go.
#[derive(Debug)]
pub(super) struct Consumer {
    channel: ChannelKey,
    no_ack: bool,
    /// As asked for; empty when the server is to choose.
    wanted_tag: ShortStr<'static>,
    /// Known once the server has answered.
    tag: Option<ShortStr<'static>>,
    queue: VecDeque<Message>,
    end: Option<ConsumerEnd>,
}

impl Connection {
    /// Starts a consumer. Its request resolves with basic.consume-ok, and from then on
    /// [`next_delivery`](Self::next_delivery) has its deliveries. An empty tag lets the server choose one.
    ///
    /// Unless the channel had a basic.qos, one with `prefetch_count` goes before it.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call), and when a consumer of the channel has this tag, for which RabbitMQ would close the whole
    /// connection.
    pub fn consume(
        &mut self,
        now: Instant,
        key: ChannelKey,
        mut method: basic::Consume<'_>,
        prefetch_count: Option<u16>,
    ) -> Result<(ConsumerId, RequestId), CallError> {
        method.set_no_wait(false);
        let channel = self.channel(key)?;
        let qos_sent = channel.qos_sent;
        let tag = &method.consumer_tag;
        let same = |other: &Consumer| other.channel == key && other.wanted_tag == *tag;
        let taken = channel.consumers.contains_key(tag.as_bytes()) || self.consumers.values().any(same);
        if !tag.is_empty() && taken {
            return Err(CallError::DuplicateConsumerTag);
        }
        let too_large = |error| CallError::FrameTooLarge {
            method: "basic.consume",
            error,
        };
        let (actual, limit) = (
            4 + method.encoded_len(),
            payload_max(self.send_frame_max) as usize,
        );
        if actual > limit {
            return Err(too_large(TooLong { actual, limit }));
        }
        let default = (!qos_sent && !method.no_ack).then_some(self.config.prefetch_count);
        if let Some(prefetch_count) = prefetch_count.or(default) {
            let qos = basic::Qos {
                prefetch_count,
                ..Default::default()
            };
            self.put_method(key.id, &qos).map_err(too_large)?;
            self.expect_for::<basic::Qos>(key, Waiter::Nobody, Purpose::Call);
            self.channel(key)?.qos_sent = true;
        }
        self.put_method(key.id, &method).map_err(too_large)?;
        let consumer = ConsumerId(self.next_id());
        let no_ack = method.no_ack;
        let request =
            self.expect::<basic::Consume<'_>>(now, key, Purpose::Consume(Subscriber { consumer, no_ack }));
        let wanted_tag = method.consumer_tag.into_owned();
        let (tag, queue, end) = (None, VecDeque::new(), None);
        self.consumers.insert(
            consumer,
            Consumer {
                channel: key,
                no_ack,
                wanted_tag,
                tag,
                queue,
                end,
            },
        );
        Ok((consumer, request))
    }

    /// Fetches one message. The reply is basic.get-ok with the message as its content, or basic.get-empty.
    ///
    /// # Errors
    ///
    /// As [`call`](Self::call).
    pub fn get(
        &mut self,
        now: Instant,
        key: ChannelKey,
        method: &basic::Get<'_>,
    ) -> Result<RequestId, CallError> {
        self.channel(key)?;
        self.put_method(key.id, method)
            .map_err(|error| CallError::FrameTooLarge {
                method: "basic.get",
                error,
            })?;
        Ok(self.expect::<basic::Get<'_>>(
            now,
            key,
            Purpose::Get {
                no_ack: method.no_ack,
            },
        ))
    }

    /// Gives back what a reply brought that nobody took: a fetched message is requeued.
    pub fn discard_reply(&mut self, key: ChannelKey, reply: Reply) {
        if let Some(message) = reply.content.filter(|_| reply.unsettled) {
            self.requeue(key, &message);
        }
    }

    /// Asks the server to stop. Deliveries that come before the request resolves still belong to the consumer.
    ///
    /// # Errors
    ///
    /// When the consumer's channel is over.
    pub fn cancel(&mut self, now: Instant, consumer: ConsumerId) -> Result<RequestId, CallError> {
        let Some(Consumer {
            channel,
            tag: Some(tag),
            ..
        }) = self.consumers.get(&consumer)
        else {
            return Err(ChannelError::Closed.into());
        };
        let (key, consumer_tag) = (*channel, tag.clone());
        self.call(
            now,
            key,
            basic::Cancel {
                consumer_tag,
                no_wait: false,
            },
        )
    }

    /// Lets a consumer go: it is cancelled without anybody who waits for it, and what it did not take goes back to the
    /// queue, then and until the server has cancelled it.
    pub fn drop_consumer(&mut self, consumer: ConsumerId) {
        let Some(Consumer {
            channel: key,
            no_ack,
            tag,
            queue,
            end,
            ..
        }) = self.consumers.remove(&consumer)
        else {
            return;
        };
        self.buffered -= queue.iter().map(Message::footprint).sum::<usize>();
        // First the cancel: what is requeued would come right back to the consumer.
        if let (None, Some(tag)) = (end, tag) {
            self.cancel_for_nobody(key, &tag);
        }
        if !no_ack {
            queue.iter().for_each(|message| self.requeue(key, message));
        }
    }

    /// The next delivery of a consumer, then, once, why it ended; `None` when there is nothing yet.
    /// [`Event::Readable`] tells when to ask again.
    pub fn next_delivery(&mut self, consumer: ConsumerId) -> Option<Result<Message, ConsumerEnd>> {
        let entry = self.consumers.get_mut(&consumer)?;
        match entry.queue.pop_front() {
            Some(message) => {
                self.buffered -= message.footprint();
                Some(Ok(message))
            }
            None => {
                let end = entry.end.clone()?;
                self.consumers.remove(&consumer);
                Some(Err(end))
            }
        }
    }

    /// Gives back a delivery that was not handled: a reject with requeue, or for one from a stream, which cannot be
    /// requeued, an ack, which only lets the server send more. Does nothing when the channel is over.
    pub fn requeue(&mut self, key: ChannelKey, message: &Message) {
        let delivery_tag = message.delivery_tag();
        // An error means that the channel is over, and the server requeues by itself.
        let _ = if message.is_from_stream() {
            self.send(
                key,
                &basic::Ack {
                    delivery_tag,
                    multiple: false,
                },
            )
        } else {
            self.send(
                key,
                &basic::Reject {
                    delivery_tag,
                    requeue: true,
                },
            )
        };
    }

    /// The consumer exists from here on, before the next frame is looked at. Fails when its tag is taken.
    pub(super) fn consume_ok(
        &mut self,
        key: ChannelKey,
        subscriber: Subscriber,
        reply: &[u8],
        buried: bool,
    ) -> Result<(), NotExpected> {
        let mut reader = Reader::new(reply);
        let decoded = reader
            .method_id("method")
            .and_then(|_| basic::ConsumeOk::decode(&mut reader));
        let tag = decoded.map_err(|_| NotExpected)?.consumer_tag.into_owned();
        let Some(channel) = self.channel_slot(key) else {
            return Ok(());
        };
        if channel
            .consumers
            .insert(tag.as_bytes().into(), subscriber)
            .is_some()
        {
            return Err(NotExpected);
        }
        let closing = matches!(channel.phase, Phase::Closing(_));
        match self.consumers.get_mut(&subscriber.consumer) {
            Some(consumer) => consumer.tag = Some(tag),
            None if closing => {}
            None => self.cancel_for_nobody(key, &tag),
        }
        if buried {
            self.drop_consumer(subscriber.consumer);
        }
        Ok(())
    }

    /// basic.cancel-ok came: nothing more comes for this tag.
    pub(super) fn cancel_ok(&mut self, key: ChannelKey, reply: &[u8]) {
        let mut reader = Reader::new(reply);
        let decoded = reader
            .method_id("method")
            .and_then(|_| basic::CancelOk::decode(&mut reader));
        if let Ok(cancel_ok) = decoded {
            self.consumer_gone(key, cancel_ok.consumer_tag.as_bytes(), ConsumerEnd::Cancelled);
        }
    }

    pub(super) fn cancelled_by_server(&mut self, key: ChannelKey, tag: &ShortStr<'_>) {
        self.consumer_gone(key, tag.as_bytes(), ConsumerEnd::CancelledByServer);
    }

    /// Who consumes under this tag; nobody on a channel that is closing.
    pub(super) fn subscriber(
        &mut self,
        key: ChannelKey,
        tag: &[u8],
    ) -> Result<Option<Subscriber>, Violation> {
        let Some(channel) = self.channel_slot(key) else {
            return Ok(None);
        };
        match channel.consumers.get(tag) {
            _ if matches!(channel.phase, Phase::Closing(_)) => Ok(None),
            Some(subscriber) => Ok(Some(*subscriber)),
            None => Err(Violation::UnknownConsumer { channel: key.id }),
        }
    }

    /// Hands a delivery to its consumer; one that was dropped has it requeued.
    pub(super) fn deliver(&mut self, key: ChannelKey, subscriber: Option<Subscriber>, message: Message) {
        let Some(Subscriber { consumer: id, no_ack }) = subscriber else {
            return;
        };
        match self.consumers.get_mut(&id) {
            Some(consumer) => {
                self.buffered += message.footprint();
                consumer.queue.push_back(message);
                if consumer.queue.len() == 1 {
                    self.events.push_back(Event::Readable(id));
                }
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
            .retain(|_, consumer| consumer.channel != key || consumer.tag.is_some());
        for (id, consumer) in &mut self.consumers {
            if consumer.channel != key || consumer.end.is_some() {
                continue;
            }
            if !consumer.no_ack {
                self.buffered -= consumer
                    .queue
                    .drain(..)
                    .map(|message| message.footprint())
                    .sum::<usize>();
            }
            consumer.end = Some(ConsumerEnd::Channel(reason.clone()));
            self.events.push_back(Event::Readable(*id));
        }
    }

    fn consumer_gone(&mut self, key: ChannelKey, tag: &[u8], end: ConsumerEnd) {
        let gone = self
            .channel_slot(key)
            .and_then(|channel| channel.consumers.remove(tag));
        let Some(Subscriber { consumer: id, .. }) = gone else {
            return;
        };
        if let Some(consumer) = self.consumers.get_mut(&id) {
            consumer.end.get_or_insert(end);
            self.events.push_back(Event::Readable(id));
        }
    }

    fn cancel_for_nobody(&mut self, key: ChannelKey, tag: &ShortStr<'_>) {
        if self.channel(key).is_err() {
            return;
        }
        // It fits where the tag came in.
        if self
            .put_method(
                key.id,
                &basic::Cancel {
                    consumer_tag: tag.borrowed(),
                    no_wait: false,
                },
            )
            .is_ok()
        {
            self.expect_for::<basic::Cancel<'_>>(key, Waiter::Nobody, Purpose::Call);
        }
    }
}
