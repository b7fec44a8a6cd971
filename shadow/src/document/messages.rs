//! The messages of the service, member by member in the order in which AWS sends them.

use bytes::Bytes;
use thingstead_core::Timestamp;

use super::delta::Delta;
use super::request::ClientToken;
use super::tree::Value;
use super::write::{STAMP, Writer};
use super::{Document, Rejected, UpdateRequest};

/// `update/accepted`: what was asked, with metadata (SHADOW-129 to SHADOW-131).
pub(super) fn update_accepted(request: &UpdateRequest, state: Value<'_>, version: u64) -> Bytes {
    let mut out = Writer::with_capacity(2 * state.size() + STAMP * state.run().len() + 192);
    out.raw(br#"{"state":"#);
    out.state(state);
    out.raw(METADATA);
    out.metadata(state);
    end_with_version(out, version, request.at, request.client_token.as_ref())
}

/// `update/delta` (SHADOW-126, SHADOW-127).
pub(super) fn delta(
    document: &Document,
    delta: &Delta<'_>,
    at: Timestamp,
    token: Option<&ClientToken>,
) -> Bytes {
    let mut out = Writer::with_capacity(room(document));
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
    previous: Option<&Document>,
    current: &Document,
    at: Timestamp,
    token: Option<&ClientToken>,
) -> Bytes {
    let mut out = Writer::with_capacity(previous.map_or(4, room) + room(current) + 160);
    out.raw(br#"{"previous":"#);
    match previous {
        Some(previous) => document(previous, &mut out),
        None => out.raw(b"null"),
    }
    out.raw(br#","current":"#);
    document(current, &mut out);
    out.raw(br#","timestamp":"#);
    out.number(at.as_secs());
    end(out, token)
}

/// `{"state":…,"metadata":…,"version":…}`.
pub(super) fn whole(of: &Document) -> Bytes {
    let mut out = Writer::with_capacity(room(of));
    document(of, &mut out);
    out.into_bytes()
}

/// One side of `documents`.
fn document(document: &Document, out: &mut Writer) {
    out.raw(&document.state.text);
    metadata(document, out);
    out.raw(br#","version":"#);
    out.number(signed(document.version));
    out.raw(b"}");
}

/// `,"metadata":…`.
fn metadata(document: &Document, out: &mut Writer) {
    out.raw(METADATA);
    if let Some(state) = document.tree().root() {
        out.metadata(state);
    }
}

/// About the bytes of a document with its metadata.
fn room(document: &Document) -> usize {
    2 * document.state.text.len() + STAMP * document.state.nodes.len() + 40
}

/// `get/accepted` (SHADOW-138 to SHADOW-140).
pub(super) fn get_accepted(
    document: &Document,
    delta: Option<&Delta<'_>>,
    now: Timestamp,
    token: Option<&ClientToken>,
) -> Bytes {
    let mut out = Writer::with_capacity(room(document) + document.state.text.len() + 192);
    match delta {
        None => out.raw(&document.state.text),
        Some(delta) => {
            // There is a delta, so there is a section before it.
            out.raw(document.state.text.strip_suffix(b"}").unwrap_or(&document.state.text));
            out.raw(br#","delta":"#);
            delta.write(&mut out, Writer::state);
            out.raw(b"}");
        }
    }
    metadata(document, &mut out);
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
    out.into_bytes()
}

fn signed(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

const METADATA: &[u8] = br#","metadata":"#;
