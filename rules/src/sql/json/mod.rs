//! JSON in and out of [`Value`]s. Numbers keep every digit, objects their order.

mod read;
mod write;

pub(super) use read::parse_members;
pub use read::{JsonError, parse};
pub(super) use write::bounded_text;
pub use write::text;
