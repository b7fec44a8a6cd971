//! Shapes: the types of members.

use super::Pattern;

/// Names a shape of one model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ShapeId(pub(super) usize);

/// A type with its constraints.
#[derive(Debug)]
pub struct Shape {
    /// As in the service model.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// What is allowed.
    pub constraints: Constraints,
}

/// What a value is.
#[derive(Debug)]
pub enum Kind {
    /// Members by name.
    Structure {
        /// In the order of the service model.
        members: Vec<Member>,
        /// The member that is the whole body, if there is one (API-021).
        payload: Option<String>,
    },
    /// A JSON array.
    List(ShapeId),
    /// A JSON object with names chosen by the caller.
    Map {
        /// Of the names.
        key: ShapeId,
        /// Of the values.
        value: ShapeId,
    },
    /// Text.
    String,
    /// Bytes: raw as a body, base64 inside JSON.
    Blob,
    /// `true` or `false`.
    Boolean,
    /// A whole number of 32 or 64 bits.
    Integer,
    /// A number.
    Double,
    /// Epoch seconds in bodies, ISO 8601 in queries (API-020, API-031).
    Timestamp,
}

/// A member of a structure.
#[derive(Debug)]
pub struct Member {
    /// The AWS name.
    pub name: String,
    /// Its type.
    pub shape: ShapeId,
    /// Whether it must be there.
    pub required: bool,
    /// Where it travels.
    pub place: Place,
    /// Its name in that place, mostly [`Member::name`] (API-019).
    pub wire_name: String,
}

/// Where a member travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A member of the JSON body, or the whole body when it is the payload.
    Body,
    /// A label of the path.
    Uri,
    /// A query parameter.
    Query,
    /// A header.
    Header,
    /// The HTTP status (API-026).
    Status,
}

/// What is allowed. Lengths count UTF-16 units of texts, bytes of blobs, items of lists and maps; else the value itself.
#[derive(Debug, Default)]
pub struct Constraints {
    /// At least.
    pub min: Option<f64>,
    /// At most.
    pub max: Option<f64>,
    /// For texts.
    pub pattern: Option<Pattern>,
    /// For texts: one of these, empty for any.
    pub one_of: Vec<String>,
}

impl ShapeId {
    #[expect(
        clippy::indexing_slicing,
        reason = "ids are made together with the vector they index, and only there"
    )]
    pub(super) fn of(self, shapes: &[Shape]) -> &Shape {
        &shapes[self.0]
    }
}

impl Shape {
    /// The members of a structure; none for other kinds.
    pub fn members(&self) -> &[Member] {
        match &self.kind {
            Kind::Structure { members, .. } => members,
            _ => &[],
        }
    }

    /// The member that is the whole body.
    pub fn payload(&self) -> Option<&Member> {
        let Kind::Structure { members, payload: Some(payload) } = &self.kind else { return None };
        members.iter().find(|member| member.name == *payload)
    }
}
