//! What a client presented, by layer, and how names, tokens and signatures are found in it (policy.md 13.2).

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use thingstead_core::{CertificateId, Scope};

use super::KeptAdmissions;
use crate::authorizers::Authorizer;

/// Somebody who wants to be authenticated.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Whose authorizers are asked.
    pub scope: Scope,
    /// `connectionMetadata.id`: the same for every call about one connection (AUTH-196).
    pub connection: Arc<str>,
    /// Which authorizer the endpoint prescribes.
    pub choice: AuthorizerChoice,
    /// Of the TLS handshake.
    pub tls: Option<TlsContext>,
    /// Of the HTTPS request or WebSocket upgrade.
    pub http: Option<Arc<HttpContext>>,
    /// Of the CONNECT packet.
    pub mqtt: Option<MqttContext>,
}

/// An endpoint, as custom authentication sees it: a door makes one for each connection.
#[derive(Clone, Debug)]
pub struct CustomDoor {
    /// Whose authorizers are asked.
    pub scope: Scope,
    /// Which of them the endpoint prescribes.
    pub choice: AuthorizerChoice,
    /// The client's certificate, on endpoints that want both.
    pub certificate: Option<PresentedCertificate>,
    /// What they answered to HTTPS requests of this connection.
    pub kept: KeptAdmissions,
}

/// The `authorizerConfig` of the endpoint (AUTH-158); the default endpoint has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorizerChoice {
    /// `defaultAuthorizerName`.
    pub default: Option<Arc<str>>,
    /// `allowAuthorizerOverride`.
    pub may_override: bool,
}

impl Default for AuthorizerChoice {
    /// The account's default authorizer, unless the client names another.
    fn default() -> Self {
        Self { default: None, may_override: true }
    }
}

/// Of the TLS handshake.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsContext {
    /// The host name the client asked for.
    pub server_name: Option<Arc<str>>,
    /// The client's certificate, on endpoints that want both (AUTH-197).
    pub certificate: Option<PresentedCertificate>,
}

/// A client certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresentedCertificate {
    /// Its id.
    pub id: CertificateId,
    /// The certificate.
    pub der: Bytes,
}

/// Of an HTTP request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HttpContext {
    /// Names and values as they came; names in any case.
    pub headers: Vec<(String, String)>,
    /// What follows the `?`, encoded as it came.
    pub query: Option<String>,
}

/// Of a CONNECT packet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MqttContext {
    /// With its query part.
    pub user_name: Option<Arc<str>>,
    /// The bytes.
    pub password: Option<Bytes>,
    /// Absent where the client sent none.
    pub client: Option<Arc<str>>,
}

impl CustomDoor {
    /// The default endpoint of an account.
    pub fn of(scope: Scope) -> Self {
        let choice = AuthorizerChoice::default();
        Self { scope, choice, certificate: None, kept: KeptAdmissions::default() }
    }

    /// Somebody who came in here.
    pub fn attempt(
        &self,
        connection: Arc<str>,
        server_name: Option<Arc<str>>,
        http: Option<Arc<HttpContext>>,
        mqtt: Option<MqttContext>,
    ) -> Attempt {
        let tls = TlsContext { server_name, certificate: self.certificate.clone() };
        let (scope, choice) = (self.scope.clone(), self.choice.clone());
        Attempt { scope, connection, choice, tls: Some(tls), http, mqtt }
    }
}

impl Attempt {
    /// Whom the client names.
    pub(super) fn authorizer_name(&self) -> Option<Cow<'_, str>> {
        self.value(NAME)
    }

    /// The token's signature, base64.
    pub(super) fn signature(&self) -> Option<Cow<'_, str>> {
        self.value(SIGNATURE)
    }

    /// The token, under the name the authorizer expects (AUTH-169).
    pub(super) fn token(&self, authorizer: &Authorizer) -> Option<Cow<'_, str>> {
        self.value(authorizer.token_key_name.as_deref()?)
    }

    /// The certificate next to which the authorizer is asked.
    pub(super) fn certificate(&self) -> Option<&PresentedCertificate> {
        self.tls.as_ref()?.certificate.as_ref()
    }

    /// A WebSocket client may put them into either (AUTH-172); the CONNECT packet goes first.
    fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        let mqtt = self.mqtt.as_ref().and_then(|mqtt| mqtt.value(name));
        mqtt.or_else(|| self.http.as_ref().and_then(|http| http.value(name)))
    }
}

impl MqttContext {
    /// A parameter of the user name: `USER?KEY=VALUE&…`, values percent-encoded (AUTH-170, AUTH-171).
    fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        let (_, query) = self.user_name.as_deref()?.split_once('?')?;
        parameter(query, name)
    }
}

impl HttpContext {
    /// A header by its name in any case, else a query parameter by its exact name (AUTH-167, AUTH-168, AUTH-174).
    pub fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        let header = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        match header {
            Some((_, value)) => Some(Cow::Borrowed(value)),
            None => parameter(self.query.as_deref()?, name),
        }
    }
}

/// Whether a request names an authorizer or carries a token's signature.
pub fn is_custom_request(http: &HttpContext) -> bool {
    http.value(NAME).is_some() || http.value(SIGNATURE).is_some()
}

/// The first parameter of that name; its value without percent-encoding. `+` stays what it is, since base64 has it. Bytes that
/// are no UTF-8 make it unreadable.
fn parameter<'q>(query: &'q str, name: &str) -> Option<Cow<'q, str>> {
    let value = query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (percent_decode_str(key).decode_utf8().ok()? == name).then_some(value)
    })?;
    percent_decode_str(value).decode_utf8().ok()
}

const NAME: &str = "x-amz-customauthorizer-name";
const SIGNATURE: &str = "x-amz-customauthorizer-signature";
