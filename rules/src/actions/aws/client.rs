//! Signs calls, sends them, tries again where that helps, and reads the error of an answer.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;
use thingstead_core::sigv4::{PathEncoding, Request, Signer};
use thingstead_core::{Clock, Timestamp};

use super::AwsCall;
use crate::actions::send::{HttpAnswer, HttpClient, HttpRequest, SendError};
use crate::actions::url;
use crate::deliveries::{SentRequest, SentResponse};
use crate::settings::AwsSettings;

/// Calls AWS services.
#[derive(Clone, Debug)]
pub(crate) struct AwsClient {
    http: HttpClient,
    settings: std::sync::Arc<AwsSettings>,
    clock: Clock,
}

/// How a call ended.
#[derive(Debug)]
pub(crate) struct CallEnd {
    pub(crate) request: SentRequest,
    pub(crate) response: Option<SentResponse>,
    /// 0 when the service has no endpoint and nothing was sent.
    pub(crate) attempts: u32,
    /// The answer's body; `None` inside when nothing was sent.
    pub(crate) result: Result<Option<Bytes>, AwsError>,
}

/// What a service, or the way to it, answered instead of success.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AwsError {
    #[error("{message} (status code: {status}, error code: {code})")]
    Refused { status: u16, code: String, message: String },
    #[error("{0}")]
    NotSent(#[from] SendError),
}

impl AwsClient {
    pub(crate) fn new(http: HttpClient, settings: std::sync::Arc<AwsSettings>, clock: Clock) -> Self {
        Self { http, settings, clock }
    }

    /// Makes a call, trying three times where the fault may pass (RULES-357).
    pub(crate) async fn call(&self, call: &AwsCall, region: &str) -> CallEnd {
        self.call_at_most(MAX_ATTEMPTS, call, region).await
    }

    /// Makes a call, trying so many times where the fault may pass.
    pub(crate) async fn call_at_most(&self, most: u32, call: &AwsCall, region: &str) -> CallEnd {
        let target = call.target(&self.settings, region);
        let unsigned = HttpRequest {
            method: call.method,
            url: target.url,
            headers: call.headers.clone(),
            body: call.body.clone(),
        };
        let request = call.shown(unsigned.url.clone());
        if !target.reachable {
            return CallEnd { request, response: None, attempts: 0, result: Ok(None) };
        }
        let mut attempts = 0;
        loop {
            attempts += 1;
            let mut signed = unsigned.clone();
            if call.signed && call.plain_function(&self.settings).is_none() {
                sign(&mut signed, call.service.signing, region, &self.settings, self.clock.now());
            }
            let sent = self.http.send(&signed, ATTEMPT_LIMIT, MAX_ANSWER).await;
            let retry = attempts < most && is_transient(&sent);
            if retry {
                tokio::time::sleep(FIRST_PAUSE * 2u32.pow(attempts - 1)).await;
                continue;
            }
            return match sent {
                Ok(answer) => CallEnd {
                    request,
                    response: Some(SentResponse {
                        status: answer.status,
                        body: answer.body.slice(..answer.body.len().min(KEPT_OF_ANSWER)),
                    }),
                    attempts,
                    result: judge(call, &answer).map(|()| Some(answer.body)),
                },
                Err(error) => CallEnd { request, response: None, attempts, result: Err(error.into()) },
            };
        }
    }
}

/// Adds the headers of a signature; all headers present are signed.
pub(crate) fn sign(
    request: &mut HttpRequest,
    service: &str,
    region: &str,
    settings: &AwsSettings,
    at: Timestamp,
) {
    let (authority, path, query) = url::split(&request.url);
    let mut headers: Vec<(&str, &str)> =
        request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    headers.push(("host", authority));
    let credentials = settings.credentials();
    let path_encoding = if service == "s3" { PathEncoding::Once } else { PathEncoding::Twice };
    let signer = Signer { credentials: &credentials, region, service, path_encoding };
    let unsigned = Request { method: request.method, path, query, headers: &headers, body: &request.body };
    let added = signer.sign(&unsigned, at);
    request.headers.extend(added.into_iter().map(|(name, value)| (name.to_owned(), value)));
}

fn judge(call: &AwsCall, answer: &HttpAnswer) -> Result<(), AwsError> {
    if (200..300).contains(&answer.status) {
        // A Lambda function that threw an error is still a success of the service. 202 only says that it will be invoked.
        let ran = call.function.is_some() && answer.status == 200;
        if let Some(code) = answer.headers.get("x-amz-function-error").filter(|_| ran) {
            let code = String::from_utf8_lossy(code.as_bytes()).into_owned();
            let (_, message) = read_error(answer);
            return Err(AwsError::Refused { status: answer.status, code, message });
        }
        return match call.refusals.and_then(|pointer| refused(&answer.body, pointer)) {
            Some(message) => {
                Err(AwsError::Refused { status: answer.status, code: "PartialFailure".to_owned(), message })
            }
            None => Ok(()),
        };
    }
    let (code, message) = read_error(answer);
    if call.tolerated.contains(&code.as_str()) {
        return Ok(());
    }
    Err(AwsError::Refused { status: answer.status, code, message })
}

