//! Merging a request into a section, and the rules for `null` and empty objects.

use std::sync::Arc;

use super::node::{Node, Object, places};

/// Merges the members of `patch` into a section (SHADOW-066); a section left without members is gone (SHADOW-069).
pub(super) fn section(stored: Option<Arc<Object>>, patch: Object) -> Option<Arc<Object>> {
    let merged = match stored {
        None => Arc::new(settled(patch)),
        Some(mut stored) => {
            if !patch.is_empty() {
                into(Arc::make_mut(&mut stored), patch);
            }
            stored
        }
    };
    (!merged.is_empty()).then_some(merged)
}

fn into(stored: &mut Object, patch: Object) {
    let places = places(&stored.members, &patch.members);
    let mut removed = false;
    for (member, place) in patch.members.into_iter().zip(places) {
        match place.and_then(|place| stored.members.get_mut(place)) {
            Some(found) => {
                let replacement = match (&mut found.node, member.node) {
                    (Node::Object(below), Node::Object(patch)) => {
                        into(below, patch);
                        continue;
                    }
                    (_, new) => storable(new),
                };
                removed |= replacement.is_none();
                found.node = replacement.unwrap_or_else(Node::null);
            }
            None => {
                if let Some(node) = storable(member.node) {
                    stored.members.push(super::node::Member { key: member.key, node });
                }
            }
        }
    }
    if removed {
        stored.members.retain(|member| !member.node.is_null());
    }
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
        .filter_map(|member| storable(member.node).map(|node| super::node::Member { key: member.key, node }));
    Object { members: kept.collect() }
}
