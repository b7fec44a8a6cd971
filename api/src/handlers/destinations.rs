//! Topic rule destinations (section 4.12).

use serde::Deserialize;
use serde_json::Value;

use super::lists::{Empty, TokenPage};
use crate::{ApiError, Call};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateTopicRuleDestinationRequest {
    destination_configuration: Value,
}

#[derive(Deserialize)]
pub(crate) struct TopicRuleDestinationRequest {
    arn: String,
}

#[derive(Deserialize)]
pub(crate) struct ListTopicRuleDestinationsRequest {
    #[serde(flatten)]
    page: TokenPage,
}

#[derive(Deserialize)]
pub(crate) struct UpdateTopicRuleDestinationRequest {
    arn: String,
    status: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ConfirmTopicRuleDestinationRequest {
    confirmation_token: String,
}

pub(crate) async fn create_topic_rule_destination(
    call: Call,
    input: CreateTopicRuleDestinationRequest,
) -> Result<Value, ApiError> {
    Ok(call.deps.rules.create_topic_rule_destination(&call.scope, &input.destination_configuration).await?)
}

pub(crate) async fn get_topic_rule_destination(
    call: Call,
    input: TopicRuleDestinationRequest,
) -> Result<Value, ApiError> {
    Ok(call.deps.rules.get_topic_rule_destination(&call.scope, &input.arn)?)
}

pub(crate) async fn list_topic_rule_destinations(
    call: Call,
    input: ListTopicRuleDestinationsRequest,
) -> Result<Value, ApiError> {
    Ok(call.deps.rules.list_topic_rule_destinations(&call.scope, &input.page.rules())?)
}

pub(crate) async fn update_topic_rule_destination(
    call: Call,
    input: UpdateTopicRuleDestinationRequest,
) -> Result<Empty, ApiError> {
    call.deps.rules.update_topic_rule_destination(&call.scope, &input.arn, &input.status).await?;
    Ok(Empty {})
}

pub(crate) async fn delete_topic_rule_destination(
    call: Call,
    input: TopicRuleDestinationRequest,
) -> Result<Empty, ApiError> {
    call.deps.rules.delete_topic_rule_destination(&call.scope, &input.arn).await?;
    Ok(Empty {})
}

/// The token alone says which destination is meant; the caller may be a browser that follows `enableUrl` (API-202).
pub(crate) async fn confirm_topic_rule_destination(
    call: Call,
    input: ConfirmTopicRuleDestinationRequest,
) -> Result<Empty, ApiError> {
    call.deps.rules.confirm_topic_rule_destination(&input.confirmation_token).await?;
    Ok(Empty {})
}
