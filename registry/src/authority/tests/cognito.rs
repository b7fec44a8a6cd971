//! Cognito identities: what needs the role, what needs both sides, and which side a refusal blames.

use super::*;

const ID: &str = "us-east-1:00000000-0000-4000-8000-000000000001";

fn identity(authenticated: bool) -> Principal {
    Principal::Cognito { identity_id: ID.into(), authenticated }
}

/// What a side's policies say about the action asked for.
#[derive(Clone, Copy, Debug)]
enum Says {
    Nothing,
    Allow,
    Deny,
}
use Says::{Allow, Deny, Nothing};

fn side(name: &str, says: Says, action: Action) -> Vec<Applicable> {
    match says {
        Nothing => vec![allow(name, "iot:Other", "*")],
        Allow => vec![allow(name, action.name(), "*")],
        Deny => vec![allow(name, "iot:*", "*"), deny("d", action.name(), "*")],
    }
}

fn judged(authenticated: bool, role: Says, policies: Says, action: Action) -> Decision {
    let source = Arc::new(Maps::default());
    source.change(|state| {
        state.identities.grant(ID, side("role", role, action));
        attach(state, Holder::Identity(ID), side("iot", policies, action));
    });
    let mut authority = connection(&source, identity(authenticated), "c");
    let decision = authority.decide(action, "c");
    assert_eq!(authority.permits(action, "c"), decision.is_allowed(), "{action} {decision:?}");
    (*decision).clone()
}

#[test]
fn an_authenticated_identity_needs_both_sides_for_seven_actions() {
    // POLICY-364, POLICY-365
    use Outcome::{Allowed, ExplicitDeny, ImplicitDeny};
    let twice = [
        Action::Connect,
        Action::Publish,
        Action::Subscribe,
        Action::Receive,
        Action::GetThingShadow,
        Action::UpdateThingShadow,
        Action::DeleteThingShadow,
    ];
    let once = [
        Action::RetainPublish,
        Action::ListNamedShadowsForThing,
        Action::GetRetainedMessage,
        Action::GetConnection,
        Action::SendDirectMessage,
    ];
    for (role, policies, both, role_alone) in [
        (Allow, Allow, Allowed, Allowed),
        (Allow, Nothing, ImplicitDeny, Allowed),
        (Allow, Deny, ExplicitDeny, Allowed),
        (Nothing, Allow, ImplicitDeny, ImplicitDeny),
        (Nothing, Nothing, ImplicitDeny, ImplicitDeny),
        (Nothing, Deny, ExplicitDeny, ImplicitDeny),
        (Deny, Allow, ExplicitDeny, ExplicitDeny),
        (Deny, Nothing, ExplicitDeny, ExplicitDeny),
        (Deny, Deny, ExplicitDeny, ExplicitDeny),
    ] {
        for action in twice {
            assert_eq!(judged(true, role, policies, action).outcome, both, "{role:?} {policies:?} {action}");
        }
        for action in once {
            let decided = judged(true, role, policies, action).outcome;
            assert_eq!(decided, role_alone, "{role:?} {policies:?} {action}");
        }
        // POLICY-363: nobody logged in, so the policies that are attached do not matter.
        for action in twice.into_iter().chain(once) {
            let decided = judged(false, role, policies, action).outcome;
            assert_eq!(decided, role_alone, "guest {role:?} {policies:?} {action}");
        }
    }
}

#[test]
fn a_refusal_blames_the_side_that_lacks_the_allow() {
    // POLICY-364, POLICY-366
    const ROLE: &str = "the role's policies: ";
    const IOT: &str = "the attached IoT policies: ";
    for (role, policies, why, fix, silent) in [
        (Allow, Nothing, vec!["lacks one", IOT], vec![IOT, "add this statement to policy `iot`"], ROLE),
        (Nothing, Allow, vec!["lacks one", ROLE], vec![ROLE, "add this statement to policy `role`"], IOT),
        (Nothing, Nothing, vec!["lacks both", ROLE, IOT], vec![ROLE, IOT], "neither"),
        (Deny, Allow, vec!["a denial on either side", ROLE], vec![ROLE, "remove statement 1"], IOT),
        (Allow, Deny, vec!["a denial on either side", IOT], vec![IOT, "remove statement 1"], ROLE),
    ] {
        let decision = judged(true, role, policies, Action::Publish);
        assert!(decision.why.contains(ID), "{}", decision.why);
        for part in why {
            assert!(decision.why.contains(part), "{role:?} {policies:?} {part}: {}", decision.why);
        }
        let told = decision.fix.clone().expect("a fix");
        for part in fix {
            assert!(told.contains(part), "{role:?} {policies:?} {part}: {told}");
        }
        assert!(!decision.why.contains(silent) && !told.contains(silent), "{} {told}", decision.why);
    }
    let lacking = judged(true, Allow, Nothing, Action::Publish);
    assert!(lacking.near_misses.iter().all(|miss| &*miss.statement.policy == "iot"), "{lacking:?}");
    let guest = judged(false, Nothing, Allow, Action::Publish);
    assert!(guest.why.contains("judged by its role alone here"), "{}", guest.why);
    assert!(judged(true, Allow, Allow, Action::Publish).why.contains("both sides of identity"));

    // Without role policies the role is an administrator's (AUTH-109), and the identity still needs its own (POLICY-366).
    let source = Arc::new(Maps::default());
    let mut bare = connection(&source, identity(true), "c");
    for action in [Action::Connect, Action::Publish, Action::Subscribe, Action::Receive] {
        assert!(!bare.permits(action, "c"), "{action}");
    }
    assert!(bare.permits(Action::RetainPublish, "c"));
    let decision = bare.decide(Action::Connect, "c");
    assert!(decision.why.contains("no policy is attached to the identity"), "{}", decision.why);
    assert!(decision.fix.as_ref().is_some_and(|fix| fix.contains("client/c")), "{decision:?}");
}

#[test]
fn the_identity_id_has_its_value_on_both_sides() {
    // POLICY-227
    let source = Arc::new(Maps::default());
    let own = || allow("own", "iot:Publish", "A(topic/${cognito-identity.amazonaws.com:sub}/state)");
    let topic = format!("{ID}/state");
    for (role, policies) in
        [(vec![own()], vec![allow("all", "iot:*", "*")]), (vec![allow("all", "iot:*", "*")], vec![own()])]
    {
        source.change(|state| {
            state.identities.grant(ID, role);
            attach(state, Holder::Identity(ID), policies);
        });
        let mut authority = connection(&source, identity(true), "c");
        assert!(authority.permits(Action::Publish, &topic));
        assert!(!authority.permits(Action::Publish, "us-east-1:somebody/state"));
    }
}
