//! The versions of the dialect (RULES-304 to RULES-309).

use std::fmt;
use std::str::FromStr;

/// `awsIotSqlVersion` of a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SqlVersion {
    /// What a rule gets when it names no version (RULES-305).
    #[default]
    V2015_10_08,
    /// Adds nested queries, literals, `encode` and `decode`, and folds whole decimals into integers (RULES-308).
    V2016_03_23,
    /// Behaves as 2016-03-23 (RULES-307).
    Beta,
}

impl SqlVersion {
    /// The text of the API and of `sql_version()` (RULES-283).
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2015_10_08 => "2015-10-08",
            Self::V2016_03_23 => "2016-03-23",
            Self::Beta => "beta",
        }
    }

    /// Whether what came with 2016-03-23 is there.
    pub const fn is_v2(self) -> bool {
        !matches!(self, Self::V2015_10_08)
    }
}

impl fmt::Display for SqlVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SqlVersion {
    type Err = UnknownSqlVersion;

    fn from_str(text: &str) -> Result<Self, UnknownSqlVersion> {
        match text {
            "2015-10-08" => Ok(Self::V2015_10_08),
            "2016-03-23" => Ok(Self::V2016_03_23),
            "beta" => Ok(Self::Beta),
            _ => Err(UnknownSqlVersion(text.to_owned())),
        }
    }
}

/// A text that names no version of the dialect; an `InvalidRequestException` (RULES-306).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an SQL version; allowed are `2015-10-08`, `2016-03-23` and `beta`")]
pub struct UnknownSqlVersion(String);
