//! Which errors the next attempt to connect will meet again, unless somebody changes something. What is done about it is the
//! business of whoever tries.

use super::connect::ConnectError;
use super::connection::ConnectionError;
use crate::tls::TlsError;

impl ConnectError {
    /// Whether trying again is pointless until somebody changes a setting here or at the server: what was asked for makes
    /// no sense, or every attempt failed by an error that [is permanent](ConnectionError::is_permanent).
    ///
    /// ```
    /// use amqp_client::{ConnectError, ConnectOptions};
    ///
    /// let error: ConnectError = "amqp://one,,two".parse::<ConnectOptions>().unwrap_err().into();
    /// assert!(error.is_permanent());
    /// ```
    pub fn is_permanent(&self) -> bool {
        match self {
            Self::Uri(_) | Self::NoHost | Self::TlsNotEnabled => true,
            // Whoever issues secrets may be back later, and the system have room.
            Self::Provider(_) | Self::System(_) => false,
            Self::Failed(attempts) => {
                let invalid = |error: &_| matches!(error, ConnectionError::InvalidSetting { .. });
                attempts.iter().any(|attempt| invalid(&attempt.error))
                    || attempts.iter().all(|attempt| attempt.error.is_permanent())
            }
        }
    }
}

impl ConnectionError {
    /// Whether the same attempt to connect would fail again until somebody changes a setting here or at the server: a wrong
    /// password, a virtual host that is not there, a setting that does not fit, a server that speaks something else, a
    /// certificate that is refused. Where the server only ended the stream, or something took too long, it is not.
    ///
    /// Of a connection that was open, it never is.
    pub fn is_permanent(&self) -> bool {
        match self {
            // Without a word from the server it may be its end as well as a refusal.
            Self::AuthenticationRefused { close } | Self::FrameMaxRefused { close, .. } => close.is_some(),
            Self::VirtualHostRefused { .. }
            | Self::VersionRefused { .. }
            | Self::Redirected { .. }
            | Self::MechanismNotOffered { .. }
            | Self::MechanismFailed { .. }
            | Self::ResponseTooLong { .. }
            | Self::TooManyChallenges { .. }
            | Self::FrameMaxTooSmall { .. }
            | Self::InvalidSetting { .. }
            | Self::ServerSpeaksTls => true,
            Self::Tls(error) => match error {
                TlsError::ClosedDuringHandshake
                | TlsError::HandshakeTimedOut
                | TlsError::ClosedAfterHandshake
                | TlsError::Session(_)
                | TlsError::Transport(_) => false,
                TlsError::NoProvider
                | TlsError::NoBundledRoots
                | TlsError::File { .. }
                | TlsError::NoPlatformRoots { .. }
                | TlsError::InvalidServerName(_)
                | TlsError::CertificateRefused(_)
                | TlsError::ClientCertificateRefused { .. }
                | TlsError::Alert { .. }
                | TlsError::NotTls => true,
            },
            Self::Closed
            | Self::CloseTimedOut
            | Self::CloseUnanswered
            | Self::ClosedByServer(_)
            | Self::HandshakeTimedOut { .. }
            | Self::HeartbeatTimedOut
            | Self::HeartbeatsMissed { .. }
            | Self::WriteTimedOut
            | Self::AnswersNotTaken { .. }
            | Self::BlockedTimedOut { .. }
            | Self::EndOfStream { .. }
            | Self::Transport(_)
            | Self::PeerViolation(_)
            | Self::DriverDropped => false,
        }
    }
}
