//! What an application hands to rustls itself. Without the feature `tls` there is nothing to hand.

#[cfg(feature = "tls-no-provider")]
use std::sync::Arc;

/// What rustls is given by the application instead of being built here.
///
/// ```
/// # #[cfg(feature = "tls")]
/// # {
/// use std::sync::Arc;
///
/// use amqp_client::tls::{Rustls, rustls};
///
/// let provider = Arc::new(rustls::crypto::ring::default_provider());
/// assert_eq!(Rustls::from(Arc::clone(&provider)), Rustls::Provider(provider));
/// # }
/// ```
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Rustls {
    /// Nothing: the crypto provider is the one that the process has installed, else ring.
    #[default]
    Default,
    /// This crypto provider.
    #[cfg(feature = "tls-no-provider")]
    Provider(Arc<rustls::crypto::CryptoProvider>),
    /// This configuration, which says all but the server's name: roots, client certificate and verification are its own.
    #[cfg(feature = "tls-no-provider")]
    ClientConfig(Arc<rustls::ClientConfig>),
}

/// The same thing, not an equal one.
impl PartialEq for Rustls {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Default, Self::Default) => true,
            #[cfg(feature = "tls-no-provider")]
            (Self::Provider(one), Self::Provider(other)) => Arc::ptr_eq(one, other),
            #[cfg(feature = "tls-no-provider")]
            (Self::ClientConfig(one), Self::ClientConfig(other)) => Arc::ptr_eq(one, other),
            #[cfg(feature = "tls-no-provider")]
            _ => false,
        }
    }
}

impl Eq for Rustls {}

#[cfg(feature = "tls-no-provider")]
impl From<Arc<rustls::crypto::CryptoProvider>> for Rustls {
    fn from(provider: Arc<rustls::crypto::CryptoProvider>) -> Self {
        Self::Provider(provider)
    }
}

#[cfg(feature = "tls-no-provider")]
impl From<Arc<rustls::ClientConfig>> for Rustls {
    fn from(config: Arc<rustls::ClientConfig>) -> Self {
        Self::ClientConfig(config)
    }
}
