//! Resources of one kind in memory: by name, and in the order of their creation.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound as Edge;
use std::sync::Arc;

use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thingstead_core::ThingName;
use thingstead_store::Table;

use crate::Result;
use crate::labels::{Labels, Wanted};
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

    /// The value of a label that lists can be filtered by; what labels there are is the resource's own matter.
    fn label(&self, _name: &str) -> Option<&str> {
        None
    }
}

/// All resources of one kind of a scope. Reading a page costs as much as the page, however many there are.
#[derive(Debug)]
pub(crate) struct Collection<T> {
    by_key: HashMap<Arc<str>, Entry<T>>,
    order: BTreeMap<u64, Arc<T>>,
    next: u64,
    labels: Mutex<Labels>,
}

#[derive(Debug)]
struct Entry<T> {
    seq: u64,
    item: Arc<T>,
}

impl<T> Default for Collection<T> {
    fn default() -> Self {
        Self { by_key: HashMap::new(), order: BTreeMap::new(), next: 1, labels: Mutex::default() }
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
        self.order.values()
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
        let before = self.order.insert(seq, Arc::clone(&item));
        self.labels.get_mut().change(
            seq,
            |label| before.as_ref().and_then(|before| before.label(label)),
            |label| item.label(label),
        );
        self.by_key.insert(key, Entry { seq, item: Arc::clone(&item) });
        (item, row)
    }

    pub(crate) fn remove(&mut self, key: &str) -> Option<Arc<T>> {
        let Entry { seq, item } = self.by_key.remove(key)?;
        self.order.remove(&seq);
        self.labels.get_mut().change(seq, |label| item.label(label), |_| None);
        Some(item)
    }

    /// Takes a row of the store.
    pub(crate) fn load(&mut self, row: &str) -> std::result::Result<Arc<T>, serde_json::Error> {
        let Numbered { seq, item } = serde_json::from_str::<Numbered<T>>(row)?;
        let key: Arc<str> = Arc::from(item.key());
        let item = Arc::new(item);
        self.next = self.next.max(seq + 1);
        self.order.insert(seq, Arc::clone(&item));
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
        let after = position(list, request)?;
        let rows: Box<dyn Iterator<Item = (&u64, &Arc<T>)>> = match (newest_first, after) {
            (false, None) => Box::new(self.order.iter()),
            (false, Some(after)) => Box::new(self.order.range(after.saturating_add(1)..)),
            (true, None) => Box::new(self.order.iter().rev()),
            (true, Some(before)) => Box::new(self.order.range(..before).rev()),
        };
        let limit = request.limit_or(default);
        let mut items: Vec<Arc<T>> = Vec::new();
        let mut last = None;
        for (seq, item) in rows.filter(|(_, item)| wanted(item)) {
            if items.len() == limit {
                return Ok(Page { items, next: last.map(|last: u64| page::token(list, last)) });
            }
            items.push(Arc::clone(item));
            last = Some(*seq);
        }
        Ok(Page { items, next: None })
    }

    /// A page of those whose label has a wanted value, oldest first. It costs what is found, but for the first time that the label
    /// is asked for, and what many values begin with that hardly any resource on the way has.
    pub(crate) fn page_labelled(
        &self,
        list: &'static str,
        request: &PageRequest,
        default: usize,
        label: &str,
        wanted: Wanted<'_>,
    ) -> Result<Page<Arc<T>>> {
        let after = position(list, request)?;
        let limit = request.limit_or(default);
        let mut labels = self.labels.lock();
        let followed = labels.followed(label, self.order.iter().map(|(seq, item)| (*seq, item.label(label))));
        let places = followed
            .first(wanted, after, limit + 1, FEW_STEPS)
            .or_else(|| self.first_asked(label, wanted, after, limit + 1))
            .or_else(|| followed.first(wanted, after, limit + 1, usize::MAX))
            .unwrap_or_default();
        let more = places.len() > limit;
        let next = places.get(limit - 1).filter(|_| more).map(|last| page::token(list, last));
        let items = places.iter().take(limit).filter_map(|place| self.order.get(place).cloned());
        Ok(Page { items: items.collect(), next })
    }

    /// The same by asking in order, which soon ends where many have a wanted value; `None` when it does not.
    fn first_asked(
        &self,
        label: &str,
        wanted: Wanted<'_>,
        after: Option<u64>,
        most: usize,
    ) -> Option<Vec<u64>> {
        let mut found = Vec::new();
        let rows = self.order.range((after.map_or(Edge::Unbounded, Edge::Excluded), Edge::Unbounded));
        for (asked, (seq, item)) in rows.enumerate() {
            if found.len() == most {
                break;
            }
            if asked == MOST_ASKED {
                return None;
            }
            if item.label(label).is_some_and(|value| wanted.fits(value)) {
                found.push(*seq);
            }
        }
        Some(found)
    }
}

/// The place that the page before ended with.
fn position(list: &'static str, request: &PageRequest) -> Result<Option<u64>> {
    let Some(text) = request.position(list)? else { return Ok(None) };
    let bad = || page::unknown_token(request.token.as_deref().unwrap_or_default());
    Ok(Some(text.parse::<u64>().map_err(|_| bad())?))
}

/// A row: the resource with its place in the order of creation.
#[derive(Serialize, Deserialize)]
struct Numbered<T> {
    seq: u64,
    #[serde(flatten)]
    item: T,
}

/// Values and places that are put in order for a page.
const FEW_STEPS: usize = 512;
/// Resources that are asked before every wanted value is looked at.
const MOST_ASKED: usize = 4_096;
