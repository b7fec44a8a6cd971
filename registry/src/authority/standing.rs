//! What a principal may rest on at one generation of the registry: its policies and its facts.

use std::sync::Arc;

use thingstead_core::{Arn, Decision, Outcome, Principal, Scope, ThingName};
use thingstead_policy_engine::{
    Applicable, CertificateFacts, Context, Protocol, Request, ThingContext, ThingFacts, Verdict, evaluate,
    permits, verdicts,
};

use super::source::{Holder, Source, ThingAttachment};
use super::{Action, AuthorityRequest, iam_keys, sides};

/// Loaded from the registry, dropped when its generation has risen.
#[derive(Debug)]
pub(super) struct Standing {
    pub(super) generation: u64,
    /// The IAM side: `None` for principals that IAM does not govern.
    role: Option<Role>,
    /// The IoT side: `None` for principals that IoT policies do not govern.
    pub(super) policies: Option<Vec<Applicable>>,
    pub(super) context: Context,
    pub(super) thing: Option<ThingName>,
    /// Decisions may change by time alone and are not remembered.
    pub(super) depends_on_time: bool,
}

#[derive(Debug)]
enum Role {
    /// May do everything; the sentence says why.
    Administrator(&'static str),
    Policies(Vec<Applicable>),
}

impl Standing {
    pub(super) fn load(
        source: &dyn Source,
        request: &AuthorityRequest,
        certificate: &mut Option<Arc<CertificateFacts>>,
        generation: u64,
    ) -> Self {
        let (thing, association) = associate(source, request);
        let identities = source.identities();
        let role_of = |names: &[&str], why| match identities.role(names) {
            Some(policies) => Role::Policies(policies.to_vec()),
            None => Role::Administrator(why),
        };
        let attached = || attached(source, request, thing.as_ref());
        let (role, policies) = match &request.principal {
            Principal::Certificate(_) => (None, Some(attached())),
            Principal::Iam { unique_id, arn } => {
                let mut names: Vec<&str> = vec![arn, unique_id];
                names.extend(assumed_role(arn));
                (Some(role_of(&names, ADMINISTRATOR)), None)
            }
            Principal::Cognito { identity_id, authenticated } => (
                Some(role_of(&[identity_id], ADMINISTRATOR)),
                // POLICY-363, POLICY-364
                authenticated.then(attached),
            ),
            // POLICY-367, POLICY-368
            Principal::Custom { .. } => {
                let mut pool = request.documents.clone();
                pool.extend(attached());
                (None, Some(pool))
            }
            Principal::Anonymous => match &identities.anonymous_policy {
                None => (Some(Role::Administrator(ANONYMOUS)), None),
                Some(name) => (None, Some(source.policy(&request.scope, name).into_iter().collect())),
            },
        };
        let in_role = match &role {
            Some(Role::Policies(policies)) => policies.as_slice(),
            _ => &[],
        };
        let all = || policies.iter().flatten().chain(in_role);
        let depends_on_time = all().any(|policy| policy.document.depends_on_time());
        // Reading a certificate takes longer than judging the CONNECT, and few policies care.
        if certificate.is_none()
            && let Some(id) = request.principal.certificate()
            && all().any(|policy| policy.document.depends_on_certificate())
        {
            *certificate = source.certificate(&request.scope, id);
        }
        let context = context(request, association, certificate.as_ref());
        Self { generation, role, policies, context, thing, depends_on_time }
    }

    pub(super) fn permits(&self, action: Action, resource: &str) -> Outcome {
        let request = Request { action: action.name(), resource, context: &self.context };
        let role = match &self.role {
            None => None,
            Some(Role::Administrator(_)) => Some(Outcome::Allowed),
            Some(Role::Policies(policies)) => Some(permits(policies, &request)),
        };
        let policies = self.policies_for(action).map(|policies| permits(policies, &request));
        sides::outcome(role, policies)
    }

    pub(super) fn decide(&self, action: Action, resource: &str, principal: &Principal) -> Decision {
        let request = Request { action: action.name(), resource, context: &self.context };
        let role = match &self.role {
            None => None,
            Some(Role::Administrator(why)) => Some(granted(&request, why)),
            Some(Role::Policies(policies)) => Some(evaluate(policies, &request)),
        };
        let policies = self.policies_for(action).map(|policies| {
            let mut decision = evaluate(policies, &request);
            if policies.is_empty() {
                decision.why = self.without_policies(principal);
            }
            decision
        });
        match (role, policies, principal) {
            (Some(role), Some(policies), _) => sides::both(role, policies, principal),
            (Some(role), None, Principal::Cognito { .. }) => sides::role_alone(role, principal),
            (Some(decision), None, _) | (None, Some(decision), _) => decision,
            (None, None, _) => evaluate(&[], &request),
        }
    }

    /// What each IoT policy has to say.
    pub(super) fn verdicts(&self, action: Action, resource: &str) -> Vec<Verdict> {
        let request = Request { action: action.name(), resource, context: &self.context };
        self.policies.as_deref().map(|policies| verdicts(policies, &request)).unwrap_or_default()
    }

    fn policies_for(&self, action: Action) -> Option<&[Applicable]> {
        // Where a role stands beside the policies, they are asked for some actions only (POLICY-365).
        let asked = self.role.is_none() || action.is_checked_twice();
        self.policies.as_deref().filter(|_| asked)
    }

