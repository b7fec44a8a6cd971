//! What the broker keeps in the database: its tables, their keys, and messages as rows.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use thingstead_core::{Message, Origin, Properties, Publication, QoS, Scope, Timestamp};
use thingstead_store::Table;

/// A stored copy of a message. It knows whose it is, so that it can be removed when its session is gone already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Of the session or group.
    pub(crate) storage: u64,
    /// In the order of storing.
    pub(crate) number: u64,
}

/// Sessions that outlive their connections; the key is the client id.
pub(crate) const SESSIONS: Table = Table::new("mqtt_sessions");
/// Copies of messages for them and for shared groups; the key is [`row_key`].
pub(crate) const QUEUE: Table = Table::new("mqtt_queue");
/// What is remembered of clients that went away; the key is the client id.
pub(crate) const CLIENTS: Table = Table::new("mqtt_clients");
/// Retained messages; the key is the topic.
pub(crate) const RETAINED: Table = Table::new("mqtt_retained");

/// The key of a stored copy: by session or group, then in the order of storing.
pub(crate) fn row_key(row: Row) -> String {
    format!("{:016x}/{:016x}", row.storage, row.number)
}

/// What all keys of a session or group begin with.
pub(crate) fn row_prefix(storage: u64) -> String {
    format!("{storage:016x}/")
}

/// The row of a key.
pub(crate) fn parse_row_key(key: &str) -> Option<Row> {
    let (storage, number) = key.split_once('/')?;
    let storage = u64::from_str_radix(storage, 16).ok()?;
    Some(Row { storage, number: u64::from_str_radix(number, 16).ok()? })
}

#[derive(Serialize, Deserialize)]
struct MessageRow {
    topic: Arc<str>,
    /// Base64.
    payload: String,
    qos: u8,
    at_ms: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    properties: Option<PropertiesRow>,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct PropertiesRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    payload_format: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at_ms: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    response_topic: Option<Arc<str>>,
    /// Base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_data: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    user: Vec<(Arc<str>, Arc<str>)>,
}

/// A message as a row.
pub(crate) fn message_row(publication: &Publication, at: Timestamp) -> String {
    let message = &publication.message;
    let properties = message.properties.as_ref().map(|properties| PropertiesRow {
        payload_format: properties.payload_format,
        expires_at_ms: properties.expires_at.map(Timestamp::as_millis),
        content_type: properties.content_type.clone(),
        response_topic: properties.response_topic.clone(),
        correlation_data: properties.correlation_data.as_ref().map(|data| STANDARD.encode(data)),
        user: properties.user.clone(),
    });
    let row = MessageRow {
        topic: Arc::clone(&message.topic),
        payload: STANDARD.encode(&message.payload),
        qos: message.qos.as_u8(),
        at_ms: at.as_millis(),
        properties,
    };
    // Strings, numbers and lists always serialize.
    serde_json::to_string(&row).unwrap_or_default()
}

/// A row as a publication; `None` when it is damaged.
pub(crate) fn read_message_row(scope: &Scope, text: &str) -> Option<Publication> {
    let row: MessageRow = serde_json::from_str(text).ok()?;
    let properties = match row.properties {
        None => None,
        Some(properties) => Some(Arc::new(Properties {
            payload_format: properties.payload_format,
            expires_at: properties.expires_at_ms.map(Timestamp::from_millis),
            content_type: properties.content_type,
            response_topic: properties.response_topic,
            correlation_data: match properties.correlation_data {
                Some(text) => Some(Bytes::from(STANDARD.decode(text).ok()?)),
                None => None,
            },
            user: properties.user,
        })),
    };
    let message = Message {
        topic: row.topic,
        payload: Bytes::from(STANDARD.decode(row.payload).ok()?),
        qos: QoS::from_u8(row.qos)?,
        retain: false,
        properties,
    };
    let (at, origin) = (Timestamp::from_millis(row.at_ms), Origin::Service("store"));
    Some(Publication { scope: scope.clone(), message, origin, at })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_survives_its_row() {
        // MQTT-154, MQTT-163
        let properties = Properties {
            payload_format: Some(1),
            expires_at: Some(Timestamp::from_millis(77)),
            content_type: Some("a/b".into()),
            response_topic: Some("r".into()),
            correlation_data: Some(Bytes::from_static(&[0, 255])),
            user: vec![("k".into(), "v".into()), ("k".into(), "w".into())],
        };
        let message = Message {
            properties: Some(Arc::new(properties)),
            ..Message::new("t/1", &b"\x00\xffx"[..]).with_qos(QoS::AtLeastOnce)
        };
        let scope = Scope::new("1", "r");
        let publication = Publication {
            scope: scope.clone(),
            message,
            origin: Origin::Service("test"),
            at: Timestamp::from_millis(5),
        };
        let row = message_row(&publication, publication.at);
        let read = read_message_row(&scope, &row).expect("a row");
        assert_eq!((read.message, read.at), (publication.message, publication.at));
        let row = Row { storage: 7, number: u64::MAX };
        assert_eq!(parse_row_key(&row_key(row)), Some(row));
        assert!(read_message_row(&scope, "{}").is_none());
    }
}
