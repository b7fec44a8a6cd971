//! Tags (section 3.1).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use thingstead_core::Arn;

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
    if let Some(rule) = rule_of(&call, &input.resource_arn)? {
        call.deps.registry.tag_unchecked(&call.scope, &rule, &tags).await?;
    } else {
        call.deps.registry.tag_resource(&call.scope, &input.resource_arn, &tags).await?;
    }
    Ok(Empty {})
}

pub(crate) async fn untag_resource(call: Call, input: UntagResourceRequest) -> Result<Empty, ApiError> {
    if let Some(rule) = rule_of(&call, &input.resource_arn)? {
        call.deps.registry.untag_unchecked(&call.scope, &rule, &input.tag_keys).await?;
    } else {
        call.deps.registry.untag_resource(&call.scope, &input.resource_arn, &input.tag_keys).await?;
    }
    Ok(Empty {})
}

pub(crate) async fn list_tags_for_resource(
    call: Call,
    input: ListTagsForResourceRequest,
) -> Result<ListTagsForResourceResponse, ApiError> {
    let tags = match rule_of(&call, &input.resource_arn)? {
        Some(rule) => call.deps.registry.tags_unchecked(&call.scope, &rule),
        None => call.deps.registry.list_tags_for_resource(&call.scope, &input.resource_arn)?,
    };
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

/// Tags of `x-amz-tagging`: a URL query (API-016).
pub(crate) fn of_header(text: &str) -> Result<Vec<(String, String)>, ApiError> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let tag = |pair: &str| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok(Tag { key: decoded(key)?, value: decoded(value)? })
    };
    let tags: Vec<Tag> = pairs.map(tag).collect::<Result<_, ApiError>>()?;
    if let Some(tag) =
        tags.iter().find(|tag| tag.key.is_empty() || tag.key.len() > 128 || tag.value.len() > 256)
    {
        let message = format!("the tag `{}` is not 1 to 128 characters with a value of at most 256", tag.key);
        return Err(ApiError::invalid_request(message));
    }
    checked(tags)
}

/// The ARN of a topic rule that exists: rules are the engine's resources, their tags are the registry's.
fn rule_of(call: &Call, arn: &str) -> Result<Option<String>, ApiError> {
    let Some(parsed) = Arn::parse(arn) else { return Ok(None) };
    let Some(name) = parsed.resource_of("rule") else { return Ok(None) };
    let ours = parsed.scope() == call.scope && parsed.service == "iot";
    if ours && call.deps.rules.has_topic_rule(&call.scope, name) {
        return Ok(Some(arn.to_owned()));
    }
    Err(ApiError::not_found(format!("The resource {arn} does not exist")))
}

fn decoded(text: &str) -> Result<String, ApiError> {
    let spaced = text.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&spaced).decode_utf8();
    decoded
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| ApiError::invalid_request(format!("the tag `{text}` is not percent-encoded UTF-8")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_a_header_are_a_query() {
        // API-016
        let pairs = |text: &str| of_header(text).expect(text);
        let owned = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        assert_eq!(pairs(""), []);
        assert_eq!(pairs("a=b%20c&d=e&f"), owned(&[("a", "b c"), ("d", "e"), ("f", "")]));
        assert_eq!(pairs("team%3Aiot=%C3%BC"), owned(&[("team:iot", "ü")]));
        // API-069
        for wrong in ["aws:x=1", "a=1&a=2", "=1", &format!("{}=1", "k".repeat(129))] {
            assert_eq!(of_header(wrong).expect_err(wrong).name(), "InvalidRequestException");
        }
    }
}
