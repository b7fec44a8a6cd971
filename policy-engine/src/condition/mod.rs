//! Conditions: operators, qualifiers and how one test is decided (section 5).

mod operand;
mod operator;

use std::sync::Arc;

pub(crate) use operand::Operand;
pub(crate) use operator::{Kind, Operator, Qualifier};

use crate::context::{Context, Value};
use crate::key::Key;

/// One operator on one key. All tests of a statement must hold (POLICY-280).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Test {
    pub(crate) operator: Operator,
    /// The operator as written.
    pub(crate) written: Arc<str>,
    pub(crate) key: Key,
    /// The key as written.
    pub(crate) name: Arc<str>,
    pub(crate) operands: Vec<Operand>,
}

impl Test {
    pub(crate) fn holds(&self, context: &Context, action: &str) -> bool {
        let value = context.value(&self.key, action);
        let Operator { qualifier, kind, negated, if_exists } = self.operator;
        if let (Value::Absent(_), Kind::Null, Qualifier::None) = (&value, kind, qualifier) {
            // The only operator that has something to say about an absent key (POLICY-299).
            return self.operands.iter().any(Operand::expects_absence);
        }
        let absent = matches!(value, Value::Absent(_));
        let passes = |value: &str| {
            self.operands.iter().any(|operand| operand.matches(kind, value, context, action)) != negated
        };
        match qualifier {
            // POLICY-283, POLICY-284, POLICY-300
            Qualifier::None if absent => if_exists || negated,
            // Several values: any of them for a positive operator, none for a negated one (POLICY-307).
            Qualifier::None if negated => value.all().iter().all(|value| passes(value)),
            Qualifier::None => value.all().iter().any(|value| passes(value)),
            // Holds without values (POLICY-301, POLICY-305).
            Qualifier::ForAllValues => value.all().iter().all(|value| passes(value)),
            // Fails without values (POLICY-302) unless they need not be there (POLICY-309).
            Qualifier::ForAnyValue => absent && if_exists || value.all().iter().any(|value| passes(value)),
        }
    }
}
