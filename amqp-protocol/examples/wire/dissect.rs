//! One direction of a captured connection, as a line of JSON for each frame. The file is read frame by frame.

use std::io::{self, Read};

use amqp_protocol::content::ContentHeader;
use amqp_protocol::frame::{self, FrameType, Parsed, RawFrame};
use amqp_protocol::{Decode, DecodeError, DecodeErrorKind, ProtocolHeader, Reader};
use serde::Serialize;

use super::fault::{Fault, error_object};
use super::lines::json;
use super::revision::{Protocol, Revision, V0_8, V0_9_1};

/// A line for a frame.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
enum Line<M, P> {
    ProtocolHeader {
        octets: ProtocolHeader,
        version: Option<&'static str>,
    },
    Method {
        channel: u16,
        #[serde(flatten)]
        method: M,
    },
    Header {
        channel: u16,
        class: &'static str,
        body_size: u64,
        properties: P,
    },
    Body {
        channel: u16,
        size: usize,
    },
    Heartbeat,
}

/// A line for a frame that is not understood, or for the place where frames end.
#[derive(Serialize)]
struct FrameFault {
    #[serde(flatten)]
    fault: Fault,
    #[serde(flatten)]
    frame: Option<Envelope>,
}

#[derive(Serialize)]
struct Envelope {
    channel: u16,
    frame: FrameName,
}

/// The name of a frame type, or the octet that is none.
#[derive(Serialize)]
#[serde(untagged)]
enum FrameName {
    Known(FrameType),
    Unknown(u8),
}

/// Reads a file frame by frame.
pub(crate) struct Dissector<F> {
    file: F,
    protocol: Option<Protocol>,
    /// Where the frame in `octets` begins.
    offset: u64,
    octets: Vec<u8>,
    ended: bool,
}

impl<F: Read> Dissector<F> {
    /// Reads `file` from its start, in this revision or in the one that the file names.
    pub(crate) fn new(file: F, protocol: Option<Protocol>) -> Self {
        Self {
            file,
            protocol,
            offset: 0,
            octets: Vec::new(),
            ended: false,
        }
    }

    /// The next line, `Err` for an error object, or `None` at the end.
    pub(crate) fn next_line(&mut self) -> io::Result<Option<Result<String, String>>> {
        self.offset += self.octets.len() as u64;
        self.octets.clear();
        if self.ended {
            return Ok(None);
        }
        self.read_up_to(frame::START_LEN)?;
        if self.octets.is_empty() {
            return Ok(None);
        }
        // A frame may have the type octet `A`: all that is there of the four counts.
        let beginning = self.octets.get(..4).unwrap_or(&self.octets);
        let is_header = self.offset == 0 && b"AMQP".starts_with(beginning);
        let line = if is_header {
            self.protocol_header()
        } else {
            self.frame()
        }?;
        Ok(Some(line.map_err(|fault| {
            // A frame that is named can be passed over.
            self.ended = fault.frame.is_none();
            error_object(&fault)
        })))
    }

    /// Reads on until there are `len` octets, or the file ends. What is reserved grows with what is read.
    fn read_up_to(&mut self, len: usize) -> io::Result<()> {
        let missing = len.saturating_sub(self.octets.len());
        (&mut self.file)
            .take(missing as u64)
            .read_to_end(&mut self.octets)?;
        Ok(())
    }

    fn protocol_header(&mut self) -> io::Result<Result<String, FrameFault>> {
        self.read_up_to(ProtocolHeader::LEN)?;
        Ok(match ProtocolHeader::parse(&self.octets) {
            Ok(Parsed::Complete(header)) => {
                let asked = match header.version() {
                    Some("0-9-1") => Some(Protocol::V0_9_1),
                    Some("0-8") => Some(Protocol::V0_8),
                    _ => None,
                };
                self.protocol = self.protocol.or(asked);
                Ok(json(&Line::<(), ()>::ProtocolHeader {
                    octets: header,
                    version: asked.and(header.version()),
                }))
            }
            Ok(Parsed::Incomplete { .. }) => Err(self.broken(unexpected_end("protocol_header"))),
            Err(error) => Err(self.broken(error)),
        })
    }

