//! What many inputs and outputs share: pages and times.

use serde::{Deserialize, Serialize, Serializer};
use thingstead_core::Timestamp;
use thingstead_registry::{PageRequest, RegistryError};

use crate::ApiError;

/// `maxResults` and `nextToken` (API-050).
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TokenPage {
    max_results: Option<usize>,
    next_token: Option<String>,
}

/// `pageSize`, `marker` and `ascendingOrder` (API-050).
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MarkerPage {
    page_size: Option<usize>,
    marker: Option<String>,
    #[serde(default)]
    pub(crate) ascending_order: bool,
}

/// A time in an answer: epoch seconds with fraction (API-031).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Epoch(pub(crate) Timestamp);

/// An input without members.
#[derive(Debug, Deserialize)]
pub(crate) struct NoMembers {}

/// An answer without members (API-027).
#[derive(Debug, Serialize)]
pub(crate) struct Empty {}

impl TokenPage {
    pub(crate) fn request(self) -> PageRequest {
        PageRequest { token: self.next_token, limit: self.max_results }
    }

    pub(crate) fn rules(self) -> thingstead_rules::Page {
        let max_results = self.max_results.and_then(|max| u64::try_from(max).ok());
        thingstead_rules::Page { max_results, next_token: self.next_token }
    }
}

impl MarkerPage {
    pub(crate) fn request(self) -> PageRequest {
        PageRequest { token: self.marker, limit: self.page_size }
    }
}

impl Serialize for Epoch {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0.as_secs_f64())
    }
}

impl From<RegistryError> for ApiError {
    fn from(error: RegistryError) -> Self {
        let plain = Self::new(error.code(), error.message());
        match error {
            RegistryError::ResourceAlreadyExists { resource_id, resource_arn, .. } => {
                let members = [("resourceId", resource_id), ("resourceArn", resource_arn)];
                let known = members.into_iter().filter_map(|(name, value)| Some((name, value?)));
                known.fold(plain, |error, (name, value)| error.with(name, value))
            }
            RegistryError::MalformedPolicy { why, .. } => plain.with("why", why),
            _ => plain,
        }
    }
}

/// The token of the page behind `position` (API-051, API-056).
pub(crate) fn token(list: &'static str, position: &str) -> String {
    thingstead_registry::page_token(list, position)
}

/// Where the page before ended.
///
/// # Errors
/// The token is not one of this list.
pub(crate) fn after(list: &'static str, token: Option<&str>) -> Result<Option<String>, ApiError> {
    let page = PageRequest { token: token.map(str::to_owned), limit: None };
    Ok(page.position(list)?)
}
