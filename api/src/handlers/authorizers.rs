//! Custom authorizers (section 5.7).

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use thingstead_core::{Event, Kind, Scope};
use thingstead_registry::custom_auth::{HttpContext, MqttContext, TestInvocation, Tested, TlsContext};
use thingstead_registry::{Authorizer, AuthorizerStatus, CreateAuthorizer, UpdateAuthorizer};

use super::lists::{Empty, Epoch, MarkerPage, NoMembers};
use super::tags::{self, Tag};
use crate::{ApiError, Call};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CreateAuthorizerRequest {
    authorizer_name: String,
    authorizer_function_arn: String,
    token_key_name: Option<String>,
    #[serde(default)]
    token_signing_public_keys: BTreeMap<String, String>,
    status: Option<AuthorizerStatus>,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    signing_disabled: bool,
    #[serde(default)]
    enable_caching_for_http: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpdateAuthorizerRequest {
    authorizer_name: String,
    authorizer_function_arn: Option<String>,
    token_key_name: Option<String>,
    token_signing_public_keys: Option<BTreeMap<String, String>>,
    status: Option<AuthorizerStatus>,
    enable_caching_for_http: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuthorizerNameRequest {
    authorizer_name: String,
}

/// An authorizer in a list, and what changes answer.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AuthorizerNameAndArn {
    authorizer_name: String,
    authorizer_arn: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DescribeAuthorizerResponse {
    authorizer_description: AuthorizerDescription,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AuthorizerDescription {
    authorizer_name: String,
    authorizer_arn: String,
    authorizer_function_arn: Arc<str>,
    token_key_name: Option<String>,
    token_signing_public_keys: Option<BTreeMap<String, String>>,
    status: AuthorizerStatus,
    creation_date: Epoch,
    last_modified_date: Epoch,
    signing_disabled: bool,
    enable_caching_for_http: bool,
}

#[derive(Deserialize)]
pub(crate) struct ListAuthorizersRequest {
    #[serde(flatten)]
    page: MarkerPage,
    status: Option<AuthorizerStatus>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ListAuthorizersResponse {
    authorizers: Vec<AuthorizerNameAndArn>,
    next_marker: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TestInvokeAuthorizerRequest {
    authorizer_name: String,
    token: Option<String>,
    token_signature: Option<String>,
    http_context: Option<HttpContextMembers>,
    mqtt_context: Option<MqttContextMembers>,
    tls_context: Option<TlsContextMembers>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HttpContextMembers {
    #[serde(default)]
    headers: BTreeMap<String, String>,
    query_string: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MqttContextMembers {
    username: Option<String>,
    /// Base64, as every blob in JSON.
    password: Option<String>,
    client_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TlsContextMembers {
    server_name: Option<String>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TestInvokeAuthorizerResponse {
    is_authenticated: bool,
    principal_id: Option<Arc<str>>,
    policy_documents: Option<Vec<String>>,
    refresh_after_in_seconds: Option<u64>,
    disconnect_after_in_seconds: Option<u64>,
}

pub(crate) async fn create_authorizer(
    call: Call,
    input: CreateAuthorizerRequest,
) -> Result<AuthorizerNameAndArn, ApiError> {
    let asked = CreateAuthorizer {
        name: input.authorizer_name,
        function: input.authorizer_function_arn,
        token_key_name: input.token_key_name,
        token_signing_public_keys: input.token_signing_public_keys,
        status: input.status,
        signing_disabled: input.signing_disabled,
        enable_caching_for_http: input.enable_caching_for_http,
        tags: tags::checked(input.tags)?,
    };
    let authorizer = call.deps.registry.create_authorizer(&call.scope, asked).await?;
    Ok(row(&authorizer, &call.scope))
}

pub(crate) async fn update_authorizer(
    call: Call,
    input: UpdateAuthorizerRequest,
) -> Result<AuthorizerNameAndArn, ApiError> {
    let asked = UpdateAuthorizer {
        function: input.authorizer_function_arn,
        token_key_name: input.token_key_name,
        token_signing_public_keys: input.token_signing_public_keys,
        status: input.status,
        enable_caching_for_http: input.enable_caching_for_http,
    };
    let registry = &call.deps.registry;
    let authorizer = registry.update_authorizer(&call.scope, &input.authorizer_name, asked).await?;
    Ok(row(&authorizer, &call.scope))
}

pub(crate) async fn describe_authorizer(
    call: Call,
    input: AuthorizerNameRequest,
) -> Result<DescribeAuthorizerResponse, ApiError> {
    let authorizer = call.deps.registry.describe_authorizer(&call.scope, &input.authorizer_name)?;
    Ok(description(&authorizer, &call.scope))
}

pub(crate) async fn list_authorizers(
    call: Call,
    input: ListAuthorizersRequest,
) -> Result<ListAuthorizersResponse, ApiError> {
    let (newest_first, registry) = (!input.page.ascending_order, &call.deps.registry);
    let page = registry.list_authorizers(&call.scope, input.status, newest_first, &input.page.request())?;
    let page = page.map(|authorizer| row(&authorizer, &call.scope));
    Ok(ListAuthorizersResponse { authorizers: page.items, next_marker: page.next })
}

pub(crate) async fn delete_authorizer(call: Call, input: AuthorizerNameRequest) -> Result<Empty, ApiError> {
    call.deps.registry.delete_authorizer(&call.scope, &input.authorizer_name).await?;
    Ok(Empty {})
}

pub(crate) async fn set_default_authorizer(
    call: Call,
    input: AuthorizerNameRequest,
) -> Result<AuthorizerNameAndArn, ApiError> {
    let authorizer = call.deps.registry.set_default_authorizer(&call.scope, &input.authorizer_name).await?;
    Ok(row(&authorizer, &call.scope))
}

pub(crate) async fn describe_default_authorizer(
    call: Call,
    _: NoMembers,
) -> Result<DescribeAuthorizerResponse, ApiError> {
    let authorizer = call.deps.registry.describe_default_authorizer(&call.scope)?;
    Ok(description(&authorizer, &call.scope))
}

pub(crate) async fn clear_default_authorizer(call: Call, _: NoMembers) -> Result<Empty, ApiError> {
    call.deps.registry.clear_default_authorizer(&call.scope).await?;
    Ok(Empty {})
}

pub(crate) async fn test_invoke_authorizer(
    call: Call,
    input: TestInvokeAuthorizerRequest,
) -> Result<TestInvokeAuthorizerResponse, ApiError> {
    let mqtt = input.mqtt_context.map(mqtt).transpose()?;
    let http = input
        .http_context
        .map(|http| HttpContext { headers: http.headers.into_iter().collect(), query: http.query_string });
    let tls = input
        .tls_context
        .map(|tls| TlsContext { server_name: tls.server_name.map(Arc::from), ..TlsContext::default() });
    let test = TestInvocation {
        authorizer: input.authorizer_name,
        token: input.token,
        signature: input.token_signature,
        tls,
        http,
        mqtt,
    };
    Ok(match call.deps.registry.test_invoke_authorizer(&call.scope, test).await? {
        Tested::NotAuthenticated(refusal) => {
            // The answer has no place for the reason.
            let event = Event::new(&call.scope, call.deps.clock.now(), Kind::ApiCall)
                .why(refusal.to_string())
                .with("operation", "TestInvokeAuthorizer")
                .with("fix", refusal.fix());
            call.deps.journal.record(event);
            TestInvokeAuthorizerResponse::default()
        }
        Tested::Authenticated { principal_id, policy_documents, refresh_after, disconnect_after } => {
            TestInvokeAuthorizerResponse {
                is_authenticated: true,
                principal_id: Some(principal_id),
                policy_documents: Some(policy_documents),
                refresh_after_in_seconds: refresh_after.map(|after| after.as_secs()),
                disconnect_after_in_seconds: Some(disconnect_after.as_secs()),
            }
        }
    })
}

fn mqtt(context: MqttContextMembers) -> Result<MqttContext, ApiError> {
    let password = context.password.map(|password| STANDARD.decode(password)).transpose();
    let password = password.map_err(|_| ApiError::invalid_request("`mqttContext.password` is not base64"))?;
    Ok(MqttContext {
        user_name: context.username.map(Arc::from),
        password: password.map(Bytes::from),
        client: context.client_id.map(Arc::from),
    })
}

fn row(authorizer: &Authorizer, scope: &Scope) -> AuthorizerNameAndArn {
    AuthorizerNameAndArn {
        authorizer_name: authorizer.name.clone(),
        authorizer_arn: authorizer.arn(scope).to_string(),
    }
}

fn description(authorizer: &Authorizer, scope: &Scope) -> DescribeAuthorizerResponse {
    let keys = &authorizer.token_signing_public_keys;
    DescribeAuthorizerResponse {
        authorizer_description: AuthorizerDescription {
            authorizer_name: authorizer.name.clone(),
            authorizer_arn: authorizer.arn(scope).to_string(),
            authorizer_function_arn: Arc::clone(&authorizer.function),
            token_key_name: authorizer.token_key_name.clone(),
            token_signing_public_keys: (!keys.is_empty()).then(|| keys.clone()),
            status: authorizer.status,
            creation_date: Epoch(authorizer.created_at),
            last_modified_date: Epoch(authorizer.modified_at),
            signing_disabled: authorizer.signing_disabled,
            enable_caching_for_http: authorizer.enable_caching_for_http,
        },
    }
}
