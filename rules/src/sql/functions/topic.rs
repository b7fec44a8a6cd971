//! `topic`: the topic of the message (RULES-271 to RULES-274).

use super::{Body, Function, example};
use crate::sql::ast::Call;
use crate::sql::convert::to_int;
use crate::sql::evaluate::Evaluator;
use crate::sql::value::Value;

pub(super) static FUNCTION: Function = Function::new(
    "topic",
    "topic([level])",
    "The topic of the message, or one of its levels, the first being 1. The prefix of Basic Ingest does not show.",
    Body::Context(topic),
).examples(&[
    example(r#"topic()"#, r#""Buildings/B5/Floor2""#),
    example(r#"topic(2)"#, r#""B5""#),
    example(r#"topic(9)"#, r#"undefined"#),
]);

fn topic(evaluator: &mut Evaluator<'_>, _: &Call, arguments: &[Value]) -> Value {
    let topic = evaluator.input.visible_topic();
    let level = match arguments {
        [] => return topic.into(),
        [level] => to_int(level).and_then(|level| usize::try_from(level).ok()),
        _ => None,
    };
    level.and_then(|level| topic.split('/').nth(level.checked_sub(1)?)).map_or(Value::Undefined, Value::from)
}
