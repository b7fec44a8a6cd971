//! `timestream`: one record per member of the result (RULES-556 ff.).

use serde_json::{Value as Json, json};

use super::aws::{AwsCall, AwsError, JsonVersion, Service};
use super::{Context, Field, Members, Prepare, Prepared, Unready, Work};
use crate::RulesError;
use crate::sql::{Value, json as sql_json};

/// The action's members.
#[derive(Debug)]
pub(crate) struct Timestream {
    database: Field,
    table: Field,
    dimensions: Vec<(String, Field)>,
    timestamp: Option<(Field, Field)>,
}

impl Timestream {
    pub(crate) fn compile(members: &Members<'_>) -> Result<Self, RulesError> {
        members.role()?;
        let mut dimensions = Vec::new();
        for dimension in members.required_list("dimensions", 1..=MAX_DIMENSIONS)? {
            let name = dimension.plain("name")?;
            check_dimension(name)
                .map_err(|why| RulesError::invalid(format!("`{}` {why}", dimension.at("name"))))?;
            dimensions.push((name.to_owned(), dimension.field("value")?));
        }
        let timestamp = match members.object("timestamp")? {
            Some(timestamp) => {
                let unit = timestamp.field("unit")?;
                if let Some(plain) = unit.plain() {
                    check_unit(plain)
                        .map_err(|why| RulesError::invalid(format!("`{}` {why}", timestamp.at("unit"))))?;
                }
                Some((timestamp.field("value")?, unit))
            }
            None => None,
        };
        Ok(Self {
            database: members.field("databaseName")?,
            table: members.field("tableName")?,
            dimensions,
            timestamp,
        })
    }

    fn time(&self, context: &Context<'_>) -> Result<(String, String), Unready> {
        let Some((value, unit)) = &self.timestamp else {
            return Ok((context.now().as_millis().to_string(), "MILLISECONDS".to_owned()));
        };
        let value = context.fill_required("timestamp.value", value)?;
        let unit = context.fill_optional(&Some(unit.clone()))?.unwrap_or_else(|| "MILLISECONDS".to_owned());
        check_unit(&unit).map_err(|why| Unready::Failed(format!("`timestamp.unit` {why}")))?;
        if value.parse::<u64>().is_err() {
            return Err(Unready::Failed(format!("`timestamp.value` is `{value}`, which is no whole number")));
        }
        Ok((value, unit))
    }
}

impl Prepare for Timestream {
    fn prepare(&self, context: &Context<'_>) -> Result<Prepared, Unready> {
        let database = context.fill_required("databaseName", &self.database)?;
        let table = context.fill_required("tableName", &self.table)?;
        let Some(Value::Object(result)) = context.value() else {
            return Err(Unready::Failed("the result is no object, which timestream needs".to_owned()));
        };
        let mut dimensions = Vec::new();
        for (name, value) in &self.dimensions {
            // An empty dimension would be refused by the service.
            if let Some(value) = context.fill_optional(&Some(value.clone()))? {
                dimensions.push(json!({"Name": name, "Value": value, "DimensionValueType": "VARCHAR"}));
            }
        }
        let (time, unit) = self.time(context)?;
        let records: Vec<Json> = result
            .iter()
            .filter_map(|(name, value)| {
                let (kind, text) = measure(value)?;
                Some(json!({"MeasureName": &**name, "MeasureValue": text, "MeasureValueType": kind}))
            })
            .collect();
        if records.len() > MAX_VALUES {
            return Err(Unready::Failed(format!(
                "the result has {} values; a message has at most {MAX_VALUES}",
                records.len()
            )));
        }
        let body = json!({
            "DatabaseName": database,
            "TableName": table,
            "CommonAttributes": {"Dimensions": dimensions, "Time": time, "TimeUnit": unit},
            "Records": records,
        });
        let call = AwsCall::json(&TIMESTREAM, "Timestream_20181101.WriteRecords", JsonVersion::V1_0, &body);
        Ok(Prepared {
            resources: vec![("DatabaseName", database), ("TableName", table.clone())],
            resource: table,
            explain,
            work: Work::Aws(if records.is_empty() { Vec::new() } else { vec![call] }),
        })
    }
}

/// Type and text of a measure; nulls leave none (RULES-557).
fn measure(value: &Value) -> Option<(&'static str, String)> {
    Some(match value {
        Value::Undefined | Value::Null => return None,
        Value::Bool(value) => ("BOOLEAN", value.to_string()),
        Value::Str(text) => ("VARCHAR", text.to_string()),
        Value::Array(_) | Value::Object(_) => ("VARCHAR", sql_json::text(value)),
        number => {
            let text = sql_json::text(number);
            let kind = if text.contains(['.', 'e', 'E']) { "DOUBLE" } else { "BIGINT" };
            (kind, text)
        }
    })
}

/// RULES-559.
fn check_dimension(name: &str) -> Result<(), String> {
    let reserved = matches!(name, "measure_name" | "measure_value" | "time")
        || name.starts_with("ts_")
        || name.starts_with("measure_value")
        || name.contains(':')
        || name.is_empty();
    if !reserved {
        return Ok(());
    }
    Err(format!(
        "is `{name}`; it must not be measure_name, measure_value or time, begin with ts_ or measure_value, or hold a colon"
    ))
}

fn check_unit(unit: &str) -> Result<(), String> {
    if matches!(unit, "SECONDS" | "MILLISECONDS" | "MICROSECONDS" | "NANOSECONDS") {
        return Ok(());
    }
    Err(format!("is `{unit}`; allowed are `SECONDS`, `MILLISECONDS`, `MICROSECONDS`, `NANOSECONDS`"))
}

fn explain(error: &AwsError) -> String {
    format!("Failed to write records to Timestream. The error received was {error}")
}

const MAX_DIMENSIONS: usize = 128;
/// RULES-561.
const MAX_VALUES: usize = 100;

static TIMESTREAM: Service =
    Service { id: "TIMESTREAM_WRITE", signing: "timestream", host: "ingest.timestream" };
