//! The subscription index of one scope: a trie of topic levels.
//!
//! It answers which sessions want a topic in one look and one walk: filters without wildcards stand in a table of their own, since
//! most are such and a walk would cost two or three cache misses at each of their levels. Matching is AWS's: `a/#` does not match `a` (MQTT-120), `+` matches
//! one level that may be empty (MQTT-121), a leading wildcard never matches a topic that starts with `$` (MQTT-123).

use std::collections::HashMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use thingstead_core::QoS;

use super::SessionKey;
use super::shared::{Group, Joined, Left, Member};

/// An ordinary subscription as the index keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Who subscribed.
    pub(crate) session: SessionKey,
    /// The granted quality of service.
    pub(crate) qos: QoS,
    /// MQTT 5 No Local: the subscriber's own messages are withheld (MQTT-125).
    pub(crate) no_local: bool,
    /// Where copies of QoS 1 messages are stored, for a session that outlives its connection.
    pub(crate) storage: Option<u64>,
}

/// A trie of filters.
#[derive(Default)]
pub(crate) struct Trie {
    /// Filters without wildcards.
    exact: HashMap<Box<str>, Holders, RandomState>,
    /// All others.
    root: Node,
    /// How many shared groups there are.
    groups: usize,
    /// How many subscriptions, members of groups included.
    held: usize,
}

#[derive(Default)]
struct Node {
    children: HashMap<Box<str>, Node, RandomState>,
    any: Option<Box<Node>>,
    here: Holders,
    below: Holders,
}

/// Who holds one filter.
#[derive(Default)]
struct Holders {
    /// By session: a whole fleet may hold the same filter.
    entries: Vec<Entry>,
    groups: Vec<Arc<Group>>,
}

impl Holders {
    fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.groups.is_empty()
    }
}

impl Node {
    fn is_empty(&self) -> bool {
        self.children.is_empty() && self.any.is_none() && self.here.is_empty() && self.below.is_empty()
    }
}

/// What a topic matched. Reused from message to message so that matching allocates nothing.
#[derive(Default)]
pub(crate) struct Matches {
    /// One per matching filter; a session with overlapping filters appears several times.
    pub(crate) entries: Vec<Entry>,
    /// One per matching shared group.
    pub(crate) groups: Vec<Arc<Group>>,
}

impl Matches {
    /// Forgets the last topic, keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.groups.clear();
    }

    /// Whether somebody may keep a QoS 1 message of this topic for longer than it takes to send it.
    pub(crate) fn keep_messages(&self) -> bool {
        !self.groups.is_empty() || self.entries.iter().any(|entry| entry.storage.is_some())
    }

    fn add(&mut self, holders: &Holders) {
        self.entries.extend_from_slice(&holders.entries);
        if !holders.groups.is_empty() {
            self.groups.extend(holders.groups.iter().cloned());
        }
    }
}

impl Trie {
    /// Adds a subscription; `false` when it replaced one of the same session on the same filter (MQTT-112).
    pub(crate) fn subscribe(&mut self, filter: &str, entry: Entry) -> bool {
        let entries = &mut self.holders(filter).entries;
        let place = entries.binary_search_by_key(&entry.session, |held| held.session);
        let new = match place.map(|index| entries.get_mut(index)) {
            Ok(Some(held)) => {
                *held = entry;
                false
            }
            Ok(None) => false,
            Err(index) => {
                entries.insert(index, entry);
                true
            }
        };
        self.held += usize::from(new);
        new
    }

    /// Removes a subscription; `false` when there was none.
    pub(crate) fn unsubscribe(&mut self, filter: &str, session: SessionKey) -> bool {
        let removed = self.remove(filter, &mut |holders| {
            let place = holders.entries.binary_search_by_key(&session, |held| held.session);
            place.map(|index| holders.entries.remove(index)).is_ok()
        });
        self.held -= usize::from(removed);
        removed
    }

    /// How many subscriptions there are, those through shared groups included (Q23).
    pub(crate) const fn held(&self) -> usize {
        self.held
    }

    /// Adds a member to a group of this index, or changes it; `false` when the group has `most` members already.
    pub(crate) fn join(&mut self, group: &Group, member: Member, most: usize) -> bool {
        match group.join(member, most) {
            Joined::New => self.held += 1,
            Joined::Again => {}
            Joined::Full => return false,
        }
        true
    }

    /// Removes a member from a group of this index; `true` when nobody is left in it.
    pub(crate) fn leave(&mut self, group: &Group, session: SessionKey) -> bool {
        let Left { member, empty } = group.leave(session);
        self.held -= usize::from(member);
        empty
    }

