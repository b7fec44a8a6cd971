//! Any text as a policy; what must hold stands with the evaluator's tests, which run it with seeds.

#![no_main]

#[path = "../../policy-engine/tests/suite/any_policy.rs"]
mod any_policy;

libfuzzer_sys::fuzz_target!(|text: &str| any_policy::any_policy(text));
