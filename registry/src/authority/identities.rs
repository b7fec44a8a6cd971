//! Principals without a certificate: what the configuration says about them.

use std::collections::HashMap;
use std::sync::Arc;

use thingstead_core::{PolicyName, Principal};
use thingstead_policy_engine::Applicable;

/// Policies of IAM identities and Cognito roles, from the configuration (AUTH-109, AUTH-134), and of clients that nobody
/// authenticated.
#[derive(Clone, Debug, Default)]
pub struct Identities {
    roles: HashMap<Arc<str>, Vec<Applicable>>,
    /// Cognito identities by the access keys they sign with: the id, and whether somebody logged in.
    cognito: HashMap<Arc<str>, (Arc<str>, bool)>,
    /// The IoT policy of the plain listener's clients; without one they may do everything.
    pub anonymous_policy: Option<PolicyName>,
}

impl Identities {
    /// Gives an identity its IAM policies. `identity` is the ARN or unique id of an IAM user or role, or a Cognito
    /// identity id. An identity that was given none is an administrator (AUTH-109); one that was given an empty list may do nothing.
    pub fn grant(&mut self, identity: &str, policies: Vec<Applicable>) {
        self.roles.insert(Arc::from(identity), policies);
    }

    /// Makes whoever signs with the access key a Cognito identity, `REGION:UUID` (AUTH-130, AUTH-134). Its role's policies are
    /// those that [`Identities::grant`] gives the identity id.
    pub fn assign(&mut self, access_key: &str, identity_id: &str, authenticated: bool) {
        self.cognito.insert(Arc::from(access_key), (Arc::from(identity_id), authenticated));
    }

    /// Who signs with an access key: a Cognito identity where the configuration says so, else an IAM user of the account.
    /// Temporary credentials of roles are not known here, see [`crate::Registry::role_session`].
    pub fn principal_of(&self, account: &str, access_key: &str) -> Principal {
        match self.cognito.get(access_key) {
            Some((identity_id, authenticated)) => {
                Principal::Cognito { identity_id: Arc::clone(identity_id), authenticated: *authenticated }
            }
            None => Principal::of_access_key(account, access_key),
        }
    }

    /// The IAM policies of the first of these names that has some; `None` for an administrator.
    pub(super) fn role(&self, names: &[&str]) -> Option<&[Applicable]> {
        names.iter().find_map(|name| self.roles.get(*name)).map(Vec::as_slice)
    }
}
