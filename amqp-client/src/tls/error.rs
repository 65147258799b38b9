//! What can go wrong with TLS, as plain data that every build has. Where it is found out stands beside this file.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Why there is no TLS session, or no longer.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// Neither the options nor the process have a crypto provider, and ring is not built in.
    #[error(
        "no crypto provider: enable the feature `tls` of amqp-client, install one for the process, or pass one"
    )]
    NoProvider,
    /// The bundled root certificates are not in this build: the Cargo feature `tls-bundled-roots` is off.
    #[error("no bundled root certificates: enable the feature `tls-bundled-roots` of amqp-client")]
    NoBundledRoots,
    /// A file cannot be used.
    #[error("{}: {reason}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        reason: TlsFileError,
    },
    /// The platform has no root certificates that can be read.
    #[error("no root certificates on this system{}{}", if .reasons.is_empty() {""} else {": "}, .reasons.join("; "))]
    NoPlatformRoots {
        /// What was tried in vain, in the platform's words.
        reasons: Vec<String>,
    },
    /// The name to verify the server by is neither a DNS name nor an IP address.
    #[error("{0:?} is neither a DNS name nor an IP address")]
    InvalidServerName(String),
    /// This client does not accept the server's certificate. Nothing was sent to the server, no password either.
    #[error("the server's certificate is not accepted: {0}")]
    CertificateRefused(CertificateRefusal),
    /// The server does not accept the client certificate, or misses one. With TLS 1.3 this comes after the handshake.
    #[error("{}: TLS alert {alert}", if *alert == TlsAlert::CERTIFICATE_REQUIRED {
        "the server demands a client certificate"
    } else {
        "the server does not accept the client certificate"
    })]
    ClientCertificateRefused {
        /// The server's reason.
        alert: TlsAlert,
    },
    /// The server ended the session with an alert. As an answer to the handshake, `handshake_failure` is also how servers
    /// say with TLS 1.2 that they miss a client certificate.
    #[error("the server ended TLS with the alert {alert}")]
    Alert {
        /// The server's reason.
        alert: TlsAlert,
    },
    /// The server's answer is not TLS: this port is for plain AMQP.
    #[error("the server does not speak TLS on this port: use its TLS port, or amqp://")]
    NotTls,
    /// The server ended the stream before the handshake was over: it does not speak TLS on this port, or refuses
    /// this client without saying why.
    #[error("the server ended the stream during the TLS handshake")]
    ClosedDuringHandshake,
    /// The server was silent during the handshake for too long.
    #[error("the server was too slow with the TLS handshake")]
    HandshakeTimedOut,
    /// The server ended the stream behind the handshake, before it said anything. With TLS 1.3 this is how servers refuse
    /// a client certificate, or the lack of one, when they do not say so.
    #[error(
        "the server ended the stream right after the TLS handshake: it may demand a client certificate, \
         or not accept the one it got"
    )]
    ClosedAfterHandshake,
    /// The two sides have no protocol version, cipher suite or signature scheme in common, or the server broke the TLS
    /// protocol. The source is rustls's own error.
    #[error("{0}")]
    Session(#[source] Arc<dyn Error + Send + Sync>),
    /// The transport failed during the handshake. The source is the [`std::io::Error`].
    #[error("transport during the TLS handshake: {0}")]
    Transport(#[source] Arc<dyn Error + Send + Sync>),
}

/// What is wrong with a file that TLS needs.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFileError {
    /// It cannot be read.
    #[error("{0}")]
    Unreadable(Arc<std::io::Error>),
    /// It is not well-formed PEM.
    #[error("not well-formed PEM")]
    NotPem,
    /// It holds no certificate.
    #[error("no certificate in it")]
    NoCertificate,
    /// A certificate in it is not one that X.509 version 3 knows, counted from 1.
    #[error("certificate {0} in it is not well-formed")]
    BadCertificate(usize),
    /// It holds no private key.
    #[error("no private key in it")]
    NoPrivateKey,
    /// The private key is encrypted, which is not supported.
    #[error("the private key is encrypted, which is not supported: decrypt it with `openssl pkey`")]
    EncryptedKey,
    /// The private key is of a kind that the crypto provider does not know, or damaged.
    #[error("the private key cannot be used")]
    BadPrivateKey,
    /// The private key is not that of the client certificate.
    #[error("the private key does not belong to the client certificate")]
    KeyMismatch,
}

