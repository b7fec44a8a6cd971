//! What an update or a delete changed, for people.

use std::borrow::Cow;
use std::cell::Cell;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};
use smallvec::SmallVec;

use super::Document;
use super::find::Finder;
use super::request::SECTIONS;
use super::tree::{Kind, Value};

/// One member that is not what it was. Setting a member to the value it has already is no change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changed {
    /// Where, with dots between the levels: `desired.led.on`.
    pub path: String,
    /// The value before; `None` when it was not there.
    pub before: Option<Json>,
    /// The value now; `None` when it is gone.
    pub after: Option<Json>,
}

/// What differs between two documents: the JSON text of a list. Every update is compared, and most change little: a text of some dozen
/// bytes is cheaper to keep than documents, and a short one needs no memory but its own.
#[derive(Clone, Debug)]
pub struct Changes(SmallVec<[u8; IN_PLACE]>);

impl Changes {
    /// Compares; `None` stands for a shadow that does not exist.
    pub fn between(before: Option<&Document>, after: Option<&Document>) -> Self {
        let (mut out, path) = SCRATCH.take();
        out.clear();
        out.push(b'[');
        let mut comparison = Comparison { out, path };
        for name in SECTIONS {
            let (before, after) =
                (before.and_then(|it| it.section(name)), after.and_then(|it| it.section(name)));
            comparison.path.clear();
            comparison.path.extend_from_slice(name.as_bytes());
            comparison.objects(before, after);
        }
        let Comparison { mut out, path } = comparison;
        out.push(b']');
        let changes = Self(SmallVec::from_slice(&out));
        if out.capacity() + path.capacity() <= KEPT {
            SCRATCH.set((out, path));
        }
        changes
    }

    /// Reads what a list of [`Changed::to_json`] says; `None` for what is no list of changes.
    pub fn from_text(text: &str) -> Option<Self> {
        read(text.as_bytes()).map(|_| Self(SmallVec::from_slice(text.as_bytes())))
    }

    /// One by one.
    pub fn list(&self) -> Vec<Changed> {
        read(&self.0).unwrap_or_default()
    }

    /// As it stands.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("[]")
    }

    /// How many bytes it takes elsewhere.
    pub fn bytes_elsewhere(&self) -> usize {
        if self.0.spilled() { self.0.capacity() } else { 0 }
    }
}

fn read(text: &[u8]) -> Option<Vec<Changed>> {
    #[derive(Deserialize)]
    struct Line<'a> {
        #[serde(borrow)]
        path: Cow<'a, str>,
        #[serde(borrow)]
        before: Option<&'a RawValue>,
        #[serde(borrow)]
        after: Option<&'a RawValue>,
    }
    let lines: Vec<Line<'_>> = serde_json::from_slice(text).ok()?;
    // A number that is beyond every type of ours is shown as if it were not there.
    let json = |raw: &RawValue| serde_json::from_str(raw.get()).ok();
    let changed = |line: Line<'_>| Changed {
        path: line.path.into_owned(),
        before: line.before.and_then(json),
        after: line.after.and_then(json),
    };
    Some(lines.into_iter().map(changed).collect())
}

thread_local! {
    /// Where the last comparison wrote its list and its path.
    static SCRATCH: Cell<(Vec<u8>, Vec<u8>)> = const { Cell::new((Vec::new(), Vec::new())) };
}

/// A list of one number that changed.
const IN_PLACE: usize = 64;
/// A comparison that wrote more takes its memory along.
const KEPT: usize = 64 * 1024;

impl Changed {
    /// `{"path":…,"before":…,"after":…}`; what was not there is left out.
    pub fn to_json(&self) -> Json {
        let mut members = Map::new();
        members.insert("path".to_owned(), self.path.as_str().into());
        members.extend(self.before.clone().map(|before| ("before".to_owned(), before)));
        members.extend(self.after.clone().map(|after| ("after".to_owned(), after)));
        Json::Object(members)
    }
}

struct Comparison {
    out: Vec<u8>,
    /// Of the object that is being compared; the inside of a JSON string.
    path: Vec<u8>,
}

impl Comparison {
    /// Members of sections are named one by one, deeper ones where both sides are objects.
    fn objects(&mut self, before: Option<Value<'_>>, after: Option<Value<'_>>) {
        let mut known = after.map(Finder::of);
        let mut found = 0;
        for member in before.into_iter().flat_map(Value::children) {
            let now = known.as_mut().and_then(|known| known.find(member.key())).map(|(_, now)| now);
            found += u32::from(now.is_some());
            match now {
                Some(now) if member.json() == now.json() => {}
                Some(now) if member.is(Kind::Object) && now.is(Kind::Object) => {
                    let length = self.path.len();
                    self.path.push(b'.');
                    self.path.extend_from_slice(name(member));
                    self.objects(Some(member), Some(now));
                    self.path.truncate(length);
                }
                Some(now) if member.node.kind == now.node.kind && member.same_as(now) => {}
                now => self.changed(name(member), Some(member), now),
            }
        }
        if after.is_none_or(|after| after.node.children == found) {
            return;
        }
        let mut known = before.map(Finder::of);
        for member in after.into_iter().flat_map(Value::children) {
            if known.as_mut().is_none_or(|known| known.find(member.key()).is_none()) {
                self.changed(name(member), None, Some(member));
            }
        }
    }

    fn changed(&mut self, name: &[u8], before: Option<Value<'_>>, after: Option<Value<'_>>) {
        let out = &mut self.out;
        out.extend_from_slice(if out.len() == 1 { br#"{"path":""# } else { br#",{"path":""# });
        out.extend_from_slice(&self.path);
        out.push(b'.');
        out.extend_from_slice(name);
        out.push(b'"');
        for (side, value) in [(&br#","before":"#[..], before), (&br#","after":"#[..], after)] {
            if let Some(value) = value {
                out.extend_from_slice(side);
                out.extend_from_slice(value.json());
            }
        }
        out.push(b'}');
    }
}

/// Its key without quotes and colon, escapes as they stand.
fn name<'a>(member: Value<'a>) -> &'a [u8] {
    let key = member.key();
    key.strip_prefix(b"\"").and_then(|key| key.strip_suffix(b"\":")).unwrap_or(key)
}
