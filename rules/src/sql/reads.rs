//! Which members of the payload a statement reads, so that the others need not be built.

use std::sync::Arc;

use super::ast::{Expr, Item, Selection};

/// What of the payload must be read.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Reads {
    /// All members.
    Everything,
    /// These members of the outermost object.
    Members(Arc<[Arc<str>]>),
}

impl Reads {
    /// What a statement of these parts reads.
    pub(super) fn of<'e>(expressions: impl IntoIterator<Item = &'e Expr>, selection: &Selection) -> Self {
        let mut walk = Walk::default();
        for expr in expressions {
            walk.expr(expr);
        }
        // What is passed through is not read.
        if !passes_through(selection) {
            walk.selection(selection);
        }
        if walk.everything { Self::Everything } else { Self::Members(walk.names.into()) }
    }
}

/// `SELECT *` and `SELECT VALUE *`.
pub(super) fn passes_through(selection: &Selection) -> bool {
    match selection {
        Selection::Items(items) => matches!(items.as_slice(), [Item::All]),
        Selection::Value(expr) => *expr == Expr::Star,
    }
}

/// Looks at the expressions that read the payload.
#[derive(Default)]
struct Walk {
    everything: bool,
    names: Vec<Arc<str>>,
}

impl Walk {
    fn name(&mut self, name: &Arc<str>) {
        if !self.names.contains(name) {
            self.names.push(name.clone());
        }
    }

    fn selection(&mut self, selection: &Selection) {
        match selection {
            Selection::Value(expr) => self.expr(expr),
            Selection::Items(items) => {
                for item in items {
                    match item {
                        Item::All => self.everything = true,
                        Item::Spread(expr) | Item::Keyed(expr, _) => self.expr(expr),
                    }
                }
            }
        }
    }

    fn expr(&mut self, expr: &Expr) {
        match expr {
            Expr::Star => self.everything = true,
            Expr::Name(name) => self.name(name),
            Expr::Member(inner, name) if **inner == Expr::Star => self.name(name),
            // Names inside belong to the element.
            Expr::Query(query) | Expr::Exists(query) => self.expr(&query.source),
            // `encode(*, …)` and `decode(*, …)` take the bytes.
            Expr::Call(call) if matches!(call.function.name, "encode" | "decode") => {
                call.arguments
                    .iter()
                    .filter(|argument| **argument != Expr::Star)
                    .for_each(|argument| self.expr(argument));
            }
            other => other.each_part(&mut |part| self.expr(part)),
        }
    }
}
