//! `get_secret`: a secret or a member of it (RULES-295 to RULES-298).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::outside::text;
use super::{Body, Function, Where};
use crate::sql::external::{Answer, Call};
use crate::sql::json;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "get_secret",
    "get_secret(secretId, 'SecretString' | 'SecretBinary'[, key], roleArn)",
    "The current version of a secret: the whole of it, binary as base64, or one member of a JSON secret.",
    Body::External { ask, read },
)
.fixed(&[Where::At(1), Where::Last]);

fn ask(arguments: &[Value]) -> Option<Call> {
    let (id, kind, role) = match arguments {
        [id, kind, role] | [id, kind, _, role] => (id, kind, role),
        _ => return None,
    };
    let binary = match &*text(kind)? {
        "SecretString" => false,
        "SecretBinary" => true,
        _ => return None,
    };
    Some(Call::GetSecret { secret_id: text(id)?, binary, role_arn: text(role)? })
}

fn read(arguments: &[Value], answer: &Answer, fold: bool) -> Result<Value, String> {
    let key = match arguments {
        [_, _, key, _] => Some(text(key).ok_or("the key has no String form")?),
        _ => None,
    };
    let secret = match (answer, &key) {
        (Answer::Failed(reason), _) => return Err(reason.clone()),
        (Answer::Bytes(_), Some(_)) => return Err("a binary secret has no keys".to_owned()),
        (Answer::Bytes(bytes), None) => return Ok(STANDARD.encode(bytes).into()),
        (Answer::Text(text), None) => return Ok(text.as_str().into()),
        (Answer::Json(bytes), None) => return Ok(Value::text(&*String::from_utf8_lossy(bytes))),
        (Answer::Text(text), Some(_)) => text.as_bytes(),
        (Answer::Json(bytes), Some(_)) => bytes,
    };
    match (json::parse(secret, fold), key) {
        (Ok(Value::Object(members)), Some(key)) => {
            members.get(&key).cloned().ok_or_else(|| format!("the secret has no key `{key}`"))
        }
        _ => Err("the secret is not a JSON object, so it has no keys".to_owned()),
    }
}
