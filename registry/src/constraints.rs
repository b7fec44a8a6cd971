//! What names and attributes may look like, with the texts AWS answers (API-041, API-061, API-077).

use std::collections::BTreeMap;

use crate::{RegistryError, Result};

/// Names of things, thing types, groups and billing groups (API-061).
pub(crate) fn name(member: &str, value: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '_' | '-');
    check(member, value, 128, "[a-zA-Z0-9:_-]+", fits)
}

/// Names of policies (API-061, POLICY-033).
pub(crate) fn policy_name(value: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '+' | '=' | ',' | '.' | '@' | '-');
    check("policyName", value, 128, "[\\w+=,.@-]+", fits)
}

/// Names of authorizers (API-061, AUTH-150).
pub(crate) fn authorizer_name(value: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '=' | ',' | '@' | '-');
    check("authorizerName", value, 128, "[\\w=,@-]+", fits)
}

/// Names and values of attributes (API-077).
pub(crate) fn attributes(attributes: &BTreeMap<String, String>) -> Result<()> {
    for (name, value) in attributes {
        let in_name =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ',' | '@' | '/' | ':' | '#' | '-');
        check("attributePayload.attributes", name, 128, "[a-zA-Z0-9_.,@/:#-]+", in_name)?;
        let in_value = |c: char| in_name(c) || matches!(c, '=' | '[' | ']');
        if !value.is_empty() {
            check("attributePayload.attributes", value, 800, "[a-zA-Z0-9_.,@/:#=\\[\\]-]*", in_value)?;
        }
    }
    Ok(())
}

fn check(
    member: &str,
    value: &str,
    longest: usize,
    pattern: &str,
    fits: impl Fn(char) -> bool,
) -> Result<()> {
    let constraint = if value.is_empty() {
        "Member must have length greater than or equal to 1".to_owned()
    } else if value.chars().count() > longest {
        format!("Member must have length less than or equal to {longest}")
    } else if !value.chars().all(fits) {
        format!("Member must satisfy regular expression pattern: {pattern}")
    } else {
        return Ok(());
    };
    Err(RegistryError::invalid(format!(
        "1 validation error detected: Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
    )))
}
