//! The service log: journal events become entries where the account's logging options want them (MQTT-250 to MQTT-257).
//!
//! A thread of its own looks at the journal ten times a second, so that a busy broker only pays for the reading. Where no
//! account has switched logging on, it does nothing but look whether one has.

mod cloudwatch;
mod kept;
mod levels;

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::{Value, json};
use thingstead_core::wiring::Reload;
use thingstead_core::{Event, Journal, Scope};
use thingstead_registry::{LogLevel, Registry};
use thingstead_rules::LogWriter;

use self::cloudwatch::Outbox;
use self::kept::Kept;
pub use self::kept::LogQuery;
use self::levels::Levels;

/// Where entries go besides memory.
#[derive(Default)]
pub struct Destinations {
    /// Opened for appending; gets each entry as a line of JSON.
    pub file: Option<File>,
    /// CloudWatch Logs, when an endpoint is configured.
    pub cloudwatch: Option<LogWriter>,
}

/// The service log of all accounts.
pub struct ServiceLog {
    journal: Journal,
    registry: Registry,
    tell_pings: Box<dyn Fn(bool) + Send + Sync>,
    outbox: Option<Outbox>,
    state: Mutex<State>,
}

struct State {
    /// What was read of the journal.
    cursor: u64,
    kept: Kept,
    file: Option<File>,
    /// Whether pings are asked for.
    pings: bool,
}

impl ServiceLog {
    /// A log that begins with what happens from now on. `tell_pings` is called when pings begin or cease to be logged. Must be
    /// called on a tokio runtime, which sends to CloudWatch Logs.
    ///
    /// # Errors
    /// The thread that reads the journal cannot be started.
    pub fn start(
        journal: Journal,
        registry: Registry,
        tell_pings: impl Fn(bool) + Send + Sync + 'static,
        destinations: Destinations,
    ) -> std::io::Result<Arc<Self>> {
        let Destinations { file, cloudwatch } = destinations;
        let state = State { cursor: journal.newest(), kept: Kept::default(), file, pings: false };
        let log = Arc::new(Self {
            journal,
            registry,
            tell_pings: Box::new(tell_pings),
            outbox: cloudwatch.map(Outbox::start),
            state: Mutex::new(state),
        });
        let weak = Arc::downgrade(&log);
        std::thread::Builder::new().name("service-log".to_owned()).spawn(move || follow(&weak))?;
        Ok(log)
    }

    /// Retells what happened since the last time; the log does it by itself, callers do it before they look.
    pub fn catch_up(&self) {
        let mut state = self.state.lock();
        let wanted: HashMap<Scope, Levels> = self
            .registry
            .log_levels()
            .into_iter()
            .map(|(scope, levels)| (scope, Levels::from(levels)))
            .collect();
        let pings = wanted.values().any(Levels::want_pings);
        if std::mem::replace(&mut state.pings, pings) != pings {
            (self.tell_pings)(pings);
        }
        if wanted.is_empty() {
            state.cursor = self.journal.newest();
            return;
        }
        // What happens while this runs is for the next time: a broker under load must not keep it here.
        let end = self.journal.newest();
        while state.cursor < end {
            let (events, missed) = self.journal.batch_after(state.cursor, BATCH);
            let Some(last) = events.last() else {
                state.cursor = end;
                break;
            };
            state.cursor = last.seq;
            if missed > 0 {
                tracing::warn!(missed, "the journal forgot events before the service log could read them");
            }
            for event in &events {
                if let Some(levels) = wanted.get(&event.scope) {
                    self.retell(&mut state, event, levels);
                }
            }
        }
        if let Some(file) = &mut state.file
            && let Err(error) = file.flush()
        {
            tracing::warn!(%error, "the service log's file cannot be written");
        }
    }

    /// The newest entries that a question asks for, oldest first.
    pub fn find(&self, query: &LogQuery) -> Vec<Value> {
        self.catch_up();
        self.state.lock().kept.find(query)
    }

    fn retell(&self, state: &mut State, event: &Event, levels: &Levels) {
        for entry in entries(event) {
            let Some(group) = levels.group_for(event, &entry, &self.registry) else { continue };
            let line = entry.to_string();
            if let Some(file) = &mut state.file
                && let Err(error) = writeln!(file, "{line}")
            {
                tracing::warn!(%error, "the service log's file cannot be written; it is given up");
                state.file = None;
            }
            if let Some(outbox) = &self.outbox {
                outbox.put(&event.scope, group, event.at, line);
            }
            let entry = match entry {
                Value::Object(mut members) => {
                    members.insert("logGroup".to_owned(), json!(group));
                    Value::Object(members)
                }
                other => other,
            };
            state.kept.push(entry);
        }
    }
}

impl Reload for ServiceLog {
    fn reload(&self) -> Result<(), String> {
        let mut state = self.state.lock();
        state.cursor = self.journal.newest();
        state.kept = Kept::default();
        Ok(())
    }
}

/// The entries that an event makes, whoever's it is.
fn entries(event: &Event) -> Vec<Value> {
    let rules = thingstead_rules::log_entries(event);
    if !rules.is_empty() {
        return rules;
    }
    thingstead_broker::log_entry(event).into_iter().collect()
}

fn follow(log: &Weak<ServiceLog>) {
    loop {
        std::thread::sleep(LOOK);
        match log.upgrade() {
            Some(log) => log.catch_up(),
            None => return,
        }
    }
}

/// The level that an entry has.
fn level_of(entry: &Value) -> LogLevel {
    let name = entry.get("logLevel").and_then(Value::as_str).unwrap_or_default();
    name.parse().unwrap_or(LogLevel::Info)
}

/// How often the journal is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// Events that are taken from the journal at once.
const BATCH: usize = 1000;
