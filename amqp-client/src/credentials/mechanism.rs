//! What a SASL mechanism says, and the mechanisms that come with the library. When it is asked is the handshake's.

use std::error::Error;
use std::fmt;

use crate::secret::Secret;

/// Why a mechanism has no response. Its text is part of the connection's error: it must hold no secret.
pub type MechanismError = Box<dyn Error + Send + Sync>;

/// A SASL mechanism: how a client proves who it is.
///
/// Each connection works on a clone of the mechanism in its [`Credentials`](super::Credentials), so that one with state
/// begins anew. Its methods are called while the connection is locked: they must not block, and not come back to the
/// connection. When one panics, the panic goes on to whoever drives the connection, and the connection fails.
///
/// ```
/// use amqp_client::{Config, Credentials, Mechanism, MechanismError, Secret};
///
/// /// Answers what it is asked, backwards.
/// #[derive(Clone)]
/// struct Backwards;
///
/// impl Mechanism for Backwards {
///     fn name(&self) -> &str {
///         "BACKWARDS"
///     }
///
///     fn initial_response(&mut self) -> Result<Secret, MechanismError> {
///         Ok(Secret::default())
///     }
///
///     fn respond(&mut self, challenge: &[u8]) -> Result<Secret, MechanismError> {
///         Ok(challenge.iter().rev().copied().collect::<Vec<u8>>().into())
///     }
/// }
///
/// let mut config = Config::default();
/// config.credentials = Credentials::mechanism(Backwards).or(Credentials::plain("me", "s3cret"));
/// ```
pub trait Mechanism: Send + Sync + 'static {
    /// Its registered name, as in connection.start and start-ok: upper-case letters, digits, `-` and `_`.
    fn name(&self) -> &str;

    /// The response that goes with connection.start-ok.
    ///
    /// # Errors
    ///
    /// Why there is none; the connection ends with it.
    fn initial_response(&mut self) -> Result<Secret, MechanismError>;

    /// The response to a challenge of connection.secure. One that knows no challenges does not need it.
    ///
    /// # Errors
    ///
    /// Why there is none; the connection ends with it.
    fn respond(&mut self, challenge: &[u8]) -> Result<Secret, MechanismError> {
        let _ = challenge;
        Err("the mechanism answers no challenge".into())
    }
}

impl fmt::Debug for dyn Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A mechanism that can be begun anew.
pub(crate) trait Prototype: Send + Sync {
    fn name(&self) -> &str;
    fn begin(&self) -> Box<dyn Mechanism>;
}

impl<M: Mechanism + Clone> Prototype for M {
    fn name(&self) -> &str {
        Mechanism::name(self)
    }

    fn begin(&self) -> Box<dyn Mechanism> {
        Box::new(self.clone())
    }
}

/// The mechanisms that come with the library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum BuiltIn {
    Plain { user: String, password: Secret },
    Amqplain { user: String, password: Secret },
    External,
    Anonymous,
    RabbitCrDemo { user: String, password: Secret },
}

impl BuiltIn {
    pub(crate) fn user(&self) -> Option<&str> {
        match self {
            Self::Plain { user, .. } | Self::Amqplain { user, .. } | Self::RabbitCrDemo { user, .. } => {
                Some(user)
            }
            Self::External | Self::Anonymous => None,
        }
    }
}

impl Mechanism for BuiltIn {
    fn name(&self) -> &str {
        match self {
            Self::Plain { .. } => "PLAIN",
            Self::Amqplain { .. } => "AMQPLAIN",
            Self::External => "EXTERNAL",
            Self::Anonymous => "ANONYMOUS",
            Self::RabbitCrDemo { .. } => "RABBIT-CR-DEMO",
        }
    }

    fn initial_response(&mut self) -> Result<Secret, MechanismError> {
        Ok(match self {
            Self::Plain { user, password } => {
                Secret::concat(&[b"\0", user.as_bytes(), b"\0", password.as_bytes()])
            }
            // A field table without the length before it.
            Self::Amqplain { user, password } => {
                let [user, password] = [user.as_bytes(), password.as_bytes()];
                let [user_len, password_len] =
                    [user, password].map(|value| (value.len() as u32).to_be_bytes());
                Secret::concat(&[
                    b"\x05LOGINS",
                    &user_len,
                    user,
                    b"\x08PASSWORDS",
                    &password_len,
                    password,
                ])
            }
            // Nobody else than the transport says who it is.
            Self::External | Self::Anonymous => Secret::default(),
            Self::RabbitCrDemo { user, .. } => Secret::from(user.as_str()),
        })
    }

    fn respond(&mut self, _: &[u8]) -> Result<Secret, MechanismError> {
        match self {
            // Whatever it is asked: it knows but one answer.
            Self::RabbitCrDemo { password, .. } => {
                Ok(Secret::concat(&[b"My password is ", password.as_bytes()]))
            }
            _ => Err("the mechanism answers no challenge".into()),
        }
    }
}
