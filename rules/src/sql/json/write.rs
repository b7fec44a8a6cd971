//! Compact JSON (RULES-135, RULES-363).

use std::fmt::Write;

use crate::sql::value::Value;

/// The value as compact JSON; the empty text for Undefined (RULES-122).
pub fn text(value: &Value) -> String {
    let mut out = String::new();
    let complete = write(value, &mut out, usize::MAX);
    debug_assert!(complete, "there was no limit");
    out
}

/// As [`text`], but `None` as soon as it is longer than `limit` bytes: values share their parts, so a small one can have a
/// text that fills the memory.
pub(in crate::sql) fn bounded_text(value: &Value, limit: usize) -> Option<String> {
    let mut out = String::new();
    (write(value, &mut out, limit) && out.len() <= limit).then_some(out)
}

/// Appends the value to `out`; gives up and answers `false` once that is longer than `limit`.
fn write(value: &Value, out: &mut String, limit: usize) -> bool {
    match value {
        Value::Undefined => {}
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Int(int) => {
            let written = match i64::try_from(*int) {
                Ok(small) => write!(out, "{small}"),
                Err(_) => write!(out, "{int}"),
            };
            debug_assert!(written.is_ok(), "writing to a String cannot fail");
        }
        Value::Decimal(decimal) => {
            let written = write!(out, "{decimal}");
            debug_assert!(written.is_ok(), "writing to a String cannot fail");
        }
        Value::Verbatim(number) => out.push_str(number),
        Value::Str(text) => quote(text, out),
        Value::Array(elements) => {
            out.push('[');
            let mut first = true;
            for element in elements.iter() {
                if !std::mem::take(&mut first) {
                    out.push(',');
                }
                if !write(element, out, limit) || out.len() > limit {
                    return false;
                }
            }
            out.push(']');
        }
        Value::Object(object) => {
            out.push('{');
            let mut first = true;
            for (name, value) in object.iter() {
                if !std::mem::take(&mut first) {
                    out.push(',');
                }
                quote(name, out);
                out.push(':');
                if !write(value, out, limit) || out.len() > limit {
                    return false;
                }
            }
            out.push('}');
        }
    }
    true
}

/// Appends `text` in double quotes, escaped as JSON wants it and no further.
fn quote(text: &str, out: &mut String) {
    out.push('"');
    if text.bytes().all(|b| b >= 0x20 && b != b'"' && b != b'\\') {
        out.push_str(text);
    } else {
        for c in text.chars() {
            match c {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                '\u{8}' => out.push_str("\\b"),
                '\u{c}' => out.push_str("\\f"),
                c if u32::from(c) < 0x20 => {
                    let written = write!(out, "\\u{:04x}", u32::from(c));
                    debug_assert!(written.is_ok(), "writing to a String cannot fail");
                }
                c => out.push(c),
            }
        }
    }
    out.push('"');
}
