//! Any bytes into the codec; what must hold stands with the codec's tests, which run it with seeds.

#![no_main]

#[path = "../../mqtt-wire/tests/codec/any_stream.rs"]
mod any_stream;

libfuzzer_sys::fuzz_target!(|data: &[u8]| any_stream::any_stream(data));
