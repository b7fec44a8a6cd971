//! The parsed statement.

use std::sync::{Arc, OnceLock};

use super::functions::Function;
use super::operators::{ArithmeticOp, CompareOp};
use super::value::Value;

/// What SELECT yields.
#[derive(Clone, Debug, PartialEq)]
pub enum Selection {
    /// `SELECT VALUE expr` (RULES-059).
    Value(Expr),
    /// `SELECT item, …` (RULES-044).
    Items(Vec<Item>),
}

/// One item of a SELECT list.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// `*`: all members (RULES-041, RULES-045).
    All,
    /// `path.*`: all members of an inner object (RULES-055).
    Spread(Expr),
    /// One value under one key.
    Keyed(Expr, Key),
}

/// Where an item's key comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Key {
    /// `AS a.b` (RULES-043, RULES-051).
    Alias(Vec<Arc<str>>),
    /// The last segment of a path or the name of a function (RULES-049, RULES-050).
    Implied(Arc<str>),
    /// The source text of the expression (RULES-068).
    Source(Arc<str>),
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Expr {
    /// A number, String, Boolean or Null.
    Literal(Value),
    /// `*`: the whole payload, or the element of a nested query.
    Star,
    /// An attribute of the payload or element, or the alias of a nested query.
    Name(Arc<str>),
    /// `@name`; the position in the statement's SET.
    Variable(usize, Arc<str>),
    /// `expr.name`.
    Member(Box<Expr>, Arc<str>),
    /// `-expr`.
    Negate(Box<Expr>),
    /// `NOT expr`.
    Not(Box<Expr>),
    /// Operators of one rank, applied from left to right.
    Arithmetic(Box<Expr>, Vec<(ArithmeticOp, Expr)>),
    /// A comparison.
    Compare(CompareOp, Box<(Expr, Expr)>),
    /// `left IN right`.
    In(Box<(Expr, Expr)>),
    /// Two or more operands of AND.
    And(Vec<Expr>),
    /// Two or more operands of OR.
    Or(Vec<Expr>),
    /// CASE.
    Case(Box<Case>),
    /// A function call.
    Call(Box<Call>),
    /// `cast(expr AS type)`.
    Cast(Box<Expr>, CastType),
    /// `{'key': expr, …}`.
    Object(Vec<(Arc<str>, Expr)>),
    /// `[expr, …]`.
    Array(Vec<Expr>),
    /// A nested query.
    Query(Box<Query>),
    /// `EXISTS (SELECT …)`.
    Exists(Box<Query>),
}

/// `CASE value WHEN … THEN … [ELSE …] END`.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// What is compared.
    pub value: Expr,
    /// WHEN and THEN, at least one pair.
    pub branches: Vec<(Expr, Expr)>,
    /// ELSE.
    pub otherwise: Option<Expr>,
}

/// A function with its arguments.
#[derive(Clone, Debug)]
pub struct Call {
    /// From the table of functions.
    pub function: &'static Function,
    /// The name as written; it becomes the key of an item without alias (RULES-050).
    pub name: Arc<str>,
    /// In order.
    pub arguments: Vec<Expr>,
    /// Byte offset in the source: tells calls of one function apart where each draws its own random value.
    pub(super) site: u32,
    /// What can be prepared once from literal arguments.
    pub(super) prepared: OnceLock<Prepared>,
}

/// Work done once per call site.
#[derive(Clone, Debug)]
pub(super) enum Prepared {
    /// A compiled regular expression; `None` when it is none.
    Pattern(Option<Arc<fancy_regex::Regex>>),
}

/// Two calls are equal when they were written alike, wherever they stand.
impl PartialEq for Call {
    fn eq(&self, other: &Self) -> bool {
        self.function.name == other.function.name
            && self.name == other.name
            && self.arguments == other.arguments
    }
}

/// `SELECT … FROM expr [AS alias] [WHERE …]` inside an expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// What each element yields.
    pub selection: Selection,
    /// The Array or Object that is queried (RULES-107).
    pub source: Expr,
    /// The name of the element (RULES-105).
    pub alias: Option<Arc<str>>,
    /// Which elements count.
    pub filter: Option<Expr>,
}

/// The type words of cast (RULES-240).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CastType {
    /// `String`, `Nvarchar`, `Text`, `Ntext`, `Varchar`.
    String,
    /// `Int`, `Integer`.
    Int,
    /// `Double`: through IEEE double precision (RULES-115).
    Double,
    /// `Decimal`; since 2016-03-23.
    Decimal,
    /// `Bool`, `Boolean`; since 2016-03-23.
    Boolean,
}

impl CastType {
    /// The word that canonical SQL uses.
    pub const fn word(self) -> &'static str {
        match self {
            Self::String => "String",
            Self::Int => "Int",
            Self::Double => "Double",
            Self::Decimal => "Decimal",
            Self::Boolean => "Boolean",
        }
    }
}

impl Expr {
    /// Visits the expression and everything inside it, outermost first.
    pub(super) fn each(&self, visit: &mut dyn FnMut(&Self)) {
        visit(self);
        self.each_part(&mut |part| part.each(visit));
    }

    /// Visits the expressions that this one is made of.
    pub(super) fn each_part(&self, visit: &mut dyn FnMut(&Self)) {
        match self {
            Self::Literal(_) | Self::Star | Self::Name(_) | Self::Variable(..) => {}
            Self::Member(inner, _) | Self::Negate(inner) | Self::Not(inner) | Self::Cast(inner, _) => {
                visit(inner);
            }
            Self::Arithmetic(first, rest) => {
                visit(first);
                rest.iter().for_each(|(_, operand)| visit(operand));
            }
            Self::Compare(_, sides) | Self::In(sides) => {
                visit(&sides.0);
                visit(&sides.1);
            }
            Self::And(operands) | Self::Or(operands) | Self::Array(operands) => {
                operands.iter().for_each(visit)
            }
            Self::Case(case) => {
                visit(&case.value);
                for (test, result) in &case.branches {
                    visit(test);
                    visit(result);
                }
                case.otherwise.iter().for_each(visit);
            }
            Self::Call(call) => call.arguments.iter().for_each(visit),
            Self::Object(members) => members.iter().for_each(|(_, value)| visit(value)),
            Self::Query(query) | Self::Exists(query) => {
                query.selection.each_part(visit);
                visit(&query.source);
                query.filter.iter().for_each(visit);
            }
        }
    }
}

impl Selection {
    /// Visits the expressions of the list.
    fn each_part(&self, visit: &mut dyn FnMut(&Expr)) {
        match self {
            Self::Value(expr) => visit(expr),
            Self::Items(items) => {
                for item in items {
                    match item {
                        Item::All => {}
                        Item::Spread(expr) | Item::Keyed(expr, _) => visit(expr),
                    }
                }
            }
        }
    }

    /// Visits every expression in the list and everything inside.
    pub(super) fn each(&self, visit: &mut dyn FnMut(&Expr)) {
        self.each_part(&mut |expr| expr.each(visit));
    }
}
