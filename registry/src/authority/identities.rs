//! Principals without a certificate: what the configuration says about them.

use std::collections::HashMap;
use std::sync::Arc;

use thingstead_core::PolicyName;
use thingstead_policy_engine::Applicable;

/// Policies of IAM identities and Cognito roles, from the configuration (AUTH-109, AUTH-134), and of clients that nobody
/// authenticated.
#[derive(Clone, Debug, Default)]
pub struct Identities {
    roles: HashMap<Arc<str>, Vec<Applicable>>,
    /// The IoT policy of the plain listener's clients; without one they may do everything.
    pub anonymous_policy: Option<PolicyName>,
}

impl Identities {
    /// Gives an identity its IAM policies. `identity` is the ARN or unique id of an IAM user or role, or a Cognito
    /// identity id. An identity that was given none is an administrator (AUTH-109); one that was given an empty list may do nothing.
    pub fn grant(&mut self, identity: &str, policies: Vec<Applicable>) {
        self.roles.insert(Arc::from(identity), policies);
    }

    /// The IAM policies of the first of these names that has some; `None` for an administrator.
    pub(super) fn role(&self, names: &[&str]) -> Option<&[Applicable]> {
        names.iter().find_map(|name| self.roles.get(*name)).map(Vec::as_slice)
    }
}
