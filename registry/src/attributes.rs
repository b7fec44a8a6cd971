//! Attribute maps of things and groups.

use std::collections::BTreeMap;

use crate::{RegistryError, Result, constraints};

/// Names and values.
pub type Attributes = BTreeMap<String, String>;

/// A change of attributes, `attributePayload` of the API.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AttributePayload {
    /// The attributes; `None` leaves what is there.
    pub attributes: Option<Attributes>,
    /// Adds and overwrites instead of replacing; an empty value then removes (API-083, API-084).
    pub merge: bool,
}

impl AttributePayload {
    /// What `current` becomes.
    pub(crate) fn applied_to(&self, current: &Attributes) -> Result<Attributes> {
        let Some(given) = &self.attributes else { return Ok(current.clone()) };
        constraints::attributes(given)?;
        let mut result = if self.merge { current.clone() } else { Attributes::new() };
        for (name, value) in given {
            if value.is_empty() {
                result.remove(name);
            } else {
                result.insert(name.clone(), value.clone());
            }
        }
        Ok(result)
    }
}

/// Refuses more than `most` attributes, or more than 47 kB of them (API-078).
pub(crate) fn check_counts(attributes: &Attributes, most: usize, of: &str) -> Result<()> {
    if attributes.len() > most {
        return Err(RegistryError::invalid(format!(
            "The number of attributes exceeds the limit: {of} can have at most {most}, {} were given",
            attributes.len()
        )));
    }
    let size: usize = attributes.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > MOST_BYTES {
        return Err(RegistryError::invalid(format!(
            "The total size of the attributes exceeds the limit of {MOST_BYTES} bytes: {size}"
        )));
    }
    Ok(())
}

const MOST_BYTES: usize = 47 * 1000;
