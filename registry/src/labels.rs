//! Resources of a collection by a value of theirs, such as an attribute or a type: what filtered lists are read from.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound as Edge;

/// By label and value: the places of resources in the order of their creation. A label is followed when a list first filters by it.
#[derive(Debug, Default)]
pub(crate) struct Labels(HashMap<Box<str>, Label>);

/// A label's values.
#[derive(Debug, Default)]
pub(crate) struct Label(BTreeMap<Box<str>, BTreeSet<u64>>);

/// Which values a filter wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted<'a> {
    /// This one.
    Is(&'a str),
    /// Those that begin so; every one where that is empty.
    Begins(&'a str),
}

impl Wanted<'_> {
    pub(crate) fn fits(self, value: &str) -> bool {
        match self {
            Self::Is(wanted) => value == wanted,
            Self::Begins(prefix) => value.starts_with(prefix),
        }
    }
}

impl Labels {
    /// A label's values; `values` gives all of them when it is not followed yet.
    pub(crate) fn followed<'v>(
        &mut self,
        label: &str,
        values: impl Iterator<Item = (u64, Option<&'v str>)>,
    ) -> &Label {
        if self.0.len() >= MOST_LABELS && !self.0.contains_key(label) {
            self.0.clear();
        }
        self.0.entry(label.into()).or_insert_with(|| {
            let mut made = Label::default();
            values.for_each(|(place, value)| made.change(place, None, value));
            made
        })
    }

    /// Follows a change of the resource in a place; the functions tell its values before and after.
    pub(crate) fn change<'v>(
        &mut self,
        place: u64,
        before: impl Fn(&str) -> Option<&'v str>,
        after: impl Fn(&str) -> Option<&'v str>,
    ) {
        for (name, label) in &mut self.0 {
            label.change(place, before(name), after(name));
        }
    }
}

impl Label {
    /// The first `most` places behind `after` that have a wanted value. `None` when that takes more than `steps`.
    pub(crate) fn first(
        &self,
        wanted: Wanted<'_>,
        after: Option<u64>,
        most: usize,
        mut steps: usize,
    ) -> Option<Vec<u64>> {
        let behind = (after.map_or(Edge::Unbounded, Edge::Excluded), Edge::Unbounded);
        let prefix = match wanted {
            Wanted::Is(value) => {
                let places = self.0.get(value).into_iter().flat_map(|places| places.range(behind));
                return Some(places.copied().take(most).collect());
            }
            Wanted::Begins(prefix) => prefix,
        };
        let mut found = Vec::new();
        let from = self.0.range::<str, _>((Edge::Included(prefix), Edge::Unbounded));
        for (_, places) in from.take_while(|(value, _)| value.starts_with(prefix)) {
            let before = found.len();
            // No value can give more than the page.
            found.extend(places.range(behind).copied().take(most));
            steps = steps.checked_sub(found.len() - before + 1)?;
        }
        found.sort_unstable();
        found.truncate(most);
        Some(found)
    }

    fn change(&mut self, place: u64, before: Option<&str>, after: Option<&str>) {
        if before == after {
            return;
        }
        if let Some(value) = before
            && let Some(places) = self.0.get_mut(value)
        {
            places.remove(&place);
            if places.is_empty() {
                self.0.remove(value);
            }
        }
        if let Some(value) = after {
            match self.0.get_mut(value) {
                Some(places) => drop(places.insert(place)),
                None => drop(self.0.insert(value.into(), BTreeSet::from([place]))),
            }
        }
    }
}

/// Labels that are followed.
const MOST_LABELS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_in_order_and_follow_changes() {
        let values = ["red", "blue", "red", "rose", "red"];
        let all = || values.iter().enumerate().map(|(at, value)| (at as u64, Some(*value)));
        let mut labels = Labels::default();
        let first = |labels: &mut Labels, wanted, after, most| {
            labels.followed("colour", all()).first(wanted, after, most, 100).expect("few steps")
        };
        assert_eq!(first(&mut labels, Wanted::Is("red"), None, 2), [0, 2]);
        assert_eq!(first(&mut labels, Wanted::Is("red"), Some(2), 2), [4]);
        assert_eq!(first(&mut labels, Wanted::Begins("r"), None, 9), [0, 2, 3, 4]);
        assert_eq!(first(&mut labels, Wanted::Begins("r"), Some(0), 2), [2, 3]);
        assert_eq!(first(&mut labels, Wanted::Begins(""), None, 9), [0, 1, 2, 3, 4]);
        labels.change(2, |_| Some("red"), |_| Some("blue"));
        labels.change(3, |_| Some("rose"), |_| None);
        labels.change(7, |_| None, |_| Some("rust"));
        assert_eq!(first(&mut labels, Wanted::Is("blue"), None, 9), [1, 2]);
        assert_eq!(first(&mut labels, Wanted::Begins("r"), None, 9), [0, 4, 7]);
        assert_eq!(labels.followed("colour", all()).first(Wanted::Begins(""), None, 9, 3), None);
        for at in 0..40 {
            labels.followed(&format!("label {at}"), all());
        }
        assert!(labels.0.len() <= MOST_LABELS);
    }
}
