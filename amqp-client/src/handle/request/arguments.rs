//! Tables of arguments: any entry by name, and the values that RabbitMQ's own entries take. Which method takes which stands
//! with the methods.

use std::time::Duration;

use amqp_protocol::table::{FieldArray, FieldValue, TableError};
use amqp_protocol::{FieldTable, LongStr};

use super::Request;

/// A method with a table of arguments, which [`argument`](Request::argument) adds to.
pub trait HasArguments<'a> {
    /// The table.
    fn arguments(&mut self) -> &mut FieldTable<'a>;
}

macro_rules! has_arguments {
    ($($method:ty),* $(,)?) => { $(
        impl<'a> HasArguments<'a> for $method {
            fn arguments(&mut self) -> &mut FieldTable<'a> {
                &mut self.arguments
            }
        }
    )* };
}

has_arguments! {
    crate::methods::exchange::Declare<'a>, crate::methods::exchange::Bind<'a>,
    crate::methods::exchange::Unbind<'a>, crate::methods::queue::Declare<'a>,
    crate::methods::queue::Bind<'a>, crate::methods::queue::Unbind<'a>,
    crate::methods::basic::Consume<'a>,
}

/// An option of each method with a table of arguments.
impl<'a, C, M: HasArguments<'a>> Request<'a, C, M> {
    /// Adds an argument by its name on the wire, such as `x-max-length`. RabbitMQ takes the first of several of one name.
    ///
    /// ```no_run
    /// # async fn example(channel: amqp_client::Channel) -> Result<(), Box<dyn std::error::Error>> {
    /// channel.queue_declare("orders").argument("x-max-length", 1000).argument("x-team", "kitchen").await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn argument<'n, 'v>(
        self,
        name: name!('n),
        value: impl TryInto<FieldValue<'v>, Error: Into<TableError>>,
    ) -> Self {
        self.append("arguments", M::arguments, name, value)
    }

    /// Adds an argument whose value may not fit.
    pub(in crate::handle) fn typed(mut self, name: &'static str, value: impl Argument) -> Self {
        match value.into_value() {
            Ok(value) => self.append(name, M::arguments, name, value),
            Err(error) => {
                self.keep_fault(name, error);
                self
            }
        }
    }

    /// Adds an argument that is the name of something, a long string on the wire.
    pub(in crate::handle) fn name_argument(mut self, name: &'static str, value: name!('a)) -> Self {
        let value = self.keep(name, value);
        // Far below a long string's limit.
        let value = LongStr::try_from(value.as_bytes()).unwrap_or_default();
        self.append(name, M::arguments, name, FieldValue::LongString(value))
    }
}

impl<'a, C, M> Request<'a, C, M> {
    /// Adds an entry to a table of the method.
    pub(in crate::handle) fn append<'n, 'v>(
        mut self,
        argument: &'static str,
        table: impl FnOnce(&mut M) -> &mut FieldTable<'a>,
        name: name!('n),
        value: impl TryInto<FieldValue<'v>, Error: Into<TableError>>,
    ) -> Self {
        if let Err(error) = table(&mut self.method).append(name, value) {
            self.keep_fault(argument, error);
        }
        self
    }
}

impl<C, M> Request<'_, C, M> {
    /// The values as an array; one that does not fit is kept as the request's fault.
    pub(in crate::handle) fn keep_array<'v>(
        &mut self,
        argument: &'static str,
        values: impl IntoIterator<Item: TryInto<FieldValue<'v>, Error: Into<TableError>>>,
    ) -> FieldArray<'static> {
        FieldArray::from_values(values).unwrap_or_else(|error| {
            self.keep_fault(argument, error);
            FieldArray::default()
        })
    }
}

