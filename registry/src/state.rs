//! Everything a scope has, in memory.

use thingstead_store::{Row, Table};

use crate::attachments::{ATTACHMENTS, Attached};
use crate::certificates::Certificate;
use crate::collection::{Collection, Resource};
use crate::policies::Policy;
use crate::relation::Relation;
use crate::thing_principals::{THING_PRINCIPALS, ThingPrincipalType};
use crate::things::Thing;

/// A scope's resources and how they hang together.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) things: Collection<Thing>,
    pub(crate) certificates: Collection<Certificate>,
    pub(crate) policies: Collection<Policy>,
    /// Policy name to [`crate::Target`] key.
    pub(crate) attachments: Relation<Attached>,
    /// Thing name to [`crate::Target`] key.
    pub(crate) principals: Relation<ThingPrincipalType>,
}

impl State {
    /// Takes one row of the store; the reason when it cannot be read.
    pub(crate) fn load(&mut self, table: Table, row: &Row) -> Result<(), String> {
        let text = row.document.as_text().ok_or("its document is not text")?;
        fn into<T: Resource>(collection: &mut Collection<T>, text: &str) -> Result<(), String> {
            collection.load(text).map(drop).map_err(|error| error.to_string())
        }
        match table {
            Thing::TABLE => into(&mut self.things, text),
            Certificate::TABLE => into(&mut self.certificates, text),
            Policy::TABLE => into(&mut self.policies, text),
            ATTACHMENTS => self.attachments.load(&row.key, text),
            THING_PRINCIPALS => self.principals.load(&row.key, text),
            other => Err(format!("table `{}` does not belong to the registry", other.name())),
        }
    }
}

/// The registry's tables: the store must be opened with them.
pub const TABLES: &[Table] = &[Thing::TABLE, Certificate::TABLE, Policy::TABLE, ATTACHMENTS, THING_PRINCIPALS];
