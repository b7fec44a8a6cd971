//! What SELECT yields and the actions receive.

use std::borrow::Cow;

use super::input::Input;
use super::json;
use super::value::Value;
use super::version::SqlVersion;

/// The result of a statement, and its variables for the templates.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// What the actions receive.
    pub result: Selected,
    /// The values of SET's variables, in order (RULES-380).
    pub variables: Vec<Value>,
}

/// What the actions receive.
#[derive(Clone, Debug, PartialEq)]
pub enum Selected {
    /// The payload's bytes as published, JSON or not (RULES-310).
    Payload,
    /// A value made by the SELECT list; Undefined stands for an empty payload (RULES-063).
    Value(Value),
}

impl Output {
    /// The bytes to send: the payload untouched, or compact UTF-8 JSON (RULES-363).
    pub fn bytes<'a>(&self, input: &Input<'a>) -> Cow<'a, [u8]> {
        match &self.result {
            Selected::Payload => Cow::Borrowed(input.payload),
            Selected::Value(value) => Cow::Owned(json::text(value).into_bytes()),
        }
    }

    /// How many bytes [`Self::bytes`] has, as far as that is known without making them.
    pub const fn known_size(&self, input: &Input<'_>) -> usize {
        match &self.result {
            Selected::Payload => input.payload.len(),
            Selected::Value(_) => 0,
        }
    }

    /// The result as value, for actions that need its members; `None` when it is a payload that is not JSON.
    pub fn value(&self, input: &Input<'_>, version: SqlVersion) -> Option<Value> {
        match &self.result {
            Selected::Payload if input.payload.is_empty() => Some(Value::Undefined),
            Selected::Payload => input.json(version).ok().cloned(),
            Selected::Value(value) => Some(value.clone()),
        }
    }

    /// Whether [`Self::bytes`] are JSON. An empty result is none.
    pub fn is_json(&self, input: &Input<'_>, version: SqlVersion) -> bool {
        self.value(input, version).is_some_and(|value| !value.is_undefined())
    }
}
