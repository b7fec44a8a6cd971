//! The smallest statement that would allow a request.

use serde_json::json;

/// A statement that allows one action on one resource and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The statement as JSON, on one line.
    pub statement: String,
    /// Whether it says what it means only in a document with `Version` `2012-10-17`, because the resource contains
    /// `*`, `?` or `${` and had to be escaped (POLICY-210).
    pub needs_variables: bool,
}

/// The grant for an action on a request resource, which is a full ARN or `*`.
pub fn grant(action: &str, resource: &str) -> Grant {
    let escaped = if resource == "*" { resource.to_owned() } else { escape(resource) };
    let needs_variables = escaped != resource;
    let statement = json!({ "Effect": "Allow", "Action": action, "Resource": escaped }).to_string();
    Grant { statement, needs_variables }
}

/// Text as a policy string that covers exactly this text.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '*' | '?' => out.extend(["${", c.encode_utf8(&mut [0; 4]), "}"]),
            '$' if chars.peek() == Some(&'{') => out.push_str("${$}"),
            _ => out.push(c),
        }
    }
    out
}