/// What the service refused although its answer has status 200.
fn refused(body: &[u8], pointer: &str) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    match body.pointer(pointer)? {
        Value::Array(refused) if refused.is_empty() => None,
        Value::Null => None,
        Value::Number(count) if count.as_u64() == Some(0) => None,
        refused => Some(format!("{} of {}", refused, pointer.trim_start_matches('/'))),
    }
}

fn is_transient(sent: &Result<HttpAnswer, SendError>) -> bool {
    match sent {
        Err(error) => error.is_transient(),
        Ok(answer) if answer.status == 429 || answer.status >= 500 => true,
        Ok(answer) if answer.status == 400 => {
            let (code, _) = read_error(answer);
            code.starts_with("Throttl") || code == "ProvisionedThroughputExceededException"
        }
        Ok(_) => false,
    }
}

/// Code and message of an error in any of the protocols: `__type` in JSON, `<Code>` in XML, or a header.
fn read_error(answer: &HttpAnswer) -> (String, String) {
    let header = answer.headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
    let text = String::from_utf8_lossy(&answer.body);
    let json: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let member = |names: &[&str]| {
        let json = json.as_ref()?;
        names.iter().find_map(|name| json.get(name)?.as_str().map(str::to_owned))
    };
    let code = header
        .map(str::to_owned)
        .or_else(|| member(&["__type", "code", "Code"]))
        .or_else(|| element(&text, "Code"))
        .unwrap_or_else(|| "Unknown".to_owned());
    let code = code.rsplit('#').next().unwrap_or_default();
    let code = code.split(':').next().unwrap_or_default().to_owned();
    let message = member(&["message", "Message", "errorMessage"])
        .or_else(|| element(&text, "Message"))
        .unwrap_or_else(|| text.chars().take(200).collect());
    (code, message)
}

fn element(xml: &str, name: &str) -> Option<String> {
    let (_, after) = xml.split_once(&format!("<{name}>"))?;
    let (inside, _) = after.split_once(&format!("</{name}>"))?;
    Some(inside.trim().to_owned())
}

/// Attempts of one call.
const MAX_ATTEMPTS: u32 = 3;
/// The time one attempt has.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(5);
/// Doubles with each attempt.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// An answer may be this long: items and secrets are far smaller.
const MAX_ANSWER: usize = 8 * 1024 * 1024;
/// So much of an answer the deliveries log keeps.
const KEPT_OF_ANSWER: usize = 16 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &'static str) -> HttpAnswer {
        HttpAnswer { status, headers: http::HeaderMap::new(), body: Bytes::from_static(body.as_bytes()) }
    }

    #[test]
    fn a_function_that_threw_is_an_error_in_the_answer_of_a_success() {
        let mut threw = answer(200, r#"{"errorMessage":"no such user","errorType":"Error"}"#);
        threw.headers.insert("x-amz-function-error", http::HeaderValue::from_static("Unhandled"));
        let call = crate::actions::invoke_function("gate", Bytes::new(), "RequestResponse");
        let expected = AwsError::Refused {
            status: 200,
            code: "Unhandled".to_owned(),
            message: "no such user".to_owned(),
        };
        assert_eq!(judge(&call, &threw), Err(expected));
        threw.status = 202;
        let event = crate::actions::invoke_function("gate", Bytes::new(), "Event");
        assert_eq!(judge(&event, &threw), Ok(()));
        assert_eq!(judge(&call, &answer(200, "{}")), Ok(()));
    }

    #[test]
    fn errors_are_read_in_every_protocol() {
        for (body, code, message) in [
            (
                r#"{"__type":"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException","message":"gone"}"#,
                "ResourceNotFoundException",
                "gone",
            ),
            (
                "<ErrorResponse><Error><Code>NoSuchBucket</Code><Message>The bucket</Message></Error></ErrorResponse>",
                "NoSuchBucket",
                "The bucket",
            ),
            ("bad gateway", "Unknown", "bad gateway"),
        ] {
            assert_eq!(read_error(&answer(400, body)), (code.to_owned(), message.to_owned()));
        }
        assert!(is_transient(&Ok(answer(503, ""))));
        assert!(is_transient(&Ok(answer(400, r#"{"__type":"ThrottlingException"}"#))));
        assert!(!is_transient(&Ok(answer(404, ""))));
    }
}
