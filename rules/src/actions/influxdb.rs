//! `influxDB`: writes each object of the result as one line of InfluxDB's line protocol (RULES-568 ff.).

use std::time::Duration;

use thingstead_core::topic::Quoted;

use super::http::{BatchConfig, HttpCall, Joining};
use super::send::HttpRequest;
use super::{AwsError, Context, Field, Members, Prepare, Prepared, Unready, Work};
use crate::RulesError;
use crate::sql::{Object, Value, json as sql_json};

/// The action's members.
#[derive(Debug)]
pub(crate) struct InfluxDb {
    write: Write,
    table: Field,
    tags: Vec<(String, Field)>,
    batch: Option<BatchConfig>,
    /// Only then the engine adds a timestamp of its own (RULES-569).
    is_error_action: bool,
}

/// Where lines go; the rest of the address is the destination's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Write {
    pub(crate) destination: String,
    pub(crate) database: String,
    pub(crate) organization: Option<String>,
    pub(crate) unit: Unit,
}

/// `timestampUnit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

impl InfluxDb {
    pub(crate) fn compile(members: &Members<'_>) -> Result<Self, RulesError> {
        members.role()?;
        let mut tags = Vec::new();
        if let Some(object) = members.object("tags")? {
            for (name, _) in object.entries() {
                check_key(name).map_err(|why| RulesError::invalid(format!("`{}` {why}", object.at(name))))?;
                if let Some(field) = object.optional_element_field(name)? {
                    tags.push((name.to_owned(), field));
                }
            }
        }
        if tags.len() > MAX_TAGS {
            return Err(RulesError::invalid(format!(
                "`{}` has {} entries; allowed are 0 to {MAX_TAGS}",
                members.at("tags"),
                tags.len()
            )));
        }
        tags.sort_by(|(a, _), (b, _)| a.cmp(b));
        let unit = members
            .one_of("timestampUnit", &["SECONDS", "MILLISECONDS", "MICROSECONDS", "NANOSECONDS"])?
            .map_or(Unit::Milliseconds, Unit::of);
        let is_error_action = members.compiling.is_error_action;
        Ok(Self {
            write: Write {
                destination: members.plain("destinationArn")?.to_owned(),
                database: members.plain("databaseName")?.to_owned(),
                organization: members.optional_plain("organization")?.map(str::to_owned),
                unit,
            },
            table: members
                .optional_element_field("tableName")?
                .ok_or_else(|| members.missing("tableName"))?,
            tags,
            batch: batch_config(members)?,
            is_error_action,
        })
    }

    fn line(&self, context: &Context<'_>, element: &Value) -> Result<String, Unready> {
        let Value::Object(object) = element else {
            return Err(Unready::Failed(
                "an element of the result is no object, which influxDB needs".to_owned(),
            ));
        };
        let mut line = escape(&self.table_of(context, element)?, ", ");
        let mut columns = 1;
        for (name, field) in &self.tags {
            let value = field.fill_element(context, element)?;
            if !value.is_empty() {
                line.push_str(&format!(",{}={}", escape(name, ",= "), escape(&value, ",= ")));
                columns += 1;
            }
        }
        let fields = self.fields(object)?;
        columns += fields.len();
        if fields.is_empty() {
            return Err(Unready::Failed("an object of the result has no fields to write".to_owned()));
        }
        if columns > MAX_COLUMNS {
            return Err(Unready::Failed(format!(
                "an object of the result makes {columns} columns; a table has at most {MAX_COLUMNS}"
            )));
        }
        let timestamp = match object.get("timestamp") {
            Some(Value::Int(epoch)) => epoch.to_string(),
            None if self.is_error_action => self.write.unit.of_millis(context.now().as_millis()).to_string(),
            found => {
                return Err(Unready::Failed(format!(
                    "the member `timestamp` of an object of the result is {}; it must be a whole number",
                    found.map_or("missing".to_owned(), |found| format!("`{}`", sql_json::text(found)))
                )));
            }
        };
        Ok(format!("{line} {} {timestamp}", fields.join(",")))
    }

    fn table_of(&self, context: &Context<'_>, element: &Value) -> Result<String, Unready> {
        let table = self.table.fill_element(context, element)?;
        if table.is_empty() {
            return Err(Unready::Failed(format!(
                "`tableName` is empty: `{}` has no value",
                self.table.text()
            )));
        }
        Ok(table.into_owned())
    }

    /// The members that are neither the timestamp nor used by table name or tags (RULES-572).
    fn fields(&self, object: &Object) -> Result<Vec<String>, Unready> {
        let used: Vec<_> = std::iter::once(&self.table)
            .chain(self.tags.iter().map(|(_, field)| field))
            .flat_map(Field::element_names)
            .collect();
        let mut fields = Vec::new();
        for (name, value) in object.iter() {
            if &**name == "timestamp" || used.contains(name) {
                continue;
            }
            if let Some(value) = field_value(name, value)? {
                check_key(name).map_err(|why| Unready::Failed(format!("the member `{name}` {why}")))?;
                fields.push(format!("{}={value}", escape(name, ",= ")));
            }
        }
        Ok(fields)
    }
}

