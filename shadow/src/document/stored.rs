//! The stored form of a shadow: JSON text, `{"state":…,"set_at":[[SECONDS,LEAVES],…],"version":…}`.
//!
//! `set_at` says when the leaves of the state were set, in their order, so many in a row at a time. It is a shadow's metadata
//! in a tenth of the bytes, since most updates set many leaves at once; and every accepted update is written to the disk.

use thingstead_core::Timestamp;

use super::build::Builder;
use super::request::SECTIONS;
use super::tree::{Children, Kind, Value};
use super::{Document, Stored, json};

/// A stored text that is no shadow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored shadow is corrupt: {0}")]
pub struct Corrupt(String);

impl Stored {
    /// The text to store; `None` when there is nothing to remember.
    pub fn to_text(&self) -> Option<String> {
        match self {
            Self::Absent => None,
            Self::Present(document) => Some(document.to_stored_text()),
            Self::Deleted { version, at } => {
                Some(format!(r#"{{"deleted_ms":{},"version":{version}}}"#, at.as_millis()))
            }
        }
    }

    /// Reads what [`Stored::to_text`] wrote.
    ///
    /// # Errors
    /// The text is not JSON or misses a part.
    pub fn from_text(text: &str) -> Result<Self, Corrupt> {
        let corrupt = |what: &str| Corrupt(what.to_owned());
        let read = json::read(text, 0).map_err(|error| Corrupt(error.to_string()))?;
        let members = read.tree().root().filter(|root| root.is(Kind::Object));
        let members = members.ok_or_else(|| corrupt("it is not an object"))?;
        let version =
            members.get("version").and_then(integer).and_then(|version| u64::try_from(version).ok());
        let version = version.ok_or_else(|| corrupt("it has no version"))?;
        if let Some(at) = members.get("deleted_ms") {
            let at = integer(at).ok_or_else(|| corrupt("`deleted_ms` is not an integer"))?;
            return Ok(Self::Deleted { version, at: Timestamp::from_millis(at) });
        }
        let state = members.get("state").filter(|state| state.is(Kind::Object));
        let state = state.ok_or_else(|| corrupt("it has no state"))?;
        let mut out = Document::builder(text.len(), read.nodes.len());
        let root = out.open(b"", Kind::Object);
        let mut sections = 0;
        for name in SECTIONS {
            let Some(section) = state.get(name) else { continue };
            if !section.is(Kind::Object) {
                return Err(corrupt("a section is not an object"));
            }
            match members.get("metadata") {
                // As databases of format 2 have it.
                Some(metadata) => metadata
                    .get(name)
                    .and_then(|metadata| stamped(section, metadata, &mut out))
                    .ok_or_else(|| corrupt("its metadata has another shape than its state"))?,
                None => out.copy(section),
            }
            sections += 1;
        }
        out.close(root, sections);
        if members.get("metadata").is_none() {
            let set_at = members.get("set_at").filter(|runs| runs.is(Kind::Array));
            let mut times = Times(set_at.ok_or_else(|| corrupt("it has no `set_at`"))?.children(), None);
            for leaf in out.nodes.iter_mut().filter(|node| node.kind.is_leaf()) {
                leaf.at = times.next().ok_or_else(|| corrupt("`set_at` has too few times"))?;
            }
            if times.1.is_some() || times.0.next().is_some() {
                return Err(corrupt("`set_at` has too many times"));
            }
        }
        Ok(Self::Present(Document::of(out, version)))
    }
}

impl Document {
    fn to_stored_text(&self) -> String {
        let mut out = Vec::with_capacity(self.state.text.len() + STAMPS);
        out.extend_from_slice(&self.state.text);
        out.extend_from_slice(br#","set_at":["#);
        let mut leaves =
            self.state.nodes.iter().filter(|node| node.kind.is_leaf()).map(|node| node.at).peekable();
        while let Some(at) = leaves.next() {
            let mut run = 1_u32;
            while leaves.next_if_eq(&at).is_some() {
                run += 1;
            }
            let comma = if out.ends_with(b"[") { "" } else { "," };
            let (mut at_text, mut run_text) = (itoa::Buffer::new(), itoa::Buffer::new());
            for part in [comma, "[", at_text.format(at), ",", run_text.format(run), "]"] {
                out.extend_from_slice(part.as_bytes());
            }
        }
        for part in [r#"],"version":"#, itoa::Buffer::new().format(self.version), "}"] {
            out.extend_from_slice(part.as_bytes());
        }
        // Whatever was read as a document is text.
        String::from_utf8(out).unwrap_or_default()
    }
}

/// The times in `set_at`, one for each leaf.
struct Times<'a>(Children<'a>, Option<(i64, u64)>);

impl Iterator for Times<'_> {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        let (at, left) = match self.1.take() {
            Some(run) => run,
            None => {
                let mut run = self.0.next()?.children();
                let (at, leaves) = (integer(run.next()?)?, integer(run.next()?)?);
                (at, u64::try_from(leaves).ok().filter(|leaves| *leaves > 0)?)
            }
        };
        self.1 = (left > 1).then_some((at, left - 1));
        Some(at)
    }
}

/// Writes a state with the times of its metadata; `None` when their shapes differ.
fn stamped(state: Value<'_>, metadata: Value<'_>, out: &mut Builder) -> Option<()> {
    let kind = state.node.kind;
    if kind.is_leaf() {
        out.copy_leaf(state, metadata.get("timestamp").and_then(integer)?);
        return Some(());
    }
    if metadata.node.kind != kind || state.node.children != metadata.node.children {
        return None;
    }
    let open = out.open(state.key(), kind);
    for (state, metadata) in state.children().zip(metadata.children()) {
        if state.key() != metadata.key() {
            return None;
        }
        stamped(state, metadata, out)?;
    }
    out.close(open, state.node.children);
    Some(())
}

fn integer(value: Value<'_>) -> Option<i64> {
    std::str::from_utf8(value.json()).ok()?.parse().ok()
}

/// Room for a few times and the version.
const STAMPS: usize = 96;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_whose_times_do_not_fit_its_leaves_is_corrupt() {
        let row = |set_at: &str| {
            let state = r#"{"desired":{"a":[1,{}],"b":2},"reported":{"c":{"d":3}}}"#;
            Stored::from_text(&format!(r#"{{"state":{state},"set_at":{set_at},"version":4}}"#))
        };
        for whole in ["[[7,2],[9,1]]", "[[7,1],[8,1],[9,1]]", "[[7,3]]"] {
            let text = row(whole).expect("fits").to_text().expect("exists");
            assert!(text.contains(&format!(r#""set_at":{whole}"#)), "{text}");
        }
        for corrupt in
            ["[]", "[[7,2]]", "[[7,4]]", "[[7,3],[9,1]]", "[[7,3],1]", "[[7,0],[7,3]]", "[[7]]", "7", "{}"]
        {
            assert!(row(corrupt).is_err(), "{corrupt}");
        }
        assert!(Stored::from_text(r#"{"state":{},"version":4}"#).is_err());
    }
}
