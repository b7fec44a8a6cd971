//! Who belongs to whom: policies to targets, principals to things, things to groups.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound as Edge;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A many-to-many relation with a value for each pair, readable from both sides in order of the names. Names hold no blank:
/// the row's key is `LEFT RIGHT`.
#[derive(Debug)]
pub(crate) struct Relation<V> {
    rights: HashMap<Arc<str>, BTreeMap<Arc<str>, V>>,
    lefts: HashMap<Arc<str>, BTreeSet<Arc<str>>>,
}

impl<V> Default for Relation<V> {
    fn default() -> Self {
        Self { rights: HashMap::new(), lefts: HashMap::new() }
    }
}

impl<V: Serialize + DeserializeOwned> Relation<V> {
    pub(crate) fn get(&self, left: &str, right: &str) -> Option<&V> {
        self.rights.get(left)?.get(right)
    }

    /// What belongs to `left`.
    pub(crate) fn rights_of(&self, left: &str) -> impl Iterator<Item = (&Arc<str>, &V)> {
        self.rights.get(left).into_iter().flatten()
    }

    /// What belongs to `left` and has a name behind `after`.
    pub(crate) fn rights_after(
        &self,
        left: &str,
        after: Option<&str>,
    ) -> impl Iterator<Item = (&Arc<str>, &V)> {
        let from = after.map_or(Edge::Unbounded, Edge::Excluded);
        let rights = self.rights.get(left);
        rights.into_iter().flat_map(move |rights| rights.range::<str, _>((from, Edge::Unbounded)))
    }

    /// To what `right` belongs.
    pub(crate) fn lefts_of(&self, right: &str) -> impl Iterator<Item = &Arc<str>> {
        self.lefts.get(right).into_iter().flatten()
    }

    pub(crate) fn count_rights(&self, left: &str) -> usize {
        self.rights.get(left).map_or(0, BTreeMap::len)
    }

    pub(crate) fn count_lefts(&self, right: &str) -> usize {
        self.lefts.get(right).map_or(0, BTreeSet::len)
    }

    /// The row's key and document.
    pub(crate) fn insert(&mut self, left: &str, right: &str, value: V) -> (String, String) {
        let row = serde_json::to_string(&value).unwrap_or_default();
        let (left, right): (Arc<str>, Arc<str>) = (Arc::from(left), Arc::from(right));
        let key = format!("{left} {right}");
        self.lefts.entry(Arc::clone(&right)).or_default().insert(Arc::clone(&left));
        self.rights.entry(left).or_default().insert(right, value);
        (key, row)
    }

    /// The removed pair's value and the key of its row.
    pub(crate) fn remove(&mut self, left: &str, right: &str) -> Option<(V, String)> {
        let of_left = self.rights.get_mut(left)?;
        let value = of_left.remove(right)?;
        if of_left.is_empty() {
            self.rights.remove(left);
        }
        if let Some(of_right) = self.lefts.get_mut(right) {
            of_right.remove(left);
            if of_right.is_empty() {
                self.lefts.remove(right);
            }
        }
        Some((value, format!("{left} {right}")))
    }

    /// Takes a row of the store.
    pub(crate) fn load(&mut self, key: &str, row: &str) -> Result<(), String> {
        let (left, right) = key.split_once(' ').ok_or_else(|| format!("the key `{key}` is no pair"))?;
        let value = serde_json::from_str(row).map_err(|error| error.to_string())?;
        self.insert(left, right, value);
        Ok(())
    }
}
