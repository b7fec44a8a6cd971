//! The service around the document: who asked, what is stored, who is told, in which order.

mod answer;
mod cell;
mod cells;
mod follower;
mod history;
mod listing;
mod places;
mod rows;
mod shown;
mod throttle;

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::{Mutex, MutexGuard};
use smallvec::SmallVec;
use thingstead_core::wiring::{Bus, Errand, Handled, Reload, ReservedService};
use thingstead_core::{Clock, Journal, Message, Origin, Publication, Scope, ShadowName, ThingName};
use thingstead_store::{Store, StoreError};
use tokio::sync::oneshot;

use crate::address::{self, Operation, ShadowId};
use crate::document::{self, ClientToken, DocumentLimits, Rejected, Rejection, Stored, UpdateRequest};
use answer::{Answer, Asked, Door, Outcome};
use cell::{Cell, Outgoing, State};
use cells::Cells;
use history::Budget;
use listing::Names;

pub use history::{Author, Change, Revision};
pub use listing::{NamedShadows, Summary};
pub use rows::{OpenError, SHADOWS, TABLES};
pub use throttle::Throttles;

/// What can be set.
#[derive(Clone, Copy, Debug)]
pub struct ShadowSettings {
    /// Size and nesting of documents.
    pub limits: DocumentLimits,
    /// Rates, off by default.
    pub throttles: Throttles,
    /// How many past versions of a shadow are kept in memory for people to look at.
    pub history: usize,
    /// Bytes that all past versions together may take; beyond, a shadow keeps only its newest.
    pub history_bytes: usize,
}

/// As AWS limits documents; no throttles; ten versions, 64 MiB.
impl Default for ShadowSettings {
    fn default() -> Self {
        Self {
            limits: DocumentLimits::default(),
            throttles: Throttles::default(),
            history: 10,
            history_bytes: 64 * 1024 * 1024,
        }
    }
}

/// The shadow service. Cheap to clone.
///
/// Documents live in memory; an update changes memory and queues its row under the shadow's lock, and is answered when
/// the row is durable, so an accepted update survives the end of the process. What one shadow answers leaves in the
/// order in which it was decided, a get that waits behind an unfinished update included.
#[derive(Clone)]
pub struct ShadowService(Arc<Inner>);

struct Inner {
    store: Store,
    bus: Arc<dyn Bus>,
    clock: Clock,
    journal: Journal,
    settings: ShadowSettings,
    cells: Cells,
    names: Names,
    budget: Budget,
    /// The shadows whose histories are to be saved.
    unsaved: Mutex<VecDeque<ShadowId>>,
    throttle: throttle::Throttle,
    follower: follower::Follower,
}

impl ShadowService {
    /// Loads all shadows. The store must have been opened with [`TABLES`].
    ///
    /// # Errors
    /// The store cannot be read, or a row in it is corrupt.
    pub fn open(
        store: Store,
        bus: Arc<dyn Bus>,
        clock: Clock,
        journal: Journal,
        settings: ShadowSettings,
    ) -> Result<Self, OpenError> {
        let service = Self(Arc::new(Inner {
            store,
            bus,
            clock,
            journal,
            settings,
            cells: Cells::default(),
            names: Names::default(),
            budget: Budget::new(settings.history, settings.history_bytes),
            unsaved: Mutex::default(),
            throttle: throttle::Throttle::new(settings.throttles),
            follower: follower::Follower::default(),
        }));
        service.0.load()?;
        Ok(service)
    }

    /// UpdateThingShadow over HTTPS: the document of `update/accepted`, when it is durable (SHADOW-161). An accepted
    /// update publishes what an MQTT update publishes (SHADOW-168), a refused one nothing (SHADOW-158).
    ///
    /// # Errors
    /// Why it is refused.
    pub async fn update(&self, id: &ShadowId, payload: Bytes, by: Origin) -> Result<Bytes, Rejection> {
        self.http(id, Operation::Update, payload, by).await
    }

    /// GetThingShadow over HTTPS: the document of `get/accepted` (SHADOW-160). Publishes nothing (SHADOW-169).
    ///
    /// # Errors
    /// Why it is refused.
    pub async fn get(&self, id: &ShadowId, by: Origin) -> Result<Bytes, Rejection> {
        self.http(id, Operation::Get, Bytes::new(), by).await
    }

