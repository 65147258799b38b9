//! Which revision of the protocol is on the wire, and where the client's one vocabulary is translated to and from it. What
//! methods mean is the core's matter.

#[cfg(feature = "v0-8")]
mod v0_8;

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use amqp_protocol::method::Arguments;
use amqp_protocol::{ChannelId, DecodeError, ProtocolHeader, TooLong};
use bytes::Bytes;

use crate::config::Config;
use crate::error::{CallError, ConnectionError, Violation};
use crate::methods::basic;

/// A revision of AMQP that this build speaks.
///
/// The client has one vocabulary, [`methods`](crate::methods), whatever the revision. What a revision lacks is an error
/// before anything is sent: [`CallError::Unsupported`](crate::CallError::Unsupported).
///
/// ```
/// use amqp_client::Protocol;
///
/// assert_eq!("0-9-1".parse(), Ok(Protocol::V0_9_1));
/// assert_eq!(Protocol::default().to_string(), "0-9-1");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Protocol {
    /// AMQP 0-9-1, with RabbitMQ's extensions.
    #[default]
    V0_9_1,
    /// AMQP 0-8, as RabbitMQ speaks it. RabbitMQ 4 does not any more.
    ///
    /// It has no confirms, no basic.nack, no bindings between exchanges, no arguments of consumers, and no new secret for an
    /// open connection. A server that blocks publishing cannot say so: it stops reading, and when the transport has taken
    /// nothing for `write_timeout`, the connection ends. It has realms, see [`Config::access_realm`](field@crate::Config::access_realm), and redirects, see
    /// [`Config::insist`](field@crate::Config::insist).
    ///
    /// ```no_run
    /// # #[cfg(all(feature = "tokio", feature = "v0-8"))]
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use amqp_client::{ConnectOptions, Protocol};
    ///
    /// let mut options: ConnectOptions = "amqp://localhost".parse()?;
    /// options.config.protocol = Protocol::V0_8;
    /// let connection = amqp_client::tokio::connect(options).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "v0-8")]
    V0_8,
}

impl Protocol {
    /// The protocol header that asks for it.
    pub const fn header(self) -> ProtocolHeader {
        match self {
            Self::V0_9_1 => ProtocolHeader::V0_9_1,
            #[cfg(feature = "v0-8")]
            Self::V0_8 => ProtocolHeader::V0_8,
        }
    }

    /// The revision that a header asks for, in any form that is in use, if this build speaks it.
    ///
    /// ```
    /// use amqp_client::Protocol;
    /// use amqp_client::protocol::ProtocolHeader;
    ///
    /// assert_eq!(Protocol::of(ProtocolHeader::V0_9_1), Some(Protocol::V0_9_1));
    /// assert_eq!(Protocol::of(ProtocolHeader::V1_0), None);
    /// ```
    pub fn of(header: ProtocolHeader) -> Option<Self> {
        header.version()?.parse().ok()
    }

    /// What a client says in connection.start-ok that it can do.
    pub(crate) const fn capabilities(self) -> &'static [&'static str] {
        match self {
            Self::V0_9_1 => &[
                "authentication_failure_close",
                "basic.nack",
                "connection.blocked",
                "consumer_cancel_notify",
                "exchange_exchange_bindings",
                "publisher_confirms",
            ],
            // RabbitMQ would believe the others too, and crash over a connection.blocked that it cannot write.
            #[cfg(feature = "v0-8")]
            Self::V0_8 => &["authentication_failure_close", "consumer_cancel_notify"],
        }
    }

    /// The name of a method that is not of the vocabulary's revision, and its text; `None` when it is.
    #[cfg_attr(not(feature = "v0-8"), expect(unused_variables, reason = "all methods are"))]
    pub(crate) fn foreign_method(
        self,
        payload: &[u8],
    ) -> Option<Result<(&'static str, String), DecodeError>> {
        match self {
            Self::V0_9_1 => None,
            #[cfg(feature = "v0-8")]
            Self::V0_8 => Some(v0_8::describe(payload)),
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::V0_9_1 => "0-9-1",
            #[cfg(feature = "v0-8")]
            Self::V0_8 => "0-8",
        }
    }
}

