//! Text to [`Document`]: well-formedness, known elements and attributes, line numbers; what values mean is `resolve`'s.

use std::sync::Arc;

use quick_xml::XmlVersion;
use quick_xml::escape::EscapeError;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use crate::document::{Document, Element, Tag};
use crate::error::{Fault, Faults, Position, SpecError, SpecErrors};

/// The largest specification that is read, in octets: far above any that was published.
pub const MAX_OCTETS: usize = 1 << 20;

/// Decodes the octets of a specification file; `file` is its name in error messages.
///
/// # Errors
/// The file is too large, or not UTF-8.
pub fn decode<'a>(file: &str, octets: &'a [u8]) -> Result<&'a str, SpecErrors> {
    check_size(file, octets.len() as u64)?;
    std::str::from_utf8(octets).map_err(|error| {
        let valid = octets.get(..error.valid_up_to()).unwrap_or_default();
        error_at(file, 1 + newlines(valid), Fault::NotUtf8)
    })
}

/// Refuses a file by its size alone, so that it need not be read first.
///
/// # Errors
/// `octets` is more than [`MAX_OCTETS`].
pub fn check_size(file: &str, octets: u64) -> Result<(), SpecErrors> {
    let limit = MAX_OCTETS as u64;
    if octets > limit {
        Err(error_at(file, 1, Fault::TooLarge { octets, limit }))
    } else {
        Ok(())
    }
}

/// Parses the text of a specification or overlay; `file` is its name in error messages.
///
/// # Errors
/// Text that is not well-formed stops at the first fault; unknown elements and attributes are all reported.
pub fn parse(file: &str, text: &str) -> Result<Document, SpecErrors> {
    let mut faults = Faults::default();
    let document = read(file, text, &mut faults);
    faults.or_errors(document)
}

/// As [`parse`], but goes on after unknown elements and attributes: there is no document only where reading had to stop.
pub(crate) fn read(file: &str, text: &str, faults: &mut Faults) -> Option<Document> {
    if let Err(error) = check_size(file, text.len() as u64) {
        faults.extend(error);
        return None;
    }
    let mut parser = Parser {
        lines: Lines {
            text,
            offset: 0,
            line: 1,
        },
        file: file.into(),
        open: Vec::new(),
        root: None,
        faults,
    };
    let stop = match parser.run() {
        Ok(()) if parser.root.is_none() => error_at(file, 1, Fault::Empty),
        Ok(()) => return parser.root.map(|root| Document { root }),
        Err(stop) => stop.into(),
    };
    parser.faults.extend(stop);
    None
}

fn error_at(file: &str, line: u32, fault: Fault) -> SpecErrors {
    SpecError {
        position: Position {
            file: file.into(),
            line,
        },
        fault,
    }
    .into()
}

fn newlines(octets: &[u8]) -> u32 {
    octets
        .iter()
        .fold(0, |lines, octet| lines + u32::from(*octet == b'\n'))
}

/// Turns growing offsets into line numbers, reading the text once.
struct Lines<'a> {
    text: &'a str,
    offset: usize,
    line: u32,
}

impl Lines<'_> {
    fn at(&mut self, offset: usize) -> u32 {
        let passed = self.text.as_bytes().get(self.offset..offset).unwrap_or_default();
        self.line += newlines(passed);
        self.offset = self.offset.max(offset);
        self.line
    }
}

struct Parser<'a, 'f> {
    lines: Lines<'a>,
    file: Arc<str>,
    open: Vec<Open>,
    root: Option<Element>,
    faults: &'f mut Faults,
}

/// An element whose end tag has not come yet.
enum Open {
    Known(Element),
    /// Unknown, or inside an unknown one: its fault is reported, its content is passed over.
    Ignored(String),
}

impl Parser<'_, '_> {
    fn position(&self, line: u32) -> Position {
        Position {
            file: self.file.clone(),
            line,
        }
    }

    fn stop<T>(&self, line: u32, fault: Fault) -> Result<T, SpecError> {
        Err(SpecError {
            position: self.position(line),
            fault,
        })
    }

    fn run(&mut self) -> Result<(), SpecError> {
        let mut reader = Reader::from_str(self.lines.text);
        loop {
            let start = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
            let line = self.lines.at(start);
            let event = match reader.read_event() {
                Ok(event) => event,
                Err(error) => {
                    let offset = usize::try_from(reader.error_position()).unwrap_or(usize::MAX);
                    let line = self.lines.at(offset.max(start));
                    return self.stop(line, broken(&error.to_string()));
                }
            };
            match event {
                Event::Start(tag) => self.start(&tag, line)?,
                Event::Empty(tag) => {
                    self.start(&tag, line)?;
                    self.end();
                }
                Event::End(_) => self.end(),
                Event::Text(text) => self.text(&text.xml10_content(), line)?,
                Event::CData(text) => self.text(&text.xml10_content(), line)?,
                Event::GeneralRef(entity) => {
                    let value = match entity.resolve_char_ref() {
                        Ok(Some(value)) => value.to_string(),
                        Ok(None) => match quick_xml::escape::resolve_predefined_entity(&entity) {
                            Some(value) => value.to_owned(),
                            None => {
                                return self.stop(
                                    line,
                                    Fault::UnknownEntity {
                                        name: entity.to_string(),
                                    },
                                );
                            }
                        },
                        Err(error) => return self.stop(line, broken(&error.to_string())),
                    };
                    self.text(&value, line)?;
                }
                Event::DocType(text) if text.contains("<!ENTITY") => {
                    return self.stop(line, Fault::EntityDeclaration);
                }
                Event::Decl(declaration) => {
                    if let Some(Ok(encoding)) = declaration.encoding()
                        && !encoding.eq_ignore_ascii_case("utf-8")
                        && !encoding.eq_ignore_ascii_case("us-ascii")
                    {
                        return self.stop(
                            line,
                            Fault::Encoding {
                                encoding: encoding.into_owned(),
                            },
                        );
                    }
                }
                Event::Comment(_) | Event::PI(_) | Event::DocType(_) => {}
                Event::Eof => {
                    return match self.open.pop() {
                        Some(open) => self.stop(
                            line,
                            Fault::UnexpectedEnd {
                                element: open.name().to_owned(),
                            },
                        ),
                        None => Ok(()),
                    };
                }
            }
        }
    }

