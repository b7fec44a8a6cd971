//! Topic names and topic filters: what is well formed, what AWS limits, what matches.

use std::fmt;

/// At most this many bytes of UTF-8 in a topic name or filter (MQTT-099).
pub const MAX_TOPIC_BYTES: usize = 256;
/// At most this many slashes in a topic name or filter (MQTT-100).
pub const MAX_TOPIC_SLASHES: usize = 7;

/// Why a text is not a topic name, or not a topic filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TopicError {
    /// No characters at all.
    #[error("is empty")]
    Empty,
    /// U+0000 inside.
    #[error("contains the character U+0000")]
    Nul,
    /// `+` or `#` in a topic name.
    #[error("contains a wildcard, which only a topic filter may")]
    WildcardInName,
    /// `+` or `#` next to other characters of its level, or `#` before the last level.
    #[error("has a misplaced wildcard: `+` must fill its level, `#` must be the last level")]
    MisplacedWildcard,
    /// Over [`MAX_TOPIC_BYTES`].
    #[error("is longer than 256 bytes")]
    TooLong,
    /// Over [`MAX_TOPIC_SLASHES`].
    #[error("has more than 7 slashes")]
    TooManySlashes,
    /// `$share/…` without a share name or filter, or a share name with `+` or `#`.
    #[error("is a malformed shared subscription; expected `$share/NAME/FILTER`")]
    MalformedShare,
}

/// Checks that `name` can be published to: not empty, no NUL, no wildcard (MQTT 4.7). Limits are [`check_limits`]'s.
pub fn check_name(name: &str) -> Result<(), TopicError> {
    if name.is_empty() {
        return Err(TopicError::Empty);
    }
    for byte in name.bytes() {
        match byte {
            0 => return Err(TopicError::Nul),
            b'+' | b'#' => return Err(TopicError::WildcardInName),
            _ => {}
        }
    }
    Ok(())
}

/// Checks that `filter` (without `$share/NAME/`) is well formed (MQTT 4.7.1). Limits are [`check_limits`]'s.
pub fn check_filter(filter: &str) -> Result<(), TopicError> {
    if filter.is_empty() {
        return Err(TopicError::Empty);
    }
    if filter.bytes().any(|b| b == 0) {
        return Err(TopicError::Nul);
    }
    let mut levels = filter.split('/').peekable();
    while let Some(level) = levels.next() {
        let wildcard = level.contains(['+', '#']);
        if wildcard && level.len() > 1 || level == "#" && levels.peek().is_some() {
            return Err(TopicError::MisplacedWildcard);
        }
    }
    Ok(())
}

/// AWS's limits on names and filters: [`MAX_TOPIC_BYTES`] and [`MAX_TOPIC_SLASHES`]. A `$rules/NAME/` prefix and a
/// `$share/NAME/` prefix do not count (MQTT-195, MQTT-129): pass what is left.
pub fn check_limits(topic: &str) -> Result<(), TopicError> {
    if topic.len() > MAX_TOPIC_BYTES {
        return Err(TopicError::TooLong);
    }
    if topic.bytes().filter(|b| *b == b'/').count() > MAX_TOPIC_SLASHES {
        return Err(TopicError::TooManySlashes);
    }
    Ok(())
}

/// `$share/NAME/FILTER`, taken apart (MQTT-128).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share<'a> {
    /// The share name: no `/`, `+`, `#`.
    pub group: &'a str,
    /// The filter behind it.
    pub filter: &'a str,
}

/// The share of a subscription; `None` for an ordinary filter.
pub fn share_of(filter: &str) -> Result<Option<Share<'_>>, TopicError> {
    let Some(rest) = filter.strip_prefix("$share/") else {
        return if filter == "$share" { Err(TopicError::MalformedShare) } else { Ok(None) };
    };
    match rest.split_once('/') {
        Some((group, filter)) if !group.is_empty() && !group.contains(['+', '#']) && !filter.is_empty() => {
            Ok(Some(Share { group, filter }))
        }
        _ => Err(TopicError::MalformedShare),
    }
}

