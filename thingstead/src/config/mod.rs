//! Configuration: one table of settings; flag over environment over file over default; every value knows its origin.

mod error;
mod merge;
mod settings;
mod typed;

pub use error::ConfigError;
pub use merge::{Merged, Origin, Raw};
pub use settings::{SETTINGS, Setting};
pub use typed::{Config, Durability, HttpActionUrls, HttpDestinations, Throttles};

/// How the process environment is read; injected so that tests need not touch it.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

#[cfg(test)]
mod tests;
