//! `dynamoDBv2`: one item with a column per member of the result (RULES-505 ff.).

use serde_json::{Value as Json, json};

use super::aws::{AwsCall, JsonVersion};
use super::dynamodb::{DYNAMODB, explain_insert};
use super::{Context, Field, Members, Prepare, Prepared, Unready, Work, attributes};
use crate::RulesError;
use crate::sql::Value;

/// The action's members.
#[derive(Debug)]
pub(crate) struct DynamoDbV2 {
    table: Field,
}

impl DynamoDbV2 {
    pub(crate) fn compile(members: &Members<'_>) -> Result<Self, RulesError> {
        members.role()?;
        Ok(Self { table: members.required_object("putItem")?.field("tableName")? })
    }
}

impl Prepare for DynamoDbV2 {
    fn prepare(&self, context: &Context<'_>) -> Result<Prepared, Unready> {
        let table = context.fill_required("tableName", &self.table)?;
        let item = match context.value() {
            Some(value @ Value::Object(_)) => attributes::of(&value),
            _ => return Err(Unready::Failed("the result is no object, which dynamoDBv2 needs".to_owned())),
        };
        let item = item.get("M").cloned().unwrap_or(Json::Null);
        let body = json!({"TableName": table, "Item": item});
        Ok(Prepared {
            resources: vec![("Table", table.clone()), ("Operation", "INSERT".to_owned())],
            resource: table,
            explain: explain_insert,
            work: Work::Aws(vec![AwsCall::json(
                &DYNAMODB,
                "DynamoDB_20120810.PutItem",
                JsonVersion::V1_0,
                &body,
            )]),
        })
    }
}
