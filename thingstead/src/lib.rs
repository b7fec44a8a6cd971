//! The Thingstead server as a library, so that a test suite can embed it.
//!
//! [`Config`] is read from flags, environment and file; [`server::Server`] wires the crates of the floors below together
//! and opens the listeners. There is no logic here: who is allowed what, what a shadow answers and what a rule selects is
//! decided below.

pub mod cli;
pub mod config;
pub mod server;

pub use config::Config;
pub use server::Server;
