//! The difference between desired and reported.

use super::node::{Finder, Member, Node, Object};

/// What of `desired` the device has not reported; `None` when it has reported all of it (SHADOW-111 to SHADOW-121).
///
/// The result borrows: a delta is written, never kept.
pub(super) fn between<'a>(desired: Option<&'a Object>, reported: Option<&'a Object>) -> Option<Delta<'a>> {
    let desired = desired?;
    match reported {
        None => (!desired.is_empty()).then(|| Delta(desired.members.iter().map(whole).collect())),
        Some(reported) => {
            let differing = differing(desired, reported);
            (!differing.is_empty()).then_some(Delta(differing))
        }
    }
}

/// The differing members of an object.
pub(super) struct Delta<'a>(Vec<Difference<'a>>);

struct Difference<'a> {
    member: &'a Member,
    /// The differing members below, when the member is an object that was reported as an object.
    below: Option<Delta<'a>>,
}

impl Delta<'_> {
    /// The members as JSON, each value written by `value`: state or metadata.
    pub(super) fn write(&self, out: &mut super::write::Writer, value: fn(&mut super::write::Writer, &Node)) {
        out.raw(b"{");
        for (place, difference) in self.0.iter().enumerate() {
            if place > 0 {
                out.raw(b",");
            }
            out.raw(difference.member.key.as_bytes());
            out.raw(b":");
            match &difference.below {
                Some(below) => below.write(out, value),
                None => value(out, &difference.member.node),
            }
        }
        out.raw(b"}");
    }
}

fn differing<'a>(desired: &'a Object, reported: &'a Object) -> Vec<Difference<'a>> {
    let mut finder = Finder::default();
    let mut differences = Vec::new();
    for member in &desired.members {
        match finder.find(reported, &member.key).map(|found| &found.node) {
            None => differences.push(whole(member)),
            Some(Node::Object(reported)) if matches!(member.node, Node::Object(_)) => {
                let Node::Object(desired) = &member.node else { continue };
                let below = differing(desired, reported);
                if !below.is_empty() {
                    differences.push(Difference { member, below: Some(Delta(below)) });
                }
            }
            Some(reported) => {
                if !member.node.same_value(reported) {
                    differences.push(whole(member));
                }
            }
        }
    }
    differences
}

const fn whole(member: &Member) -> Difference<'_> {
    Difference { member, below: None }
}
