//! AMQP 0-8: what it makes a connection remember, and its octets to and from the vocabulary's. Which method is which stands
//! in the two files below.

mod from_wire;
mod to_wire;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use amqp_protocol::frame::{self, FrameType};
use amqp_protocol::method::{Arguments, Decode, Encode};
use amqp_protocol::{ChannelId, DecodeError, MethodId, Reader, ShortStr, TooLong, Writer, v0_8 as wire};
use zeroize::Zeroizing;

use super::{OnChannel, OnConnection, Protocol};
use crate::config::Config;
use crate::error::{CallError, ConnectionError, Violation};
use crate::methods;

/// The name of a method and its text, for people.
pub(super) fn describe(payload: &[u8]) -> Result<(&'static str, String), DecodeError> {
    let method = decode::<wire::Method<'_>>(payload)?;
    Ok((method.name(), format!("{method:?}")))
}

#[derive(Debug, Default)]
pub(crate) struct Dialect {
    insist: bool,
    /// What access.request asks for on each channel.
    realm: Option<ShortStr<'static>>,
    /// By channel, from channel.open-ok until it is closed.
    access: BTreeMap<ChannelId, Access>,
    pub(super) known_hosts: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    /// access.request is sent; channel.open-ok is not passed on yet.
    Requested,
    /// With this ticket.
    Granted(u16),
}

impl Dialect {
    /// Takes what it needs of the settings.
    pub(super) fn begin(&mut self, config: &Config) -> Result<(), ConnectionError> {
        self.insist = config.insist;
        self.realm = match config.access_realm.clone().map(ShortStr::try_from) {
            None => None,
            Some(Ok(realm)) => Some(realm),
            Some(Err(error)) => {
                return Err(ConnectionError::InvalidSetting {
                    setting: "access_realm",
                    error: error.into(),
                });
            }
        };
        Ok(())
    }

    #[cold]
    pub(super) fn encoder(&self, channel: ChannelId) -> Encoder {
        let ticket = match self.access.get(&channel) {
            Some(Access::Granted(ticket)) => *ticket,
            Some(Access::Requested) | None => 0,
        };
        Encoder {
            ticket,
            insist: self.insist,
        }
    }

    pub(super) fn receive_on_connection(
        &mut self,
        payload: &[u8],
    ) -> Result<OnConnection<'static>, Violation> {
        let method = match decode::<wire::Method<'_>>(payload).map_err(Violation::Malformed)? {
            wire::Method::Connection(wire::connection::Method::OpenOk(open_ok)) => {
                self.known_hosts = hosts(&open_ok.known_hosts);
                methods::connection::OpenOk {}.into()
            }
            wire::Method::Connection(wire::connection::Method::Redirect(redirect)) => {
                return Ok(OnConnection::Redirect {
                    host: redirect.host.to_str_lossy().into_owned(),
                    known_hosts: hosts(&redirect.known_hosts),
                });
            }
            method => from_wire::method(ChannelId(0), method)?,
        };
        Ok(OnConnection::Method(encode(&method).into()))
    }

    #[cold]
    pub(super) fn receive_on_channel(
        &mut self,
        id: ChannelId,
        payload: &[u8],
    ) -> Result<OnChannel, Violation> {
        let method = decode::<wire::Method<'_>>(payload).map_err(Violation::Malformed)?;
        let opened = || methods::channel::OpenOk {}.into();
        let method = match method {
            wire::Method::Channel(wire::channel::Method::OpenOk(open_ok)) => match &self.realm {
                Some(_) if self.access.contains_key(&id) => {
                    return Err(from_wire::unexpected(id, &open_ok.into()));
                }
                Some(realm) => {
                    let request = request(id, realm);
                    self.access.insert(id, Access::Requested);
                    return Ok(OnChannel::Answer(request));
                }
                None => opened(),
            },
            wire::Method::Access(wire::access::Method::RequestOk(request_ok)) => {
                match self.access.get_mut(&id) {
                    Some(access @ Access::Requested) => *access = Access::Granted(request_ok.ticket),
                    Some(Access::Granted(_)) | None => {
                        return Err(from_wire::unexpected(id, &request_ok.into()));
                    }
                }
                opened()
            }
            // A warning, on which nothing depends.
            wire::Method::Channel(wire::channel::Method::Alert(_)) => return Ok(OnChannel::Nothing),
            method => from_wire::method(id, method)?,
        };
        // Its number may be used again.
        if [methods::channel::Close::ID, methods::channel::CloseOk::ID].contains(&method.id()) {
            self.access.remove(&id);
        }
        Ok(OnChannel::Method(encode(&method).into()))
    }
}

