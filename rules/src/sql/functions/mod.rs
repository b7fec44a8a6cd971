//! The functions of the dialect (section 5): one file each, with its documentation as data.

use crate::sql::ast::{Call, Expr};
use crate::sql::evaluate::{Evaluator, Scope, Stop};
use crate::sql::external::{Answer, Call as Question};
use crate::sql::parser::is_proto;
use crate::sql::value::Value;
pub(crate) use newuuid::uuid_text;

mod abs;
mod accountid;
mod atan2;
mod aws_lambda;
mod bitand;
mod bitnot;
mod bitor;
mod bitxor;
pub(super) mod cast;
mod ceil;
mod chr;
mod clientid;
mod concat;
mod decode;
mod encode;
mod endswith;
mod exp;
mod floor;
mod get;
mod get_dynamodb;
mod get_mqtt_property;
mod get_or_default;
mod get_registry_data;
mod get_secret;
mod get_thing_shadow;
mod get_user_properties;
mod hashes;
mod indexof;
mod isnull;
mod isundefined;
mod length;
mod ln;
mod log;
mod lower;
mod lpad;
mod ltrim;
mod machinelearning_predict;
mod modulo;
mod nanvl;
mod newuuid;
mod numbytes;
mod outside;
mod pattern;
mod power;
mod principal;
mod protobuf;
mod rand;
mod regexp_matches;
mod regexp_replace;
mod regexp_substr;
mod replace;
mod round;
mod rpad;
mod rtrim;
mod sign;
mod sourceip;
mod sql_version;
mod sqrt;
mod startswith;
mod substring;
mod table;
pub(super) mod text;
mod time;

mod timestamp;
mod topic;
mod traceid;
mod transform;
mod trigonometry;
mod trim;
mod trunc;
mod upper;

pub(super) use table::FAMILIES;
pub use table::{all, find};

/// A function: how it is called, what it does, what it is.
#[derive(Debug)]
pub struct Function {
    /// In the spelling of the documentation; found without regard to letter case (RULES-002).
    pub name: &'static str,
    /// Such as `lpad(text, count)`; optional arguments in brackets.
    pub signature: &'static str,
    /// What it does, in a sentence or two.
    pub summary: &'static str,
    /// Expressions and their results, run by a test.
    pub examples: &'static [Example],
    /// The first version that has it (RULES-182).
    pub since: Since,
    /// Whether it works in IEEE double precision (RULES-115).
    pub double: bool,
    /// Arguments that take no variable (RULES-035).
    pub(super) fixed: &'static [Where],
    pub(super) body: Body,
}

/// An expression and what it comes to.
#[derive(Clone, Copy, Debug)]
pub struct Example {
    /// The expression.
    pub sql: &'static str,
    /// JSON, or `undefined`.
    pub result: &'static str,
}

/// The first version that has a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// 2015-10-08.
    V2015,
    /// 2016-03-23.
    V2016,
}

/// The place of an argument.
#[derive(Clone, Copy, Debug)]
pub(super) enum Where {
    /// Counted from 0.
    At(usize),
    /// The last one.
    Last,
}

/// How a function works.
#[derive(Clone, Copy)]
pub(super) enum Body {
    /// A result of its arguments alone.
    Pure(fn(&[Value]) -> Value),
    /// A result of the arguments and the message.
    Context(fn(&mut Evaluator<'_>, &Call, &[Value]) -> Value),
    /// Looks at its arguments before they are evaluated.
    Special(fn(&mut Evaluator<'_>, &Call, Option<&Scope<'_>>) -> Result<Value, Stop>),
    /// Asks another service: which question, `None` for wrong arguments, and how the answer is read.
    External {
        ask: fn(&[Value]) -> Option<Question>,
        read: fn(&[Value], &Answer, fold: bool) -> Result<Value, String>,
    },
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Pure(_) => "Pure",
            Self::Context(_) => "Context",
            Self::Special(_) => "Special",
            Self::External { .. } => "External",
        })
    }
}

impl Function {
    const fn new(name: &'static str, signature: &'static str, summary: &'static str, body: Body) -> Self {
        Self { name, signature, summary, examples: &[], since: Since::V2015, double: false, fixed: &[], body }
    }

    const fn examples(self, examples: &'static [Example]) -> Self {
        Self { examples, ..self }
    }

    const fn since_2016(self) -> Self {
        Self { since: Since::V2016, ..self }
    }

    const fn double(self) -> Self {
        Self { double: true, ..self }
    }

    const fn fixed(self, fixed: &'static [Where]) -> Self {
        Self { fixed, ..self }
    }

    /// Whether a call with these arguments looks outward.
    pub(super) fn is_external(&self, arguments: &[Expr]) -> bool {
        matches!(self.body, Body::External { .. }) || self.name == "decode" && is_proto(arguments)
    }
}

const fn example(sql: &'static str, result: &'static str) -> Example {
    Example { sql, result }
}
