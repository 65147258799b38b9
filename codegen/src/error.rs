//! What can be wrong with a specification: one documented variant per mistake, each tied to a file and a line.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

/// A place in a specification file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// The file's name, as the caller gave it.
    pub file: Arc<str>,
    /// Line, counted from 1.
    pub line: u32,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// One fault and where it is; prints as `file:line: what is wrong, and what was expected`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{position}: {fault}")]
pub struct SpecError {
    /// Where the fault is.
    pub position: Position,
    /// What is wrong.
    pub fault: Fault,
}

/// All faults found in a specification, in the order of files and lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecErrors(Vec<SpecError>);

impl SpecErrors {
    /// The faults; there is at least one.
    #[must_use]
    pub fn as_slice(&self) -> &[SpecError] {
        &self.0
    }
}

impl From<SpecError> for SpecErrors {
    fn from(error: SpecError) -> Self {
        Self(vec![error])
    }
}

impl fmt::Display for SpecErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for SpecErrors {}

/// Collects faults, so that one run reports all of them, each once.
#[derive(Debug, Default)]
pub(crate) struct Faults(HashSet<SpecError>);

impl Faults {
    pub(crate) fn report(&mut self, position: &Position, fault: Fault) {
        self.0.insert(SpecError {
            position: position.clone(),
            fault,
        });
    }

    pub(crate) fn extend(&mut self, errors: SpecErrors) {
        self.0.extend(errors.0);
    }

    /// `value`, if there is one and nothing was reported; what cannot make a value reports why.
    pub(crate) fn or_errors<T>(self, value: Option<T>) -> Result<T, SpecErrors> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => Err(self.into_errors()),
        }
    }

    fn into_errors(self) -> SpecErrors {
        let mut errors: Vec<SpecError> = self.0.into_iter().collect();
        errors.sort_by_cached_key(|error| (error.position.clone(), error.fault.to_string()));
        SpecErrors(errors)
    }
}

/// What there is to choose from, as far as a message has room for it.
pub(crate) fn listed<'n>(mut names: impl Iterator<Item = &'n str>) -> String {
    const ROOM: usize = 24;
    let shown: Vec<&str> = names.by_ref().take(ROOM).collect();
    match (shown.is_empty(), names.next()) {
        (true, _) => "none".to_owned(),
        (false, None) => shown.join(", "),
        (false, Some(_)) => format!("{} and more", shown.join(", ")),
    }
}