    fn frame(&mut self) -> io::Result<Result<String, FrameFault>> {
        let mut sound = false;
        if let Some(&[_, _, _, a, b, c, d]) = self.octets.first_chunk() {
            let len = u32::from_be_bytes([a, b, c, d]) as usize + frame::OVERHEAD;
            self.read_up_to(len)?;
            sound = self.octets.len() == len && self.octets.ends_with(&[frame::END]);
        }
        Ok(match RawFrame::parse(&self.octets, 0) {
            Ok(Parsed::Complete(frame)) => payload(&mut self.protocol, frame).map_err(|error| FrameFault {
                fault: error.into(),
                frame: Some(Envelope {
                    channel: frame.channel.0,
                    frame: FrameName::Known(frame.frame_type),
                }),
            }),
            Ok(Parsed::Incomplete { .. }) => Err(self.broken(unexpected_end("frame"))),
            Err(error) if sound => Err(FrameFault {
                fault: Fault {
                    offset: 0,
                    ..error.into()
                },
                frame: self.envelope(),
            }),
            Err(error) => Err(self.broken(error)),
        })
    }

    /// The end of all frames, with its offset in the file.
    fn broken(&self, error: DecodeError) -> FrameFault {
        let mut fault = Fault::from(error);
        fault.offset += self.offset;
        FrameFault { fault, frame: None }
    }

    fn envelope(&self) -> Option<Envelope> {
        let &[octet, high, low] = self.octets.first_chunk()?;
        Some(Envelope {
            channel: u16::from_be_bytes([high, low]),
            frame: FrameType::from_octet(octet).map_or(FrameName::Unknown(octet), FrameName::Known),
        })
    }
}

fn unexpected_end(context: &'static str) -> DecodeError {
    DecodeError::new(DecodeErrorKind::UnexpectedEnd, 0, context)
}

/// The line of a frame whose envelope is sound. Errors count from the start of the payload.
fn payload(protocol: &mut Option<Protocol>, frame: RawFrame<'_>) -> Result<String, DecodeError> {
    if let (None, [0, 10, 0, 10, major, minor, ..]) = (&protocol, frame.payload) {
        *protocol = match (frame.frame_type, major, minor) {
            (FrameType::Method, 8, 0) => Some(Protocol::V0_8),
            (FrameType::Method, ..) => Some(Protocol::V0_9_1),
            _ => None,
        };
    }
    match protocol {
        Some(Protocol::V0_8) => payload_of::<V0_8>(frame),
        Some(Protocol::V0_9_1) | None => payload_of::<V0_9_1>(frame),
    }
}

fn payload_of<R: Revision>(frame: RawFrame<'_>) -> Result<String, DecodeError> {
    let channel = frame.channel.0;
    let mut reader = Reader::new(frame.payload);
    let line: Line<R::Method<'_>, R::Properties<'_>> = match frame.frame_type {
        FrameType::Method => {
            let method = R::Method::decode(&mut reader)?;
            reader.finish("method")?;
            Line::Method { channel, method }
        }
        FrameType::Header => {
            let mut class = None;
            let header = ContentHeader::decode_with(&mut reader, |class_id, reader| {
                class = R::content_class(class_id);
                R::decode_properties(class_id, reader)
            })?;
            reader.finish(class.map_or("header", |class| class.context))?;
            Line::Header {
                channel,
                class: class.map_or("", |class| class.name),
                body_size: header.body_size,
                properties: header.properties,
            }
        }
        FrameType::Body => Line::Body {
            channel,
            size: frame.payload.len(),
        },
        FrameType::Heartbeat => Line::Heartbeat,
    };
    Ok(json(&line))
}
