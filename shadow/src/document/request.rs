//! Reading requests.

use thingstead_core::Timestamp;

use super::build::Builder;
use super::json::{self, JsonError, unquote};
use super::rejection::Rejection;
use super::tree::{Kind, Value};
use super::{DocumentLimits, Rejected};

/// The two sections of a state that clients write.
pub(super) const SECTIONS: [&str; 2] = ["desired", "reported"];

/// An update that is well formed; whether it applies depends on the stored document.
#[derive(Clone, Debug)]
pub struct UpdateRequest {
    /// All of it, as it was sent.
    payload: Builder,
    /// Where in it `state` is: an object with at most the members `desired` and `reported`, or `null`.
    state: usize,
    /// Applied only to this version (SHADOW-102).
    pub(super) version: Option<u64>,
    /// Echoed in every answer.
    pub(super) client_token: Option<ClientToken>,
    /// When it came.
    pub(super) at: Timestamp,
}

/// A `clientToken` of at most 64 bytes (SHADOW-049), as the JSON token that is echoed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientToken(Box<[u8]>);

impl UpdateRequest {
    /// Reads the payload of an update and makes the checks that need no stored document, in the order of SHADOW-062.
    ///
    /// # Errors
    /// The first check that failed, with the token when it is known and valid (SHADOW-051).
    pub fn parse(payload: &[u8], at: Timestamp, limits: &DocumentLimits) -> Result<Self, Rejected> {
        let payload = match parse(payload, at) {
            Err(Rejection::NotJson(JsonError::TooDeep { .. })) => {
                let (place, limit) = ("the payload", limits.depth);
                return Err(Rejection::TooDeep { place, depth: json::MAX_NESTING + 1, limit }.into());
            }
            other => other?,
        };
        let members =
            payload.tree().root().filter(|root| root.is(Kind::Object)).ok_or(Rejection::NotAnObject)?;
        let client_token = ClientToken::of(members);
        let reject = |rejection| Rejected { rejection, client_token: client_token.clone().ok().flatten() };
        let state = members.get("state").ok_or_else(|| reject(Rejection::MissingState))?;
        check_shape(state).map_err(reject)?;
        let client_token = client_token.clone().map_err(reject)?;
        let reject = |rejection| Rejected { rejection, client_token: client_token.clone() };
        check_depth(state, limits).map_err(reject)?;
        let version = match members.get("version") {
            None => None,
            Some(version) => Some(read_version(version).map_err(reject)?),
        };
        let state = state.place;
        Ok(Self { payload, state, version, client_token, at })
    }

    /// `state`; never `None`, because a request is only made of a payload that has one.
    pub(super) fn state(&self) -> Option<Value<'_>> {
        self.payload.tree().at(self.state)
    }

    /// The token to echo.
    pub const fn client_token(&self) -> Option<&ClientToken> {
        self.client_token.as_ref()
    }

    /// When the request came.
    pub const fn at(&self) -> Timestamp {
        self.at
    }
}

impl ClientToken {
    /// The token of a get or delete request, which ignores everything else in its payload (SHADOW-141, SHADOW-145).
    ///
    /// # Errors
    /// The payload is not empty and not JSON (SHADOW-151).
    pub fn of_payload(payload: &[u8]) -> Result<Option<Self>, Rejection> {
        if payload.is_empty() {
            return Ok(None);
        }
        let payload = parse(payload, Timestamp::default())?;
        let members = payload.tree().root().filter(|root| root.is(Kind::Object));
        Ok(members.and_then(|members| Self::of(members).ok().flatten()))
    }

    /// The token as JSON, quotes included.
    pub(super) fn as_json(&self) -> &[u8] {
        &self.0
    }

    fn of(members: Value<'_>) -> Result<Option<Self>, Rejection> {
        let Some(token) = members.get("clientToken") else { return Ok(None) };
        let json = token.json();
        // Escapes only lengthen a token, so most need no unquoting to be counted.
        let fits = || json.len() <= MAX_TOKEN_BYTES + 2 || unquote(json).len() <= MAX_TOKEN_BYTES;
        if token.is(Kind::String) && fits() {
            Ok(Some(Self(json.into())))
        } else {
            Err(Rejection::InvalidClientToken)
        }
    }
}

fn parse(payload: &[u8], at: Timestamp) -> Result<Builder, Rejection> {
    let text =
        std::str::from_utf8(payload).map_err(|error| Rejection::NotUtf8 { valid: error.valid_up_to() })?;
    json::read(text, at.as_secs()).map_err(Rejection::NotJson)
}

fn check_shape(state: Value<'_>) -> Result<(), Rejection> {
    match state.node.kind {
        Kind::Object => {}
        Kind::Null => return Ok(()),
        _ => return Err(Rejection::StateNotObject),
    }
    for member in state.children() {
        let name = member.key().strip_suffix(b":").unwrap_or_default();
        let section = SECTIONS.into_iter().find(|section| {
            name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\"")) == Some(section.as_bytes())
        });
        let Some(section) = section else {
            return Err(Rejection::InvalidNode { name: unquote(name) });
        };
        if !matches!(member.node.kind, Kind::Object | Kind::Null) {
            return Err(Rejection::SectionNotObject { section });
        }
    }
    for section in SECTIONS {
        if state.get(section).is_some_and(|section| section.node.content.null_in_array) {
            return Err(Rejection::NullInArray { section });
        }
    }
    Ok(())
}

fn check_depth(state: Value<'_>, limits: &DocumentLimits) -> Result<(), Rejection> {
    for section in SECTIONS {
        let depth = state.get(section).map_or(0, |section| usize::from(section.node.content.depth));
        if depth > limits.depth {
            let place = if section == "desired" { "`state.desired`" } else { "`state.reported`" };
            return Err(Rejection::TooDeep { place, depth, limit: limits.depth });
        }
    }
    Ok(())
}

fn read_version(version: Value<'_>) -> Result<u64, Rejection> {
    let found = match version.node.kind {
        Kind::Array => "an array".to_owned(),
        Kind::Object => "an object".to_owned(),
        _ => String::from_utf8_lossy(version.json()).into_owned(),
    };
    match found.parse() {
        Ok(number) if version.is(Kind::Number) && found.bytes().all(|byte| byte.is_ascii_digit()) => {
            Ok(number)
        }
        _ => Err(Rejection::InvalidVersion { found }),
    }
}

const MAX_TOKEN_BYTES: usize = 64;
