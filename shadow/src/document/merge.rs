//! Merging a request into a section, and the rules for `null` and empty objects.

use std::sync::Arc;

use super::node::{Member, Node, Object, places};

/// Merges the members of `patch` into a section (SHADOW-066); a section left without members is gone (SHADOW-069).
pub(super) fn section(stored: Option<&Arc<Object>>, patch: Object) -> Option<Arc<Object>> {
    let merged = match stored {
        None => Arc::new(settled(patch)),
        Some(stored) if patch.is_empty() => Arc::clone(stored),
        Some(stored) => Arc::new(merged(stored, patch)),
    };
    (!merged.is_empty()).then_some(merged)
}

/// A new object, so that of the stored one only what stays is copied.
fn merged(stored: &Object, patch: Object) -> Object {
    let places = places(&stored.members, &patch.members);
    let mut changes: Vec<Option<Node>> = Vec::with_capacity(stored.members.len());
    changes.resize_with(stored.members.len(), || None);
    let mut added = Vec::new();
    for (member, place) in patch.members.into_iter().zip(places) {
        match place.and_then(|place| changes.get_mut(place)) {
            Some(change) => *change = Some(member.node),
            None => added.extend(storable(member.node).map(|node| Member { key: member.key, node })),
        }
    }
    let mut members = Vec::with_capacity(stored.members.len() + added.len());
    for (member, change) in stored.members.iter().zip(changes) {
        let node = match (&member.node, change) {
            (node, None) => Some(node.clone()),
            (Node::Object(below), Some(Node::Object(patch))) => Some(Node::Object(merged(below, patch))),
            (_, Some(new)) => storable(new),
        };
        members.extend(node.map(|node| Member { key: member.key.clone(), node }));
    }
    members.append(&mut added);
    Object { members }
}

/// What of a new value is stored: nothing of `null`, and nothing of an object that had only `null`s (SHADOW-071).
fn storable(node: Node) -> Option<Node> {
    match node {
        Node::Leaf(_) if node.is_null() => None,
        Node::Leaf(_) => Some(node),
        Node::Array(elements) => Some(Node::Array(elements.into_iter().map(element).collect())),
        Node::Object(object) => {
            let was_empty = object.is_empty();
            let object = settled(object);
            (was_empty || !object.is_empty()).then_some(Node::Object(object))
        }
    }
}

/// Elements keep their places, so an object in an array stays even when all its members were `null`.
fn element(node: Node) -> Node {
    match node {
        Node::Object(object) => Node::Object(settled(object)),
        Node::Array(elements) => Node::Array(elements.into_iter().map(element).collect()),
        leaf @ Node::Leaf(_) => leaf,
    }
}

fn settled(object: Object) -> Object {
    let kept = object
        .members
        .into_iter()
        .filter_map(|member| storable(member.node).map(|node| Member { key: member.key, node }));
    Object { members: kept.collect() }
}
