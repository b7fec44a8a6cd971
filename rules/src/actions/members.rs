//! Reads the members of an action as the API model has them, with errors that name the member, the value and what is
//! allowed (RULES-344, RULES-345).

use std::ops::RangeInclusive;

use serde_json::{Map, Value};
use thingstead_core::topic::Quoted;

use super::Field;
use super::role;
use crate::RulesError;
use crate::settings::Settings;
use crate::sql::Statement;

/// What an action is compiled against.
#[derive(Clone, Copy)]
pub(crate) struct Compiling<'a> {
    /// Templates may use its variables and have its SQL version (RULES-380, RULES-383).
    pub(crate) statement: &'a Statement,
    pub(crate) settings: &'a Settings,
    /// An error action has no batches of its own (RULES-407).
    pub(crate) is_error_action: bool,
    /// Whose rule it is.
    pub(crate) account: &'a str,
}

/// The members of one JSON object of a rule's payload.
#[derive(Clone)]
pub(crate) struct Members<'a> {
    object: &'a Map<String, Value>,
    path: String,
    pub(crate) compiling: Compiling<'a>,
}

impl<'a> Members<'a> {
    /// The members of `value`, which is the payload's member `path`.
    pub(crate) fn of(value: &'a Value, path: String, compiling: Compiling<'a>) -> Result<Self, RulesError> {
        match value {
            Value::Object(object) => Ok(Self { object, path, compiling }),
            other => Err(wrong(&path, other, "an object")),
        }
    }

