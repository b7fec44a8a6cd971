//! The promise that a batch becomes durable.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::{Condvar, Mutex};

use crate::StoreError;

/// A queued change of the database. Resolves when it is durable, or with the error that kept it from being so.
///
/// It may be awaited, waited for, or given a callback; dropping it changes nothing: the change is made all the same, and the
/// writer logs its failure.
#[must_use = "a commit may fail; await it, wait for it, or drop it knowingly"]
pub struct Commit(Arc<Shared>);

pub(crate) type Outcome = Result<(), StoreError>;
type Callback = Box<dyn FnOnce(Outcome, &mut Afterwards) + Send>;

struct Shared {
    state: Mutex<State>,
    resolved: Condvar,
}

#[derive(Default)]
struct State {
    outcome: Option<Outcome>,
    waker: Option<Waker>,
    then: Option<Callback>,
}

impl Commit {
    /// A commit that has nothing to wait for.
    pub fn done() -> Self {
        Self::resolved(Ok(()))
    }

    /// Blocks the thread until the outcome is known. Not for a thread that serves connections.
    ///
    /// # Errors
    /// What kept the change from becoming durable.
    pub fn wait(self) -> Result<(), StoreError> {
        let mut state = self.0.state.lock();
        loop {
            if let Some(outcome) = &state.outcome {
                return outcome.clone();
            }
            self.0.resolved.wait(&mut state);
        }
    }

    /// Calls `callback` with the outcome: from the writer thread, or at once when it is known already. It must be quick, since
    /// the writer waits for it, and must neither wait for another commit nor read a logged table. What wakes another thread is
    /// best left for [`Afterwards`], so that the other thread finds the outcome of the whole group.
    pub fn then(self, callback: impl FnOnce(Outcome, &mut Afterwards) + Send + 'static) {
        let mut state = self.0.state.lock();
        match state.outcome.clone() {
            Some(outcome) => {
                drop(state);
                let mut after = Afterwards::default();
                callback(outcome, &mut after);
                after.run();
            }
            None => state.then = Some(Box::new(callback)),
        }
    }

    pub(crate) fn pending() -> (Self, Promise) {
        let shared = Arc::new(Shared { state: Mutex::default(), resolved: Condvar::new() });
        (Self(Arc::clone(&shared)), Promise(Some(Waiting::Shared(shared))))
    }

    pub(crate) fn resolved(outcome: Outcome) -> Self {
        let state = State { outcome: Some(outcome), ..State::default() };
        Self(Arc::new(Shared { state: Mutex::new(state), resolved: Condvar::new() }))
    }
}

impl Future for Commit {
    type Output = Result<(), StoreError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.0.state.lock();
        if let Some(outcome) = &state.outcome {
            return Poll::Ready(outcome.clone());
        }
        if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            state.waker = Some(context.waker().clone());
        }
        Poll::Pending
    }
}

impl fmt::Debug for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Commit").field(&self.0.state.lock().outcome).finish()
    }
}

/// What shall happen when the callbacks of all commits of a group were called.
#[derive(Default)]
pub struct Afterwards(Vec<Box<dyn FnOnce()>>);

impl Afterwards {
    /// Adds something.
    pub fn call(&mut self, action: impl FnOnce() + 'static) {
        self.0.push(Box::new(action));
    }

    pub(crate) fn run(self) {
        for action in self.0 {
            action();
        }
    }
}

impl fmt::Debug for Afterwards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Afterwards").field(&self.0.len()).finish()
    }
}

/// The writer's end. Dropped without an outcome it resolves to [`StoreError::Closed`], so no waiter is left behind.
pub(crate) struct Promise(Option<Waiting>);

/// Who waits for an outcome.
enum Waiting {
    /// Whoever holds the [`Commit`].
    Shared(Arc<Shared>),
    /// Nobody does; this is called.
    Callback(Callback),
}

impl Promise {
    /// A promise to call `callback`, as [`Commit::then`] does.
    pub(crate) fn to_call(callback: impl FnOnce(Outcome, &mut Afterwards) + Send + 'static) -> Self {
        Self(Some(Waiting::Callback(Box::new(callback))))
    }

    pub(crate) fn resolve(mut self, outcome: Outcome, after: &mut Afterwards) {
        if let Some(waiting) = self.0.take() {
            waiting.resolve(outcome, after);
        }
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if let Some(waiting) = self.0.take() {
            let mut after = Afterwards::default();
            waiting.resolve(Err(StoreError::Closed), &mut after);
            after.run();
        }
    }
}

impl Waiting {
    fn resolve(self, outcome: Outcome, after: &mut Afterwards) {
        match self {
            Self::Shared(shared) => shared.resolve(outcome, after),
            Self::Callback(callback) => call(callback, outcome, after),
        }
    }
}

/// A callback that panics must not take the writer, and with it every later commit, down.
fn call(callback: Callback, outcome: Outcome, after: &mut Afterwards) {
    let call = std::panic::AssertUnwindSafe(|| callback(outcome, after));
    if std::panic::catch_unwind(call).is_err() {
        tracing::error!("a callback of a commit panicked");
    }
}

impl Shared {
    fn resolve(&self, outcome: Outcome, after: &mut Afterwards) {
        let mut state = self.state.lock();
        state.outcome = Some(outcome.clone());
        let waker = state.waker.take();
        let then = state.then.take();
        drop(state);
        self.resolved.notify_all();
        if let Some(waker) = waker {
            waker.wake();
        }
        if let Some(then) = then {
            call(then, outcome, after);
        }
    }
}
