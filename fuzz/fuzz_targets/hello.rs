//! Any bytes as the beginning of a TLS connection; what must hold stands with the broker's tests, which run it with seeds.

#![no_main]

#[path = "../../broker/tests/sockets/any_hello.rs"]
mod any_hello;

libfuzzer_sys::fuzz_target!(|data: &[u8]| any_hello::any_hello(data));
