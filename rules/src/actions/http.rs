//! `http`: posts the result to a URL (RULES-522 ff.).

use std::time::Duration;

use thingstead_core::topic::Quoted;

use super::send::HttpRequest;
use super::{AwsError, Context, Field, Members, Prepare, Prepared, Unready, Work, url};
use crate::RulesError;
use crate::deliveries::SentRequest;
use crate::settings::HttpActionUrls;

/// The action's members.
#[derive(Debug)]
pub(crate) struct Http {
    url: Field,
    confirmation_url: Option<String>,
    headers: Vec<(Field, Field)>,
    signing: Option<SigV4>,
    batch: Option<BatchConfig>,
    allowed: HttpActionUrls,
}

/// `auth.sigv4` (RULES-527).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SigV4 {
    pub(crate) region: String,
    pub(crate) service: String,
}

/// `batchConfig` with its defaults (RULES-534).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchConfig {
    pub(crate) open: Duration,
    pub(crate) size: usize,
    pub(crate) bytes: usize,
    pub(crate) across_topics: bool,
}

/// A request of an `http` action.
#[derive(Clone, Debug)]
pub(crate) struct HttpCall {
    pub(crate) request: HttpRequest,
    /// The destination that must be ENABLED: one whose confirmation URL is this (RULES-461).
    pub(crate) confirmation_url: String,
    pub(crate) signing: Option<SigV4>,
    pub(crate) batch: Option<BatchConfig>,
    pub(crate) joining: Joining,
    /// For InfluxDB, whose URL and token come from a destination.
    pub(crate) influx: Option<super::influxdb::Write>,
}

/// How the messages of a batch become one body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Joining {
    /// As elements of a JSON array.
    Array,
    /// One below the other.
    Lines,
}

impl HttpCall {
    /// The request as the deliveries log shows it.
    pub(crate) fn shown(&self) -> SentRequest {
        SentRequest {
            operation: String::new(),
            method: self.request.method.to_owned(),
            url: self.request.url.clone(),
            headers: self.request.headers.clone(),
            body: self.request.body.clone(),
        }
    }
}

impl Http {
    pub(crate) fn compile(members: &Members<'_>) -> Result<Self, RulesError> {
        let settings = members.compiling.settings;
        let url = members.limited_field("url", MAX_URL)?;
        let confirmation_url = members.optional_plain("confirmationUrl")?.map(str::to_owned);
        let at = |name: &str| members.at(name);
        if let Some(plain) = url.plain() {
            check_url(plain, settings.http_action_urls)
                .map_err(|why| RulesError::invalid(format!("`{}` {why}", at("url"))))?;
        }
        match &confirmation_url {
            Some(prefix) => {
                check_url(prefix, settings.http_action_urls)
                    .map_err(|why| RulesError::invalid(format!("`{}` {why}", at("confirmationUrl"))))?;
                if !url.text().starts_with(prefix.as_str()) {
                    return Err(RulesError::invalid(format!(
                        "`{}` is {}, which `{}` {} does not begin with",
                        at("confirmationUrl"),
                        Quoted(prefix),
                        at("url"),
                        Quoted(url.text())
                    )));
                }
            }
            None if !url.is_plain() => {
                return Err(RulesError::invalid(format!(
                    "`{}` is missing, which a `url` with a substitution template needs",
                    at("confirmationUrl")
                )));
            }
            None => {}
        }
        let mut headers = Vec::new();
        for header in members.list("headers", 0..=MAX_HEADERS)?.unwrap_or_default() {
            let key = header.limited_field("key", MAX_HEADER_KEY)?;
            if key.text().is_empty() {
                return Err(RulesError::invalid(format!("`{}` is empty", header.at("key"))));
            }
            headers.push((key, header.field("value")?));
        }
        let signing = match members.object("auth")? {
            Some(auth) => {
                let sigv4 = auth.required_object("sigv4")?;
                sigv4.role()?;
                Some(SigV4 {
                    region: sigv4.plain("signingRegion")?.to_owned(),
                    service: sigv4.plain("serviceName")?.to_owned(),
                })
            }
            None => None,
        };
        let batch = BatchConfig::compile(members)?;
        Ok(Self { batch, allowed: settings.http_action_urls, url, confirmation_url, headers, signing })
    }
}

impl BatchConfig {
    fn compile(members: &Members<'_>) -> Result<Option<Self>, RulesError> {
        let enabled = members.boolean("enableBatching")?;
        let config = members.object("batchConfig")?;
        if members.compiling.is_error_action && config.is_some() {
            return Err(RulesError::invalid(format!(
                "`{}`: an error action has no `batchConfig` of its own",
                members.path()
            )));
        }
        let (mut open, mut size, mut bytes, mut across_topics) = (None, None, None, false);
        if let Some(config) = config {
            open = config.integer("maxBatchOpenMs", 5..=200)?;
            size = config.integer("maxBatchSize", 2..=10)?;
            bytes = config.integer("maxBatchSizeBytes", 100..=131_072)?;
            across_topics = config.boolean("batchAcrossTopics")?;
        }
        let number = |value: Option<u64>, default: usize| {
            value.and_then(|value| usize::try_from(value).ok()).unwrap_or(default)
        };
        Ok(enabled.then(|| Self {
            open: Duration::from_millis(open.unwrap_or(20)),
            size: number(size, 10),
            bytes: number(bytes, 5_120),
            across_topics,
        }))
    }
}

