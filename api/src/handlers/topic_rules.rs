//! Topic rules (section 4.11). The engine keeps them; their tags are the registry's.

use serde::Deserialize;
use serde_json::Value;
use thingstead_rules::{ListTopicRules, RulesError, TopicRule};

use super::lists::{Empty, TokenPage};
use super::tags;
use crate::{ApiError, Call};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateTopicRuleRequest {
    rule_name: String,
    topic_rule_payload: Value,
    tags: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReplaceTopicRuleRequest {
    rule_name: String,
    topic_rule_payload: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TopicRuleRequest {
    rule_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListTopicRulesRequest {
    topic: Option<String>,
    rule_disabled: Option<bool>,
    #[serde(flatten)]
    page: TokenPage,
}

pub(crate) async fn create_topic_rule(call: Call, input: CreateTopicRuleRequest) -> Result<Empty, ApiError> {
    let tags = tags::of_header(input.tags.as_deref().unwrap_or_default())?;
    call.deps.rules.create_topic_rule(&call.scope, &input.rule_name, &input.topic_rule_payload).await?;
    if !tags.is_empty() {
        let arn = TopicRule::arn(&call.scope, &input.rule_name);
        call.deps.registry.tag_unchecked(&call.scope, &arn, &tags).await?;
    }
    Ok(Empty {})
}

pub(crate) async fn replace_topic_rule(
    call: Call,
    input: ReplaceTopicRuleRequest,
) -> Result<Empty, ApiError> {
    call.deps.rules.replace_topic_rule(&call.scope, &input.rule_name, &input.topic_rule_payload).await?;
    Ok(Empty {})
}

pub(crate) async fn get_topic_rule(call: Call, input: TopicRuleRequest) -> Result<Value, ApiError> {
    Ok(call.deps.rules.get_topic_rule(&call.scope, &input.rule_name)?)
}

pub(crate) async fn list_topic_rules(call: Call, input: ListTopicRulesRequest) -> Result<Value, ApiError> {
    let wanted =
        ListTopicRules { topic: input.topic, rule_disabled: input.rule_disabled, page: input.page.rules() };
    Ok(call.deps.rules.list_topic_rules(&call.scope, &wanted)?)
}

pub(crate) async fn enable_topic_rule(call: Call, input: TopicRuleRequest) -> Result<Empty, ApiError> {
    call.deps.rules.set_topic_rule_disabled(&call.scope, &input.rule_name, false).await?;
    Ok(Empty {})
}

pub(crate) async fn disable_topic_rule(call: Call, input: TopicRuleRequest) -> Result<Empty, ApiError> {
    call.deps.rules.set_topic_rule_disabled(&call.scope, &input.rule_name, true).await?;
    Ok(Empty {})
}

pub(crate) async fn delete_topic_rule(call: Call, input: TopicRuleRequest) -> Result<Empty, ApiError> {
    call.deps.rules.delete_topic_rule(&call.scope, &input.rule_name).await?;
    call.deps.registry.forget_tags(&call.scope, &TopicRule::arn(&call.scope, &input.rule_name)).await?;
    Ok(Empty {})
}

impl From<RulesError> for ApiError {
    fn from(error: RulesError) -> Self {
        let plain = Self::new(error.code(), error.to_string());
        match error {
            RulesError::ResourceAlreadyExists { resource_id, resource_arn, .. } => {
                plain.with("resourceId", resource_id).with("resourceArn", resource_arn)
            }
            _ => plain,
        }
    }
}
