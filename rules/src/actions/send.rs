//! The one HTTP client of all actions.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::pki_types::CertificateDer;

/// A request ready to send.
#[derive(Clone, Debug)]
pub(crate) struct HttpRequest {
    /// `POST` for most.
    pub(crate) method: &'static str,
    /// Absolute, percent-encoded.
    pub(crate) url: String,
    /// Without `host` and `content-length`.
    pub(crate) headers: Vec<(String, String)>,
    /// The body.
    pub(crate) body: Bytes,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct HttpAnswer {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

/// Why there was no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SendError {
    #[error("`{0}` is not a URL that can be called")]
    InvalidUrl(String),
    #[error("the host `{0}` is unknown")]
    UnknownHost(String),
    #[error("no answer within {0} ms")]
    TimedOut(u128),
    #[error("cannot connect: {0}")]
    NotConnected(String),
    #[error("the answer is longer than {0} bytes")]
    AnswerTooLong(usize),
    #[error("the connection ended early: {0}")]
    Closed(String),
}

impl SendError {
    /// Whether the same request may fare better a moment later.
    pub(crate) const fn is_transient(&self) -> bool {
        matches!(self, Self::TimedOut(_) | Self::NotConnected(_) | Self::Closed(_) | Self::UnknownHost(_))
    }
}

/// Sends requests over pooled connections, plain or TLS.
#[derive(Clone)]
pub(crate) struct HttpClient(Client<HttpsConnector<HttpConnector>, Full<Bytes>>);

impl HttpClient {
    /// A client that trusts the public CAs and `extra` (RULES-465).
    pub(crate) fn new(extra: &[CertificateDer<'static>]) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        let (_, ignored) = roots.add_parsable_certificates(extra.iter().cloned());
        if ignored > 0 {
            tracing::warn!(ignored, "certificates in trust_ca could not be read");
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map(|builder| builder.with_root_certificates(roots).with_no_client_auth());
        let connector = match builder {
            Ok(config) => hyper_rustls::HttpsConnectorBuilder::new()
                .with_tls_config(config)
                .https_or_http()
                .enable_http1()
                .build(),
            // The provider serves the default versions; without TLS, plain receivers still work.
            Err(error) => {
                tracing::error!(%error, "outgoing TLS falls back to the public CAs");
                hyper_rustls::HttpsConnectorBuilder::new()
                    .with_webpki_roots()
                    .https_or_http()
                    .enable_http1()
                    .build()
            }
        };
        Self(Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE_CONNECTION).build(connector))
    }

    /// Sends once and reads the answer, all within `limit`; an answer longer than `max_answer` is an error.
    pub(crate) async fn send(
        &self,
        request: &HttpRequest,
        limit: Duration,
        max_answer: usize,
    ) -> Result<HttpAnswer, SendError> {
        let call = self.send_unlimited(request, max_answer);
        match tokio::time::timeout(limit, call).await {
            Ok(answer) => answer,
            Err(_) => Err(SendError::TimedOut(limit.as_millis())),
        }
    }

    async fn send_unlimited(&self, request: &HttpRequest, max: usize) -> Result<HttpAnswer, SendError> {
        let invalid = || SendError::InvalidUrl(request.url.clone());
        let uri: http::Uri = request.url.parse().map_err(|_| invalid())?;
        if uri.host().is_none() || !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(invalid());
        }
        let host = uri.host().unwrap_or_default().to_owned();
        let mut builder = http::Request::builder().method(request.method).uri(uri);
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        let ready = builder.body(Full::new(request.body.clone())).map_err(|_| invalid())?;
        let answer = self.0.request(ready).await.map_err(|error| {
            let reason = innermost(&error);
            if error.is_connect() {
                if reason.contains("lookup")
                    || reason.contains("Name or service")
                    || reason.contains("resolve")
                {
                    SendError::UnknownHost(host)
                } else {
                    SendError::NotConnected(reason)
                }
            } else {
                SendError::Closed(reason)
            }
        })?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, max).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                SendError::AnswerTooLong(max)
            } else {
                SendError::Closed(error.to_string())
            }
        })?;
        Ok(HttpAnswer { status: head.status.as_u16(), headers: head.headers, body: body.to_bytes() })
    }
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HttpClient")
    }
}

fn innermost(error: &hyper_util::client::legacy::Error) -> String {
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        reason = inner.to_string();
        source = inner.source();
    }
    reason
}

/// Idle connections to receivers are closed after this time.
const IDLE_CONNECTION: Duration = Duration::from_secs(20);
