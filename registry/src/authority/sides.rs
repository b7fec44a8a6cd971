//! The two sides an authenticated Cognito identity is judged by: its role's policies, and the IoT policies that are attached to
//! it (POLICY-364).

use thingstead_core::{Decision, Outcome, Principal};

/// A denial on either side refuses, and each side there is must allow.
pub(super) fn outcome(role: Option<Outcome>, policies: Option<Outcome>) -> Outcome {
    let sides = [role, policies];
    let has = |outcome| sides.contains(&Some(outcome));
    if has(Outcome::ExplicitDeny) {
        Outcome::ExplicitDeny
    } else if has(Outcome::ImplicitDeny) || !has(Outcome::Allowed) {
        Outcome::ImplicitDeny
    } else {
        Outcome::Allowed
    }
}

/// One decision of both: which side decided, and what each side that did not allow would need.
pub(super) fn both(role: Decision, policies: Decision, principal: &Principal) -> Decision {
    let outcome = outcome(Some(role.outcome), Some(policies.outcome));
    let asked = role.asked.clone();
    let mut sides = [(ROLE, role), (IOT, policies)];
    let decided: Vec<&(&str, Decision)> = sides.iter().filter(|(_, side)| side.outcome == outcome).collect();
    let told: Vec<String> = decided.iter().map(|(name, side)| format!("{name}: {}", side.why)).collect();
    let told = told.join("; ");
    let why = match (outcome, decided.as_slice()) {
        (Outcome::Allowed, _) => format!("both sides of identity `{principal}` allow it: {told}"),
        (Outcome::ExplicitDeny, _) => {
            format!("a denial on either side of identity `{principal}` refuses: {told}")
        }
        (Outcome::ImplicitDeny, [_]) => format!(
            "identity `{principal}` needs an allow from its role and one from its IoT policies, and lacks one: {told}"
        ),
        (Outcome::ImplicitDeny, _) => format!(
            "identity `{principal}` needs an allow from its role and one from its IoT policies, and lacks both: {told}"
        ),
    };
    let because = decided.iter().flat_map(|(_, side)| side.because.clone()).collect();
    let fixes: Vec<String> =
        sides.iter().filter_map(|(name, side)| Some(format!("{name}: {}", side.fix.as_ref()?))).collect();
    let fix = (!fixes.is_empty()).then(|| fixes.join("; "));
    let mut near_misses = Vec::new();
    let mut variables: Vec<thingstead_core::decision::ResolvedVariable> = Vec::new();
    for (_, side) in &mut sides {
        // What nearly applied on a side that allows is of no use to whoever was refused by the other.
        if outcome.is_allowed() || !side.outcome.is_allowed() {
            near_misses.append(&mut side.near_misses);
        }
        for variable in side.variables.drain(..) {
            if !variables.contains(&variable) {
                variables.push(variable);
            }
        }
    }
    Decision { asked, outcome, because, near_misses, variables, why, fix }
}

/// The decision of the role where IoT policies are not asked (POLICY-363, POLICY-365).
pub(super) fn role_alone(mut role: Decision, principal: &Principal) -> Decision {
    if !role.is_allowed() {
        role.why = format!("identity `{principal}` is judged by its role alone here: {ROLE}: {}", role.why);
        role.fix = role.fix.map(|fix| format!("{ROLE}: {fix}"));
    }
    role
}

const ROLE: &str = "the role's policies";
const IOT: &str = "the attached IoT policies";
