//! Function calls and what can be said about them before they run (section 5).

use std::sync::OnceLock;

use super::hints::instead_of;
use super::{Kind, Parser, Rank, nearest};
use crate::sql::ast::{Call, CastType, Expr};
use crate::sql::error::{Problem, SqlError};
use crate::sql::functions::{self, Function, Since, Where};
use crate::sql::limits::MAX_PROTO_DECODES;
use crate::sql::value::Value;

impl Parser<'_> {
    /// The current token is a name and `(` follows.
    pub(super) fn call(&mut self) -> Result<Expr, SqlError> {
        let (start, end) = (self.current.start, self.current.end);
        let name = self.name("a function name")?;
        let Some(function) = functions::find(&name) else {
            let near = || nearest(&name, functions::all().map(|function| function.name));
            let hint = instead_of(&name).map(str::to_owned);
            let hint = hint.or_else(|| near().map(|near| format!("did you mean `{near}`?")));
            return Err(self.error_at(Problem::UnknownFunction(name.to_string()), start, end).suggest(hint));
        };
        if function.since == Since::V2016 {
            self.needs_v2(&format!("`{}`", function.name), start, end)?;
        }
        self.advance()?;
        if function.name == "cast" {
            return self.cast();
        }
        let mut spans = Vec::new();
        let arguments = self.arguments(&mut spans)?;
        let call = Call {
            function,
            name,
            arguments,
            site: u32::try_from(start).unwrap_or(u32::MAX),
            prepared: OnceLock::new(),
        };
        self.check_arguments(&call, &spans, (start, self.last_end))?;
        Ok(Expr::Call(Box::new(call)))
    }

    fn arguments(&mut self, spans: &mut Vec<(usize, usize)>) -> Result<Vec<Expr>, SqlError> {
        let mut arguments = Vec::new();
        if self.take_symbol(")")? {
            return Ok(arguments);
        }
        let start = self.current.start;
        if self.take_word("SELECT")? {
            // RULES-587
            let query = self.nested(|parser| parser.query(start))?;
            spans.push((start, self.last_end));
            self.expect_symbol(")", "`,`, an operator, WHERE or `)`")?;
            return Ok(vec![Expr::Query(Box::new(query))]);
        }
        loop {
            let start = self.current.start;
            arguments.push(self.expression(Rank::Or)?);
            spans.push((start, self.last_end));
            if !self.take_symbol(",")? {
                self.expect_symbol(")", "an operator, `,` or `)`")?;
                return Ok(arguments);
            }
        }
    }

    /// Reads on behind `cast(` (RULES-240, RULES-241).
    fn cast(&mut self) -> Result<Expr, SqlError> {
        let expr = self.expression(Rank::Or)?;
        self.expect_word("AS", "an operator or AS")?;
        let (start, end) = (self.current.start, self.current.end);
        let Kind::Word(word) = self.current.kind else {
            return Err(self.unexpected("a type", &[]));
        };
        let known = CAST_WORDS.iter().find(|(known, ..)| word.eq_ignore_ascii_case(known));
        let Some((known, cast_type, since)) = known else {
            let near = nearest(word, CAST_WORDS.iter().map(|(word, ..)| *word));
            let hint = near.map_or_else(
                || "the types are String, Int, Double, Decimal and Boolean".to_owned(),
                |near| format!("did you mean {near}?"),
            );
            let problem = Problem::UnknownType(word.to_owned());
            return Err(self.error_at(problem, start, end).suggest(Some(hint)));
        };
        if *since == Since::V2016 {
            self.needs_v2(&format!("cast to {known}"), start, end)?;
        }
        self.advance()?;
        self.expect_symbol(")", "`)`")?;
        Ok(Expr::Cast(Box::new(expr), *cast_type))
    }

    fn check_arguments(
        &mut self,
        call: &Call,
        spans: &[(usize, usize)],
        whole: (usize, usize),
    ) -> Result<(), SqlError> {
        let function: &'static Function = call.function;
        let count = call.arguments.len();
        let refuse = |parser: &Self, at: usize, rule: &'static str| {
            let (start, end) = spans.get(at).copied().unwrap_or(whole);
            let problem = Problem::Argument { function: function.name, position: at + 1, rule };
            Err(parser.error_at(problem, start, end))
        };
        for place in function.fixed {
            let at = match place {
                Where::At(at) => *at,
                Where::Last => count.saturating_sub(1),
            };
            if call.arguments.get(at).is_some_and(reads_a_variable) {
                return refuse(self, at, "does not take a variable");
            }
        }
        match function.name {
            "get_registry_data" => {
                // RULES-300
                match call.arguments.first() {
                    Some(Expr::Literal(Value::Str(_))) | None => {}
                    Some(_) => {
                        return refuse(self, 0, "must be 'DescribeThing' or 'ListThingGroupsForThing'");
                    }
                }
            }
            "decode" if is_proto(&call.arguments) => {
                // RULES-258, RULES-260, RULES-261
                for (at, argument) in call.arguments.iter().enumerate().skip(1) {
                    if !matches!(argument, Expr::Literal(Value::Str(_))) {
                        return refuse(self, at, "must be a string literal");
                    }
                }
                if self.in_template {
                    return Err(self.error_at(Problem::ProtoInTemplate, whole.0, whole.1));
                }
                self.proto_decodes += 1;
                if self.proto_decodes > MAX_PROTO_DECODES {
                    return Err(self.error_at(Problem::TooManyProtoDecodes, whole.0, whole.1));
                }
            }
            "get_or_default" => {
                // RULES-238
                let external = call.arguments.get(1).and_then(|default| {
                    let mut found: Option<&'static str> = None;
                    default.each_call(&mut |call| {
                        if call.function.is_external(&call.arguments) {
                            found = Some(call.function.name);
                        }
                    });
                    found
                });
                if let Some(name) = external {
                    let (start, end) = spans.get(1).copied().unwrap_or(whole);
                    return Err(self.error_at(Problem::ExternalDefault(name), start, end));
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Whether these are the arguments of decode's protobuf form.
pub(in crate::sql) fn is_proto(arguments: &[Expr]) -> bool {
    matches!(arguments.get(1), Some(Expr::Literal(Value::Str(scheme))) if &**scheme == "proto")
}

fn reads_a_variable(expr: &Expr) -> bool {
    let mut found = false;
    expr.each(&mut |expr| found |= matches!(expr, Expr::Variable(..)));
    found
}

impl Expr {
    /// Visits every call in the expression.
    pub(in crate::sql) fn each_call(&self, visit: &mut dyn FnMut(&Call)) {
        self.each(&mut |expr| {
            if let Self::Call(call) = expr {
                visit(call);
            }
        });
    }
}

/// The type words (RULES-240).
const CAST_WORDS: &[(&str, CastType, Since)] = &[
    ("String", CastType::String, Since::V2015),
    ("Nvarchar", CastType::String, Since::V2015),
    ("Text", CastType::String, Since::V2015),
    ("Ntext", CastType::String, Since::V2015),
    ("Varchar", CastType::String, Since::V2015),
    ("Int", CastType::Int, Since::V2015),
    ("Integer", CastType::Int, Since::V2015),
    ("Double", CastType::Double, Since::V2015),
    ("Decimal", CastType::Decimal, Since::V2016),
    ("Bool", CastType::Boolean, Since::V2016),
    ("Boolean", CastType::Boolean, Since::V2016),
];
