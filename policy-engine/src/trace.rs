//! How one statement met a request, and the sentences about it.

use thingstead_core::decision::{NearMiss, StatementRef};

use crate::condition::{Qualifier, Test};
use crate::context::{ThingContext, Value};
use crate::document::{ActionPattern, Applicable, Statement};
use crate::evaluate::Lowered;
use crate::hints;
use crate::key::Key;
use crate::repair;
use crate::template::Template;

/// How a statement met a request.
pub(crate) struct Trace<'d> {
    policy: &'d Applicable,
    index: usize,
    pub(crate) statement: &'d Statement,
    pub(crate) action: bool,
    pub(crate) resource: bool,
    /// The tests that did not hold.
    pub(crate) failed: Vec<&'d Test>,
}

impl<'d> Trace<'d> {
    pub(crate) fn new(
        policy: &'d Applicable,
        index: usize,
        statement: &'d Statement,
        request: &Lowered<'_>,
    ) -> Self {
        let fails = |test: &&Test| !test.holds(request.context, request.action);
        Self {
            policy,
            index,
            statement,
            action: statement.action_holds(request),
            resource: statement.resource_holds(request),
            failed: statement.condition.iter().filter(fails).collect(),
        }
    }

    /// How many of action, resource and condition did not hold.
    pub(crate) fn misses(&self) -> usize {
        usize::from(!self.action) + usize::from(!self.resource) + usize::from(!self.failed.is_empty())
    }

    pub(crate) fn reference(&self) -> StatementRef {
        StatementRef {
            policy: self.policy.name.shared(),
            version: self.policy.version.clone(),
            statement: self.index,
            sid: self.statement.sid.clone(),
            position: self.statement.position,
        }
    }

    /// The element to talk about: what is wrong with a statement is most telling in its condition, then its resource.
    pub(crate) fn near_miss(&self, request: &Lowered<'_>) -> NearMiss {
        let negated = |not, plain: &str| if not { format!("Not{plain}") } else { plain.to_owned() };
        let (element, why) = if !self.action {
            (negated(self.statement.actions.negated, "Action"), self.action_why(request))
        } else if !self.resource {
            (negated(self.statement.resources.negated, "Resource"), self.resource_why(request))
        } else {
            ("Condition".to_owned(), self.condition_why(request))
        };
        NearMiss { statement: self.reference(), element: element.into(), why }
    }

    fn action_why(&self, request: &Lowered<'_>) -> String {
        let actions = &self.statement.actions;
        let names = listed(actions.patterns.iter().map(|pattern| pattern.text.as_ref()));
        if actions.negated {
            return format!("`NotAction` {names} excludes `{}`", request.action);
        }
        with_hint(
            format!("the statement is about {names}, not `{}`", request.action),
            self.action_hint(request),
        )
    }

    /// What was probably taken for the action that is asked for.
    pub(crate) fn action_hint(&self, request: &Lowered<'_>) -> Option<String> {
        let actions = &self.statement.actions;
        if self.action || actions.negated {
            return None;
        }
        let hint = |pattern: &ActionPattern| hints::action(&pattern.text, request.action, request.resource);
        actions.patterns.iter().find_map(hint)
    }

    /// What could be changed so that the statement applies; the beginning of a sentence.
    pub(crate) fn repair(&self, request: &Lowered<'_>) -> Option<String> {
        let alone = self.action && self.misses() == 1 && !self.statement.resources.negated;
        match (alone, self.resource) {
            (true, false) => {
                let language = self.policy.document.language;
                repair::resource(self.closest(request)?, language, &self.policy.name, request)
            }
            (true, true) => {
                let [test] = self.failed.as_slice() else { return None };
                repair::condition(&test.key, request.context, request.action)
            }
            (false, _) => None,
        }
    }

    fn resource_why(&self, request: &Lowered<'_>) -> String {
        let Lowered { resource, context, action, .. } = request;
        let resources = &self.statement.resources;
        if resources.negated {
            let excludes = |pattern: &&Template| pattern.covers(resource, context, action);
            let pattern = resources.patterns.iter().find(excludes).map_or("", |pattern| &pattern.text);
            return format!("`NotResource` `{pattern}` excludes `{resource}`");
        }
        let Some(closest) = self.closest(request) else { return String::new() };
        let among = match resources.patterns.len() {
            0 | 1 => String::new(),
            n => format!(", the closest of {n},"),
        };
        match closest.rendered(context, action) {
            Err((variable, absent)) => format!(
                "`Resource` `{}`{among} covers nothing, because `{}` has no value: {absent}",
                closest.text, variable.name
            ),
            Ok(rendered) => {
                let meaning = if rendered == *closest.text {
                    String::new()
                } else {
                    format!(" (with its variables: `{rendered}`)")
                };
                let language = self.policy.document.language;
                let hint = hints::resource(&closest.text, &rendered, resource, language);
                with_hint(
                    format!("`Resource` `{}`{meaning}{among} does not cover `{resource}`", closest.text),
                    hint,
                )
            }
        }
    }

