//! The control plane of destinations (RULES-444 ff.).

use std::sync::Arc;

use serde_json::{Value, json};
use thingstead_core::Scope;

use super::resources::durable;
use super::{Inner, Page, RuleEngine};
use crate::RulesError;
use crate::actions::http::check_url;
use crate::destination::{Destination, DestinationStatus, DestinationTarget};
use crate::settings::HttpDestinations;
use crate::store::Changes;

impl RuleEngine {
    /// `CreateTopicRuleDestination`; `configuration` is the API's `destinationConfiguration`. Answers
    /// `topicRuleDestination`, in state IN_PROGRESS while the confirmation is under way (RULES-446).
    ///
    /// # Errors
    /// The configuration is not valid, or there is a destination for that URL (RULES-466).
    pub async fn create_topic_rule_destination(
        &self,
        scope: &Scope,
        configuration: &Value,
    ) -> Result<Value, RulesError> {
        let destination = self.inner.create_destination(scope, configuration).await?;
        Ok(json!({"topicRuleDestination": destination}))
    }

    /// `GetTopicRuleDestination`: `topicRuleDestination`.
    ///
    /// # Errors
    /// There is no such destination (API-206).
    pub fn get_topic_rule_destination(&self, scope: &Scope, arn: &str) -> Result<Value, RulesError> {
        let state = self.inner.state.read();
        let found = state.scope(scope).and_then(|scope| scope.destinations.get(arn));
        let found = found.ok_or_else(|| RulesError::no_destination(arn))?;
        Ok(json!({"topicRuleDestination": found.to_api(self.inner.clock.now(), false)}))
    }

    /// `ListTopicRuleDestinations`: `destinationSummaries` and `nextToken` (RULES-448).
    ///
    /// # Errors
    /// The page is out of range or its token is not one of ours.
    pub fn list_topic_rule_destinations(&self, scope: &Scope, page: &Page) -> Result<Value, RulesError> {
        let now = self.inner.clock.now();
        let state = self.inner.state.read();
        let destinations = state.scope(scope).into_iter().flat_map(|scope| &scope.destinations);
        let rows = destinations.map(|(arn, destination)| (arn.as_str(), destination.to_api(now, true)));
        page.cut(rows, MAX_PAGE, "destinationSummaries")
    }

    /// `UpdateTopicRuleDestination` (RULES-453 to RULES-456).
    ///
    /// # Errors
    /// There is no such destination, or it cannot go to that status from where it stands.
    pub async fn update_topic_rule_destination(
        &self,
        scope: &Scope,
        arn: &str,
        status: &str,
    ) -> Result<(), RulesError> {
        let now = self.inner.clock.now();
        let commit = {
            let mut state = self.inner.state.write();
            let found = state.scope_mut(scope).destinations.get_mut(arn);
            let destination = found.ok_or_else(|| RulesError::no_destination(arn))?;
            let (from, _) = destination.status_at(now);
            match (from, status) {
                (DestinationStatus::Disabled | DestinationStatus::Enabled, "ENABLED") => {
                    destination.turn(DestinationStatus::Enabled, "", now);
                }
                (DestinationStatus::Enabled, "DISABLED") => {
                    destination.turn(DestinationStatus::Disabled, "", now);
                }
                (_, "IN_PROGRESS") if !matches!(destination.target, DestinationTarget::Vpc { .. }) => {
                    destination.token = Some(self.inner.new_token());
                    destination.turn(DestinationStatus::InProgress, CONFIRMING, now);
                }
                (from, to @ ("ENABLED" | "DISABLED" | "IN_PROGRESS")) => {
                    return Err(RulesError::invalid(format!(
                        "a destination that is {} cannot become {to}",
                        from.name()
                    )));
                }
                (_, other) => {
                    return Err(RulesError::invalid(format!(
                        "`status` is `{other}`; allowed are `ENABLED`, `DISABLED`, `IN_PROGRESS`"
                    )));
                }
            }
            let mut changes = Changes::default();
            changes.put_destination(scope, destination)?;
            let destination = destination.clone();
            let commit = self.inner.store.commit(changes);
            drop(state);
            self.inner.confirm_if_waiting(scope, &destination);
            commit
        };
        durable(commit).await
    }

    /// `DeleteTopicRuleDestination`.
    ///
    /// # Errors
    /// There is no such destination (API-206).
    pub async fn delete_topic_rule_destination(&self, scope: &Scope, arn: &str) -> Result<(), RulesError> {
        let commit = {
            let mut state = self.inner.state.write();
            if state.scope_mut(scope).destinations.remove(arn).is_none() {
                return Err(RulesError::no_destination(arn));
            }
            let mut changes = Changes::default();
            changes.delete_destination(scope, arn);
            self.inner.store.commit(changes)
        };
        durable(commit).await
    }

