//! The operations that are built, by name. Whatever is not in the table answers 501.

mod attachments;
mod authorization;
mod authorizers;
mod billing_groups;
mod ca_certificates;
mod certificate_transfers;
mod certificates;
mod connections;
mod destinations;
mod domain_configurations;
mod dynamic_groups;
mod endpoint;
mod events;
mod indexing;
mod lists;
mod logging;
mod memberships;
mod policies;
mod publish;
mod retained;
mod role_aliases;
mod search;
mod shadows;
mod tags;
mod thing_groups;
mod thing_principals;
mod thing_types;
mod things;
mod topic_rules;

use std::future::Future;
use std::pin::Pin;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::call::IntoReply;
use crate::model::{Operation, Service};
use crate::{ApiError, Call, Reply};

/// A handler without its types: from members to members.
pub(crate) type Handler = fn(Call, Value) -> Pin<Box<dyn Future<Output = Result<Reply, ApiError>> + Send>>;

/// The handler of an operation, if it is built.
pub(crate) fn find(operation: &Operation) -> Option<Handler> {
    let table = match operation.service {
        Service::Iot => IOT,
        Service::IotData => IOT_DATA,
        Service::IotJobsData => IOT_JOBS_DATA,
    };
    table.iter().find(|(name, _)| *name == operation.name).map(|(_, handler)| *handler)
}

/// Rows of a table: `CreateThing => things::create_thing`.
macro_rules! operations {
    ($($name:ident => $handler:path,)*) => {
        &[$((stringify!($name), |call, input| {
            Box::pin(async move {
                $handler(call, typed(input)?).await.and_then(IntoReply::into_reply)
            })
        }),)*]
    };
}

