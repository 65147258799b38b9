//! Takes the secrets out of methods. That nothing else looks at a method before is `sans_io::tap`'s.

use amqp_protocol::method::{Arguments, Decode};
use amqp_protocol::{DecodeError, LongStr, Reader, Writer};

use crate::methods::connection;

/// Stands where a secret was.
const HIDDEN: LongStr<'static> = LongStr::from_static("(hidden)");

/// The payload of a method frame without its secret, if it has one. Of a method that should have one and cannot be
/// decoded, only the ids are left. Those who keep secrets are the same methods in every revision.
pub(crate) fn redact(payload: &[u8]) -> Option<Vec<u8>> {
    let mut arguments = Reader::new(payload);
    let hidden = match arguments.method_id("method").ok()? {
        connection::StartOk::ID => hide(arguments, |method: &mut connection::StartOk<'_>| {
            method.response = HIDDEN;
        }),
        connection::Secure::ID => hide(arguments, |method: &mut connection::Secure<'_>| {
            method.challenge = HIDDEN;
        }),
        connection::SecureOk::ID => hide(arguments, |method: &mut connection::SecureOk<'_>| {
            method.response = HIDDEN;
        }),
        connection::UpdateSecret::ID => hide(arguments, |method: &mut connection::UpdateSecret<'_>| {
            method.new_secret = HIDDEN;
        }),
        _ => return None,
    };
    let mut redacted = payload.get(..4).unwrap_or_default().to_vec();
    redacted.extend(hidden.unwrap_or_default());
    Some(redacted)
}

/// The arguments without what `hide` replaces.
fn hide<'a, M: Arguments + Decode<'a>>(
    mut arguments: Reader<'a>,
    hide: impl FnOnce(&mut M),
) -> Result<Vec<u8>, DecodeError> {
    let mut method = M::decode(&mut arguments)?;
    arguments.finish("method")?;
    hide(&mut method);
    let mut hidden = Vec::with_capacity(method.encoded_len());
    method.encode(&mut Writer::new(&mut hidden));
    Ok(hidden)
}