    /// The group of that name on the filter, made if there is none (MQTT-130) and there are fewer than `most` (MQTT-142).
    pub(crate) fn group(
        &mut self,
        filter: &str,
        make: impl FnOnce() -> Arc<Group>,
        name: &str,
        most: usize,
    ) -> Option<Arc<Group>> {
        let room = self.groups < most;
        let groups = &mut self.holders(filter).groups;
        if let Some(group) = groups.iter().find(|group| group.name() == name) {
            return Some(Arc::clone(group));
        }
        if room {
            let group = make();
            groups.push(Arc::clone(&group));
            self.groups += 1;
            return Some(group);
        }
        // The walk may have made nodes for a filter that nobody holds now.
        self.remove(filter, &mut |_| false);
        None
    }

    /// The group of that name on the filter, if there is one.
    pub(crate) fn find_group(&self, filter: &str, name: &str) -> Option<Arc<Group>> {
        let named = |holders: &Holders| holders.groups.iter().find(|group| group.name() == name).cloned();
        if is_exact(filter) {
            return self.exact.get(filter).and_then(named);
        }
        let mut node = &self.root;
        let mut levels = filter.split('/').peekable();
        let mut holders = None;
        while let Some(level) = levels.next() {
            if level == "#" && levels.peek().is_none() {
                holders = Some(&node.below);
                break;
            }
            node = if level == "+" { node.any.as_deref()? } else { node.children.get(level)? };
        }
        named(holders.unwrap_or(&node.here))
    }

    /// Forgets a group.
    pub(crate) fn remove_group(&mut self, filter: &str, name: &str) {
        let removed = self.remove(filter, &mut |holders| {
            let before = holders.groups.len();
            holders.groups.retain(|group| group.name() != name);
            before != holders.groups.len()
        });
        self.groups -= usize::from(removed);
    }

    /// Adds everybody who wants `topic` to `found`.
    pub(crate) fn matches(&self, topic: &str, found: &mut Matches) {
        if let Some(holders) = self.exact.get(topic) {
            found.add(holders);
        }
        walk(&self.root, topic, topic.starts_with('$'), found);
    }

    fn holders(&mut self, filter: &str) -> &mut Holders {
        if is_exact(filter) {
            return self.exact.entry(filter.into()).or_default();
        }
        let mut node = &mut self.root;
        let mut levels = filter.split('/').peekable();
        while let Some(level) = levels.next() {
            if level == "#" && levels.peek().is_none() {
                return &mut node.below;
            }
            node = if level == "+" {
                node.any.get_or_insert_default()
            } else {
                node.children.entry(level.into()).or_default()
            };
        }
        &mut node.here
    }

    /// Lets `take` remove something of a filter, and forgets the filter if nobody holds it now.
    fn remove(&mut self, filter: &str, take: &mut dyn FnMut(&mut Holders) -> bool) -> bool {
        if !is_exact(filter) {
            return remove(&mut self.root, filter.split('/'), take);
        }
        let Some(holders) = self.exact.get_mut(filter) else { return false };
        let removed = take(holders);
        if holders.is_empty() {
            self.exact.remove(filter);
        }
        removed
    }
}

/// Whether a filter matches one topic only. A wildcard is a level of its own; `a+` is one, too, but such filters are refused, and
/// a walk finds them as well.
fn is_exact(filter: &str) -> bool {
    !filter.contains(['+', '#'])
}

fn walk(node: &Node, rest: &str, reserved: bool, found: &mut Matches) {
    if !reserved {
        found.add(&node.below);
    }
    // Levels are short: a loop over their bytes is done before a search has begun.
    let (level, after) = match rest.bytes().position(|byte| byte == b'/') {
        Some(slash) => (rest.get(..slash).unwrap_or_default(), rest.get(slash + 1..)),
        None => (rest, None),
    };
    let named = node.children.get(level);
    let any = if reserved { None } else { node.any.as_deref() };
    for next in [named, any].into_iter().flatten() {
        match after {
            Some(after) => walk(next, after, false, found),
            None => found.add(&next.here),
        }
    }
}

