//! Whether the roles of a rule trust the service, asked where roles are kept: only with `AWS_ENDPOINT_URL_IAM` (RULES-330,
//! RULES-408).

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use serde_json::Value;
use thingstead_core::{RuleName, Scope};

use super::Inner;
use super::compiled::CompiledRule;
use crate::RulesError;
use crate::actions::aws::{AwsCall, Service};
use crate::rule::{Payload, TopicRule, check_name};

impl Inner {
    /// Refuses a rule of which a role cannot be assumed by the service.
    pub(super) async fn check_trust(
        &self,
        scope: &Scope,
        name: &str,
        payload: &Value,
    ) -> Result<(), RulesError> {
        if !self.settings.aws.endpoints.contains_key(IAM.id) {
            return Ok(());
        }
        // What is wrong with the rule itself is told first; one that is no object is refused by who stores it.
        let Value::Object(members) = payload else { return Ok(()) };
        check_name(name)?;
        let rule = TopicRule {
            name: RuleName::from(name),
            payload: members.clone(),
            created_at: self.clock.now(),
            disabled: Payload::of(members, self.settings.limits)?.disabled,
        };
        CompiledRule::compile(self, scope, &rule)?;
        let mut roles = BTreeSet::new();
        collect_roles(payload, &mut roles);
        let rule_arn = TopicRule::arn(scope, name);
        for role in roles {
            self.check_role(scope, role, &rule_arn).await.map_err(|why| {
                RulesError::invalid(format!(
                    "AWS IoT (iot.amazonaws.com) is unable to assume role (sts:AssumeRole) on resource: {role}. {why}"
                ))
            })?;
        }
        Ok(())
    }

    async fn check_role(&self, scope: &Scope, role: &str, rule: &str) -> Result<(), String> {
        let name = role.rsplit('/').next().unwrap_or_default();
        let call = AwsCall::query(&IAM, "GetRole", "2010-05-08", &[("RoleName", name)]);
        let answer = match self.aws.call(&call, scope.region()).await.result {
            Ok(Some(answer)) => answer,
            Ok(None) => return Err("IAM cannot be asked".to_owned()),
            Err(error) => return Err(format!("IAM answered: {error}")),
        };
        let text = String::from_utf8_lossy(&answer);
        let found = element(&text, "Arn").unwrap_or_default();
        if found != role {
            return Err(format!("IAM knows the role `{found}` by that name"));
        }
        let document = element(&text, "AssumeRolePolicyDocument").unwrap_or_default();
        let document = percent_decode_str(document).decode_utf8_lossy();
        let document: Value = serde_json::from_str(&document)
            .map_err(|error| format!("its trust policy cannot be read: {error}"))?;
        if trusts(&document, scope.account(), rule) {
            return Ok(());
        }
        Err("its trust policy does not let iot.amazonaws.com assume it for this rule".to_owned())
    }
}

/// The values of every `roleArn`.
fn collect_roles<'v>(value: &'v Value, roles: &mut BTreeSet<&'v str>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value {
                    Value::String(role) if name == "roleArn" => {
                        roles.insert(role);
                    }
                    other => collect_roles(other, roles),
                }
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| collect_roles(element, roles)),
        _ => {}
    }
}

/// Whether a trust policy lets the service assume the role for a rule: an Allow applies and no Deny may.
fn trusts(document: &Value, account: &str, rule: &str) -> bool {
    let applies = |effect: &str, unknown: bool| {
        list(document.get("Statement")).iter().any(|statement| {
            statement.get("Effect").and_then(Value::as_str) == Some(effect)
                && is_service(statement.get("Principal"))
                && texts(statement.get("Action")).any(|action| glob(&action.to_lowercase(), "sts:assumerole"))
                && holds(statement.get("Condition"), account, rule, unknown)
        })
    };
    applies("Allow", false) && !applies("Deny", true)
}

fn is_service(principal: Option<&Value>) -> bool {
    match principal {
        Some(Value::String(anybody)) => anybody == "*",
        Some(Value::Object(kinds)) => {
            texts(kinds.get("Service")).any(|service| service == "iot.amazonaws.com" || service == "*")
        }
        _ => false,
    }
}

