//! Asks a receiver whether it wants to be sent to (RULES-449 to RULES-451).

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use thingstead_core::Scope;

use super::Inner;
use crate::actions::send::HttpRequest;
use crate::actions::url;
use crate::destination::{Destination, DestinationStatus};

impl Inner {
    /// Sends the confirmation to a destination that waits for it.
    pub(super) fn confirm_if_waiting(self: &Arc<Self>, scope: &Scope, destination: &Destination) {
        if destination.influx().is_some() {
            return self.check_influx(scope, destination);
        }
        let (DestinationStatus::InProgress, Some(url), Some(token)) =
            (destination.status, destination.confirmation_url(), destination.token.clone())
        else {
            return;
        };
        let arn = destination.arn.clone();
        let body = json!({
            "arn": arn,
            "confirmationToken": token,
            "enableUrl": self.enable_url(scope, &token),
            "messageType": "DestinationConfirmation",
        });
        let request = HttpRequest {
            method: "POST",
            url: format!("{}/?confirmationToken={token}", url.trim_end_matches('/')),
            headers: vec![
                ("content-type".to_owned(), "application/json".to_owned()),
                ("x-amz-rules-engine-message-type".to_owned(), "DestinationConfirmation".to_owned()),
                ("x-amz-rules-engine-destination-arn".to_owned(), arn.clone()),
            ],
            body: body.to_string().into(),
        };
        let (authority, _, _) = url::split(url);
        let (inner, scope, lane_arn, lane_token) =
            (Arc::clone(self), scope.clone(), arn.clone(), token.clone());
        let task_scope = scope.clone();
        let queued = self.lanes.spawn(&format!("http {authority}"), request.body.len(), async move {
            let why = match inner.http.send(&request, LIMIT, MAX_ANSWER).await {
                Ok(answer) if (200..300).contains(&answer.status) => return,
                Ok(answer) => format!("the receiver answered the confirmation with status {}", answer.status),
                Err(error) => format!("the confirmation could not be sent: {error}"),
            };
            inner.confirmation_failed(&task_scope, &arn, &token, why);
        });
        if let Err(full) = queued {
            let why = format!("the confirmation could not be sent: {full}");
            self.confirmation_failed(&scope, &lane_arn, &lane_token, why);
        }
    }
}

/// The time a receiver has to take the confirmation.
const LIMIT: Duration = Duration::from_secs(5);
/// An answer is not looked at.
const MAX_ANSWER: usize = 16 * 1024;
