//! `dynamoDB`: one item with the result in one column (RULES-498 ff.).

use serde_json::{Map, Value, json};

use super::attributes;
use super::aws::{AwsCall, AwsError, JsonVersion, Service};
use super::{Context, Field, Members, Prepare, Prepared, Unready, Work};
use crate::RulesError;

/// The action's members.
#[derive(Debug)]
pub(crate) struct DynamoDb {
    table: Field,
    operation: Option<Field>,
    hash: Key,
    range: Option<Key>,
    payload_field: Option<Field>,
}

#[derive(Debug)]
struct Key {
    field: Field,
    value: Field,
    is_number: bool,
}

impl DynamoDb {
    pub(crate) fn compile(members: &Members<'_>) -> Result<Self, RulesError> {
        members.role()?;
        let is_number = |name| Ok(members.one_of(name, &["STRING", "NUMBER"])? == Some("NUMBER"));
        let range = match (members.optional_field("rangeKeyField")?, members.optional_field("rangeKeyValue")?)
        {
            (Some(field), Some(value)) => Some(Key { field, value, is_number: is_number("rangeKeyType")? }),
            (None, None) => None,
            (Some(_), None) => return Err(members.missing("rangeKeyValue")),
            (None, Some(_)) => return Err(members.missing("rangeKeyField")),
        };
        Ok(Self {
            table: members.field("tableName")?,
            operation: members.optional_field("operation")?,
            hash: Key {
                field: members.field("hashKeyField")?,
                value: members.field("hashKeyValue")?,
                is_number: is_number("hashKeyType")?,
            },
            range,
            payload_field: members.optional_field("payloadField")?,
        })
    }
}

impl Key {
    /// Name, text and attribute value.
    fn fill(&self, context: &Context<'_>) -> Result<(String, String, Value), Unready> {
        let name = context.fill_required("the key field", &self.field)?;
        let text = context.fill_required(&name, &self.value)?;
        if !self.is_number {
            let attribute = json!({"S": text});
            return Ok((name, text, attribute));
        }
        // RULES-503
        if !text.parse::<f64>().is_ok_and(f64::is_finite) {
            return Err(Unready::Failed(format!("the key `{name}` is `{text}`, which is no number")));
        }
        let attribute = json!({"N": text});
        Ok((name, text, attribute))
    }
}

impl Prepare for DynamoDb {
    fn prepare(&self, context: &Context<'_>) -> Result<Prepared, Unready> {
        let table = context.fill_required("tableName", &self.table)?;
        let (hash_field, hash_value, hash) = self.hash.fill(context)?;
        let range = self.range.as_ref().map(|range| range.fill(context)).transpose()?;
        let operation = context.fill_optional(&self.operation)?.unwrap_or_else(|| "INSERT".to_owned());
        let column = context.fill_optional(&self.payload_field)?.unwrap_or_else(|| "payload".to_owned());
        // RULES-501
        let value = context.value();
        let payload = match &value {
            Some(value) => attributes::of(value),
            None => attributes::binary(context.payload()),
        };
        let mut key = Map::new();
        key.insert(hash_field.clone(), hash);
        if let Some((name, _, attribute)) = &range {
            key.insert(name.clone(), attribute.clone());
        }
        let (target, body, explain): (_, _, fn(&AwsError) -> String) = match operation.as_str() {
            "INSERT" => {
                key.insert(column, payload);
                ("DynamoDB_20120810.PutItem", json!({"TableName": table, "Item": key}), explain_insert)
            }
            "UPDATE" => (
                "DynamoDB_20120810.UpdateItem",
                json!({
                    "TableName": table,
                    "Key": key,
                    "UpdateExpression": "SET #column = :payload",
                    "ExpressionAttributeNames": {"#column": column},
                    "ExpressionAttributeValues": {":payload": payload},
                }),
                explain_update,
            ),
            "DELETE" => {
                ("DynamoDB_20120810.DeleteItem", json!({"TableName": table, "Key": key}), explain_delete)
            }
            other => {
                return Err(Unready::Failed(format!(
                    "`operation` is `{other}`; allowed are `INSERT`, `UPDATE`, `DELETE`"
                )));
            }
        };
        let mut resources = vec![
            ("Table", table.clone()),
            ("ItemHashKeyField", hash_field),
            ("ItemHashKeyValue", hash_value),
        ];
        if let Some((name, text, _)) = range {
            resources.extend([("ItemRangeKeyField", name), ("ItemRangeKeyValue", text)]);
        }
        resources.extend([("Operation", operation), ("IsPayloadJSON", value.is_some().to_string())]);
        Ok(Prepared {
            resource: table,
            resources,
            explain,
            work: Work::Aws(vec![AwsCall::json(&DYNAMODB, target, JsonVersion::V1_0, &body)]),
        })
    }
}

/// As AWS words it (RULES-504).
pub(super) fn explain_insert(error: &AwsError) -> String {
    format!("Dynamo Insert record failed. The error received was {error}")
}

fn explain_update(error: &AwsError) -> String {
    format!("Dynamo Update record failed. The error received was {error}")
}

fn explain_delete(error: &AwsError) -> String {
    format!("Dynamo Delete record failed. The error received was {error}")
}

pub(super) static DYNAMODB: Service = Service { id: "DYNAMODB", signing: "dynamodb", host: "dynamodb" };
