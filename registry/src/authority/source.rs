//! What authorization reads from the registry.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use thingstead_core::{Scope, ThingName, Timestamp};
use thingstead_policy_engine::{Applicable, CertificateFacts, ThingFacts};

use super::Identities;

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
