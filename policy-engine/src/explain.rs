//! The decision with its reasons.

use std::sync::Arc;

use thingstead_core::decision::{Asked, NearMiss, ResolvedVariable, StatementRef};
use thingstead_core::{Decision, Outcome};

use crate::condition::{Qualifier, Test};
use crate::context::{Absent, Context, Value};
use crate::document::{Applicable, Effect, Statement};
use crate::evaluate::{Lowered, Request};
use crate::fix;
use crate::hints;
use crate::key::Key;
use crate::template::Template;

/// Decides with all reasons. The outcome is that of [`permits`](crate::permits).
pub fn evaluate(policies: &[Applicable], request: &Request<'_>) -> Decision {
    let lowered = Lowered::new(request);
    let traces: Vec<Trace<'_>> = policies
        .iter()
        .flat_map(|policy| {
            let statements = policy.document.statements.iter().enumerate();
            statements.map(move |(index, statement)| (policy, index, statement))
        })
        .map(|(policy, index, statement)| Trace::new(policy, index, statement, &lowered))
        .collect();
    let applying = |effect| traces.iter().filter(move |t| t.statement.effect == effect && t.misses() == 0);
    let (outcome, because): (_, Vec<&Trace<'_>>) = match applying(Effect::Deny).next() {
        Some(_) => (Outcome::ExplicitDeny, applying(Effect::Deny).collect()),
        None => match applying(Effect::Allow).collect::<Vec<_>>() {
            allows if allows.is_empty() => (Outcome::ImplicitDeny, allows),
            allows => (Outcome::Allowed, allows),
        },
    };
    let near_misses = match outcome {
        Outcome::Allowed => lame_denials(&traces, &lowered),
        _ if applying(Effect::Allow).next().is_some() => Vec::new(),
        _ => nearest_grants(&traces, &lowered),
    };
    let because: Vec<StatementRef> = because.into_iter().map(Trace::reference).collect();
    let grants = applying(Effect::Allow).next().is_some();
    Decision {
        asked: Asked { action: Arc::from(request.action), resource: Arc::from(request.resource) },
        outcome,
        why: why(outcome, request, policies, &because, &near_misses),
        fix: fix(outcome, request, policies, &because, &near_misses, grants),
        because,
        near_misses,
        variables: variables(&traces, &lowered),
    }
}

/// The decision on a request that is asked in two forms, as delivery to a shared subscriber is: a denial of either
/// refuses, otherwise an allowance of either suffices (POLICY-138).
pub fn any_of(first: Decision, second: Decision) -> Decision {
    let rank = |decision: &Decision| match decision.outcome {
        Outcome::ExplicitDeny => 2,
        Outcome::Allowed => 1,
        Outcome::ImplicitDeny => 0,
    };
    if rank(&second) > rank(&first) { second } else { first }
}

/// How a statement met a request.
struct Trace<'d> {
    policy: &'d Applicable,
    index: usize,
    statement: &'d Statement,
    action: bool,
    resource: bool,
    /// The tests that did not hold.
    failed: Vec<&'d Test>,
}

