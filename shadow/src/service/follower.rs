//! Whoever wants to know which shadow changed.

use std::sync::OnceLock;

use super::ShadowService;
use crate::address::ShadowId;

/// One place for a listener, empty at first.
#[derive(Default)]
pub(super) struct Follower(OnceLock<Listener>);

type Listener = Box<dyn Fn(&ShadowId) + Send + Sync>;

impl Follower {
    pub(super) fn tell(&self, id: &ShadowId) {
        if let Some(listener) = self.0.get() {
            listener(id);
        }
    }
}

impl ShadowService {
    /// Calls `listener` with every shadow that changed, before the change is answered, from any thread. The shadow is locked
    /// meanwhile, so the listener must be quick and read no shadow itself; whom it tells reads what was changed. Only the first
    /// listener is taken.
    pub fn follow(&self, listener: impl Fn(&ShadowId) + Send + Sync + 'static) {
        drop(self.0.follower.0.set(Box::new(listener)));
    }
}
