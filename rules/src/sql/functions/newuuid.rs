//! `newuuid`: a fresh random UUID of 36 characters on each call (RULES-282).

use super::{Body, Function, example};
use crate::sql::ast::Call;
use crate::sql::evaluate::Evaluator;
use crate::sql::value::Value;
use sha2::{Digest, Sha256};

pub(super) static FUNCTION: Function = Function::new(
    "newuuid",
    "newuuid()",
    "A fresh random UUID of 36 characters on each call.",
    Body::Context(newuuid),
)
.examples(&[example(r#"length(newuuid())"#, r#"36"#), example(r#"newuuid() = newuuid()"#, r#"false"#)]);

fn newuuid(evaluator: &mut Evaluator<'_>, call: &Call, arguments: &[Value]) -> Value {
    if !arguments.is_empty() {
        return Value::Undefined;
    }
    let random = u128::from_be_bytes(draw(evaluator, call));
    uuid_text(random & !(0xf << 76) & !(0x3 << 62) | 4 << 76 | 2 << 62).into()
}

/// The 36 characters of a UUID.
pub(crate) fn uuid_text(uuid: u128) -> String {
    let hex = format!("{uuid:032x}");
    let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
    let parts = [part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)];
    parts.join("-")
}

/// Sixteen random bytes: a function of the message's seed, the call site and how often it drew before, so that evaluating
/// again with the same seed draws the same.
pub(super) fn draw(evaluator: &mut Evaluator<'_>, call: &Call) -> [u8; 16] {
    let count = evaluator.draw(call.site);
    let mut hash = Sha256::new();
    hash.update(evaluator.input.seed.to_be_bytes());
    for part in [evaluator.rendering, call.site, count] {
        hash.update(part.to_be_bytes());
    }
    let digest = hash.finalize();
    let mut bytes = [0; 16];
    for (byte, random) in bytes.iter_mut().zip(digest) {
        *byte = random;
    }
    bytes
}