impl<'d> Trace<'d> {
    fn new(policy: &'d Applicable, index: usize, statement: &'d Statement, request: &Lowered<'_>) -> Self {
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
    fn misses(&self) -> usize {
        usize::from(!self.action) + usize::from(!self.resource) + usize::from(!self.failed.is_empty())
    }

    fn reference(&self) -> StatementRef {
        StatementRef {
            policy: self.policy.name.shared(),
            version: self.policy.version.clone(),
            statement: self.index,
            sid: self.statement.sid.clone(),
            position: self.statement.position,
        }
    }

    /// The element to talk about: what is wrong with a statement is most telling in its condition, then its resource.
    fn near_miss(&self, request: &Lowered<'_>) -> NearMiss {
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
        let hint = actions.patterns.iter().find_map(|pattern| hints::action(&pattern.text, request.action));
        with_hint(format!("the statement is about {names}, not `{}`", request.action), hint)
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
        let test_text = format!("`{}` on `{}` asks for {wanted}", test.written, test.name);
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
                    (None, None) => qualifier_hint(test, &value),
                };
                with_hint(format!("{test_text}, the request has {has}"), hint)
            }
        }
    }

    /// The pattern that shares the longest start with the request resource.
    fn closest(&self, request: &Lowered<'_>) -> Option<&'d Template> {
        self.statement.resources.patterns.iter().max_by_key(|pattern| self.closeness(pattern, request))
    }

    fn closeness(&self, pattern: &Template, request: &Lowered<'_>) -> usize {
        match pattern.rendered(request.context, request.action) {
            Ok(rendered) => common_start(&rendered, request.resource),
            Err(_) => common_start(&pattern.text, request.resource),
        }
    }

    fn closest_start(&self, request: &Lowered<'_>) -> usize {
        self.closest(request).map_or(0, |pattern| self.closeness(pattern, request))
    }
}