const IOT: &[(&str, Handler)] = operations! {
    AcceptCertificateTransfer => certificate_transfers::accept_certificate_transfer,
    AddThingToBillingGroup => billing_groups::add_thing_to_billing_group,
    AddThingToThingGroup => memberships::add_thing_to_thing_group,
    AttachPolicy => attachments::attach_policy,
    AttachPrincipalPolicy => attachments::attach_principal_policy,
    AttachThingPrincipal => thing_principals::attach_thing_principal,
    CancelCertificateTransfer => certificate_transfers::cancel_certificate_transfer,
    ClearDefaultAuthorizer => authorizers::clear_default_authorizer,
    ConfirmTopicRuleDestination => destinations::confirm_topic_rule_destination,
    CreateAuthorizer => authorizers::create_authorizer,
    CreateBillingGroup => billing_groups::create_billing_group,
    CreateCertificateFromCsr => certificates::create_certificate_from_csr,
    CreateDomainConfiguration => domain_configurations::create_domain_configuration,
    CreateDynamicThingGroup => dynamic_groups::create_dynamic_thing_group,
    CreateKeysAndCertificate => certificates::create_keys_and_certificate,
    CreatePolicy => policies::create_policy,
    CreatePolicyVersion => policies::create_policy_version,
    CreateRoleAlias => role_aliases::create_role_alias,
    CreateThing => things::create_thing,
    CreateThingGroup => thing_groups::create_thing_group,
    CreateThingType => thing_types::create_thing_type,
    CreateTopicRule => topic_rules::create_topic_rule,
    CreateTopicRuleDestination => destinations::create_topic_rule_destination,
    DeleteAuthorizer => authorizers::delete_authorizer,
    DeleteBillingGroup => billing_groups::delete_billing_group,
    DeleteCACertificate => ca_certificates::delete_ca_certificate,
    DeleteCertificate => certificates::delete_certificate,
    DeleteDomainConfiguration => domain_configurations::delete_domain_configuration,
    DeleteDynamicThingGroup => dynamic_groups::delete_dynamic_thing_group,
    DeletePolicy => policies::delete_policy,
    DeletePolicyVersion => policies::delete_policy_version,
    DeleteRegistrationCode => ca_certificates::delete_registration_code,
    DeleteRoleAlias => role_aliases::delete_role_alias,
    DeleteThing => things::delete_thing,
    DeleteThingGroup => thing_groups::delete_thing_group,
    DeleteThingType => thing_types::delete_thing_type,
    DeleteTopicRule => topic_rules::delete_topic_rule,
    DeleteTopicRuleDestination => destinations::delete_topic_rule_destination,
    DeleteV2LoggingLevel => logging::delete_v2_logging_level,
    DeprecateThingType => thing_types::deprecate_thing_type,
    DescribeAuthorizer => authorizers::describe_authorizer,
    DescribeBillingGroup => billing_groups::describe_billing_group,
    DescribeCACertificate => ca_certificates::describe_ca_certificate,
    DescribeCertificate => certificates::describe_certificate,
    DescribeDomainConfiguration => domain_configurations::describe_domain_configuration,
    DescribeDefaultAuthorizer => authorizers::describe_default_authorizer,
    DescribeEndpoint => endpoint::describe_endpoint,
    DescribeEventConfigurations => events::describe_event_configurations,
    DescribeIndex => indexing::describe_index,
    DescribeRoleAlias => role_aliases::describe_role_alias,
    DescribeThing => things::describe_thing,
    DescribeThingGroup => thing_groups::describe_thing_group,
    DescribeThingType => thing_types::describe_thing_type,
    DetachPolicy => attachments::detach_policy,
    DetachPrincipalPolicy => attachments::detach_principal_policy,
    DetachThingPrincipal => thing_principals::detach_thing_principal,
    DisableTopicRule => topic_rules::disable_topic_rule,
    EnableTopicRule => topic_rules::enable_topic_rule,
    GetBucketsAggregation => search::get_buckets_aggregation,
    GetCardinality => search::get_cardinality,
    GetEffectivePolicies => authorization::get_effective_policies,
    GetIndexingConfiguration => indexing::get_indexing_configuration,
    GetLoggingOptions => logging::get_logging_options,
    GetPercentiles => search::get_percentiles,
    GetPolicy => policies::get_policy,
    GetPolicyVersion => policies::get_policy_version,
    GetRegistrationCode => ca_certificates::get_registration_code,
    GetStatistics => search::get_statistics,
    GetThingConnectivityData => search::get_thing_connectivity_data,
    GetTopicRule => topic_rules::get_topic_rule,
    GetTopicRuleDestination => destinations::get_topic_rule_destination,
    GetV2LoggingOptions => logging::get_v2_logging_options,
    ListAttachedPolicies => attachments::list_attached_policies,
    ListAuthorizers => authorizers::list_authorizers,
    ListBillingGroups => billing_groups::list_billing_groups,
    ListCACertificates => ca_certificates::list_ca_certificates,
    ListCertificates => certificates::list_certificates,
    ListCertificatesByCA => certificates::list_certificates_by_ca,
    ListDomainConfigurations => domain_configurations::list_domain_configurations,
    ListIndices => indexing::list_indices,
    ListOutgoingCertificates => certificate_transfers::list_outgoing_certificates,
    ListPolicies => policies::list_policies,
    ListPolicyPrincipals => attachments::list_policy_principals,
    ListPolicyVersions => policies::list_policy_versions,
    ListPrincipalPolicies => attachments::list_principal_policies,
    ListPrincipalThings => thing_principals::list_principal_things,
    ListPrincipalThingsV2 => thing_principals::list_principal_things_v2,
    ListRoleAliases => role_aliases::list_role_aliases,
    ListTagsForResource => tags::list_tags_for_resource,
    ListTargetsForPolicy => attachments::list_targets_for_policy,
    ListThingGroups => thing_groups::list_thing_groups,
    ListThingGroupsForThing => memberships::list_thing_groups_for_thing,
    ListThingPrincipals => thing_principals::list_thing_principals,
    ListThingPrincipalsV2 => thing_principals::list_thing_principals_v2,
    ListThingTypes => thing_types::list_thing_types,
    ListThings => things::list_things,
    ListThingsInBillingGroup => billing_groups::list_things_in_billing_group,
    ListThingsInThingGroup => memberships::list_things_in_thing_group,
    ListTopicRuleDestinations => destinations::list_topic_rule_destinations,
    ListTopicRules => topic_rules::list_topic_rules,
    ListV2LoggingLevels => logging::list_v2_logging_levels,
    RegisterCACertificate => ca_certificates::register_ca_certificate,
    RegisterCertificate => certificates::register_certificate,
    RegisterCertificateWithoutCA => certificates::register_certificate_without_ca,
    RejectCertificateTransfer => certificate_transfers::reject_certificate_transfer,
    RemoveThingFromBillingGroup => billing_groups::remove_thing_from_billing_group,
    RemoveThingFromThingGroup => memberships::remove_thing_from_thing_group,
    ReplaceTopicRule => topic_rules::replace_topic_rule,
    SearchIndex => search::search_index,
    SetDefaultAuthorizer => authorizers::set_default_authorizer,
    SetDefaultPolicyVersion => policies::set_default_policy_version,
    SetLoggingOptions => logging::set_logging_options,
    SetV2LoggingLevel => logging::set_v2_logging_level,
    SetV2LoggingOptions => logging::set_v2_logging_options,
    TagResource => tags::tag_resource,
    TestAuthorization => authorization::test_authorization,
    TestInvokeAuthorizer => authorizers::test_invoke_authorizer,
    TransferCertificate => certificate_transfers::transfer_certificate,
    UntagResource => tags::untag_resource,
    UpdateAuthorizer => authorizers::update_authorizer,
    UpdateBillingGroup => billing_groups::update_billing_group,
    UpdateCACertificate => ca_certificates::update_ca_certificate,
    UpdateCertificate => certificates::update_certificate,
    UpdateDomainConfiguration => domain_configurations::update_domain_configuration,
    UpdateDynamicThingGroup => dynamic_groups::update_dynamic_thing_group,
    UpdateEventConfigurations => events::update_event_configurations,
    UpdateIndexingConfiguration => indexing::update_indexing_configuration,
    UpdateRoleAlias => role_aliases::update_role_alias,
    UpdateThing => things::update_thing,
    UpdateThingGroup => thing_groups::update_thing_group,
    UpdateThingGroupsForThing => memberships::update_thing_groups_for_thing,
    UpdateThingType => thing_types::update_thing_type,
    UpdateTopicRuleDestination => destinations::update_topic_rule_destination,
};

