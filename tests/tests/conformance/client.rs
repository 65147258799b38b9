//! What the scenarios ask of a program in any style, and what an adapter adds to its style. What they then do with it, they
//! say themselves.

use std::future::Future;
use std::time::Duration;

use amqp_client::protocol::method;
use amqp_client::request::{ConfirmSelect, Consume, Get, NoWait, Publish};
use amqp_client::{
    CallError, Channel, ConnectError, ConnectOptions, Connection, ConnectionError, ConnectionEvent,
    ConsumerError, Delivery, PublishError, Publisher, Receipt, Receipts, ReceiptsError, Request, Returned,
    ShutdownError, Style,
};

use crate::peer::Peer;
use crate::stage::Outcome;

/// A way to connect, and to run what goes on then. It is all that an adapter has of its own; the rest is its style's.
pub(crate) trait Adapter: 'static {
    type Client: Client;

    async fn connect(options: ConnectOptions) -> Result<Self::Client, ConnectError>;

    /// Waits until the peer's script has come to its end. Where this thread moves octets, that has to go on meanwhile.
    async fn end(peer: Peer) -> Outcome {
        peer.end()
    }

    /// Runs a scenario on this thread.
    fn run(scenario: impl Future<Output = Outcome>) -> Outcome;
}

pub(crate) type ChannelOf<C> = Channel<<C as Client>::Style>;
pub(crate) type PublisherOf<C> = Publisher<<C as Client>::Style>;
type RequestOf<'a, C, M> = Request<'a, ChannelOf<C>, M>;

/// A connection, and the style's way to wait for each thing. Requests are put together by the handles: those are the same in
/// every style. A function of a style that blocks returns a future that is never pending.
pub(crate) trait Client: Sized {
    type Style: Style + 'static;
    type Consumer;
    type Events;
    type Returns;

    fn connection(&self) -> &Connection<Self::Style>;
    async fn close(&self) -> Result<(), ConnectionError>;
    async fn shutdown(&self, limit: Duration) -> Result<(), ShutdownError>;
    async fn closed(&self) -> ConnectionError;

    async fn open_channel(&self) -> Result<ChannelOf<Self>, CallError>;
    async fn close_channel(&self, channel: &ChannelOf<Self>) -> Result<(), CallError>;
    async fn call<M: method::Request>(&self, request: RequestOf<'_, Self, M>) -> Result<M::Reply, CallError>;
    async fn no_wait<M: method::Request>(
        &self,
        request: NoWait<'_, ChannelOf<Self>, M>,
    ) -> Result<(), CallError>;

    async fn publish(&self, request: RequestOf<'_, Self, Publish<'_>>) -> Result<(), PublishError>;
    async fn confirm_select(
        &self,
        request: RequestOf<'_, Self, ConfirmSelect>,
    ) -> Result<PublisherOf<Self>, CallError>;
    async fn publish_confirmed(
        &self,
        request: Request<'_, PublisherOf<Self>, Publish<'_>>,
    ) -> Result<Receipt<Self::Style>, PublishError>;
    async fn outcome(&self, receipt: Receipt<Self::Style>) -> Result<(), PublishError>;
    async fn outcomes(&self, receipts: Receipts<Self::Style>) -> Result<(), ReceiptsError>;
    async fn wait_for_all(&self, publisher: &PublisherOf<Self>) -> Result<(), PublishError>;

    async fn get(&self, request: RequestOf<'_, Self, Get<'_>>) -> Result<Option<Delivery>, CallError>;
    async fn consume(&self, request: RequestOf<'_, Self, Consume<'_>>) -> Result<Self::Consumer, CallError>;
    async fn next(&self, consumer: &mut Self::Consumer) -> Option<Result<Delivery, ConsumerError>>;
    async fn cancel(
        &self,
        consumer: Self::Consumer,
    ) -> Result<Vec<Result<Delivery, ConsumerError>>, CallError>;

    /// What happens from here on to the connection, and to this channel.
    fn events(&self, channel: &ChannelOf<Self>) -> Self::Events;
    async fn event(&self, events: &mut Self::Events) -> Option<ConnectionEvent>;
    /// What comes back to the channel from here on.
    fn returns(&self, channel: &ChannelOf<Self>) -> Self::Returns;
    async fn returned(&self, returns: &mut Self::Returns) -> Option<Returned>;
}
