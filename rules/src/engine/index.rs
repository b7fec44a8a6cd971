//! Which rules a topic concerns: a trie over the levels of their filters, so that a message pays for its matches and
//! not for the number of rules.

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::quality::RandomState;
use smallvec::SmallVec;

/// Values under topic filters, found by topic names.
#[derive(Debug)]
pub(crate) struct Index<T> {
    root: Node<T>,
}

#[derive(Debug)]
struct Node<T> {
    /// Values whose filter ends here.
    here: Vec<Arc<T>>,
    /// Values whose filter ends in `#` below here.
    rest: Vec<Arc<T>>,
    plus: Option<Box<Node<T>>>,
    levels: HashMap<Box<str>, Node<T>, RandomState>,
}

/// What a lookup finds; most topics concern few rules.
pub(crate) type Found<T> = SmallVec<[Arc<T>; 4]>;

impl<T> Index<T> {
    /// Puts a value under a well-formed filter.
    pub(crate) fn insert(&mut self, filter: &str, value: Arc<T>) {
        let mut node = &mut self.root;
        for level in filter.split('/') {
            node = match level {
                "#" => {
                    node.rest.push(value);
                    return;
                }
                "+" => node.plus.get_or_insert_default(),
                level => node.levels.entry(level.into()).or_default(),
            };
        }
        node.here.push(value);
    }

    /// Takes away the values under a filter that `doomed` names.
    pub(crate) fn remove(&mut self, filter: &str, doomed: impl Fn(&T) -> bool) {
        let levels: Vec<&str> = filter.split('/').collect();
        self.root.remove(&levels, &doomed);
    }

    /// Collects the values whose filter matches a topic name, as AWS matches: `a/#` does not match `a` (RULES-073), a
    /// leading wildcard does not match a topic that starts with `$` (RULES-074).
    pub(crate) fn matching(&self, topic: &str, found: &mut Found<T>) {
        let (first, rest) = match topic.split_once('/') {
            Some((first, rest)) => (first, Some(rest)),
            None => (topic, None),
        };
        if !topic.starts_with('$') {
            found.extend(self.root.rest.iter().cloned());
            if let Some(plus) = &self.root.plus {
                plus.collect(rest, found);
            }
        }
        if let Some(node) = self.root.levels.get(first) {
            node.collect(rest, found);
        }
    }

    /// Whether nothing is in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.root.is_empty()
    }
}

impl<T> Default for Index<T> {
    fn default() -> Self {
        Self { root: Node::default() }
    }
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { here: Vec::new(), rest: Vec::new(), plus: None, levels: HashMap::default() }
    }
}

impl<T> Node<T> {
    fn collect(&self, levels: Option<&str>, found: &mut Found<T>) {
        let Some(levels) = levels else {
            found.extend(self.here.iter().cloned());
            return;
        };
        found.extend(self.rest.iter().cloned());
        let (level, rest) = match levels.split_once('/') {
            Some((level, rest)) => (level, Some(rest)),
            None => (levels, None),
        };
        if let Some(plus) = &self.plus {
            plus.collect(rest, found);
        }
        if let Some(node) = self.levels.get(level) {
            node.collect(rest, found);
        }
    }

    fn remove(&mut self, levels: &[&str], doomed: &impl Fn(&T) -> bool) {
        let Some((level, below)) = levels.split_first() else {
            self.here.retain(|value| !doomed(value));
            return;
        };
        match *level {
            "#" => self.rest.retain(|value| !doomed(value)),
            "+" => {
                if let Some(plus) = &mut self.plus {
                    plus.remove(below, doomed);
                    if plus.is_empty() {
                        self.plus = None;
                    }
                }
            }
            level => {
                if let Some(node) = self.levels.get_mut(level) {
                    node.remove(below, doomed);
                    if node.is_empty() {
                        self.levels.remove(level);
                    }
                }
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.here.is_empty() && self.rest.is_empty() && self.plus.is_none() && self.levels.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use thingstead_core::topic;

    use super::*;

    const FILTERS: &[&str] = &[
        "#",
        "+",
        "+/+",
        "a",
        "a/#",
        "a/+",
        "a/b",
        "a/+/c",
        "a/b/#",
        "/a",
        "a//b",
        "+/b/#",
        "$aws/things/+/shadow/#",
        "$aws/#",
        "$aws/rules/r/x",
    ];

    #[test]
    fn the_index_finds_exactly_what_matching_one_by_one_finds() {
        // RULES-071, RULES-072, RULES-073, RULES-074, RULES-075, RULES-079
        let mut index = Index::default();
        for filter in FILTERS {
            index.insert(filter, Arc::new((*filter).to_owned()));
        }
        let topics = [
            "a",
            "a/",
            "a/b",
            "a/b/c",
            "A/b",
            "/a",
            "a//b",
            "/",
            "x/b/y",
            "$aws/things/t/shadow/get",
            "$aws",
        ];
        for topic in topics {
            let mut found = Found::new();
            index.matching(topic, &mut found);
            let mut found: Vec<&str> = found.iter().map(|filter| filter.as_str()).collect();
            found.sort_unstable();
            let mut expected: Vec<&str> =
                FILTERS.iter().copied().filter(|filter| topic::matches(filter, topic)).collect();
            expected.sort_unstable();
            assert_eq!(found, expected, "{topic}");
        }
    }

    #[test]
    fn what_is_removed_leaves_no_nodes_behind() {
        let mut index = Index::default();
        for filter in FILTERS {
            index.insert(filter, Arc::new(1));
            index.insert(filter, Arc::new(2));
        }
        for filter in FILTERS {
            index.remove(filter, |value| *value == 1);
        }
        let mut found = Found::new();
        index.matching("a/b", &mut found);
        assert_eq!(found.iter().map(|value| **value).collect::<Vec<_>>(), [2; 5]);
        for filter in FILTERS {
            index.remove(filter, |_| true);
        }
        assert!(index.is_empty());
    }
}