const IOT_DATA: &[(&str, Handler)] = operations! {
    DeleteConnection => connections::delete_connection,
    DeleteThingShadow => shadows::delete_thing_shadow,
    GetConnection => connections::get_connection,
    GetRetainedMessage => retained::get_retained_message,
    GetThingShadow => shadows::get_thing_shadow,
    ListNamedShadowsForThing => shadows::list_named_shadows_for_thing,
    ListRetainedMessages => retained::list_retained_messages,
    ListSubscriptions => connections::list_subscriptions,
    Publish => publish::publish,
    SendDirectMessage => connections::send_direct_message,
    UpdateThingShadow => shadows::update_thing_shadow,
};

const IOT_JOBS_DATA: &[(&str, Handler)] = operations! {};

/// The input as the handler wants it. The model leaves members optional that an operation cannot do without; the error names them.
fn typed<T: DeserializeOwned>(input: Value) -> Result<T, ApiError> {
    serde_json::from_value(input)
        .map_err(|error| ApiError::invalid_request(format!("the input does not fit: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_name_operations_of_the_models() {
        for (service, table) in
            [(Service::Iot, IOT), (Service::IotData, IOT_DATA), (Service::IotJobsData, IOT_JOBS_DATA)]
        {
            for (name, _) in table {
                let known = service.model().operations().iter().any(|operation| operation.name == *name);
                assert!(known, "{name} is no operation of {}", service.name());
            }
        }
    }
}
