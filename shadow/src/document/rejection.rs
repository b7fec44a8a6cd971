//! Why a request is refused: the one table of codes and texts.

use thingstead_core::topic::Quoted;

use super::json::JsonError;

/// A refusal of the shadow service. What a client sees is [`Rejection::code`] and [`Rejection::message`], as AWS words
/// them (SHADOW-152 to SHADOW-154); `Display` says what exactly was wrong, for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// SHADOW-052, SHADOW-057, SHADOW-151.
    #[error("the payload is not JSON: {0}")]
    NotJson(JsonError),
    /// SHADOW-054.
    #[error("the payload is JSON, but not an object with the member `state`")]
    NotAnObject,
    /// SHADOW-055.
    #[error("the payload is not UTF-8 from byte {valid} on")]
    NotUtf8 {
        /// Bytes that are UTF-8.
        valid: usize,
    },
    /// SHADOW-056.
    #[error(
        "an array below `state.{section}` contains `null`; arrays are stored as a whole, so `null` removes nothing there"
    )]
    NullInArray {
        /// `desired` or `reported`.
        section: &'static str,
    },
    /// SHADOW-038.
    #[error("the request has no member `state`")]
    MissingState,
    /// SHADOW-039.
    #[error("`state` is neither an object nor `null`")]
    StateNotObject,
    /// SHADOW-042, SHADOW-043.
    #[error("`state` has the member {}; only `desired` and `reported` are allowed", Quoted(name))]
    InvalidNode {
        /// The first member that does not belong there.
        name: String,
    },
    /// SHADOW-044, SHADOW-045.
    #[error("`state.{section}` is neither an object nor `null`")]
    SectionNotObject {
        /// `desired` or `reported`.
        section: &'static str,
    },
    /// SHADOW-048.
    #[error("`version` is {}, not a non-negative integer", Quoted(found))]
    InvalidVersion {
        /// As it was sent.
        found: String,
    },
    /// SHADOW-049.
    #[error("`clientToken` is not a string of at most 64 bytes")]
    InvalidClientToken,
    /// SHADOW-060, SHADOW-061.
    #[error("{place} is nested {depth} levels deep; the limit is {limit}")]
    TooDeep {
        /// "`state.desired`", "`state.reported`", or "the payload" when it was not read to its end.
        place: &'static str,
        /// Levels found.
        depth: usize,
        /// Levels allowed.
        limit: usize,
    },
    /// SHADOW-103, SHADOW-106.
    #[error("the request expects version {expected}, but {}", stored_version(*stored))]
    VersionConflict {
        /// `version` of the request.
        expected: u64,
        /// The stored version; `None` when the shadow does not exist.
        stored: Option<u64>,
    },
    /// SHADOW-084, SHADOW-085.
    #[error("desired and reported together would take {size} bytes after the update; the limit is {limit}")]
    TooLarge {
        /// Bytes after the merge.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// SHADOW-142, SHADOW-143, SHADOW-146.
    #[error("no shadow exists with name `{name}`; the first accepted update creates it")]
    NoShadow {
        /// The shadow's name, the thing's for a classic shadow.
        name: String,
    },
    /// SHADOW-155 to SHADOW-157.
    #[error("throttled: more than {limit} {what}")]
    Throttled {
        /// How many are allowed.
        limit: u32,
        /// What was counted.
        what: &'static str,
    },
    /// The page size of a list is not 1-100 (SHADOW-164).
    #[error("`pageSize` is {found}; it must be between 1 and 100")]
    InvalidPageSize {
        /// As asked.
        found: i64,
    },
    /// The token of a list was not handed out by a list.
    #[error("`nextToken` was not handed out by an earlier answer")]
    InvalidNextToken,
    /// The store failed.
    #[error("the update could not be stored: {reason}")]
    Internal {
        /// The store's words.
        reason: String,
    },
}

impl Rejection {
    /// The HTTP status, also `code` of the rejected message (SHADOW-153).
    pub const fn code(&self) -> u16 {
        match self {
            Self::NotJson(_)
            | Self::NotAnObject
            | Self::NullInArray { .. }
            | Self::MissingState
            | Self::StateNotObject
            | Self::InvalidNode { .. }
            | Self::SectionNotObject { .. }
            | Self::InvalidVersion { .. }
            | Self::InvalidClientToken
            | Self::TooDeep { .. }
            | Self::InvalidPageSize { .. }
            | Self::InvalidNextToken => 400,
            Self::NoShadow { .. } => 404,
            Self::VersionConflict { .. } => 409,
            Self::TooLarge { .. } => 413,
            Self::NotUtf8 { .. } => 415,
            Self::Throttled { .. } => 429,
            Self::Internal { .. } => 500,
        }
    }

