//! Floor 2: things, certificates, policies, attachments, rules as resources; authorization of principals

pub mod authority;

pub use authority::{Action, Authority, AuthorityRequest};
