//! What the function receives (policy.md 13.4).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::attempt::{Attempt, HttpContext, MqttContext, TlsContext};

/// The event about an attempt: members that do not concern it are left out (AUTH-190).
pub(super) fn of(attempt: &Attempt, token: Option<&str>, verified: bool) -> Bytes {
    let layers = [
        ("tls", attempt.tls.as_ref().map(tls)),
        ("http", attempt.http.as_deref().map(http)),
        ("mqtt", attempt.mqtt.as_ref().map(mqtt)),
    ];
    let mut event = Map::new();
    if let Some(token) = token {
        event.insert("token".to_owned(), token.into());
    }
    event.insert("signatureVerified".to_owned(), verified.into());
    // AUTH-191
    let protocols = layers.iter().filter(|(_, data)| data.is_some()).map(|(name, _)| *name);
    event.insert("protocols".to_owned(), protocols.collect());
    let data = layers.into_iter().filter_map(|(name, data)| Some((name.to_owned(), data?)));
    event.insert("protocolData".to_owned(), Value::Object(data.collect()));
    event.insert("connectionMetadata".to_owned(), json!({ "id": &*attempt.connection }));
    Value::Object(event).to_string().into()
}

/// AUTH-192, AUTH-197.
fn tls(tls: &TlsContext) -> Value {
    let certificate = tls.certificate.as_ref();
    members([
        ("serverName", tls.server_name.as_deref().map(Value::from)),
        ("x509CertificatePem", certificate.map(|certificate| pem(&certificate.der).into())),
        ("principalId", certificate.map(|certificate| certificate.id.as_str().into())),
    ])
}

/// AUTH-193. A header that came several times is one, its values separated by a comma.
fn http(http: &HttpContext) -> Value {
    let mut headers = Map::new();
    for (name, value) in &http.headers {
        match headers.get_mut(name) {
            Some(Value::String(before)) => {
                before.push_str(", ");
                before.push_str(value);
            }
            _ => {
                headers.insert(name.clone(), value.as_str().into());
            }
        }
    }
    let query = http.query.as_deref().filter(|query| !query.is_empty());
    members([
        ("headers", Some(headers.into())),
        ("queryString", query.map(|query| format!("?{query}").into())),
    ])
}

/// AUTH-194, AUTH-195.
fn mqtt(mqtt: &MqttContext) -> Value {
    members([
        ("username", mqtt.user_name.as_deref().map(Value::from)),
        ("password", mqtt.password.as_ref().map(|password| STANDARD.encode(password).into())),
        ("clientId", mqtt.client.as_deref().map(Value::from)),
    ])
}

/// An object of the members that are there.
pub(super) fn members<const N: usize>(members: [(&str, Option<Value>); N]) -> Value {
    let present = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    Value::Object(present.collect())
}

/// As the functions get certificates.
pub(super) fn pem(der: &[u8]) -> String {
    crate::x509::pem("CERTIFICATE", der)
}
