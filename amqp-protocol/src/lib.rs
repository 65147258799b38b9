//! AMQP wire types, frames and generated methods.
#![forbid(unsafe_code)]
