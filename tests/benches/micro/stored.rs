//! The shadow service with 100 to 100,000 shadows: what a durable update costs must not depend on how many there are.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};
use thingstead_core::wiring::{Bus, Handled, ReservedService};
use thingstead_core::{Clock, Journal, Message, Origin, Publication, Scope, Timestamp};
use thingstead_shadow::{ShadowService, ShadowSettings, TABLES};
use thingstead_store::{Durability, Store};

use crate::table::Table;

pub(crate) fn measure(table: &mut Table) {
    if !table.wants("shadow service:") {
        return;
    }
    let mut houses = Vec::new();
    for many in SIZES {
        match House::with(many) {
            Ok(house) => houses.push(house),
            Err(error) => return table.line(&format!("shadow service: {error}"), || ()),
        }
    }
    table.sizes(&SIZES);
    line(table, &mut houses, "update one of the same hundred", |house| {
        house.any(HUNDRED) * (house.many / HUNDRED)
    });
    line(table, &mut houses, "update one, another each time", |house| house.any(house.many));
}

/// A line for updates of the things that are picked. As many are on their way at a time as a turn of a busy broker brings.
fn line(table: &mut Table, houses: &mut [House], what: &str, pick: impl Fn(&mut House) -> usize + Copy) {
    let mut steps: Vec<Box<dyn FnMut()>> = Vec::new();
    for house in houses {
        steps.push(Box::new(move || {
            for _ in 0..AT_ONCE {
                let thing = pick(house);
                house.ask(thing);
            }
            house.serve();
        }));
    }
    table.compare(&format!("shadow service: {what}"), AT_ONCE, &mut steps);
}

/// Counts answers.
#[derive(Default)]
struct Answers {
    accepted: Mutex<usize>,
    more: Condvar,
}

impl Bus for Answers {
    fn publish(&self, publication: Publication) {
        if publication.message.topic.ends_with("/accepted") {
            *self.accepted.lock() += 1;
            self.more.notify_one();
        }
    }

    fn send_to(&self, _: &str, _: Publication) -> bool {
        false
    }
}

struct House {
    many: usize,
    store: Store,
    service: ShadowService,
    answers: Arc<Answers>,
    scope: Scope,
    /// Requests that are not served yet.
    requests: Vec<Arc<Publication>>,
    asked: usize,
    sent: usize,
    dice: u64,
    directory: PathBuf,
}

impl House {
    /// As many shadows, each with the versions that it remembers; and a full journal.
    fn with(many: usize) -> Result<Self, Box<dyn std::error::Error>> {
        let directory = std::env::temp_dir().join(format!("thingstead-bench-{}-{many}", std::process::id()));
        std::fs::create_dir_all(&directory)?;
        // What a sync of the disk costs does not depend on us.
        let store = Store::open(&directory, TABLES, Durability::Relaxed)?;
        let (clock, journal) = (Clock::frozen_at(Timestamp::from_millis(1)), Journal::default());
        let (answers, settings) = (Arc::new(Answers::default()), ShadowSettings::default());
        let bus = Arc::clone(&answers) as Arc<dyn Bus>;
        let service = ShadowService::open(store.clone(), bus, clock, journal, settings)?;
        let scope = Scope::new("000000000000", "us-east-1");
        let mut house = Self {
            many,
            store,
            service,
            answers,
            scope,
            requests: Vec::new(),
            asked: 0,
            sent: 0,
            dice: 1,
            directory,
        };
        let updates = (many * (settings.history + 1)).max(JOURNAL);
        for number in 0..updates {
            house.ask(number % many);
            if house.requests.len() == AT_ONCE {
                house.serve();
            }
        }
        house.serve();
        if house.sent < updates {
            return Err(format!("{} of {updates} updates were refused", updates - house.sent).into());
        }
        Ok(house)
    }

    /// Makes a request.
    fn ask(&mut self, thing: usize) {
        let topic = format!("$aws/things/bench-{thing:06}/shadow/update");
        let payload = format!(
            r#"{{"state":{{"reported":{{"uptime":{},"temperature":21.5,"humidity":40,"mode":"auto","battery":{{"percent":81,"volts":3.9}},"position":{{"lat":52.1,"lon":4.3}},"firmware":"1.4.2","errors":[],"interval":60}}}}}}"#,
            self.asked
        );
        let (message, at) = (Message::new(topic, payload), Timestamp::from_millis(1));
        let request =
            Publication { scope: self.scope.clone(), message, origin: Origin::Service("bench"), at };
        self.requests.push(Arc::new(request));
        self.asked += 1;
    }

    /// Another number below `many` each time, in no order that memory knows.
    fn any(&mut self, many: usize) -> usize {
        self.dice = self.dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.dice >> 33) as usize % many
    }

    /// Has the service see to all requests, as the broker does, and waits until all are answered.
    fn serve(&mut self) {
        for soon in self.requests.chunks(SOON) {
            self.service.approach(&mut soon.iter().map(|request| &**request));
            for request in soon {
                self.sent += usize::from(self.service.handle(request) == Handled::Storing);
            }
        }
        self.requests.clear();
        self.store.wake();
        let mut accepted = self.answers.accepted.lock();
        while *accepted < self.sent {
            self.answers.more.wait(&mut accepted);
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.directory));
    }
}

const SIZES: [usize; 4] = [100, 1_000, 10_000, 100_000];
const HUNDRED: usize = 100;
/// So many updates are more events than the journal keeps.
const JOURNAL: usize = 150_000;
const AT_ONCE: usize = 64;
/// As the broker tells its services.
const SOON: usize = 16;