    fn condition_why(&self, request: &Lowered<'_>) -> String {
        let Some(test) = self.failed.first() else { return String::new() };
        let Lowered { context, action, .. } = request;
        let wanted = listed(test.operands.iter().map(|operand| operand.text.as_ref()));
        let wanted = if wanted.is_empty() { "no value at all".to_owned() } else { wanted };
        let asks = if test.operator.negated { "excludes" } else { "asks for" };
        let test_text = format!("`{}` on `{}` {asks} {wanted}", test.written, test.name);
        let unreadable = test.operands.iter().find(|operand| operand.is_unreadable());
        let lacking = test
            .operands
            .iter()
            .flat_map(|operand| operand.templates())
            .find_map(|template| template.rendered(context, action).err());
        match context.value(&test.key, action) {
            Value::Absent(absent) => format!("{test_text}, and `{}` has no value: {absent}", test.name),
            value => {
                let has = listed(value.all().iter().map(AsRef::as_ref));
                let hint = match (unreadable, lacking) {
                    (Some(operand), _) => Some(format!(
                        "`{}` cannot be read as what `{}` compares, so it never matches",
                        operand.text, test.written
                    )),
                    (None, Some((variable, absent))) => {
                        Some(format!("`{}` has no value: {absent}", variable.name))
                    }
                    (None, None) => match (&test.key, &context.thing) {
                        (Key::ThingIsAttached, ThingContext::NotAssociated(why)) => Some(why.to_string()),
                        _ => qualifier_hint(test, &value),
                    },
                };
                with_hint(format!("{test_text}, the request has {has}"), hint)
            }
        }
    }

    /// How a statement that applies covers the resource, in parentheses.
    pub(crate) fn covering(&self, request: &Lowered<'_>) -> String {
        let Lowered { resource, context, action, .. } = request;
        let resources = &self.statement.resources;
        match resources.patterns.iter().find(|pattern| pattern.covers(resource, context, action)) {
            Some(pattern) => format!(" (its `Resource` `{}` covers `{resource}`)", pattern.text),
            None => format!(" (its `NotResource` does not exclude `{resource}`)"),
        }
    }

    /// Whether the statement would apply, did the connection belong to a thing.
    pub(crate) fn lacks_thing(&self, request: &Lowered<'_>) -> bool {
        let Lowered { context, action, .. } = request;
        if !self.action || !matches!(context.thing, ThingContext::NotAssociated(_)) {
            return false;
        }
        let needs = |key: &Key| {
            matches!(key, Key::ThingName | Key::ThingTypeName | Key::ThingAttribute(_) | Key::ThingIsAttached)
        };
        let closest = self.closest(request).filter(|_| !self.resource);
        let resource = closest.is_some_and(|pattern| {
            pattern.rendered(context, action).is_err_and(|(variable, _)| needs(&variable.key))
        });
        resource || self.resource && self.failed.iter().any(|test| needs(&test.key))
    }

    /// The pattern that shares the longest start with the request resource.
    fn closest(&self, request: &Lowered<'_>) -> Option<&'d Template> {
        // The first of equals: `rev`, because `max_by_key` takes the last.
        self.statement.resources.patterns.iter().rev().max_by_key(|pattern| self.closeness(pattern, request))
    }

    fn closeness(&self, pattern: &Template, request: &Lowered<'_>) -> usize {
        match pattern.rendered(request.context, request.action) {
            Ok(rendered) => common_start(&rendered, request.resource),
            Err(_) => common_start(&pattern.text, request.resource),
        }
    }

    pub(crate) fn closest_start(&self, request: &Lowered<'_>) -> usize {
        self.closest(request).map_or(0, |pattern| self.closeness(pattern, request))
    }
}

fn qualifier_hint(test: &Test, value: &Value<'_>) -> Option<String> {
    let several = matches!(value, Value::Many(_));
    match test.operator.qualifier {
        Qualifier::ForAllValues => Some("every value of the request must pass".to_owned()),
        Qualifier::ForAnyValue => Some("one value of the request must pass".to_owned()),
        Qualifier::None if test.operator.negated || several => None,
        Qualifier::None if escapes_matter(test, value) => Some(
            "in a policy the characters `,` `\"` `\\` `=` `<` `>` `;` of a certificate's value follow a backslash"
                .to_owned(),
        ),
        Qualifier::None => test
            .operands
            .iter()
            .any(|operand| operand.text.contains(['*', '?']) && test.written.starts_with("StringEquals"))
            .then(|| "`StringEquals` takes `*` and `?` literally; `StringLike` has wildcards".to_owned()),
    }
}

/// Whether the policy has a certificate's value as it is, without the backslashes (POLICY-262).
fn escapes_matter(test: &Test, value: &Value<'_>) -> bool {
    let plain = |value: &str| value.replace('\\', "");
    matches!(test.key, Key::Certificate(..))
        && value.all().iter().any(|value| test.operands.iter().any(|o| plain(&o.text) == plain(value)))
}

fn common_start(a: &str, b: &str) -> usize {
    a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count()
}

fn listed<'s>(texts: impl Iterator<Item = &'s str>) -> String {
    texts.map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", ")
}

fn with_hint(text: String, hint: Option<String>) -> String {
    match hint {
        Some(hint) => format!("{text}; {hint}"),
        None => text,
    }
}