fn remove<'a>(
    node: &mut Node,
    mut levels: impl Iterator<Item = &'a str>,
    take: &mut dyn FnMut(&mut Holders) -> bool,
) -> bool {
    // Not an explicit stack: filters have few levels, and only those that were added are walked.
    fn descend(
        node: &mut Node,
        levels: &mut dyn Iterator<Item = &str>,
        take: &mut dyn FnMut(&mut Holders) -> bool,
    ) -> bool {
        let Some(level) = levels.next() else { return take(&mut node.here) };
        if level == "#" {
            return take(&mut node.below);
        }
        if level == "+" {
            let Some(next) = node.any.as_deref_mut() else { return false };
            let removed = descend(next, levels, take);
            if next.is_empty() {
                node.any = None;
            }
            return removed;
        }
        let Some(next) = node.children.get_mut(level) else { return false };
        let removed = descend(next, levels, take);
        if next.is_empty() {
            node.children.remove(level);
        }
        removed
    }
    descend(node, &mut levels, take)
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Trie {
        fn is_empty(&self) -> bool {
            self.root.is_empty() && self.exact.is_empty()
        }
    }

    fn entry(slot: u32, qos: QoS) -> Entry {
        Entry { session: SessionKey { shard: 0, slot, generation: 0 }, qos, no_local: false, storage: None }
    }

    fn wanting(trie: &Trie, topic: &str) -> Vec<u32> {
        let mut found = Matches::default();
        trie.matches(topic, &mut found);
        let mut slots: Vec<_> = found.entries.iter().map(|entry| entry.session.slot).collect();
        slots.sort_unstable();
        slots
    }

    #[test]
    fn the_trie_agrees_with_the_plain_matcher() {
        // MQTT-101, MQTT-120, MQTT-121, MQTT-123
        let filters = [
            "a/b", "a/+", "a/#", "#", "+", "+/+", "+/b", "/a", "/+", "a//b", "a/+/b", "$aws/#", "$aws/+/x",
            "+/b/#", "/#", "a",
        ];
        let topics = [
            "a", "a/b", "a/", "/a", "a//b", "a/x/b", "$aws/y/x", "$aws", "b/b", "x/b/c/d", "/", "A/b", "a/b/",
        ];
        let mut trie = Trie::default();
        for (slot, filter) in filters.iter().enumerate() {
            assert!(trie.subscribe(filter, entry(slot as u32, QoS::AtMostOnce)));
        }
        for topic in topics {
            let expected: Vec<u32> = (0u32..)
                .zip(filters)
                .filter(|(_, filter)| thingstead_core::topic::matches(filter, topic))
                .map(|(slot, _)| slot)
                .collect();
            assert_eq!(wanting(&trie, topic), expected, "{topic}");
        }
        for (slot, filter) in (0u32..).zip(filters) {
            assert!(trie.unsubscribe(filter, entry(slot, QoS::AtMostOnce).session), "{filter}");
            assert!(!trie.unsubscribe(filter, entry(slot, QoS::AtMostOnce).session), "{filter}");
        }
        assert!(trie.is_empty() && trie.held() == 0, "an emptied trie keeps no nodes");
    }

    #[test]
    fn groups_are_counted_over_all_filters() {
        // MQTT-130, MQTT-142
        let mut trie = Trie::default();
        let mut group = |filter: &str, name: &str| {
            trie.group(filter, || Arc::new(Group::new(name, filter)), name, 2).is_some()
        };
        assert!(group("a/#", "g"));
        assert!(group("a/+", "g"));
        assert!(group("a/#", "g"));
        assert!(!group("a/b", "h"));
        assert!(trie.find_group("a/#", "g").is_some());
        assert!(trie.find_group("a/#", "h").is_none() && trie.find_group("b", "g").is_none());
        // Q23: members are subscriptions like others, and those who join again count once.
        let group = trie.find_group("a/#", "g").expect("a group");
        let member = |slot| Member {
            session: entry(slot, QoS::AtMostOnce).session,
            qos: QoS::AtMostOnce,
            persistent: false,
            online: true,
        };
        assert!(trie.join(&group, member(1), 2) && trie.join(&group, member(1), 2));
        assert!(trie.join(&group, member(2), 2) && !trie.join(&group, member(3), 2));
        assert_eq!(trie.held(), 2);
        assert!(!trie.leave(&group, member(3).session) && !trie.leave(&group, member(1).session));
        assert!(trie.leave(&group, member(2).session));
        assert_eq!(trie.held(), 0);
        trie.remove_group("a/#", "g");
        trie.remove_group("a/#", "g");
        assert!(trie.group("a/b", || Arc::new(Group::new("h", "a/b")), "h", 2).is_some());
        trie.remove_group("a/b", "h");
        trie.remove_group("a/+", "g");
        assert!(trie.is_empty() && trie.groups == 0);
    }

    #[test]
    fn subscribing_again_replaces() {
        // MQTT-112
        let mut trie = Trie::default();
        assert!(trie.subscribe("a/+", entry(1, QoS::AtMostOnce)));
        assert!(!trie.subscribe("a/+", entry(1, QoS::AtLeastOnce)));
        let mut found = Matches::default();
        trie.matches("a/b", &mut found);
        assert_eq!(found.entries, [entry(1, QoS::AtLeastOnce)]);
    }
}
