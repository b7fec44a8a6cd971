//! The rules engine from outside: rules through its API, messages through `RuleSink`, effects at a fake bus, a local HTTP
//! receiver, the deliveries log and the journal.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "clippy knows test functions, not what they share"
)]

mod actions;
mod backpressure;
mod destinations;
mod errors;
mod functions;
mod http;
mod influxdb;
mod iot_actions;
mod kafka;
mod kafka_oddities;
mod misbehaving;
mod republish;
mod resources;
mod roles;
mod running;
mod world;