/// As the specification writes it: `0-9-1`.
impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Protocol {
    type Err = ProtocolError;

    /// Reads what [`Display`](fmt::Display) writes.
    fn from_str(text: &str) -> Result<Self, ProtocolError> {
        match text {
            "0-9-1" => Ok(Self::V0_9_1),
            #[cfg(feature = "v0-8")]
            "0-8" => Ok(Self::V0_8),
            #[cfg(not(feature = "v0-8"))]
            "0-8" => Err(ProtocolError::NotBuilt { feature: "v0-8" }),
            _ => Err(ProtocolError::Unknown),
        }
    }
}

/// Why a text names no [`Protocol`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// It is the name of no revision that the client speaks.
    #[error("not a revision of AMQP that this client speaks: 0-9-1, or 0-8")]
    Unknown,
    /// This build does not speak it.
    #[error("this build does not speak it: it lacks the feature `{feature}`")]
    NotBuilt {
        /// The feature of this crate that adds it.
        feature: &'static str,
    },
}

/// What translates for one connection, and what its revision makes it remember.
#[derive(Debug)]
pub(crate) enum Dialect {
    /// The vocabulary is that of this revision, so there is nothing to do.
    V0_9_1,
    #[cfg(feature = "v0-8")]
    V0_8(v0_8::Dialect),
}

impl Dialect {
    pub(crate) fn new(protocol: Protocol) -> Self {
        match protocol {
            Protocol::V0_9_1 => Self::V0_9_1,
            #[cfg(feature = "v0-8")]
            Protocol::V0_8 => Self::V0_8(v0_8::Dialect::default()),
        }
    }

    /// The handshake begins: takes what it needs of the settings.
    pub(crate) fn begin(&mut self, config: &Config) -> Result<(), ConnectionError> {
        match self {
            Self::V0_9_1 => {
                let _ = config;
                Ok(())
            }
            #[cfg(feature = "v0-8")]
            Self::V0_8(dialect) => dialect.begin(config),
        }
    }

    /// What writes the methods of a channel, unless they are written as they are.
    #[inline]
    pub(crate) fn translator(&self, channel: ChannelId) -> Option<Translator> {
        match self {
            Self::V0_9_1 => {
                let _ = channel;
                None
            }
            #[cfg(feature = "v0-8")]
            Self::V0_8(dialect) => Some(Translator::V0_8(dialect.encoder(channel))),
        }
    }

    /// Reads a method on channel 0.
    pub(crate) fn receive_on_connection<'a>(
        &mut self,
        payload: &'a [u8],
    ) -> Result<OnConnection<'a>, Violation> {
        match self {
            Self::V0_9_1 => Ok(OnConnection::Method(payload.into())),
            #[cfg(feature = "v0-8")]
            Self::V0_8(dialect) => dialect.receive_on_connection(payload),
        }
    }

    /// Reads a method on another channel, but for basic.deliver, get-ok and return, which have the same octets in every
    /// revision.
    #[inline]
    pub(crate) fn receive_on_channel(
        &mut self,
        channel: ChannelId,
        payload: Bytes,
    ) -> Result<OnChannel, Violation> {
        match self {
            Self::V0_9_1 => {
                let _ = channel;
                Ok(OnChannel::Method(payload))
            }
            #[cfg(feature = "v0-8")]
            Self::V0_8(dialect) => dialect.receive_on_channel(channel, &payload),
        }
    }

    /// What connection.open-ok said.
    pub(crate) fn known_hosts(&self) -> &[String] {
        match self {
            Self::V0_9_1 => &[],
            #[cfg(feature = "v0-8")]
            Self::V0_8(dialect) => &dialect.known_hosts,
        }
    }
}

/// What a method on channel 0 comes to.
#[cfg_attr(
    not(feature = "v0-8"),
    expect(dead_code, reason = "only some revisions redirect")
)]
pub(crate) enum OnConnection<'a> {
    /// A method of the vocabulary: its ids and arguments.
    Method(Cow<'a, [u8]>),
    /// connection.redirect.
    Redirect { host: String, known_hosts: Vec<String> },
}

