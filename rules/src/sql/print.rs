//! Canonical SQL: what `Display` prints parses back to an equal tree.

use std::fmt::{self, Write};

use super::ast::{Call, Case, Expr, Item, Key, Query, Selection};
use super::parser::Rank;
use super::statement::Statement;
use super::value::Value;

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (name, value)) in self.names.iter().zip(&self.variables).enumerate() {
            f.write_str(if at == 0 { "SET " } else { ", " })?;
            write!(f, "@{name} = {value}")?;
        }
        if !self.names.is_empty() {
            f.write_char(' ')?;
        }
        write!(f, "SELECT {}", self.selection)?;
        if let Some(filter) = &self.topic_filter {
            f.write_str(" FROM ")?;
            literal(filter, f)?;
        }
        match &self.filter {
            Some(filter) => write!(f, " WHERE {filter}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Selection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items = match self {
            Self::Value(expr) => return write!(f, "VALUE {expr}"),
            Self::Items(items) => items,
        };
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                f.write_str(", ")?;
            }
            match item {
                Item::All => f.write_char('*')?,
                Item::Spread(expr) => {
                    operand(expr, Rank::Unary, f)?;
                    f.write_str(".*")?;
                }
                // `value` at the start would be taken for the keyword (RULES-064).
                Item::Keyed(expr, Key::Alias(_)) if at == 0 && starts_with_value(expr) => {
                    write!(f, "({expr})")?;
                }
                Item::Keyed(_, Key::Source(source)) => f.write_str(source)?,
                Item::Keyed(expr, _) => write!(f, "{expr}")?,
            }
            if let Item::Keyed(_, Key::Alias(segments)) = item {
                f.write_str(" AS ")?;
                separated(segments, ".", f)?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(value) => match value {
                Value::Str(text) => literal(text, f),
                Value::Decimal(decimal) => {
                    let shown = decimal.to_string();
                    // Digits alone would read as an Int.
                    let power = if shown.contains(['.', 'E']) { "" } else { "E0" };
                    write!(f, "{shown}{power}")
                }
                other => write!(f, "{other}"),
            },
            Self::Star => f.write_char('*'),
            Self::Name(name) => f.write_str(name),
            Self::Variable(_, name) => write!(f, "@{name}"),
            Self::Member(inner, name) => {
                operand(inner, Rank::Unary, f)?;
                write!(f, ".{name}")
            }
            Self::Negate(inner) => {
                let shown = Bound(inner, Rank::Unary).to_string();
                // Two signs in a row would begin a comment (RULES-009); a sign before a literal would become part of it.
                let apart = match &**inner {
                    Self::Literal(Value::Int(_) | Value::Decimal(_)) => return write!(f, "-({shown})"),
                    _ if shown.starts_with('-') => " ",
                    _ => "",
                };
                write!(f, "-{apart}{shown}")
            }
            Self::Not(inner) => {
                f.write_str("NOT ")?;
                bound(inner, Rank::Not, f)
            }
            Self::Arithmetic(first, rest) => {
                let rank = self.rank();
                bound(first, rank, f)?;
                for (op, right) in rest {
                    write!(f, " {} ", op.symbol())?;
                    bound(right, if op.is_product() { Rank::Unary } else { Rank::Product }, f)?;
                }
                Ok(())
            }
            Self::Compare(op, sides) => {
                bound(&sides.0, Rank::Sum, f)?;
                write!(f, " {} ", op.symbol())?;
                bound(&sides.1, Rank::Sum, f)
            }
            Self::In(sides) => {
                bound(&sides.0, Rank::Sum, f)?;
                f.write_str(" IN ")?;
                bound(&sides.1, Rank::Sum, f)
            }
            Self::And(operands) => joined(operands, " AND ", Rank::Not, f),
            Self::Or(operands) => joined(operands, " OR ", Rank::And, f),
            Self::Case(case) => write!(f, "{case}"),
            Self::Call(call) => write!(f, "{call}"),
            Self::Cast(inner, to) => write!(f, "cast({inner} AS {})", to.word()),
            Self::Object(members) => {
                f.write_char('{')?;
                for (at, (key, value)) in members.iter().enumerate() {
                    if at > 0 {
                        f.write_str(", ")?;
                    }
                    literal(key, f)?;
                    write!(f, ": {value}")?;
                }
                f.write_char('}')
            }
            Self::Array(elements) => {
                f.write_char('[')?;
                separated(elements, ", ", f)?;
                f.write_char(']')
            }
            Self::Query(query) => write!(f, "({query})"),
            Self::Exists(query) => write!(f, "EXISTS ({query})"),
        }
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CASE {}", self.value)?;
        for (test, result) in &self.branches {
            write!(f, " WHEN {test} THEN {result}")?;
        }
        if let Some(otherwise) = &self.otherwise {
            write!(f, " ELSE {otherwise}")?;
        }
        f.write_str(" END")
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.name)?;
        separated(&self.arguments, ", ", f)?;
        f.write_char(')')
    }
}

impl fmt::Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SELECT {} FROM ", self.selection)?;
        bound(&self.source, Rank::Unary, f)?;
        if let Some(alias) = &self.alias {
            write!(f, " AS {alias}")?;
        }
        match &self.filter {
            Some(filter) => write!(f, " WHERE {filter}"),
            None => Ok(()),
        }
    }
}

impl Expr {
    fn rank(&self) -> Rank {
        match self {
            Self::Or(_) => Rank::Or,
            Self::And(_) => Rank::And,
            Self::Not(_) => Rank::Not,
            Self::Compare(..) | Self::In(_) => Rank::Comparison,
            Self::Arithmetic(_, rest) => match rest.first() {
                Some((op, _)) if op.is_product() => Rank::Product,
                _ => Rank::Sum,
            },
            _ => Rank::Unary,
        }
    }
}

/// An expression, in parentheses when it binds less tightly than its place asks for.
struct Bound<'e>(&'e Expr, Rank);

impl fmt::Display for Bound<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.rank() < self.1 { write!(f, "({})", self.0) } else { write!(f, "{}", self.0) }
    }
}

fn bound(expr: &Expr, rank: Rank, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "{}", Bound(expr, rank))
}

/// What a member is read from.
fn operand(expr: &Expr, rank: Rank, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match expr {
        Expr::Literal(_) | Expr::Negate(_) | Expr::Case(_) | Expr::Exists(_) => write!(f, "({expr})"),
        other => bound(other, rank, f),
    }
}

/// A junction of the same kind was merged into this one when parsed, so every operand binds more tightly.
fn joined(operands: &[Expr], between: &str, rank: Rank, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (at, operand) in operands.iter().enumerate() {
        if at > 0 {
            f.write_str(between)?;
        }
        bound(operand, rank, f)?;
    }
    Ok(())
}

fn separated<T: fmt::Display>(parts: &[T], between: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            f.write_str(between)?;
        }
        write!(f, "{part}")?;
    }
    Ok(())
}

/// In single quotes, those inside doubled (RULES-007).
fn literal(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "'{}'", text.replace('\'', "''"))
}

fn starts_with_value(expr: &Expr) -> bool {
    let shown = expr.to_string();
    let word: String = shown.chars().take_while(|c| super::lexer::continues_name(*c)).collect();
    word.eq_ignore_ascii_case("value") && !matches!(expr, Expr::Name(_) | Expr::Member(..))
}
