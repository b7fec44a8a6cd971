//! What the SQL's functions may ask of shadows and registry.

use bytes::Bytes;
use serde_json::{Value, json};
use thingstead_core::{Scope, ShadowName, ThingName};
use thingstead_registry::Registry;
use thingstead_rules::Lookups;
use thingstead_shadow::{ShadowId, ShadowService};

/// Shadows and registry, joined for the rules.
pub(super) struct Inside {
    pub(super) shadow: ShadowService,
    pub(super) registry: Registry,
}
