//! Runs `frames` of this package on what the fuzzer invents.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| amqp_fuzz::frames(input));
