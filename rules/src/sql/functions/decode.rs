//! `decode`: base64 or protobuf to a value (RULES-255 to RULES-263).

use base64::Engine;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::encode::is_base64;
use super::{Body, Function, Where, example, protobuf};
use crate::sql::ast::{Call, Expr};
use crate::sql::convert::to_text;
use crate::sql::evaluate::{Evaluator, Scope, Stop, failed};
use crate::sql::external::{Answer, Call as Question};
use crate::sql::json;
use crate::sql::parser::is_proto;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "decode",
    "decode(text, 'base64') or decode(data, 'proto', bucket, key, file, message)",
    "The value of base64 text: addressable if it is JSON, else a String; Null when it is not base64. With 'proto' the data, `*` for the payload's bytes or base64 text, is a protobuf message described by a descriptor set in S3; these five arguments are literals.",
    Body::Special(decode),
)
.since_2016()
.fixed(&[Where::At(1)])
.examples(&[
    example("decode('eyJ0IjoxfQ==', 'base64').t", "1"),
    example("decode('cGxhaW4=', 'base64')", r#""plain""#),
    example("decode('ODA=', 'base64')", "80"),
    example("decode('!!', 'base64')", "null"),
]);

fn decode(evaluator: &mut Evaluator<'_>, call: &Call, scope: Option<&Scope<'_>>) -> Result<Value, Stop> {
    if is_proto(&call.arguments) {
        return decode_proto(evaluator, call, scope);
    }
    let [text, scheme] = call.arguments.as_slice() else { return Ok(Value::Undefined) };
    let (text, scheme) = (evaluator.eval(text, scope)?, evaluator.eval(scheme, scope)?);
    let Some(text) = to_text(&text).filter(|_| is_base64(&scheme)) else { return Ok(Value::Undefined) };
    let Ok(bytes) = BASE64.decode(text.as_bytes()) else { return Ok(Value::Null) };
    Ok(match json::parse(&bytes, evaluator.version.is_v2()) {
        Ok(value) => value,
        Err(_) => Value::text(&*String::from_utf8_lossy(&bytes)),
    })
}

fn decode_proto(
    evaluator: &mut Evaluator<'_>,
    call: &Call,
    scope: Option<&Scope<'_>>,
) -> Result<Value, Stop> {
    let [data, literals @ ..] = call.arguments.as_slice() else { return Ok(Value::Undefined) };
    let literals: Vec<&str> = literals
        .iter()
        .filter_map(|literal| match literal {
            Expr::Literal(Value::Str(text)) => Some(&**text),
            _ => None,
        })
        .collect();
    let [_, bucket, key, file, message] = literals.as_slice() else { return Ok(Value::Undefined) };
    let decoded;
    let bytes = if *data == Expr::Star && scope.is_none() {
        evaluator.input.payload
    } else {
        let Value::Str(text) = evaluator.eval(data, scope)? else { return Ok(Value::Undefined) };
        let Ok(bytes) = BASE64.decode(text.as_bytes()) else { return Ok(Value::Null) };
        decoded = bytes;
        &decoded
    };
    let question = Question::ReadDescriptorSet { bucket: (*bucket).to_owned(), key: (*key).to_owned() };
    let descriptors = match evaluator.ask(&question)? {
        Answer::Bytes(descriptors) | Answer::Json(descriptors) => descriptors,
        _ => return Err(failed(&question, "the descriptor set is not binary".to_owned())),
    };
    protobuf::decode(descriptors, file, message, bytes, evaluator.version.is_v2())
        .map_err(|reason| failed(&question, reason))
}

/// Padding may be absent, as lenient decoders have it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);