/// Writes the methods of one channel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Encoder {
    ticket: u16,
    insist: bool,
}

impl Encoder {
    pub(super) fn write_method<M: Arguments>(
        self,
        out: &mut Vec<u8>,
        channel: ChannelId,
        method: &M,
        frame_max: u32,
    ) -> Result<(), CallError> {
        // There may be a secret in it.
        let mut octets = Zeroizing::new(Vec::with_capacity(4 + method.encoded_len()));
        let mut writer = Writer::new(&mut octets);
        writer.short(M::ID.class);
        writer.short(M::ID.method);
        method.encode(&mut writer);
        // A user's own method need not be one of the vocabulary.
        let Some(translated) = decode(&octets).ok().and_then(|method| self.translate(method)) else {
            return Err(CallError::Unsupported {
                method: M::NAME,
                protocol: Protocol::V0_8,
            });
        };
        frame::write(out, FrameType::Method, channel, &translated, frame_max).map_err(|error| {
            CallError::FrameTooLarge {
                method: M::NAME,
                error,
            }
        })
    }

    /// The same as [`write_method`](Self::write_method) makes of it, at less cost.
    pub(super) fn write_publish(
        self,
        out: &mut Vec<u8>,
        channel: ChannelId,
        publish: &methods::basic::Publish<'_>,
        frame_max: u32,
    ) -> Result<(), TooLong> {
        let publish = methods::basic::Publish {
            exchange: publish.exchange.borrowed(),
            routing_key: publish.routing_key.borrowed(),
            ..*publish
        };
        frame::write_method(out, channel, &to_wire::publish(publish, self.ticket), frame_max)
    }
}

/// access.request for all that a client may want to do, as a frame.
fn request(channel: ChannelId, realm: &ShortStr<'_>) -> Vec<u8> {
    let request = wire::access::Request {
        realm: realm.borrowed(),
        exclusive: false,
        passive: true,
        active: true,
        write: true,
        read: true,
    };
    let mut octets = Vec::new();
    // It is far smaller than the smallest frame.
    let _ = frame::write_method(&mut octets, channel, &request, 0);
    octets
}

/// The hosts of a list.
fn hosts(known_hosts: &ShortStr<'_>) -> Vec<String> {
    let list = known_hosts.to_str_lossy();
    let hosts = list.split(',').map(str::trim);
    hosts
        .filter(|host| !host.is_empty())
        .map(ToOwned::to_owned)
        .collect()
}

fn decode<'a, M: Decode<'a>>(octets: &'a [u8]) -> Result<M, DecodeError> {
    let mut reader = Reader::new(octets);
    let method = M::decode(&mut reader)?;
    reader.finish("method")?;
    Ok(method)
}

fn encode(method: &methods::Method<'_>) -> Vec<u8> {
    let mut octets = Vec::with_capacity(method.encoded_len());
    method.encode(&mut Writer::new(&mut octets));
    octets
}

/// What a close blames, in both directions: ids that mean the same, or nothing on the other side, are kept; one that means
/// something else there becomes 0.0, which is none.
mod blamed {
    use super::{Arguments, MethodId, methods, wire};

    const NONE: MethodId = MethodId::new(0, 0);

    pub(super) fn to_wire(id: MethodId) -> MethodId {
        use methods::connection::{Blocked, Close, CloseOk, Unblocked};
        match id {
            Close::ID => wire::connection::Close::ID,
            CloseOk::ID => wire::connection::CloseOk::ID,
            Blocked::ID | Unblocked::ID => NONE,
            id => id,
        }
    }

    pub(super) fn from_wire(id: MethodId) -> MethodId {
        use wire::connection::{Close, CloseOk, Redirect};
        match id {
            Close::ID => methods::connection::Close::ID,
            CloseOk::ID => methods::connection::CloseOk::ID,
            Redirect::ID => NONE,
            id => id,
        }
    }
}
