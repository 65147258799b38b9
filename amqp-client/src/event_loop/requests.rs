//! What becomes of requests in the event loop: it goes on in a closure. How they begin stands with the handles, in every style.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use super::causes::Turn;
use super::each::{Consuming, Stage};
use super::handle::start;
use super::{Channel, Consumer, Handle, Publisher, Receipt, Receipts, Registration};
use crate::error::{CallError, PublishError};
use crate::handle::{
    Begin, Caller, ConnectionEvent, Consume, ConsumerError, Delivery, Detached, Events, NoWait, Publish,
    ReceiptsError, Request, Returns, Unanswered,
};
use crate::sans_io::Returned;

impl<C: Caller<Style = Handle>, M> Request<'_, C, M>
where
    Self: Begin,
{
    /// Sends the request, and calls `then` with what it gives. Requests are sent in the order in which they are made, whether
    /// or not others are answered.
    ///
    /// ```no_run
    /// # #[cfg(feature = "event-loop")]
    /// # fn example(channel: amqp_client::event_loop::Channel) {
    /// channel.queue_declare("orders").durable().then(|channel, outcome| match outcome {
    ///     Ok(queue) => println!("{} messages", queue.message_count),
    ///     Err(error) => eprintln!("{error}"),
    /// });
    /// # }
    /// ```
    pub fn then(self, then: impl FnOnce(&C, <Self as Begin>::Output) + 'static) {
        let caller = self.caller.clone();
        let handle = caller.style().clone();
        handle.begin(self, move |outcome| then(&caller, outcome));
    }
}

impl<M> NoWait<'_, Channel, M>
where
    Self: Begin<Output = Result<(), CallError>>,
{
    /// Sends the request, which is not answered.
    ///
    /// ```no_run
    /// # #[cfg(feature = "event-loop")]
    /// # fn example(channel: amqp_client::event_loop::Channel) -> Result<(), amqp_client::CallError> {
    /// channel.queue_declare("orders").durable().no_wait().send()
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When it cannot be sent.
    pub fn send(self) -> Result<(), CallError> {
        send_now(self)
    }
}

impl<M> Request<'_, Channel, Unanswered<M>>
where
    Self: Begin<Output = Result<(), CallError>>,
{
    /// Sends the method, which is never answered.
    ///
    /// ```no_run
    /// # #[cfg(feature = "event-loop")]
    /// # fn example(channel: amqp_client::event_loop::Channel, delivery: amqp_client::Delivery) -> Result<(), amqp_client::CallError> {
    /// let message = delivery.detach();
    /// channel.basic_ack(message.delivery_tag()).multiple().send()
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When it cannot be sent.
    pub fn send(self) -> Result<(), CallError> {
        send_now(self)
    }
}

/// What is done when it is begun.
fn send_now(request: impl Begin<Output = Result<(), CallError>>) -> Result<(), CallError> {
    start(request).unwrap_or(Ok(()))
}

impl Request<'_, Channel, Consume<'_>> {
    /// Starts the consumer, and calls `each` with each of its deliveries, in their order; then, once, with an error: why it
    /// has ended, also if that [was wanted](crate::ConsumerEnd::is_wanted), or why it was
    /// [not started](ConsumerError::NotStarted). [`Channel::basic_cancel`] ends it.
    ///
    /// ```no_run
    /// # #[cfg(feature = "event-loop")]
    /// # fn example(channel: amqp_client::event_loop::Channel) {
    /// use amqp_client::ConsumerError;
    ///
    /// channel.basic_consume("orders").prefetch_count(20).then_each(|channel, next| match next {
    ///     Ok(delivery) => {
    ///         println!("{}", String::from_utf8_lossy(delivery.body()));
    ///         if let Err(error) = delivery.ack().call() {
    ///             eprintln!("{error}");
    ///         }
    ///     }
    ///     Err(ConsumerError::TooLarge(message)) => drop(message.into_delivery().reject().call()),
    ///     Err(ConsumerError::Ended(end)) if end.is_wanted() => println!("no more orders"),
    ///     Err(error) => eprintln!("no more orders: {error}"),
    /// });
    /// # }
    /// ```
    pub fn then_each(self, each: impl FnMut(&Channel, Result<Delivery, ConsumerError>) + 'static) {
        let channel = self.caller.clone();
        let handle = channel.style.clone();
        let place = handle.place(Turn::Each);
        let waker = place.waker();
        let cx = &mut Context::from_waker(&waker);
        let mut start = self.begin();
        let start: Detached<_> = match Pin::new(&mut start).poll(cx) {
            Poll::Ready(outcome) => {
                waker.wake_by_ref();
                Box::pin(std::future::ready(outcome))
            }
            Poll::Pending => {
                start.watch(cx);
                Request::<Channel, Consume<'_>>::detach(start)
            }
        };
        let consuming = Consuming::new(channel, Stage::Starting(start), &place, each);
        handle.0.tasks.put(place, consuming, false);
    }
}

