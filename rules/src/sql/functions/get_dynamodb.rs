//! `get_dynamodb`: one item of a table (RULES-292 to RULES-294).

use super::outside::{document, text};
use super::{Body, Function, Where};
use crate::sql::external::{Answer, Call};
use crate::sql::limits::MAX_ITEM_BYTES;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "get_dynamodb",
    "get_dynamodb(table, partitionKeyName, partitionKeyValue[, sortKeyName, sortKeyValue], roleArn)",
    "The item of a DynamoDB table as an Object. May be called once in a statement.",
    Body::External { ask, read },
)
.since_2016()
.fixed(&[Where::Last]);

fn ask(arguments: &[Value]) -> Option<Call> {
    let (table, name, value, sort, role) = match arguments {
        [table, name, value, role] => (table, name, value, None, role),
        [table, name, value, sort_name, sort_value, role] => {
            (table, name, value, Some((text(sort_name)?, key(sort_value)?)), role)
        }
        _ => return None,
    };
    Some(Call::GetItem {
        table: text(table)?,
        partition_key: (text(name)?, key(value)?),
        sort_key: sort,
        role_arn: text(role)?,
    })
}

/// Keys are Strings or numbers.
fn key(value: &Value) -> Option<Value> {
    matches!(value, Value::Str(_) | Value::Int(_) | Value::Decimal(_)).then(|| value.clone())
}

/// An item that is too large ends the run; AWS only says that the actions may not run.
fn read(arguments: &[Value], answer: &Answer, fold: bool) -> Result<Value, String> {
    match answer {
        Answer::Json(bytes) if bytes.len() > MAX_ITEM_BYTES => {
            Err(format!("the item has {} bytes; allowed are {MAX_ITEM_BYTES}", bytes.len()))
        }
        answer => document(arguments, answer, fold),
    }
}
