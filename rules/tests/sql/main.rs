//! The SQL dialect from outside: vectors, behaviour files, pinned messages, properties.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "clippy knows test functions, not what they share"
)]

mod any_statement;
mod behaviour;
mod errors;
mod examples;
mod outward;
mod properties;
mod reference;
mod statements;
mod templates;
mod vectors;
