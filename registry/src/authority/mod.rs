//! Who may do what: which policies apply to a principal, and what they decide.
//!
//! An [`Authority`] belongs to one connection or one request. It reads the registry when it is first asked and again
//! whenever a policy, attachment, thing, group or certificate of the scope has changed, so every change counts for the
//! next packet (POLICY-369).

mod action;
mod certificate_facts;
mod iam_keys;
mod identities;
mod known;
mod sides;
mod source;
mod standing;
mod test_authorization;

#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use thingstead_core::{ClientId, Decision, Outcome, Principal, Scope, ThingName};
use thingstead_policy_engine::{Applicable, CertificateFacts, Protocol, any_of};

pub use action::Action;
pub use certificate_facts::certificate_facts;
pub use identities::Identities;
pub use source::{Holder, Source, ThingAttachment};
pub use test_authorization::{AuthorizationTest, TestedAction};

use crate::RoleSession;
use known::Known;
use standing::Standing;

/// Who asks, from where, and how: all that a connection or an HTTPS request knows about itself.
#[derive(Clone, Debug)]
pub struct AuthorityRequest {
    /// Whose resources are meant: the scope of the principal.
    pub scope: Scope,
    /// Who authenticated.
    pub principal: Principal,
    /// The session of a role whose temporary credentials signed (AUTH-241).
    pub session: Option<Arc<RoleSession>>,
    /// MQTT (also over WebSocket) or HTTPS.
    pub protocol: Protocol,
    /// The client identifier, also one the server assigned (POLICY-223); `None` on HTTPS.
    pub client: Option<ClientId>,
    /// The peer's address.
    pub source_ip: Option<IpAddr>,
    /// The host name the client connected to, its SNI.
    pub domain_name: Option<Arc<str>>,
    /// Whether the listener speaks TLS.
    pub secure_transport: bool,
    /// `PersistentConnect` and `LastWill`, as far as they hold; see [`connect_attributes`].
    pub connect_attributes: Vec<Arc<str>>,
    /// The bare will topic of the CONNECT.
    pub last_will_topic: Option<Arc<str>>,
    /// The documents a custom authorizer answered (POLICY-367, POLICY-368).
    pub documents: Vec<Applicable>,
    /// The thing a credentials request names in its header (AUTH-242).
    pub named_thing: Option<ThingName>,
    /// The bare topic of `SendDirectMessage`.
    pub direct_message_topic: Option<Arc<str>>,
    /// `includeSocketInformation` of `GetConnection`.
    pub include_socket_information: Option<bool>,
}

impl AuthorityRequest {
    /// A request with nothing known but who asks and by which door; TLS is assumed.
    pub fn new(scope: Scope, principal: Principal, protocol: Protocol) -> Self {
        Self {
            scope,
            principal,
            session: None,
            protocol,
            client: None,
            source_ip: None,
            domain_name: None,
            secure_transport: true,
            connect_attributes: Vec::new(),
            last_will_topic: None,
            documents: Vec::new(),
            named_thing: None,
            direct_message_topic: None,
            include_socket_information: None,
        }
    }
}

/// The values of `iot:ConnectAttributes` (POLICY-320 to POLICY-322): `persistent` is `cleanSession` 0 in MQTT 3.1.1, a
/// Session Expiry Interval above 0 in MQTT 5.
pub fn connect_attributes(persistent: bool, has_will: bool) -> Vec<Arc<str>> {
    let attributes = [(persistent, "PersistentConnect"), (has_will, "LastWill")];
    attributes.into_iter().filter(|(holds, _)| *holds).map(|(_, name)| Arc::from(name)).collect()
}

/// Judges what one principal asks for, on one connection or in one request.
pub struct Authority {
    source: Arc<dyn Source>,
    request: AuthorityRequest,
    standing: Option<Standing>,
    certificate: Option<Arc<CertificateFacts>>,
    known: Known,
    /// The ARN of the last question, kept for its memory.
    resource: String,
}

impl Authority {
    /// Nothing is read until the first question.
    pub fn new(source: Arc<dyn Source>, request: AuthorityRequest) -> Self {
        let known = Known::new(source.generation(&request.scope));
        Self { source, request, standing: None, certificate: None, known, resource: String::new() }
    }

    /// Whether the action on a topic, filter, client … (the bare name, see [`Action`]) is allowed.
    ///
    /// Decisions on topics and filters are remembered until something changes.
    #[inline]
    pub fn permits(&mut self, action: Action, subject: &str) -> bool {
        let known = action.remembered().and_then(|bit| self.known.get(bit, subject));
        known.unwrap_or_else(|| self.judge(action, subject))
    }

