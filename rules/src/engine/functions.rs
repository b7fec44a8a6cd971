//! Serves the functions of the SQL that look outward (RULES-290 to RULES-302).

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use parking_lot::Mutex;
use serde_json::{Map, Value as Json, json};
use thingstead_core::{Clock, Scope, Timestamp};

use super::run::Run;
use crate::actions::attributes;
use crate::actions::aws::{AwsCall, AwsClient, JsonVersion, Service};
use crate::actions::{invoke_function, read_object};
use crate::sql::{Answer, Call};

/// What functions ask of this server itself. The wiring joins it to shadows and registry. Errors are one sentence.
pub trait Lookups: Send + Sync + 'static {
    /// The document of a shadow, as `GetThingShadow` answers it; the unnamed one when `shadow` is absent (RULES-299).
    ///
    /// # Errors
    /// There is no such shadow.
    fn thing_shadow(&self, scope: &Scope, thing: &str, shadow: Option<&str>) -> Result<Bytes, String>;

    /// What `DescribeThing` answers (RULES-300).
    ///
    /// # Errors
    /// There is no such thing.
    fn describe_thing(&self, scope: &Scope, thing: &str) -> Result<Json, String>;

    /// What `ListThingGroupsForThing` answers (RULES-300).
    ///
    /// # Errors
    /// There is no such thing.
    fn thing_groups_of(&self, scope: &Scope, thing: &str) -> Result<Json, String>;
}

/// Makes the calls of functions and keeps what may be kept.
pub(crate) struct Functions {
    lookups: Arc<dyn Lookups>,
    aws: AwsClient,
    clock: Clock,
    kept: Mutex<HashMap<String, (Timestamp, Answer)>>,
}

impl Functions {
    pub(crate) fn new(lookups: Arc<dyn Lookups>, aws: AwsClient, clock: Clock) -> Self {
        Self { lookups, aws, clock, kept: Mutex::default() }
    }

    /// The run with answers to these calls; calls that fail are answered as failed. An error when nothing was new, which
    /// would go on for ever.
    pub(crate) async fn answer(&self, run: &Run, calls: Vec<Call>) -> Result<Run, String> {
        let mut answered = run.clone();
        let mut news = false;
        for call in calls {
            if answered.answers.get(&call).is_none() {
                let answer = self.ask(&run.publication.scope, &call).await;
                answered.answers.insert(call, answer);
                news = true;
            }
        }
        if news { Ok(answered) } else { Err("its functions ask the same again".to_owned()) }
    }

    /// Forgets secrets and descriptor sets.
    pub(crate) fn forget(&self) {
        self.kept.lock().clear();
    }

    async fn ask(&self, scope: &Scope, call: &Call) -> Answer {
        match call {
            Call::GetThingShadow { thing, shadow, .. } => {
                match self.lookups.thing_shadow(scope, thing, shadow.as_deref()) {
                    Ok(document) => Answer::Json(document),
                    Err(why) => Answer::Failed(why),
                }
            }
            Call::DescribeThing { thing, .. } => json_answer(self.lookups.describe_thing(scope, thing)),
            Call::ListThingGroupsForThing { thing, .. } => {
                json_answer(self.lookups.thing_groups_of(scope, thing))
            }
            Call::InvokeLambda { function_arn, payload } => {
                let call = invoke_function(function_arn, payload.clone().into(), "RequestResponse");
                match tokio::time::timeout(LAMBDA_LIMIT, self.call(scope, &call)).await {
                    Ok(Ok(body)) => Answer::Json(body),
                    Ok(Err(why)) => Answer::Failed(why),
                    Err(_) => Answer::Failed(format!("no answer within {} ms", LAMBDA_LIMIT.as_millis())),
                }
            }
            Call::GetItem { table, partition_key, sort_key, .. } => {
                let mut key = Map::new();
                for (name, value) in std::iter::once(partition_key).chain(sort_key) {
                    key.insert(name.clone(), attributes::of(value));
                }
                let body = json!({"TableName": table, "Key": key});
                let call = AwsCall::json(&DYNAMODB, "DynamoDB_20120810.GetItem", JsonVersion::V1_0, &body);
                self.call(scope, &call).await.map_or_else(Answer::Failed, |body| item(&body))
            }
            Call::GetSecret { secret_id, binary, .. } => self.secret_of(scope, secret_id, *binary).await,
            Call::ReadDescriptorSet { bucket, key } => {
                let name = format!("object {scope} {bucket} {key}");
                let read = || async {
                    let object = self.call(scope, &read_object(bucket, key)).await;
                    object.map_or_else(Answer::Failed, Answer::Bytes)
                };
                self.kept_or(name, read).await
            }
            Call::Predict { model_id, record, .. } => self.predict(scope, model_id, record).await,
        }
    }

    /// A secret as text or bytes, kept for 15 minutes.
    pub(super) async fn secret_of(&self, scope: &Scope, id: &str, binary: bool) -> Answer {
        let name = secret_name(scope, id, binary);
        self.kept_or(name, || self.secret(scope, id, binary)).await
    }

    /// Asks for a secret anew the next time.
    pub(super) fn forget_secret(&self, scope: &Scope, id: &str, binary: bool) {
        self.kept.lock().remove(&secret_name(scope, id, binary));
    }

