//! What is wrong with a line or a frame: the error object that is printed in its place, and the closed list of its kinds.

use std::borrow::Cow;
use std::collections::BTreeMap;

use amqp_protocol::DecodeError;
use serde::Serialize;

/// Every kind that is printed, and what it means. The first part is about octets, and names what the library's
/// `DecodeErrorKind` names; the second is about the text of a line.
pub(crate) const KINDS: [(&str, &str); 22] = [
    (
        "unexpected_end",
        "a length or a fixed size reaches beyond the last octet",
    ),
    ("trailing_octets", "octets are left after the last field"),
    ("unknown_tag", "no table value has this tag octet"),
    ("too_deep", "tables and arrays are nested deeper than 32"),
    (
        "unknown_class",
        "no class of the revision has this id, or it has no properties",
    ),
    ("unknown_method", "the class has no method of this id"),
    (
        "unknown_property",
        "a property flag is set that the class does not define",
    ),
    ("unknown_frame_type", "no revision has a frame of this type"),
    ("unsupported_frame_type", "an out-of-band or trace frame of 0-8"),
    ("bad_frame_end", "the octet after a payload is not 0xCE"),
    ("heartbeat_on_channel", "a heartbeat on another channel than 0"),
    ("heartbeat_not_empty", "a heartbeat with a payload"),
    ("bad_hex", "not hexadecimal digits in pairs"),
    ("bad_json", "not JSON, or not UTF-8"),
    ("unknown_name", "no class, method or tag has this name"),
    ("unknown_field", "a key that does not belong here"),
    ("missing_field", "a key that belongs here is missing"),
    ("duplicate_field", "a key stands twice in one object"),
    (
        "wrong_type",
        "another type of JSON value is expected, such as an integer",
    ),
    (
        "wrong_length",
        "a short string over 255 octets, a list or digits of another length than needed",
    ),
    ("out_of_range", "a number beyond the range of its type"),
    ("invalid_value", "a value that cannot be built for another reason"),
];

/// An error, as it is printed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Fault {
    /// One of [`KINDS`].
    pub(crate) kind: &'static str,
    /// Where it is: in octets of what is decoded, or of the line's text when that is at fault.
    pub(crate) offset: u64,
    /// What was being read, as in `queue.declare.arguments`.
    pub(crate) context: Cow<'static, str>,
}

impl From<DecodeError> for Fault {
    fn from(error: DecodeError) -> Self {
        Self {
            kind: error.kind.name(),
            offset: error.offset as u64,
            context: Cow::Borrowed(error.context),
        }
    }
}

/// The object in the line of what is at fault.
pub(crate) fn error_object(error: &impl Serialize) -> String {
    super::lines::json(&BTreeMap::from([("error", error)]))
}
