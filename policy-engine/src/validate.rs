//! From JSON to a compiled document: the grammar of section 1.1, with the place of every flaw.

use std::collections::HashSet;
use std::sync::Arc;

use crate::condition::{Operand, Operator, Test};
use crate::document::{ActionPattern, Document, Effect, Element, Language, Statement};
use crate::error::{Flaw, PolicyError};
use crate::json::{self, Json, Member, Node};
use crate::key::Key;
use crate::template::{Template, Wildcards};

/// The most characters a document may have, white space not counted (POLICY-030).
pub const MAX_DOCUMENT_CHARACTERS: usize = 2048;

/// The characters of a document that count: all but space, tab, carriage return and line feed (POLICY-031).
pub fn counted_characters(text: &str) -> usize {
    text.chars().filter(|c| !matches!(c, ' ' | '\t' | '\r' | '\n')).count()
}

pub(crate) fn size(text: &str) -> Result<(), PolicyError> {
    let counted = counted_characters(text);
    if counted <= MAX_DOCUMENT_CHARACTERS {
        return Ok(());
    }
    let flaw = Flaw::TooLong { counted, limit: MAX_DOCUMENT_CHARACTERS };
    Err(PolicyError { flaw, position: json::position(text, 0) })
}

pub(crate) fn document(text: &str) -> Result<Document, PolicyError> {
    let root = json::read(text)?;
    let mut validator = Validator { text, language: Language::V2008, invalid: Vec::new() };
    let document = validator.document(&root)?;
    match validator.invalid.first() {
        None => Ok(document),
        Some(&(at, _)) => {
            let entries = validator.invalid.into_iter().map(|(_, entry)| entry).collect();
            Err(PolicyError { flaw: Flaw::Resources(entries), position: json::position(text, at) })
        }
    }
}

struct Validator<'t> {
    text: &'t str,
    language: Language,
    /// Resource entries that are no resources, with their places: all of them are reported at once (POLICY-051).
    invalid: Vec<(usize, String)>,
}

