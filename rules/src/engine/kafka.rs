//! Sends records to Kafka, and keeps connections to clusters.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::json;

use super::Inner;
use super::outcome::{Sent, Step};
use super::told::Told;
use crate::actions::kafka::KafkaCall;
use crate::actions::kafka_properties::ClientProperties;
use crate::deliveries::SentResponse;
use crate::destination::DestinationStatus;
use crate::kafka::{Cluster, KafkaError, Placed, Producer, Sasl, Security, TlsMaterial};

/// The clusters that rules send to, by their clients' properties.
#[derive(Debug, Default)]
pub(crate) struct Clusters {
    open: Mutex<HashMap<u64, Arc<Joined>>>,
    hasher: RandomState,
}

/// A cluster and what connects to it.
struct Joined {
    client: ClientProperties,
    producer: Producer,
    cluster: tokio::sync::Mutex<Cluster>,
}

impl Inner {
    pub(super) fn queue_kafka(self: &Arc<Self>, step: Step, mut call: KafkaCall, mut sent: Sent) {
        sent.request = Some(call.shown());
        let changes = self.state.changes();
        if let Err(why) = self.check_vpc(&step, &call.destination) {
            sent.failure = Some(explain(&call, &why));
            return self.ended(&step, sent, &mut Told::Now);
        }
        if call.client.are_aws() {
            // Nothing leaves the machine: written down whole, and done.
            return self.ended(&step, sent, &mut Told::Now);
        }
        let lane = self.lanes.lane(&format!("kafka {}", call.client.servers.join(",")));
        step.action.will_enter(&lane, changes);
        let place = match self.lanes.enter(&lane, call.record.value.len()) {
            Ok(place) => place,
            Err(full) => {
                sent.failure = Some(explain(&call, &full.to_string()));
                return self.ended(&step, sent, &mut Told::Now);
            }
        };
        let (inner, task) = (Arc::clone(self), step.detached([&mut call.record.value]));
        place.run(async move {
            match inner.send_kafka(&call, &mut sent.attempts).await {
                Ok(placed) => {
                    let place = json!({
                        "topic": call.record.topic, "partition": placed.partition, "offset": placed.offset,
                    });
                    sent.response = Some(SentResponse { status: 0, body: place.to_string().into() });
                }
                Err(error) => sent.failure = Some(explain(&call, &error.to_string())),
            }
            inner.ended(&task, sent, &mut Told::Now);
        });
    }

    /// The destination must be there and ENABLED (RULES-521).
    fn check_vpc(&self, step: &Step, arn: &str) -> Result<(), String> {
        let now = self.clock.now();
        let state = self.state.read();
        let found = state.scope(&step.run.publication.scope).and_then(|scope| scope.destinations.get(arn));
        let found = found.ok_or_else(|| format!("there is no destination `{arn}`"))?;
        match found.status_at(now) {
            (DestinationStatus::Enabled, _) => {
                found.used(now);
                Ok(())
            }
            (status, why) => Err(format!("the destination `{arn}` is {}, not ENABLED. {why}", status.name())),
        }
    }

    async fn send_kafka(&self, call: &KafkaCall, attempts: &mut u32) -> Result<Placed, KafkaError> {
        let joined = self.joined(&call.client)?;
        loop {
            *attempts += 1;
            let sent = joined.cluster.lock().await.send(&joined.producer, &call.record).await;
            match sent {
                Err(error) if error.is_transient() && *attempts < ATTEMPTS => {
                    tokio::time::sleep(FIRST_PAUSE * 2_u32.pow(*attempts - 1)).await;
                }
                end => return end,
            }
        }
    }

    fn joined(&self, client: &ClientProperties) -> Result<Arc<Joined>, KafkaError> {
        let key = self.kafka.hasher.hash_one(client);
        if let Some(joined) = self.kafka.open.lock().get(&key).filter(|joined| joined.client == *client) {
            return Ok(Arc::clone(joined));
        }
        let tls = match &client.tls {
            Some(tls) => Some(
                TlsMaterial {
                    keystore: tls.keystore.as_deref(),
                    keystore_password: &tls.keystore_password,
                    key_password: &tls.key_password,
                    truststore: tls.truststore.as_deref(),
                    truststore_password: &tls.truststore_password,
                }
                .config(&self.settings.trust_ca)?,
            ),
            None => None,
        };
        let sasl = client.sasl.clone().map(|(user, password, scram)| match scram {
            true => Sasl::ScramSha512 { user, password, ids: self.ids.clone() },
            false => Sasl::Plain { user, password },
        });
        let joined = Arc::new(Joined {
            client: client.clone(),
            producer: Producer {
                servers: client.servers.clone(),
                security: Security { tls, sasl },
                acks: client.acks,
                compression: client.compression,
            },
            cluster: tokio::sync::Mutex::default(),
        });
        let mut open = self.kafka.open.lock();
        if open.len() >= MAX_CLUSTERS {
            open.retain(|_, joined| Arc::strong_count(joined) > 1);
        }
        open.insert(key, Arc::clone(&joined));
        Ok(joined)
    }
}

impl std::fmt::Debug for Joined {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Joined({:?})", self.client)
    }
}

fn explain(call: &KafkaCall, why: &str) -> String {
    format!(
        "KafkaAction failed to send a message to the specified bootstrap servers. Topic: {}. Reason: {why}",
        call.record.topic
    )
}

/// Tries of one record.
const ATTEMPTS: u32 = 3;
/// Before the second try; doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// Clusters that stay connected.
const MAX_CLUSTERS: usize = 64;
