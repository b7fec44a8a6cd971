//! What an update or a delete changed, for people.

use serde_json::{Map, Value as Json};

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

/// What differs between two documents; `None` stands for a shadow that does not exist.
pub fn changes(before: Option<&Document>, after: Option<&Document>) -> Vec<Changed> {
    let mut changed = Vec::new();
    for name in SECTIONS {
        let section = |document: Option<&'_ Document>| document.is_some_and(|it| it.section(name).is_some());
        if section(before) || section(after) {
            let (before, after) =
                (before.and_then(|it| it.section(name)), after.and_then(|it| it.section(name)));
            compare(name, before, after, &mut changed);
        }
    }
    changed
}

impl Changed {
    /// `{"path":…,"before":…,"after":…}`; what was not there is left out.
    pub fn to_json(&self) -> Json {
        let mut members = Map::new();
        members.insert("path".to_owned(), self.path.as_str().into());
        members.extend(self.before.clone().map(|before| ("before".to_owned(), before)));
        members.extend(self.after.clone().map(|after| ("after".to_owned(), after)));
        Json::Object(members)
    }

    /// Reads what [`Changed::to_json`] wrote.
    pub fn from_json(json: &Json) -> Option<Self> {
        let path = json.get("path")?.as_str()?.to_owned();
        Some(Self { path, before: json.get("before").cloned(), after: json.get("after").cloned() })
    }

    /// About how many bytes it takes.
    pub fn weight(&self) -> usize {
        let size = |value: &Option<Json>| value.as_ref().map_or(0, |value| value.to_string().len());
        self.path.len() + size(&self.before) + size(&self.after) + 64
    }
}

/// Members of sections are named one by one, deeper ones where both sides are objects.
fn compare(path: &str, before: Option<Value<'_>>, after: Option<Value<'_>>, changed: &mut Vec<Changed>) {
    let mut known = after.map(Finder::of);
    for member in before.into_iter().flat_map(Value::children) {
        let path = format!("{path}.{}", name(member));
        match known.as_mut().and_then(|known| known.find(member.key())) {
            Some((_, now)) if member.is(Kind::Object) && now.is(Kind::Object) => {
                compare(&path, Some(member), Some(now), changed);
            }
            Some((_, now)) if member.same_as(now) && member.node.kind == now.node.kind => {}
            now => changed.push(Changed {
                path,
                before: json(member),
                after: now.and_then(|(_, now)| json(now)),
            }),
        }
    }
    let mut known = before.map(Finder::of);
    for member in after.into_iter().flat_map(Value::children) {
        if known.as_mut().is_none_or(|known| known.find(member.key()).is_none()) {
            let path = format!("{path}.{}", name(member));
            changed.push(Changed { path, before: None, after: json(member) });
        }
    }
}

fn name(member: Value<'_>) -> String {
    super::json::unquote(member.key().strip_suffix(b":").unwrap_or_default())
}

fn json(value: Value<'_>) -> Option<Json> {
    serde_json::from_slice(value.json()).ok()
}