    fn judge(&mut self, action: Action, subject: &str) -> bool {
        let fresh = self.refresh();
        let allowed = self.outcome(action, subject).is_allowed();
        if let Some(bit) = action.remembered().filter(|_| fresh) {
            self.known.insert(bit, subject, allowed);
        }
        allowed
    }

    /// The same with all reasons.
    pub fn decide(&mut self, action: Action, subject: &str) -> Arc<Decision> {
        self.refresh();
        Arc::new(self.decision(action, subject))
    }

    /// Whether a message on `topic` may be delivered to this client; `share` is the share name of a shared
    /// subscription, for which either form of the topic suffices (POLICY-103, POLICY-138).
    #[inline]
    pub fn permits_delivery(&mut self, topic: &str, share: Option<&str>) -> bool {
        let Some(share) = share else { return self.permits(Action::Receive, topic) };
        let shared = format!("$share/{share}/{topic}");
        let fresh = self.refresh();
        let remembered = Action::Receive.remembered();
        if let Some(known) = remembered.and_then(|bit| self.known.get(bit, &shared)) {
            return known;
        }
        let outcomes = [self.outcome(Action::Receive, topic), self.outcome(Action::Receive, &shared)];
        let allowed = !outcomes.contains(&Outcome::ExplicitDeny) && outcomes.contains(&Outcome::Allowed);
        if let Some(bit) = remembered.filter(|_| fresh) {
            self.known.insert(bit, &shared, allowed);
        }
        allowed
    }

    /// [`Authority::permits_delivery`] with all reasons.
    pub fn decide_delivery(&mut self, topic: &str, share: Option<&str>) -> Arc<Decision> {
        self.refresh();
        let plain = self.decision(Action::Receive, topic);
        Arc::new(match share {
            None => plain,
            Some(share) => any_of(plain, self.decision(Action::Receive, &format!("$share/{share}/{topic}"))),
        })
    }

    /// The thing this connection belongs to now (POLICY-230, POLICY-231).
    pub fn thing(&mut self) -> Option<ThingName> {
        self.refresh();
        self.standing.as_ref().and_then(|standing| standing.thing.clone())
    }

    /// Who is judged.
    pub fn principal(&self) -> &Principal {
        &self.request.principal
    }

    /// What the connection knows about itself.
    pub fn request(&self) -> &AuthorityRequest {
        &self.request
    }

    /// Replaces the documents of a custom authorizer after a refresh (AUTH-215).
    pub fn set_documents(&mut self, documents: Vec<Applicable>) {
        self.request.documents = documents;
        self.standing = None;
        self.known.begin(None);
    }

    /// The policies that apply now: those of the IoT side, each once.
    pub fn policies(&mut self) -> Vec<Applicable> {
        self.refresh();
        let standing = self.standing.as_ref();
        standing.and_then(|standing| standing.policies.clone()).unwrap_or_default()
    }

    /// Reads the registry anew if it has changed; `false` when decisions must not be remembered.
    fn refresh(&mut self) -> bool {
        // Read before the registry is: a change in between makes the number differ at the next question.
        let generation = self.known.generation();
        if self.standing.as_ref().is_none_or(|standing| standing.generation != generation) {
            let certificate = &mut self.certificate;
            let standing = Standing::load(self.source.as_ref(), &self.request, certificate, generation);
            self.known.begin((!standing.depends_on_time).then_some(generation));
            self.standing = Some(standing);
        }
        match &mut self.standing {
            Some(standing) if standing.depends_on_time => {
                standing.context.now = Some(self.source.now());
                false
            }
            Some(_) => true,
            None => false,
        }
    }

    fn outcome(&mut self, action: Action, subject: &str) -> Outcome {
        action.write_resource(&self.request.scope, subject, &mut self.resource);
        match &self.standing {
            Some(standing) => standing.permits(action, &self.resource),
            None => Outcome::ImplicitDeny,
        }
    }

    fn decision(&mut self, action: Action, subject: &str) -> Decision {
        action.write_resource(&self.request.scope, subject, &mut self.resource);
        match &mut self.standing {
            Some(standing) => {
                standing.context.now = Some(self.source.now());
                standing.decide(action, &self.resource, &self.request.principal)
            }
            None => {
                let context = thingstead_policy_engine::Context::default();
                let request = thingstead_policy_engine::Request {
                    action: action.name(),
                    resource: &self.resource,
                    context: &context,
                };
                thingstead_policy_engine::evaluate(&[], &request)
            }
        }
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority").field("request", &self.request).finish_non_exhaustive()
    }
}
