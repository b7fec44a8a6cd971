//! The control plane of rules: create, get, list, replace, enable, disable, delete.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use thingstead_core::{RuleName, Scope, topic};
use thingstead_store::Commit;

use super::compiled::CompiledRule;
use super::state::KeptRule;
use super::{Inner, RuleEngine};
use crate::RulesError;
use crate::rule::{Payload, TopicRule, check_name};
use crate::store::Changes;

/// What `ListTopicRules` asks for.
#[derive(Clone, Debug, Default)]
pub struct ListTopicRules {
    /// Rules whose filter matches this topic name (RULES-340).
    pub topic: Option<String>,
    /// Rules that are, or are not, disabled.
    pub rule_disabled: Option<bool>,
    /// Which part of the list.
    pub page: Page,
}

/// A part of a list.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// `maxResults`.
    pub max_results: Option<u64>,
    /// `nextToken` of the page before.
    pub next_token: Option<String>,
}

impl RuleEngine {
    /// `CreateTopicRule`; `payload` is the API's `topicRulePayload`. Resolves when the rule is durable; it runs at once
    /// (RULES-360). Tags are the caller's to keep, under [`TopicRule::arn`] (RULES-346).
    ///
    /// # Errors
    /// The rule exists, or it is not valid (RULES-326 to RULES-328).
    pub async fn create_topic_rule(
        &self,
        scope: &Scope,
        name: &str,
        payload: &Value,
    ) -> Result<(), RulesError> {
        self.inner.check_trust(scope, name, payload).await?;
        let commit = self.inner.put(scope, name, payload, Put::Create)?;
        durable(commit).await?;
        self.inner.make_destinations(scope, name).await
    }

    /// `ReplaceTopicRule`: nothing of the old rule is kept (RULES-335).
    ///
    /// # Errors
    /// There is no such rule (RULES-334), or the new one is not valid.
    pub async fn replace_topic_rule(
        &self,
        scope: &Scope,
        name: &str,
        payload: &Value,
    ) -> Result<(), RulesError> {
        self.inner.check_trust(scope, name, payload).await?;
        let commit = self.inner.put(scope, name, payload, Put::Replace)?;
        durable(commit).await?;
        self.inner.make_destinations(scope, name).await
    }

    /// `GetTopicRule`: `ruleArn` and `rule`.
    ///
    /// # Errors
    /// There is no such rule (RULES-333).
    pub fn get_topic_rule(&self, scope: &Scope, name: &str) -> Result<Value, RulesError> {
        let state = self.inner.state.read();
        let kept = state.scope(scope).and_then(|scope| scope.rule(name));
        let kept = kept.ok_or_else(|| RulesError::no_rule(name))?;
        Ok(json!({"ruleArn": TopicRule::arn(scope, name), "rule": kept.rule.to_api()}))
    }

    /// `ListTopicRules`: `rules` in the order of their names, and `nextToken` while there are more (RULES-339).
    ///
    /// # Errors
    /// The page is out of range or its token is not one of ours.
    pub fn list_topic_rules(&self, scope: &Scope, wanted: &ListTopicRules) -> Result<Value, RulesError> {
        let state = self.inner.state.read();
        let rules = state.scope(scope).into_iter().flat_map(super::state::ScopeState::rules);
        let rows = rules.filter(|kept| wanted.accepts(kept)).map(|kept| {
            let pattern = kept.compiled.as_ref().and_then(|rule| rule.statement.topic_filter());
            let row = json!({
                "ruleArn": TopicRule::arn(scope, &kept.rule.name),
                "ruleName": kept.rule.name.as_str(),
                "topicPattern": pattern.unwrap_or(""),
                "createdAt": kept.rule.created_at.as_secs_f64(),
                "ruleDisabled": kept.rule.disabled,
            });
            (kept.rule.name.as_str(), row)
        });
        wanted.page.cut(rows, MAX_PAGE, "rules")
    }

    /// `EnableTopicRule` and `DisableTopicRule`; a repetition changes nothing.
    ///
    /// # Errors
    /// There is no such rule (RULES-334).
    pub async fn set_topic_rule_disabled(
        &self,
        scope: &Scope,
        name: &str,
        disabled: bool,
    ) -> Result<(), RulesError> {
        let commit = {
            let mut state = self.inner.state.write();
            let state = state.scope_mut(scope);
            let kept = state.rule(name).ok_or_else(|| RulesError::no_rule(name))?;
            let mut kept = kept.clone();
            kept.rule.disabled = disabled;
            let mut changes = Changes::default();
            changes.put_rule(scope, &kept.rule)?;
            state.put(kept);
            self.inner.store.commit(changes)
        };
        durable(commit).await
    }

    /// `DeleteTopicRule`; a missing rule is no error (RULES-334).
    ///
    /// # Errors
    /// The database did not take it.
    pub async fn delete_topic_rule(&self, scope: &Scope, name: &str) -> Result<(), RulesError> {
        let commit = {
            let mut state = self.inner.state.write();
            if !state.scope_mut(scope).remove(name) {
                return Ok(());
            }
            let mut changes = Changes::default();
            changes.delete_rule(scope, name);
            self.inner.store.commit(changes)
        };
        durable(commit).await
    }

