//! Evaluation of expressions against one message.

use smallvec::SmallVec;

use super::ast::{Case, Expr, Query, Selection};
use super::convert;
use super::external::{Answer, Answers, Call};
use super::functions::{self, Body};
use super::input::Input;
use super::json;
use super::limits::{MAX_ELEMENTS, MAX_RESULT_BYTES, MAX_VARIABLE_BYTES};
use super::operators::{contains, equality, junction, negate, not};
use super::output::{Output, Selected};
use super::reads::Reads;
use super::statement::{Evaluated, Statement};
use super::value::Value;
use super::version::SqlVersion;

/// Why a run ended without a result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvalError {
    /// A function failed that looks outward or decodes protobuf (RULES-296, RULES-302).
    #[error("{function} failed for `{target}`: {reason}")]
    Function {
        /// The function.
        function: &'static str,
        /// Whom it asked.
        target: String,
        /// Why it failed.
        reason: String,
    },
    /// RULES-293.
    #[error("get_dynamodb is called more than once")]
    SecondGetDynamodb,
    /// The result repeats the payload too often.
    #[error("the result has more than {MAX_RESULT_BYTES} bytes")]
    ResultTooLarge,
    /// Nested queries within nested queries came to too many elements.
    #[error("nested queries look at more than {MAX_ELEMENTS} elements")]
    TooManyElements,
    /// RULES-037.
    #[error(
        "variable `@{name}` brings the variables to {bytes} bytes or more; allowed are {MAX_VARIABLE_BYTES}"
    )]
    VariablesTooLarge {
        /// The variable that passed the limit.
        name: String,
        /// All variables so far, as minified JSON.
        bytes: usize,
    },
}

/// Why an expression has no value yet, or never will.
#[derive(Debug)]
pub(super) enum Stop {
    /// A call is not answered yet; it stands in the evaluator's list.
    Pending,
    /// The run ends.
    Failed(Box<EvalError>),
}

impl From<EvalError> for Stop {
    fn from(error: EvalError) -> Self {
        Self::Failed(Box::new(error))
    }
}

/// The element of a nested query and what surrounds it.
#[derive(Clone, Copy)]
pub(super) struct Scope<'s> {
    element: &'s Value,
    alias: Option<&'s str>,
    outer: Option<&'s Scope<'s>>,
}

impl Scope<'_> {
    /// The query's own alias, then the element's members, then the aliases of surrounding queries (RULES-105, RULES-106).
    fn lookup(&self, name: &str) -> &Value {
        if self.alias == Some(name) {
            return self.element;
        }
        let member = self.element.member(name);
        if !member.is_undefined() {
            return member;
        }
        let mut outer = self.outer;
        while let Some(scope) = outer {
            if scope.alias == Some(name) {
                return scope.element;
            }
            outer = scope.outer;
        }
        &Value::Undefined
    }
}

/// One evaluation of a statement or template.
pub(super) struct Evaluator<'r> {
    pub(super) input: &'r Input<'r>,
    pub(super) version: SqlVersion,
    answers: &'r Answers,
    /// What of the payload is looked at.
    reads: &'r Reads,
    /// `None` while a call that the variable depends on is unanswered.
    variables: SmallVec<[Option<Value>; 4]>,
    needs: Vec<Call>,
    /// How often each call site drew a random value.
    draws: SmallVec<[(u32, u32); 2]>,
    /// Tells templates apart that are rendered for one input; 0 for the statement.
    pub(super) rendering: u32,
    dynamodb_calls: u32,
    /// How many elements nested queries looked at.
    elements: u32,
}

impl<'r> Evaluator<'r> {
    pub(super) fn new(input: &'r Input<'r>, version: SqlVersion, answers: &'r Answers) -> Self {
        Self {
            input,
            version,
            answers,
            reads: &Reads::Everything,
            variables: SmallVec::new(),
            needs: Vec::new(),
            draws: SmallVec::new(),
            rendering: 0,
            dynamodb_calls: 0,
            elements: 0,
        }
    }

    /// An evaluation that looks at no other members of the payload.
    pub(super) fn reading(self, reads: &'r Reads) -> Self {
        Self { reads, ..self }
    }