impl Consumer {
    /// Calls `each` with each delivery, in their order; then, once, with the reason for which the consumer has ended. As
    /// [`then_each`](Request::then_each), for a consumer that has started; what has come is called behind all that waits to be
    /// called now.
    ///
    /// ```no_run
    /// # #[cfg(feature = "event-loop")]
    /// # fn example(channel: amqp_client::event_loop::Channel) {
    /// channel.basic_consume("orders").then(|_, consumer| {
    ///     let Ok(consumer) = consumer else { return };
    ///     println!("consuming as {}", consumer.consumer_tag());
    ///     consumer.for_each(|_, next| match next {
    ///         Ok(delivery) => drop(delivery.ack().call()),
    ///         Err(end) => eprintln!("no more orders: {end}"),
    ///     });
    /// });
    /// # }
    /// ```
    pub fn for_each(self, each: impl FnMut(&Channel, Result<Delivery, ConsumerError>) + 'static) {
        let handle = self.channel().style.clone();
        let place = handle.place(Turn::Each);
        let waker = place.waker();
        let waiting = self.watch(&Context::from_waker(&waker));
        let consuming = Consuming::new(self.channel().clone(), Stage::Started(self), &place, each);
        handle.0.tasks.put(place, consuming, false);
        for _ in 0..waiting {
            waker.wake_by_ref();
        }
    }
}

impl Request<'_, Publisher, Publish<'_>> {
    /// Publishes the message, and calls `then` with what becomes of it: `Ok` when the server has confirmed it. The same as
    /// [`then`](Request::then) of its receipt's [`then`](Receipt::then).
    ///
    /// ```no_run
    /// # #[cfg(feature = "event-loop")]
    /// # fn example(publisher: amqp_client::event_loop::Publisher) {
    /// publisher.publish("", "orders", "one coffee").mandatory().then_confirmed(|_, outcome| match outcome {
    ///     Ok(()) => println!("all its queues have it"),
    ///     Err(error) => eprintln!("{error}"),
    /// });
    /// # }
    /// ```
    pub fn then_confirmed(self, then: impl FnOnce(&Publisher, Result<(), PublishError>) + 'static) {
        let publisher = self.caller.clone();
        let handle = publisher.channel().style.clone();
        let then = move |outcome| then(&publisher, outcome);
        match start(self) {
            Ok(Ok(receipt)) => handle.continue_with(outcome(receipt), then),
            Ok(Err(error)) => handle.continue_with(std::future::ready(Err(error)), then),
            Err(publish) => handle.continue_with(async { outcome(publish.await?).await }, then),
        }
    }
}

async fn outcome(mut receipt: Receipt) -> Result<(), PublishError> {
    poll_fn(|cx| receipt.poll_outcome(cx)).await
}

impl Receipt {
    /// Calls `then` with what becomes of the message.
    ///
    /// ```no_run
    /// # #[cfg(feature = "event-loop")]
    /// # fn example(publisher: amqp_client::event_loop::Publisher) {
    /// publisher.publish("", "orders", "one coffee").then(|_, receipt| match receipt {
    ///     // It has its number, and leaves.
    ///     Ok(receipt) => receipt.then(|_, outcome| match outcome {
    ///         Ok(()) => println!("confirmed"),
    ///         Err(error) => eprintln!("{error}"),
    ///     }),
    ///     Err(error) => eprintln!("not published: {error}"),
    /// });
    /// # }
    /// ```
    pub fn then(self, then: impl FnOnce(&Handle, Result<(), PublishError>) + 'static) {
        // A receipt has its style until somebody has its outcome.
        if let Some(handle) = self.style().cloned() {
            handle
                .clone()
                .continue_with(outcome(self), move |outcome| then(&handle, outcome));
        }
    }
}

impl Receipts {
    /// Calls `then` with what becomes of all the messages: an error tells which failed.
    ///
    /// ```no_run
    /// # #[cfg(feature = "event-loop")]
    /// # fn example(event_loop: &amqp_client::event_loop::Handle, receipts: amqp_client::event_loop::Receipts) {
    /// receipts.then(event_loop, |_, outcomes| match outcomes {
    ///     Ok(()) => println!("all are confirmed"),
    ///     Err(error) => eprintln!("{error}"),
    /// });
    /// # }
    /// ```
    pub fn then(
        mut self,
        event_loop: &Handle,
        then: impl FnOnce(&Handle, Result<(), ReceiptsError>) + 'static,
    ) {
        let handle = event_loop.clone();
        let outcomes = async move { poll_fn(|cx| self.poll_outcomes(cx)).await };
        event_loop.continue_with(outcomes, move |outcomes| then(&handle, outcomes));
    }
}

impl Events<Handle> {
    /// Calls `call` with each event, up to the end of the connection.
    ///
    /// ```no_run
    /// # #[cfg(feature = "event-loop")]
    /// # fn example(connection: amqp_client::event_loop::Connection) {
    /// connection.events().for_each(|_, event| println!("{event:?}"));
    /// # }
    /// ```
    pub fn for_each(self, mut call: impl FnMut(&Handle, ConnectionEvent) + 'static) -> Registration {
        let handle = self.style.clone();
        handle.spawn_each(self, true, move |events, event| {
            let over = matches!(event, ConnectionEvent::Closed(_));
            call(&events.style, event);
            if over { Poll::Ready(()) } else { Poll::Pending }
        })
    }
}

impl Returns<Handle> {
    /// Calls `call` with each returned message, and keeps the channel open; [`Channel::on_return`] does not.
    ///
    /// ```no_run
    /// # #[cfg(feature = "event-loop")]
    /// # fn example(channel: amqp_client::event_loop::Channel) {
    /// channel.returns().for_each(|_, returned| eprintln!("no queue has it: {returned}"));
    /// # }
    /// ```
    pub fn for_each(self, mut call: impl FnMut(&Channel, Returned) + 'static) -> Registration {
        let handle = self.channel.style.clone();
        handle.spawn_each(self, true, move |returns, returned| {
            call(&returns.channel, returned);
            Poll::Pending
        })
    }
}
