//! InfluxDB servers: whether one is ours to write to, and writing (RULES-464, RULES-576, RULES-579).

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};
use thingstead_core::Scope;

use super::Inner;
use super::outcome::{Sent, Step};
use crate::actions::http::HttpCall;
use crate::actions::influxdb::Write;
use crate::actions::send::HttpRequest;
use crate::actions::{AwsError, url};
use crate::deliveries::{SentRequest, SentResponse};
use crate::destination::{Destination, DestinationStatus};
use crate::sql::Answer;

/// What a destination says about its server.
#[derive(Clone, Debug)]
pub(super) struct Server {
    endpoint: String,
    is_v2: bool,
    secret_id: String,
    /// The member of a JSON secret that holds the token.
    secret_key: Option<String>,
    binary: bool,
}

impl Server {
    fn of(configuration: &Map<String, Value>) -> Self {
        let text =
            |name: &str| configuration.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            endpoint: text("endpoint").trim_end_matches('/').to_owned(),
            is_v2: text("influxDBVersion") == "V2",
            secret_id: text("secretId"),
            secret_key: Some(text("secretKey")).filter(|key| !key.is_empty()),
            binary: text("secretType") == "SecretBinary",
        }
    }

    fn authorization(&self, token: &str) -> (String, String) {
        let scheme = if self.is_v2 { "Token" } else { "Bearer" };
        ("authorization".to_owned(), format!("{scheme} {token}"))
    }

    fn write_url(&self, write: &Write) -> Result<String, String> {
        let database = url::encode(&write.database);
        if !self.is_v2 {
            return Ok(format!(
                "{}/api/v3/write_lp?db={database}&precision={}",
                self.endpoint,
                write.unit.v3()
            ));
        }
        let organization =
            write.organization.as_ref().ok_or("`organization` is missing, which InfluxDB V2 needs")?;
        Ok(format!(
            "{}/api/v2/write?org={}&bucket={database}&precision={}",
            self.endpoint,
            url::encode(organization),
            write.unit.v2()
        ))
    }
}

impl Inner {
    /// Asks the server whether the secret's token is one of its own.
    pub(super) fn check_influx(self: &Arc<Self>, scope: &Scope, destination: &Destination) {
        let (Some(configuration), Some(mark)) = (destination.influx(), destination.token.clone()) else {
            return;
        };
        let server = Server::of(configuration);
        let (inner, scope, arn) = (Arc::clone(self), scope.clone(), destination.arn.clone());
        let (queue_scope, queue_arn, queue_mark) = (scope.clone(), arn.clone(), mark.clone());
        let queued = self.lanes.spawn(&format!("influx {}", server.endpoint), 0, async move {
            match inner.asks_influx(&scope, &server).await {
                Ok(()) => inner.influx_confirmed(&mark).await,
                Err(why) => inner.confirmation_failed(&scope, &arn, &mark, why),
            }
        });
        if let Err(full) = queued {
            self.confirmation_failed(&queue_scope, &queue_arn, &queue_mark, full.to_string());
        }
    }

    async fn asks_influx(&self, scope: &Scope, server: &Server) -> Result<(), String> {
        let token = self.influx_token(scope, server).await?;
        let path = if server.is_v2 { "/api/v2/me" } else { "/api/v3/configure/database?format=json" };
        let request = HttpRequest {
            method: "GET",
            url: format!("{}{path}", server.endpoint),
            headers: vec![server.authorization(&token)],
            body: bytes::Bytes::new(),
        };
        match self.http.send(&request, LIMIT, MAX_ANSWER).await {
            Ok(answer) if (200..300).contains(&answer.status) => Ok(()),
            Ok(answer) => Err(format!("the server answered the check with status {}", answer.status)),
            Err(error) => Err(format!("the server could not be asked: {error}")),
        }
    }

    async fn influx_confirmed(&self, mark: &str) {
        if let Err(error) = self.confirm(mark).await {
            tracing::error!(%error, "an InfluxDB destination was checked and is not ENABLED");
        }
    }

