//! Scenarios and codecs of the benchmark: amqp-protocol, its peers, and hand-written code for a floor.
//! How they are timed and judged is the business of the program `codec`.
#![forbid(unsafe_code)]

mod floor;
pub mod measure;
mod ours;
mod peer_amq_protocol;
mod peer_amqp_serde;
pub mod report;
mod scenario;
mod sum;
pub mod values;

pub use floor::Floor;
pub use ours::{Ours, OursAny};
pub use peer_amq_protocol::AmqProtocol;
pub use peer_amqp_serde::AmqpSerde;
pub use scenario::{Case, Direction, Scenario, VARIANTS, cases, verify};
pub use sum::{Light, Sum, Thorough};

/// A codec under test: each scenario encoded from the user's values into a buffer that is kept, and decoded and read.
///
/// Every frame has its envelope. Decoding panics on octets that are not what the scenario is made of.
pub trait Codec: Default {
    /// Three frames.
    fn encode_publish(&mut self, values: &values::Publish<'_>) -> &[u8];
    /// One frame.
    fn encode_declare(&mut self, values: &values::Declare<'_>) -> &[u8];
    /// One frame.
    fn encode_deliver(&mut self, values: &values::Deliver<'_>) -> &[u8];
    /// A table with its length, without a frame.
    fn encode_table(&mut self, entries: values::Table<'_>) -> &[u8];
    /// Reads every field of three frames.
    fn decode_publish(input: &[u8], sum: &mut impl Sum);
    /// Reads every field and table entry.
    fn decode_declare(input: &[u8], sum: &mut impl Sum);
    /// Reads every field.
    fn decode_deliver(input: &[u8], sum: &mut impl Sum);
    /// Reads every entry, those of tables within tables included.
    fn decode_table(input: &[u8], sum: &mut impl Sum);
}
