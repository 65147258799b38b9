//! Secrets that expire and come from somewhere else, such as OAuth 2 tokens. When they are asked for is the adapters' and
//! `handle::secret`'s.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::ProviderError;
use crate::secret::Secret;

/// Why a provider has no secret. Its text is part of errors: it must hold no secret.
pub type IssueError = Box<dyn Error + Send + Sync>;

/// A secret as it was issued.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct IssuedSecret {
    /// The secret itself.
    pub secret: Secret,
    /// How long it is good for, from when it was asked for; `None` for ever.
    pub expires_in: Option<Duration>,
}

impl IssuedSecret {
    /// A secret that is good for this long, as in the `expires_in` of OAuth 2.
    pub fn new(secret: impl Into<Secret>, expires_in: impl Into<Option<Duration>>) -> Self {
        Self {
            secret: secret.into(),
            expires_in: expires_in.into(),
        }
    }
}

/// Whoever issues secrets: an OAuth 2 server, a vault. It is asked before each connection is opened, and by
/// [`keep_secret_fresh`](crate::Connection::keep_secret_fresh) before what it issued expires.
///
/// ```
/// use std::time::Duration;
/// use amqp_client::{Credentials, IssueError, IssuedSecret, SecretProvider};
///
/// struct TokenEndpoint;
///
/// impl SecretProvider for TokenEndpoint {
///     async fn issue(&self) -> Result<IssuedSecret, IssueError> {
///         // Ask the endpoint here.
///         Ok(IssuedSecret::new("a token", Duration::from_secs(3600)))
///     }
/// }
///
/// // RabbitMQ takes the user's name from the token, not from here.
/// let credentials = Credentials::from_provider("", TokenEndpoint);
/// ```
pub trait SecretProvider: Send + Sync + 'static {
    /// Issues a secret. Time limits are the provider's: it is waited for as long as it takes, when connecting for at most
    /// `handshake_timeout`; then the future is dropped.
    ///
    /// # Errors
    ///
    /// Why there is none.
    fn issue(&self) -> impl Future<Output = Result<IssuedSecret, IssueError>> + Send;
}

/// A provider behind a pointer.
#[derive(Clone)]
pub(crate) struct Provider(Arc<dyn Issue>);

type Issuing<'a> = Pin<Box<dyn Future<Output = Result<IssuedSecret, IssueError>> + Send + 'a>>;

trait Issue: Send + Sync {
    fn issue(&self) -> Issuing<'_>;
}

impl<P: SecretProvider> Issue for P {
    fn issue(&self) -> Issuing<'_> {
        Box::pin(SecretProvider::issue(self))
    }
}

impl Provider {
    pub(super) fn new(provider: impl SecretProvider) -> Self {
        Self(Arc::new(provider))
    }

    /// A secret that is asked for at this time.
    pub(crate) async fn issue(&self, asked: Instant) -> Result<Issued, ProviderError> {
        let issued = self
            .0
            .issue()
            .await
            .map_err(|error| ProviderError(error.into()))?;
        let lifetime = issued.expires_in.and_then(|lifetime| {
            let expires = asked.checked_add(lifetime)?;
            Some(Lifetime { asked, expires })
        });
        Ok(Issued {
            secret: issued.secret,
            lifetime,
        })
    }
}

impl PartialEq for Provider {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Provider {}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a provider")
    }
}

/// A secret, and its lifetime if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Issued {
    pub(crate) secret: Secret,
    pub(crate) lifetime: Option<Lifetime>,
}

/// From when to when a secret is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lifetime {
    pub(crate) asked: Instant,
    pub(crate) expires: Instant,
}
