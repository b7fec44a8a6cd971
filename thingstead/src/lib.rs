//! The Thingstead server as a library, so that a test suite can embed it.

pub mod config;

pub use config::Config;
