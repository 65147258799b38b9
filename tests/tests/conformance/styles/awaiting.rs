//! Programs with `async`: everything is awaited.

use std::time::Duration;

use amqp_client::protocol::method;
use amqp_client::request::{ConfirmSelect, Consume, Get, NoWait, Publish};
use amqp_client::{
    Async, CallError, Channel, Connection, ConnectionError, ConnectionEvent, Consumer, ConsumerError,
    Delivery, Events, PublishError, Publisher, Receipt, Receipts, ReceiptsError, Request, Returned, Returns,
    ShutdownError,
};

use crate::client::Client;

/// A connection of any runtime.
pub(crate) struct Awaiting(pub(crate) Connection);

impl Client for Awaiting {
    type Style = Async;
    type Consumer = Consumer;
    type Events = Events;
    type Returns = Returns;

    fn connection(&self) -> &Connection {
        &self.0
    }

    async fn close(&self) -> Result<(), ConnectionError> {
        self.0.close().await
    }

    async fn shutdown(&self, limit: Duration) -> Result<(), ShutdownError> {
        self.0.shutdown(limit).await
    }

    async fn closed(&self) -> ConnectionError {
        self.0.closed().await
    }

    async fn open_channel(&self) -> Result<Channel, CallError> {
        self.0.open_channel().await
    }

    async fn close_channel(&self, channel: &Channel) -> Result<(), CallError> {
        channel.close().await
    }

    async fn call<M: method::Request>(
        &self,
        request: Request<'_, Channel, M>,
    ) -> Result<M::Reply, CallError> {
        request.await
    }

    async fn no_wait<M: method::Request>(&self, request: NoWait<'_, Channel, M>) -> Result<(), CallError> {
        request.await
    }

    async fn publish(&self, request: Request<'_, Channel, Publish<'_>>) -> Result<(), PublishError> {
        request.await
    }

    async fn confirm_select(
        &self,
        request: Request<'_, Channel, ConfirmSelect>,
    ) -> Result<Publisher, CallError> {
        request.await
    }

    async fn publish_confirmed(
        &self,
        request: Request<'_, Publisher, Publish<'_>>,
    ) -> Result<Receipt, PublishError> {
        request.await
    }

    async fn outcome(&self, receipt: Receipt) -> Result<(), PublishError> {
        receipt.await
    }

    async fn outcomes(&self, receipts: Receipts) -> Result<(), ReceiptsError> {
        receipts.await
    }

    async fn wait_for_all(&self, publisher: &Publisher) -> Result<(), PublishError> {
        publisher.wait_for_all().await
    }

    async fn get(&self, request: Request<'_, Channel, Get<'_>>) -> Result<Option<Delivery>, CallError> {
        request.await
    }

    async fn consume(&self, request: Request<'_, Channel, Consume<'_>>) -> Result<Consumer, CallError> {
        request.await
    }

    async fn next(&self, consumer: &mut Consumer) -> Option<Result<Delivery, ConsumerError>> {
        consumer.next().await
    }

    async fn cancel(&self, consumer: Consumer) -> Result<Vec<Result<Delivery, ConsumerError>>, CallError> {
        consumer.cancel().await
    }

    fn events(&self, _: &Channel) -> Events {
        self.0.events()
    }

    async fn event(&self, events: &mut Events) -> Option<ConnectionEvent> {
        events.next().await
    }

    fn returns(&self, channel: &Channel) -> Returns {
        channel.returns()
    }

    async fn returned(&self, returns: &mut Returns) -> Option<Returned> {
        returns.next().await
    }
}
