//! `machinelearning_predict`: a prediction for a record (RULES-301).

use super::outside::{document, text};
use super::{Body, Function, Where};
use crate::sql::external::Call;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "machinelearning_predict",
    "machinelearning_predict(modelId, roleArn, record)",
    "An Object of predictedLabel, predictedValue, predictedScores and details. Nested members of the record are passed as JSON text.",
    Body::External { ask, read: document },
)
.fixed(&[Where::At(1)]);

fn ask(arguments: &[Value]) -> Option<Call> {
    let [model, role, Value::Object(members)] = arguments else { return None };
    let record = members.iter().filter_map(|(name, value)| Some((name.to_string(), text(value)?)));
    Some(Call::Predict { model_id: text(model)?, role_arn: text(role)?, record: record.collect() })
}
