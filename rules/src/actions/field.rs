//! A text of an action that may hold substitution templates (RULES-375 ff.).

use std::borrow::Cow;
use std::sync::Arc;

use super::{Context, Unready};
use crate::RulesError;
use crate::sql::{EvalError, Rendered, Statement, Template, TemplateKind, Value};

/// A text with or without templates.
#[derive(Clone, Debug)]
pub(crate) struct Field {
    text: String,
    /// `None`: the text is what it says.
    template: Option<Template>,
}

impl Field {
    /// Compiles a text; `path` names it in errors (RULES-384).
    pub(crate) fn parse(text: &str, path: &str, statement: &Statement) -> Result<Self, RulesError> {
        Self::parse_kind(text, path, statement, TemplateKind::Message)
    }

    /// Compiles a text that may read the elements of the result (RULES-387).
    pub(crate) fn parse_element(text: &str, path: &str, statement: &Statement) -> Result<Self, RulesError> {
        Self::parse_kind(text, path, statement, TemplateKind::Element)
    }

    fn parse_kind(
        text: &str,
        path: &str,
        statement: &Statement,
        kind: TemplateKind,
    ) -> Result<Self, RulesError> {
        let template = if text.contains("${") || text.contains("@{") {
            let parsed = Template::parse(text, statement.version(), statement.variables(), kind);
            let template = parsed.map_err(|error| RulesError::SqlParse {
                message: format!("`{path}`: {error}"),
                position: error.position(),
            })?;
            Some(template)
        } else {
            None
        };
        Ok(Self { text: text.to_owned(), template })
    }

    /// As it was written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it holds no template.
    pub(crate) const fn is_plain(&self) -> bool {
        self.template.is_none()
    }

    /// The text, when it holds no template.
    pub(crate) fn plain(&self) -> Option<&str> {
        self.is_plain().then_some(self.text.as_str())
    }

    /// The text with its templates filled (RULES-376).
    pub(crate) fn fill(&self, context: &Context<'_>) -> Result<Cow<'_, str>, Unready> {
        let Some(template) = &self.template else { return Ok(Cow::Borrowed(&self.text)) };
        self.rendered(template.render(context.input, &context.result.variables, &context.run.answers))
    }

    /// The text for one element of the result.
    pub(crate) fn fill_element(
        &self,
        context: &Context<'_>,
        element: &Value,
    ) -> Result<Cow<'_, str>, Unready> {
        let Some(template) = &self.template else { return Ok(Cow::Borrowed(&self.text)) };
        let (variables, answers) = (&context.result.variables, &context.run.answers);
        self.rendered(template.render_element(context.input, variables, answers, element))
    }

    /// The members of the elements that it reads.
    pub(crate) fn element_names(&self) -> Vec<Arc<str>> {
        self.template.as_ref().map(Template::element_names).unwrap_or_default()
    }

    fn rendered(&self, rendered: Result<Rendered, EvalError>) -> Result<Cow<'_, str>, Unready> {
        match rendered {
            Ok(Rendered::Text(text)) => Ok(Cow::Owned(text)),
            Ok(Rendered::Needs(calls)) => Err(Unready::Needs(calls)),
            Err(error) => Err(Unready::Failed(format!("`{}`: {error}", self.text))),
        }
    }
}
