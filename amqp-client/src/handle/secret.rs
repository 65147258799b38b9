//! Keeping the secret of an open connection fresh. Who issues secrets is `credentials`'.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::{Duration, Instant};

use crate::methods::connection;
use amqp_protocol::ShortStr;
use amqp_protocol::method::Arguments;
use amqp_protocol::table::TableError;

use super::channel::ChannelHandle;
use super::connection::{Connection, ConnectionHandle};
use super::shared::Watch;
use super::style::Async;
use super::waiting::Replied;
use crate::credentials::{Lifetime, Provider};
use crate::error::{CallError, RefreshError};
use crate::sans_io::{ChannelKey, State};
use crate::secret::Secret;
use crate::trace;

/// How long a provider is left alone at least, whatever lifetimes it gives out.
const PAUSE_MIN: Duration = Duration::from_secs(1);

impl Connection {
    /// Sends connection.update-secret, when the handshake is over: replaces the secret that the connection was opened with,
    /// which is about to expire. `reason` is for the server's logs. A server that refuses the secret closes the connection.
    ///
    /// Dropping the future before its first poll sends nothing; later it does not undo the call, whose reply is swallowed.
    ///
    /// ```no_run
    /// # async fn example(connection: amqp_client::Connection, token: String) -> Result<(), amqp_client::CallError> {
    /// connection.update_secret(token, "the old one expires").await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When an argument does not fit, the connection has ended or ends before the reply, or there is none within
    /// `call_timeout`.
    pub async fn update_secret(&self, new_secret: impl Into<Secret>, reason: &str) -> Result<(), CallError> {
        let new_secret = new_secret.into();
        let reason = ShortStr::try_from(reason).map_err(|error| CallError::InvalidArgument {
            argument: "reason",
            error: TableError::from(error),
        })?;
        self.opened().await?;
        let request = self.handle.shared.with(|inner| {
            let request = inner.core.update_secret(inner.now(), &new_secret, reason)?;
            inner.register::<Replied>(request);
            Ok::<_, CallError>(request)
        })?;
        // The reply comes on channel 0, where the core keeps who waits for it.
        let channel_0 = Arc::new(ChannelHandle {
            connection: Arc::clone(&self.handle),
            key: ChannelKey::CONNECTION,
        });
        let mut trace = trace::Call::new(connection::UpdateSecret::<'_>::NAME);
        trace.begin(&self.handle.shared, channel_0.id());
        let replied = channel_0.wait::<Replied>(request).await;
        trace.end(&self.handle.shared, replied.as_ref());
        replied?;
        Ok(())
    }

    /// Replaces the secret that the [provider](crate::SecretProvider) of the connection's credentials issued before it
    /// expires, again and again. `sleep` is the runtime's timer; the module `tokio` has the same without that argument.
    ///
    /// The provider is asked after four fifths of a secret's lifetime. When it fails, or the server does not answer, it is
    /// asked again after half of what is left, and so on until the secret has expired; seconds lie between at least.
    ///
    /// The future is to be spawned; no task or thread is begun here. It does not keep the connection open. It ends with the
    /// connection, and at once when the credentials have no secret that expires.
    ///
    /// Dropping the future leaves the connection with the secret that it has.
    ///
    /// ```no_run
    /// # #[cfg(feature = "tokio")]
    /// # async fn example(connection: amqp_client::Connection) {
    /// tokio::spawn(connection.keep_secret_fresh(tokio::time::sleep));
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// When a secret has expired and could not be replaced; [`CallError::Unsupported`] at the first attempt on a protocol
    /// that cannot replace one (AMQP 0-8).
    pub fn keep_secret_fresh<S, F>(
        &self,
        mut sleep: S,
    ) -> impl Future<Output = Result<(), RefreshError>> + use<S, F>
    where
        S: FnMut(Duration) -> F,
        F: Future<Output = ()>,
    {
        let shared = Arc::clone(&self.handle.shared);
        let handle = Arc::downgrade(&self.handle);
        async move {
            let over = async { Watch::new(&shared, |state| state >= State::Closing).await };
            let now = || shared.with(|inner| inner.now());
            let keep = async {
                Watch::new(&shared, |state| state >= State::Open).await;
                match shared.with(|inner| inner.core.secret_source()) {
                    Some((provider, lifetime)) => {
                        keep_fresh(&handle, &provider, lifetime, &mut sleep, now).await
                    }
                    None => Ok(()),
                }
            };
            let (mut over, mut keep) = (pin!(over), pin!(keep));
            poll_fn(|cx| match over.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(Ok(())),
                Poll::Pending => keep.as_mut().poll(cx),
            })
            .await
        }
    }
}

async fn keep_fresh<F: Future<Output = ()>>(
    handle: &Weak<ConnectionHandle>,
    provider: &Provider,
    mut lifetime: Lifetime,
    sleep: &mut impl FnMut(Duration) -> F,
    now: impl Fn() -> Instant,
) -> Result<(), RefreshError> {
    let mut due = lifetime.asked + (lifetime.expires - lifetime.asked) / 5 * 4;
    loop {
        sleep(due.saturating_duration_since(now()).max(PAUSE_MIN)).await;
        match refresh(handle, provider, now()).await {
            Ok(Some(fresh)) => {
                lifetime = fresh;
                due = lifetime.asked + (lifetime.expires - lifetime.asked) / 5 * 4;
            }
            Ok(None) => return Ok(()),
            // No fresh secret would do better.
            Err(error @ RefreshError::Call(CallError::Unsupported { .. })) => return Err(error),
            Err(error) => {
                let now = now();
                if now >= lifetime.expires {
                    return Err(error);
                }
                due = now + (lifetime.expires - now) / 2;
            }
        }
    }
}

/// Gives the server a fresh secret; `None` when there is no more need to.
async fn refresh(
    handle: &Weak<ConnectionHandle>,
    provider: &Provider,
    now: Instant,
) -> Result<Option<Lifetime>, RefreshError> {
    let issued = provider.issue(now).await?;
    let Some(handle) = handle.upgrade() else {
        return Ok(None);
    };
    let connection = Connection { style: Async, handle };
    connection
        .update_secret(issued.secret, "the secret expires")
        .await?;
    Ok(issued.lifetime)
}
