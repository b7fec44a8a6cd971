//! What people usually got wrong when a pattern does not cover what they asked for.

use thingstead_core::{Arn, topic};

use crate::actions::JUDGED_ACTIONS;
use crate::document::Language;

/// A hint for a resource pattern (`rendered`: variables inserted; `written`: as in the document) that does not cover
/// the request resource; a sentence without full stop.
pub(crate) fn resource(written: &str, rendered: &str, asked: &str, language: Language) -> Option<String> {
    if language == Language::V2008 && written.contains("${") {
        return Some(
            "without `\"Version\": \"2012-10-17\"` the text `${…}` is ordinary text and no variable"
                .to_owned(),
        );
    }
    if rendered.contains("$(") {
        return Some(
            "variables and escapes are written with braces, `${…}`, not with parentheses".to_owned(),
        );
    }
    let Some(wanted) = Arn::parse(asked) else {
        return (asked == "*")
            .then(|| "this action has no resource, only `\"Resource\": \"*\"` grants it".to_owned());
    };
    let Some(pattern) = Arn::parse(rendered) else {
        return Some("the pattern has fewer than six ARN fields, and nothing completes it".to_owned());
    };
    for (field, ours, theirs) in [
        ("partition", &pattern.partition, &wanted.partition),
        ("service", &pattern.service, &wanted.service),
        ("Region", &pattern.region, &wanted.region),
        ("account", &pattern.account, &wanted.account),
    ] {
        if !has_wildcard(ours) && ours != theirs {
            return Some(format!("the pattern names the {field} `{ours}`, the request is for `{theirs}`"));
        }
    }
    if rendered.to_lowercase() == asked.to_lowercase() {
        return Some("they differ in upper and lower case only, and resources are case-sensitive".to_owned());
    }
    let (ours, name) = pattern.resource.split_once('/')?;
    let (theirs, asked_name) = wanted.resource.split_once('/')?;
    if ours != theirs {
        return kinds(ours, theirs);
    }
    names(theirs, name, asked_name)
}

/// A hint for an action pattern that does not cover the action on the resource.
pub(crate) fn action(pattern: &str, asked: &str, resource: &str) -> Option<String> {
    let (service, name) = asked.split_once(':')?;
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    let on_topics = matches!(name, "Publish" | "Subscribe" | "Receive");
    match pattern.split_once(':') {
        None if same(pattern, name) => Some(format!("actions carry their service's prefix: `{asked}`")),
        Some((prefix, ours)) if same(ours, name) && !same(prefix, service) => {
            Some(format!("the prefix of this action is `{service}:`"))
        }
        Some((_, ours)) if same(ours, "Publish") && same(name, "RetainPublish") => {
            Some("a retained message needs `iot:RetainPublish` next to `iot:Publish`".to_owned())
        }
        Some((_, ours)) if same(ours, "Subscribe") && same(name, "Receive") => Some(
            "subscribing and receiving are granted separately: each delivery needs `iot:Receive`".to_owned(),
        ),
        Some((_, ours)) if on_topics && ours.ends_with("ThingShadow") && resource.contains("/shadow") => {
            Some(format!(
                "over MQTT a shadow is its topics: `iot:Publish` on `…/shadow/get`, `…/update` or `…/delete`, `iot:Subscribe` \
                 and `iot:Receive` on the answers; `{pattern}` is asked for over HTTPS"
            ))
        }
        Some(("iotjobsdata", _)) if on_topics && resource.contains("/jobs") => Some(
            "over MQTT jobs are their topics: `iot:Publish` on requests, `iot:Subscribe` and `iot:Receive` on answers"
                .to_owned(),
        ),
        Some((_, "Publish")) if name.ends_with("ThingShadow") => {
            Some(format!("over HTTPS shadows need `{asked}`; `iot:Publish` is for their topics over MQTT"))
        }
        Some(("iot", ours)) if !has_wildcard(ours) && !is_judged(pattern) && !is_control(ours) => {
            Some(format!("no request of a device is judged by `{pattern}`; is `{asked}` meant?"))
        }
        _ => None,
    }
}

fn is_judged(action: &str) -> bool {
    JUDGED_ACTIONS.iter().any(|(judged, _)| judged.eq_ignore_ascii_case(action))
}

/// Verbs of the control plane, whose actions are no misspelt ones.
fn is_control(name: &str) -> bool {
    [
        "Create", "Update", "Describe", "List", "Delete", "Attach", "Detach", "Get", "Register", "Add",
        "Remove", "Search",
    ]
    .iter()
    .any(|verb| name.starts_with(verb))
}

fn kinds(ours: &str, theirs: &str) -> Option<String> {
    Some(match (ours, theirs) {
        ("topic", "topicfilter") => {
            "subscribing is judged on `topicfilter/FILTER`; a grant on `topic/…` does not cover it".to_owned()
        }
        ("topicfilter", "topic") => {
            "publishing and receiving are judged on `topic/TOPIC`; a grant on `topicfilter/…` does not cover it"
                .to_owned()
        }
        _ if has_wildcard(ours) => return None,
        _ => format!("this action is judged on `{theirs}/…`, the pattern is about `{ours}/…`"),
    })
}

fn names(kind: &str, name: &str, asked: &str) -> Option<String> {
    let on_topics = matches!(kind, "topic" | "topicfilter");
    if on_topics && name.contains(['+', '#']) && topic::matches(name, asked) {
        return Some(match kind {
            "topic" => "`+` and `#` are ordinary characters in a policy; the wildcard is `*`".to_owned(),
            _ => format!(
                "filters are compared as text: the grant for `{name}` allows that filter itself, not the narrower `{asked}`; the policy's wildcard is `*`"
            ),
        });
    }
    if let Some(parent) = name.strip_suffix("/*").or_else(|| name.strip_suffix("/#"))
        && parent == asked
    {
        return Some(format!("`{name}` begins below `{asked}` and does not cover `{asked}` itself"));
    }
    if asked
        .strip_prefix("$share/")
        .and_then(|rest| rest.split_once('/'))
        .is_some_and(|(_, rest)| rest == name)
    {
        return Some("a shared subscription is judged with its `$share/GROUP/` in front".to_owned());
    }
    if kind == "thing" && asked.split_once('/').is_some_and(|(thing, _)| thing == name) {
        return Some(
            "a named shadow is `thing/THING/SHADOW`; the thing alone stands for its classic shadow"
                .to_owned(),
        );
    }
    if on_topics && name != asked && name.trim_matches('/') == asked.trim_matches('/') {
        return Some(
            "a `/` at the beginning or the end makes another topic, with an empty level there".to_owned(),
        );
    }
    if asked.starts_with(name) && !has_wildcard(name) {
        return Some(
            "a pattern covers the whole name; it does not begin a longer one without `*`".to_owned(),
        );
    }
    None
}

fn has_wildcard(text: &str) -> bool {
    text.contains(['*', '?'])
}
