//! Floor 4: what happened, in AWS's words.
//!
//! The journal is the one account of what happened; this crate only retells it: as entries of AWS IoT's service log, version
//! 2 ([`ServiceLog`]), and as the metrics of the CloudWatch namespace `AWS/IoT` ([`metrics`]). Nothing here is on a
//! message's path.

pub mod metrics;
mod service_log;

pub use service_log::{Destinations, LogQuery, ServiceLog};
