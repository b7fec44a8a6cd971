//! Floor 3: device shadows: the document as a pure function, and the thin service around it.
//!
//! [`document`] says what AWS would answer; [`ShadowService`] keeps the documents, takes requests from reserved topics and
//! from the HTTP doors, and publishes the answers when they are durable.

mod address;
pub mod document;
mod service;

pub use address::{Operation, ShadowId};
pub use document::{DocumentLimits, Rejection};
pub use service::{
    Author, Change, NamedShadows, OpenError, Revision, SHADOWS, ShadowService, ShadowSettings, Summary,
    TABLES, Throttles,
};
