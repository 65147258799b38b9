//! Octets that nobody should see: hidden when printed, wiped when dropped. Who needs them stands elsewhere.

use std::fmt;

use zeroize::Zeroizing;

/// A password, a token, or a response made of one. [`fmt::Debug`] hides it, and its memory is overwritten when it is
/// dropped.
///
/// From a [`String`] or a [`Vec`] it takes the memory over without a copy. It cannot reach copies made before that, nor
/// those that the operating system, or TLS, keeps of what was sent.
///
/// ```
/// use amqp_client::Secret;
///
/// let secret = Secret::from("s3cret");
/// assert_eq!(format!("{secret:?}"), "(hidden)");
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// The parts behind one another, copied once.
    ///
    /// ```
    /// # use amqp_client::Secret;
    /// let password = Secret::from("s3cret");
    /// let response = Secret::concat(&[b"\0me\0", password.as_bytes()]);
    /// assert_eq!(response.as_bytes(), b"\0me\0s3cret");
    /// ```
    #[must_use]
    pub fn concat(parts: &[&[u8]]) -> Self {
        // A vector that grew would leave what it held behind.
        let mut octets = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
        for part in parts {
            octets.extend_from_slice(part);
        }
        Self::from(octets)
    }

    /// The octets, to be handed on and not to be kept.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Secret {
    fn from(octets: Vec<u8>) -> Self {
        Self(Zeroizing::new(octets))
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::from(text.into_bytes())
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}