    fn without_policies(&self, principal: &Principal) -> String {
        let groups = match &self.thing {
            Some(thing) => format!(" and none to a group of thing `{thing}`"),
            None => String::new(),
        };
        match principal {
            Principal::Certificate(id) => format!(
                "no policy is attached to certificate `{id}`{groups}, and without one everything is refused"
            ),
            Principal::Cognito { .. } => format!(
                "no policy is attached to the identity{groups}, and an authenticated identity needs one next to its role"
            ),
            Principal::Custom { principal_id, .. } => {
                format!("the custom authorizer answered no policy document for `{principal_id}`")
            }
            _ => "the policy of unauthenticated clients does not exist".to_owned(),
        }
    }
}

/// The name of the role that a session's ARN tells.
fn assumed_role(arn: &str) -> Option<&str> {
    let (_, session) = arn.split_once(":assumed-role/")?;
    session.split_once('/').map(|(role, _)| role)
}

fn granted(request: &Request<'_>, why: &str) -> Decision {
    Decision {
        outcome: Outcome::Allowed,
        because: Vec::new(),
        near_misses: Vec::new(),
        variables: Vec::new(),
        why: why.to_owned(),
        fix: None,
        ..evaluate(&[], request)
    }
}

/// The policies of the principal itself, and of the groups of its thing (POLICY-355, POLICY-357).
fn attached(source: &dyn Source, request: &AuthorityRequest, thing: Option<&ThingName>) -> Vec<Applicable> {
    let Some(holder) = holder(&request.principal) else { return Vec::new() };
    let mut policies = source.policies_of(&request.scope, holder);
    // POLICY-361
    if let (Protocol::Mqtt, Some(thing)) = (request.protocol, thing) {
        for group in source.groups_of(&request.scope, thing) {
            policies.extend(source.policies_of(&request.scope, Holder::ThingGroup(&group)));
        }
    }
    let mut seen = std::collections::HashSet::new();
    policies.retain(|policy| seen.insert(policy.name.clone()));
    policies
}

fn holder(principal: &Principal) -> Option<Holder<'_>> {
    match principal {
        Principal::Cognito { identity_id, authenticated: true } => Some(Holder::Identity(identity_id)),
        _ => principal.certificate().map(|id| Holder::Certificate(id)),
    }
}

/// The thing the connection belongs to (POLICY-230, POLICY-231, POLICY-240 to POLICY-242, AUTH-242).
fn associate(source: &dyn Source, request: &AuthorityRequest) -> (Option<ThingName>, ThingContext) {
    let AuthorityRequest { scope, client, protocol, .. } = request;
    let none = |why: String| (None, ThingContext::NotAssociated(why.into()));
    let Some(holder) = holder(&request.principal) else {
        return match protocol {
            Protocol::Https => (None, ThingContext::Unavailable),
            Protocol::Mqtt => none(NO_THING_PRINCIPAL.to_owned()),
        };
    };
    let attachments = source.things_of(scope, holder);
    let name = match (protocol, &request.named_thing) {
        (Protocol::Https, Some(named)) => {
            if attachments.iter().any(|attachment| attachment.thing == *named) {
                named
            } else {
                return none(format!("the principal is not attached to thing `{named}`"));
            }
        }
        (Protocol::Https, None) => return (None, ThingContext::Unavailable),
        (Protocol::Mqtt, _) => {
            let belongs = |attachment: &&ThingAttachment| {
                attachment.exclusive
                    || client.as_ref().is_some_and(|c| c.as_str() == attachment.thing.as_str())
            };
            match attachments.iter().find(belongs) {
                Some(attachment) => &attachment.thing,
                None => return none(unassociated(source, request, &attachments)),
            }
        }
    };
    let facts = source.thing(scope, name);
    let facts = facts.unwrap_or_else(|| ThingFacts { name: name.shared(), ..ThingFacts::default() });
    (Some(name.clone()), ThingContext::Associated(Arc::new(facts)))
}

/// Why a connection belongs to no thing.
fn unassociated(source: &dyn Source, request: &AuthorityRequest, attachments: &[ThingAttachment]) -> String {
    let Some(client) = &request.client else {
        return "no client identifier was given, so no thing can be associated".to_owned();
    };
    let things: Vec<String> = attachments.iter().take(5).map(|a| format!("`{}`", a.thing)).collect();
    if !things.is_empty() {
        return format!(
            "the client identifier `{client}` is not the name of a thing the principal is attached to ({})",
            things.join(", ")
        );
    }
    if source.thing(&request.scope, client).is_some() {
        return format!("the principal is not attached to thing `{client}`, nor to any other");
    }
    format!(
        "the principal is attached to no thing, and no thing is named `{client}` like the client identifier"
    )
}

fn context(
    request: &AuthorityRequest,
    thing: ThingContext,
    certificate: Option<&Arc<CertificateFacts>>,
) -> Context {
    let mut context = Context {
        protocol: request.protocol,
        client_id: request.client.as_ref().map(|client| client.shared()),
        thing,
        certificate: certificate.cloned(),
        source_ip: request.source_ip,
        domain_name: request.domain_name.clone(),
        secure_transport: request.secure_transport,
        connect_attributes: request.connect_attributes.clone(),
        last_will_topic: request.last_will_topic.as_ref().map(|topic| topic_arn(&request.scope, topic)),
        topic: request.direct_message_topic.clone(),
        include_socket_information: request.include_socket_information,
        ..Context::default()
    };
    if let Principal::Cognito { identity_id, .. } = &request.principal {
        // POLICY-227
        context.insert("cognito-identity.amazonaws.com:sub", identity_id);
    }
    iam_keys::add(&mut context, request);
    context
}

fn topic_arn(scope: &Scope, topic: &str) -> Arc<str> {
    Arc::from(Arn::iot(scope, format!("topic/{topic}")).to_string())
}

const ADMINISTRATOR: &str =
    "an IAM identity without configured policies is an administrator and may do everything";
const ANONYMOUS: &str =
    "clients of the plain listener may do everything, because no policy is named for them";
const NO_THING_PRINCIPAL: &str =
    "only certificates and authenticated Cognito identities are attached to things";
