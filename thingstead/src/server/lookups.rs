//! What the SQL's functions may ask of shadows and registry.

use bytes::Bytes;
use serde_json::{Map, Value, json};
use thingstead_core::{Scope, ShadowName, ThingName};
use thingstead_registry::{PageRequest, Registry, thing_group_arn};
use thingstead_rules::Lookups;
use thingstead_shadow::{ShadowId, ShadowService};

/// Shadows and registry, joined for the rules.
pub(super) struct Inside {
    pub(super) shadow: ShadowService,
    pub(super) registry: Registry,
}

impl Lookups for Inside {
    fn thing_shadow(&self, scope: &Scope, thing: &str, shadow: Option<&str>) -> Result<Bytes, String> {
        let id = ShadowId {
            scope: scope.clone(),
            thing: ThingName::from(thing),
            shadow: shadow.map(ShadowName::from),
        };
        self.shadow.read(&id).ok_or_else(|| match shadow {
            None => format!("thing `{thing}` has no classic shadow"),
            Some(shadow) => format!("thing `{thing}` has no shadow `{shadow}`"),
        })
    }

    fn describe_thing(&self, scope: &Scope, thing: &str) -> Result<Value, String> {
        let thing = self.registry.describe_thing(scope, thing).map_err(|error| error.to_string())?;
        let members = [
            ("defaultClientId", json!(thing.name)),
            ("thingName", json!(thing.name)),
            ("thingId", json!(thing.id)),
            ("thingArn", json!(thing.arn(scope).to_string())),
            ("thingTypeName", json!(thing.type_name)),
            ("attributes", json!(thing.attributes)),
            ("version", json!(thing.version)),
            ("billingGroupName", json!(thing.billing_group)),
        ];
        let known = members.into_iter().filter(|(_, value)| !value.is_null());
        Ok(Value::Object(known.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>()))
    }

    fn thing_groups_of(&self, scope: &Scope, thing: &str) -> Result<Value, String> {
        let page = self
            .registry
            .list_thing_groups_for_thing(scope, thing, &PageRequest::default())
            .map_err(|error| error.to_string())?;
        let groups: Vec<_> = page
            .items
            .iter()
            .map(|group| json!({ "groupName": group.name, "groupArn": thing_group_arn(scope, &group.name).to_string() }))
            .collect();
        Ok(json!({ "thingGroups": groups }))
    }
}
