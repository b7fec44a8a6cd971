//! Strings that functions make, kept within bounds.

use crate::sql::limits::MAX_MADE;
use crate::sql::value::Value;

/// The parts joined; Undefined when that is more than any message could carry.
pub(in crate::sql) fn bounded<'p>(parts: impl IntoIterator<Item = &'p str>) -> Value {
    let mut joined = String::new();
    for part in parts {
        if joined.len() + part.len() > MAX_MADE {
            return Value::Undefined;
        }
        joined.push_str(part);
    }
    joined.into()
}
