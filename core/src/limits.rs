//! Whether AWS's sizes and counts are in force.

use serde::{Deserialize, Serialize};

/// The setting `limits`: sizes and counts as AWS has them, or lifted. Protocol rules stay either way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Limits {
    /// As AWS has them.
    #[default]
    Aws,
    /// Lifted.
    Relaxed,
}

impl Limits {
    /// Whether AWS's numbers apply.
    pub const fn are_aws(self) -> bool {
        matches!(self, Self::Aws)
    }
}