    /// The text that clients get.
    pub fn message(&self) -> String {
        match self {
            Self::NotJson(_) | Self::NotAnObject | Self::NullInArray { .. } => {
                "Payload contains invalid json".to_owned()
            }
            Self::MissingState => "Missing required node: state".to_owned(),
            Self::StateNotObject => "State node must be an object".to_owned(),
            Self::InvalidNode { name } => format!("State contains an invalid node: '{name}'"),
            Self::SectionNotObject { section: "desired" } => "Desired node must be an object".to_owned(),
            Self::SectionNotObject { .. } => "Reported node must be an object".to_owned(),
            Self::InvalidVersion { .. } => "Invalid version".to_owned(),
            Self::InvalidClientToken => "Invalid clientToken".to_owned(),
            Self::TooDeep { limit, .. } => {
                format!("JSON contains too many levels of nesting; maximum is {limit}")
            }
            Self::NoShadow { name } => format!("No shadow exists with name: '{name}'"),
            Self::VersionConflict { .. } => "Version conflict".to_owned(),
            Self::TooLarge { .. } => "The payload exceeds the maximum size allowed".to_owned(),
            Self::NotUtf8 { .. } => "Unsupported documented encoding; supported encoding is UTF-8".to_owned(),
            Self::Throttled { .. } => "Too many requests".to_owned(),
            Self::InvalidPageSize { .. } => "Invalid pageSize".to_owned(),
            Self::InvalidNextToken => "Invalid nextToken".to_owned(),
            Self::Internal { .. } => "Internal service failure".to_owned(),
        }
    }

    /// What would make the request pass, for people.
    pub fn fix(&self) -> String {
        match self {
            Self::NotJson(JsonError::TooDeep { .. }) | Self::TooDeep { .. } => {
                "flatten the state, or move parts of it into named shadows".to_owned()
            }
            Self::NotJson(_) | Self::NotAnObject | Self::MissingState => {
                r#"send one JSON object such as `{"state":{"reported":{"on":true}}}`"#.to_owned()
            }
            Self::NotUtf8 { .. } => "encode the payload as UTF-8".to_owned(),
            Self::NullInArray { .. } => {
                "send the array without the element, or `null` for the whole array to remove it".to_owned()
            }
            Self::StateNotObject => {
                "put `desired` and `reported` below `state`, or send `null` to remove both".to_owned()
            }
            Self::InvalidNode { name } => {
                format!("put {} below `state.desired` or `state.reported`", Quoted(name))
            }
            Self::SectionNotObject { section } => {
                format!("send an object as `{section}`, or `null` to remove it")
            }
            Self::InvalidVersion { .. } => "send `version` as an integer, or leave it out".to_owned(),
            Self::InvalidClientToken => {
                "send `clientToken` as a string of at most 64 bytes, or leave it out".to_owned()
            }
            Self::VersionConflict { stored: Some(stored), .. } => format!(
                "get the shadow, decide anew and send `version` {stored}; or leave `version` out to update whatever is stored"
            ),
            Self::VersionConflict { stored: None, .. } => {
                "leave `version` out, or send 0, to create the shadow".to_owned()
            }
            Self::TooLarge { .. } => {
                "remove members with `null`, or move parts of the state into named shadows; metadata does not count"
                    .to_owned()
            }
            Self::NoShadow { .. } => {
                "send an update first; a classic shadow does not come into being with its thing, and names are case sensitive"
                    .to_owned()
            }
            Self::Throttled { .. } => {
                "ask less often, or start the server with `throttles` off, the default".to_owned()
            }
            Self::InvalidPageSize { .. } => "ask for 1 to 100 names".to_owned(),
            Self::InvalidNextToken => "use `nextToken` of the page before".to_owned(),
            Self::Internal { .. } => "look at the server's log: the database cannot be written".to_owned(),
        }
    }

    /// The exception of the HTTPS answer (SHADOW-166).
    pub const fn exception(&self) -> &'static str {
        match self.code() {
            400 => "InvalidRequestException",
            404 => "ResourceNotFoundException",
            409 => "ConflictException",
            413 => "RequestEntityTooLargeException",
            415 => "UnsupportedDocumentEncodingException",
            429 => "ThrottlingException",
            _ => "InternalFailureException",
        }
    }
}

fn stored_version(stored: Option<u64>) -> String {
    stored.map_or_else(
        || "the shadow does not exist".to_owned(),
        |version| format!("version {version} is stored"),
    )
}
