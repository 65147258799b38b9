//! How a client proves who it is: an ordered list of SASL mechanisms. The exchange itself is `sans_io::authentication`'s.

mod mechanism;
mod provider;

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

pub use mechanism::{Mechanism, MechanismError};
pub use provider::{IssueError, IssuedSecret, SecretProvider};
pub(crate) use provider::{Issued, Lifetime, Provider};

use self::mechanism::{BuiltIn, Prototype};
use crate::error::ProviderError;
use crate::secret::Secret;

/// Who connects, as SASL mechanisms in order of preference: the first one that the server offers is used.
/// [`fmt::Debug`] hides every secret.
///
/// ```
/// use amqp_client::Credentials;
///
/// // The client's certificate if the server takes it, else user and password.
/// let credentials = Credentials::external().or(Credentials::plain("me", "s3cret"));
/// assert_eq!(credentials.mechanisms().collect::<Vec<_>>(), ["EXTERNAL", "PLAIN"]);
/// assert_eq!(credentials.user(), Some("me"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    choices: Vec<Choice>,
}

/// One of the mechanisms.
#[derive(Clone)]
pub(crate) enum Choice {
    BuiltIn(BuiltIn),
    Provided(Provided),
    Other(Arc<dyn Prototype>),
}

/// PLAIN with a password that must be fetched.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Provided {
    user: String,
    provider: Provider,
    issued: Option<Issued>,
}

impl Credentials {
    /// PLAIN: user and password in clear text, as safe as the transport is.
    pub fn plain(user: impl Into<String>, password: impl Into<Secret>) -> Self {
        let (user, password) = (user.into(), password.into());
        Self::one(Choice::BuiltIn(BuiltIn::Plain { user, password }))
    }

    /// AMQPLAIN: the same as a field table, which some old servers want.
    pub fn amqplain(user: impl Into<String>, password: impl Into<Secret>) -> Self {
        let (user, password) = (user.into(), password.into());
        Self::one(Choice::BuiltIn(BuiltIn::Amqplain { user, password }))
    }

    /// EXTERNAL: the transport says who it is, such as the client's certificate of TLS.
    pub fn external() -> Self {
        Self::one(Choice::BuiltIn(BuiltIn::External))
    }

    /// ANONYMOUS: nobody in particular.
    pub fn anonymous() -> Self {
        Self::one(Choice::BuiltIn(BuiltIn::Anonymous))
    }

    /// RABBIT-CR-DEMO: RabbitMQ's demonstration of a challenge, no safer than PLAIN.
    pub fn rabbit_cr_demo(user: impl Into<String>, password: impl Into<Secret>) -> Self {
        let (user, password) = (user.into(), password.into());
        Self::one(Choice::BuiltIn(BuiltIn::RabbitCrDemo { user, password }))
    }

    /// A mechanism of one's own.
    pub fn mechanism(mechanism: impl Mechanism + Clone) -> Self {
        Self::one(Choice::Other(Arc::new(mechanism)))
    }

    /// PLAIN with a password that a provider issues, such as an OAuth 2 token. The functions that connect ask the provider
    /// first; whoever does not use them calls [`fetch`](Self::fetch).
    pub fn from_provider(user: impl Into<String>, provider: impl SecretProvider) -> Self {
        Self::one(Choice::Provided(Provided {
            user: user.into(),
            provider: Provider::new(provider),
            issued: None,
        }))
    }

    /// These, and the others behind them.
    #[must_use]
    pub fn or(mut self, others: Self) -> Self {
        self.choices.extend(others.choices);
        self
    }

    /// The mechanisms' names, in order.
    pub fn mechanisms(&self) -> impl Iterator<Item = &str> {
        self.choices.iter().map(Choice::name)
    }

    /// The first user's name that there is.
    pub fn user(&self) -> Option<&str> {
        self.choices.iter().find_map(|choice| match choice {
            Choice::BuiltIn(mechanism) => mechanism.user(),
            Choice::Provided(provided) => Some(provided.user.as_str()),
            Choice::Other(_) => None,
        })
    }

    /// The same with a fresh secret of every provider in it: what [`driver::connect_with`](crate::driver::connect_with)
    /// and [`sans_io::Connection`](crate::sans_io::Connection) need, which cannot wait. It runs on any runtime.
    ///
    /// Dropping the future gives up the attempt.
    ///
    /// ```no_run
    /// # async fn example(credentials: amqp_client::Credentials) -> Result<(), amqp_client::ProviderError> {
    /// let config = amqp_client::Config::default().credentials(credentials.fetch().await?);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// What the provider said.
    pub async fn fetch(&self) -> Result<Self, ProviderError> {
        self.fetch_at(Instant::now()).await
    }

    /// The same, by the clock that tells this time.
    pub(crate) async fn fetch_at(&self, now: Instant) -> Result<Self, ProviderError> {
        let mut fetched = self.clone();
        for choice in &mut fetched.choices {
            if let Choice::Provided(provided) = choice {
                provided.issued = Some(provided.provider.issue(now).await?);
            }
        }
        Ok(fetched)
    }

    /// The first mechanism that is in the server's list, which spaces separate.
    pub(crate) fn choose(&self, offered: &[u8]) -> Option<&Choice> {
        let offers = |name: &str| {
            offered
                .split(|octet| *octet == b' ')
                .any(|offer| offer == name.as_bytes())
        };
        self.choices.iter().find(|choice| offers(choice.name()))
    }

    fn one(choice: Choice) -> Self {
        Self {
            choices: vec![choice],
        }
    }
}

impl Choice {
    fn name(&self) -> &str {
        match self {
            Self::BuiltIn(mechanism) => Mechanism::name(mechanism),
            Self::Provided(_) => "PLAIN",
            Self::Other(mechanism) => mechanism.name(),
        }
    }

    /// A mechanism for one connection.
    pub(crate) fn begin(&self) -> Box<dyn Mechanism> {
        match self {
            Self::BuiltIn(mechanism) => mechanism.begin(),
            Self::Provided(Provided { user, issued, .. }) => match issued {
                Some(Issued { secret, .. }) => BuiltIn::Plain {
                    user: user.clone(),
                    password: secret.clone(),
                }
                .begin(),
                None => Unfetched.begin(),
            },
            Self::Other(mechanism) => mechanism.begin(),
        }
    }

    /// Who issued its secret, if that expires, and its lifetime.
    pub(crate) fn source(&self) -> Option<(Provider, Lifetime)> {
        match self {
            Self::Provided(Provided { provider, issued, .. }) => {
                Some((provider.clone(), issued.as_ref()?.lifetime?))
            }
            Self::BuiltIn(_) | Self::Other(_) => None,
        }
    }
}

/// Stands for a secret that nobody asked for.
#[derive(Clone)]
struct Unfetched;

impl Mechanism for Unfetched {
    fn name(&self) -> &str {
        "PLAIN"
    }

    fn initial_response(&mut self) -> Result<Secret, MechanismError> {
        Err("the provider was not asked for a secret: `Credentials::fetch` does".into())
    }
}

impl PartialEq for Choice {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::BuiltIn(one), Self::BuiltIn(other)) => one == other,
            (Self::Provided(one), Self::Provided(other)) => one == other,
            (Self::Other(one), Self::Other(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

impl Eq for Choice {}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("mechanisms", &self.mechanisms().collect::<Vec<_>>())
            .field("user", &self.user())
            .finish_non_exhaustive()
    }
}
