//! Values of the dialect (RULES-110).

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::decimal::Decimal;
use super::json;

/// A value. Cloning shares texts, arrays and objects.
///
/// Undefined never stands inside an Array or Object: constructors leave it out (RULES-121).
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// There is no such attribute, or the expression has no result (RULES-120).
    Undefined,
    /// JSON null.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// At most 34 digits (RULES-111).
    Int(i128),
    /// 34 significant digits (RULES-112).
    Decimal(Decimal),
    /// A number of the payload that neither Int nor Decimal can hold exactly, as it was written. It leaves as it came.
    Verbatim(Arc<str>),
    /// Text.
    Str(Arc<str>),
    /// A list.
    Array(Arc<[Value]>),
    /// Members in their order.
    Object(Arc<Object>),
}

impl Value {
    /// A text.
    pub fn text(text: impl Into<Arc<str>>) -> Self {
        Self::Str(text.into())
    }

    /// A list of the elements that are not Undefined.
    pub fn array(elements: impl IntoIterator<Item = Self>) -> Self {
        Self::Array(elements.into_iter().filter(|element| !element.is_undefined()).collect())
    }

    /// An Int, or Undefined when it has more than 34 digits (RULES-113).
    pub fn int(value: i128) -> Self {
        Decimal::from_int(value).map_or(Self::Undefined, |_| Self::Int(value))
    }

    /// A Decimal, or Undefined when there is none (RULES-113).
    pub fn decimal(value: Option<Decimal>) -> Self {
        value.map_or(Self::Undefined, Self::Decimal)
    }

    /// A double as Decimal; Undefined for infinities and NaN (RULES-115).
    pub fn double(value: f64) -> Self {
        Self::decimal(Decimal::from_f64(value))
    }

    /// Whether it is Undefined.
    pub const fn is_undefined(&self) -> bool {
        matches!(self, Self::Undefined)
    }

    /// The member of an Object; Undefined for anything else (RULES-124).
    pub fn member(&self, name: &str) -> &Self {
        match self {
            Self::Object(object) => object.get(name).unwrap_or(&Self::Undefined),
            _ => &Self::Undefined,
        }
    }

    /// The value as the newer versions see it: a Decimal without fractional part is an Int (RULES-116, RULES-118).
    #[must_use]
    pub fn folded(self) -> Self {
        match self {
            Self::Decimal(decimal) => decimal.to_int().map_or(self, Self::Int),
            other => other,
        }
    }

    /// The name of its type, for messages.
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::Undefined => "Undefined",
            Self::Null => "Null",
            Self::Bool(_) => "Boolean",
            Self::Int(_) => "Int",
            Self::Decimal(_) | Self::Verbatim(_) => "Decimal",
            Self::Str(_) => "String",
            Self::Array(_) => "Array",
            Self::Object(_) => "Object",
        }
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Str(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Str(text.into())
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(Arc::new(object))
    }
}

/// Compact JSON; nothing at all for Undefined (RULES-122, RULES-363).
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&json::text(self))
    }
}

/// Members of a JSON object, in the order of their first appearance.
#[derive(Clone, Debug, Default)]
pub struct Object {
    members: Vec<(Arc<str>, Value)>,
    /// Positions by name, kept once a search from the front would be slow.
    index: Option<HashMap<Arc<str>, usize>>,
}

impl Object {
    /// An object without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many members it has.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether it has no members.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The members in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &Value)> {
        self.members.iter().map(|(name, value)| (name, value))
    }

    /// The value of a member; names are compared with regard to letter case (RULES-003).
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.position(name).and_then(|at| self.members.get(at)).map(|(_, value)| value)
    }

    /// Sets a member: an existing one keeps its place, a new one comes last. Undefined changes nothing (RULES-056).
    pub fn insert(&mut self, name: Arc<str>, value: Value) {
        if value.is_undefined() {
            return;
        }
        match self.position(&name).and_then(|at| self.members.get_mut(at)) {
            Some((_, old)) => *old = value,
            None => {
                if let Some(index) = &mut self.index {
                    index.insert(name.clone(), self.members.len());
                } else if self.members.len() == LINEAR {
                    let names = self.members.iter().map(|(name, _)| name);
                    let mut index: HashMap<_, _> = names.cloned().zip(0..).collect();
                    index.insert(name.clone(), self.members.len());
                    self.index = Some(index);
                }
                self.members.push((name, value));
            }
        }
    }

    /// Sets a member of nested objects, making those that are missing and replacing what is no Object (RULES-051, RULES-052).
    pub fn insert_at(&mut self, path: &[Arc<str>], value: Value) {
        let (first, rest) = match path {
            [] => return,
            [only] => return self.insert(only.clone(), value),
            [first, rest @ ..] => (first, rest),
        };
        if value.is_undefined() {
            return;
        }
        let mut inner = match self.get(first) {
            Some(Value::Object(inner)) => Self::clone(inner),
            _ => Self::new(),
        };
        inner.insert_at(rest, value);
        self.insert(first.clone(), inner.into());
    }

    fn position(&self, name: &str) -> Option<usize> {
        match &self.index {
            Some(index) => index.get(name).copied(),
            None => self.members.iter().position(|(candidate, _)| &**candidate == name),
        }
    }
}

/// Objects with the same members in the same order.
impl PartialEq for Object {
    fn eq(&self, other: &Self) -> bool {
        self.members == other.members
    }
}

impl<N: Into<Arc<str>>> FromIterator<(N, Value)> for Object {
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(members: I) -> Self {
        let mut object = Self::new();
        for (name, value) in members {
            object.insert(name.into(), value);
        }
        object
    }
}

/// Up to this many members are searched from the front.
const LINEAR: usize = 16;