    /// DeleteThingShadow over HTTPS: the document of `delete/accepted`, which is also published (SHADOW-162, SHADOW-169).
    ///
    /// # Errors
    /// Why it is refused.
    pub async fn delete(&self, id: &ShadowId, by: Origin) -> Result<Bytes, Rejection> {
        self.http(id, Operation::Delete, Bytes::new(), by).await
    }

    /// ListNamedShadowsForThing: `page_size` is 1-100, 25 when absent (SHADOW-163 to SHADOW-165).
    ///
    /// # Errors
    /// The page size is out of range, the token none of ours, or the limits of SHADOW-156 are exceeded.
    pub async fn list_named(
        &self,
        scope: &Scope,
        thing: &ThingName,
        page_size: Option<i64>,
        next_token: Option<&str>,
    ) -> Result<NamedShadows, Rejection> {
        let now = self.0.clock.now();
        let id = ShadowId { scope: scope.clone(), thing: thing.clone(), shadow: None };
        self.0.throttle.admit(&id, None, now)?;
        self.0.names.page(scope, thing, page_size, next_token, now)
    }

    /// The document of a get, for rules and the console; no request, so nothing is published or written down.
    pub fn read(&self, id: &ShadowId) -> Option<Bytes> {
        let cell = self.0.cells.get(id)?;
        let state = cell.lock();
        document::get(&state.stored, id.name(), None, self.0.clock.now()).ok()
    }

    /// The shadows of a thing, the classic one first.
    pub fn shadows_of(&self, scope: &Scope, thing: &ThingName) -> Vec<Summary> {
        let named = self.0.names.all(scope, thing).into_iter().map(Some);
        let ids = std::iter::once(None).chain(named).map(|shadow| ShadowId {
            scope: scope.clone(),
            thing: thing.clone(),
            shadow,
        });
        ids.filter_map(|id| {
            let cell = self.0.cells.get(&id)?;
            let state = cell.lock();
            let document = state.stored.document()?;
            Some(Summary {
                shadow: id.shadow.clone(),
                version: document.version(),
                has_delta: document.has_delta(),
                bytes: document.size(),
            })
        })
        .collect()
    }

    /// The last versions of a shadow, newest first, deletions included.
    pub fn history(&self, id: &ShadowId) -> Vec<Revision> {
        self.0.cells.get(id).map(|cell| cell.lock().history.newest_first()).unwrap_or_default()
    }

    async fn http(
        &self,
        id: &ShadowId,
        operation: Operation,
        payload: Bytes,
        origin: Origin,
    ) -> Result<Bytes, Rejection> {
        let (reply, answered) = oneshot::channel();
        let at = self.0.clock.now();
        let message = Message::new(id.topic(operation.name()), payload);
        let request = Arc::new(Publication { scope: id.scope.clone(), message, origin, at });
        let asked = Asked { id: id.clone(), operation, request, at, door: Door::Http(Some(reply)) };
        if self.0.serve(asked) == Handled::Storing {
            self.0.store.wake();
        }
        answered
            .await
            .unwrap_or_else(|_| Err(Rejection::Internal { reason: "the server is stopping".to_owned() }))
    }
}

impl ReservedService for ShadowService {
    fn claims(&self, topic: &str) -> bool {
        address::request(topic).is_some()
    }

    fn approach(&self, requests: &mut dyn Iterator<Item = &Publication>) {
        let hashes: SmallVec<[u64; 16]> = requests
            .filter_map(|request| {
                let (thing, shadow, _) = address::request(&request.message.topic)?;
                Some(self.0.cells.hash_of(&request.scope, thing, shadow))
            })
            .collect();
        self.0.cells.prefetch(&hashes);
        document::prefetch_room(hashes.len());
    }

    fn handle(&self, request: &Arc<Publication>) -> Handled {
        let Some((thing, shadow, operation)) = address::request(&request.message.topic) else {
            return Handled::Done;
        };
        if let Some(why) = address::misnamed(thing, shadow) {
            // AWS documents no answer to such a request; here at least the journal has one.
            self.0.journal.record(answer::misnamed(request, self.0.clock.now(), why));
            return Handled::Done;
        }
        let id = ShadowId {
            scope: request.scope.clone(),
            thing: ThingName::from(thing),
            shadow: shadow.map(ShadowName::from),
        };
        let (request, at) = (Arc::clone(request), self.0.clock.now());
        self.0.serve(Asked { id, operation, request, at, door: Door::Mqtt })
    }
}

impl Reload for ShadowService {
    fn reload(&self) -> Result<(), String> {
        self.0.load().map_err(|error| error.to_string())
    }
}

