//! `replace`: replaces every occurrence of the part, taken literally (RULES-220).

use super::{Body, Function, example};
use crate::sql::convert::to_text;
use crate::sql::limits::MAX_MADE;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "replace",
    "replace(text, part, replacement)",
    "Replaces every occurrence of the part, taken literally.",
    Body::Pure(replace),
)
.examples(&[example(r#"replace('abcdabcd', 'b', 'x')"#, r#""axcdaxcd""#)]);

fn replace(arguments: &[Value]) -> Value {
    let [text, part, replacement] = arguments else { return Value::Undefined };
    let (Some(text), Some(part), Some(replacement)) = (to_text(text), to_text(part), to_text(replacement))
    else {
        return Value::Undefined;
    };
    let mut out = String::new();
    let mut end = 0;
    for (at, found) in text.match_indices(&*part) {
        out.push_str(text.get(end..at).unwrap_or_default());
        out.push_str(&replacement);
        if out.len() > MAX_MADE {
            return Value::Undefined;
        }
        end = at + found.len();
    }
    out.push_str(text.get(end..).unwrap_or_default());
    out.into()
}
