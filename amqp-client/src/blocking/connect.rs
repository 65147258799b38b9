//! Connecting in the blocking styles.

use std::thread;

use super::threaded::{self, Threaded};
use super::{Local, SingleThreaded};
use crate::error::ConnectError;
use crate::handle::Connection;
use crate::options::ConnectOptions;
use crate::reactor;

impl Connection<Threaded> {
    /// Connects by a URI or by options, whose page says [what is tried](ConnectOptions#what-is-tried), and starts the thread
    /// that moves the connection's octets. It ends with the connection. Names are looked up by the system's resolver, which
    /// `connection_timeout` does not limit.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let connection = amqp_client::blocking::Connection::connect("amqp://guest:guest@localhost/%2f")?;
    /// let channel = connection.open_channel()?;
    /// channel.queue_declare("orders").durable().call()?;
    /// channel.basic_publish("", "orders", "one coffee").persistent().call()?;
    /// connection.close()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When the URI is wrong, TLS is asked for and not built in, every attempt failed, or there can be no thread.
    pub fn connect(
        options: impl TryInto<ConnectOptions, Error: Into<ConnectError>>,
    ) -> Result<Self, ConnectError> {
        let (connection, driver, reactor) = reactor::connect(options.try_into().map_err(Into::into)?)?;
        thread::Builder::new()
            .name("amqp-client".to_owned())
            .spawn(move || threaded::drive(driver, reactor))
            .map_err(|error| ConnectError::System(std::sync::Arc::new(error)))?;
        Ok(connection.in_style(Threaded))
    }
}

impl SingleThreaded {
    /// Connects by a URI or by options, as [`blocking::Connection::connect`](super::Connection::connect) does, without a
    /// thread.
    ///
    /// # Errors
    ///
    /// When the URI is wrong, TLS is asked for and not built in, or every attempt failed.
    pub fn connect(
        options: impl TryInto<ConnectOptions, Error: Into<ConnectError>>,
    ) -> Result<Self, ConnectError> {
        let (connection, driver, reactor) = reactor::connect(options.try_into().map_err(Into::into)?)?;
        Ok(connection.in_style(Local::new(driver, reactor)))
    }
}
