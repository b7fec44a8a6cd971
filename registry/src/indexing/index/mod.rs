//! The inverted index of a scope's things. A field is indexed when a query first asks for it, and follows every change from then
//! on: a query finds its documents by their values, and only what no list can answer is asked of the documents themselves.

mod doc_set;
mod field;
mod gather;
mod plan;

use std::collections::{BTreeMap, HashMap};

use smallvec::SmallVec;
use thingstead_core::ThingName;

use super::documents::{Fields, Scalar};
use super::query::{Query, Term};
use doc_set::{Doc, DocSet};
use field::{FieldIndex, Values};

/// What of a thing an index field is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parts(u8);

impl Parts {
    /// Name, type, attributes, groups.
    pub(crate) const REGISTRY: Self = Self(1);
    pub(crate) const SHADOW: Self = Self(2);
    pub(crate) const CONNECTIVITY: Self = Self(4);
    pub(crate) const ALL: Self = Self(7);

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn concern(self, field: Self) -> bool {
        self.0 & field.0 != 0
    }

    fn of(field: &str) -> Self {
        match field {
            EVERYTHING => Self::REGISTRY.and(Self::SHADOW),
            _ if field.starts_with("shadow.") => Self::SHADOW,
            _ if field.starts_with("connectivity.") => Self::CONNECTIVITY,
            _ => Self::REGISTRY,
        }
    }
}

/// The index of a scope's things.
#[derive(Debug, Default)]
pub(crate) struct ThingIndex {
    names: Vec<Option<ThingName>>,
    free: Vec<Doc>,
    order: BTreeMap<ThingName, Doc>,
    live: DocSet,
    fields: HashMap<String, Indexed>,
    /// Counts uses of fields.
    uses: u64,
}

#[derive(Debug)]
struct Indexed {
    parts: Parts,
    index: FieldIndex,
    last_use: u64,
}

impl ThingIndex {
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// The fields of these that are not indexed yet. Fields that no query has asked for in a long time are given up.
    pub(crate) fn lacks(&mut self, fields: &[String]) -> Vec<String> {
        self.uses += 1;
        let mut missing = Vec::new();
        for field in fields {
            match self.fields.get_mut(field) {
                Some(indexed) => indexed.last_use = self.uses,
                None => missing.push(field.clone()),
            }
        }
        while self.fields.len() + missing.len() > MOST_FIELDS.max(fields.len()) {
            let oldest = self.fields.iter().min_by_key(|(_, indexed)| indexed.last_use);
            let Some(oldest) = oldest.map(|(name, _)| name.clone()) else { break };
            self.fields.remove(&oldest);
        }
        missing
    }

    /// Begins to index a field; its values are to be set.
    pub(crate) fn add_field(&mut self, field: &str) {
        let indexed = Indexed { parts: Parts::of(field), index: FieldIndex::default(), last_use: self.uses };
        self.fields.insert(field.to_owned(), indexed);
    }

    /// Whether a thing is in the index.
    pub(crate) fn knows(&self, name: &str) -> bool {
        self.order.contains_key(name)
    }

    /// Takes a thing's values of the fields that are made of `parts`.
    pub(crate) fn update(&mut self, name: &ThingName, parts: Parts, document: &dyn Fields) {
        let doc = self.doc(name);
        for (field, indexed) in &mut self.fields {
            if parts.concern(indexed.parts) {
                indexed.index.set(doc, values_of(document, field));
            }
        }
    }

    /// Takes a thing's values of one field.
    pub(crate) fn set_field(&mut self, name: &ThingName, field: &str, document: &dyn Fields) {
        let doc = self.doc(name);
        if let Some(indexed) = self.fields.get_mut(field) {
            indexed.index.set(doc, values_of(document, field));
        }
    }

    pub(crate) fn remove(&mut self, name: &str) {
        let Some(doc) = self.order.remove(name) else { return };
        for indexed in self.fields.values_mut() {
            indexed.index.set(doc, Values::new());
        }
        self.live.remove(doc);
        if let Some(place) = self.names.get_mut(doc as usize) {
            *place = None;
        }
        self.free.push(doc);
    }

    /// How many things fulfil the query, and the values of one field in them.
    pub(crate) fn values(&self, query: &Query, field: &str) -> (usize, Vec<Scalar>) {
        let docs = self.all(query);
        let indexed = self.fields.get(field);
        let values = docs.iter().flat_map(|doc| indexed.map_or(&[][..], |indexed| indexed.index.of(*doc)));
        (docs.len(), values.cloned().collect())
    }

    fn doc(&mut self, name: &ThingName) -> Doc {
        if let Some(doc) = self.order.get(name) {
            return *doc;
        }
        let doc = self.free.pop().unwrap_or(self.names.len() as Doc);
        match self.names.get_mut(doc as usize) {
            Some(place) => *place = Some(name.clone()),
            None => self.names.push(Some(name.clone())),
        }
        self.order.insert(name.clone(), doc);
        self.live.insert(doc);
        doc
    }
}

/// The fields that a query asks for, by the names of the index.
pub(crate) fn fields_of(query: &Query) -> Vec<String> {
    fn collect(query: &Query, into: &mut Vec<String>) {
        match query {
            Query::All => {}
            Query::And(parts) | Query::Or(parts) => parts.iter().for_each(|part| collect(part, into)),
            Query::Not(part) => collect(part, into),
            Query::Term(term) => into.push(field_of(term).to_owned()),
        }
    }
    let mut fields = Vec::new();
    collect(query, &mut fields);
    fields.sort_unstable();
    fields.dedup();
    fields
}

fn field_of(term: &Term) -> &str {
    term.field.as_deref().map_or(EVERYTHING, canonical)
}

/// Fields that have two names have one index.
pub(crate) fn canonical(field: &str) -> &str {
    match field {
        "registry.thingTypeName" => "thingTypeName",
        "registry.thingGroupNames" => "thingGroupNames",
        other => other,
    }
}

fn values_of(document: &dyn Fields, field: &str) -> Values {
    let values = if field == EVERYTHING { document.everything() } else { document.values(field) };
    SmallVec::from_vec(values)
}

/// The name of what a term without a field is searched in.
const EVERYTHING: &str = "";
/// Fields that are kept indexed.
const MOST_FIELDS: usize = 64;

#[cfg(test)]
mod tests;