/// Settings that are one argument of the method each: `setter(type) "name"`, `setter(name)` for names of things, `setter()`
/// for what is true or absent.
macro_rules! typed_arguments {
    ($($(#[$doc:meta])* $setter:ident $value:tt $name:literal)*) => { $(
        typed_arguments!(@ $(#[$doc])* $setter $value $name);
    )* };
    (@ $(#[$doc:meta])* $setter:ident () $name:literal) => {
        $(#[$doc])*
        pub fn $setter(self) -> Self {
            self.typed($name, true)
        }
    };
    (@ $(#[$doc:meta])* $setter:ident (name) $name:literal) => {
        $(#[$doc])*
        pub fn $setter(self, $setter: name!('a)) -> Self {
            self.name_argument($name, $setter)
        }
    };
    (@ $(#[$doc:meta])* $setter:ident ($value:ty) $name:literal) => {
        $(#[$doc])*
        pub fn $setter(self, $setter: $value) -> Self {
            self.typed($name, $setter)
        }
    };
}

/// The value of an argument in the type that RabbitMQ wants.
pub(in crate::handle) trait Argument {
    fn into_value(self) -> Result<FieldValue<'static>, TableError>;
}

impl Argument for bool {
    fn into_value(self) -> Result<FieldValue<'static>, TableError> {
        Ok(self.into())
    }
}

/// Integers have the widest tag: RabbitMQ takes any.
macro_rules! integers {
    ($($integer:ty),*) => { $(
        impl Argument for $integer {
            fn into_value(self) -> Result<FieldValue<'static>, TableError> {
                Ok(i64::from(self).into())
            }
        }
    )* };
}

integers!(u8, u32, i32);

impl Argument for u64 {
    fn into_value(self) -> Result<FieldValue<'static>, TableError> {
        Ok(i64::try_from(self)?.into())
    }
}

/// Milliseconds, rounded up.
impl Argument for Duration {
    fn into_value(self) -> Result<FieldValue<'static>, TableError> {
        let milliseconds = self.as_nanos().div_ceil(1_000_000);
        Ok(i64::try_from(milliseconds)
            .map_err(TableError::OutOfRange)?
            .into())
    }
}

/// A time in whole seconds, rounded up, with its unit: RabbitMQ's form for streams.
pub(super) struct Seconds(pub(super) Duration);

impl Argument for Seconds {
    fn into_value(self) -> Result<FieldValue<'static>, TableError> {
        let seconds = self.0.as_nanos().div_ceil(1_000_000_000);
        let text = LongStr::try_from(format!("{seconds}s")).map_err(TableError::TooLong)?;
        Ok(FieldValue::LongString(text))
    }
}

/// Choices that are a word on the wire.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident $text:literal),* $(,)? })*) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $name { $( $(#[$word_doc])* $word, )* }

        impl $name {
            /// The word on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$word => $text, )* }
            }
        }

        impl Argument for $name {
            fn into_value(self) -> Result<FieldValue<'static>, TableError> {
                Ok(FieldValue::LongString(LongStr::from_static(self.as_str())))
            }
        }
    )* };
}

words! {
    /// What a queue is, once and for all.
    QueueType {
        /// On one node. What a queue is unless it says so.
        Classic "classic",
        /// Replicated, with a majority of its nodes behind each confirmed message. Must be durable.
        Quorum "quorum",
        /// A replicated log that consumers read from any place and that acks do not shorten. Must be durable.
        Stream "stream",
    }

    /// What a queue at its maximum length does.
    Overflow {
        /// Drops or dead-letters its oldest message. The default.
        DropHead "drop-head",
        /// Refuses what is published: basic.nack to a publisher that asked for confirms.
        RejectPublish "reject-publish",
        /// The same, and dead-letters what it refused. Classic queues only.
        RejectPublishDlx "reject-publish-dlx",
    }

    /// How sure a quorum queue's dead letters are.
    DeadLetterStrategy {
        /// They may be lost on the way. The default.
        AtMostOnce "at-most-once",
        /// They are kept until the target queues have them. Wants [`Overflow::RejectPublish`].
        AtLeastOnce "at-least-once",
    }

    /// Where a classic queue keeps its messages.
    QueueMode {
        /// In memory while there is room. The default.
        Default "default",
        /// On disk as early as possible. RabbitMQ 3.12 and newer take no notice.
        Lazy "lazy",
    }

    /// Which node a new queue's leader is on.
    QueueLeaderLocator {
        /// The one that the client is connected to. The default.
        ClientLocal "client-local",
        /// One with few leaders.
        Balanced "balanced",
    }

    /// Which headers of a message a binding to a headers exchange wants, its own arguments being names and values of headers.
    XMatch {
        /// All of them. The default.
        All "all",
        /// One of them.
        Any "any",
        /// All of them, those whose names begin with `x-` included.
        AllWithX "all-with-x",
        /// One of them, those whose names begin with `x-` included.
        AnyWithX "any-with-x",
    }
}

/// Where a consumer begins to read a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StreamOffset {
    /// The first message there is.
    First,
    /// The last chunk of messages that was written.
    Last,
    /// What is published from now on. The default.
    Next,
    /// The message with this number, or the first behind it.
    Offset(u64),
    /// The chunk written at this time, in seconds since 1970-01-01 00:00 UTC.
    Timestamp(u64),
    /// So long ago, in whole seconds, rounded up.
    Interval(Duration),
}

impl Argument for StreamOffset {
    fn into_value(self) -> Result<FieldValue<'static>, TableError> {
        let word = |text| Ok(FieldValue::LongString(LongStr::from_static(text)));
        match self {
            Self::First => word("first"),
            Self::Last => word("last"),
            Self::Next => word("next"),
            Self::Offset(number) => number.into_value(),
            Self::Timestamp(seconds) => Ok(FieldValue::Timestamp(seconds)),
            Self::Interval(interval) => Seconds(interval).into_value(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_up_and_those_beyond_the_wire_do_not_fit() {
        let value = |time: Duration| time.into_value().map(|value| value.as_i64());
        assert_eq!(value(Duration::ZERO).unwrap(), Some(0));
        assert_eq!(value(Duration::from_micros(1)).unwrap(), Some(1));
        assert_eq!(value(Duration::from_secs(60)).unwrap(), Some(60_000));
        assert!(matches!(value(Duration::MAX), Err(TableError::OutOfRange(_))));
        let seconds = Seconds(Duration::from_millis(1500)).into_value().unwrap();
        assert_eq!(seconds.as_str(), Some("2s"));
    }
}
