//! Who connects: the SASL exchange of the handshake, and the secret that replaces the one it used. What the mechanisms say
//! is `credentials`'.

use std::collections::VecDeque;
use std::time::Instant;

use crate::methods::connection;
use amqp_protocol::frame;
use amqp_protocol::method::Arguments;
use amqp_protocol::table::TableError;
use amqp_protocol::{ChannelId, LongStr, ShortStr, TooLong};
use bytes::Bytes;
use zeroize::Zeroizing;

use super::channel::Waiter;
use super::connection::Connection;
use super::event::{ChannelKey, Event, Reply, RequestId, State};
use super::handshake::client_properties;
use super::timers::deadline;
use crate::credentials::{Lifetime, Mechanism, MechanismError, Provider};
use crate::error::{CallError, ConnectionError};
use crate::secret::Secret;

/// How many challenges are answered; mechanisms in use have three at most.
const CHALLENGES_MAX: u32 = 16;

/// What a connection must remember of it.
#[derive(Debug, Default)]
pub(super) struct Authentication {
    /// The name of the mechanism in use.
    name: String,
    /// The mechanism until connection.tune; away while it works, and for good if it panics then.
    mechanism: Option<Box<dyn Mechanism>>,
    challenges: u32,
    /// Who issued the secret, if it expires.
    source: Option<(Provider, Lifetime)>,
    /// Who waits for connection.update-secret-ok, in the order of the requests.
    updates: VecDeque<Waiter>,
}

impl Authentication {
    /// The server asks no more.
    pub(super) fn finish(&mut self) {
        self.mechanism = None;
    }

    fn failed(&self, error: MechanismError) -> ConnectionError {
        ConnectionError::MechanismFailed {
            mechanism: self.name.clone(),
            error: error.into(),
        }
    }

    fn bury(&mut self, request: RequestId, tombstone: Waiter) -> bool {
        let mut updates = self.updates.iter_mut();
        match updates.find(|waiter| **waiter == Waiter::Waiting(request)) {
            Some(waiter) => {
                *waiter = tombstone;
                true
            }
            None => false,
        }
    }
}

impl Connection {
    /// Sends start-ok with the response of the first mechanism that the server offers.
    pub(super) fn begin_authentication(&mut self, offered: &LongStr<'_>) -> Result<(), ConnectionError> {
        let credentials = &self.config.credentials;
        let Some(choice) = credentials.choose(offered.as_bytes()) else {
            return Err(ConnectionError::MechanismNotOffered {
                wanted: credentials.mechanisms().collect::<Vec<_>>().join(" "),
                offered: offered.to_str_lossy().into_owned(),
            });
        };
        let mut mechanism = choice.begin();
        self.authentication.source = choice.source();
        self.authentication.name = mechanism.name().to_owned();
        let response = mechanism
            .initial_response()
            .map_err(|error| self.authentication.failed(error))?;
        self.authentication.mechanism = Some(mechanism);
        let name = ShortStr::try_from(self.authentication.name.clone());
        let locale = ShortStr::try_from(self.config.locale.clone());
        let start_ok = connection::StartOk {
            client_properties: client_properties(&self.config).map_err(invalid("client_properties"))?,
            mechanism: name.map_err(invalid("credentials"))?,
            response: LongStr::try_from(response.as_bytes()).map_err(invalid("credentials"))?,
            locale: locale.map_err(invalid("locale"))?,
        };
        self.put_response(&start_ok, &response, "client_properties")
    }

    /// Answers connection.secure.
    pub(super) fn handle_secure(&mut self, now: Instant, secure: &connection::Secure<'_>) {
        let outcome = self.respond(secure.challenge.as_bytes());
        if let Err(error) = outcome {
            self.end(now, error, None);
        }
    }

    fn respond(&mut self, challenge: &[u8]) -> Result<(), ConnectionError> {
        let authentication = &mut self.authentication;
        authentication.challenges += 1;
        if authentication.challenges > CHALLENGES_MAX {
            return Err(ConnectionError::TooManyChallenges {
                limit: CHALLENGES_MAX,
            });
        }
        let Some(mut mechanism) = authentication.mechanism.take() else {
            return Err(authentication.failed("it panicked".into()));
        };
        let response = mechanism
            .respond(challenge)
            .map_err(|error| authentication.failed(error))?;
        authentication.mechanism = Some(mechanism);
        let secure_ok = connection::SecureOk {
            response: LongStr::try_from(response.as_bytes()).map_err(invalid("credentials"))?,
        };
        self.put_response(&secure_ok, &response, "credentials")
    }

