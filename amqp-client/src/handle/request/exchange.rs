//! Requests of class exchange: declare, delete, bind, unbind.

use crate::methods::exchange;

use super::Request;
use super::arguments::XMatch;
use crate::handle::channel::Channel;
use crate::handle::style::Style;

impl<S: Style> Channel<S> {
    /// Begins exchange.declare with a type such as `direct`, `fanout`, `topic` or `headers`. An exchange that is there must
    /// have the same type and settings. RabbitMQ closes the connection for an unknown type (3.10), or the channel (4.0).
    ///
    /// Options: `passive`, `durable`, `auto_delete`, [`internal`](Request::internal),
    /// [`alternate_exchange`](Request::alternate_exchange), [`argument`](Request::argument).
    ///
    /// ```no_run
    /// # async fn example(channel: amqp_client::Channel) -> Result<(), amqp_client::CallError> {
    /// channel.exchange_declare("events", "topic").durable().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn exchange_declare<'a>(
        &'a self,
        exchange: name!('a),
        r#type: name!('a),
    ) -> Request<'a, Self, exchange::Declare<'a>> {
        let mut request = Request::new(self, exchange::Declare::default());
        request.method.exchange = request.keep("exchange", exchange);
        request.method.r#type = request.keep("type", r#type);
        request
    }

    /// Begins exchange.delete. RabbitMQ takes it well when there is no such exchange.
    ///
    /// Option: `if_unused`, on the page of [`Request`].
    ///
    /// ```no_run
    /// # async fn example(channel: amqp_client::Channel) -> Result<(), amqp_client::CallError> {
    /// channel.exchange_delete("events").if_unused().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn exchange_delete<'a>(&'a self, exchange: name!('a)) -> Request<'a, Self, exchange::Delete<'a>> {
        let mut request = Request::new(self, exchange::Delete::default());
        request.method.exchange = request.keep("exchange", exchange);
        request
    }

    /// Begins exchange.bind, RabbitMQ's addition: `destination` gets what is published to `source` and matches.
    ///
    /// Options: `x_match`, [`argument`](Request::argument).
    ///
    /// ```no_run
    /// # async fn example(channel: amqp_client::Channel) -> Result<(), amqp_client::CallError> {
    /// channel.exchange_bind("audit", "events", "payment.#").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn exchange_bind<'a>(
        &'a self,
        destination: name!('a),
        source: name!('a),
        routing_key: name!('a),
    ) -> Request<'a, Self, exchange::Bind<'a>> {
        let mut request = Request::new(self, exchange::Bind::default());
        request.method.destination = request.keep("destination", destination);
        request.method.source = request.keep("source", source);
        request.method.routing_key = request.keep("routing_key", routing_key);
        request
    }

    /// Begins exchange.unbind. It removes the binding of these names, this routing key and these arguments.
    ///
    /// Options: `x_match`, [`argument`](Request::argument).
    ///
    /// ```no_run
    /// # async fn example(channel: amqp_client::Channel) -> Result<(), amqp_client::CallError> {
    /// channel.exchange_unbind("audit", "events", "payment.#").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn exchange_unbind<'a>(
        &'a self,
        destination: name!('a),
        source: name!('a),
        routing_key: name!('a),
    ) -> Request<'a, Self, exchange::Unbind<'a>> {
        let mut request = Request::new(self, exchange::Unbind::default());
        request.method.destination = request.keep("destination", destination);
        request.method.source = request.keep("source", source);
        request.method.routing_key = request.keep("routing_key", routing_key);
        request
    }
}

/// Options of [`Channel::exchange_declare`].
impl<'a, C> Request<'a, C, exchange::Declare<'a>> {
    bits! {
        /// Only checks that the exchange exists: 404 closes the channel when it does not. All but its name is ignored.
        passive
        /// The exchange survives a restart of the server.
        durable
        /// The exchange is deleted when nothing is bound to it any more.
        auto_delete
        /// Only other exchanges can publish to it.
        internal
    }

    typed_arguments! {
        /// `alternate-exchange`: where messages go that this one cannot route.
        alternate_exchange(name) "alternate-exchange"
    }
}

/// Options of [`Channel::exchange_delete`].
impl<'a, C> Request<'a, C, exchange::Delete<'a>> {
    bits! {
        /// Refuses when something is bound to the exchange.
        if_unused
    }
}

/// Options of [`Channel::exchange_bind`].
impl<'a, C> Request<'a, C, exchange::Bind<'a>> {
    typed_arguments! {
        /// `x-match`: for a headers exchange, how many of the other arguments a message's headers must match.
        x_match(XMatch) "x-match"
    }
}

/// Options of [`Channel::exchange_unbind`].
impl<'a, C> Request<'a, C, exchange::Unbind<'a>> {
    typed_arguments! {
        /// `x-match`, as the binding has it.
        x_match(XMatch) "x-match"
    }
}
