//! A message that matches one rule, which does nothing, fails at once, or republishes it to nobody: index, evaluation, template, journal.

use std::net::{Ipv4Addr, TcpListener};
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
    let republish = json!([{"republish": {
        "roleArn": "arn:aws:iam::000000000000:role/bench", "topic": "out/${topic(3)}",
    }}]);
    // Takes connections as long as this lives, and never answers.
    let dead = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).ok();
    let port = dead.as_ref().and_then(|dead| dead.local_addr().ok()).map_or(9, |address| address.port());
    let post = json!([{"http": {"url": format!("http://127.0.0.1:{port}/")}}]);
    for (count, actions, name) in [
        (1, &json!([]), "rules: no action"),
        (1, &post, "rules: an action whose queue is full"),
        (1, &republish, "rules: a republish, the one rule there is"),
        (10_000, &republish, "rules: a republish, one rule of 10,000"),
    ] {
        match engine(count, actions) {
            Ok((engine, journal, publication)) => {
                let publication = Arc::new(publication);
                // As many messages as a busy shard takes in one turn.
                let mut told = Vec::with_capacity(64);
                let mut offer = || {
                    engine.offer_and_tell(&publication, &mut told);
                    if told.len() >= 50 {
                        journal.record_all(told.drain(..));
                    }
                };
                // The queue of a dead receiver is full, and the journal as well.
                (0..150_000).for_each(|_| offer());
                table.line(name, offer);
            }
            Err(error) => table.line(&format!("{name}: {error}"), || ()),
        }
    }
}

/// An engine with so many rules, each for a sensor of its own, and a message of one of them.
fn engine(
    rules: usize,
    actions: &Value,
) -> Result<(RuleEngine, Journal, Publication), Box<dyn std::error::Error>> {
    let journal = Journal::default();
    let engine = RuleEngine::new(Deps {
        store: Store::ephemeral(TABLES)?,
        bus: Arc::new(Nobody),
        journal: journal.clone(),
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
            let payload = json!({
                "sql": format!("SELECT * FROM 'dt/plant-7/sensor-{number}/+'"), "actions": actions,
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
    Ok((engine, journal, publication))
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
