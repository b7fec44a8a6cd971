//! Floor 4: the admin API under `/_thingstead/`, Prometheus metrics, and the web console.
//!
//! Everything shown here is read from the journal or asked of the crates below; nothing is decided here.

mod admin;
mod assets;
mod deps;
mod error;
mod metrics;

pub use admin::router;
pub use deps::{AdminDeps, Counter, Endpoints, LogQuestion, Operation, Operations, Refusal, ShadowQuestion};
