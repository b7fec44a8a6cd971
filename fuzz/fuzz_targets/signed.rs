//! Any text as a signed request; what must hold stands with the tests of the core, which run it with seeds.

#![no_main]

#[path = "../../core/tests/suite/any_signed.rs"]
mod any_signed;

libfuzzer_sys::fuzz_target!(|text: &str| any_signed::any_signed(text));
