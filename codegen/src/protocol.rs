//! A protocol revision as resolved facts: nothing here is optional because it is "not known yet".

use std::fmt;

/// A complete protocol revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// Its version.
    pub version: Version,
    /// The TCP port the standard assigns.
    pub port: u16,
    /// Names of the files it was read from, the base first.
    pub sources: Vec<String>,
    /// Constants in the order of the files.
    pub constants: Vec<Constant>,
    /// Domains in the order of the files.
    pub domains: Vec<Domain>,
    /// Classes in the order of the files.
    pub classes: Vec<Class>,
}

/// Version numbers as `<amqp>` states them; prints as `0-9-1` or `0-8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version {
    /// `major`.
    pub major: u8,
    /// `minor`.
    pub minor: u8,
    /// `revision`, 0 when absent.
    pub revision: u8,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            // 0-8 calls itself major 8, minor 0.
            Version {
                major: major @ 1..,
                minor: 0,
                revision: 0,
            } => write!(f, "0-{major}"),
            Version {
                major,
                minor,
                revision: 0,
            } => write!(f, "{major}-{minor}"),
            Version {
                major,
                minor,
                revision,
            } => write!(f, "{major}-{minor}-{revision}"),
        }
    }
}

impl Version {
    /// The four octets after `AMQP` in the protocol header.
    #[must_use]
    pub const fn header(self) -> [u8; 4] {
        match self {
            Version {
                major,
                minor,
                revision: 0,
            } => [1, 1, major, minor],
            Version {
                major,
                minor,
                revision,
            } => [0, major, minor, revision],
        }
    }
}

/// What the document says about an element in prose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Docs {
    /// A few words: the `label`, or the text directly inside the element.
    pub label: String,
    /// Paragraphs, from `<doc>` and `<rule>`.
    pub paragraphs: Vec<String>,
    /// Assertions, one phrase each; brokers do not enforce them.
    pub asserts: Vec<String>,
}

/// A constant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constant {
    /// Name as written.
    pub name: String,
    /// Value.
    pub value: u16,
    /// What it is for.
    pub kind: ConstantKind,
    /// Prose.
    pub docs: Docs,
}

/// What a constant is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConstantKind {
    /// A number of the protocol, such as a frame type.
    Number,
    /// The reply code of success.
    Success,
    /// A reply code that closes the channel.
    SoftError,
    /// A reply code that closes the connection.
    HardError,
}

/// A named restriction of a primitive type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// Name as written.
    pub name: String,
    /// The primitive type it ends in.
    pub wire: WireType,
    /// Prose.
    pub docs: Docs,
}

/// A primitive type: how a field stands on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum WireType {
    /// One bit, packed with the bits beside it.
    Bit,
    /// 8 bits.
    Octet,
    /// 16 bits.
    Short,
    /// 32 bits.
    Long,
    /// 64 bits.
    LongLong,
    /// Up to 255 octets.
    ShortStr,
    /// Up to 2^32 - 1 octets.
    LongStr,
    /// 64 bits, seconds since 1970.
    Timestamp,
    /// A field table.
    Table,
    /// AMQP 0-9's message body: an octet and a long string.
    Content,
}

impl WireType {
    /// The types that a document may name.
    pub const NAMED: [(&'static str, WireType); 9] = [
        ("bit", WireType::Bit),
        ("octet", WireType::Octet),
        ("short", WireType::Short),
        ("long", WireType::Long),
        ("longlong", WireType::LongLong),
        ("shortstr", WireType::ShortStr),
        ("longstr", WireType::LongStr),
        ("timestamp", WireType::Timestamp),
        ("table", WireType::Table),
    ];

    /// The type's name in the grammar.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMED
            .iter()
            .find(|(_, wire)| *wire == self)
            .map_or("content", |(name, _)| name)
    }

    /// Whether its Rust form borrows from the frame.
    #[must_use]
    pub const fn borrows(self) -> bool {
        matches!(
            self,
            WireType::ShortStr | WireType::LongStr | WireType::Table | WireType::Content
        )
    }
}

/// How strongly a peer is bound to support something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Support {
    /// `MUST`
    Must,
    /// `SHOULD`
    Should,
    /// `MAY`
    May,
}

/// Which peers support a class, or receive a method, and how strongly they are bound to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Chassis {
    /// The server's part.
    pub server: Option<Support>,
    /// The client's part.
    pub client: Option<Support>,
}

/// A class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Class {
    /// Name as written.
    pub name: String,
    /// Class id.
    pub index: u16,
    /// Class whose connection or channel it works on.
    pub handler: String,
    /// Who supports it.
    pub chassis: Chassis,
    /// Prose.
    pub docs: Docs,
    /// Content properties; the position is the number of the flag.
    pub properties: Vec<Field>,
    /// Methods in the order of the files.
    pub methods: Vec<Method>,
}

impl Class {
    /// Whether messages of this class carry content, hence a property list (which may be empty).
    #[must_use]
    pub fn has_content(&self) -> bool {
        !self.properties.is_empty() || self.methods.iter().any(|method| method.content)
    }
}

/// A method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    /// Name as written.
    pub name: String,
    /// Method id.
    pub index: u16,
    /// Whether the standard calls it synchronous.
    pub synchronous: bool,
    /// Whether a content header and body follow.
    pub content: bool,
    /// Whether the standard calls it deprecated.
    pub deprecated: bool,
    /// Who receives it; the other peer sends it.
    pub chassis: Chassis,
    /// Names of the methods of the class that answer it.
    pub responses: Vec<String>,
    /// Whether some method names it as a response.
    pub is_response: bool,
    /// Prose.
    pub docs: Docs,
    /// Arguments in the order of the wire.
    pub arguments: Vec<Argument>,
}

impl Method {
    /// The fields of all arguments in the order of the wire.
    pub fn fields(&self) -> impl Iterator<Item = &Field> {
        self.arguments.iter().flat_map(Argument::fields)
    }
}

/// A place in a method's arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// A field with octets of its own.
    Field(Field),
    /// A run of bit fields that share octets, least significant bit first.
    Bits(Vec<Field>),
}

impl Argument {
    /// Its fields: one, or those of the run.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        match self {
            Argument::Field(field) => std::slice::from_ref(field),
            Argument::Bits(fields) => fields,
        }
    }
}

/// A field of a method, or a content property.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Name as written.
    pub name: String,
    /// The domain or type as written.
    pub domain: String,
    /// The primitive type that the domain ends in.
    pub wire: WireType,
    /// Whether it is sent as zero and ignored on receipt.
    pub reserved: bool,
    /// Prose.
    pub docs: Docs,
}
