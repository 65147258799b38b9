//! The XML of a specification as a tree of known elements, one to one and with line numbers; it interprets no value.

use std::fmt;

use crate::error::Position;

/// A parsed specification or overlay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The `<amqp>` element.
    pub root: Element,
}

/// One element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// Which element it is.
    pub tag: Tag,
    /// Where its start tag is.
    pub position: Position,
    /// Its attributes in the order of the file, entities resolved.
    pub attributes: Vec<(String, String)>,
    /// The elements inside it, in the order of the file.
    pub children: Vec<Element>,
    /// The text directly inside it, without the text of its children.
    pub text: String,
}

impl Element {
    /// The value of an attribute.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The elements of one kind directly inside.
    pub fn children_of(&self, tag: Tag) -> impl Iterator<Item = &Element> {
        self.children.iter().filter(move |child| child.tag == tag)
    }
}

macro_rules! tags {
    ($($tag:ident $name:literal attributes [$($attribute:literal)*] children [$($child:ident)*];)*) => {
        /// The elements of the grammar.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Tag {
            $(#[doc = concat!("`<", $name, ">`")] $tag,)*
        }

        impl Tag {
            /// Every element of the grammar.
            pub const ALL: &[Tag] = &[$(Tag::$tag),*];

            /// The element's name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Tag::$tag => $name,)* }
            }

            pub(crate) fn from_name(name: &str) -> Option<Tag> {
                match name { $($name => Some(Tag::$tag),)* _ => None }
            }

            /// The attributes it may carry.
            #[must_use]
            pub const fn attributes(self) -> &'static [&'static str] {
                match self { $(Tag::$tag => &[$($attribute),*],)* }
            }

            /// The elements that may stand inside it.
            #[must_use]
            pub const fn children(self) -> &'static [Tag] {
                match self { $(Tag::$tag => &[$(Tag::$child),*],)* }
            }
        }
    };
}

tags! {
    Amqp "amqp" attributes ["major" "minor" "revision" "port" "comment"]
        children [Doc Rule Constant Domain Class];
    Constant "constant" attributes ["name" "value" "class" "label" "overlay"] children [Doc Rule];
    Domain "domain" attributes ["name" "type" "label" "overlay"] children [Doc Rule Assert See];
    Class "class" attributes ["name" "handler" "index" "label" "overlay"]
        children [Doc Rule Chassis Field Method];
    Chassis "chassis" attributes ["name" "implement"] children [Doc Rule];
    Method "method" attributes ["name" "synchronous" "index" "content" "deprecated" "label" "overlay"]
        children [Doc Rule Chassis Response Field];
    Response "response" attributes ["name"] children [];
    Field "field" attributes ["name" "domain" "type" "label" "reserved" "overlay"]
        children [Doc Rule Assert See Test];
    Assert "assert" attributes ["check" "value" "rule" "method" "field"] children [Doc Value];
    Value "value" attributes ["name"] children [];
    Doc "doc" attributes ["name" "type"] children [];
    Rule "rule" attributes ["name" "implement" "on-failure"] children [Doc See Test];
    See "see" attributes ["name"] children [];
    Test "test" attributes ["name"] children [];
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
