//! The end of a turn: what was gathered goes out, each thing once.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

use thingstead_core::Publication;

use super::Shard;
use super::mail::{Mail, Mailbox};
use crate::connection::receive::stuffed_at;
use crate::ending::Ending;
use crate::router::route::Journey;
use crate::slots::Key;

/// Wakes the turn loop. Raised by whatever leaves something to do; the loop runs behind every task that is ready already, so
/// that what several sockets brought is written together.
#[derive(Default)]
pub(crate) struct Signal {
    raised: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Signal {
    /// There is something to do.
    pub(crate) fn raise(&self) {
        if !self.raised.replace(true)
            && let Some(waker) = &*self.waker.borrow()
        {
            waker.wake_by_ref();
        }
    }

    /// Waits until there is.
    pub(crate) async fn wait(&self) {
        poll_fn(|cx| {
            if self.raised.replace(false) {
                return Poll::Ready(());
            }
            *self.waker.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}

/// Publications that services and rules made on this shard's own thread, in the middle of a turn. They wait here because the
/// shard is busy with the message that caused them.
pub(crate) struct Inbox {
    hub: *const crate::hub::Hub,
    /// The shard's number.
    id: u16,
    waiting: RefCell<Vec<Publication>>,
    signal: Rc<Signal>,
}

thread_local! {
    static INBOX: RefCell<Option<Rc<Inbox>>> = const { RefCell::new(None) };
}

impl Inbox {
    /// Makes this thread a shard's.
    pub(crate) fn install(hub: &Arc<crate::hub::Hub>, id: u16, signal: &Rc<Signal>) -> Rc<Self> {
        let (hub, signal) = (Arc::as_ptr(hub), Rc::clone(signal));
        let inbox = Rc::new(Self { hub, id, waiting: RefCell::default(), signal });
        INBOX.set(Some(Rc::clone(&inbox)));
        inbox
    }

    /// Leaves a publication for this thread's shard; hands it back on a thread that serves no shard of this broker.
    pub(crate) fn offer(hub: &Arc<crate::hub::Hub>, publication: Publication) -> Result<(), Publication> {
        INBOX.with_borrow(|inbox| match inbox {
            Some(inbox) if std::ptr::eq(inbox.hub, Arc::as_ptr(hub)) => {
                inbox.waiting.borrow_mut().push(publication);
                inbox.signal.raise();
                Ok(())
            }
            _ => Err(publication),
        })
    }

    /// Whether this thread is that shard's.
    pub(crate) fn is_of(hub: &Arc<crate::hub::Hub>, shard: usize) -> bool {
        INBOX.with_borrow(|inbox| {
            inbox.as_ref().is_some_and(|inbox| {
                std::ptr::eq(inbox.hub, Arc::as_ptr(hub)) && usize::from(inbox.id) == shard
            })
        })
    }

    /// What waits; `empty` is where more is gathered meanwhile.
    pub(crate) fn take(&self, empty: Vec<Publication>) -> Vec<Publication> {
        self.waiting.replace(empty)
    }
}

impl Shard {
    /// Routes what waits, then lets everything out: database, journal, sockets, other shards.
    pub(crate) fn end_turn(&mut self, inbox: &Inbox) {
        self.step();
        self.serve();
        // Answers to answers belong to the same turn; what keeps answering itself gets the next one.
        let mut waiting = std::mem::take(&mut self.turn.answers);
        for _ in 0..ROUNDS {
            waiting = inbox.take(waiting);
            if waiting.is_empty() {
                break;
            }
            for publication in waiting.drain(..) {
                self.route(publication, Journey::default());
            }
            self.serve();
        }
        waiting.shrink_to(KEPT_ANSWERS);
        self.turn.answers = waiting;
        self.commit();
        self.hub.journal.record_all(self.turn.events.drain(..));
        let mut dirty = std::mem::take(&mut self.turn.dirty);
        for key in dirty.drain(..) {
            self.flush(key);
        }
        if self.turn.dirty.is_empty() {
            self.turn.dirty = dirty;
        }
        for (mailbox, letters) in self.hub.mailboxes.iter().zip(&mut self.turn.mail) {
            if !letters.is_empty() {
                mailbox.push_all(letters);
            }
        }
    }

    /// Hands the changes so far to the database.
    pub(crate) fn commit(&mut self) {
        let storing = std::mem::take(&mut self.turn.storing);
        let held = std::mem::take(&mut self.turn.held);
        let commit = match self.turn.batch.is_empty() {
            true if held.is_empty() => {
                if storing {
                    self.hub.store.wake();
                }
                return;
            }
            // Behind what services have queued.
            true => self.hub.store.flush(),
            false => self.hub.store.commit(std::mem::take(&mut self.turn.batch)),
        };
        let (hub, id) = (Arc::clone(&self.hub), usize::from(self.id));
        commit.then(move |outcome, after| {
            if let Err(error) = &outcome {
                hub.note_damage(error);
            }
            if held.is_empty() {
                return;
            }
            let durable = Mail::Durable { held, outcome };
            if hub.mailboxes.get(id).is_some_and(|mailbox| mailbox.push_quietly(durable)) {
                after.call(move || hub.mailboxes.get(id).into_iter().for_each(Mailbox::ring));
            }
        });
    }

    /// Writes a connection's output once.
    fn flush(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(key) else { return };
        connection.dirty = false;
        let (leaving, bytes) = (connection.leaving, connection.output.len());
        if bytes > 0 && !leaving && self.must_pause(key) {
            return;
        }
        self.count_bytes(key, bytes);
        let stuffed = self.is_stuffed(key);
        let limit = stuffed_at(&self.hub.settings);
        let Some(connection) = self.connections.get_mut(key) else { return };
        let waker = connection.waker.as_ref().unwrap_or(Waker::noop());
        let written = connection.link.write(&mut connection.output, waker, &mut self.lent);
        if stuffed
            && connection.waiting() <= limit
            && let Some(waker) = &connection.waker
        {
            // It was not read meanwhile.
            waker.wake_by_ref();
        }
        match written {
            Ok(true) => {
                connection.blocked_since = None;
                let output = std::mem::take(&mut connection.output);
                if output.capacity() > 0 && output.capacity() <= SPARE_BYTES && self.spare.len() < SPARE {
                    self.spare.push(output);
                }
                if connection.leaving {
                    self.leave(key);
                }
            }
            Ok(false) => {
                let first = connection.blocked_since.is_none();
                let since = *connection.blocked_since.get_or_insert(self.now);
                // The connection's task waits for the socket to take more.
                if let Some(waker) = &connection.waker {
                    waker.wake_by_ref();
                }
                if first {
                    self.timers
                        .add(since.plus(self.hub.settings.write_timeout), super::timers::Timer::Write(key));
                }
            }
            Err(error) => self.end(key, Ending::lost(format!("writing to the client failed: {error}"))),
        }
    }

    /// The output buffer of a connection, lent from the spare ones when it has none.
    pub(crate) fn output(&mut self, key: Key) -> Option<&mut Vec<u8>> {
        let connection = self.connections.get_mut(key)?;
        if connection.output.capacity() == 0
            && let Some(spare) = self.spare.pop()
        {
            connection.output = spare;
        }
        Some(&mut connection.output)
    }
}

const ROUNDS: usize = 64;
/// Room for so many answers is kept from turn to turn.
const KEPT_ANSWERS: usize = 256;
/// So many unused output buffers are kept,
const SPARE: usize = 256;
/// none larger than this.
const SPARE_BYTES: usize = 512 * 1024;
