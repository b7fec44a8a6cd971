//! The smallest change of what is there already that would let a statement apply: of its pattern, of the document's version, or of
//! the client. Nothing is proposed that would not help: every changed pattern is tried.

use thingstead_core::Arn;

use crate::context::{Absent, Context};
use crate::document::Language;
use crate::evaluate::Lowered;
use crate::key::Key;
use crate::template::{Template, Wildcards};

/// What to do about a resource pattern that does not cover the request resource; the beginning of a sentence.
pub(crate) fn resource(
    pattern: &Template,
    language: Language,
    policy: &str,
    request: &Lowered<'_>,
) -> Option<String> {
    let Lowered { context, action, resource: asked, .. } = request;
    let text = &*pattern.text;
    let helps = |text: &str, language| {
        Template::compile(text, language, Wildcards::Match).covers(asked, context, action)
    };
    if language == Language::V2008 && helps(text, Language::V2012) {
        return Some(format!("put `\"Version\": \"2012-10-17\"` into policy `{policy}`"));
    }
    if let Err((variable, absent)) = pattern.rendered(context, action) {
        if let Some(known) = misnamed(&variable.key) {
            let named = text.replace(&format!("${{{}}}", variable.name), &format!("${{{known}}}"));
            return helps(&named, language).then(|| instead(&named, text, policy));
        }
        return absence(&absent);
    }
    let changed = changes(text, asked)?;
    if let Some(client) = other_client(text, asked) {
        return Some(format!("connect with the client identifier `{client}`"));
    }
    changed
        .into_iter()
        .find(|changed| helps(changed, language))
        .map(|changed| instead(&changed, text, policy))
}

fn instead(changed: &str, text: &str, policy: &str) -> String {
    let kind = |text: &str| Arn::parse(text).and_then(|arn| Some(arn.resource.split_once('/')?.0.to_owned()));
    let kinds = ["topic", "topicfilter"].map(str::to_owned);
    if let (Some(ours), Some(theirs)) = (kind(text), kind(changed))
        && ours != theirs
        && kinds.contains(&ours)
    {
        // The other actions of the statement may need what is there.
        return format!("add `{changed}` next to `{text}` in policy `{policy}`");
    }
    format!("write `{changed}` for `{text}` in policy `{policy}`")
}

/// The pattern with one thing put right, then with several.
fn changes(text: &str, asked: &str) -> Option<Vec<String>> {
    let (ours, theirs) = (Arn::parse(text)?, Arn::parse(asked)?);
    let braces = text.replace("$(", "${").replace(')', "}");
    let (kind, name) = ours.resource.split_once('/').unwrap_or(("", &ours.resource));
    let (wanted, _) = theirs.resource.split_once('/')?;
    let here = |resource: &str| {
        let Arn { partition, service, region, account, .. } = &theirs;
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    };
    let as_written = |resource: &str| {
        let Arn { partition, service, region, account, .. } = &ours;
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    };
    // A filter is granted as text, so there the wildcards of MQTT are what is meant.
    let starred = if wanted == "topic" { name.replace(['+', '#'], "*") } else { name.to_owned() };
    let mut found = vec![
        here(&ours.resource),
        as_written(&format!("{wanted}/{name}")),
        as_written(&format!("{kind}/{starred}")),
        here(&format!("{wanted}/{starred}")),
        // The type was left out.
        here(&format!("{wanted}/{}", ours.resource)),
    ];
    if braces != text {
        found.push(braces);
    }
    found.retain(|changed| changed != text);
    Some(found)
}

/// The client that the pattern allows and nobody else, where the request is of another one.
fn other_client<'a>(text: &'a str, asked: &str) -> Option<&'a str> {
    let (before, client) = text.split_once(":client/")?;
    let literal = !client.is_empty() && !client.contains(['*', '?', '$']);
    (literal && asked.split_once(":client/").is_some_and(|(start, _)| start == before)).then_some(client)
}

/// What a key that does not exist was probably meant to be.
fn misnamed(key: &Key) -> Option<String> {
    let Key::Other(name) = key else { return None };
    let attribute = |prefix: &str| name.strip_prefix(prefix)?.strip_suffix(']').map(str::to_owned);
    match name.as_ref() {
        "iot:thing.thingname" | "iot:thingname" | "iot:connection.thing" | "iot:connection.thingname" => {
            Some("iot:Connection.Thing.ThingName".to_owned())
        }
        "iot:thing.thingtypename" | "iot:thingtypename" => {
            Some("iot:Connection.Thing.ThingTypeName".to_owned())
        }
        "iot:client" | "iot:connection.clientid" => Some("iot:ClientId".to_owned()),
        _ => {
            attribute("iot:thing.attributes[").map(|name| format!("iot:Connection.Thing.Attributes[{name}]"))
        }
    }
}

/// What gives a variable its value.
fn absence(absent: &Absent) -> Option<String> {
    Some(match absent {
        Absent::NoAttribute { thing, attribute, other_case: None } => {
            format!("give thing `{thing}` the attribute `{attribute}`")
        }
        Absent::NoAttribute { attribute, other_case: Some(other), .. } => {
            format!("write `{other}` for `{attribute}` in the variable")
        }
        Absent::Untyped(thing) => format!("give thing `{thing}` a thing type"),
        Absent::NoThingHeader | Absent::NoThingTypeOfSession => {
            "ask for the credentials with the header `x-amzn-iot-thingname`".to_owned()
        }
        _ => return None,
    })
}

/// What to do about a condition that does not hold because a key has no value.
pub(crate) fn condition(key: &Key, context: &Context, action: &str) -> Option<String> {
    match context.value(key, action) {
        crate::context::Value::Absent(absent) => absence(&absent),
        _ => None,
    }
}