    async fn secret(&self, scope: &Scope, id: &str, binary: bool) -> Answer {
        let body = json!({"SecretId": id});
        let call = AwsCall::json(&SECRETS, "secretsmanager.GetSecretValue", JsonVersion::V1_1, &body);
        let answer = match self.call(scope, &call).await {
            Ok(answer) => answer,
            Err(why) => return Answer::Failed(why),
        };
        let member = if binary { "SecretBinary" } else { "SecretString" };
        let answer: Json = serde_json::from_slice(&answer).unwrap_or_default();
        match answer.get(member).and_then(Json::as_str) {
            Some(text) if !binary => Answer::Text(text.to_owned()),
            Some(text) => match STANDARD.decode(text) {
                Ok(bytes) => Answer::Bytes(bytes.into()),
                Err(error) => Answer::Failed(format!("`SecretBinary` is not base64: {error}")),
            },
            None => Answer::Failed(format!("the secret has no `{member}`")),
        }
    }

    async fn predict(&self, scope: &Scope, model: &str, record: &[(String, String)]) -> Answer {
        let record: Map<String, Json> =
            record.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let endpoint = format!("https://realtime.machinelearning.{}.amazonaws.com", scope.region());
        let body = json!({"MLModelId": model, "Record": record, "PredictEndpoint": endpoint});
        let call = AwsCall::json(&LEARNING, "AmazonML_20141212.Predict", JsonVersion::V1_1, &body);
        let answer = match self.call(scope, &call).await {
            Ok(answer) => answer,
            Err(why) => return Answer::Failed(why),
        };
        let answer: Json = serde_json::from_slice(&answer).unwrap_or_default();
        match answer.get("Prediction") {
            Some(prediction) => Answer::Json(prediction.to_string().into()),
            None => Answer::Failed("the answer has no `Prediction`".to_owned()),
        }
    }

    /// A function needs an answer: without an endpoint it fails, unlike an action, which is recorded.
    async fn call(&self, scope: &Scope, call: &AwsCall) -> Result<Bytes, String> {
        match self.aws.call(call, scope.region()).await.result {
            Ok(Some(body)) => Ok(body),
            Ok(None) => Err(format!(
                "no endpoint is configured for it: set AWS_ENDPOINT_URL_{} or AWS_ENDPOINT_URL",
                call.service.id
            )),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Secrets and descriptor sets are kept for 15 minutes (RULES-298, RULES-263); failures are not.
    async fn kept_or<F: Future<Output = Answer>>(&self, name: String, ask: impl FnOnce() -> F) -> Answer {
        let now = self.clock.now();
        if let Some((at, answer)) = self.kept.lock().get(&name)
            && now.since(*at) < KEEP
        {
            return answer.clone();
        }
        let answer = ask().await;
        if !matches!(answer, Answer::Failed(_)) {
            let mut kept = self.kept.lock();
            if kept.len() >= MAX_KEPT {
                kept.retain(|_, (at, _)| now.since(*at) < KEEP);
            }
            if kept.len() < MAX_KEPT {
                kept.insert(name, (now, answer.clone()));
            }
        }
        answer
    }
}

impl std::fmt::Debug for Functions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Functions")
    }
}

fn json_answer(found: Result<Json, String>) -> Answer {
    match found {
        Ok(value) => Answer::Json(value.to_string().into()),
        Err(why) => Answer::Failed(why),
    }
}

/// The queue in which calls wait: one per function and whom it asks, so that a slow one delays itself only. What this
/// server answers itself has one queue.
pub(super) fn lane_of(calls: &[Call]) -> String {
    let outward = calls.iter().find(|call| {
        !matches!(
            call,
            Call::GetThingShadow { .. } | Call::DescribeThing { .. } | Call::ListThingGroupsForThing { .. }
        )
    });
    outward.map_or("functions".to_owned(), |call| format!("function {} {}", call.function(), call.target()))
}

fn secret_name(scope: &Scope, id: &str, binary: bool) -> String {
    format!("secret {scope} {binary} {id}")
}

/// The item of a `GetItem` answer as plain JSON; null when there is none.
fn item(body: &[u8]) -> Answer {
    let body: Json = serde_json::from_slice(body).unwrap_or_default();
    match body.get("Item") {
        Some(Json::Object(item)) => {
            let members = item.iter().map(|(name, value)| {
                format!("{}:{}", Json::String(name.clone()), attributes::to_json_text(value))
            });
            Answer::Json(format!("{{{}}}", members.collect::<Vec<_>>().join(",")).into())
        }
        _ => Answer::Json(Bytes::from_static(b"null")),
    }
}

/// RULES-290.
const LAMBDA_LIMIT: Duration = Duration::from_millis(2_000);
const KEEP: Duration = Duration::from_secs(15 * 60);
const MAX_KEPT: usize = 1_000;

static DYNAMODB: Service = Service { id: "DYNAMODB", signing: "dynamodb", host: "dynamodb" };
static SECRETS: Service =
    Service { id: "SECRETS_MANAGER", signing: "secretsmanager", host: "secretsmanager" };
static LEARNING: Service =
    Service { id: "MACHINE_LEARNING", signing: "machinelearning", host: "machinelearning" };
