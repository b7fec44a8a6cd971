//! `sql_version`: the SQL version of the rule (RULES-283).

use super::{Body, Function, example};
use crate::sql::ast::Call;
use crate::sql::evaluate::Evaluator;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function =
    Function::new("sql_version", "sql_version()", "The SQL version of the rule.", Body::Context(sql_version))
        .examples(&[example(r#"sql_version()"#, r#""2016-03-23""#)]);

fn sql_version(evaluator: &mut Evaluator<'_>, _: &Call, arguments: &[Value]) -> Value {
    match arguments {
        [] => evaluator.version.as_str().into(),
        _ => Value::Undefined,
    }
}
