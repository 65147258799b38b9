//! For unit tests alone: decoding whole, byte by byte, and with a tail.

use std::fmt::Debug;

use crate::error::{DecodeError, DecodeErrorKind};
use crate::wire::Reader;

/// Decodes `octets` whole and with a tail, and each of their beginnings, which must be found too short and left untouched.
#[track_caller]
pub(crate) fn three_ways<T: PartialEq + Debug, E: Into<DecodeError>>(
    octets: &[u8],
    decode: impl for<'r> Fn(&mut Reader<'r>) -> Result<T, E>,
) -> T {
    let decode = |reader: &mut Reader<'_>| decode(reader).map_err(Into::into);
    let mut reader = Reader::new(octets);
    let value = decode(&mut reader).expect("the whole decodes");
    assert_eq!(reader.finish("test"), Ok(()));
    for len in 0..octets.len() {
        let mut reader = Reader::new(&octets[..len]);
        let error = decode(&mut reader).expect_err("a part does not decode");
        assert_eq!(error.kind, DecodeErrorKind::UnexpectedEnd, "{len} octets");
        assert!(error.offset <= len);
        assert_eq!(reader.offset(), 0);
    }
    let tailed = [octets, b"tail"].concat();
    let mut reader = Reader::new(&tailed);
    assert_eq!(decode(&mut reader).as_ref(), Ok(&value));
    assert_eq!(reader.remaining(), b"tail");
    assert_eq!(
        reader.finish("test").map_err(|error| error.kind),
        Err(DecodeErrorKind::TrailingOctets)
    );
    value
}
