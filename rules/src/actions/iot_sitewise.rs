//! `iotSiteWise`: property values made by templates alone; the result is not sent (RULES-547 to RULES-550).

use serde_json::{Map, Value, json};

use super::aws::{AwsCall, AwsError, Service};
use super::{Context, Field, Members, Prepare, Prepared, Unready, Work};
use crate::RulesError;

/// The action's members.
#[derive(Debug)]
pub(crate) struct IotSiteWise {
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    id: Option<Field>,
    alias: Option<Field>,
    asset: Option<Field>,
    property: Option<Field>,
    values: Vec<PropertyValue>,
}

#[derive(Debug)]
struct PropertyValue {
    kind: &'static str,
    value: Field,
    seconds: Field,
    nanos: Option<Field>,
    quality: Option<Field>,
}

impl IotSiteWise {
    pub(crate) fn compile(members: &Members<'_>) -> Result<Self, RulesError> {
        members.role()?;
        let entries = members.required_list("putAssetPropertyValueEntries", 1..=usize::MAX)?;
        Ok(Self { entries: entries.iter().map(Entry::compile).collect::<Result<_, _>>()? })
    }
}

impl Entry {
    fn compile(members: &Members<'_>) -> Result<Self, RulesError> {
        let field = |name| members.optional_field(name);
        let (alias, asset, property) = (field("propertyAlias")?, field("assetId")?, field("propertyId")?);
        if alias.is_none() && (asset.is_none() || property.is_none()) {
            return Err(RulesError::invalid(format!(
                "`{}` must set `propertyAlias`, or both `assetId` and `propertyId`",
                members.path()
            )));
        }
        let values = members.required_list("propertyValues", 1..=usize::MAX)?;
        let values = values.iter().map(PropertyValue::compile).collect::<Result<_, _>>()?;
        Ok(Self { id: field("entryId")?, alias, asset, property, values })
    }

    fn fill(&self, context: &Context<'_>) -> Result<Value, Unready> {
        let mut entry = Map::new();
        let id = context.fill_optional(&self.id)?.unwrap_or_else(|| context.uuid());
        entry.insert("entryId".to_owned(), json!(id));
        for (name, field) in
            [("propertyAlias", &self.alias), ("assetId", &self.asset), ("propertyId", &self.property)]
        {
            if let Some(text) = context.fill_optional(field)? {
                entry.insert(name.to_owned(), json!(text));
            }
        }
        let values = self.values.iter().map(|value| value.fill(context)).collect::<Result<Vec<_>, _>>()?;
        entry.insert("propertyValues".to_owned(), Value::Array(values));
        Ok(Value::Object(entry))
    }
}

impl PropertyValue {
    fn compile(members: &Members<'_>) -> Result<Self, RulesError> {
        let value = members.required_object("value")?;
        let mut set = Vec::new();
        for kind in KINDS {
            if let Some(field) = value.optional_limited_field(kind, 1_024)? {
                set.push((*kind, field));
            }
        }
        let (Some((kind, field)), true) = (set.pop(), set.is_empty()) else {
            return Err(RulesError::invalid(format!(
                "`{}` must set exactly one of {}",
                value.path(),
                KINDS.join(", ")
            )));
        };
        let timestamp = members.required_object("timestamp")?;
        let quality = members.optional_field("quality")?;
        if let Some(plain) = quality.as_ref().and_then(Field::plain) {
            check_quality(plain)
                .map_err(|why| RulesError::invalid(format!("`{}` {why}", members.at("quality"))))?;
        }
        Ok(Self {
            kind,
            value: field,
            seconds: timestamp.field("timeInSeconds")?,
            nanos: timestamp.optional_field("offsetInNanos")?,
            quality,
        })
    }

    fn fill(&self, context: &Context<'_>) -> Result<Value, Unready> {
        let text = context.fill_required(self.kind, &self.value)?;
        let wrong =
            |what: &str, text: &str| Unready::Failed(format!("`{what}` is `{text}`, which it cannot be"));
        let value = match self.kind {
            "integerValue" => json!(text.parse::<i32>().map_err(|_| wrong(self.kind, &text))?),
            "doubleValue" => json!(text.parse::<f64>().map_err(|_| wrong(self.kind, &text))?),
            "booleanValue" => match text.to_ascii_lowercase().as_str() {
                "true" => json!(true),
                "false" => json!(false),
                _ => return Err(wrong(self.kind, &text)),
            },
            _ => json!(text),
        };
        let number = |name: &str, text: &str| text.parse::<i64>().map_err(|_| wrong(name, text));
        let seconds = context.fill_required("timeInSeconds", &self.seconds)?;
        let mut timestamp = Map::new();
        timestamp.insert("timeInSeconds".to_owned(), json!(number("timeInSeconds", &seconds)?));
        if let Some(nanos) = context.fill_optional(&self.nanos)? {
            timestamp.insert("offsetInNanos".to_owned(), json!(number("offsetInNanos", &nanos)?));
        }
        let mut out = Map::new();
        out.insert("value".to_owned(), json!({self.kind: value}));
        out.insert("timestamp".to_owned(), Value::Object(timestamp));
        if let Some(quality) = context.fill_optional(&self.quality)? {
            check_quality(&quality).map_err(|why| Unready::Failed(format!("`quality` {why}")))?;
            out.insert("quality".to_owned(), json!(quality));
        }
        Ok(Value::Object(out))
    }
}

impl Prepare for IotSiteWise {
    fn prepare(&self, context: &Context<'_>) -> Result<Prepared, Unready> {
        let entries = self.entries.iter().map(|entry| entry.fill(context)).collect::<Result<Vec<_>, _>>()?;
        let first = entries.first();
        let named = |name: &str| first?.get(name)?.as_str().map(str::to_owned);
        let resource = named("propertyAlias").or_else(|| named("assetId")).unwrap_or_default();
        let body = json!({"entries": entries});
        let call = AwsCall::rest(
            &SITEWISE,
            "BatchPutAssetPropertyValue",
            "POST",
            "/properties".to_owned(),
            body.to_string().into(),
        )
        .header("content-type", "application/json")
        .refused_in("/errorEntries");
        Ok(Prepared {
            resources: vec![("Property", resource.clone())],
            resource,
            explain,
            work: Work::Aws(vec![call]),
        })
    }
}

fn check_quality(quality: &str) -> Result<(), String> {
    if matches!(quality, "GOOD" | "BAD" | "UNCERTAIN") {
        return Ok(());
    }
    Err(format!("is `{quality}`; allowed are `GOOD`, `BAD`, `UNCERTAIN`"))
}

fn explain(error: &AwsError) -> String {
    format!("Failed to put asset property value. The error received was {error}")
}

const KINDS: &[&str] = &["stringValue", "integerValue", "doubleValue", "booleanValue"];

static SITEWISE: Service = Service { id: "IOTSITEWISE", signing: "iotsitewise", host: "data.iotsitewise" };