/// The conditions that tell whom the service works for; of others nothing is known, and `unknown` is answered.
fn holds(condition: Option<&Value>, account: &str, rule: &str, unknown: bool) -> bool {
    let Some(Value::Object(operators)) = condition else { return true };
    operators.iter().all(|(operator, keys)| {
        let Value::Object(keys) = keys else { return unknown };
        keys.iter().all(|(key, wanted)| {
            let found = match key.to_lowercase().as_str() {
                "aws:sourceaccount" => account,
                "aws:sourcearn" => rule,
                _ => return unknown,
            };
            match operator.as_str() {
                "StringEquals" => texts(Some(wanted)).any(|wanted| wanted == found),
                "StringLike" | "ArnLike" | "ArnEquals" => {
                    texts(Some(wanted)).any(|wanted| glob(wanted, found))
                }
                _ => unknown,
            }
        })
    })
}

/// One or many.
fn list(value: Option<&Value>) -> &[Value] {
    match value {
        Some(Value::Array(elements)) => elements,
        Some(single) => std::slice::from_ref(single),
        None => &[],
    }
}

fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    list(value).iter().filter_map(Value::as_str)
}

/// `*` stands for anything, `?` for one character.
fn glob(pattern: &str, text: &str) -> bool {
    let Some(first) = pattern.chars().next() else { return text.is_empty() };
    let rest = pattern.get(first.len_utf8()..).unwrap_or_default();
    match first {
        '*' => {
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.filter_map(|at| text.get(at..)).any(|text| glob(rest, text))
        }
        _ => text.chars().next().is_some_and(|found| {
            (first == '?' || first == found) && glob(rest, text.get(found.len_utf8()..).unwrap_or_default())
        }),
    }
}

/// What stands in the first element of that name.
fn element<'t>(xml: &'t str, name: &str) -> Option<&'t str> {
    let (_, behind) = xml.split_once(&format!("<{name}>"))?;
    behind.split_once(&format!("</{name}>")).map(|(inside, _)| inside.trim())
}

static IAM: Service = Service { id: "IAM", signing: "iam", host: "iam" };

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_role_trusts_the_service_when_an_allow_applies_and_no_deny_may() {
        // RULES-408
        let rule = "arn:aws:iot:eu-west-1:123456789012:rule/r";
        let iot = json!({"Service": "iot.amazonaws.com"});
        let statement = |more: Value| {
            let mut statement = json!({"Effect": "Allow", "Principal": iot, "Action": "sts:AssumeRole"});
            for (name, value) in more.as_object().into_iter().flatten() {
                statement[name] = value.clone();
            }
            statement
        };
        let trusts = |statements: Value| trusts(&json!({"Statement": statements}), "123456789012", rule);
        let source = |account: &str| json!({"StringEquals": {"aws:SourceAccount": account}});
        let arn = |pattern: &str| json!({"ArnLike": {"aws:SourceArn": pattern}});
        for (more, expected) in [
            (json!({}), true),
            (json!({"Action": ["sts:TagSession", "STS:*"]}), true),
            (json!({"Action": "sts:AssumeRoleWithSAML"}), false),
            (json!({"Principal": "*"}), true),
            (json!({"Principal": {"Service": ["lambda.amazonaws.com", "iot.amazonaws.com"]}}), true),
            (json!({"Principal": {"Service": "lambda.amazonaws.com"}}), false),
            (json!({"Principal": {"AWS": "*"}}), false),
            (json!({"Effect": "Deny"}), false),
            (json!({"Condition": source("123456789012")}), true),
            (json!({"Condition": source("000000000000")}), false),
            (json!({"Condition": arn("arn:aws:iot:*:123456789012:rule/?")}), true),
            (json!({"Condition": arn("arn:aws:iot:*:123456789012:rule/other*")}), false),
            (json!({"Condition": {"Bool": {"aws:SecureTransport": "true"}}}), false),
        ] {
            assert_eq!(trusts(statement(more.clone())), expected, "{more}");
        }
        let deny = json!({"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "false"}}});
        assert!(!trusts(json!([statement(json!({})), statement(deny)])));
        assert!(trusts(json!([
            statement(json!({})),
            statement(json!({"Effect": "Deny", "Condition": source("1")}))
        ])));
    }
}