/// A change that is durable, or never will be: its answer can leave.
struct Committed {
    inner: Arc<Inner>,
    cell: Arc<Cell>,
    ticket: u64,
    outcome: Result<(), StoreError>,
}

impl Errand for Committed {
    fn approach(&self) {
        self.cell.prefetch();
    }

    fn run(self: Box<Self>) {
        let Self { inner, cell, ticket, outcome } = *self;
        inner.committed(&cell, ticket, outcome);
    }
}

impl Inner {
    /// Takes a request, and sees to its answer.
    fn serve(self: &Arc<Self>, asked: Asked) -> Handled {
        if let Err(rejection) = self.throttle.admit(&asked.id, asked.session(), asked.at) {
            self.send(asked.refused(rejection.into()), false);
            return Handled::Done;
        }
        match asked.operation {
            Operation::Update => self.update(asked),
            Operation::Get => match ClientToken::of_payload(&asked.request.message.payload) {
                Ok(token) => self.get(asked, token),
                Err(rejection) => self.refuse(asked, rejection.into()),
            },
            Operation::Delete => match ClientToken::of_payload(&asked.request.message.payload) {
                Ok(token) => self.delete(asked, token),
                Err(rejection) => self.refuse(asked, rejection.into()),
            },
        }
    }

    fn update(self: &Arc<Self>, asked: Asked) -> Handled {
        let known = self.cells.get(&asked.id);
        let request =
            match UpdateRequest::parse(&asked.request.message.payload, asked.at, &self.settings.limits) {
                Ok(request) => request,
                Err(rejected) => return self.refuse(asked, rejected),
            };
        let client_token = request.client_token().cloned();
        let cell = known.unwrap_or_else(|| self.cells.get_or_new(&asked.id));
        let mut state = cell.lock();
        if state.is_gone() {
            // Emptied by a reload or a refused first update between finding and locking it.
            drop(state);
            return self.update(asked);
        }
        let updated = match document::update(&state.stored, request, &self.settings.limits) {
            Ok(updated) => updated,
            Err(rejected) => {
                let id = asked.id.clone();
                state.enqueue(Outgoing::ready(asked.refused(rejected)));
                self.forget_if_vacant(&id, state);
                self.drain_at(self.place(&id), &cell);
                return Handled::Done;
            }
        };
        let version = updated.document.version();
        let next = Stored::Present(updated.document);
        let id = asked.id.clone();
        self.remember(&asked, version, Change::Updated, &mut state, &next);
        let outcome = Outcome::Updated {
            version,
            accepted: updated.accepted,
            delta: updated.delta,
            documents: updated.documents,
        };
        self.change(&id, &cell, state, next, client_token, asked.answered(outcome))
    }

    fn get(self: &Arc<Self>, asked: Asked, token: Option<ClientToken>) -> Handled {
        let Some(cell) = self.cells.get(&asked.id) else { return self.refuse_missing(asked, token) };
        let place = self.place(&asked.id);
        let mut state = cell.lock();
        let answer = match document::get(&state.stored, asked.id.name(), token.as_ref(), asked.at) {
            Ok(document) => {
                let version = state.stored.document().map_or(0, document::Document::version);
                asked.answered(Outcome::Got { version, document })
            }
            Err(rejection) => asked.refused(Rejected { rejection, client_token: token }),
        };
        state.enqueue(Outgoing::ready(answer));
        drop(state);
        self.drain_at(place, &cell);
        Handled::Done
    }

    fn delete(self: &Arc<Self>, asked: Asked, token: Option<ClientToken>) -> Handled {
        let Some(cell) = self.cells.get(&asked.id) else { return self.refuse_missing(asked, token) };
        let mut state = cell.lock();
        match document::delete(&state.stored, asked.id.name(), token.as_ref(), asked.at) {
            Ok(deleted) => {
                let id = asked.id.clone();
                self.remember(&asked, deleted.version, Change::Deleted, &mut state, &deleted.stored);
                let outcome = Outcome::Deleted { version: deleted.version, accepted: deleted.accepted };
                self.change(&id, &cell, state, deleted.stored, token, asked.answered(outcome))
            }
            Err(rejection) => {
                let place = self.place(&asked.id);
                state.enqueue(Outgoing::ready(asked.refused(Rejected { rejection, client_token: token })));
                drop(state);
                self.drain_at(place, &cell);
                Handled::Done
            }
        }
    }

