//! A Kafka producer: the five requests that sending a record takes, over plain TCP or TLS, with or without SASL.
//!
//! Versions are fixed to ones that brokers from 1.0 to 4.x serve, so that nothing has to be negotiated. It is our own because
//! the crates that exist always wait for all replicas, or bring a second crypto provider, or the whole protocol.

mod batch;
mod cluster;
mod connection;
mod error;
mod keystore;
mod requests;
mod sasl;
mod tls;
mod wire;

pub(crate) use batch::{Compression, Record};
pub(crate) use cluster::{Acks, Cluster, Placed, Producer};
pub(crate) use connection::{Sasl, Security};
pub(crate) use error::KafkaError;
pub(crate) use tls::TlsMaterial;
