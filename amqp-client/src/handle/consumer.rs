//! Consumers: streams of deliveries, cancelled or dropped. Starting one is `consume`'s.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::methods::basic;
use amqp_protocol::ShortStr;
use amqp_protocol::method::Arguments;
use futures_core::Stream;

use super::call::decode;
use super::channel::Channel;
use super::delivery::Delivery;
use super::shared::Inner;
use super::style::{Async, Style};
use super::waiting::Replied;
use crate::error::CallError;
use crate::sans_io::{ChannelKey, Connection, ConsumerEnd, ConsumerId, Message, Reply};
use crate::trace::{Call, Followed, Source};

/// A consumer: a [`Stream`] of deliveries that ends, once, with the reason as its last item.
///
/// Dropping it cancels it at the server, and requeues what it did not hand out.
///
/// ```no_run
/// # async fn example(channel: amqp_client::Channel) -> Result<(), Box<dyn std::error::Error>> {
/// use amqp_client::ConsumerError;
///
/// let mut consumer = channel.basic_consume("orders").await?;
/// while let Some(delivery) = consumer.next().await {
///     match delivery {
///         Ok(delivery) => delivery.ack().await?,
///         Err(ConsumerError::TooLarge(message)) => message.into_delivery().reject().await?,
///         // This program cancelled it, or has shut down or closed the connection.
///         Err(ConsumerError::Ended(end)) if end.is_wanted() => break,
///         Err(error) => return Err(error.into()),
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a consumer that is dropped is cancelled"]
pub struct Consumer<S = Async> {
    channel: Channel<S>,
    /// `None` when it has ended.
    id: Option<ConsumerId>,
    consumer_tag: ShortStr<'static>,
    /// What is to be handed out next. It waits here without acknowledgements alone: it is settled from the start.
    taken: VecDeque<Message>,
    source: Arc<Source>,
}

impl<S: Style> Consumer<S> {
    /// One that was asked for.
    pub(super) fn new(channel: Channel<S>, id: ConsumerId, source: Arc<Source>) -> Self {
        Self {
            channel,
            id: Some(id),
            consumer_tag: ShortStr::default(),
            taken: VecDeque::new(),
            source,
        }
    }

    /// The server has answered.
    pub(super) fn started(&mut self, reply: &Reply) -> Result<(), CallError> {
        self.consumer_tag = decode::<basic::ConsumeOk<'static>>(reply)?.consumer_tag;
        Ok(())
    }

    /// The tag that the server knows it by.
    pub fn consumer_tag(&self) -> &ShortStr<'static> {
        &self.consumer_tag
    }

    /// The channel it consumes on.
    pub fn channel(&self) -> &Channel<S> {
        &self.channel
    }
}

impl Consumer {
    /// The next delivery; an error once, when the consumer has ended, also if that [was wanted](ConsumerEnd::is_wanted);
    /// then `None`.
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Result<Delivery, ConsumerError>> {
        poll_fn(|cx| self.poll_delivery(cx)).await
    }

    /// Stops consuming, but not handing out: what had come is still [given](Self::next), and behind it the end,
    /// [`ConsumerEnd::Cancelled`]. For one that has ended, or is being cancelled, this does nothing.
    ///
    /// Dropping the future before its first poll does nothing; later the consumer is cancelled nevertheless.
    ///
    /// ```no_run
    /// # async fn example(mut consumer: amqp_client::Consumer) -> Result<(), amqp_client::CallError> {
    /// consumer.drain().await?;
    /// while let Some(Ok(delivery)) = consumer.next().await {
    ///     delivery.ack().await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// That the server does not answer in time. The end of the channel is the consumer's, and no error here.
    pub async fn drain(&mut self) -> Result<(), CallError> {
        self.stop().await
    }

    /// Stops consuming, and gives what had come and was not handed out, in order. When the consumer ends for another
    /// reason, before or meanwhile, that is the last item, as [`next`](Self::next) would give it; one that has ended is
    /// not cancelled again. Behind a [`drain`](Self::drain) that was dropped halfway this gives what has come by now.
    ///
    /// Dropping the future cancels the consumer nevertheless, and requeues what had come.
    ///
    /// ```no_run
    /// # async fn example(consumer: amqp_client::Consumer) -> Result<(), amqp_client::CallError> {
    /// for delivery in consumer.cancel().await?.into_iter().flatten() {
    ///     delivery.ack().await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// That the server does not answer in time. What had come is requeued; without acknowledgements it is lost.
    pub async fn cancel(mut self) -> Result<Vec<Result<Delivery, ConsumerError>>, CallError> {
        self.stop().await?;
        Ok(self.take_rest())
    }
}

impl<S: Style> Consumer<S> {
    /// What had come and was not handed out, and why the consumer ended unless it was cancelled.
    pub(crate) fn take_rest(&mut self) -> Vec<Result<Delivery, ConsumerError>> {
        let (mut rest, mut settled) = (Vec::new(), true);
        loop {
            let taken = std::mem::take(&mut self.taken);
            rest.extend(taken.into_iter().map(|message| self.hand_out(message, settled)));
            let Some(id) = self.id else { break rest };
            let taken = &mut self.taken;
            let next = |inner: &mut Inner, _| inner.core.take_deliveries(id, taken);
            match self.channel.handle.with(next) {
                Some(Ok(from_the_start)) => settled = from_the_start,
                Some(Err(end)) => {
                    self.id = None;
                    if !matches!(end, ConsumerEnd::Cancelled) {
                        rest.push(Err(ConsumerError::Ended(end)));
                    }
                }
                None => break rest,
            }
        }
    }

