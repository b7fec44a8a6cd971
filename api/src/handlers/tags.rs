//! Tags (section 3.1).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::lists::Empty;
use crate::{ApiError, Call};

/// A tag; both members are capitalised (API-033).
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Tag {
    #[serde(rename = "Key")]
    key: String,
    #[serde(rename = "Value", default)]
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TagResourceRequest {
    resource_arn: String,
    #[serde(default)]
    tags: Vec<Tag>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UntagResourceRequest {
    resource_arn: String,
    #[serde(default)]
    tag_keys: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListTagsForResourceRequest {
    resource_arn: String,
}

/// All tags at once: there is no page size to ask for (API-057).
#[derive(Serialize)]
pub(crate) struct ListTagsForResourceResponse {
    tags: Vec<Tag>,
}

pub(crate) async fn tag_resource(call: Call, input: TagResourceRequest) -> Result<Empty, ApiError> {
    let tags = checked(input.tags)?;
    call.deps.registry.tag_resource(&call.scope, &input.resource_arn, &tags).await?;
    Ok(Empty {})
}

pub(crate) async fn untag_resource(call: Call, input: UntagResourceRequest) -> Result<Empty, ApiError> {
    call.deps.registry.untag_resource(&call.scope, &input.resource_arn, &input.tag_keys).await?;
    Ok(Empty {})
}

pub(crate) async fn list_tags_for_resource(
    call: Call,
    input: ListTagsForResourceRequest,
) -> Result<ListTagsForResourceResponse, ApiError> {
    let tags = call.deps.registry.list_tags_for_resource(&call.scope, &input.resource_arn)?;
    let tags = tags.into_iter().map(|(key, value)| Tag { key, value }).collect();
    Ok(ListTagsForResourceResponse { tags })
}

/// Checks tags that come with a creation, before anything is created (API-069).
pub(crate) fn checked(tags: Vec<Tag>) -> Result<Vec<(String, String)>, ApiError> {
    let mut seen = BTreeSet::new();
    for tag in &tags {
        if tag.key.starts_with("aws:") {
            let message = format!("the tag key `{}` begins with `aws:`, which is reserved", tag.key);
            return Err(ApiError::invalid_request(message));
        }
        if !seen.insert(tag.key.as_str()) {
            return Err(ApiError::invalid_request(format!("the tag key `{}` is given twice", tag.key)));
        }
    }
    Ok(tags.into_iter().map(|tag| (tag.key, tag.value)).collect())
}
