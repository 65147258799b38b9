//! What the program needs to know of a revision: its methods, its content properties, and the names of its classes.

use amqp_protocol::{Decode, DecodeError, Encode, Properties, Reader};
use serde::Serialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Error};

use super::json::{Fields, JsonError, Node};

/// Which revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// AMQP 0-9-1 with RabbitMQ's extensions.
    V0_9_1,
    /// AMQP 0-8 as RabbitMQ speaks it.
    V0_8,
}

/// A class that has properties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ContentClass {
    /// Its name in the specification.
    pub(crate) name: &'static str,
    /// What errors call its properties, as in `basic.properties`.
    pub(crate) context: &'static str,
    /// The id in a content header.
    pub(crate) id: u16,
}

/// A revision of the protocol.
pub(crate) trait Revision {
    /// Any method.
    type Method<'a>: Decode<'a> + Encode + Serialize;
    /// The properties of any class that has some.
    type Properties<'a>: Encode + Serialize;
    /// The names and ids of the classes that have properties.
    const CONTENT_CLASSES: &'static [ContentClass];

    /// Decodes the properties of a class.
    fn decode_properties<'a>(
        class_id: u16,
        reader: &mut Reader<'a>,
    ) -> Result<Self::Properties<'a>, DecodeError>;

    /// The class of this id, if it has properties.
    fn content_class(id: u16) -> Option<ContentClass> {
        let mut classes = Self::CONTENT_CLASSES.iter().copied();
        classes.find(|class| class.id == id)
    }

    /// Reads the method of this class from the entries `method` and `arguments`.
    fn read_method(class: Node<'_>, fields: Fields<'_>) -> Result<Self::Method<'static>, JsonError>;

    /// Reads the properties of this class.
    fn read_properties(class: &str, node: Node<'_>) -> Result<Self::Properties<'static>, JsonError>;
}

macro_rules! revision {
    ($name:ident, $module:ident: $($class:ident $variant:ident),*; with properties: $($content:ident $content_variant:ident),*) => {
        #[doc = concat!("The methods and properties of `", stringify!($module), "`.")]
        pub(crate) enum $name {}

        const _: () = {
            use amqp_protocol::$module::{self, ContentProperties, Method};

            /// The properties alone, without the name of their class.
            pub(crate) struct Shown<'a>(ContentProperties<'a>);

            impl Serialize for Shown<'_> {
                fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    match &self.0 {
                        $(ContentProperties::$content_variant(properties) => properties.serialize(serializer),)*
                    }
                }
            }

            impl Encode for Shown<'_> {
                fn encoded_len(&self) -> usize {
                    self.0.encoded_len()
                }

                fn encode(&self, writer: &mut amqp_protocol::Writer<'_>) {
                    self.0.encode(writer);
                }
            }

            impl Revision for $name {
                type Method<'a> = Method<'a>;
                type Properties<'a> = Shown<'a>;
                const CONTENT_CLASSES: &'static [ContentClass] = &[
                    $(ContentClass {
                        name: $module::$content::Properties::CLASS,
                        context: concat!(stringify!($content), ".properties"),
                        id: $module::$content::Properties::CLASS_ID,
                    }),*
                ];

                fn decode_properties<'a>(
                    class_id: u16,
                    reader: &mut Reader<'a>,
                ) -> Result<Shown<'a>, DecodeError> {
                    ContentProperties::decode(class_id, reader).map(Shown)
                }

                fn read_method(class: Node<'_>, fields: Fields<'_>) -> Result<Method<'static>, JsonError> {
                    let fields = MapAccessDeserializer::new(fields);
                    match class.name("class")?.as_str() {
                        $(stringify!($class) => Deserialize::deserialize(fields).map(Method::$variant),)*
                        name => Err(JsonError::unknown_variant(name, &[]).within("class").at(class)),
                    }
                }

                fn read_properties(class: &str, node: Node<'_>) -> Result<Shown<'static>, JsonError> {
                    match class {
                        $(stringify!($content) => Deserialize::deserialize(node)
                            .map(|properties| Shown(ContentProperties::$content_variant(properties))),)*
                        _ => Err(JsonError::unknown_variant(class, &[])),
                    }
                }
            }
        };
    };
}

revision!(V0_9_1, v0_9_1:
    connection Connection, channel Channel, exchange Exchange, queue Queue, basic Basic, tx Tx, confirm Confirm;
    with properties: basic Basic);
revision!(V0_8, v0_8:
    connection Connection, channel Channel, access Access, exchange Exchange, queue Queue, basic Basic, file File,
    stream Stream, tx Tx, dtx Dtx, tunnel Tunnel, test Test;
    with properties: basic Basic, file File, stream Stream, tunnel Tunnel, test Test);
