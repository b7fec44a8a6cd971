//! Floor 3: the SQL dialect (pure), the rules engine, and the actions.
//!
//! [`sql`] parses and evaluates statements without I/O. [`RuleEngine`] keeps rules and destinations, takes messages from
//! the broker through `RuleSink`, and performs the actions.

mod actions;
mod deliveries;
mod destination;
mod engine;
mod error;
mod kafka;
mod log_writer;
mod logs;
mod rule;
mod settings;
pub mod sql;
mod store;

pub use actions::ActionKind;
pub use deliveries::{Deliveries, Delivery, DeliveryOutcome, SentRequest, SentResponse};
pub use destination::{Destination, DestinationStatus, DestinationTarget};
pub use engine::{Deps, ListTopicRules, Lookups, Page, RuleEngine, RuleMetric};
pub use error::RulesError;
pub use log_writer::{LogEvent, LogWriter};
pub use logs::log_entries;
pub use rule::TopicRule;
pub use settings::{AwsSettings, HttpActionUrls, HttpDestinations, Roles, Settings};
pub use store::TABLES;
