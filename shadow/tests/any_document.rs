//! Any bytes as the requests of one shadow: never a panic, and what is accepted is stored, read back and shown alike.
//!
//! The fuzz target and the seeded test run the same function.

use thingstead_core::Timestamp;
use thingstead_shadow::document::{self, DocumentLimits, Stored, UpdateRequest};

/// Each line is an update, in order.
pub(crate) fn any_document(data: &[u8]) {
    let limits = DocumentLimits { bytes: 8 * 1024, depth: 8 };
    let mut stored = Stored::Absent;
    for (seconds, payload) in (1..).zip(data.split(|byte| *byte == b'\n').take(8)) {
        let at = Timestamp::from_millis(seconds * 1000);
        let Ok(request) = UpdateRequest::parse(payload, at, &limits) else { continue };
        let updated = match document::update(&stored, request, &limits) {
            Ok(updated) => updated,
            Err(rejected) => {
                assert!(!rejected.rejection.message().is_empty() && !rejected.rejection.fix().is_empty());
                continue;
            }
        };
        assert!(updated.document.size() <= limits.bytes);
        for answer in [Some(updated.accepted), updated.delta, Some(updated.documents)].into_iter().flatten() {
            assert!(serde_json::from_slice::<serde_json::Value>(&answer).is_ok(), "{answer:?}");
        }
        stored = Stored::Present(updated.document);
        let text = stored.to_text().expect("what is accepted is stored");
        let read = Stored::from_text(&text).expect("read back");
        let shown = document::get(&stored, "s", None, at).expect("it is there");
        assert!(serde_json::from_slice::<serde_json::Value>(&shown).is_ok_and(|shown| shown.is_object()));
        assert_eq!(document::get(&read, "s", None, at), Ok(shown));
    }
}