    /// Where this object stands, such as `actions[0].s3`.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The names and values of the members.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.object.iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.as_str(), value))
    }

    /// A text that must be there and may hold templates.
    pub(crate) fn field(&self, name: &str) -> Result<Field, RulesError> {
        self.optional_field(name)?.ok_or_else(|| self.missing(name))
    }

    /// A text that may be absent and may hold templates.
    pub(crate) fn optional_field(&self, name: &str) -> Result<Option<Field>, RulesError> {
        match self.text(name)? {
            Some(text) => Field::parse(text, &self.at(name), self.compiling.statement).map(Some),
            None => Ok(None),
        }
    }

    /// A text that may be absent and may read the elements of the result: the fields of influxDB (RULES-387).
    pub(crate) fn optional_element_field(&self, name: &str) -> Result<Option<Field>, RulesError> {
        match self.text(name)? {
            Some(text) => Field::parse_element(text, &self.at(name), self.compiling.statement).map(Some),
            None => Ok(None),
        }
    }

    /// A text that must be there, may hold templates and is at most `max` characters long.
    pub(crate) fn limited_field(&self, name: &str, max: usize) -> Result<Field, RulesError> {
        self.check_length(name, max)?;
        self.field(name)
    }

    /// A text that may be absent, may hold templates and is at most `max` characters long.
    pub(crate) fn optional_limited_field(&self, name: &str, max: usize) -> Result<Option<Field>, RulesError> {
        self.check_length(name, max)?;
        self.optional_field(name)
    }

    /// A text that must be there and takes no templates.
    pub(crate) fn plain(&self, name: &str) -> Result<&'a str, RulesError> {
        self.optional_plain(name)?.ok_or_else(|| self.missing(name))
    }

    /// A text that may be absent and takes no templates.
    pub(crate) fn optional_plain(&self, name: &str) -> Result<Option<&'a str>, RulesError> {
        let text = self.text(name)?;
        match text {
            Some(text) if text.contains("${") || text.contains("@{") => Err(RulesError::invalid(format!(
                "`{}` is {}, but takes no substitution templates",
                self.at(name),
                Quoted(text)
            ))),
            text => Ok(text),
        }
    }

    /// Checks `roleArn`, which never takes templates (RULES-385). Roles are not assumed by a local server.
    pub(crate) fn role(&self) -> Result<(), RulesError> {
        self.check_role(self.plain("roleArn")?)
    }

    /// Checks `roleArn`, if it is there.
    pub(crate) fn optional_role(&self) -> Result<(), RulesError> {
        self.optional_plain("roleArn")?.map_or(Ok(()), |role| self.check_role(role))
    }

    fn check_role(&self, role: &str) -> Result<(), RulesError> {
        let checks = self.compiling.settings.roles;
        role::check(role, self.compiling.account, checks)
            .map_err(|why| RulesError::invalid(format!("`{}` {why}", self.at("roleArn"))))
    }

    /// One of a few words, if it is there.
    pub(crate) fn one_of(
        &self,
        name: &str,
        allowed: &'static [&'static str],
    ) -> Result<Option<&'static str>, RulesError> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        match allowed.iter().copied().find(|word| *word == text) {
            Some(word) => Ok(Some(word)),
            None => Err(RulesError::invalid(format!(
                "`{}` is {}; allowed are {}",
                self.at(name),
                Quoted(text),
                allowed
                    .iter()
                    .map(|word| format!("`{}`", word.escape_debug()))
                    .collect::<Vec<_>>()
                    .join(", ")
            ))),
        }
    }

    /// A Boolean; false when it is absent.
    pub(crate) fn boolean(&self, name: &str) -> Result<bool, RulesError> {
        match self.member(name) {
            None => Ok(false),
            Some(Value::Bool(value)) => Ok(*value),
            Some(other) => Err(wrong(&self.at(name), other, "true or false")),
        }
    }

    /// A whole number in a range, if it is there.
    pub(crate) fn integer(
        &self,
        name: &str,
        allowed: RangeInclusive<u64>,
    ) -> Result<Option<u64>, RulesError> {
        let Some(value) = self.member(name) else { return Ok(None) };
        match value.as_u64() {
            Some(number) if allowed.contains(&number) => Ok(Some(number)),
            _ => {
                let expected = format!("a whole number from {} to {}", allowed.start(), allowed.end());
                Err(wrong(&self.at(name), value, &expected))
            }
        }
    }

    /// An object, if it is there.
    pub(crate) fn object(&self, name: &str) -> Result<Option<Self>, RulesError> {
        self.member(name).map(|value| Self::of(value, self.at(name), self.compiling)).transpose()
    }

    /// An object that must be there.
    pub(crate) fn required_object(&self, name: &str) -> Result<Self, RulesError> {
        self.object(name)?.ok_or_else(|| self.missing(name))
    }

    /// A list of objects with an allowed number of entries, if it is there.
    pub(crate) fn list(
        &self,
        name: &str,
        allowed: RangeInclusive<usize>,
    ) -> Result<Option<Vec<Self>>, RulesError> {
        let Some(value) = self.member(name) else { return Ok(None) };
        let path = self.at(name);
        let Value::Array(entries) = value else { return Err(wrong(&path, value, "a list")) };
        if !allowed.contains(&entries.len()) {
            let upto = if *allowed.end() == usize::MAX {
                "or more".to_owned()
            } else {
                format!("to {}", allowed.end())
            };
            return Err(RulesError::invalid(format!(
                "`{path}` has {} entries; allowed are {} {upto}",
                entries.len(),
                allowed.start(),
            )));
        }
        let members = |(index, entry)| Self::of(entry, format!("{path}[{index}]"), self.compiling);
        entries.iter().enumerate().map(members).collect::<Result<_, _>>().map(Some)
    }

    /// A list that must be there.
    pub(crate) fn required_list(
        &self,
        name: &str,
        allowed: RangeInclusive<usize>,
    ) -> Result<Vec<Self>, RulesError> {
        self.list(name, allowed)?.ok_or_else(|| self.missing(name))
    }

    /// The path of a member.
    pub(crate) fn at(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }

    /// Says that a member has to be there.
    pub(crate) fn missing(&self, name: &str) -> RulesError {
        RulesError::invalid(format!("`{}` is missing", self.at(name)))
    }

    /// The member as it is, null counting as absent.
    pub(crate) fn member(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    fn text(&self, name: &str) -> Result<Option<&'a str>, RulesError> {
        match self.member(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(&self.at(name), other, "a text")),
        }
    }

    fn check_length(&self, name: &str, max: usize) -> Result<(), RulesError> {
        let Some(text) = self.text(name)? else { return Ok(()) };
        let length = text.chars().count();
        if length > max && self.compiling.settings.limits.are_aws() {
            return Err(RulesError::invalid(format!(
                "`{}` has {length} characters; allowed are {max}",
                self.at(name)
            )));
        }
        Ok(())
    }
}

fn wrong(path: &str, value: &Value, expected: &str) -> RulesError {
    RulesError::invalid(format!("`{path}` is {}; expected is {expected}", Quoted(&value.to_string())))
}
