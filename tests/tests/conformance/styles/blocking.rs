//! Programs that block: each call returns when it is done.

use std::time::Duration;

use amqp_client::protocol::method;
use amqp_client::request::{ConfirmSelect, Consume, Get, NoWait, Publish};
use amqp_client::{
    self as amqp, CallError, ConnectionError, ConnectionEvent, ConsumerError, Delivery, PublishError,
    ReceiptsError, Request, Returned, ShutdownError,
};

use crate::client::Client;

/// A connection, with threads or without.
pub(crate) struct Blocking<W: amqp::Blocking>(pub(crate) amqp::Connection<W>);

impl<W: amqp::Blocking + 'static> Client for Blocking<W> {
    type Style = W;
    type Consumer = amqp::Consumer<W>;
    type Events = amqp::Events<W>;
    type Returns = amqp::Returns<W>;

    fn connection(&self) -> &amqp::Connection<W> {
        &self.0
    }

    async fn close(&self) -> Result<(), ConnectionError> {
        self.0.close()
    }

    async fn shutdown(&self, limit: Duration) -> Result<(), ShutdownError> {
        self.0.shutdown(limit)
    }

    async fn closed(&self) -> ConnectionError {
        self.0.closed()
    }

    async fn open_channel(&self) -> Result<amqp::Channel<W>, CallError> {
        self.0.open_channel()
    }

    async fn close_channel(&self, channel: &amqp::Channel<W>) -> Result<(), CallError> {
        channel.close()
    }

    async fn call<M: method::Request>(
        &self,
        request: Request<'_, amqp::Channel<W>, M>,
    ) -> Result<M::Reply, CallError> {
        request.call()
    }

    async fn no_wait<M: method::Request>(
        &self,
        request: NoWait<'_, amqp::Channel<W>, M>,
    ) -> Result<(), CallError> {
        request.call()
    }

    async fn publish(&self, request: Request<'_, amqp::Channel<W>, Publish<'_>>) -> Result<(), PublishError> {
        request.call()
    }

    async fn confirm_select(
        &self,
        request: Request<'_, amqp::Channel<W>, ConfirmSelect>,
    ) -> Result<amqp::Publisher<W>, CallError> {
        request.call()
    }

    async fn publish_confirmed(
        &self,
        request: Request<'_, amqp::Publisher<W>, Publish<'_>>,
    ) -> Result<amqp::Receipt<W>, PublishError> {
        request.call()
    }

    async fn outcome(&self, receipt: amqp::Receipt<W>) -> Result<(), PublishError> {
        receipt.wait()
    }

    async fn outcomes(&self, receipts: amqp::Receipts<W>) -> Result<(), ReceiptsError> {
        receipts.wait()
    }

    async fn wait_for_all(&self, publisher: &amqp::Publisher<W>) -> Result<(), PublishError> {
        publisher.wait_for_all()
    }

    async fn get(
        &self,
        request: Request<'_, amqp::Channel<W>, Get<'_>>,
    ) -> Result<Option<Delivery>, CallError> {
        request.call()
    }

    async fn consume(
        &self,
        request: Request<'_, amqp::Channel<W>, Consume<'_>>,
    ) -> Result<amqp::Consumer<W>, CallError> {
        request.call()
    }

    async fn next(&self, consumer: &mut amqp::Consumer<W>) -> Option<Result<Delivery, ConsumerError>> {
        consumer.next()
    }

    async fn cancel(
        &self,
        consumer: amqp::Consumer<W>,
    ) -> Result<Vec<Result<Delivery, ConsumerError>>, CallError> {
        consumer.cancel()
    }

    fn events(&self, _: &amqp::Channel<W>) -> amqp::Events<W> {
        self.0.events()
    }

    async fn event(&self, events: &mut amqp::Events<W>) -> Option<ConnectionEvent> {
        events.next()
    }

    fn returns(&self, channel: &amqp::Channel<W>) -> amqp::Returns<W> {
        channel.returns()
    }

    async fn returned(&self, returns: &mut amqp::Returns<W>) -> Option<Returned> {
        returns.next()
    }
}
