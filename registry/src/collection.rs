//! Resources of one kind in memory: by name, and in the order of their creation.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thingstead_core::ThingName;
use thingstead_store::Table;

use crate::Result;
use crate::page::{self, Page, PageRequest};

/// Something that has a name and a row in the store.
pub(crate) trait Resource: Serialize + DeserializeOwned {
    const TABLE: Table;

    /// Unique in its scope; the key of its row.
    fn key(&self) -> &str;

    /// The thing whose index entry follows this resource.
    fn indexed_thing(&self) -> Option<&ThingName> {
        None
    }
}

/// All resources of one kind of a scope. Reading a page costs as much as the page, however many there are.
#[derive(Debug)]
pub(crate) struct Collection<T> {
    by_key: HashMap<Arc<str>, Entry<T>>,
    order: BTreeMap<u64, Arc<str>>,
    next: u64,
}

#[derive(Debug)]
struct Entry<T> {
    seq: u64,
    item: Arc<T>,
}

impl<T> Default for Collection<T> {
    fn default() -> Self {
        Self { by_key: HashMap::new(), order: BTreeMap::new(), next: 1 }
    }
}

impl<T: Resource> Collection<T> {
    pub(crate) fn get(&self, key: &str) -> Option<&Arc<T>> {
        self.by_key.get(key).map(|entry| &entry.item)
    }

    pub(crate) fn contains(&self, key: &str) -> bool {
        self.by_key.contains_key(key)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// In the order of creation.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Arc<T>> {
        self.order.values().filter_map(|key| self.get(key))
    }

    /// Inserts, or replaces in its place; the item and its row.
    pub(crate) fn put(&mut self, item: T) -> (Arc<T>, String) {
        let key: Arc<str> = Arc::from(item.key());
        let seq = match self.by_key.get(&key) {
            Some(entry) => entry.seq,
            None => {
                let seq = self.next;
                self.next += 1;
                seq
            }
        };
        let item = Arc::new(item);
        // A document of plain members cannot fail to serialise; an empty row would be told at the next start.
        let row = serde_json::to_string(&Numbered { seq, item: &*item }).unwrap_or_default();
        self.order.insert(seq, Arc::clone(&key));
        self.by_key.insert(key, Entry { seq, item: Arc::clone(&item) });
        (item, row)
    }

    pub(crate) fn remove(&mut self, key: &str) -> Option<Arc<T>> {
        let entry = self.by_key.remove(key)?;
        self.order.remove(&entry.seq);
        Some(entry.item)
    }

    /// Takes a row of the store.
    pub(crate) fn load(&mut self, row: &str) -> std::result::Result<Arc<T>, serde_json::Error> {
        let Numbered { seq, item } = serde_json::from_str::<Numbered<T>>(row)?;
        let key: Arc<str> = Arc::from(item.key());
        let item = Arc::new(item);
        self.next = self.next.max(seq + 1);
        self.order.insert(seq, Arc::clone(&key));
        self.by_key.insert(key, Entry { seq, item: Arc::clone(&item) });
        Ok(item)
    }

    /// A page of those that `wanted` selects, oldest or newest first. The token names the last one returned, so inserts and
    /// deletions do not shift pages (API-056).
    pub(crate) fn page(
        &self,
        list: &'static str,
        request: &PageRequest,
        default: usize,
        newest_first: bool,
        wanted: impl Fn(&T) -> bool,
    ) -> Result<Page<Arc<T>>> {
        let after = match request.position(list)? {
            None => None,
            Some(text) => {
                let bad = || page::unknown_token(request.token.as_deref().unwrap_or_default());
                Some(text.parse::<u64>().map_err(|_| bad())?)
            }
        };
        let rows: Box<dyn Iterator<Item = (&u64, &Arc<str>)>> = match (newest_first, after) {
            (false, None) => Box::new(self.order.iter()),
            (false, Some(after)) => Box::new(self.order.range(after.saturating_add(1)..)),
            (true, None) => Box::new(self.order.iter().rev()),
            (true, Some(before)) => Box::new(self.order.range(..before).rev()),
        };
        let limit = request.limit_or(default);
        let mut items: Vec<Arc<T>> = Vec::new();
        let mut last = None;
        for (seq, key) in rows {
            let Some(item) = self.get(key).filter(|item| wanted(item)) else { continue };
            if items.len() == limit {
                return Ok(Page { items, next: last.map(|last: u64| page::token(list, last)) });
            }
            items.push(Arc::clone(item));
            last = Some(*seq);
        }
        Ok(Page { items, next: None })
    }
}

/// A row: the resource with its place in the order of creation.
#[derive(Serialize, Deserialize)]
struct Numbered<T> {
    seq: u64,
    #[serde(flatten)]
    item: T,
}
