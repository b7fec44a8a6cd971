//! What authorization reads from the registry.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use thingstead_core::{CertificateId, Scope, ThingName, Timestamp};
use thingstead_policy_engine::{Applicable, CertificateFacts, ThingFacts};

use super::{Authority, AuthorityRequest, Identities, certificate_facts};
use crate::{Policy, Propagated, Registry, Target, ThingPrincipalType};

/// The registry, seen from authorization. Every answer is of this moment (POLICY-215, POLICY-360, POLICY-369).
pub trait Source: Send + Sync + 'static {
    /// Rises with every change that can alter a decision in the scope, before the change can be read.
    fn generation(&self, scope: &Scope) -> Arc<AtomicU64>;

    /// The time now.
    fn now(&self) -> Timestamp;

    /// The policies of principals that no certificate stands for.
    fn identities(&self) -> Arc<Identities>;

    /// A policy with its default version (POLICY-065).
    fn policy(&self, scope: &Scope, name: &str) -> Option<Applicable>;

    /// The policies attached to a holder, with their default versions.
    fn policies_of(&self, scope: &Scope, holder: Holder<'_>) -> Vec<Applicable>;

    /// What policies may know about a registered certificate.
    fn certificate(&self, scope: &Scope, id: &str) -> Option<Arc<CertificateFacts>>;

    /// The things a certificate or identity is attached to.
    fn things_of(&self, scope: &Scope, holder: Holder<'_>) -> Vec<ThingAttachment>;

    /// What policies may know about a thing.
    fn thing(&self, scope: &Scope, name: &str) -> Option<ThingFacts>;

    /// The static groups that hold a thing, and all their ancestors, each once.
    fn groups_of(&self, scope: &Scope, thing: &str) -> Vec<Arc<str>>;

    /// What a thing's type adds to the messages of its client (MQTT-108).
    fn propagated(&self, _scope: &Scope, _thing: &str, _client: &str) -> Propagated {
        Propagated::default()
    }
}

/// Who may have policies attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder<'a> {
    /// A certificate, by its id.
    Certificate(&'a str),
    /// A static thing group, by its name.
    ThingGroup(&'a str),
    /// A Cognito identity, `REGION:UUID`.
    Identity(&'a str),
}

/// A thing a principal is attached to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThingAttachment {
    /// The thing.
    pub thing: ThingName,
    /// `EXCLUSIVE_THING` (POLICY-231).
    pub exclusive: bool,
}

impl Registry {
    /// Judges a connection or request by what the registry holds.
    pub fn authority(&self, request: AuthorityRequest) -> Authority {
        Authority::new(Arc::new(self.clone()), request)
    }
}

impl Source for Registry {
    fn generation(&self, scope: &Scope) -> Arc<AtomicU64> {
        self.generation_counter(scope)
    }

    fn now(&self) -> Timestamp {
        self.clock().now()
    }

    fn identities(&self) -> Arc<Identities> {
        Arc::clone(&self.0.settings.identities)
    }

    fn policy(&self, scope: &Scope, name: &str) -> Option<Applicable> {
        self.read(scope, |state| state.policies.get(name).and_then(|policy| applicable(policy)))
    }

    fn policies_of(&self, scope: &Scope, holder: Holder<'_>) -> Vec<Applicable> {
        let policies = Self::policies_of(self, scope, &target(holder));
        policies.iter().filter_map(|policy| applicable(policy)).collect()
    }

    fn certificate(&self, scope: &Scope, id: &str) -> Option<Arc<CertificateFacts>> {
        let certificate = self.read(scope, |state| state.certificates.get(id).cloned())?;
        Some(Arc::new(certificate_facts(id, &certificate.der()?)))
    }

    fn things_of(&self, scope: &Scope, holder: Holder<'_>) -> Vec<ThingAttachment> {
        let key = target(holder).key();
        self.read(scope, |state| {
            let attachments = state.principals.lefts_of(&key);
            attachments
                .map(|thing| ThingAttachment {
                    thing: ThingName::from(Arc::clone(thing)),
                    exclusive: state.principals.get(thing, &key) == Some(&ThingPrincipalType::ExclusiveThing),
                })
                .collect()
        })
    }

    fn thing(&self, scope: &Scope, name: &str) -> Option<ThingFacts> {
        let thing = self.read(scope, |state| state.things.get(name).cloned())?;
        let attributes = thing.attributes.iter();
        Some(ThingFacts {
            name: thing.name.shared(),
            type_name: thing.type_name.as_deref().map(Arc::from),
            attributes: attributes
                .map(|(name, value)| (name.as_str().into(), value.as_str().into()))
                .collect(),
        })
    }

    fn groups_of(&self, scope: &Scope, thing: &str) -> Vec<Arc<str>> {
        self.groups_with_ancestors(scope, thing)
    }

    fn propagated(&self, scope: &Scope, thing: &str, client: &str) -> Propagated {
        self.propagating_attributes(scope, thing, client)
    }
}

fn target(holder: Holder<'_>) -> Target {
    match holder {
        Holder::Certificate(id) => Target::Certificate(CertificateId::from(id)),
        Holder::ThingGroup(name) => Target::ThingGroup(Arc::from(name)),
        Holder::Identity(id) => Target::Identity(Arc::from(id)),
    }
}

/// A policy as its default version has it.
fn applicable(policy: &Policy) -> Option<Applicable> {
    let version = policy.default()?;
    let document = Arc::clone(&version.document);
    Some(Applicable { name: policy.name.clone(), version: Some(version.id()), document })
}
