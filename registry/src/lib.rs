//! Floor 2: things, certificates, policies, attachments, rules as resources; authorization of principals
//!
//! One file a resource. [`Registry`] keeps everything in memory and writes rows for restarts; [`authority`] says who may do
//! what; [`ServerCa`] issues device and server certificates.

mod attachments;
mod attributes;
pub mod authority;
mod authorizers;
mod billing_groups;
mod ca;
mod ca_certificates;
mod certificates;
mod change;
mod collection;
mod constraints;
pub mod custom_auth;
mod domain_configurations;
mod dynamic_groups;
mod dynamic_memberships;
mod endpoint;
mod error;
mod event_configurations;
mod events;
mod first_contact;
mod indexing;
mod labels;
mod logging_options;
mod memberships;
mod page;
mod policies;
mod registry;
mod relation;
mod role_aliases;
mod session_credentials;
mod settings;
mod state;
mod tags;
mod target;
mod thing_groups;
mod thing_principals;
mod thing_types;
mod things;
mod x509;

pub use attributes::{AttributePayload, Attributes};
pub use authority::{Action, Authority, AuthorityRequest};
pub use authorizers::{Authorizer, AuthorizerStatus, CreateAuthorizer, UpdateAuthorizer};
pub use billing_groups::BillingGroup;
pub use ca::{CaError, ServerCa, ServerCertificate, ServerCertificates, ServerNames};
pub use ca_certificates::{CaCertificate, RegisterCaCertificate, RegistrationConfig, UpdateCaCertificate};
pub use certificates::{
    Certificate, CertificateMode, CertificateStatus, CreatedKeysAndCertificate, KnownCertificate,
    RegisterCertificate, TransferData, certificate_arn,
};
pub use domain_configurations::{
    ApplicationProtocol, AuthenticationType, AuthorizerConfig, CreateDomainConfiguration,
    DEFAULT_DOMAIN_CONFIGURATIONS, DomainConfiguration, DomainConfigurationStatus, DomainSettings,
    DomainType, Named, SecurityPolicy, ServerCertificateConfig, ServiceType, UpdateDomainConfiguration,
};
pub use dynamic_groups::{CreateDynamicThingGroup, UpdateDynamicThingGroup};
pub use endpoint::Endpoints;
pub use error::{RegistryError, Result};
pub use event_configurations::{EventConfigurations, EventType};
pub use indexing::{
    Bucket, Buckets, Connectivity, DescribedIndex, FieldType, FleetSource, FoundDocuments, IndexField,
    IndexingConfiguration, Numbers, Percentile, SearchQuery, Statistics, ThingDocument, ThingGroupDocument,
    ThingGroupIndexing, ThingIndexing, ThingIndexingMode,
};
pub use logging_options::{EventLogging, LogLevel, LogLevels, LogTarget, LoggingOptions, V2LoggingOptions};
pub use memberships::name_or_arn;
pub use page::{Page, PageRequest, token as page_token};
pub use policies::{Policy, PolicyVersion};
pub use registry::Registry;
pub use role_aliases::RoleAlias;
pub use session_credentials::{Assumption, RoleSession, SessionRefusal, SessionThing};
pub use settings::RegistrySettings;
pub use state::TABLES;
pub use tags::Tags;
pub use target::Target;
pub use thing_groups::{
    CreateThingGroup, DescribedThingGroup, DynamicDefinition, ThingGroup, thing_group_arn,
};
pub use thing_principals::ThingPrincipalType;
pub use thing_types::{Propagated, ThingType, ThingTypeProperties};
pub use things::{CreateThing, Thing, ThingFilter, UpdateThing};
pub use x509::{Pkcs12, Pkcs12Error};
