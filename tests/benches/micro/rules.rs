//! A message that matches one rule, which republishes it to nobody: index, evaluation, template, journal.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};
use thingstead_core::message::Sender;
use thingstead_core::wiring::{Bus, RuleSink as _};
use thingstead_core::{Clock, Ids, Journal, Limits, Message, Origin, Principal, Publication, Scope};
use thingstead_rules::{Deps, HttpDestinations, Lookups, RuleEngine, Settings, TABLES};
use thingstead_store::Store;

use crate::table::Table;

pub(crate) fn measure(table: &mut Table) {
    if !table.wants("rules:") {
        return;
    }
    for (count, name) in
        [(1, "rules: a republish, the one rule there is"), (10_000, "rules: a republish, one rule of 10,000")]
    {
        match engine(count) {
            Ok((engine, publication)) => table.line(name, || engine.offer(&publication)),
            Err(error) => table.line(&format!("{name}: {error}"), || ()),
        }
    }
}

/// An engine with so many rules, each for a sensor of its own, and a message of one of them.
fn engine(rules: usize) -> Result<(RuleEngine, Publication), Box<dyn std::error::Error>> {
    let engine = RuleEngine::new(Deps {
        store: Store::ephemeral(TABLES)?,
        bus: Arc::new(Nobody),
        journal: Journal::default(),
        clock: Clock::system(),
        ids: Ids::seeded(1),
        lookups: Arc::new(Nobody),
        settings: Settings {
            limits: Limits::Relaxed,
            http_destinations: HttpDestinations::Automatic,
            ..Settings::default()
        },
    })?;
    let scope = Scope::new("000000000000", "us-east-1");
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let created = async {
        for number in 0..rules {
            let republish = json!({"republish": {
                "roleArn": "arn:aws:iam::000000000000:role/bench", "topic": "out/${topic(3)}",
            }});
            let payload = json!({
                "sql": format!("SELECT * FROM 'dt/plant-7/sensor-{number}/+'"), "actions": [republish],
                "awsIotSqlVersion": "2016-03-23",
            });
            engine.create_topic_rule(&scope, &format!("rule_{number}"), &payload).await?;
        }
        Ok::<_, thingstead_rules::RulesError>(())
    };
    runtime.block_on(created)?;
    let sender = Sender {
        client: Some("sensor".into()),
        principal: Principal::Certificate("c".repeat(64).into()),
        thing: None,
        address: None,
        session: "session".into(),
    };
    let publication = Publication {
        scope,
        message: Message::new(format!("dt/plant-7/sensor-{}/temperature", rules / 2), vec![b'.'; 256]),
        origin: Origin::Client(Arc::new(sender)),
        at: Clock::system().now(),
    };
    Ok((engine, publication))
}

/// Takes every message and knows nothing.
struct Nobody;

impl Bus for Nobody {
    fn publish(&self, publication: Publication) {
        std::hint::black_box(publication);
    }

    fn send_to(&self, _: &str, _: Publication) -> bool {
        false
    }
}

impl Lookups for Nobody {
    fn thing_shadow(&self, _: &Scope, _: &str, _: Option<&str>) -> Result<Bytes, String> {
        Err("there are no shadows".to_owned())
    }

    fn describe_thing(&self, _: &Scope, _: &str) -> Result<Value, String> {
        Err("there are no things".to_owned())
    }

    fn thing_groups_of(&self, _: &Scope, _: &str) -> Result<Value, String> {
        Err("there are no groups".to_owned())
    }
}
