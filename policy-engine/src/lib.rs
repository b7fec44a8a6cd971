//! Floor 1: parses, validates, evaluates and explains IoT policies; pure.
//!
//! [`Document::parse`] turns a policy's text into compiled statements or says at which line and column it is malformed.
//! [`permits`] answers a [`Request`] without reasons, as fast as it can; [`evaluate`] answers the same with all of them.
//! Both take the policies that apply as given: which those are is the registry's business.
//!
//! There is no I/O, no clock and no randomness here. What a request knows about itself, the time included, is its
//! [`Context`].

mod actions;
mod advice;
pub mod certificate;
mod condition;
mod context;
mod decimal;
mod document;
mod error;
mod evaluate;
mod explain;
pub mod fix;
mod glob;
mod hints;
mod instant;
mod json;
mod key;
mod repair;
mod template;
mod trace;
mod validate;
pub mod vectors;

pub use actions::{JUDGED_ACTIONS, JudgedAction};
pub use advice::Advice;
pub use certificate::{CertificateFacts, CertificateField, CertificatePart};
pub use context::{Absent, Context, ExtraKeys, Protocol, ThingContext, ThingFacts};
pub use document::{Applicable, Document, Effect, Language};
pub use error::{Flaw, PolicyError};
pub use evaluate::{Request, Verdict, permits, verdicts};
pub use explain::{any_of, evaluate};
pub use validate::{MAX_DOCUMENT_CHARACTERS, counted_characters};
