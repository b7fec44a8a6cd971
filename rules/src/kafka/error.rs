//! What can go wrong on the way to a broker.

use super::wire::Malformed;

/// Why a record was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KafkaError {
    #[error("cannot connect to `{server}`: {why}")]
    NotConnected { server: String, why: String },
    #[error("the TLS handshake with `{server}` failed: {why}")]
    Tls { server: String, why: String },
    #[error("`{server}` did not accept the credentials: {why}")]
    NotAuthenticated { server: String, why: String },
    #[error("the connection to `{0}` ended early")]
    Closed(String),
    #[error("no answer from `{server}` within {limit_ms} ms")]
    TimedOut { server: String, limit_ms: u128 },
    #[error("`{server}` sent an answer that cannot be read: {why}")]
    Unreadable { server: String, why: Malformed },
    #[error("the broker answered {name} (error code {code})")]
    Refused { code: i16, name: &'static str },
    #[error("the topic has {partitions} partitions; there is no partition {partition}")]
    NoPartition { partition: i32, partitions: usize },
    #[error("the topic's partition {0} has no leader")]
    NoLeader(i32),
    #[error("{0}")]
    BadKeystore(String),
    #[error("the record cannot be compressed: {0}")]
    NotCompressed(String),
}

impl KafkaError {
    /// The broker's code as an error; `Ok` for 0.
    pub(super) fn check(code: i16) -> Result<(), Self> {
        match code {
            0 => Ok(()),
            code => Err(Self::Refused { code, name: name_of(code) }),
        }
    }

    /// Whether the same record may fare better a moment later, with fresh connections and leaders.
    pub(crate) const fn is_transient(&self) -> bool {
        match self {
            Self::NotConnected { .. } | Self::Closed(_) | Self::TimedOut { .. } | Self::NoLeader(_) => true,
            Self::Refused { code, .. } => matches!(*code, 3 | 5..=9 | 13..=16 | 19 | 20 | 56),
            _ => false,
        }
    }
}

/// The names that Kafka gives its error codes, as far as a producer meets them.
const fn name_of(code: i16) -> &'static str {
    match code {
        1 => "OFFSET_OUT_OF_RANGE",
        2 => "CORRUPT_MESSAGE",
        3 => "UNKNOWN_TOPIC_OR_PARTITION",
        5 => "LEADER_NOT_AVAILABLE",
        6 => "NOT_LEADER_OR_FOLLOWER",
        7 => "REQUEST_TIMED_OUT",
        8 => "BROKER_NOT_AVAILABLE",
        9 => "REPLICA_NOT_AVAILABLE",
        10 => "MESSAGE_TOO_LARGE",
        13 => "NETWORK_EXCEPTION",
        17 => "INVALID_TOPIC_EXCEPTION",
        18 => "RECORD_LIST_TOO_LARGE",
        19 => "NOT_ENOUGH_REPLICAS",
        20 => "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
        21 => "INVALID_REQUIRED_ACKS",
        29 => "TOPIC_AUTHORIZATION_FAILED",
        31 => "CLUSTER_AUTHORIZATION_FAILED",
        32 => "INVALID_TIMESTAMP",
        33 => "UNSUPPORTED_SASL_MECHANISM",
        34 => "ILLEGAL_SASL_STATE",
        35 => "UNSUPPORTED_VERSION",
        43 => "UNSUPPORTED_FOR_MESSAGE_FORMAT",
        44 => "POLICY_VIOLATION",
        56 => "KAFKA_STORAGE_ERROR",
        58 => "SASL_AUTHENTICATION_FAILED",
        76 => "UNSUPPORTED_COMPRESSION_TYPE",
        87 => "INVALID_RECORD",
        _ => "an error",
    }
}
