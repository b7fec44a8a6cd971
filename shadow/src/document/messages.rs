//! The messages of the service, member by member in the order in which AWS sends them.

use bytes::Bytes;
use thingstead_core::Timestamp;

use super::delta::Delta;
use super::request::ClientToken;
use super::write::Writer;
use super::{Document, Rejected, UpdateRequest};

/// `update/accepted`: what was asked, with metadata (SHADOW-129 to SHADOW-131).
pub(super) fn update_accepted(request: &UpdateRequest, version: u64) -> Bytes {
    let mut out = Writer::with_capacity(4 * request.state.size() + 128);
    out.raw(br#"{"state":"#);
    out.state(&request.state);
    out.raw(br#","metadata":"#);
    out.metadata(&request.state);
    end_with_version(out, version, request.at, request.client_token.as_ref())
}

/// `update/delta` (SHADOW-126, SHADOW-127).
pub(super) fn delta(
    document: &Document,
    delta: &Delta<'_>,
    at: Timestamp,
    token: Option<&ClientToken>,
) -> Bytes {
    let mut out = Writer::with_capacity(document.text.len());
    out.raw(br#"{"version":"#);
    out.number(signed(document.version));
    out.raw(br#","timestamp":"#);
    out.number(at.as_secs());
    out.raw(br#","state":"#);
    delta.write(&mut out, Writer::state);
    out.raw(br#","metadata":"#);
    delta.write(&mut out, Writer::metadata);
    end(out, token)
}

/// `update/documents` (SHADOW-134 to SHADOW-137).
pub(super) fn documents(
    previous: Option<&[u8]>,
    current: &[u8],
    at: Timestamp,
    token: Option<&ClientToken>,
) -> Bytes {
    let previous = previous.unwrap_or(b"null");
    let mut out = Writer::with_capacity(previous.len() + current.len() + 160);
    out.raw(br#"{"previous":"#);
    out.raw(previous);
    out.raw(br#","current":"#);
    out.raw(current);
    out.raw(br#","timestamp":"#);
    out.number(at.as_secs());
    end(out, token)
}

/// `{"state":…,"metadata":…,"version":…}`: one side of `documents`, also what is stored.
pub(super) fn document(document: &Document, size: usize) -> Bytes {
    let mut out = Writer::with_capacity(4 * size + 128);
    out.raw(br#"{"state":{"#);
    sections(&mut out, document, Writer::object_state);
    out.raw(br#"},"metadata":{"#);
    sections(&mut out, document, Writer::object_metadata);
    out.raw(br#"},"version":"#);
    out.number(signed(document.version));
    out.raw(b"}");
    Bytes::from(out.out)
}

/// `get/accepted` (SHADOW-138 to SHADOW-140).
pub(super) fn get_accepted(
    document: &Document,
    delta: Option<&Delta<'_>>,
    now: Timestamp,
    token: Option<&ClientToken>,
) -> Bytes {
    let mut out = Writer::with_capacity(2 * document.text.len() + 128);
    out.raw(br#"{"state":{"#);
    sections(&mut out, document, Writer::object_state);
    if let Some(delta) = delta {
        out.raw(br#","delta":"#);
        delta.write(&mut out, Writer::state);
    }
    out.raw(br#"},"metadata":{"#);
    sections(&mut out, document, Writer::object_metadata);
    out.raw(b"}");
    end_with_version(out, document.version, now, token)
}

/// `delete/accepted` (SHADOW-144, SHADOW-145).
pub(super) fn delete_accepted(version: u64, now: Timestamp, token: Option<&ClientToken>) -> Bytes {
    let mut out = Writer::with_capacity(128);
    out.raw(br#"{"version":"#);
    out.number(signed(version));
    out.raw(br#","timestamp":"#);
    out.number(now.as_secs());
    end(out, token)
}

/// The payload of a `rejected` topic; AWS sends no timestamp with a 404 (SHADOW-152).
pub(super) fn rejected(rejected: &Rejected, now: Timestamp) -> Bytes {
    let mut out = Writer::with_capacity(160);
    out.raw(br#"{"code":"#);
    out.number(i64::from(rejected.rejection.code()));
    out.raw(br#","message":"#);
    out.raw(&super::json::quote(&rejected.rejection.message()));
    if rejected.rejection.code() != 404 {
        out.raw(br#","timestamp":"#);
        out.number(now.as_secs());
    }
    end(out, rejected.client_token.as_ref())
}

fn sections(out: &mut Writer, document: &Document, value: fn(&mut Writer, &super::node::Object)) {
    if let Some(desired) = &document.desired {
        out.raw(br#""desired":"#);
        value(out, desired);
    }
    if let Some(reported) = &document.reported {
        out.raw(if document.desired.is_some() { br#","reported":"# } else { br#""reported":"#.as_slice() });
        value(out, reported);
    }
}

fn end_with_version(mut out: Writer, version: u64, at: Timestamp, token: Option<&ClientToken>) -> Bytes {
    out.raw(br#","version":"#);
    out.number(signed(version));
    out.raw(br#","timestamp":"#);
    out.number(at.as_secs());
    end(out, token)
}

fn end(mut out: Writer, token: Option<&ClientToken>) -> Bytes {
    if let Some(token) = token {
        out.raw(br#","clientToken":"#);
        out.raw(token.as_json());
    }
    out.raw(b"}");
    Bytes::from(out.out)
}

fn signed(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}