    /// An evaluation with variables that are known already.
    pub(super) fn with_variables(mut self, variables: &[Value]) -> Self {
        self.variables = variables.iter().cloned().map(Some).collect();
        self
    }

    pub(super) fn into_needs(self) -> Vec<Call> {
        self.needs
    }

    /// RULES-026.
    pub(super) fn run(&mut self, statement: &Statement) -> Result<Evaluated, Stop> {
        let mut pending = false;
        let mut bytes = 0;
        for (expr, name) in statement.variables.iter().zip(&statement.names) {
            let value = match self.eval(expr, None) {
                Ok(value) => Some(value),
                Err(Stop::Pending) => None,
                Err(failed) => return Err(failed),
            };
            pending |= value.is_none();
            let text = |value| json::bounded_text(value, MAX_VARIABLE_BYTES);
            bytes += value
                .as_ref()
                .map_or(0, |value| text(value).map_or(MAX_VARIABLE_BYTES + 1, |text| text.len()));
            if bytes > MAX_VARIABLE_BYTES {
                return Err(EvalError::VariablesTooLarge { name: name.to_string(), bytes }.into());
            }
            self.variables.push(value);
        }
        if let Some(filter) = &statement.filter {
            let passes = self.eval(filter, None)?;
            if convert::to_bool(&passes) != Some(true) {
                return Ok(Evaluated::NoMatch);
            }
        }
        let result = if statement.passes_payload_through() && !self.refuses_array(statement) {
            Selected::Payload
        } else {
            let value = self.select(&statement.selection, None)?;
            let bare = matches!(statement.selection, Selection::Value(_));
            // RULES-062
            let unsupported = bare && !self.version.is_v2() && matches!(value, Value::Array(_));
            // Only a statement that names the payload many times can make more of it than a message holds.
            let times = statement.size.saturating_mul(1 + self.elements as usize);
            let bound = self.input.payload.len().saturating_mul(times);
            if bound > MAX_RESULT_BYTES && json::bounded_text(&value, MAX_RESULT_BYTES).is_none() {
                return Err(EvalError::ResultTooLarge.into());
            }
            Selected::Value(if unsupported { Value::Undefined } else { value })
        };
        if pending {
            return Err(Stop::Pending);
        }
        let variables = self.variables.drain(..).flatten().collect();
        Ok(Evaluated::Output(Output { result, variables }))
    }

    /// RULES-062, for `SELECT VALUE *`.
    fn refuses_array(&self, statement: &Statement) -> bool {
        matches!(statement.selection, Selection::Value(_))
            && !self.version.is_v2()
            && matches!(self.input.json(self.version), Ok(Value::Array(_)))
    }

    /// The value of an expression. In the newer versions a Decimal without fraction becomes an Int (RULES-118).
    pub(super) fn eval(&mut self, expr: &Expr, scope: Option<&Scope<'_>>) -> Result<Value, Stop> {
        let value = match expr {
            Expr::Literal(value) => return Ok(value.clone()),
            Expr::Star | Expr::Name(_) | Expr::Member(..) | Expr::Variable(..) => {
                return self.path(expr, scope);
            }
            Expr::Negate(operand) => negate(&self.eval(operand, scope)?),
            Expr::Not(operand) => not(&self.eval(operand, scope)?),
            Expr::Arithmetic(first, rest) => {
                let operands = self.eval_all(
                    std::iter::once(&**first).chain(rest.iter().map(|(_, operand)| operand)),
                    scope,
                )?;
                let mut operands = operands.into_iter();
                let mut left = operands.next().unwrap_or(Value::Undefined);
                for ((op, _), right) in rest.iter().zip(operands) {
                    left = self.fold(op.apply(&left, &right));
                }
                return Ok(left);
            }
            Expr::Compare(op, sides) => {
                let (left, right) = self.eval_pair(sides, scope)?;
                op.apply(&left, &right)
            }
            Expr::In(sides) => {
                let (left, right) = self.eval_pair(sides, scope)?;
                contains(&left, &right)
            }
            Expr::And(operands) => junction(false, self.eval_all(operands, scope)?),
            Expr::Or(operands) => junction(true, self.eval_all(operands, scope)?),
            Expr::Case(case) => self.case(case, scope)?,
            Expr::Call(call) => self.call(call, scope)?,
            Expr::Cast(operand, to) => functions::cast::cast(&self.eval(operand, scope)?, *to),
            Expr::Object(members) => {
                let values = self.eval_all(members.iter().map(|(_, value)| value), scope)?;
                let names = members.iter().map(|(name, _)| name.clone());
                return Ok(names.zip(values).collect::<super::value::Object>().into());
            }
            Expr::Array(elements) => return Ok(Value::array(self.eval_all(elements, scope)?)),
            Expr::Query(query) => return self.query(query, scope).map(Queried::into_value),
            Expr::Exists(query) => Value::Bool(match self.query(query, scope)? {
                Queried::Elements(elements) => !elements.is_empty(),
                Queried::Single(value) => !value.is_undefined(),
            }),
        };
        Ok(self.fold(value))
    }

