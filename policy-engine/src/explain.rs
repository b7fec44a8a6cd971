//! The decision with its reasons.

use std::sync::Arc;

use thingstead_core::decision::{Asked, NearMiss, ResolvedVariable, StatementRef};
use thingstead_core::{Decision, Outcome};

use crate::context::{Absent, Context, Value};
use crate::document::{Applicable, Effect};
use crate::evaluate::{Lowered, Request};
use crate::fix;
use crate::key::Key;
use crate::template::Template;
use crate::trace::Trace;

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
    let nearest = nearest(&traces, &lowered);
    let near_misses = match outcome {
        Outcome::Allowed => lame_denials(&traces, &lowered),
        _ if applying(Effect::Allow).next().is_some() => Vec::new(),
        _ => nearest.iter().take(MAX_NEAR_MISSES).map(|trace| trace.near_miss(&lowered)).collect(),
    };
    let covering = because.first().map_or(String::new(), |trace| trace.covering(&lowered));
    let because: Vec<StatementRef> = because.into_iter().map(Trace::reference).collect();
    let granted = applying(Effect::Allow).next().is_some();
    let first = nearest.first();
    let thingless = first.is_some_and(|trace| trace.lacks_thing(&lowered));
    let repair = first.filter(|_| !thingless).and_then(|trace| trace.repair(&lowered));
    Decision {
        asked: Asked { action: Arc::from(request.action), resource: Arc::from(request.resource) },
        outcome,
        why: why(outcome, request, policies, &because, &near_misses, &covering),
        fix: fix(
            outcome,
            request,
            policies,
            &because,
            &near_misses,
            &Circumstances { granted, thingless, repair },
        ),
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

/// What else decides about the best advice.
struct Circumstances {
    /// An `Allow` applies, though a `Deny` wins.
    granted: bool,
    /// The nearest grant fails because no thing is associated.
    thingless: bool,
    /// What would let the nearest grant apply.
    repair: Option<String>,
}

/// The `Allow` statements that failed in the fewest elements, nearest first.
fn nearest<'t, 'd>(traces: &'t [Trace<'d>], request: &Lowered<'_>) -> Vec<&'t Trace<'d>> {
    let mut grants: Vec<&Trace<'_>> =
        traces.iter().filter(|trace| trace.statement.effect == Effect::Allow).collect();
    grants.sort_by_cached_key(|trace| {
        // A failed condition is nearer than a resource, a resource nearer than another action.
        let weight =
            4 * usize::from(!trace.action) + 2 * usize::from(!trace.resource) + trace.failed.len().min(1);
        let unrelated = !trace.action && trace.action_hint(request).is_none();
        (trace.misses(), weight, unrelated, std::cmp::Reverse(trace.closest_start(request)))
    });
    let fewest = grants.first().map_or(0, |trace| trace.misses());
    grants.retain(|trace| trace.misses() == fewest);
    grants
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
    covering: &str,
) -> String {
    let Request { action, resource, .. } = request;
    match (outcome, because.first(), near_misses.first()) {
        (Outcome::Allowed, Some(statement), _) => format!("{} allows it", named(statement)),
        (Outcome::ExplicitDeny, Some(statement), _) => {
            format!("{} denies it{covering}, and a denial wins over every allowance", named(statement))
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
    circumstances: &Circumstances,
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
            Some(if circumstances.granted {
                removal
            } else {
                format!("{removal}; then add this statement{version}: {statement}")
            })
        }
        Outcome::ImplicitDeny => {
            let home = near_misses.first().map(|miss| &miss.statement.policy);
            let home = home.cloned().or_else(|| policies.first().map(|policy| policy.name.shared()));
            let first = match &circumstances.repair {
                _ if circumstances.thingless => {
                    "let the connection belong to its thing (attach the certificate to the thing and connect with the thing's name as client identifier), or "
                        .to_owned()
                }
                Some(repair) => format!("{repair}, or "),
                None => String::new(),
            };
            Some(match home {
                Some(policy) => {
                    format!("{first}add this statement to policy `{policy}`{version}: {statement}")
                }
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

const MAX_NEAR_MISSES: usize = 5;
