//! The SQL dialect from outside: vectors, behaviour files, pinned messages, properties.

mod behaviour;
mod errors;
mod examples;
mod outward;
mod properties;
mod reference;
mod statements;
mod templates;
mod vectors;
