//! What the functions that look outward share: how their arguments and answers are read (RULES-302, RULES-303).

use crate::sql::convert::to_text;
use crate::sql::external::Answer;
use crate::sql::json;
use crate::sql::value::Value;

/// A String argument; any value with a String form will do.
pub(super) fn text(value: &Value) -> Option<String> {
    to_text(value).map(std::borrow::Cow::into_owned)
}

/// An answer that must be JSON.
pub(super) fn document(_: &[Value], answer: &Answer, fold: bool) -> Result<Value, String> {
    match answer {
        Answer::Json(bytes) => json::parse(bytes, fold).map_err(|error| format!("the answer is {error}")),
        Answer::Text(_) | Answer::Bytes(_) => Err("the answer is not JSON".to_owned()),
        Answer::Failed(reason) => Err(reason.clone()),
    }
}