impl Prepare for Http {
    fn prepare(&self, context: &Context<'_>) -> Result<Prepared, Unready> {
        let url = context.fill_required("url", &self.url)?;
        check_url(&url, self.allowed)
            .map_err(|why| Unready::InvalidUrl(format!("the URL {why}"), url.clone()))?;
        let mut headers = Vec::new();
        let mut content_type = None;
        for (key, value) in &self.headers {
            let (key, value) = (context.fill(key)?.into_owned(), context.fill(value)?.into_owned());
            if http::HeaderName::try_from(key.as_str()).is_err()
                || http::HeaderValue::try_from(value.as_str()).is_err()
            {
                return Err(Unready::Failed(format!("`{key}: {value}` is no header")));
            }
            if key.eq_ignore_ascii_case("content-type") {
                content_type = Some(value);
            } else {
                headers.push((key, value));
            }
        }
        // RULES-526, RULES-535
        let is_json = self.batch.is_some() || context.check_json().is_ok();
        let fallback = if is_json { "application/json" } else { "application/octet-stream" };
        let content_type = match content_type {
            Some(own) if self.batch.is_none() => own,
            _ => fallback.to_owned(),
        };
        headers.insert(0, ("content-type".to_owned(), content_type));
        if self.batch.is_some() && std::str::from_utf8(context.payload()).is_err() {
            return Err(Unready::Failed("the result is no UTF-8 text, which a batch needs".to_owned()));
        }
        let request =
            HttpRequest { method: "POST", url: url.clone(), headers, body: context.payload().clone() };
        let confirmation_url = self.confirmation_url.clone().unwrap_or_else(|| url.clone());
        let call = HttpCall {
            request,
            confirmation_url,
            signing: self.signing.clone(),
            batch: self.batch,
            joining: Joining::Array,
            influx: None,
        };
        Ok(Prepared {
            resources: vec![("Url", url.clone())],
            resource: url,
            explain,
            work: Work::Http(Box::new(call)),
        })
    }

    fn confirmation_url(&self) -> Option<&str> {
        self.confirmation_url.as_deref().or_else(|| self.url.plain())
    }

    fn has_fixed_host(&self) -> bool {
        self.url.is_plain()
    }
}

/// The queue of the requests to a URL's host.
pub(crate) fn lane(url: &str) -> String {
    format!("http {}", url::split(url).0)
}

/// As AWS words it (RULES-532).
pub(crate) fn explain(error: &AwsError) -> String {
    match error {
        AwsError::Refused { status, .. } => {
            let reason = http::StatusCode::from_u16(*status).ok();
            let reason = reason.and_then(|status| status.canonical_reason()).unwrap_or("unknown");
            format!(
                "HttpAction failed to make a request to the specified endpoint. StatusCode: {status}. Reason: {reason}."
            )
        }
        AwsError::NotSent(reason) => {
            format!("HttpAction failed to make a request to the specified endpoint. Reason: {reason}.")
        }
    }
}

/// Why a URL cannot be the target of an `http` action.
pub(crate) fn check_url(text: &str, allowed: HttpActionUrls) -> Result<(), String> {
    let quoted = Quoted(text);
    let is_http = text.starts_with("http://");
    if !(text.starts_with("https://") || is_http && allowed == HttpActionUrls::Any) {
        return Err(format!("is {quoted}; it must begin with `https://`"));
    }
    let uri: http::Uri = text.parse().map_err(|_| format!("is {quoted}, which is no URL"))?;
    let (authority, _, _) = url::split(text);
    let host = url::host(authority);
    if host.is_empty() {
        return Err(format!("is {quoted}, which names no host"));
    }
    if host.starts_with('[') {
        return Err(format!("is {quoted}; an IP address must be IPv4"));
    }
    if allowed == HttpActionUrls::Aws && !matches!(uri.port_u16(), None | Some(443 | 8443)) {
        return Err(format!("is {quoted}; ports are 443 and 8443"));
    }
    Ok(())
}

/// Characters of a URL (RULES-345).
const MAX_URL: usize = 2_000;
/// Headers of one action.
const MAX_HEADERS: usize = 100;
/// Characters of a header's name.
const MAX_HEADER_KEY: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_https_on_two_ports_with_aws_and_anything_locally() {
        // RULES-437, RULES-522, RULES-523
        for (text, any, aws) in [
            ("https://example.com/a", true, true),
            ("https://example.com:8443/a", true, true),
            ("https://example.com:9000/a", true, false),
            ("https://192.0.2.1/a", true, true),
            ("https://[::1]/a", false, false),
            ("http://localhost:9000/a", true, false),
            ("ftp://example.com", false, false),
            ("https://", false, false),
        ] {
            assert_eq!(check_url(text, HttpActionUrls::Any).is_ok(), any, "{text}");
            assert_eq!(check_url(text, HttpActionUrls::Aws).is_ok(), aws, "{text}");
        }
    }
}
