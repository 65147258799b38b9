//! AMQP 0-9-1 without I/O: no socket, clock, lock, thread or runtime. [`Connection`] is all of it.
//!
//! | file | what it owns |
//! |---|---|
//! | `connection` | state, timers and queues of a connection |
//! | `handshake`, `shutdown`, `ending` | how it begins, and how it ends |
//! | `authentication` | who connects |
//! | `incoming` | what received frames mean |
//! | `content` | received messages |
//! | `channel`, `commands` | a channel's state, and the commands that change it |
//! | `publishing`, `gate` | messages out, and what holds them back |
//! | `confirms`, `outcomes`, `returns` | what became of them |
//! | `consumers` | deliveries in |
//! | `deliveries` | settling what came |
//! | `transactions` | what waits for tx.commit |
//! | `outgoing` | octets on their way to the transport |
//! | `limits` | how much received data may wait |
//! | `heartbeat` | two clocks |
//! | `stats` | what is counted |

mod authentication;
mod channel;
mod channels;
mod commands;
mod confirms;
mod connection;
mod consumers;
mod content;
mod deliveries;
mod ending;
mod event;
mod gate;
mod handshake;
mod heartbeat;
mod incoming;
mod limits;
mod outcomes;
mod outgoing;
mod publishing;
mod returns;
mod shutdown;
mod stats;
mod timers;
mod transactions;

pub use confirms::ConfirmOptions;
pub use connection::Connection;
pub use content::Message;
pub(crate) use content::READ_BUFFER;
pub use deliveries::Settlement;
pub use event::{ChannelKey, ConsumerEnd, ConsumerId, Event, Reply, RequestId, State};
pub use outgoing::Outgoing;
pub use publishing::{Body, Published};
pub use returns::{RETURN_HEADER, Returned};
pub use shutdown::Unfinished;
pub use stats::Stats;