    /// Sends basic.cancel, unless that is too late, and waits for the answer.
    pub(crate) async fn stop(&self) -> Result<(), CallError> {
        match self.id {
            Some(id) => self.channel.cancel(|_, _| Some(id)).await,
            None => Ok(()),
        }
    }

    pub(crate) fn poll_delivery(
        &mut self,
        cx: &Context<'_>,
    ) -> Poll<Option<Result<Delivery, ConsumerError>>> {
        let mut settled = true;
        if self.taken.is_empty() {
            let Some(id) = self.id else {
                return Poll::Ready(None);
            };
            let taken = &mut self.taken;
            let next = |inner: &mut Inner, _| inner.poll_consumer(cx, id, taken);
            match ready!(self.channel.handle.with(next)) {
                Ok(from_the_start) => settled = from_the_start,
                Err(end) => {
                    self.id = None;
                    return Poll::Ready(Some(Err(ConsumerError::Ended(end))));
                }
            }
        }
        let next = self.taken.pop_front();
        Poll::Ready(next.map(|message| self.hand_out(message, settled)))
    }

    /// Leaves a waker to be woken for each delivery, and for the end, and says how many there are already.
    #[cfg(feature = "event-loop")]
    pub(crate) fn watch(&self, cx: &Context<'_>) -> usize {
        let Some(id) = self.id else { return 0 };
        self.channel.with(|inner, _| {
            inner.consumers.insert(id, cx.waker().clone());
            inner.core.waiting_for(id)
        })
    }

    fn hand_out(&self, message: Message, settled: bool) -> Result<Delivery, ConsumerError> {
        let (withheld, body_size) = (message.is_withheld(), message.body_size());
        let followed = Followed::new(&self.source, &message, "deliver");
        let unsettled = (!settled).then(|| Arc::clone(&self.channel.handle));
        let delivery = Delivery::new(message, unsettled, followed);
        if withheld {
            Err(ConsumerError::TooLarge(TooLarge {
                delivery: Box::new(delivery),
                body_size,
            }))
        } else {
            Ok(delivery)
        }
    }
}

impl<S> Channel<S> {
    /// Sends basic.cancel for a consumer of the channel, unless that is too late, and waits for the answer.
    async fn cancel(
        &self,
        find: impl FnOnce(&Connection, ChannelKey) -> Option<ConsumerId>,
    ) -> Result<(), CallError> {
        let request = self.handle.with(|inner, key| {
            let consumer = find(&inner.core, key)?;
            let request = inner.core.cancel(inner.now(), consumer)?;
            inner.register::<Replied>(request);
            Some(request)
        });
        let Some(request) = request else { return Ok(()) };
        let channel = &self.handle;
        let mut trace = Call::new(basic::Cancel::<'_>::NAME);
        trace.begin(channel.shared(), channel.id());
        let replied = channel.wait::<Replied>(request).await;
        trace.end(channel.shared(), replied.as_ref());
        match replied {
            // The end of the channel is the consumer's too, and comes behind its deliveries.
            Ok(_) | Err(CallError::Channel(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The same for the consumer with this tag, if there is one.
    #[cfg(feature = "event-loop")]
    pub(crate) async fn cancel_consumer(&self, tag: &[u8]) -> Result<(), CallError> {
        self.cancel(|core, key| core.consumer_with_tag(key, tag)).await
    }
}

impl Stream for Consumer {
    type Item = Result<Delivery, ConsumerError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_delivery(cx)
    }
}

impl<S> Drop for Consumer<S> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.channel.handle.with(|inner, _| inner.drop_consumer(id));
        }
    }
}

/// What a consumer yields instead of a delivery. [`Consumer`] has an example.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConsumerError {
    /// A message with a body over `body_max`. The consumer goes on.
    #[error(transparent)]
    TooLarge(TooLarge),
    /// The consumer could not be started, and why. Nothing follows. It is a consumer's first item in the event loop alone;
    /// elsewhere that is an error before there is a consumer.
    #[error(transparent)]
    NotStarted(CallError),
    /// The consumer has ended, and why. Nothing follows.
    #[error(transparent)]
    Ended(#[from] ConsumerEnd),
}

/// A delivery without its body, which was larger than `body_max` and was thrown away. Like any other it is requeued when
/// it is dropped unsettled, and will come again: ack or reject it.
#[derive(Debug, thiserror::Error)]
#[error("a body of {body_size} octets is over the limit")]
pub struct TooLarge {
    delivery: Box<Delivery>,
    /// Octets of the body.
    pub body_size: u64,
}

impl TooLarge {
    /// The delivery, its body empty.
    pub fn into_delivery(self) -> Delivery {
        *self.delivery
    }
}
