//! CloudWatch Logs for those who have entries to write: through the signed client that the actions use.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};
use thingstead_core::{Clock, Scope, Timestamp};

use crate::actions::aws::{AwsCall, AwsClient, JsonVersion, Service};
use crate::actions::send::HttpClient;
use crate::settings::AwsSettings;

/// Writes entries to CloudWatch Logs. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LogWriter {
    aws: AwsClient,
    /// The groups and streams that are there.
    made: Arc<Mutex<HashSet<(Scope, String)>>>,
}

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEvent {
    /// When it happened.
    pub at: Timestamp,
    /// Its text.
    pub message: String,
}

impl LogWriter {
    /// A writer to the configured endpoint; `None` where there is none, since nothing leaves the machine then.
    pub fn new(settings: &AwsSettings, trust_ca: &[CertificateDer<'static>], clock: Clock) -> Option<Self> {
        settings.endpoint_of(LOGS.id)?;
        let aws = AwsClient::new(HttpClient::new(trust_ca), Arc::new(settings.clone()), clock);
        Some(Self { aws, made: Arc::default() })
    }

    /// Writes entries, oldest first, into the account's stream of a group; group and stream are made when they are missing.
    ///
    /// # Errors
    /// What the service or the way to it answered, as a sentence.
    pub async fn put(&self, scope: &Scope, group: &str, events: Vec<LogEvent>) -> Result<(), String> {
        let stream = format!("thingstead_{}_{}", scope.account(), scope.region());
        let key = (scope.clone(), group.to_owned());
        let events: Vec<Value> = events
            .into_iter()
            .map(|event| json!({"timestamp": event.at.as_millis(), "message": event.message}))
            .collect();
        let body = json!({"logGroupName": group, "logStreamName": stream, "logEvents": events});
        let put = AwsCall::json(&LOGS, "Logs_20140328.PutLogEvents", JsonVersion::V1_1, &body);
        // Somebody may have removed the group since: made anew once.
        for attempt in 0..2 {
            if !self.made.lock().contains(&key) {
                self.make(scope.region(), group, &stream).await?;
                self.made.lock().insert(key.clone());
            }
            match self.aws.call(&put, scope.region()).await.result {
                Ok(_) => return Ok(()),
                Err(error) if attempt == 0 && error.to_string().contains("ResourceNotFoundException") => {
                    self.made.lock().remove(&key);
                }
                Err(error) => return Err(error.to_string()),
            }
        }
        Err(format!("the log group `{group}` goes away as soon as it is made"))
    }

    async fn make(&self, region: &str, group: &str, stream: &str) -> Result<(), String> {
        let calls = [
            ("Logs_20140328.CreateLogGroup", json!({"logGroupName": group})),
            ("Logs_20140328.CreateLogStream", json!({"logGroupName": group, "logStreamName": stream})),
        ];
        for (operation, body) in calls {
            let call = AwsCall::json(&LOGS, operation, JsonVersion::V1_1, &body)
                .tolerating(&["ResourceAlreadyExistsException"]);
            self.aws.call(&call, region).await.result.map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}

static LOGS: Service = Service { id: "CLOUDWATCH_LOGS", signing: "logs", host: "logs" };