/// The `Allow` statements that failed in one element only, else the closest, nearest first.
fn nearest_grants(traces: &[Trace<'_>], request: &Lowered<'_>) -> Vec<NearMiss> {
    let mut grants: Vec<&Trace<'_>> =
        traces.iter().filter(|trace| trace.statement.effect == Effect::Allow).collect();
    grants.sort_by_cached_key(|trace| {
        // A failed condition is nearer than a resource, a resource nearer than another action.
        let weight =
            4 * usize::from(!trace.action) + 2 * usize::from(!trace.resource) + trace.failed.len().min(1);
        (trace.misses(), weight, std::cmp::Reverse(trace.closest_start(request)))
    });
    let fewest = grants.first().map_or(0, |trace| trace.misses());
    grants
        .into_iter()
        .filter(|trace| trace.misses() == fewest)
        .take(MAX_NEAR_MISSES)
        .map(|trace| trace.near_miss(request))
        .collect()
}

/// `Deny` statements that would have applied, had their variables values (POLICY-207): probably not what was meant.
fn lame_denials(traces: &[Trace<'_>], request: &Lowered<'_>) -> Vec<NearMiss> {
    let lame = |trace: &&Trace<'_>| {
        let resources = &trace.statement.resources;
        let lacks = |t: &Template| t.rendered(request.context, request.action).is_err();
        trace.statement.effect == Effect::Deny
            && trace.misses() == 1
            && !trace.resource
            && resources.patterns.iter().any(lacks)
    };
    traces.iter().filter(lame).take(MAX_NEAR_MISSES).map(|trace| trace.near_miss(request)).collect()
}

/// Variables and keys of the statements whose action holds, each once.
fn variables(traces: &[Trace<'_>], request: &Lowered<'_>) -> Vec<ResolvedVariable> {
    let mut found: Vec<(Key, ResolvedVariable)> = Vec::new();
    let mut add = |key: &Key, name: &Arc<str>, value: Result<String, Absent>| {
        let known = found.iter_mut().find(|(known, _)| known == key);
        let (value, why_absent) = match value {
            Ok(value) => (Some(value), None),
            Err(absent) => (None, Some(absent.to_string())),
        };
        let variable = ResolvedVariable { name: Arc::clone(name), value, why_absent };
        match known {
            // Some values may be tested, but not inserted; the lack is the news.
            Some((_, earlier)) if variable.value.is_none() => *earlier = variable,
            Some(_) => {}
            None => found.push((key.clone(), variable)),
        }
    };
    let Lowered { context, action, .. } = request;
    for trace in traces.iter().filter(|trace| trace.action) {
        let templates = trace.statement.resources.patterns.iter();
        let operands = trace.statement.condition.iter().flat_map(|test| &test.operands);
        for variable in templates.chain(operands.flat_map(|o| o.templates())).flat_map(|t| &t.variables) {
            let value = context.inserted(&variable.key, action).map(|value| value.into_owned());
            add(&variable.key, &variable.name, value);
        }
        for test in &trace.statement.condition {
            add(&test.key, &test.name, tested(context, &test.key, action));
        }
    }
    found.into_iter().map(|(_, variable)| variable).collect()
}

fn tested(context: &Context, key: &Key, action: &str) -> Result<String, Absent> {
    match context.value(key, action) {
        Value::Absent(absent) => Err(absent),
        value => Ok(value.all().join(", ")),
    }
}

fn why(
    outcome: Outcome,
    request: &Request<'_>,
    policies: &[Applicable],
    because: &[StatementRef],
    near_misses: &[NearMiss],
) -> String {
    let Request { action, resource, .. } = request;
    match (outcome, because.first(), near_misses.first()) {
        (Outcome::Allowed, Some(statement), _) => format!("{} allows it", named(statement)),
        (Outcome::ExplicitDeny, Some(statement), _) => {
            format!("{} denies it, and a denial wins over every allowance", named(statement))
        }
        (_, _, Some(miss)) => format!(
            "no statement allows `{action}` on `{resource}`; the closest is {}: {}",
            named(&miss.statement),
            miss.why
        ),
        (_, _, None) if policies.is_empty() => {
            "no policy applies, and without one everything is refused".to_owned()
        }
        (_, _, None) => format!("no statement allows `{action}` on `{resource}`"),
    }
}

fn fix(
    outcome: Outcome,
    request: &Request<'_>,
    policies: &[Applicable],
    because: &[StatementRef],
    near_misses: &[NearMiss],
    granted: bool,
) -> Option<String> {
    let grant = fix::grant(request.action, request.resource);
    let version =
        if grant.needs_variables { " (in a document with `\"Version\": \"2012-10-17\"`)" } else { "" };
    let statement = &grant.statement;
    match outcome {
        Outcome::Allowed => None,
        Outcome::ExplicitDeny => {
            let denials: Vec<String> = because.iter().map(named).collect();
            let removal = format!(
                "remove {}, or narrow it so that it leaves out `{}`",
                denials.join(" and "),
                request.resource
            );
            Some(if granted {
                removal
            } else {
                format!("{removal}; then add this statement{version}: {statement}")
            })
        }
        Outcome::ImplicitDeny => {
            let home = near_misses.first().map(|miss| &miss.statement.policy);
            let home = home.cloned().or_else(|| policies.first().map(|policy| policy.name.shared()));
            Some(match home {
                Some(policy) => format!("add this statement to policy `{policy}`{version}: {statement}"),
                None => format!("attach a policy with this statement{version}: {statement}"),
            })
        }
    }
}

fn named(statement: &StatementRef) -> String {
    let number = statement.statement + 1;
    let sid = statement.sid.as_ref().filter(|sid| !sid.is_empty());
    let sid = sid.map_or(String::new(), |sid| format!(" (`{sid}`)"));
    let version = statement.version.as_ref().map_or(String::new(), |version| format!(" version {version}"));
    format!("statement {number}{sid} of policy `{}`{version}", statement.policy)
}

fn qualifier_hint(test: &Test, value: &Value<'_>) -> Option<String> {
    let several = matches!(value, Value::Many(_));
    match test.operator.qualifier {
        Qualifier::ForAllValues => Some("every value of the request must pass".to_owned()),
        Qualifier::ForAnyValue => Some("one value of the request must pass".to_owned()),
        Qualifier::None if test.operator.negated => Some("that is what the operator excludes".to_owned()),
        Qualifier::None if several => None,
        Qualifier::None => test
            .operands
            .iter()
            .any(|operand| operand.text.contains(['*', '?']) && test.written.starts_with("StringEquals"))
            .then(|| "`StringEquals` takes `*` and `?` literally; `StringLike` has wildcards".to_owned()),
    }
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

const MAX_NEAR_MISSES: usize = 5;
