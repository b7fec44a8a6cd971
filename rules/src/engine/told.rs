//! Where the events of rules go.

use thingstead_core::journal::Record;

use super::Inner;

/// Where what happens is written down.
pub(crate) enum Told<'t> {
    /// Among the events of the caller's turn, which takes the journal's lock once for all of them.
    Turn(&'t mut Vec<Record>),
    /// In the journal, at once.
    Now,
}

impl Inner {
    /// Writes something down; the answer is its number, where that is known already.
    pub(super) fn write_down(&self, told: &mut Told<'_>, record: impl Into<Record>) -> Option<u64> {
        match told {
            Told::Turn(records) => {
                records.push(record.into());
                None
            }
            Told::Now => Some(self.journal.record_numbered(record)),
        }
    }

    /// Before anything goes on elsewhere: what led to it stands in the journal first.
    pub(super) fn settle(&self, told: &mut Told<'_>) {
        if let Told::Turn(records) = told
            && !records.is_empty()
        {
            self.journal.record_all(records.drain(..));
        }
    }
}