    /// `ConfirmTopicRuleDestination`: the token alone says which destination is meant. A token works once (RULES-458).
    ///
    /// # Errors
    /// No destination waits for that token.
    pub async fn confirm_topic_rule_destination(&self, token: &str) -> Result<(), RulesError> {
        self.inner.confirm(token).await
    }
}

impl Inner {
    /// Enables the destination that waits for a token.
    pub(super) async fn confirm(&self, token: &str) -> Result<(), RulesError> {
        let refuse = || RulesError::invalid("`confirmationToken` is unknown, used or expired");
        if !(1..=MAX_TOKEN).contains(&token.chars().count()) {
            return Err(refuse());
        }
        let now = self.clock.now();
        let commit = {
            let mut state = self.state.write();
            let (scope, destination) = state.awaiting(token).ok_or_else(refuse)?;
            if destination.status_at(now).0 != DestinationStatus::InProgress {
                return Err(refuse());
            }
            destination.token = None;
            destination.turn(DestinationStatus::Enabled, "", now);
            let mut changes = Changes::default();
            changes.put_destination(&scope, destination)?;
            self.store.commit(changes)
        };
        durable(commit).await
    }

    /// Creates a destination and asks its receiver, if there is one.
    pub(super) async fn create_destination(
        self: &Arc<Self>,
        scope: &Scope,
        configuration: &Value,
    ) -> Result<Value, RulesError> {
        let target = DestinationTarget::of(configuration, scope.account(), &self.settings)?;
        let now = self.clock.now();
        let id = self.ids.uuid().to_string();
        let mut destination = Destination::new(scope, target, &id, self.new_token(), now);
        let answer;
        let commit = {
            let mut state = self.state.write();
            let state = state.scope_mut(scope);
            if let Some(url) = destination.confirmation_url() {
                check_url(url, self.settings.http_action_urls)
                    .map_err(|why| RulesError::invalid(format!("`confirmationUrl` {why}")))?;
                if let Some(existing) = state.destination_for(url) {
                    let id = existing.arn.rsplit('/').next().unwrap_or_default().to_owned();
                    return Err(RulesError::ResourceAlreadyExists {
                        message: format!("there is a destination for the confirmation URL `{url}` already"),
                        resource_id: id,
                        resource_arn: existing.arn.clone(),
                    });
                }
                destination.status_reason = CONFIRMING.to_owned();
            }
            if state.destinations.len() >= MAX_DESTINATIONS && self.settings.limits.are_aws() {
                return Err(RulesError::invalid(format!(
                    "there are {MAX_DESTINATIONS} destinations already, the most allowed"
                )));
            }
            answer = destination.to_api(now, false);
            let unasked = match destination.target {
                DestinationTarget::Http { .. } => {
                    self.settings.http_destinations == HttpDestinations::Automatic
                }
                DestinationTarget::InfluxDb { .. } => false,
                DestinationTarget::Vpc { .. } => true,
            };
            if unasked {
                destination.token = None;
                destination.turn(DestinationStatus::Enabled, "", now);
            }
            let mut changes = Changes::default();
            changes.put_destination(scope, &destination)?;
            state.destinations.insert(destination.arn.clone(), destination.clone());
            self.store.commit(changes)
        };
        durable(commit).await?;
        self.confirm_if_waiting(scope, &destination);
        Ok(answer)
    }

    /// The answer of a receiver that cannot be asked: ERROR, with the reason (RULES-457).
    pub(super) fn confirmation_failed(&self, scope: &Scope, arn: &str, token: &str, why: String) {
        let now = self.clock.now();
        let mut state = self.state.write();
        let Some(destination) = state.scope_mut(scope).destinations.get_mut(arn) else { return };
        // Confirmed, or asked anew, in the meantime.
        if destination.token.as_deref() != Some(token) {
            return;
        }
        destination.turn(DestinationStatus::Error, why, now);
        let mut changes = Changes::default();
        match changes.put_destination(scope, destination) {
            Ok(()) => drop(self.store.commit(changes)),
            Err(error) => tracing::error!(%error, arn, "a destination's state is not stored"),
        }
    }

    /// The `enableUrl` of a token (RULES-451).
    pub(super) fn enable_url(&self, scope: &Scope, token: &str) -> String {
        match &self.settings.api_url {
            Some(base) => format!("{}/confirmdestination/{token}", base.trim_end_matches('/')),
            None => format!("https://iot.{}.amazonaws.com/confirmdestination/{token}", scope.region()),
        }
    }

    fn new_token(&self) -> String {
        self.ids.hex(32)
    }
}

const CONFIRMING: &str = "Awaiting confirmation. Confirmation message sent to the destination.";
/// `maxResults` of `ListTopicRuleDestinations`.
const MAX_PAGE: u64 = 1_000;
/// Characters of a token (RULES-452).
const MAX_TOKEN: usize = 2_048;
/// Destinations of one account in one Region (RULES-439).
const MAX_DESTINATIONS: usize = 1_000;