/// Whether `filter` matches `topic` as AWS does it: `a/#` does not match `a` (MQTT-120), `+` matches one level, which
/// may be empty (MQTT-121), and a leading wildcard does not match topics that start with `$` (MQTT-123).
pub fn matches(filter: &str, topic: &str) -> bool {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        return false;
    }
    let mut levels = topic.split('/');
    for expected in filter.split('/') {
        match (expected, levels.next()) {
            ("#", Some(_)) => return true,
            (_, None) => return false,
            ("+", Some(_)) => {}
            (expected, Some(level)) if expected == level => {}
            _ => return false,
        }
    }
    levels.next().is_none()
}

/// Whether the topic belongs to the service: it starts with `$`.
pub fn is_reserved(topic: &str) -> bool {
    topic.starts_with('$')
}

/// A Basic Ingest topic taken apart: `$aws/rules/NAME/REST` (MQTT-193); `rest` may be empty.
pub fn basic_ingest(topic: &str) -> Option<BasicIngest<'_>> {
    let after = topic.strip_prefix("$aws/rules/")?;
    let (rule, rest) = after.split_once('/').unwrap_or((after, ""));
    (!rule.is_empty()).then_some(BasicIngest { rule, rest })
}

/// The rule and the topic it sees (MQTT-194).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BasicIngest<'a> {
    /// The rule's name.
    pub rule: &'a str,
    /// The topic without `$aws/rules/NAME/`.
    pub rest: &'a str,
}

/// A text quoted for an error message, cut after 80 characters.
pub struct Quoted<'a>(pub &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut chars = self.0.chars();
        let head: String = chars.by_ref().take(80).collect();
        write!(f, "`{}{}`", head.escape_debug(), if chars.next().is_some() { "…" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matching_follows_aws_where_it_leaves_the_standard() {
        // MQTT-101, MQTT-120, MQTT-121, MQTT-123
        for (filter, topic, expected) in [
            ("a/b", "a/b", true),
            ("a/b", "a/B", false),
            ("sensor/#", "sensor/", true),
            ("sensor/#", "sensor/t/r1", true),
            ("sensor/#", "sensor", false),
            ("sensor/+/room1", "sensor/t/room1", true),
            ("sensor/+/room1", "sensor/t/u/room1", false),
            ("+/+", "/", true),
            ("a/+", "a/", true),
            ("a/+", "a", false),
            ("/a//b", "/a/b", false),
            ("#", "a", true),
            ("#", "$aws/x", false),
            ("+/x", "$aws/x", false),
            ("$aws/things/+/shadow/#", "$aws/things/t/shadow/get", true),
        ] {
            assert_eq!(matches(filter, topic), expected, "{filter} on {topic}");
        }
    }

    #[test]
    fn malformed_names_and_filters_are_told_apart() {
        // MQTT-098, MQTT-099, MQTT-100, MQTT-122, MQTT-128, MQTT-142
        assert_eq!(check_name("a/+"), Err(TopicError::WildcardInName));
        assert_eq!(check_name(""), Err(TopicError::Empty));
        for filter in ["a/b#", "a/#/c", "a+", "a+/b"] {
            assert_eq!(check_filter(filter), Err(TopicError::MisplacedWildcard), "{filter}");
        }
        assert_eq!(check_limits("a/a/a/a/a/a/a/a"), Ok(()));
        assert_eq!(check_limits("a/a/a/a/a/a/a/a/a"), Err(TopicError::TooManySlashes));
        assert_eq!(check_limits(&"x".repeat(257)), Err(TopicError::TooLong));
        assert_eq!(share_of("$share/g/a/#"), Ok(Some(Share { group: "g", filter: "a/#" })));
        for filter in ["$share", "$share/g", "$share//a", "$share/g+/a", "$share/g/"] {
            assert_eq!(share_of(filter), Err(TopicError::MalformedShare), "{filter}");
        }
    }

    #[test]
    fn basic_ingest_names_the_rule_and_what_it_sees() {
        // MQTT-193, MQTT-194
        assert_eq!(basic_ingest("$aws/rules/r/a/b"), Some(BasicIngest { rule: "r", rest: "a/b" }));
        assert_eq!(basic_ingest("$aws/rules/r"), Some(BasicIngest { rule: "r", rest: "" }));
        assert_eq!(basic_ingest("$aws/rules/"), None);
    }
}
