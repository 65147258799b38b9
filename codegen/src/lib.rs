//! From the XML of the specification to Rust.
#![forbid(unsafe_code)]