/// A kind of fault.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// The file holds no element at all.
    #[error("the file is empty; expected an <amqp> document")]
    Empty,
    /// The file is larger than a specification can sensibly be.
    #[error("the file has {octets} octets; expected at most {limit}")]
    TooLarge {
        /// Size of the file in octets.
        octets: u64,
        /// The limit in octets.
        limit: u64,
    },
    /// The file is not UTF-8.
    #[error("the file is not UTF-8; expected UTF-8, to which UTF-16 or another encoding must be converted")]
    NotUtf8,
    /// The XML declaration names another encoding than UTF-8.
    #[error("the XML declaration says encoding `{encoding}`; expected UTF-8")]
    Encoding {
        /// The encoding that was declared.
        encoding: String,
    },
    /// The text is not well-formed XML.
    #[error("not well-formed XML: {message}")]
    Xml {
        /// What the XML parser says.
        message: String,
    },
    /// The file was cut off before an element was closed.
    #[error("the file ends inside <{element}>; expected </{element}>")]
    UnexpectedEnd {
        /// The innermost open element.
        element: String,
    },
    /// The document type declares entities; expanding them could fill the memory.
    #[error("the document type declares entities; expected none, write the text itself")]
    EntityDeclaration,
    /// An entity that XML does not predefine.
    #[error("unknown entity `&{name};`; expected a character reference or one of lt, gt, amp, quot, apos")]
    UnknownEntity {
        /// Name of the entity.
        name: String,
    },
    /// The document is in a grammar of another AMQP version.
    #[error(
        "this is the grammar of {grammar}; expected that of AMQP 0-8, 0-9 or 0-9-1, an <amqp> with <class> elements"
    )]
    OtherGrammar {
        /// Name of the grammar that was recognised.
        grammar: &'static str,
    },
    /// The root element is not `<amqp>`.
    #[error("the root element is <{element}>; expected <amqp>")]
    NotAmqp {
        /// The element found.
        element: String,
    },
    /// More than one root element, or text outside of it.
    #[error("{found} after the end of </amqp>; expected the end of the file")]
    AfterRoot {
        /// What was found.
        found: String,
    },
    /// An element that the grammar does not know at this place.
    #[error("<{element}> inside <{parent}>; expected {expected}")]
    UnexpectedElement {
        /// The element found.
        element: String,
        /// The element around it.
        parent: &'static str,
        /// What may stand there.
        expected: String,
    },
    /// An attribute that the grammar does not know on this element.
    #[error("attribute `{attribute}` on <{element}>; expected one of {expected}")]
    UnknownAttribute {
        /// The attribute found.
        attribute: String,
        /// The element that carries it.
        element: &'static str,
        /// The attributes it may carry.
        expected: String,
    },
    /// An attribute that must be there is not.
    #[error("<{element}> lacks the attribute `{attribute}`; expected {expected}")]
    MissingAttribute {
        /// The element.
        element: &'static str,
        /// The attribute that is missing.
        attribute: &'static str,
        /// What it should hold.
        expected: &'static str,
    },
    /// An attribute whose value cannot be.
    #[error("`{attribute}=\"{value}\"`; expected {expected}")]
    BadValue {
        /// The attribute.
        attribute: &'static str,
        /// Its value.
        value: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// The document says nothing: it has no class.
    #[error("the document has no <class>; expected at least one")]
    NoClasses,
    /// Two elements of one kind with the same name.
    #[error("{kind} `{name}` stands twice; expected one, the first is at {first}")]
    DuplicateName {
        /// Kind of the element, for example `method`.
        kind: &'static str,
        /// The name.
        name: String,
        /// Where the first one is.
        first: Position,
    },
    /// Two classes, or two methods of one class, with the same index.
    #[error("{kind} `{name}` has index {index}, which `{other}` at {first} has too; expected another index")]
    DuplicateIndex {
        /// Kind of the element, `class` or `method`.
        kind: &'static str,
        /// The name.
        name: String,
        /// The index.
        index: u16,
        /// Name of the first element with it.
        other: String,
        /// Where the first one is.
        first: Position,
    },
    /// Two reply codes with the same value.
    #[error(
        "constant `{name}` has value {value}, which `{other}` at {first} has too; expected another value"
    )]
    DuplicateReplyCode {
        /// The name.
        name: String,
        /// The value.
        value: u16,
        /// Name of the first constant with it.
        other: String,
        /// Where the first one is.
        first: Position,
    },
    /// Two names that become one name in Rust.
    #[error(
        "{kind} `{name}` becomes `{rust}` in Rust, as does {other} at {first}; expected names that stay apart"
    )]
    NameCollision {
        /// Kind of the element.
        kind: &'static str,
        /// The name as written.
        name: String,
        /// The Rust name.
        rust: String,
        /// What has the name already.
        other: String,
        /// Where that is.
        first: Position,
    },
    /// A name that has no Rust form.
    #[error(
        "{kind} name `{name}` has no form in Rust; expected ASCII letters, digits, `-`, `_` and spaces, a letter first"
    )]
    BadName {
        /// Kind of the element.
        kind: &'static str,
        /// The name as written.
        name: String,
    },
    /// A field with neither `domain` nor `type`.
    #[error("field `{field}` has neither `domain` nor `type`; expected one of them")]
    FieldWithoutType {
        /// The field.
        field: String,
    },
    /// A field with both `domain` and `type`.
    #[error("field `{field}` has both `domain` and `type`; expected one of them")]
    FieldWithTwoTypes {
        /// The field.
        field: String,
    },
    /// A domain that is not defined, nor a primitive type.
    #[error("unknown domain `{domain}`; expected a <domain> of this document or one of {primitives}")]
    UnknownDomain {
        /// The domain.
        domain: String,
        /// The primitive types.
        primitives: String,
    },
    /// Domains that are defined by each other.
    #[error(
        "domain `{domain}` is defined by itself: {chain}; expected a chain that ends in a primitive type"
    )]
    CyclicDomain {
        /// The domain.
        domain: String,
        /// The domains on the way, from the domain back to it.
        chain: String,
    },
    /// A response that names no method of the class.
    #[error(
        "response `{response}` of method `{method}` is no method of class `{class}`; expected one of {methods}"
    )]
    UnknownResponse {
        /// The response.
        response: String,
        /// The method that has it.
        method: String,
        /// The class.
        class: String,
        /// The methods of the class.
        methods: String,
    },
    /// A synchronous request that nobody may send, or a method without a chassis.
    #[error("method `{method}` has no <chassis>; expected `server`, `client` or both, those that receive it")]
    NoChassis {
        /// The method.
        method: String,
    },
    /// More properties than flag words are read for.
    #[error("class `{class}` has {count} properties; expected at most {limit}")]
    TooManyProperties {
        /// The class.
        class: String,
        /// How many properties it has.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// A property marked as reserved has no meaning on the wire.
    #[error("property `{property}` says `reserved`; expected a property that is present or absent")]
    ReservedProperty {
        /// The property.
        property: String,
    },
    /// An overlay of another protocol version.
    #[error("the overlay is for AMQP {overlay}; expected {base}, the version of {file}")]
    OverlayVersion {
        /// The overlay's version.
        overlay: String,
        /// The base's version.
        base: String,
        /// The base's file.
        file: Arc<str>,
    },
    /// An overlay defines what the base has, and does not say that it means to.
    #[error(
        "{kind} `{name}` exists at {first}; expected `overlay=\"extend\"` or `overlay=\"replace NAME\"` to change it"
    )]
    OverlayExists {
        /// Kind of the element.
        kind: &'static str,
        /// The name.
        name: String,
        /// Where the base has it.
        first: Position,
    },
    /// An overlay extends or replaces what the base does not have.
    #[error("there is no {kind} `{name}` to {verb}; expected one of {names}")]
    OverlayMissing {
        /// Kind of the element.
        kind: &'static str,
        /// The name.
        name: String,
        /// `extend` or `replace`.
        verb: &'static str,
        /// What the base has there.
        names: String,
    },
    /// An overlay changes an attribute to another value while extending.
    #[error(
        "extending {kind} `{name}` sets `{attribute}=\"{value}\"`, which is \"{base}\" at {first}; expected the same value or none"
    )]
    OverlayAttribute {
        /// Kind of the element.
        kind: &'static str,
        /// The name.
        name: String,
        /// The attribute.
        attribute: String,
        /// The value in the overlay.
        value: String,
        /// The value in the base.
        base: String,
        /// Where the base has it.
        first: Position,
    },
    /// A replacement whose index differs.
    #[error("replacing {kind} `{name}` changes its index from {base} to {index}; expected the same index")]
    OverlayIndex {
        /// Kind of the element.
        kind: &'static str,
        /// The element that is replaced.
        name: String,
        /// The index in the base.
        base: String,
        /// The index in the overlay.
        index: String,
    },
    /// A replacement field whose wire type differs.
    #[error(
        "replacing field `{field}` changes its wire type from {base} to {replacement}; expected the same type"
    )]
    OverlayType {
        /// The field that is replaced.
        field: String,
        /// The wire type in the base.
        base: &'static str,
        /// The wire type in the overlay.
        replacement: &'static str,
    },
    /// The attribute `overlay` in a document that is no overlay, or inside an element that is new.
    #[error(
        "`overlay` on <{element}>; expected it only in an overlay, on an element that stands for one of the base"
    )]
    OverlayMisplaced {
        /// The element.
        element: &'static str,
    },
}