impl Prepare for InfluxDb {
    fn prepare(&self, context: &Context<'_>) -> Result<Prepared, Unready> {
        let value = context
            .value()
            .ok_or_else(|| Unready::Failed("the result is no JSON, which influxDB needs".to_owned()))?;
        let elements: &[Value] = match &value {
            Value::Array(elements) => elements,
            single => std::slice::from_ref(single),
        };
        // RULES-574: one bad element fails the whole write.
        let lines =
            elements.iter().map(|element| self.line(context, element)).collect::<Result<Vec<_>, _>>()?;
        if lines.is_empty() {
            return Err(Unready::Failed("the result is an empty list".to_owned()));
        }
        let request = HttpRequest {
            method: "POST",
            url: self.write.destination.clone(),
            headers: vec![("content-type".to_owned(), "text/plain; charset=utf-8".to_owned())],
            body: lines.join("\n").into(),
        };
        let call = HttpCall {
            request,
            confirmation_url: String::new(),
            signing: None,
            batch: self.batch,
            joining: Joining::Lines,
            influx: Some(self.write.clone()),
        };
        Ok(Prepared {
            resources: vec![
                ("Destination", self.write.destination.clone()),
                ("Database", self.write.database.clone()),
            ],
            resource: self.write.database.clone(),
            explain,
            work: Work::Http(Box::new(call)),
        })
    }
}

impl Unit {
    fn of(word: &str) -> Self {
        match word {
            "SECONDS" => Self::Seconds,
            "MICROSECONDS" => Self::Microseconds,
            "NANOSECONDS" => Self::Nanoseconds,
            _ => Self::Milliseconds,
        }
    }

    /// `precision` of `/api/v2/write`.
    pub(crate) const fn v2(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Microseconds => "us",
            Self::Nanoseconds => "ns",
        }
    }

    /// `precision` of `/api/v3/write_lp`.
    pub(crate) const fn v3(self) -> &'static str {
        match self {
            Self::Seconds => "second",
            Self::Milliseconds => "millisecond",
            Self::Microseconds => "microsecond",
            Self::Nanoseconds => "nanosecond",
        }
    }

    fn of_millis(self, millis: i64) -> i128 {
        let millis = i128::from(millis);
        match self {
            Self::Seconds => millis.div_euclid(1_000),
            Self::Milliseconds => millis,
            Self::Microseconds => millis * 1_000,
            Self::Nanoseconds => millis * 1_000_000,
        }
    }
}

/// A field's value; `None` for null, which is left out (RULES-571).
fn field_value(name: &str, value: &Value) -> Result<Option<String>, Unready> {
    Ok(Some(match value {
        Value::Undefined | Value::Null => return Ok(None),
        Value::Bool(value) => if *value { "t" } else { "f" }.to_owned(),
        Value::Int(value) if i64::try_from(*value).is_ok() => format!("{value}i"),
        Value::Int(value) if u64::try_from(*value).is_ok() => format!("{value}u"),
        Value::Int(value) => {
            return Err(Unready::Failed(format!(
                "the member `{name}` is `{value}`, which has more than 64 bits"
            )));
        }
        Value::Str(text) => quoted(text),
        Value::Array(_) | Value::Object(_) => quoted(&sql_json::text(value)),
        Value::Decimal(_) | Value::Verbatim(_) => sql_json::text(value),
    }))
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

fn escape(text: &str, special: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if special.contains(letter) {
            out.push('\\');
        }
        // A line break would end the line.
        out.push(if letter == '\n' { ' ' } else { letter });
    }
    out
}

/// RULES-575.
fn check_key(key: &str) -> Result<(), String> {
    if key.is_empty() || key.starts_with('_') {
        return Err(format!("is named {}; a name must not be empty or begin with `_`", Quoted(key)));
    }
    Ok(())
}

/// `batchConfig` (RULES-577); without it nothing is batched.
fn batch_config(members: &Members<'_>) -> Result<Option<BatchConfig>, RulesError> {
    let Some(config) = members.object("batchConfig")? else { return Ok(None) };
    if members.compiling.is_error_action {
        return Err(RulesError::invalid(format!(
            "`{}`: an error action has no `batchConfig` of its own",
            members.path()
        )));
    }
    let number = |value: Option<u64>, default: usize| {
        value.and_then(|value| usize::try_from(value).ok()).unwrap_or(default)
    };
    Ok(Some(BatchConfig {
        open: Duration::from_millis(config.integer("maxBatchOpenMs", 5..=1_000)?.unwrap_or(20)),
        size: number(config.integer("maxBatchSize", 1..=500)?, 10),
        bytes: number(config.integer("maxBatchSizeBytes", 100..=131_072)?, 5_120),
        across_topics: config.boolean("batchAcrossTopics")?,
    }))
}

pub(crate) fn explain(error: &AwsError) -> String {
    format!("Failed to write to InfluxDB. The error received was {error}")
}

/// RULES-345.
const MAX_TAGS: usize = 498;
/// RULES-575.
const MAX_COLUMNS: usize = 250;
