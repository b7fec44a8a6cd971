//! Reading requests.

use thingstead_core::Timestamp;

use super::json::{self, JsonError, unquote};
use super::node::{Node, Object};
use super::rejection::Rejection;
use super::{DocumentLimits, Rejected};

/// The two sections of a state that clients write.
pub(super) const SECTIONS: [&str; 2] = ["desired", "reported"];

/// An update that is well formed; whether it applies depends on the stored document.
#[derive(Clone, Debug)]
pub struct UpdateRequest {
    /// As it was sent: an object with at most the members `desired` and `reported`, or `null`.
    pub(super) state: Node,
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
        let mut members = match parse_object(payload, at) {
            Ok(Some(members)) => members,
            Ok(None) => return Err(Rejection::NotAnObject.into()),
            Err(Rejection::NotJson(JsonError::TooDeep { .. })) => {
                let (place, limit) = ("the payload", limits.depth);
                return Err(Rejection::TooDeep { place, depth: json::MAX_NESTING + 1, limit }.into());
            }
            Err(rejection) => return Err(rejection.into()),
        };
        let client_token = ClientToken::of(&members);
        let reject = |rejection| Rejected { rejection, client_token: client_token.clone().ok().flatten() };
        let state = members.take("state").ok_or_else(|| reject(Rejection::MissingState))?;
        check_shape(&state).map_err(reject)?;
        let client_token = client_token.clone().map_err(reject)?;
        let reject = |rejection| Rejected { rejection, client_token: client_token.clone() };
        check_depth(&state, limits).map_err(reject)?;
        let version = match members.get("version") {
            None => None,
            Some(version) => Some(read_version(version).map_err(reject)?),
        };
        Ok(Self { state, version, client_token, at })
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
        let members = parse_object(payload, Timestamp::default())?;
        Ok(members.and_then(|members| Self::of(&members).ok().flatten()))
    }

    /// The token as JSON, quotes included.
    pub(super) fn as_json(&self) -> &[u8] {
        &self.0
    }

    fn of(members: &Object) -> Result<Option<Self>, Rejection> {
        match members.get("clientToken") {
            None => Ok(None),
            Some(Node::Leaf(leaf)) if leaf.token.as_bytes().first() == Some(&b'"') => {
                let token = leaf.token.as_bytes();
                // Escapes only lengthen a token, so most need no unquoting to be counted.
                if token.len() <= MAX_TOKEN_BYTES + 2 || unquote(token).len() <= MAX_TOKEN_BYTES {
                    Ok(Some(Self(token.into())))
                } else {
                    Err(Rejection::InvalidClientToken)
                }
            }
            Some(_) => Err(Rejection::InvalidClientToken),
        }
    }
}

/// The members of a JSON object; `None` for other JSON.
fn parse_object(payload: &[u8], at: Timestamp) -> Result<Option<Object>, Rejection> {
    let text =
        std::str::from_utf8(payload).map_err(|error| Rejection::NotUtf8 { valid: error.valid_up_to() })?;
    match json::read(text, at.as_secs()).map_err(Rejection::NotJson)? {
        Node::Object(members) => Ok(Some(members)),
        Node::Leaf(_) | Node::Array(_) => Ok(None),
    }
}

fn check_shape(state: &Node) -> Result<(), Rejection> {
    let sections = match state {
        Node::Object(sections) => sections,
        null if null.is_null() => return Ok(()),
        _ => return Err(Rejection::StateNotObject),
    };
    for member in &sections.members {
        let name = unquote(member.key.as_bytes());
        let Some(section) = SECTIONS.into_iter().find(|section| *section == name) else {
            return Err(Rejection::InvalidNode { name });
        };
        if !matches!(member.node, Node::Object(_)) && !member.node.is_null() {
            return Err(Rejection::SectionNotObject { section });
        }
    }
    for section in SECTIONS {
        if sections.get(section).is_some_and(has_null_in_array) {
            return Err(Rejection::NullInArray { section });
        }
    }
    Ok(())
}

fn has_null_in_array(node: &Node) -> bool {
    match node {
        Node::Leaf(_) => false,
        Node::Array(elements) => {
            elements.iter().any(|element| element.is_null() || has_null_in_array(element))
        }
        Node::Object(object) => object.members.iter().any(|member| has_null_in_array(&member.node)),
    }
}

fn check_depth(state: &Node, limits: &DocumentLimits) -> Result<(), Rejection> {
    let Node::Object(sections) = state else { return Ok(()) };
    for section in SECTIONS {
        let depth = sections.get(section).map_or(0, Node::depth);
        if depth > limits.depth {
            let place = if section == "desired" { "`state.desired`" } else { "`state.reported`" };
            return Err(Rejection::TooDeep { place, depth, limit: limits.depth });
        }
    }
    Ok(())
}

fn read_version(version: &Node) -> Result<u64, Rejection> {
    let found = match version {
        Node::Leaf(leaf) => String::from_utf8_lossy(leaf.token.as_bytes()).into_owned(),
        Node::Array(_) => "an array".to_owned(),
        Node::Object(_) => "an object".to_owned(),
    };
    let is_plain = !found.is_empty() && found.bytes().all(|byte| byte.is_ascii_digit());
    match found.parse() {
        Ok(version) if is_plain => Ok(version),
        _ => Err(Rejection::InvalidVersion { found }),
    }
}

const MAX_TOKEN_BYTES: usize = 64;