    /// Whether there is a rule of that ARN's name, for `TagResource`.
    pub fn has_topic_rule(&self, scope: &Scope, name: &str) -> bool {
        self.inner.state.read().scope(scope).is_some_and(|scope| scope.rule(name).is_some())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Put {
    Create,
    Replace,
}

impl Inner {
    fn put(&self, scope: &Scope, name: &str, payload: &Value, put: Put) -> Result<Commit, RulesError> {
        check_name(name)?;
        let Value::Object(members) = payload else {
            return Err(RulesError::invalid("`topicRulePayload` must be an object"));
        };
        let rule = TopicRule {
            name: RuleName::from(name),
            payload: members.clone(),
            created_at: self.clock.now(),
            disabled: Payload::of(members, self.settings.limits)?.disabled,
        };
        let exists =
            |state: &super::state::State| state.scope(scope).is_some_and(|scope| scope.rule(name).is_some());
        let check = |state: &super::state::State| match put {
            Put::Create if exists(state) => Err(RulesError::ResourceAlreadyExists {
                message: "Rule with given name already exists".to_owned(),
                resource_id: name.to_owned(),
                resource_arn: TopicRule::arn(scope, name),
            }),
            Put::Replace if !exists(state) => Err(RulesError::no_rule(name)),
            _ => Ok(()),
        };
        check(&self.state.read())?;
        let compiled = Arc::new(CompiledRule::compile(self, scope, &rule)?);
        let mut state = self.state.write();
        check(&state)?;
        let state = state.scope_mut(scope);
        if put == Put::Create && self.settings.limits.are_aws() && state.count() >= MAX_RULES {
            return Err(RulesError::invalid(format!(
                "there are {MAX_RULES} rules already, the most allowed"
            )));
        }
        let mut changes = Changes::default();
        changes.put_rule(scope, &rule)?;
        state.put(KeptRule { rule, compiled: Some(compiled) });
        Ok(self.store.commit(changes))
    }

    /// Creates the destinations that a rule's `http` actions need and that are not there (RULES-460).
    async fn make_destinations(self: &Arc<Self>, scope: &Scope, name: &str) -> Result<(), RulesError> {
        let missing: Vec<String> = {
            let state = self.state.read();
            let Some(scope) = state.scope(scope) else { return Ok(()) };
            let compiled = scope.rule(name).and_then(|kept| kept.compiled.as_ref());
            let urls = compiled.into_iter().flat_map(|rule| rule.confirmation_urls());
            urls.filter(|url| scope.destination_for(url).is_none()).map(str::to_owned).collect()
        };
        for url in missing {
            let configuration = json!({"httpUrlConfiguration": {"confirmationUrl": url}});
            match self.create_destination(scope, &configuration).await {
                // Two actions of a rule, or two rules at once, may name one URL.
                Ok(_) | Err(RulesError::ResourceAlreadyExists { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl ListTopicRules {
    fn accepts(&self, kept: &KeptRule) -> bool {
        let filter = kept.compiled.as_ref().and_then(|rule| rule.statement.topic_filter());
        self.rule_disabled.is_none_or(|disabled| disabled == kept.rule.disabled)
            && self
                .topic
                .as_deref()
                .is_none_or(|topic| filter.is_some_and(|filter| topic::matches(filter, topic)))
    }
}

impl Page {
    /// The rows of this page under `member`, and `nextToken` when there are more; rows come in the order of their keys.
    pub(super) fn cut<'k>(
        &self,
        rows: impl Iterator<Item = (&'k str, Value)>,
        max: u64,
        member: &str,
    ) -> Result<Value, RulesError> {
        let size = self.max_results.unwrap_or(max.min(DEFAULT_PAGE));
        if !(1..=max).contains(&size) {
            return Err(RulesError::invalid(format!("`maxResults` is `{size}`; allowed are 1 to {max}")));
        }
        let after = match &self.next_token {
            Some(token) => {
                let key = URL_SAFE_NO_PAD.decode(token).ok().and_then(|key| String::from_utf8(key).ok());
                Some(key.ok_or_else(|| RulesError::invalid("`nextToken` is not one of this list"))?)
            }
            None => None,
        };
        let mut page = Vec::new();
        let mut next = None;
        let mut last = "";
        for (key, row) in rows {
            if after.as_deref().is_some_and(|after| key <= after) {
                continue;
            }
            if page.len() as u64 >= size {
                next = Some(URL_SAFE_NO_PAD.encode(last));
                break;
            }
            last = key;
            page.push(row);
        }
        let mut out = Map::new();
        out.insert(member.to_owned(), Value::Array(page));
        if let Some(next) = next {
            out.insert("nextToken".to_owned(), json!(next));
        }
        Ok(Value::Object(out))
    }
}

/// Waits until a change is on disk.
pub(super) async fn durable(commit: Commit) -> Result<(), RulesError> {
    commit.await.map_err(|error| RulesError::Internal(error.to_string()))
}

/// Rules of one account in one Region (RULES-433).
const MAX_RULES: usize = 1_000;
/// `maxResults` of `ListTopicRules`.
const MAX_PAGE: u64 = 10_000;
/// What a page holds without `maxResults`.
const DEFAULT_PAGE: u64 = 1_000;
