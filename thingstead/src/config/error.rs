//! What can be wrong with a configuration: one message that names the key, the value and what is allowed.

use std::path::PathBuf;

use super::Origin;

/// A configuration that stops the start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A value that is not allowed.
    #[error("`{key}` is `{value}` ({origin}), expected {expected}")]
    BadValue {
        /// The setting's key.
        key: &'static str,
        /// The value as given.
        value: String,
        /// Where it came from.
        origin: Origin,
        /// What is allowed.
        expected: String,
    },
    /// A key that no setting has.
    #[error("`{key}` in {file} is no setting{suggestion}; `thingstead config` lists them all")]
    UnknownKey {
        /// As written.
        key: String,
        /// In which file.
        file: PathBuf,
        /// `, did you mean …`, or nothing.
        suggestion: String,
    },
    /// A key in code that no setting has.
    #[error("`{key}` is no setting{suggestion}; `thingstead config` lists them all")]
    UnknownSetting {
        /// As given.
        key: String,
        /// `, did you mean …`, or nothing.
        suggestion: String,
    },
    /// An environment variable `THINGSTEAD_…` that no setting has.
    #[error(
        "the environment variable `{name}` is no setting{suggestion}; `thingstead config` lists them all"
    )]
    UnknownVariable {
        /// As set.
        name: String,
        /// `, did you mean …`, or nothing.
        suggestion: String,
    },
    /// A file that cannot be read.
    #[error("the configuration file {file} cannot be read: {reason}")]
    Unreadable {
        /// Which.
        file: PathBuf,
        /// The system's words.
        reason: String,
    },
    /// A file that is not TOML.
    #[error("the configuration file {file} is not valid TOML: {reason}")]
    NotToml {
        /// Which.
        file: PathBuf,
        /// The parser's words, with line and column.
        reason: String,
    },
}