impl Validator<'_> {
    fn document(&mut self, root: &Node) -> Result<Document, PolicyError> {
        let members = self.members(root, "the document", DOCUMENT_MEMBERS)?;
        let version = find(members, "Version");
        if let Some(version) = version {
            self.language = match &version.value.value {
                Json::Text(text) if text == "2012-10-17" => Language::V2012,
                Json::Text(text) if text == "2008-10-17" => Language::V2008,
                _ => {
                    return Err(self.wrong(&version.value, "`Version` must be `2012-10-17` or `2008-10-17`"));
                }
            };
        }
        let id = match find(members, "Id") {
            None => None,
            Some(member) => Some(Arc::from(self.string(&member.value, "`Id`")?)),
        };
        let Some(list) = find(members, "Statement") else {
            return Err(self.wrong(root, "the document has no `Statement`"));
        };
        let statements = match &list.value.value {
            Json::Array(items) if items.is_empty() => {
                return Err(self.wrong(&list.value, "`Statement` must hold at least one statement"));
            }
            Json::Array(items) => items.iter().map(|item| self.statement(item)).collect::<Result<_, _>>()?,
            Json::Object(_) => vec![self.statement(&list.value)?],
            other => {
                let found = other.kind();
                return Err(self.wrong(
                    &list.value,
                    format!("`Statement` must be an array of objects or one object, found {found}"),
                ));
            }
        };
        self.unique_sids(&list.value, &statements)?;
        Ok(Document { text: Arc::from(self.text), language: self.language, id, statements })
    }

    fn statement(&mut self, node: &Node) -> Result<Statement, PolicyError> {
        let members = self.members(node, "a statement", STATEMENT_MEMBERS)?;
        let effect = match find(members, "Effect") {
            None => return Err(self.wrong(node, "the statement has no `Effect`")),
            Some(member) => match &member.value.value {
                Json::Text(text) if text == "Allow" => Effect::Allow,
                Json::Text(text) if text == "Deny" => Effect::Deny,
                _ => return Err(self.wrong(&member.value, "`Effect` must be `Allow` or `Deny`")),
            },
        };
        let sid = match find(members, "Sid") {
            None => None,
            Some(member) => Some(Arc::from(self.string(&member.value, "`Sid`")?)),
        };
        let (negated, actions) = self.one_of(node, members, "Action", "NotAction")?;
        let patterns = self.strings(actions)?.into_iter().map(|(_, text)| action(text)).collect();
        let actions = Element { negated, patterns };
        let (negated, resources) = self.one_of(node, members, "Resource", "NotResource")?;
        let mut patterns = Vec::new();
        for (at, text) in self.strings(resources)? {
            if text != "*" && !text.starts_with("arn:") {
                self.invalid.push((at, text.to_owned()));
            }
            patterns.push(Template::compile(text, self.language, Wildcards::Match));
        }
        let resources = Element { negated, patterns };
        let condition = match find(members, "Condition") {
            None => Vec::new(),
            Some(member) => self.condition(&member.value)?,
        };
        let position = json::position(self.text, node.at);
        Ok(Statement { effect, sid, position, actions, resources, condition })
    }

    fn condition(&self, node: &Node) -> Result<Vec<Test>, PolicyError> {
        let operators = self.object(node, "`Condition`")?;
        let mut tests = Vec::new();
        for member in operators {
            let Some(operator) = Operator::named(&member.name) else {
                let message = format!("unknown condition operator `{}`", member.name);
                return Err(self.wrong_at(member.at, message));
            };
            for key in self.object(&member.value, "a condition operator")? {
                let operands = self
                    .scalars(&key.value)?
                    .into_iter()
                    .map(|value| Operand::read(value, operator.kind, self.language))
                    .collect();
                tests.push(Test {
                    operator,
                    written: Arc::from(member.name.as_str()),
                    key: Key::named(&key.name),
                    name: Arc::from(key.name.as_str()),
                    operands,
                });
            }
        }
        Ok(tests)
    }

    /// Condition values as text; numbers and booleans as they are spelled (POLICY-014).
    fn scalars<'n>(&self, node: &'n Node) -> Result<Vec<&'n str>, PolicyError> {
        let scalar = |node: &'n Node| match &node.value {
            Json::Text(text) | Json::Number(text) => Ok(text.as_str()),
            Json::Bool(true) => Ok("true"),
            Json::Bool(false) => Ok("false"),
            other => {
                let found = other.kind();
                Err(self.wrong(
                    node,
                    format!("a condition value must be a string, number or boolean, found {found}"),
                ))
            }
        };
        match &node.value {
            Json::Array(items) => items.iter().map(scalar).collect(),
            _ => Ok(vec![scalar(node)?]),
        }
    }

    fn one_of<'m>(
        &self,
        statement: &Node,
        members: &'m [Member],
        plain: &str,
        negated: &str,
    ) -> Result<(bool, &'m Member), PolicyError> {
        match (find(members, plain), find(members, negated)) {
            (Some(member), None) => Ok((false, member)),
            (None, Some(member)) => Ok((true, member)),
            (None, None) => {
                Err(self.wrong(statement, format!("the statement has neither `{plain}` nor `{negated}`")))
            }
            (Some(_), Some(member)) => Err(self.wrong_at(
                member.at,
                format!("the statement has both `{plain}` and `{negated}`; exactly one is allowed"),
            )),
        }
    }

    fn strings<'n>(&self, member: &'n Member) -> Result<Vec<(usize, &'n str)>, PolicyError> {
        let name = &member.name;
        match &member.value.value {
            Json::Text(text) => Ok(vec![(member.value.at, text)]),
            Json::Array(items) if items.is_empty() => {
                Err(self.wrong(&member.value, format!("`{name}` must hold at least one string")))
            }
            Json::Array(items) => items
                .iter()
                .map(|item| Ok((item.at, self.string(item, &format!("an entry of `{name}`"))?)))
                .collect(),
            other => {
                let found = other.kind();
                Err(self.wrong(
                    &member.value,
                    format!("`{name}` must be a string or an array of strings, found {found}"),
                ))
            }
        }
    }

    fn string<'n>(&self, node: &'n Node, what: &str) -> Result<&'n str, PolicyError> {
        match &node.value {
            Json::Text(text) => Ok(text),
            other => Err(self.wrong(node, format!("{what} must be a string, found {}", other.kind()))),
        }
    }

    /// The members of an object that may have only these, each once (POLICY-017 to POLICY-020).
    fn members<'n>(&self, node: &'n Node, what: &str, allowed: &[&str]) -> Result<&'n [Member], PolicyError> {
        let members = self.object(node, what)?;
        for member in members {
            let name = member.name.as_str();
            if allowed.contains(&name) {
                continue;
            }
            let mut message =
                format!("`{name}` is not a member of {what}; allowed are {}", allowed.join(", "));
            if let Some(meant) = allowed.iter().find(|known| known.eq_ignore_ascii_case(name)) {
                message = format!("`{name}` must be written `{meant}`: member names are case-sensitive");
            } else if matches!(name, "Principal" | "NotPrincipal") {
                message = format!(
                    "`{name}` is not allowed: an IoT policy applies to the principals it is attached to"
                );
            }
            return Err(self.wrong_at(member.at, message));
        }
        Ok(members)
    }

    fn object<'n>(&self, node: &'n Node, what: &str) -> Result<&'n [Member], PolicyError> {
        let Json::Object(members) = &node.value else {
            return Err(self.wrong(node, format!("{what} must be an object, found {}", node.value.kind())));
        };
        let mut seen = HashSet::with_capacity(members.len());
        for member in members {
            if !seen.insert(member.name.as_str()) {
                return Err(self.wrong_at(member.at, format!("`{}` is there twice", member.name)));
            }
        }
        Ok(members)
    }

    fn unique_sids(&self, list: &Node, statements: &[Statement]) -> Result<(), PolicyError> {
        let mut seen = HashSet::with_capacity(statements.len());
        for (index, statement) in statements.iter().enumerate() {
            // Tools that write every member write `"Sid": ""` for "none".
            let Some(sid) = statement.sid.as_ref().filter(|sid| !sid.is_empty()) else { continue };
            if !seen.insert(sid) {
                let message = format!("two statements have the `Sid` `{sid}`");
                return Err(match &list.value {
                    Json::Array(items) => self.wrong(items.get(index).unwrap_or(list), message),
                    _ => self.wrong(list, message),
                });
            }
        }
        Ok(())
    }

    fn wrong(&self, node: &Node, message: impl Into<String>) -> PolicyError {
        self.wrong_at(node.at, message)
    }

    fn wrong_at(&self, at: usize, message: impl Into<String>) -> PolicyError {
        PolicyError { flaw: Flaw::Syntax(message.into()), position: json::position(self.text, at) }
    }
}

fn action(text: &str) -> ActionPattern {
    // The older language: no variables in actions, whatever the document says (POLICY-202).
    let lower = Template::compile(&text.to_ascii_lowercase(), Language::V2008, Wildcards::Match);
    ActionPattern { text: Arc::from(text), lower }
}

fn find<'m>(members: &'m [Member], name: &str) -> Option<&'m Member> {
    members.iter().find(|member| member.name == name)
}

const DOCUMENT_MEMBERS: &[&str] = &["Version", "Id", "Statement"];
const STATEMENT_MEMBERS: &[&str] =
    &["Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"];
