//! AWS's sizes and counts (MQTT-249), or what is left of them when they are lifted.

use std::time::Duration;

use thingstead_core::{Limits, topic};

use crate::settings::Counts;

/// The numbers in force.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Bytes of a client id (Q01).
    pub(crate) client_id: usize,
    /// Bytes of a payload (Q10).
    pub(crate) payload: usize,
    /// Bytes of a packet (Q11, MQTT-173).
    pub(crate) packet: usize,
    /// The highest inbound topic alias (Q13).
    pub(crate) topic_alias: u16,
    /// The smallest Maximum Packet Size a client may ask for (Q14).
    pub(crate) client_packet: u32,
    /// Seconds a message may ask to live (Q15).
    pub(crate) message_expiry: u32,
    /// Unacknowledged QoS 1 messages in either direction (Q16, Q17).
    pub(crate) in_flight: u16,
    /// Filters in a SUBSCRIBE or UNSUBSCRIBE (Q21).
    pub(crate) filters: usize,
    /// Subscriptions of a connection (Q22).
    pub(crate) subscriptions: usize,
    /// Clients of an account that are connected (Q04).
    pub(crate) connections: usize,
    /// Subscriptions of an account (Q23).
    pub(crate) subscriptions_of_account: usize,
    /// Retained messages of an account (Q25).
    pub(crate) retained: usize,
    /// Messages queued for a shared group (Q30).
    pub(crate) group_queue: usize,
    /// Shared groups of an account (Q31).
    pub(crate) groups: usize,
    /// Subscriptions of a shared group (Q31).
    pub(crate) group_members: usize,
    /// Bytes of a share name (MQTT-128).
    pub(crate) share_name: usize,
    /// Bytes of a content type (Q12).
    pub(crate) content_type: usize,
    /// Bytes of correlation data, and of user properties in total (Q12).
    pub(crate) properties: usize,
    /// Stored messages sent per second after a resume; `None` for as fast as the client takes them (MQTT-164).
    pub(crate) stored_per_second: Option<u64>,
    /// Queued messages of a group sent per second to a member (MQTT-138).
    pub(crate) group_per_second: Option<u64>,
    /// Whether topics may be long and deep.
    topics: bool,
}

impl Bounds {
    /// The numbers of a setting; `counts` are those of accounts where they are limited.
    pub(crate) const fn of(limits: Limits, counts: &Counts) -> Self {
        match limits {
            Limits::Aws => Self {
                client_id: 128,
                payload: 131_072,
                packet: 149_504,
                topic_alias: 8,
                client_packet: 512,
                message_expiry: 604_800,
                in_flight: 100,
                filters: 8,
                subscriptions: 50,
                connections: counts.connections,
                subscriptions_of_account: counts.subscriptions,
                retained: counts.retained,
                group_queue: 500_000,
                groups: 100,
                group_members: 100,
                share_name: 128,
                content_type: 256,
                properties: 8 * 1024,
                stored_per_second: Some(10),
                group_per_second: Some(20),
                topics: true,
            },
            Limits::Relaxed => Self {
                client_id: 65_535,
                payload: 16 * 1024 * 1024,
                packet: 17 * 1024 * 1024,
                topic_alias: 65_535,
                client_packet: 1,
                message_expiry: u32::MAX,
                in_flight: 65_535,
                filters: usize::MAX,
                subscriptions: usize::MAX,
                connections: usize::MAX,
                subscriptions_of_account: usize::MAX,
                retained: usize::MAX,
                group_queue: usize::MAX,
                groups: usize::MAX,
                group_members: usize::MAX,
                share_name: 65_535,
                content_type: 65_535,
                properties: 16 * 1024 * 1024,
                stored_per_second: None,
                group_per_second: None,
                topics: false,
            },
        }
    }

    /// Length and depth of a topic name or filter, prefixes that do not count already removed.
    pub(crate) fn check_topic(&self, name: &str) -> Result<(), topic::TopicError> {
        if self.topics { topic::check_limits(name) } else { Ok(()) }
    }
}

/// Keep alive asked for, in seconds, and what is granted: 30 to 1200 (MQTT-071).
pub(crate) const fn keep_alive(asked: u16) -> u16 {
    match asked {
        0 | 1200.. => 1200,
        1..30 => 30,
        _ => asked,
    }
}

/// A v3 client's unacknowledged delivery is sent again and again for this long (MQTT-090).
pub(crate) const RETRY_V3: Duration = Duration::from_secs(3600);
/// A v5 client's.
pub(crate) const RETRY_V5: Duration = Duration::from_secs(960);
/// How long an unacknowledged delivery waits before it is sent again (MQTT-089).
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(30);
/// How long the data of a disconnected client can be asked for (MQTT-242).
pub(crate) const REMEMBER: Duration = Duration::from_secs(30 * 60);
/// After this long without a connection version numbers begin anew (MQTT-209).
pub(crate) const VERSION_MEMORY: Duration = Duration::from_secs(3600);
/// How long a WebSocket lives (MQTT-016).
pub(crate) const WEBSOCKET_LIFE: Duration = Duration::from_secs(86_400);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keep_alive_is_clamped() {
        // MQTT-071
        for (asked, granted) in
            [(0, 1200), (1, 30), (29, 30), (30, 30), (31, 31), (1200, 1200), (1201, 1200), (u16::MAX, 1200)]
        {
            assert_eq!(keep_alive(asked), granted, "{asked}");
        }
    }
}
