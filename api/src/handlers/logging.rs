//! Logging options of both generations (section 4.13).

use serde::{Deserialize, Serialize};
use serde_json::Value;
use thingstead_registry::{LogLevel, LogTarget, LoggingOptions, V2LoggingOptions};

use super::lists::{Empty, NoMembers, TokenPage};
use crate::{ApiError, Call};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SetLoggingOptionsRequest {
    logging_options_payload: LoggingOptions,
}

#[derive(Deserialize)]
pub(crate) struct SetV2LoggingOptionsRequest {
    #[serde(flatten)]
    options: V2LoggingOptions,
}

#[derive(Deserialize)]
pub(crate) struct GetV2LoggingOptionsRequest {
    #[serde(default)]
    verbose: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct GetV2LoggingOptionsResponse {
    role_arn: Option<String>,
    default_log_level: Option<LogLevel>,
    disable_all_logs: bool,
    event_configurations: Option<Vec<Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SetV2LoggingLevelRequest {
    log_target: LogTarget,
    log_level: LogLevel,
}

#[derive(Deserialize)]
pub(crate) struct DeleteV2LoggingLevelRequest {
    #[serde(flatten)]
    target: LogTarget,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListV2LoggingLevelsRequest {
    target_type: Option<String>,
    #[serde(flatten)]
    page: TokenPage,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListV2LoggingLevelsResponse {
    log_target_configurations: Vec<LogTargetConfiguration>,
    next_token: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LogTargetConfiguration {
    log_target: LogTarget,
    log_level: LogLevel,
}

pub(crate) async fn set_logging_options(
    call: Call,
    input: SetLoggingOptionsRequest,
) -> Result<Empty, ApiError> {
    call.deps.registry.set_logging_options(&call.scope, input.logging_options_payload).await?;
    Ok(Empty {})
}

/// Empty before anything was set (API-210).
pub(crate) async fn get_logging_options(call: Call, _input: NoMembers) -> Result<LoggingOptions, ApiError> {
    Ok(call.deps.registry.get_logging_options(&call.scope))
}

pub(crate) async fn set_v2_logging_options(
    call: Call,
    input: SetV2LoggingOptionsRequest,
) -> Result<Empty, ApiError> {
    call.deps.registry.set_v2_logging_options(&call.scope, input.options).await?;
    Ok(Empty {})
}

pub(crate) async fn get_v2_logging_options(
    call: Call,
    input: GetV2LoggingOptionsRequest,
) -> Result<GetV2LoggingOptionsResponse, ApiError> {
    let options = call.deps.registry.get_v2_logging_options(&call.scope)?;
    Ok(GetV2LoggingOptionsResponse {
        role_arn: options.role_arn,
        default_log_level: options.default_log_level,
        disable_all_logs: options.disable_all_logs,
        event_configurations: options.event_configurations.or_else(|| input.verbose.then(Vec::new)),
    })
}

pub(crate) async fn set_v2_logging_level(
    call: Call,
    input: SetV2LoggingLevelRequest,
) -> Result<Empty, ApiError> {
    call.deps.registry.set_v2_logging_level(&call.scope, input.log_target, input.log_level).await?;
    Ok(Empty {})
}

pub(crate) async fn delete_v2_logging_level(
    call: Call,
    input: DeleteV2LoggingLevelRequest,
) -> Result<Empty, ApiError> {
    call.deps.registry.delete_v2_logging_level(&call.scope, &input.target).await?;
    Ok(Empty {})
}

pub(crate) async fn list_v2_logging_levels(
    call: Call,
    input: ListV2LoggingLevelsRequest,
) -> Result<ListV2LoggingLevelsResponse, ApiError> {
    let target_type = input.target_type.as_deref();
    let page = call.deps.registry.list_v2_logging_levels(&call.scope, target_type, &input.page.request())?;
    let page = page.map(|(log_target, log_level)| LogTargetConfiguration { log_target, log_level });
    Ok(ListV2LoggingLevelsResponse { log_target_configurations: page.items, next_token: page.next })
}