/// Why a server's certificate is not accepted.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateRefusal {
    /// It is for other names.
    #[error("it is not for {expected:?}, but for {}", names(presented))]
    NameMismatch {
        /// The name that it was looked at for.
        expected: String,
        /// The names that it is for, in the certificate's notation.
        presented: Vec<String>,
    },
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// Its time has not begun.
    #[error("it is not valid yet")]
    NotYetValid,
    /// No certificate authority that is trusted here issued it, or the server does not send the certificates between.
    #[error("its issuer is not trusted")]
    UnknownIssuer,
    /// It is on a revocation list. Such lists are looked at only when a configuration of rustls's brings them.
    #[error("it is revoked")]
    Revoked,
    /// Any other reason, in the words of rustls.
    #[error("{0}")]
    Other(#[source] Arc<dyn Error + Send + Sync>),
}

fn names(presented: &[String]) -> String {
    if presented.is_empty() {
        "no name at all".to_owned()
    } else {
        presented.join(", ")
    }
}

/// The description in a TLS alert (RFC 8446, section 6).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TlsAlert(pub u8);

impl TlsAlert {
    /// The certificate is damaged.
    pub const BAD_CERTIFICATE: Self = Self(42);
    /// The certificate is of a kind that the server does not know.
    pub const UNSUPPORTED_CERTIFICATE: Self = Self(43);
    /// The certificate was revoked.
    pub const CERTIFICATE_REVOKED: Self = Self(44);
    /// The certificate is not, or not yet, valid.
    pub const CERTIFICATE_EXPIRED: Self = Self(45);
    /// The certificate is refused for a reason that has no number.
    pub const CERTIFICATE_UNKNOWN: Self = Self(46);
    /// The certificate's issuer is not trusted.
    pub const UNKNOWN_CA: Self = Self(48);
    /// The server demands a client certificate.
    pub const CERTIFICATE_REQUIRED: Self = Self(116);

    /// Its name in RFC 8446, when it has one.
    pub fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "close_notify",
            10 => "unexpected_message",
            20 => "bad_record_mac",
            22 => "record_overflow",
            40 => "handshake_failure",
            42 => "bad_certificate",
            43 => "unsupported_certificate",
            44 => "certificate_revoked",
            45 => "certificate_expired",
            46 => "certificate_unknown",
            47 => "illegal_parameter",
            48 => "unknown_ca",
            49 => "access_denied",
            50 => "decode_error",
            51 => "decrypt_error",
            70 => "protocol_version",
            71 => "insufficient_security",
            80 => "internal_error",
            86 => "inappropriate_fallback",
            90 => "user_canceled",
            109 => "missing_extension",
            110 => "unsupported_extension",
            112 => "unrecognized_name",
            113 => "bad_certificate_status_response",
            115 => "unknown_psk_identity",
            116 => "certificate_required",
            120 => "no_application_protocol",
            _ => return None,
        })
    }

    /// Whether it is about the certificate of the one who gets it.
    fn concerns_certificate(self) -> bool {
        matches!(
            self,
            Self::BAD_CERTIFICATE
                | Self::UNSUPPORTED_CERTIFICATE
                | Self::CERTIFICATE_REVOKED
                | Self::CERTIFICATE_EXPIRED
                | Self::CERTIFICATE_UNKNOWN
                | Self::UNKNOWN_CA
                | Self::CERTIFICATE_REQUIRED
        )
    }
}

impl From<TlsAlert> for TlsError {
    fn from(alert: TlsAlert) -> Self {
        if alert.concerns_certificate() {
            Self::ClientCertificateRefused { alert }
        } else {
            Self::Alert { alert }
        }
    }
}

/// The name and the number, as in `unknown_ca (48)`.
impl fmt::Display for TlsAlert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({})", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Debug for TlsAlert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlsAlert({self})")
    }
}
