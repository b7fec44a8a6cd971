//! The difference between desired and reported.

use super::find::Finder;
use super::tree::{Kind, Value};
use super::write::Writer;

/// What of `desired` the device has not reported; `None` when it has reported all of it (SHADOW-111 to SHADOW-121).
///
/// The result borrows: a delta is written, never kept.
pub(super) fn between<'a>(desired: Option<Value<'a>>, reported: Option<Value<'a>>) -> Option<Delta<'a>> {
    let desired = desired?;
    let mut steps = Vec::new();
    match reported {
        None => steps.extend(desired.children().map(Step::Whole)),
        Some(reported) => differing(desired, reported, &mut steps),
    }
    (!steps.is_empty()).then_some(Delta(steps))
}

/// The differing members of an object, as they are written one after the other.
pub(super) struct Delta<'a>(Vec<Step<'a>>);

enum Step<'a> {
    /// A member that differs as a whole.
    Whole(Value<'a>),
    /// A member that was reported as an object too: of it the members up to [`Step::Close`] differ.
    Open(Value<'a>),
    Close,
}

impl Delta<'_> {
    /// The members as JSON, each value written by `value`: state or metadata.
    pub(super) fn write(&self, out: &mut Writer, value: fn(&mut Writer, Value<'_>)) {
        out.raw(b"{");
        for step in &self.0 {
            match step {
                Step::Close => out.raw(b"}"),
                Step::Open(member) | Step::Whole(member) => {
                    out.separate();
                    out.raw(member.key());
                    match step {
                        Step::Open(_) => out.raw(b"{"),
                        _ => value(out, *member),
                    }
                }
            }
        }
        out.raw(b"}");
    }
}

fn differing<'a>(desired: Value<'a>, reported: Value<'a>, steps: &mut Vec<Step<'a>>) {
    let mut finder = Finder::of(reported);
    for member in desired.children() {
        match finder.find(member.key()) {
            Some((_, found)) if found.is(Kind::Object) && member.is(Kind::Object) => {
                steps.push(Step::Open(member));
                let before = steps.len();
                differing(member, found, steps);
                if steps.len() == before {
                    steps.pop();
                } else {
                    steps.push(Step::Close);
                }
            }
            Some((_, found)) if member.same_as(found) => {}
            _ => steps.push(Step::Whole(member)),
        }
    }
}
