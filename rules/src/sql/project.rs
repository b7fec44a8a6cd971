//! The SELECT list: values under keys (section 2.2).

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::ast::{Expr, Item, Key, Selection};
use super::evaluate::{Evaluator, Scope, Stop};
use super::value::{Object, Value};

impl Evaluator<'_> {
    /// What SELECT yields for the payload or an element.
    pub(super) fn select(&mut self, selection: &Selection, scope: Option<&Scope<'_>>) -> Result<Value, Stop> {
        let items = match selection {
            Selection::Value(expr) => return self.eval(expr, scope),
            Selection::Items(items) => items,
        };
        if let [Item::All] = items.as_slice() {
            return Ok(self.star(scope).clone());
        }
        let mut object = Object::new();
        let mut pending = false;
        for item in items {
            match self.item(item, scope, &mut object) {
                Ok(()) => {}
                Err(Stop::Pending) => pending = true,
                Err(failed) => return Err(failed),
            }
        }
        if pending { Err(Stop::Pending) } else { Ok(object.into()) }
    }

    fn item(&mut self, item: &Item, scope: Option<&Scope<'_>>, object: &mut Object) -> Result<(), Stop> {
        match item {
            Item::All => match self.star(scope) {
                Value::Object(members) => spread(members, object),
                // RULES-313
                _ => object.insert(PAYLOAD.into(), self.whole(scope)),
            },
            Item::Spread(expr) => {
                if let Value::Object(members) = self.eval(expr, scope)? {
                    spread(&members, object);
                }
            }
            Item::Keyed(expr, key) => {
                let value = match expr {
                    Expr::Star => self.whole(scope),
                    expr => self.eval(expr, scope)?,
                };
                match key {
                    Key::Alias(path) => object.insert_at(path, value),
                    Key::Implied(name) | Key::Source(name) => object.insert(name.clone(), value),
                }
            }
        }
        Ok(())
    }

    /// The whole payload as a value: its bytes as base64 when they are not JSON (RULES-047, RULES-313).
    fn whole(&self, scope: Option<&Scope<'_>>) -> Value {
        match self.star(scope) {
            Value::Undefined if scope.is_none() => STANDARD.encode(self.input.payload).into(),
            value => value.clone(),
        }
    }
}

fn spread(members: &Arc<Object>, object: &mut Object) {
    if object.is_empty() {
        *object = Object::clone(members);
        return;
    }
    for (name, value) in members.iter() {
        object.insert(name.clone(), value.clone());
    }
}

/// The key under which a payload without members is attached (RULES-313).
const PAYLOAD: &str = "payload";
