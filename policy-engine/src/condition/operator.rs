//! Names of condition operators.

use std::cmp::Ordering;

/// A condition operator, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Operator {
    pub(crate) qualifier: Qualifier,
    pub(crate) kind: Kind,
    /// `…Not…`.
    pub(crate) negated: bool,
    pub(crate) if_exists: bool,
}

/// How an operator meets a key with several values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Qualifier {
    None,
    ForAllValues,
    ForAnyValue,
}

/// What is compared, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
    Numeric(Compare),
    Date(Compare),
    Bool,
    Binary,
    IpAddress,
    Arn,
    Null,
}

/// How the request's value stands to the policy's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compare {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Operator {
    /// The operator of that name, qualifier and `IfExists` included; names are case-sensitive.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let (qualifier, rest) = match name.split_once(':') {
            None => (Qualifier::None, name),
            Some(("ForAllValues", rest)) => (Qualifier::ForAllValues, rest),
            Some(("ForAnyValue", rest)) => (Qualifier::ForAnyValue, rest),
            Some(_) => return None,
        };
        let (rest, if_exists) = match rest.strip_suffix("IfExists") {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let (kind, negated) = kind(rest)?;
        // POLICY-300
        (kind != Kind::Null || !if_exists).then_some(Self { qualifier, kind, negated, if_exists })
    }
}

impl Compare {
    pub(crate) fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

fn kind(name: &str) -> Option<(Kind, bool)> {
    Some(match name {
        "StringEquals" => (Kind::StringEquals, false),
        "StringNotEquals" => (Kind::StringEquals, true),
        "StringEqualsIgnoreCase" => (Kind::StringEqualsIgnoreCase, false),
        "StringNotEqualsIgnoreCase" => (Kind::StringEqualsIgnoreCase, true),
        "StringLike" => (Kind::StringLike, false),
        "StringNotLike" => (Kind::StringLike, true),
        "Bool" => (Kind::Bool, false),
        "BinaryEquals" => (Kind::Binary, false),
        "IpAddress" => (Kind::IpAddress, false),
        "NotIpAddress" => (Kind::IpAddress, true),
        "ArnEquals" | "ArnLike" => (Kind::Arn, false),
        "ArnNotEquals" | "ArnNotLike" => (Kind::Arn, true),
        "Null" => (Kind::Null, false),
        _ => {
            let (of, comparison): (fn(Compare) -> Kind, _) = match name.strip_prefix("Numeric") {
                Some(comparison) => (Kind::Numeric, comparison),
                None => (Kind::Date, name.strip_prefix("Date")?),
            };
            let (compare, negated) = match comparison {
                "Equals" => (Compare::Equal, false),
                "NotEquals" => (Compare::Equal, true),
                "LessThan" => (Compare::Less, false),
                "LessThanEquals" => (Compare::LessOrEqual, false),
                "GreaterThan" => (Compare::Greater, false),
                "GreaterThanEquals" => (Compare::GreaterOrEqual, false),
                _ => return None,
            };
            (of(compare), negated)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_known_by_exactly_their_names() {
        // POLICY-021, POLICY-290 to POLICY-300, POLICY-309
        for name in [
            "StringEquals",
            "StringNotEqualsIgnoreCaseIfExists",
            "ForAllValues:StringNotLike",
            "ForAnyValue:StringEqualsIfExists",
            "NumericGreaterThanEquals",
            "DateNotEqualsIfExists",
            "BoolIfExists",
            "NotIpAddress",
            "ArnNotLike",
            "Null",
        ] {
            assert!(Operator::named(name).is_some(), "{name}");
        }
        for name in [
            "",
            "stringEquals",
            "StringEqual",
            "NullIfExists",
            "BinaryNotEquals",
            "NumericNotLessThan",
            "IfExists",
            "ForAllValues:",
            "ForEveryValue:StringEquals",
            "StringEqualsIfExistsIfExists",
            "ForAnyValue:ForAnyValue:StringEquals",
        ] {
            assert_eq!(Operator::named(name), None, "{name}");
        }
    }
}
