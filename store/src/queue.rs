//! What the writer is to do, in order.

use std::collections::VecDeque;
use std::sync::mpsc::SyncSender;

use parking_lot::{Condvar, Mutex};

use crate::Batch;
use crate::batch::Change;
use crate::commit::Promise;
use crate::log::Resting;

/// What the store asks of the writer.
pub(crate) enum Order {
    Write(Batch, Promise),
    Save(String, Promise),
    Restore(String, Promise),
    Forget(String, Promise),
    /// Move everything that lies in the log to its tables, before somebody reads them.
    Settle(Promise),
    /// The same, and give the disk back what the log takes.
    Rest(Promise),
    /// Write to the other file of the log from now on, and tell what is to be moved.
    Rotate(SyncSender<Resting>),
    /// Put rows that come from the resting file into their tables, if it is still the one of that turn.
    Move(u64, Vec<Change>, Promise),
    /// Nothing is left to move.
    Moved(u64, Promise),
}

/// Orders, and who waits for them.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    bell: Condvar,
}

#[derive(Default)]
struct State {
    orders: VecDeque<Order>,
    closed: bool,
}

impl Queue {
    /// Puts an order at the end and wakes the writer. After the end an order is dropped, and its promise with it.
    pub(crate) fn push(&self, order: Order) {
        self.push_quietly(order);
        self.bell.notify_one();
    }

    /// The same for those who [`Queue::ring`] when they have put all they have.
    pub(crate) fn push_quietly(&self, order: Order) {
        let mut state = self.state.lock();
        if !state.closed {
            return state.orders.push_back(order);
        }
        // What its promise calls may come back here.
        drop(state);
        drop(order);
    }

    /// Wakes the writer.
    pub(crate) fn ring(&self) {
        self.bell.notify_one();
    }

    /// Nothing comes any more.
    pub(crate) fn close(&self) {
        self.state.lock().closed = true;
        self.bell.notify_one();
    }

    /// Waits for orders and takes all there are; `None` at the end.
    pub(crate) fn take(&self) -> Option<VecDeque<Order>> {
        let mut state = self.state.lock();
        while state.orders.is_empty() {
            if state.closed {
                return None;
            }
            self.bell.wait(&mut state);
        }
        Some(std::mem::take(&mut state.orders))
    }
}
