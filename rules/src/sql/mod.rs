//! The SQL dialect of topic rules, complete and pure: no I/O, no clock, no randomness; values in, values and reasons out.
//!
//! ```
//! use thingstead_rules::sql::{Answers, Evaluated, Input, SqlVersion, parse};
//!
//! let statement = parse("SELECT t AS celsius FROM 'room/+' WHERE t > 20", SqlVersion::V2016_03_23)?;
//! let input = Input::new(br#"{"t": 21.50}"#, "room/1", 1_700_000_000_000, 7);
//! let Evaluated::Output(output) = statement.evaluate(&input, &Answers::none())? else { panic!("it matches") };
//! assert_eq!(&*output.bytes(&input), br#"{"celsius":21.50}"#);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A function that looks outward is data: evaluation answers [`Evaluated::Needs`] with [`Call`]s, whoever runs the rule
//! performs them and evaluates again with their [`Answers`].

pub mod ast;
mod convert;
mod decimal;
mod error;
mod evaluate;
mod external;
pub mod functions;
mod input;
pub mod json;
mod lexer;
pub mod limits;
mod operators;
mod output;
mod parser;
mod print;
mod project;
mod reads;
pub mod reference;
mod statement;
mod suggest;
mod template;
mod value;
pub mod vectors;
mod version;
mod wide;

pub use convert::{to_bool, to_decimal, to_double, to_int, to_text};
pub use decimal::{Decimal, Parsed, Toward};
pub use error::{Problem, SqlError};
pub use evaluate::EvalError;
pub use external::{Answer, Answers, Call};
pub use input::Input;
pub use json::JsonError;
pub use operators::{ArithmeticOp, CompareOp, equal};
pub use output::{Output, Selected};
pub use statement::{Evaluated, Statement, parse};
pub use template::{Rendered, Template, TemplateKind};
pub use value::{Object, Value};
pub use version::{SqlVersion, UnknownSqlVersion};