    fn refuse_missing(self: &Arc<Self>, asked: Asked, client_token: Option<ClientToken>) -> Handled {
        let rejection = Rejection::NoShadow { name: asked.id.name().to_owned() };
        self.refuse(asked, Rejected { rejection, client_token })
    }

    fn refuse(&self, asked: Asked, rejected: Rejected) -> Handled {
        self.send(asked.refused(rejected), true);
        Handled::Done
    }

    /// Adds to the shadow's history what is about to become of it.
    fn remember(&self, asked: &Asked, version: u64, change: Change, state: &mut State, next: &Stored) {
        if self.settings.history == 0 {
            return;
        }
        let revision = Revision::new(&state.history, asked, version, change, &state.stored, next);
        state.history.push(&self.budget, revision);
        if !std::mem::replace(&mut state.history.unsaved, true) {
            self.unsaved.lock().push_back(asked.id.clone());
        }
    }

    /// Makes `next` what is stored, and answers when it is durable: on the thread that answers for this shadow, so that answers
    /// leave in their order, and together with others that became durable at the same time.
    fn change(
        self: &Arc<Self>,
        id: &ShadowId,
        cell: &Arc<Cell>,
        mut state: MutexGuard<'_, State>,
        next: Stored,
        client_token: Option<ClientToken>,
        answer: Answer,
    ) -> Handled {
        let row = rows::row(id, &next);
        let before = std::mem::replace(&mut state.stored, next);
        self.names.note(id, &state.stored);
        let ticket = state.enqueue(Outgoing::waiting(answer, before, client_token));
        // Before the change can be answered.
        self.follower.tell(id);
        let place = self.place(id);
        let (inner, shared) = (Arc::clone(self), Arc::clone(cell));
        // Queued while the shadow is locked: its rows lie in the log in the order of its versions. The store is never done at once,
        // since it knows the table and is open as long as this service is; so nobody comes back here for the lock.
        self.store.commit_quietly(row, move |outcome, after| {
            let bus = Arc::clone(&inner.bus);
            if bus.leave(place, Box::new(Committed { inner, cell: shared, ticket, outcome })) {
                after.call(move || bus.ring(place));
            }
        });
        Handled::Storing
    }

    fn committed(self: &Arc<Self>, cell: &Arc<Cell>, ticket: u64, outcome: Result<(), StoreError>) {
        let mut state = cell.lock();
        let mut reverted = None;
        match outcome {
            Ok(()) => state.settle(ticket),
            Err(error) => {
                reverted = state.fail(ticket, &error.to_string());
                if let Some(id) = &reverted {
                    self.names.note(id, &state.stored);
                }
            }
        }
        drop(state);
        if let Some(id) = reverted {
            self.follower.tell(&id);
        }
        self.drain(cell);
    }

    /// Which thread answers for a shadow.
    fn place(&self, id: &ShadowId) -> u64 {
        self.cells.hash(id)
    }

    /// [`Inner::drain`] on the thread that answers for this shadow: what several threads publish is not routed in one order.
    fn drain_at(self: &Arc<Self>, place: u64, cell: &Arc<Cell>) {
        if self.bus.is_at(place) {
            return self.drain(cell);
        }
        let (inner, cell) = (Arc::clone(self), Arc::clone(cell));
        if self.bus.leave(place, Box::new(move || inner.drain(&cell))) {
            self.bus.ring(place);
        }
    }

    /// Sends what is ready, in order. Nothing is locked while messages are published, so whoever they reach may come back.
    fn drain(self: &Arc<Self>, cell: &Arc<Cell>) {
        let mut state = cell.lock();
        if !state.start_publishing() {
            return;
        }
        while let Some(answer) = state.next_ready() {
            drop(state);
            self.send(answer, true);
            state = cell.lock();
        }
    }

    fn send(&self, answer: Answer, admitted: bool) {
        if admitted {
            self.throttle.done(&answer.asked.id, answer.asked.session());
        }
        let now = self.clock.now();
        self.journal.record(answer.record());
        let scope = answer.asked.id.scope.clone();
        let (messages, reply) = answer.parts(now);
        for message in messages {
            let origin = Origin::Service("shadow");
            self.bus.publish(Publication { scope: scope.clone(), message, origin, at: now });
        }
        reply.send();
    }

    /// A refused first update leaves nothing behind.
    fn forget_if_vacant(&self, id: &ShadowId, mut state: MutexGuard<'_, State>) {
        if state.is_vacant() {
            state.leave();
            drop(state);
            self.cells.remove_gone(id);
        }
    }
}
