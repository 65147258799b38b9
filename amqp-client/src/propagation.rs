//! The context of a trace, carried in the headers of messages: the trait that writes and reads it. What OpenTelemetry makes
//! of it stands in `opentelemetry`.

use std::fmt;

use amqp_protocol::FieldTable;
use amqp_protocol::table::{FieldValue, TableError};

/// Carries the context of a program, such as that of a trace, in the headers of its messages. Given as
/// [`Config::propagator`](field@crate::Config::propagator).
///
/// `OpenTelemetryPropagator`, with the feature `opentelemetry`, is the one for OpenTelemetry. One of your own:
///
/// ```
/// use std::cell::Cell;
///
/// use amqp_client::protocol::FieldTable;
/// use amqp_client::{Config, Headers, Propagator};
///
/// thread_local!(static TENANT: Cell<u32> = const { Cell::new(0) });
///
/// /// Says on whose behalf something is done.
/// struct Tenant;
///
/// impl Propagator for Tenant {
///     fn inject(&self, headers: &mut Headers<'_, '_>) {
///         // A header of 5 octets fits.
///         let _ = headers.set("x-tenant", &TENANT.get().to_string());
///     }
///
///     fn extract(&self, headers: &FieldTable<'_>, within: &mut dyn FnMut()) {
///         let tenant = headers.get("x-tenant");
///         let tenant = tenant.as_ref().and_then(|tenant| tenant.as_str()?.parse().ok());
///         let before = TENANT.replace(tenant.unwrap_or(0));
///         within();
///         TENANT.set(before);
///     }
/// }
///
/// let config = Config::default().propagator(Tenant);
/// ```
pub trait Propagator: Send + Sync {
    /// Adds the headers that carry the current context to a message that is about to be published. Called once for each, at
    /// the first poll of its future, in its span if there is one.
    fn inject(&self, headers: &mut Headers<'_, '_>);

    /// Calls `within` once, while the context that these headers of a received message carry is the current one of the
    /// thread. Called by [`Delivery::in_context`](crate::Delivery::in_context), and before the span of a delivery is made.
    fn extract(&self, headers: &FieldTable<'_>, within: &mut dyn FnMut());
}

impl fmt::Debug for dyn Propagator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Propagator")
    }
}

/// The headers of a message that is about to be published. What its publisher has set stays as it is.
#[derive(Debug)]
pub struct Headers<'m, 'a>(&'m mut Option<FieldTable<'a>>);

impl<'m, 'a> Headers<'m, 'a> {
    /// These headers of a message; `None` are made with the first one that is set.
    pub fn new(headers: &'m mut Option<FieldTable<'a>>) -> Self {
        Self(headers)
    }

    /// The first header of this name.
    pub fn get(&self, name: &str) -> Option<FieldValue<'_>> {
        self.0.as_ref()?.get(name)
    }

    /// Adds a header, unless there is one of this name.
    ///
    /// # Errors
    ///
    /// When the name has more than 255 octets, or the table would become too large. It is as it was then.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), TableError> {
        if self.get(name).is_some() {
            return Ok(());
        }
        match self.0 {
            Some(headers) => headers.append(name, value),
            None => {
                *self.0 = Some(FieldTable::new().with(name, value)?);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_are_there_stay_as_they_are() {
        let mut headers = None;
        let mut carrier = Headers::new(&mut headers);
        assert!(carrier.set(&"n".repeat(256), "v").is_err());
        assert!(carrier.get("a").is_none());
        carrier.set("a", "1").unwrap();
        carrier.set("a", "2").unwrap();
        carrier.set("b", "3").unwrap();
        let expected = FieldTable::from_entries([("a", "1"), ("b", "3")]).unwrap();
        assert_eq!(headers, Some(expected));
        let mut empty = None;
        assert!(Headers::new(&mut empty).set(&"n".repeat(256), "v").is_err());
        assert_eq!(empty, None);
    }
}
