//! Tests of the generator from outside: the program, the library on real, odd and broken specifications, and its output.
#![forbid(unsafe_code)]

mod bad_input;
mod cli;
mod compare;
mod documented;
mod files;
mod golden;
mod mutate;
mod robustness;
mod support;
mod third_party;