/// What a method on another channel comes to.
#[cfg_attr(
    not(feature = "v0-8"),
    expect(dead_code, reason = "only some revisions need more")
)]
pub(crate) enum OnChannel {
    /// A method of the vocabulary: its ids and arguments.
    Method(Bytes),
    /// Nothing yet: this frame is the answer.
    Answer(Vec<u8>),
    /// Nothing.
    Nothing,
}

/// Writes the methods of one channel in another revision than the vocabulary's.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Translator {
    #[cfg(feature = "v0-8")]
    V0_8(v0_8::Encoder),
}

// Without other revisions there is no translator, and nothing to be done with what it would be given.
#[cfg_attr(
    not(feature = "v0-8"),
    expect(unused_variables, clippy::ptr_arg, reason = "see above")
)]
impl Translator {
    /// Appends a method in a frame; nothing when it is too large, or the revision lacks it.
    #[cold]
    pub(crate) fn write_method<M: Arguments>(
        self,
        out: &mut Vec<u8>,
        channel: ChannelId,
        method: &M,
        frame_max: u32,
    ) -> Result<(), CallError> {
        match self {
            #[cfg(feature = "v0-8")]
            Self::V0_8(encoder) => encoder.write_method(out, channel, method, frame_max),
        }
    }

    /// The same for basic.publish, which every revision has.
    #[cold]
    pub(crate) fn write_publish(
        self,
        out: &mut Vec<u8>,
        channel: ChannelId,
        publish: &basic::Publish<'_>,
        frame_max: u32,
    ) -> Result<(), TooLong> {
        match self {
            #[cfg(feature = "v0-8")]
            Self::V0_8(encoder) => encoder.write_publish(out, channel, publish, frame_max),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    const ALL: &[Protocol] = &[
        Protocol::V0_9_1,
        #[cfg(feature = "v0-8")]
        Protocol::V0_8,
    ];

    #[test]
    fn every_revision_is_known_by_its_name_and_its_header() {
        for &protocol in ALL {
            assert_eq!(protocol.to_string().parse(), Ok(protocol));
            assert_eq!(Protocol::of(protocol.header()), Some(protocol));
            assert_eq!(protocol.header().version(), Some(protocol.name()));
        }
        assert_eq!(Protocol::of(ProtocolHeader::V1_0_SASL), None);
        assert_eq!("1-0".parse::<Protocol>(), Err(ProtocolError::Unknown));
    }

    #[cfg(not(feature = "v0-8"))]
    #[test]
    fn a_revision_that_is_not_built_says_by_which_feature_it_is() {
        let error = "0-8".parse::<Protocol>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "this build does not speak it: it lacks the feature `v0-8`"
        );
    }

    /// The lines of code of all files below, each with its place; without comments and tests.
    fn code(folder: &Path, lines: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                code(&path, lines);
            } else if name.ends_with(".rs") && name != "tests.rs" {
                let text = fs::read_to_string(&path).unwrap();
                let shipped = text.split("#[cfg(test)]\nmod ").next().unwrap();
                for (number, line) in shipped.lines().enumerate() {
                    if !line.trim_start().starts_with("//") {
                        lines.push((format!("{}:{}", path.display(), number + 1), line.to_owned()));
                    }
                }
            }
        }
    }

    #[test]
    fn no_line_of_code_elsewhere_names_a_revision() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut lines = Vec::new();
        code(&source, &mut lines);
        let allowed = [source.join("dialect"), source.join("lib.rs")];
        let names = |line: &str| {
            ["V0_", "v0_", "v0-", "\"0-8", "\"0-9"]
                .iter()
                .any(|name| line.contains(name))
        };
        let (here, elsewhere): (Vec<_>, Vec<_>) = lines.iter().partition(|(place, _)| {
            allowed
                .iter()
                .any(|path| place.starts_with(path.to_str().unwrap()))
        });
        assert!(here.iter().any(|(_, line)| names(line)) && elsewhere.len() > 5000);
        let found: Vec<_> = elsewhere.iter().filter(|(_, line)| names(line)).collect();
        assert!(found.is_empty(), "{found:#?}");
    }
}
