//! What is probably not meant in a valid document: statements that never apply, and some that restrict nothing.

use std::fmt;
use std::sync::Arc;

use thingstead_core::Arn;
use thingstead_core::decision::Position;

use crate::actions::{JUDGED_ACTIONS, JudgedAction};
use crate::condition::Test;
use crate::context::Context;
use crate::document::{ActionPattern, Document, Effect, Language, Statement};
use crate::key::Key;
use crate::template::{Template, Variable};

/// A remark on one statement. AWS accepts such documents, and so does Thingstead (POLICY-054 to POLICY-058).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advice {
    /// Position in `Statement`, counted from 0.
    pub statement: usize,
    /// The statement's `Sid`.
    pub sid: Option<Arc<str>>,
    /// Where the statement begins.
    pub position: Position,
    /// The remark, without full stop.
    pub text: String,
}

impl Document {
    /// Everything that is probably not meant, in the order of the statements.
    pub fn advice(&self) -> Vec<Advice> {
        let mut found = Vec::new();
        for (index, statement) in self.statements.iter().enumerate() {
            let mut texts = remarks(statement, self.language);
            let mut seen = std::collections::HashSet::new();
            texts.retain(|text| seen.insert(text.clone()));
            found.extend(texts.into_iter().map(|text| Advice {
                statement: index,
                sid: statement.sid.clone(),
                position: statement.position,
                text,
            }));
        }
        found
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Position { line, column } = self.position;
        write!(f, "line {line}, column {column}: statement {}", self.statement + 1)?;
        if let Some(sid) = self.sid.as_ref().filter(|sid| !sid.is_empty()) {
            write!(f, " (`{sid}`)")?;
        }
        write!(f, ": {}", self.text)
    }
}

fn remarks(statement: &Statement, language: Language) -> Vec<String> {
    let resources = &statement.resources.patterns;
    let mut texts: Vec<String> = Vec::new();
    let about_topics = statement.actions.negated
        || statement.actions.patterns.iter().flat_map(covered).any(|(_, kind)| *kind == Some("topic"));
    texts.extend(resources.iter().filter_map(|resource| on_resource(resource, language, about_topics)));
    texts.extend(on_actions(statement));
    for test in &statement.condition {
        texts.extend(on_test(test, language));
    }
    let operands = statement.condition.iter().flat_map(|test| &test.operands);
    let templates = resources.iter().chain(operands.flat_map(|operand| operand.templates()));
    texts.extend(templates.flat_map(|template| &template.variables).filter_map(on_variable));
    texts.extend(on_reach(statement));
    texts
}

fn on_resource(resource: &Template, language: Language, about_topics: bool) -> Option<String> {
    let text = &resource.text;
    if language == Language::V2008 && text.contains("${") {
        return Some(format!("{NO_VARIABLES}: `{text}`"));
    }
    if text.contains("$(") {
        return Some(format!("variables are written with braces, `${{…}}`, not with parentheses: `{text}`"));
    }
    let arn = Arn::parse(text)?;
    let topic = arn.resource_of("topic")?;
    (about_topics && topic.contains(['+', '#'])).then(|| {
        format!("no topic contains `+` or `#`, so `{text}` covers none; the wildcard of policies is `*`")
    })
}

/// Actions that no device's request has, and actions none of whose resources the statement names.
fn on_actions(statement: &Statement) -> Vec<String> {
    if statement.actions.negated {
        return Vec::new();
    }
    let mut texts = Vec::new();
    for action in &statement.actions.patterns {
        let name = &action.text;
        let covered = covered(action);
        if covered.is_empty() && name.to_ascii_lowercase().starts_with("iot") {
            texts.push(format!(
                "no request of a device is judged by `{name}`{}; calls of the control plane are IAM's business",
                meant(name)
            ));
        } else if !name.contains([':', '*', '?']) {
            texts.push(format!("the action `{name}` lacks its prefix{}", meant(name)));
        }
        let [(exact, kind)] = covered.as_slice() else { continue };
        if !statement.resources.negated && !statement.resources.patterns.iter().any(|r| may_cover(r, *kind)) {
            texts.push(match kind {
                Some(kind) => format!(
                    "`{exact}` is judged on `{kind}/…`, and no `Resource` here is about that: the statement never applies to it"
                ),
                None => format!("`{exact}` has no resource: only `\"Resource\": \"*\"` applies to it"),
            });
        }
    }
    texts
}

/// The judged actions a pattern covers.
fn covered(action: &ActionPattern) -> Vec<&'static JudgedAction> {
    // Whether it does depends on no fact of a request, since actions have no variables.
    let context = Context::default();
    let covers =
        |(judged, _): &&JudgedAction| action.lower.covers(&judged.to_ascii_lowercase(), &context, judged);
    JUDGED_ACTIONS.iter().filter(covers).collect()
}

/// The known action with the same name behind the colon.
fn meant(name: &str) -> String {
    let bare = |text: &str| text.rsplit(':').next().unwrap_or_default().to_ascii_lowercase();
    match JUDGED_ACTIONS.iter().find(|(judged, _)| bare(judged) == bare(name)) {
        Some((judged, _)) => format!("; `{judged}` is"),
        None => String::new(),
    }
}

/// Whether a resource pattern can cover anything of a type.
fn may_cover(resource: &Template, kind: Option<&str>) -> bool {
    let text = &*resource.text;
    let Some(kind) = kind else { return text == "*" };
    let Some(arn) = Arn::parse(text) else { return text.ends_with('*') };
    let ours = arn.resource.split('/').next().unwrap_or_default();
    ours == kind || ours.contains(['*', '?', '$'])
}

fn on_test(test: &Test, language: Language) -> Vec<String> {
    let mut texts = Vec::new();
    for operand in &test.operands {
        if operand.is_unreadable() {
            texts.push(format!(
                "`{}` cannot be read as what `{}` compares, so it never matches",
                operand.text, test.written
            ));
        } else if language == Language::V2008 && operand.text.contains("${") {
            texts.push(format!("{NO_VARIABLES}: `{}`", operand.text));
        }
    }
    texts.extend(unknown(&test.key, &test.name));
    texts
}

fn on_variable(variable: &Variable) -> Option<String> {
    unknown(&variable.key, &variable.name)
}

fn unknown(key: &Key, name: &str) -> Option<String> {
    match key {
        Key::Other(lower) if lower.starts_with("iot:") => {
            let absent = Context::default().inserted(key, "").err()?;
            Some(format!("`{name}` never has a value: {absent}"))
        }
        Key::Unclosed => Some(format!("the variable `${{{name}` is not closed, so it never has a value")),
        _ => None,
    }
}

fn on_reach(statement: &Statement) -> Option<String> {
    let everything = |text: &str| matches!(text, "*" | "iot:*");
    let resources = &statement.resources;
    let unrestricted =
        statement.effect == Effect::Allow && statement.condition.is_empty() && !resources.negated;
    if !unrestricted || statement.actions.negated {
        return None;
    }
    let any_action = statement.actions.patterns.iter().any(|action| everything(&action.text));
    if any_action && resources.patterns.iter().any(|resource| &*resource.text == "*") {
        return Some("it allows every action on everything".to_owned());
    }
    let own_id = resources.patterns.iter().find(|r| r.text.ends_with(":client/${iot:ClientId}"))?;
    Some(format!(
        "`{}` covers every client identifier, since it is compared with itself; `${{iot:Connection.Thing.ThingName}}` is the thing's name",
        own_id.text
    ))
}

const NO_VARIABLES: &str = "without `\"Version\": \"2012-10-17\"` a `${…}` is ordinary text";
