//! Any bytes as the requests of a shadow; what must hold stands with the tests of shadows, which run it with seeds.

#![no_main]

#[path = "../../shadow/tests/any_document.rs"]
mod any_document;

libfuzzer_sys::fuzz_target!(|data: &[u8]| any_document::any_document(data));
