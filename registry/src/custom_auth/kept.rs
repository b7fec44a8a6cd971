//! Answers kept for the further requests of an HTTPS connection (AUTH-219).

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use thingstead_core::Timestamp;

use super::{Admission, HttpContext};

/// What authorizers answered on one TCP connection. The door makes one for each connection and puts it on its requests.
#[derive(Clone, Debug, Default)]
pub struct KeptAdmissions(Arc<Mutex<HashMap<Presented, (Timestamp, Admission)>>>);

/// What the answer was given to: all that the function could see.
type Presented = (Option<String>, Vec<(String, String)>);

impl KeptAdmissions {
    /// The answer to the same credentials, while it may be used.
    pub fn get(&self, http: &HttpContext, now: Timestamp) -> Option<Admission> {
        let kept = self.0.lock();
        let (until, admission) = kept.get(&presented(http))?;
        (*until > now).then(|| admission.clone())
    }

    /// Keeps an answer for as long as it says, if its authorizer lets it.
    pub fn put(&self, http: &HttpContext, admission: &Admission, now: Timestamp) {
        let Some(refresh_after) = admission.refresh_after.filter(|_| admission.cacheable) else { return };
        let mut kept = self.0.lock();
        kept.retain(|_, (until, _)| *until > now);
        if kept.len() < MOST_KEPT {
            kept.insert(presented(http), (now.plus(refresh_after), admission.clone()));
        }
    }
}

/// The headers that describe the body are not credentials and differ from request to request.
fn presented(http: &HttpContext) -> Presented {
    let headers = http.headers.iter().filter(|(name, _)| {
        let name = name.to_ascii_lowercase();
        !name.starts_with("content-") && !name.starts_with("x-amz-mqtt5-") && name != "date"
    });
    (http.query.clone(), headers.cloned().collect())
}

/// Different credentials on one connection.
const MOST_KEPT: usize = 64;
