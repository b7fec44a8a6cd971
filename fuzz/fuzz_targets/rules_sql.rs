//! Any text as a statement, any bytes as a payload; what must hold stands with the tests of SQL, which run it with seeds.

#![no_main]

#[path = "../../rules/tests/sql/any_statement.rs"]
mod any_statement;

libfuzzer_sys::fuzz_target!(|data: &[u8]| any_statement::any_statement(data));
