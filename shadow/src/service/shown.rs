//! Shadows and their past as the admin API and the console show them.

use serde_json::{Value, json};
use thingstead_core::{Scope, ThingName};

use super::ShadowService;
use crate::address::ShadowId;

impl ShadowService {
    /// The shadows that exist and are accepted, ordered by account, region, thing and name:
    /// `{"account","region","thing","name","version","has_delta","bytes"}`, `name` being `null` for a classic one.
    pub fn list(&self, accepts: impl Fn(&ShadowId) -> bool, limit: usize) -> Vec<Value> {
        let mut ids = self.0.cells.ids(accepts);
        ids.sort_unstable();
        ids.iter().filter_map(|id| self.line(id)).take(limit).collect()
    }

    /// A shadow whole: `document` as a get answers it, or `null` after a delete, and the last `versions`, newest first.
    /// `None` when nobody remembers it.
    pub fn show(&self, id: &ShadowId, limit: usize) -> Option<Value> {
        let versions = self.history(id);
        let document = self.read(id);
        if document.is_none() && versions.is_empty() {
            return None;
        }
        let document = document.and_then(|document| serde_json::from_slice::<Value>(&document).ok());
        let versions: Vec<_> = versions.iter().take(limit).map(super::Revision::to_json).collect();
        Some(json!({
            "account": id.scope.account(),
            "region": id.scope.region(),
            "thing": &*id.thing,
            "name": id.shadow.as_deref(),
            "document": document,
            "versions": versions,
        }))
    }

    /// The last versions of all shadows of a thing, newest first, each with `thing` and `name`.
    pub fn changes_of(&self, scope: &Scope, thing: &ThingName) -> Vec<Value> {
        let named = self.0.names.all(scope, thing).into_iter().map(Some);
        let mut changes = Vec::new();
        for shadow in std::iter::once(None).chain(named) {
            let id = ShadowId { scope: scope.clone(), thing: thing.clone(), shadow };
            for revision in self.history(&id) {
                let mut line = json!({ "thing": &*id.thing, "name": id.shadow.as_deref() });
                if let (Value::Object(line), Value::Object(revision)) = (&mut line, revision.to_json()) {
                    line.extend(revision);
                }
                changes.push((revision.at, line));
            }
        }
        changes.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        changes.into_iter().map(|(_, line)| line).collect()
    }

    fn line(&self, id: &ShadowId) -> Option<Value> {
        let cell = self.0.cells.get(id)?;
        let state = cell.lock();
        let document = state.stored.document()?;
        Some(json!({
            "account": id.scope.account(),
            "region": id.scope.region(),
            "thing": &*id.thing,
            "name": id.shadow.as_deref(),
            "version": document.version(),
            "has_delta": document.has_delta(),
            "bytes": document.size(),
        }))
    }
}
