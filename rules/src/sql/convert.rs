//! Conversions between types (RULES-125 to RULES-136).

use std::borrow::Cow;

use super::decimal::{Decimal, Toward};
use super::json;
use super::limits::MAX_MADE;
use super::value::Value;

/// The value as number: numbers and numeric Strings; nothing else, Null included (RULES-128, RULES-129).
pub fn to_decimal(value: &Value) -> Option<Decimal> {
    match value {
        Value::Int(int) => Decimal::from_int(*int),
        Value::Decimal(decimal) => Some(*decimal),
        Value::Str(text) => parse_number(text),
        Value::Verbatim(text) if text.contains(['.', 'e', 'E']) => {
            Decimal::parse(text).map(|parsed| parsed.value)
        }
        _ => None,
    }
}

/// The value as double, by [`to_decimal`] (RULES-115).
pub fn to_double(value: &Value) -> Option<f64> {
    to_decimal(value).map(Decimal::to_f64)
}

/// The value as Int, rounded down; of a String the fraction is cut off (RULES-130, RULES-131). Too large a number
/// becomes the largest `i128`, so that positions and counts can be clamped.
pub fn to_int(value: &Value) -> Option<i128> {
    match value {
        Value::Int(int) => Some(*int),
        Value::Str(text) => parse_number(text).map(|number| number.to_int_saturating(Toward::Zero)),
        other => to_decimal(other).map(|number| number.to_int_saturating(Toward::Down)),
    }
}

/// The value as Boolean: Booleans and the Strings `true` and `false` in any letter case (RULES-132).
pub fn to_bool(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(bool) => Some(*bool),
        Value::Str(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::Str(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// The String form; Null and Undefined have none (RULES-133 to RULES-136), nor has what no message could carry.
pub fn to_text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Str(text) => Some(Cow::Borrowed(text)),
        Value::Undefined | Value::Null => None,
        Value::Bool(bool) => Some(Cow::Borrowed(if *bool { "true" } else { "false" })),
        other => json::bounded_text(other, MAX_MADE).map(Cow::Owned),
    }
}

/// Reads a number from a String, which must satisfy `^-?\d+(\.\d+)?((?i)E-?\d+)?$` (RULES-126, RULES-127).
pub(super) fn parse_number(text: &str) -> Option<Decimal> {
    if text.contains('+') {
        return None;
    }
    Decimal::parse(text).map(|parsed| parsed.value)
}
