//! Operators as functions of values (section 4 of the rules specification).

use std::cmp::Ordering;

use super::convert::{to_bool, to_decimal, to_text};
use super::decimal::Decimal;
use super::functions::text::bounded;
use super::value::{Object, Value};

/// `+ - * / %`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArithmeticOp {
    /// `+`, also of Strings.
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
}

impl ArithmeticOp {
    /// As it is written.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Remainder => "%",
        }
    }

    /// Whether it binds as tightly as `*`.
    pub const fn is_product(self) -> bool {
        matches!(self, Self::Multiply | Self::Divide | Self::Remainder)
    }

    /// `left op right` (RULES-166 to RULES-179).
    pub fn apply(self, left: &Value, right: &Value) -> Value {
        if let (Value::Int(a), Value::Int(b)) = (left, right) {
            return self.of_ints(*a, *b);
        }
        if self == Self::Add && (matches!(left, Value::Str(_)) || matches!(right, Value::Str(_))) {
            return match (to_text(left), to_text(right)) {
                (Some(a), Some(b)) => bounded([&*a, &*b]),
                _ => Value::Undefined,
            };
        }
        match (to_decimal(left), to_decimal(right)) {
            (Some(a), Some(b)) => Value::decimal(match self {
                Self::Add => a.plus(b),
                Self::Subtract => a.minus(b),
                Self::Multiply => a.times(b),
                Self::Divide => a.divided_by(b),
                Self::Remainder => a.remainder(b),
            }),
            _ => Value::Undefined,
        }
    }

    /// Stays with integers as long as the result is one (RULES-168, RULES-171, RULES-173 to RULES-175, RULES-178).
    fn of_ints(self, a: i128, b: i128) -> Value {
        let result = match self {
            Self::Add => a.checked_add(b),
            Self::Subtract => a.checked_sub(b),
            Self::Multiply => a.checked_mul(b),
            Self::Divide => match a.checked_rem(b) {
                Some(0) => a.checked_div(b),
                Some(_) => {
                    let (a, b) = (Decimal::from_int(a), Decimal::from_int(b));
                    return Value::decimal(a.zip(b).and_then(|(a, b)| a.divided_by(b)));
                }
                None => None,
            },
            Self::Remainder => a.checked_rem(b),
        };
        result.map_or(Value::Undefined, Value::int)
    }
}

/// `= <> < <= > >=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompareOp {
    /// `=`
    Equal,
    /// `<>`, also written `!=` (RULES-023).
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl CompareOp {
    /// As it is written.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    /// `left op right`: a Boolean or Undefined (RULES-151 to RULES-165).
    pub fn apply(self, left: &Value, right: &Value) -> Value {
        let ordering = |holds: fn(Ordering) -> bool| match (to_decimal(left), to_decimal(right)) {
            (Some(a), Some(b)) => Value::Bool(holds(a.compare(b))),
            _ => Value::Undefined,
        };
        match self {
            Self::Equal => equality(left, right).map_or(Value::Undefined, Value::Bool),
            Self::NotEqual => equality(left, right).map_or(Value::Undefined, |equal| Value::Bool(!equal)),
            Self::Less => ordering(Ordering::is_lt),
            Self::LessOrEqual => ordering(Ordering::is_le),
            Self::Greater => ordering(Ordering::is_gt),
            Self::GreaterOrEqual => ordering(Ordering::is_ge),
        }
    }
}

/// `=`; `None` when a side is Undefined (RULES-160).
pub(super) fn equality(left: &Value, right: &Value) -> Option<bool> {
    (!left.is_undefined() && !right.is_undefined()).then(|| equal(left, right))
}

/// Whether two values are equal: numbers by value, everything else within its type (RULES-154 to RULES-161).
pub fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Str(a), Value::Str(b)) => a == b,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Null, Value::Null) => true,
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| equal(a, b))
        }
        (Value::Object(a), Value::Object(b)) => equal_objects(a, b),
        (Value::Verbatim(a), Value::Verbatim(b)) if a == b => true,
        (a, b) if is_number(a) && is_number(b) => match (to_decimal(a), to_decimal(b)) {
            (Some(a), Some(b)) => a.compare(b).is_eq(),
            _ => false,
        },
        _ => false,
    }
}

/// `needle IN haystack` (RULES-147 to RULES-149).
pub(super) fn contains(needle: &Value, haystack: &Value) -> Value {
    match haystack {
        Value::Array(elements) if !needle.is_undefined() => {
            Value::Bool(elements.iter().any(|element| equal(needle, element)))
        }
        _ => Value::Undefined,
    }
}

/// `-value` of a number or numeric String (RULES-180).
pub(super) fn negate(value: &Value) -> Value {
    match value {
        Value::Int(int) => Value::Int(-int),
        other => Value::decimal(to_decimal(other).map(Decimal::negated)),
    }
}

/// `NOT value` (RULES-145, RULES-146).
pub(super) fn not(value: &Value) -> Value {
    to_bool(value).map_or(Value::Undefined, |bool| Value::Bool(!bool))
}

/// AND (`decisive` false) or OR (`decisive` true) of all operands; Undefined when one of them is no Boolean (RULES-140 to RULES-144).
pub(super) fn junction(decisive: bool, operands: impl IntoIterator<Item = Value>) -> Value {
    let mut result = !decisive;
    for operand in operands {
        match to_bool(&operand) {
            Some(bool) if bool == decisive => result = decisive,
            Some(_) => {}
            None => return Value::Undefined,
        }
    }
    Value::Bool(result)
}

const fn is_number(value: &Value) -> bool {
    matches!(value, Value::Int(_) | Value::Decimal(_) | Value::Verbatim(_))
}

fn equal_objects(a: &Object, b: &Object) -> bool {
    a.len() == b.len() && a.iter().all(|(name, value)| b.get(name).is_some_and(|other| equal(value, other)))
}
