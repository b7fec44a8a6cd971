//! Which shadow, and the topics around it.

use std::fmt;
use std::sync::Arc;

use smallvec::SmallVec;
use thingstead_core::topic::Quoted;
use thingstead_core::{Scope, ShadowName, ThingName};

/// A shadow of a thing: the classic one, or a named one (SHADOW-006).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ShadowId {
    /// Whose.
    pub scope: Scope,
    /// Of which thing; it need not be in the registry (SHADOW-008).
    pub thing: ThingName,
    /// `None` for the classic shadow.
    pub shadow: Option<ShadowName>,
}

/// What a request topic asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// `…/get`
    Get,
    /// `…/update`
    Update,
    /// `…/delete`
    Delete,
}

impl ShadowId {
    /// The name that a 404 mentions: the shadow's, the thing's for the classic one (SHADOW-142, SHADOW-143).
    pub fn name(&self) -> &str {
        self.shadow.as_deref().unwrap_or(&self.thing)
    }

    /// A topic of this shadow: `below` is `update/accepted` and the like (SHADOW-001, SHADOW-002).
    pub fn topic(&self, below: &str) -> Arc<str> {
        let named = self.shadow.as_deref().map_or(["", ""], |shadow| ["name/", shadow]);
        let mut topic = SmallVec::<[u8; 256]>::new();
        for part in ["$aws/things/", &self.thing, "/shadow/", named[0], named[1]] {
            topic.extend_from_slice(part.as_bytes());
        }
        if self.shadow.is_some() {
            topic.push(b'/');
        }
        topic.extend_from_slice(below.as_bytes());
        // Parts that are text are text together.
        Arc::from(std::str::from_utf8(&topic).unwrap_or_default())
    }

    /// Whether `name` can be a thing's (SHADOW-004).
    pub fn is_thing_name(name: &str) -> bool {
        (1..=128).contains(&name.len()) && name.bytes().all(is_thing_byte)
    }

    /// Whether `name` can be a shadow's (SHADOW-005).
    pub fn is_shadow_name(name: &str) -> bool {
        (1..=64).contains(&name.len()) && name.bytes().all(|byte| byte == b'$' || is_thing_byte(byte))
    }
}

/// The prefix of the shadow's topics.
impl fmt::Display for ShadowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "$aws/things/{}/shadow", self.thing)?;
        self.shadow.iter().try_for_each(|shadow| write!(f, "/name/{shadow}"))
    }
}

impl Operation {
    /// The last level of the request topic.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// A request topic taken apart, its names as they are; `None` for every other topic (SHADOW-003, SHADOW-015, SHADOW-016).
pub(crate) fn request(topic: &str) -> Option<(&str, Option<&str>, Operation)> {
    let (thing, rest) = first_level(topic.strip_prefix("$aws/things/")?)?;
    let rest = rest.strip_prefix("shadow/")?;
    let (shadow, operation) = match rest.strip_prefix("name/") {
        Some(named) => first_level(named).map(|(shadow, operation)| (Some(shadow), operation))?,
        None => (None, rest),
    };
    let operation = match operation {
        "get" => Operation::Get,
        "update" => Operation::Update,
        "delete" => Operation::Delete,
        _ => return None,
    };
    Some((thing, shadow, operation))
}

/// Up to the first slash, and behind it. A loop over a few bytes is done before a search has begun.
fn first_level(text: &str) -> Option<(&str, &str)> {
    let slash = text.bytes().position(|byte| byte == b'/')?;
    Some((text.get(..slash)?, text.get(slash + 1..)?))
}

/// What is wrong with the names in a request topic; nothing for most.
pub(crate) fn misnamed(thing: &str, shadow: Option<&str>) -> Option<String> {
    if !ShadowId::is_thing_name(thing) {
        return Some(format!(
            "{} is no thing name; expected 1 to 128 of the characters a-z, A-Z, 0-9, `:`, `_`, `-`",
            Quoted(thing)
        ));
    }
    let shadow = shadow.filter(|shadow| !ShadowId::is_shadow_name(shadow))?;
    Some(format!(
        "{} is no shadow name; expected 1 to 64 of the characters a-z, A-Z, 0-9, `:`, `_`, `-`, `$`",
        Quoted(shadow)
    ))
}

fn is_thing_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'_' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_topics_are_taken_apart_and_nothing_else_is_claimed() {
        // SHADOW-001, SHADOW-002, SHADOW-003, SHADOW-015, SHADOW-016
        assert_eq!(request("$aws/things/T/shadow/get"), Some(("T", None, Operation::Get)));
        assert_eq!(
            request("$aws/things/T:1_-/shadow/name/$S/update"),
            Some(("T:1_-", Some("$S"), Operation::Update))
        );
        assert_eq!(request("$aws/things/T/shadow/delete"), Some(("T", None, Operation::Delete)));
        for topic in [
            "$aws/things/T/Shadow/get",
            "$aws/things/T/shadow/Get",
            "$aws/things/T/shadow/S/update",
            "$aws/things/T/shadow/update/accepted",
            "$aws/things/T/shadow/update/delta",
            "$aws/things/T/shadow/name/S",
            "$aws/things/T/shadow/name/S/x/update",
            "$aws/things/T/shadow",
            "aws/things/T/shadow/get",
        ] {
            assert_eq!(request(topic), None, "{topic}");
        }
    }

    #[test]
    fn names_have_the_characters_and_lengths_of_the_service() {
        // SHADOW-004: 128 characters of [a-zA-Z0-9:_-]; SHADOW-005: 64, `$` as well
        assert!(ShadowId::is_thing_name(&"a".repeat(128)) && !ShadowId::is_thing_name(&"a".repeat(129)));
        assert!(ShadowId::is_shadow_name(&"$".repeat(64)) && !ShadowId::is_shadow_name(&"$".repeat(65)));
        for name in ["", "a b", "a.b", "ä", "a/b", "$a"] {
            assert!(!ShadowId::is_thing_name(name), "{name}");
        }
        assert!(!ShadowId::is_shadow_name("") && !ShadowId::is_shadow_name("a.b"));
    }

    #[test]
    fn the_longest_topic_has_seven_slashes() {
        // SHADOW-023
        let id = ShadowId {
            scope: Scope::new("1", "r"),
            thing: ThingName::from("T"),
            shadow: Some(ShadowName::from("S")),
        };
        let topic = id.topic("update/documents");
        assert_eq!(&*topic, "$aws/things/T/shadow/name/S/update/documents");
        assert_eq!(thingstead_core::topic::check_limits(&topic), Ok(()));
    }
}