    async fn influx_token(&self, scope: &Scope, server: &Server) -> Result<String, String> {
        let text = match self.functions.secret_of(scope, &server.secret_id, server.binary).await {
            Answer::Text(text) => text,
            Answer::Bytes(bytes) => STANDARD.encode(bytes),
            Answer::Json(_) => return Err("the secret is no text".to_owned()),
            Answer::Failed(why) => {
                return Err(format!("the secret `{}` cannot be read: {why}", server.secret_id));
            }
        };
        let Some(key) = &server.secret_key else { return Ok(text) };
        let secret: Value = serde_json::from_str(&text).unwrap_or_default();
        let token = secret.get(key).and_then(Value::as_str).map(str::to_owned);
        token.ok_or_else(|| format!("the secret `{}` has no member `{key}`", server.secret_id))
    }

    /// The server of a destination that is ENABLED.
    pub(super) fn influx_destination(&self, step: &Step, write: &Write) -> Result<Server, String> {
        let state = self.state.read();
        let scope = state.scope(&step.run.publication.scope);
        let found = scope.and_then(|scope| scope.destinations.get(&write.destination));
        let found = found.ok_or_else(|| format!("there is no destination `{}`", write.destination))?;
        let configuration =
            found.influx().ok_or_else(|| format!("`{}` is no InfluxDB destination", write.destination))?;
        match found.status_at(self.clock.now()) {
            (DestinationStatus::Enabled, _) => Ok(Server::of(configuration)),
            (status, why) => Err(format!(
                "the destination `{}` is {}, not ENABLED. {why}",
                write.destination,
                status.name()
            )),
        }
    }

    /// 503 is tried again with growing pauses, 401 once with the secret read anew; all else ends it.
    pub(super) async fn send_influx(
        &self,
        step: &Step,
        call: &HttpCall,
        write: &Write,
        explain: fn(&AwsError) -> String,
        sent: &mut Sent,
    ) {
        let scope = &step.run.publication.scope;
        let ready = self.influx_destination(step, write).and_then(|server| {
            let url = server.write_url(write)?;
            Ok((server, url))
        });
        let (server, url) = match ready {
            Ok(ready) => ready,
            Err(why) => {
                sent.failure = Some(why);
                return;
            }
        };
        sent.request = Some(SentRequest {
            operation: String::new(),
            method: "POST".to_owned(),
            url: url.clone(),
            headers: call.request.headers.clone(),
            body: call.request.body.clone(),
        });
        let (mut pause, mut reloaded) = (FIRST_PAUSE, false);
        loop {
            let token = match self.influx_token(scope, &server).await {
                Ok(token) => token,
                Err(why) => {
                    sent.failure = Some(why);
                    return;
                }
            };
            let mut request = HttpRequest { url: url.clone(), ..call.request.clone() };
            request.headers.push(server.authorization(&token));
            sent.attempts += 1;
            let error = match self.http.send(&request, LIMIT, MAX_ANSWER).await {
                Ok(answer) => {
                    sent.response = Some(SentResponse { status: answer.status, body: answer.body.clone() });
                    match answer.status {
                        200..=299 => return,
                        503 if sent.attempts < ATTEMPTS => {
                            tokio::time::sleep(pause).await;
                            pause *= 2;
                            continue;
                        }
                        401 if !reloaded => {
                            reloaded = true;
                            self.functions.forget_secret(scope, &server.secret_id, server.binary);
                            continue;
                        }
                        status => AwsError::Refused {
                            status,
                            code: http::StatusCode::from_u16(status)
                                .ok()
                                .and_then(|status| status.canonical_reason())
                                .unwrap_or("unknown")
                                .to_owned(),
                            message: String::from_utf8_lossy(&answer.body).chars().take(200).collect(),
                        },
                    }
                }
                Err(error) => AwsError::NotSent(error),
            };
            sent.failure = Some(explain(&error));
            return;
        }
    }
}

/// The time one request has.
const LIMIT: Duration = Duration::from_secs(5);
/// An answer may be this long.
const MAX_ANSWER: usize = 64 * 1024;
/// Tries of a write while the server answers 503.
const ATTEMPTS: u32 = 4;
/// Before the second try; doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
