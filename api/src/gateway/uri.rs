//! Raw paths and queries: split first, decode each part once (API-009, API-014).

use percent_encoding::percent_decode_str;

use crate::ApiError;

/// The segments of a raw path, still encoded; empty ones stay.
pub(super) fn segments(path: &str) -> Vec<&str> {
    path.strip_prefix('/').unwrap_or(path).split('/').collect()
}

/// The pairs of a raw query, decoded. A plus sign is a plus sign, as in signing.
pub(super) fn pairs(query: &str) -> Result<Vec<(String, String)>, ApiError> {
    let parts = query.split('&').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            Ok((decoded(name)?, decoded(value)?))
        })
        .collect()
}

/// A text decoded once.
pub(super) fn decoded(text: &str) -> Result<String, ApiError> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| ApiError::invalid_request(format!("`{text}` is not percent-encoded UTF-8")))
}
