//! Everything a scope has, in memory.

use std::collections::HashMap;
use std::sync::Arc;

use thingstead_store::{Row, Table};

use crate::attachments::{ATTACHMENTS, Attached};
use crate::authorizers::{Authorizer, DEFAULT_AUTHORIZER};
use crate::billing_groups::BillingGroup;
use crate::ca_certificates::{CaCertificate, REGISTRATION_CODE};
use crate::certificates::Certificate;
use crate::collection::{Collection, Resource};
use crate::domain_configurations::DomainConfiguration;
use crate::event_configurations::{EVENT_CONFIGURATIONS, EventConfigurations};
use crate::indexing::{DynamicQuery, INDEXING, IndexingConfiguration};
use crate::logging_options::{LOGGING, Logging};
use crate::memberships::{MEMBERSHIPS, Member};
use crate::policies::Policy;
use crate::relation::Relation;
use crate::role_aliases::RoleAlias;
use crate::session_credentials::RoleSession;
use crate::tags::{TAGS, Tags};
use crate::thing_groups::ThingGroup;
use crate::thing_principals::{THING_PRINCIPALS, ThingPrincipalType};
use crate::thing_types::ThingType;
use crate::things::Thing;

/// A scope's resources and how they hang together.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) things: Collection<Thing>,
    pub(crate) thing_types: Collection<ThingType>,
    pub(crate) thing_groups: Collection<ThingGroup>,
    pub(crate) billing_groups: Collection<BillingGroup>,
    pub(crate) certificates: Collection<Certificate>,
    pub(crate) ca_certificates: Collection<CaCertificate>,
    pub(crate) registration_code: Option<String>,
    pub(crate) policies: Collection<Policy>,
    pub(crate) domain_configurations: Collection<DomainConfiguration>,
    pub(crate) role_aliases: Collection<RoleAlias>,
    pub(crate) authorizers: Collection<Authorizer>,
    pub(crate) default_authorizer: Option<String>,
    pub(crate) role_sessions: Collection<RoleSession>,
    /// Policy name to [`crate::Target`] key.
    pub(crate) attachments: Relation<Attached>,
    /// Thing name to [`crate::Target`] key.
    pub(crate) principals: Relation<ThingPrincipalType>,
    /// Group name to thing name.
    pub(crate) members: Relation<Member>,
    /// Billing group name to thing name; the things' own rows say so.
    pub(crate) billed: Relation<()>,
    /// The queries of the dynamic groups, oldest group first.
    pub(crate) dynamic: Arc<Vec<DynamicQuery>>,
    pub(crate) events: EventConfigurations,
    pub(crate) logging: Logging,
    pub(crate) indexing: IndexingConfiguration,
    /// By ARN.
    pub(crate) tags: HashMap<String, Tags>,
}

impl State {
    /// Finds out what no row says by itself.
    pub(crate) fn derive(&mut self) {
        for thing in self.things.iter() {
            if let Some(group) = &thing.billing_group {
                self.billed.insert(group, &thing.name, ());
            }
        }
        self.parse_dynamic_groups();
    }

    /// Reads the queries of the dynamic groups anew, after a change of groups.
    pub(crate) fn parse_dynamic_groups(&mut self) {
        let queries = self.thing_groups.iter().filter_map(|group| DynamicQuery::of(group));
        self.dynamic = Arc::new(queries.collect());
    }

    /// Takes one row of the store; the reason when it cannot be read.
    pub(crate) fn load(&mut self, table: Table, row: &Row) -> Result<(), String> {
        let text = row.document.as_text().ok_or("its document is not text")?;
        fn into<T: Resource>(collection: &mut Collection<T>, text: &str) -> Result<(), String> {
            collection.load(text).map(drop).map_err(|error| error.to_string())
        }
        match table {
            Thing::TABLE => into(&mut self.things, text),
            ThingType::TABLE => into(&mut self.thing_types, text),
            ThingGroup::TABLE => into(&mut self.thing_groups, text),
            BillingGroup::TABLE => into(&mut self.billing_groups, text),
            Certificate::TABLE => into(&mut self.certificates, text),
            CaCertificate::TABLE => into(&mut self.ca_certificates, text),
            Policy::TABLE => into(&mut self.policies, text),
            DomainConfiguration::TABLE => into(&mut self.domain_configurations, text),
            RoleAlias::TABLE => into(&mut self.role_aliases, text),
            Authorizer::TABLE => into(&mut self.authorizers, text),
            DEFAULT_AUTHORIZER => {
                self.default_authorizer = serde_json::from_str(text).map_err(|error| error.to_string())?;
                Ok(())
            }
            RoleSession::TABLE => into(&mut self.role_sessions, text),
            ATTACHMENTS => self.attachments.load(&row.key, text),
            THING_PRINCIPALS => self.principals.load(&row.key, text),
            MEMBERSHIPS => self.members.load(&row.key, text),
            REGISTRATION_CODE => {
                self.registration_code = Some(text.to_owned());
                Ok(())
            }
            TAGS => {
                let tags = serde_json::from_str(text).map_err(|error| error.to_string())?;
                self.tags.insert(row.key.clone(), tags);
                Ok(())
            }
            EVENT_CONFIGURATIONS => {
                self.events = serde_json::from_str(text).map_err(|error| error.to_string())?;
                Ok(())
            }
            LOGGING => {
                self.logging = serde_json::from_str(text).map_err(|error| error.to_string())?;
                Ok(())
            }
            INDEXING => {
                self.indexing = serde_json::from_str(text).map_err(|error| error.to_string())?;
                Ok(())
            }
            other => Err(format!("table `{}` does not belong to the registry", other.name())),
        }
    }
}

/// The registry's tables: the store must be opened with them.
pub const TABLES: &[Table] = &[
    Thing::TABLE,
    ThingType::TABLE,
    ThingGroup::TABLE,
    BillingGroup::TABLE,
    Certificate::TABLE,
    CaCertificate::TABLE,
    REGISTRATION_CODE,
    Policy::TABLE,
    DomainConfiguration::TABLE,
    RoleAlias::TABLE,
    Authorizer::TABLE,
    DEFAULT_AUTHORIZER,
    RoleSession::TABLE,
    ATTACHMENTS,
    THING_PRINCIPALS,
    MEMBERSHIPS,
    TAGS,
    EVENT_CONFIGURATIONS,
    LOGGING,
    INDEXING,
];
