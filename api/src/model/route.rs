//! From a method and a raw path to an operation.

use std::collections::HashMap;

use super::Operation;

/// A path template, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Label(String),
    Greedy(String),
}

/// What a path leads to.
#[derive(Debug)]
pub enum Routed<'a> {
    /// An operation, and its labels as they came: still percent-encoded, greedy ones with their slashes.
    Operation(&'static Operation, Vec<(&'static str, Vec<&'a str>)>),
    /// The path is known, the method is not.
    OtherMethods,
    /// Nothing has this path.
    Unknown,
}

/// The templates of a model by their first segment, most literal first (API-005).
#[derive(Debug)]
pub(super) struct Table(HashMap<String, Vec<usize>>);

impl Template {
    /// Takes `/things/{thingName}/jobs` apart. A trailing slash means nothing (API-007).
    pub fn parse(uri: &str) -> Self {
        let segments = uri.split('/').filter(|segment| !segment.is_empty());
        let part = |segment: &str| match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(label) => match label.strip_suffix('+') {
                Some(label) => Part::Greedy(label.to_owned()),
                None => Part::Label(label.to_owned()),
            },
            None => Part::Literal(segment.to_owned()),
        };
        Self(segments.map(part).collect())
    }

    fn first(&self) -> &str {
        match self.0.first() {
            Some(Part::Literal(literal)) => literal,
            _ => "",
        }
    }

    /// Sorts literals before labels before greedy labels, segment by segment.
    fn rank(&self) -> Vec<u8> {
        let rank = |part: &Part| match part {
            Part::Literal(_) => 0,
            Part::Label(_) => 1,
            Part::Greedy(_) => 2,
        };
        self.0.iter().map(rank).collect()
    }

    /// The labels of a path that matches. `lenient` lets the last label take all that follows, slashes included.
    fn labels<'a>(&self, segments: &[&'a str], lenient: bool) -> Option<Vec<(&str, Vec<&'a str>)>> {
        let mut labels = Vec::new();
        let mut rest = segments;
        for (at, part) in self.0.iter().enumerate() {
            let is_last = at + 1 == self.0.len();
            match part {
                Part::Greedy(label) => {
                    labels.push((label.as_str(), rest.to_vec()));
                    return (!rest.is_empty()).then_some(labels);
                }
                Part::Label(label) if lenient && is_last => {
                    labels.push((label.as_str(), rest.to_vec()));
                    return (rest.iter().any(|segment| !segment.is_empty())).then_some(labels);
                }
                Part::Label(label) => {
                    let (first, after) = rest.split_first()?;
                    if first.is_empty() {
                        return None;
                    }
                    labels.push((label.as_str(), vec![*first]));
                    rest = after;
                }
                Part::Literal(literal) => {
                    let (first, after) = rest.split_first()?;
                    if first != literal {
                        return None;
                    }
                    rest = after;
                }
            }
        }
        matches!(rest, [] | [""]).then_some(labels)
    }
}

impl Table {
    pub(super) fn new(operations: &[Operation]) -> Self {
        let mut table: HashMap<String, Vec<usize>> = HashMap::new();
        let mut order: Vec<usize> = (0..operations.len()).collect();
        order.sort_by_key(|at| operations.get(*at).map(|operation| operation.template.rank()));
        for at in order {
            if let Some(operation) = operations.get(at) {
                table.entry(operation.template.first().to_owned()).or_default().push(at);
            }
        }
        Self(table)
    }

    pub(super) fn find<'a>(
        &'static self,
        operations: &'static [Operation],
        method: &str,
        segments: &[&'a str],
    ) -> Routed<'a> {
        let first = segments.first().copied().unwrap_or_default();
        let candidates = self.0.get(first).map(Vec::as_slice).unwrap_or_default();
        let candidates: Vec<&Operation> = candidates.iter().filter_map(|at| operations.get(*at)).collect();
        let mut path_is_known = false;
        for lenient in [false, true] {
            for operation in candidates.iter().filter(|operation| !lenient || takes_slashes(&operation.name))
            {
                if let Some(labels) = operation.template.labels(segments, lenient) {
                    if operation.method == method {
                        return Routed::Operation(operation, labels);
                    }
                    path_is_known = true;
                }
            }
        }
        if path_is_known { Routed::OtherMethods } else { Routed::Unknown }
    }
}

/// Operations whose last label may come with raw slashes (API-010, API-012).
fn takes_slashes(operation: &str) -> bool {
    matches!(operation, "Publish" | "GetRetainedMessage" | "ListAttachedPolicies")
}