    /// The value of an expression that reads `element` instead of the message.
    pub(super) fn eval_element(&mut self, expr: &Expr, element: &Value) -> Result<Value, Stop> {
        self.eval(expr, Some(&Scope { element, alias: None, outer: None }))
    }

    fn fold(&self, value: Value) -> Value {
        if self.version.is_v2() { value.folded() } else { value }
    }

    /// All values; looks at every expression even when one is pending, so that all calls become known at once.
    pub(super) fn eval_all<'e>(
        &mut self,
        exprs: impl IntoIterator<Item = &'e Expr>,
        scope: Option<&Scope<'_>>,
    ) -> Result<SmallVec<[Value; 4]>, Stop> {
        let mut values = SmallVec::new();
        let mut pending = false;
        for expr in exprs {
            match self.eval(expr, scope) {
                Ok(value) => values.push(value),
                Err(Stop::Pending) => pending = true,
                Err(failed) => return Err(failed),
            }
        }
        if pending { Err(Stop::Pending) } else { Ok(values) }
    }

    fn eval_pair(
        &mut self,
        (left, right): &(Expr, Expr),
        scope: Option<&Scope<'_>>,
    ) -> Result<(Value, Value), Stop> {
        let left = self.eval(left, scope);
        if let Err(failed @ Stop::Failed(_)) = left {
            return Err(failed);
        }
        let right = self.eval(right, scope)?;
        Ok((left?, right))
    }

    /// A path from the payload, the element or a variable; clones only what it ends at.
    fn path(&mut self, expr: &Expr, scope: Option<&Scope<'_>>) -> Result<Value, Stop> {
        let mut names: SmallVec<[&str; 8]> = SmallVec::new();
        let mut base = expr;
        while let Expr::Member(inner, name) = base {
            names.push(name);
            base = inner;
        }
        let walk = |start: &Value| names.iter().rev().fold(start, |value, name| value.member(name)).clone();
        Ok(match base {
            Expr::Star => walk(self.star(scope)),
            Expr::Name(name) => match scope {
                Some(scope) => walk(scope.lookup(name)),
                None => walk(self.star(None).member(name)),
            },
            Expr::Variable(index, _) => match self.variables.get(*index) {
                Some(Some(value)) => walk(value),
                Some(None) => return Err(Stop::Pending),
                None => Value::Undefined,
            },
            other => walk(&self.eval(other, scope)?),
        })
    }

    /// The element, or the payload; Undefined when that is not JSON (RULES-312).
    pub(super) fn star<'v>(&self, scope: Option<&'v Scope<'_>>) -> &'v Value
    where
        'r: 'v,
    {
        match scope {
            Some(scope) => scope.element,
            None => self.input.json_members(self.version, self.reads).unwrap_or(&Value::Undefined),
        }
    }

    /// RULES-089 to RULES-093.
    fn case(&mut self, case: &Case, scope: Option<&Scope<'_>>) -> Result<Value, Stop> {
        let value = self.eval(&case.value, scope)?;
        if value.is_undefined() {
            return Ok(Value::Undefined);
        }
        for (test, result) in &case.branches {
            if equality(&value, &self.eval(test, scope)?) == Some(true) {
                return self.eval(result, scope);
            }
        }
        match &case.otherwise {
            Some(otherwise) => self.eval(otherwise, scope),
            None => Ok(Value::Undefined),
        }
    }

    fn call(&mut self, call: &super::ast::Call, scope: Option<&Scope<'_>>) -> Result<Value, Stop> {
        match call.function.body {
            Body::Special(special) => special(self, call, scope),
            body => {
                let arguments = self.eval_all(&call.arguments, scope)?;
                match body {
                    Body::Pure(function) => Ok(function(&arguments)),
                    Body::Context(function) => Ok(function(self, call, &arguments)),
                    Body::External { ask, read } => {
                        if call.function.name == "get_dynamodb" {
                            self.dynamodb_calls += 1;
                            if self.dynamodb_calls > 1 {
                                return Err(EvalError::SecondGetDynamodb.into());
                            }
                        }
                        let Some(question) = ask(&arguments) else { return Ok(Value::Undefined) };
                        let fold = self.version.is_v2();
                        let answer = self.ask(&question)?;
                        read(&arguments, answer, fold).map_err(|reason| failed(&question, reason))
                    }
                    Body::Special(_) => Ok(Value::Undefined),
                }
            }
        }
    }

    /// The answer to a call, if there is one; else it goes on the list.
    pub(super) fn ask(&mut self, call: &Call) -> Result<&'r Answer, Stop> {
        match self.answers.get(call) {
            Some(Answer::Failed(reason)) => Err(failed(call, reason.clone())),
            Some(answer) => Ok(answer),
            None => {
                if !self.needs.contains(call) {
                    self.needs.push(call.clone());
                }
                Err(Stop::Pending)
            }
        }
    }

    /// How often this call site drew before; counts this draw.
    pub(super) fn draw(&mut self, site: u32) -> u32 {
        match self.draws.iter_mut().find(|(known, _)| *known == site) {
            Some((_, count)) => {
                *count += 1;
                *count
            }
            None => {
                self.draws.push((site, 0));
                0
            }
        }
    }

    /// Section 2.6.
    fn query(&mut self, query: &Query, scope: Option<&Scope<'_>>) -> Result<Queried, Stop> {
        let source = self.eval(&query.source, scope)?;
        let alias = query.alias.as_deref();
        match &source {
            Value::Array(elements) => {
                let mut results = Vec::new();
                let mut pending = false;
                for element in elements.iter() {
                    match self.element(query, &Scope { element, alias, outer: scope }) {
                        Ok(Value::Undefined) => {}
                        Ok(result) => results.push(result),
                        Err(Stop::Pending) => pending = true,
                        Err(failed) => return Err(failed),
                    }
                }
                if pending { Err(Stop::Pending) } else { Ok(Queried::Elements(results)) }
            }
            Value::Object(_) => {
                self.element(query, &Scope { element: &source, alias, outer: scope }).map(Queried::Single)
            }
            _ => Ok(Queried::Single(Value::Undefined)),
        }
    }

    /// What one element yields; Undefined when WHERE does not let it pass.
    fn element(&mut self, query: &Query, scope: &Scope<'_>) -> Result<Value, Stop> {
        self.elements += 1;
        if self.elements > MAX_ELEMENTS {
            return Err(EvalError::TooManyElements.into());
        }
        if let Some(filter) = &query.filter
            && convert::to_bool(&self.eval(filter, Some(scope))?) != Some(true)
        {
            return Ok(Value::Undefined);
        }
        self.select(&query.selection, Some(scope))
    }
}

/// What a nested query yields: of an Array its elements, of an Object one result (RULES-098, RULES-103).
enum Queried {
    Elements(Vec<Value>),
    Single(Value),
}

impl Queried {
    fn into_value(self) -> Value {
        match self {
            Self::Elements(elements) => Value::array(elements),
            Self::Single(value) => value,
        }
    }
}

/// The error of a call.
pub(super) fn failed(call: &Call, reason: String) -> Stop {
    EvalError::Function { function: call.function(), target: call.target(), reason }.into()
}
