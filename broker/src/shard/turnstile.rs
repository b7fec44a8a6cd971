//! Lets handshakes through a few at a time, so that a fleet that comes back does not keep everybody else's messages waiting.

use tokio::sync::{Notify, Semaphore};

/// So many steps of handshakes are taken before a shard looks at its sockets again. One takes about a tenth of a millisecond.
const STEPS: usize = 4;

/// Where handshakes wait for their turn, first come, first served.
pub(crate) struct Turnstile {
    steps: Semaphore,
    used: Notify,
}

impl Default for Turnstile {
    fn default() -> Self {
        Self { steps: Semaphore::new(STEPS), used: Notify::new() }
    }
}

impl Turnstile {
    /// Waits for leave to take one step.
    pub(crate) async fn pass(&self) {
        // It is never closed.
        if let Ok(step) = self.steps.acquire().await {
            step.forget();
        }
        self.used.notify_one();
    }

    /// Gives leave again each time the runtime has looked at everybody's sockets.
    pub(crate) async fn keep(&self) {
        loop {
            self.used.notified().await;
            tokio::task::yield_now().await;
            self.steps.add_permits(STEPS.saturating_sub(self.steps.available_permits()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    #[test]
    fn a_few_pass_at_a_time_in_order_and_others_get_their_turn_in_between() {
        let runtime = tokio::runtime::Builder::new_current_thread().build_local(Default::default());
        runtime.expect("a runtime").block_on(async {
            let turnstile = Rc::new(Turnstile::default());
            let (passed, order) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(true)));
            for number in 0..10 {
                let (turnstile, passed, order) =
                    (Rc::clone(&turnstile), Rc::clone(&passed), Rc::clone(&order));
                tokio::task::spawn_local(async move {
                    turnstile.pass().await;
                    order.set(order.get() && passed.get() == number);
                    passed.set(passed.get() + 1);
                });
            }
            let keeper = Rc::clone(&turnstile);
            tokio::task::spawn_local(async move { keeper.keep().await });
            let mut most = 0;
            while passed.get() < 10 {
                let before = passed.get();
                tokio::task::yield_now().await;
                most = most.max(passed.get() - before);
            }
            assert!(order.get() && most <= 2 * STEPS, "{most} passed at once");
        });
    }
}
