//! Expressions: prefix, infix, and what stands between (section 4).

use std::sync::Arc;

use super::clauses::MEMBER;
use super::{INFIX_WORDS, Kind, Parser, Rank};
use crate::sql::ast::{Case, Expr};
use crate::sql::decimal::{BOUND, Decimal};
use crate::sql::error::{Problem, SqlError};
use crate::sql::operators::{ArithmeticOp, CompareOp};
use crate::sql::value::Value;

/// An operator between two operands.
#[derive(Clone, Copy)]
enum Infix {
    Or,
    And,
    In,
    Compare(CompareOp),
    Arithmetic(ArithmeticOp),
}

impl Infix {
    const fn rank(self) -> Rank {
        match self {
            Self::Or => Rank::Or,
            Self::And => Rank::And,
            Self::In | Self::Compare(_) => Rank::Comparison,
            Self::Arithmetic(op) if op.is_product() => Rank::Product,
            Self::Arithmetic(_) => Rank::Sum,
        }
    }
}

impl Parser<'_> {
    /// An expression of operators that bind at least as tightly as `min`.
    pub(super) fn expression(&mut self, min: Rank) -> Result<Expr, SqlError> {
        self.nested(|parser| parser.operators(min))
    }

    fn operators(&mut self, min: Rank) -> Result<Expr, SqlError> {
        let mut left = self.prefix(min)?;
        let mut compared = false;
        while let Some(infix) = self.infix().filter(|infix| infix.rank() >= min) {
            if infix.rank() == Rank::Comparison && std::mem::replace(&mut compared, true) {
                let hint = "join two comparisons with AND".to_owned();
                let problem = Problem::NotInDialect("a chain of comparisons");
                return Err(self.error_here(problem).suggest(Some(hint)));
            }
            self.advance()?;
            left = match infix {
                Infix::Or => {
                    let right = self.expression(Rank::And)?;
                    match left {
                        Expr::Or(mut operands) => {
                            operands.push(right);
                            Expr::Or(operands)
                        }
                        left => Expr::Or(vec![left, right]),
                    }
                }
                Infix::And => {
                    let right = self.expression(Rank::Not)?;
                    match left {
                        Expr::And(mut operands) => {
                            operands.push(right);
                            Expr::And(operands)
                        }
                        left => Expr::And(vec![left, right]),
                    }
                }
                Infix::In => Expr::In(Box::new((left, self.expression(Rank::Sum)?))),
                Infix::Compare(op) => Expr::Compare(op, Box::new((left, self.expression(Rank::Sum)?))),
                Infix::Arithmetic(op) => {
                    let tighter = if op.is_product() { Rank::Unary } else { Rank::Product };
                    let right = self.expression(tighter)?;
                    match left {
                        Expr::Arithmetic(first, mut rest) if same_rank(&rest, op) => {
                            rest.push((op, right));
                            Expr::Arithmetic(first, rest)
                        }
                        left => Expr::Arithmetic(Box::new(left), vec![(op, right)]),
                    }
                }
            };
        }
        Ok(left)
    }

    fn infix(&self) -> Option<Infix> {
        match self.current.kind {
            Kind::Symbol(symbol) => Some(match symbol {
                "=" => Infix::Compare(CompareOp::Equal),
                "<>" => Infix::Compare(CompareOp::NotEqual),
                "<" => Infix::Compare(CompareOp::Less),
                "<=" => Infix::Compare(CompareOp::LessOrEqual),
                ">" => Infix::Compare(CompareOp::Greater),
                ">=" => Infix::Compare(CompareOp::GreaterOrEqual),
                "+" => Infix::Arithmetic(ArithmeticOp::Add),
                "-" => Infix::Arithmetic(ArithmeticOp::Subtract),
                "*" => Infix::Arithmetic(ArithmeticOp::Multiply),
                "/" => Infix::Arithmetic(ArithmeticOp::Divide),
                "%" => Infix::Arithmetic(ArithmeticOp::Remainder),
                _ => return None,
            }),
            Kind::Word(_) if self.at_word("OR") => Some(Infix::Or),
            Kind::Word(_) if self.at_word("AND") => Some(Infix::And),
            Kind::Word(_) if self.at_word("IN") => Some(Infix::In),
            _ => None,
        }
    }

    fn prefix(&mut self, min: Rank) -> Result<Expr, SqlError> {
        if self.at_word("NOT") {
            if min > Rank::Not {
                let hint = "put NOT and its operand in parentheses".to_owned();
                return Err(self.unexpected("an operand", &[]).suggest(Some(hint)));
            }
            self.advance()?;
            return Ok(Expr::Not(Box::new(self.expression(Rank::Not)?)));
        }
        if self.take_symbol("-")? {
            // RULES-012: the sign belongs to a literal.
            return Ok(match self.nested(|parser| parser.prefix(Rank::Unary))? {
                Expr::Literal(Value::Int(int)) => Expr::Literal(Value::Int(-int)),
                Expr::Literal(Value::Decimal(decimal)) => Expr::Literal(Value::Decimal(decimal.negated())),
                operand => Expr::Negate(Box::new(operand)),
            });
        }
        self.postfix()
    }

    /// An operand with the members read from it.
    fn postfix(&mut self) -> Result<Expr, SqlError> {
        let bare_literal = matches!(self.current.kind, Kind::Number(_) | Kind::Str(_));
        let mut expr = self.primary()?;
        let mut members = 0;
        while !bare_literal && self.at_symbol(".") {
            if members >= super::MAX_NESTING {
                return Err(self.error_here(Problem::TooDeep));
            }
            members += 1;
            self.advance()?;
            if self.at_symbol("*") && self.depth == self.item_depth {
                self.advance()?;
                self.spread_end = Some(self.last_end);
                break;
            }
            expr = Expr::Member(Box::new(expr), self.name(MEMBER)?);
        }
        Ok(expr)
    }

    fn primary(&mut self) -> Result<Expr, SqlError> {
        let start = self.current.start;
        match &self.current.kind {
            Kind::Number(text) => {
                let value = self.number(text)?;
                self.advance()?;
                Ok(Expr::Literal(value))
            }
            Kind::Str(text) => {
                let value = Value::from(text.as_str());
                self.advance()?;
                Ok(Expr::Literal(value))
            }
            Kind::Variable(name) => {
                let name: Arc<str> = (*name).into();
                let Some(index) = self.variables.iter().position(|known| *known == name) else {
                    let near = super::nearest(&name, self.variables.iter().map(|known| &**known));
                    let hint = near.map(|near| format!("did you mean `@{near}`?"));
                    return Err(self.error_here(Problem::UnknownVariable(name.to_string())).suggest(hint));
                };
                self.advance()?;
                Ok(Expr::Variable(index, name))
            }
            Kind::Symbol("*") => {
                self.advance()?;
                Ok(Expr::Star)
            }
            Kind::Symbol("(") => {
                self.advance()?;
                if self.take_word("SELECT")? {
                    let query = self.nested(|parser| parser.query(start))?;
                    self.expect_symbol(")", "`,`, an operator, WHERE or `)`")?;
                    return Ok(Expr::Query(Box::new(query)));
                }
                let expr = self.expression(Rank::Or)?;
                self.expect_symbol(")", "an operator or `)`")?;
                Ok(expr)
            }
            Kind::Symbol("{") => self.object(),
            Kind::Symbol("[") => self.array(),
            Kind::Word(word) => self.word(word),
            Kind::Symbol(_) | Kind::End => Err(self.unexpected("an expression", &[])),
        }
    }

    /// RULES-111, RULES-112; whole decimals are folded when they are read (RULES-116).
    fn number(&self, text: &str) -> Result<Value, SqlError> {
        let malformed = || self.error_here(Problem::MalformedNumber(text.to_owned()));
        if text.bytes().all(|b| b.is_ascii_digit()) {
            let int: i128 = text.parse().map_err(|_| malformed())?;
            return if int < BOUND { Ok(Value::Int(int)) } else { Err(malformed()) };
        }
        let value = Value::Decimal(Decimal::parse(text).ok_or_else(malformed)?.value);
        Ok(if self.version.is_v2() { value.folded() } else { value })
    }

    fn word(&mut self, word: &str) -> Result<Expr, SqlError> {
        let start = self.current.start;
        let literal = match () {
            () if word.eq_ignore_ascii_case("TRUE") => Some(Value::Bool(true)),
            () if word.eq_ignore_ascii_case("FALSE") => Some(Value::Bool(false)),
            () if word.eq_ignore_ascii_case("NULL") => Some(Value::Null),
            () => None,
        };
        if let Some(value) = literal {
            self.advance()?;
            return Ok(Expr::Literal(value));
        }
        if self.at_word("CASE") {
            return self.case();
        }
        if self.take_word("EXISTS")? {
            self.expect_symbol("(", "`(SELECT …)`")?;
            self.expect_word("SELECT", "SELECT")?;
            let query = self.nested(|parser| parser.query(start))?;
            self.expect_symbol(")", "an operator, WHERE or `)`")?;
            return Ok(Expr::Exists(Box::new(query)));
        }
        if self.at_word("SELECT") {
            let hint = "a nested query stands in parentheses: (SELECT …)".to_owned();
            return Err(self.unexpected("an expression", &[]).suggest(Some(hint)));
        }
        if RESERVED.iter().any(|reserved| word.eq_ignore_ascii_case(reserved)) {
            let hint = format!("an attribute of that name is read with get(*, \"{word}\")");
            let error = self.unexpected("an expression", &[]);
            return Err(if error.suggestion().is_some() { error } else { error.suggest(Some(hint)) });
        }
        if self.following() == Kind::Symbol("(") {
            return self.call();
        }
        self.advance()?;
        Ok(Expr::Name(word.into()))
    }

    /// RULES-088 to RULES-096.
    fn case(&mut self) -> Result<Expr, SqlError> {
        self.advance()?;
        if self.at_word("WHEN") {
            let hint = "write CASE condition WHEN true THEN … END".to_owned();
            return Err(self.error_here(Problem::SearchedCase).suggest(Some(hint)));
        }
        let value = self.expression(Rank::Or)?;
        let mut branches = Vec::new();
        while self.at_word("WHEN") || branches.is_empty() {
            self.expect_word("WHEN", "an operator or WHEN")?;
            let test = self.expression(Rank::Or)?;
            self.expect_word("THEN", "an operator or THEN")?;
            branches.push((test, self.expression(Rank::Or)?));
        }
        let otherwise = if self.take_word("ELSE")? { Some(self.expression(Rank::Or)?) } else { None };
        if !self.take_word("END")? {
            let expected = if otherwise.is_some() { "END" } else { "WHEN, ELSE or END" };
            return Err(self.unexpected(expected, &INFIX_WORDS));
        }
        Ok(Expr::Case(Box::new(Case { value, branches, otherwise })))
    }

    /// RULES-018, RULES-020.
    fn object(&mut self) -> Result<Expr, SqlError> {
        self.needs_v2("an object literal", self.current.start, self.current.end)?;
        self.advance()?;
        let mut members = Vec::new();
        if self.take_symbol("}")? {
            return Ok(Expr::Object(members));
        }
        loop {
            let Kind::Str(key) = &self.current.kind else {
                let hint = "the keys of an object literal are quoted".to_owned();
                return Err(self.unexpected("a quoted key", &[]).suggest(Some(hint)));
            };
            let key: Arc<str> = key.as_str().into();
            self.advance()?;
            self.expect_symbol(":", "`:`")?;
            members.push((key, self.expression(Rank::Or)?));
            if !self.take_symbol(",")? {
                self.expect_symbol("}", "an operator, `,` or `}`")?;
                return Ok(Expr::Object(members));
            }
        }
    }

    /// RULES-019.
    fn array(&mut self) -> Result<Expr, SqlError> {
        self.needs_v2("an array literal", self.current.start, self.current.end)?;
        self.advance()?;
        let mut elements = Vec::new();
        if self.take_symbol("]")? {
            return Ok(Expr::Array(elements));
        }
        loop {
            elements.push(self.expression(Rank::Or)?);
            if !self.take_symbol(",")? {
                self.expect_symbol("]", "an operator, `,` or `]`")?;
                return Ok(Expr::Array(elements));
            }
        }
    }
}

fn same_rank(rest: &[(ArithmeticOp, Expr)], op: ArithmeticOp) -> bool {
    rest.first().is_some_and(|(first, _)| first.is_product() == op.is_product())
}

/// Keywords that cannot stand for an attribute where an expression begins.
const RESERVED: &[&str] = &["SET", "FROM", "WHERE", "AS", "AND", "OR", "IN", "WHEN", "THEN", "ELSE", "END"];