    /// Queues a method with a response of the mechanism. `rest` is the setting that has all else in it.
    fn put_response<M: Arguments>(
        &mut self,
        method: &M,
        response: &Secret,
        rest: &'static str,
    ) -> Result<(), ConnectionError> {
        let octets = response.as_bytes().len();
        self.put_secret(method).map_err(|error| match error {
            CallError::FrameTooLarge { error, .. } => {
                match error.limit.checked_sub(error.actual.saturating_sub(octets)) {
                    Some(room) => ConnectionError::ResponseTooLong {
                        mechanism: self.authentication.name.clone(),
                        octets,
                        room,
                    },
                    None => invalid(rest)(error),
                }
            }
            error => self.authentication.failed(error.into()),
        })
    }

    /// Replaces the secret that the connection was opened with, which is about to expire: an OAuth 2 token by a fresh one.
    /// The request resolves with connection.update-secret-ok; a server that refuses the secret closes the connection. The
    /// server takes several in order.
    ///
    /// # Errors
    ///
    /// When the connection is not open, the secret does not fit into a frame, or the protocol has no connection.update-secret.
    /// Nothing is sent then.
    pub fn update_secret(
        &mut self,
        now: Instant,
        new_secret: &Secret,
        reason: ShortStr<'_>,
    ) -> Result<RequestId, CallError> {
        let method = <connection::UpdateSecret<'_> as Arguments>::NAME;
        if let Some(error) = self.error() {
            return Err(error.clone().into());
        }
        if self.state != State::Open {
            return Err(CallError::NotSendable { method });
        }
        let argument = |argument| {
            move |error: TooLong| CallError::InvalidArgument {
                argument,
                error: error.into(),
            }
        };
        let update = connection::UpdateSecret {
            new_secret: LongStr::try_from(new_secret.as_bytes()).map_err(argument("new_secret"))?,
            reason,
        };
        self.put_secret(&update)?;
        let request = RequestId(self.next_id());
        let limit = deadline(now, self.config.call_timeout);
        self.sooner = true;
        self.call_deadlines
            .insert(request, (limit, ChannelKey::CONNECTION));
        self.authentication.updates.push_back(Waiter::Waiting(request));
        Ok(request)
    }

    /// connection.update-secret-ok came; false when none is due.
    pub(super) fn secret_updated(&mut self, octets: &[u8]) -> bool {
        let Some(waiter) = self.authentication.updates.pop_front() else {
            return false;
        };
        if let Waiter::Waiting(request) = waiter {
            let reply = Reply {
                octets: Bytes::copy_from_slice(octets),
                content: None,
                unsettled: false,
            };
            self.resolve_update(request, Ok(reply));
        }
        true
    }

    /// Takes note that nobody waits for the request any more.
    pub(super) fn abandon_update(&mut self, request: RequestId) {
        self.authentication.bury(request, Waiter::Nobody);
    }

    /// Tells whoever waits that it took too long. Later replies keep their order, so none is in doubt for that.
    pub(super) fn time_out_update(&mut self, request: RequestId) {
        if self.authentication.bury(request, Waiter::TimedOut) {
            let method = <connection::UpdateSecret<'_> as Arguments>::NAME;
            self.resolve_update(request, Err(CallError::TimedOut { method }));
        }
    }

    /// The connection is over: nobody will be answered.
    pub(super) fn end_authentication(&mut self, error: &ConnectionError) {
        self.authentication.finish();
        for waiter in std::mem::take(&mut self.authentication.updates) {
            if let Waiter::Waiting(request) = waiter {
                self.resolve_update(request, Err(error.clone().into()));
            }
        }
    }

    /// Who issued the secret in use, if it expires, and its lifetime.
    pub(crate) fn secret_source(&self) -> Option<(Provider, Lifetime)> {
        self.authentication.source.clone()
    }

    fn resolve_update(&mut self, request: RequestId, outcome: Result<Reply, CallError>) {
        self.call_deadlines.remove(&request);
        self.events.push_back(Event::Resolved { request, outcome });
    }

    /// Queues a method that holds a secret in a buffer of its own, which never grows and is wiped once it is sent.
    fn put_secret<M: Arguments>(&mut self, method: &M) -> Result<(), CallError> {
        let len = frame::OVERHEAD + 4 + method.encoded_len();
        let mut octets = Zeroizing::new(Vec::with_capacity(len));
        self.write_method(&mut octets, ChannelId(0), method)?;
        self.put_shared(Bytes::from_owner(octets));
        Ok(())
    }
}

fn invalid<E: Into<TableError>>(setting: &'static str) -> impl FnOnce(E) -> ConnectionError {
    move |error| ConnectionError::InvalidSetting {
        setting,
        error: error.into(),
    }
}