    fn start(&mut self, tag: &BytesStart<'_>, line: u32) -> Result<(), SpecError> {
        let name = tag.name();
        let name = name.as_ref();
        let position = self.position(line);
        let mut attributes = Vec::new();
        for attribute in tag.attributes() {
            let attribute = match attribute {
                Ok(attribute) => attribute,
                Err(error) => return self.stop(line, broken(&error.to_string())),
            };
            match attribute.normalized_value(XmlVersion::Implicit1_0) {
                Ok(value) => attributes.push((attribute.key.as_ref().to_owned(), value.into_owned())),
                Err(quick_xml::Error::Escape(EscapeError::UnrecognizedEntity(_, name))) => {
                    return self.stop(line, Fault::UnknownEntity { name });
                }
                Err(quick_xml::Error::Escape(EscapeError::UnterminatedEntity(_))) => {
                    return self.stop(line, broken("`&` without `;`"));
                }
                Err(error) => return self.stop(line, broken(&error.to_string())),
            }
        }
        let tag = match self.open.last() {
            Some(Open::Ignored(_)) => None,
            Some(Open::Known(parent)) => match Tag::from_name(name) {
                Some(tag) if parent.tag.children().contains(&tag) => Some(tag),
                _ => {
                    let fault = unexpected_element(name, parent.tag);
                    self.faults.report(&position, fault);
                    None
                }
            },
            None if self.root.is_some() => {
                return self.stop(
                    line,
                    Fault::AfterRoot {
                        found: format!("<{name}>"),
                    },
                );
            }
            None if name == Tag::Amqp.name() => match other_grammar(&attributes) {
                Some(grammar) => return self.stop(line, Fault::OtherGrammar { grammar }),
                None => Some(Tag::Amqp),
            },
            None => {
                return self.stop(
                    line,
                    Fault::NotAmqp {
                        element: name.to_owned(),
                    },
                );
            }
        };
        let Some(tag) = tag else {
            self.open.push(Open::Ignored(name.to_owned()));
            return Ok(());
        };
        for (key, _) in &attributes {
            if !tag.attributes().contains(&key.as_str()) {
                let expected = match tag.attributes() {
                    [] => "none".to_owned(),
                    known => known.join(", "),
                };
                let fault = Fault::UnknownAttribute {
                    attribute: key.clone(),
                    element: tag.name(),
                    expected,
                };
                self.faults.report(&position, fault);
            }
        }
        let element = Element {
            tag,
            position,
            attributes,
            children: Vec::new(),
            text: String::new(),
        };
        self.open.push(Open::Known(element));
        Ok(())
    }

    fn end(&mut self) {
        let Some(Open::Known(element)) = self.open.pop() else {
            return;
        };
        match self.open.last_mut() {
            Some(Open::Known(parent)) => parent.children.push(element),
            Some(Open::Ignored(_)) => {}
            None => self.root = Some(element),
        }
    }

    fn text(&mut self, text: &str, line: u32) -> Result<(), SpecError> {
        match self.open.last_mut() {
            Some(Open::Known(element)) => element.text.push_str(text),
            Some(Open::Ignored(_)) => {}
            None if text.trim_matches(['\u{feff}', ' ', '\t', '\r', '\n']).is_empty() => {}
            None if self.root.is_some() => {
                return self.stop(
                    line,
                    Fault::AfterRoot {
                        found: "text".to_owned(),
                    },
                );
            }
            None => {
                return self.stop(line, broken("text before the first element"));
            }
        }
        Ok(())
    }
}

impl Open {
    fn name(&self) -> &str {
        match self {
            Open::Known(element) => element.tag.name(),
            Open::Ignored(name) => name,
        }
    }
}

/// What the XML parser says, without how it calls that, and without positions inside a tag.
fn broken(message: &str) -> Fault {
    let mut message = message;
    for prefix in ["ill-formed document: ", "syntax error: "] {
        message = message.strip_prefix(prefix).unwrap_or(message);
    }
    if message.starts_with("position ")
        && let Some((_, what)) = message.split_once(": ")
    {
        message = what;
    }
    let message = message.split(", previous declaration").next().unwrap_or(message);
    Fault::Xml {
        message: message.to_owned(),
    }
}

fn unexpected_element(name: &str, parent: Tag) -> Fault {
    let expected: Vec<String> = parent.children().iter().map(|tag| format!("<{tag}>")).collect();
    let expected = if expected.is_empty() {
        "text alone".to_owned()
    } else {
        expected.join(", ")
    };
    Fault::UnexpectedElement {
        element: name.to_owned(),
        parent: parent.name(),
        expected,
    }
}

/// Recognises the later versions of AMQP, whose documents also begin with `<amqp>`.
fn other_grammar(attributes: &[(String, String)]) -> Option<&'static str> {
    let attribute = |name: &str| {
        attributes
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    match (attribute("major"), attribute("minor"), attribute("xmlns")) {
        (Some("0"), Some("10"), _) => Some("AMQP 0-10"),
        (None, _, Some(_)) => Some("AMQP 1.0"),
        (Some("1"), _, _) => Some("AMQP 1.0"),
        _ => None,
    }
}
