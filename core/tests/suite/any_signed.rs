//! Any text as a signed request: never a panic, and only what was signed with the secret verifies.
//!
//! The fuzz target and the seeded test run the same function.

use std::time::Duration;

use thingstead_core::Timestamp;
use thingstead_core::sigv4::{Claim, Request, Secret};

/// Lines: path, query, `authorization`, `x-amz-date`, `date`, `host`, any further header; what is missing is empty.
pub(crate) fn any_signed(text: &str) {
    let mut lines = text.split('\n');
    let (path, query) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
    let names =
        ["authorization", "x-amz-date", "date", "host", "x-amz-content-sha256", "x-amz-security-token", "x"];
    let headers: Vec<(&str, &str)> = names.into_iter().zip(lines).collect();
    let request = Request { method: "GET", path, query, headers: &headers, body: b"" };
    let Ok(Some(claim)) = Claim::of(&request) else { return };
    assert!(!claim.access_key.is_empty() && !claim.region.is_empty() && !claim.service.is_empty());
    // Nobody knows this secret, whatever the time.
    for seconds in [0, 1_440_938_160, 4_000_000_000] {
        let now = Timestamp::from_millis(0).plus(Duration::from_secs(seconds));
        assert!(claim.verify(&request, &Secret::new(SECRET), now).is_err(), "{text}");
    }
}

const SECRET: &str = "d0b1f6a7c2e94f5c8a3b7e6d1c0f9a8b";
