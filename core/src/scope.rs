//! The account and Region that own a piece of state.

use std::fmt;
use std::sync::Arc;

/// An account in a Region. All state, topics and client ids live in one scope and nothing crosses it (MQTT-007).
///
/// Cheap to clone. The certificate's owner decides the scope on MQTT, the credential on the API.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Scope(Arc<Parts>);

#[derive(PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Parts {
    account: String,
    region: String,
}

impl Scope {
    /// A scope of a 12-digit account id and a Region name, both taken as they are given.
    pub fn new(account: &str, region: &str) -> Self {
        Self(Arc::new(Parts { account: account.to_owned(), region: region.to_owned() }))
    }

    /// The 12-digit account id.
    pub fn account(&self) -> &str {
        &self.0.account
    }

    /// The Region name, such as `us-east-1`.
    pub fn region(&self) -> &str {
        &self.0.region
    }

    /// Whether `text` is a 12-digit account id.
    pub fn is_account_id(text: &str) -> bool {
        text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
    }
}

/// `ACCOUNT/REGION`, the form used as a database key.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.0.account, self.0.region)
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scope({self})")
    }
}

impl std::str::FromStr for Scope {
    type Err = InvalidScope;

    fn from_str(text: &str) -> Result<Self, InvalidScope> {
        match text.split_once('/') {
            Some((account, region)) if !account.is_empty() && !region.is_empty() => {
                Ok(Self::new(account, region))
            }
            _ => Err(InvalidScope(text.to_owned())),
        }
    }
}

/// A text that is not `ACCOUNT/REGION`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a scope; expected `ACCOUNT/REGION`")]
pub struct InvalidScope(String);
