//! Substitution templates in action fields: `${expr}` and, for influxDB, `@{field}` (section 9.2).

use std::fmt;
use std::sync::Arc;

use super::ast::Expr;
use super::convert::to_text;
use super::error::{Problem, SqlError};
use super::evaluate::{EvalError, Evaluator, Stop};
use super::external::{Answers, Call};
use super::input::Input;
use super::parser;
use super::value::Value;
use super::version::SqlVersion;

/// A text with expressions in it, parsed.
#[derive(Clone, Debug, PartialEq)]
pub struct Template {
    version: SqlVersion,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    /// Fixed text.
    Text(String),
    /// `${expr}`: reads the message.
    Message(Expr),
    /// `@{expr}`: reads an element of the result.
    Element(Expr),
}

/// Which forms a field takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TemplateKind {
    /// `${…}` only (RULES-388).
    Message,
    /// `${…}`, or one `@{…}`: the fields of the influxDB action (RULES-387).
    Element,
}

/// What a rendering came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Rendered {
    /// The field's text.
    Text(String),
    /// As [`super::Evaluated::Needs`].
    Needs(Vec<Call>),
}

impl Template {
    /// Parses an action field. `variables` are the names that the statement's SET assigns (RULES-380).
    ///
    /// # Errors
    /// What stands between the braces is no expression, or the form is not allowed in this field (RULES-384, RULES-388).
    pub fn parse(
        text: &str,
        version: SqlVersion,
        variables: &[Arc<str>],
        kind: TemplateKind,
    ) -> Result<Self, SqlError> {
        let mut parts = Vec::new();
        let mut done = 0;
        let mut search = 0;
        while let Some(at) = find(text, search) {
            let element = text.get(at..).is_some_and(|rest| rest.starts_with('@'));
            if element && kind == TemplateKind::Message {
                let problem =
                    Problem::Template("`@{…}` is possible only in the fields of the influxDB action");
                return Err(SqlError::new(problem, text, (at, at + 2)));
            }
            let (expr, end) = parser::template_expression(text, at + 2, version, variables)?;
            if at > done {
                parts.push(Part::Text(text.get(done..at).unwrap_or_default().to_owned()));
            }
            parts.push(if element { Part::Element(expr) } else { Part::Message(expr) });
            done = end + 1;
            search = done;
            let elements = parts.iter().filter(|part| matches!(part, Part::Element(_))).count();
            let messages = parts.iter().filter(|part| matches!(part, Part::Message(_))).count();
            if elements > 1 || elements == 1 && messages > 0 {
                let problem =
                    Problem::Template("`@{…}` may stand once in a value and not together with `${…}`");
                return Err(SqlError::new(problem, text, (at, done)));
            }
        }
        if done < text.len() {
            parts.push(Part::Text(text.get(done..).unwrap_or_default().to_owned()));
        }
        Ok(Self { version, parts })
    }

    /// The text when there is nothing to substitute.
    pub fn fixed(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether it reads the elements of the result (RULES-387).
    pub fn is_per_element(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Element(_)))
    }

    /// The names of the attributes that `@{…}` reads first, for fields left out of the result (RULES-572).
    pub fn element_names(&self) -> Vec<Arc<str>> {
        let mut names = Vec::new();
        for part in &self.parts {
            if let Part::Element(expr) = part {
                expr.each(&mut |expr| {
                    if let Expr::Name(name) = expr {
                        names.push(name.clone());
                    }
                });
            }
        }
        names
    }

    /// Puts the values in: their String form, nothing for Undefined and Null (RULES-381, RULES-382). `input` is the
    /// original message, `variables` those of [`super::Output`].
    ///
    /// # Errors
    /// A function that looks outward failed.
    pub fn render(
        &self,
        input: &Input<'_>,
        variables: &[Value],
        answers: &Answers,
    ) -> Result<Rendered, EvalError> {
        self.render_with(input, variables, answers, None)
    }

    /// Renders for one element of the result: `@{…}` reads it, `${…}` the message.
    ///
    /// # Errors
    /// A function that looks outward failed.
    pub fn render_element(
        &self,
        input: &Input<'_>,
        variables: &[Value],
        answers: &Answers,
        element: &Value,
    ) -> Result<Rendered, EvalError> {
        self.render_with(input, variables, answers, Some(element))
    }

    fn render_with(
        &self,
        input: &Input<'_>,
        variables: &[Value],
        answers: &Answers,
        element: Option<&Value>,
    ) -> Result<Rendered, EvalError> {
        if let Some(text) = self.fixed() {
            return Ok(Rendered::Text(text.to_owned()));
        }
        let mut evaluator = Evaluator::new(input, self.version, answers).with_variables(variables);
        evaluator.rendering = input.rendering() + 1;
        let mut out = String::new();
        let mut pending = false;
        for part in &self.parts {
            let value = match part {
                Part::Text(text) => {
                    out.push_str(text);
                    continue;
                }
                Part::Message(expr) => evaluator.eval(expr, None),
                Part::Element(expr) => evaluator.eval_element(expr, element.unwrap_or(&Value::Undefined)),
            };
            match value {
                Ok(value) => out.push_str(&to_text(&value).unwrap_or_default()),
                Err(Stop::Pending) => pending = true,
                Err(Stop::Failed(error)) => return Err(*error),
            }
        }
        if pending {
            return Ok(Rendered::Needs(evaluator.into_needs()));
        }
        input.finish_rendering();
        Ok(Rendered::Text(out))
    }
}

/// A text that parses back to an equal template.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.parts {
            match part {
                Part::Text(text) => f.write_str(text)?,
                Part::Message(expr) => write!(f, "${{{expr}}}")?,
                Part::Element(expr) => write!(f, "@{{{expr}}}")?,
            }
        }
        Ok(())
    }
}

/// Where the next `${` or `@{` stands.
fn find(text: &str, from: usize) -> Option<usize> {
    let rest = text.get(from..)?;
    let positions = [rest.find("${"), rest.find("@{")];
    positions.into_iter().flatten().min().map(|at| from + at)
}
