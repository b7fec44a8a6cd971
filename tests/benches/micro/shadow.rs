//! One shadow update: parse, merge, every answer.

use thingstead_core::Timestamp;
use thingstead_shadow::document::{DocumentLimits, Stored, UpdateRequest, update};

use crate::table::Table;

pub(crate) fn measure(table: &mut Table) {
    let limits = DocumentLimits::default();
    let at = Timestamp::from_millis(1_750_000_000_000);
    let run = |stored: &Stored, payload: &[u8]| {
        let request = UpdateRequest::parse(payload, at, &limits)?;
        update(stored, request, &limits)
    };
    let first = br#"{"state":{"desired":{"interval":30,"led":{"on":true,"colour":"green"}},
        "reported":{"interval":60,"led":{"on":false,"colour":"green"},"battery":{"percent":81,"volts":3.9},
        "position":{"lat":52.1,"lon":4.3},"firmware":"1.4.2","uptime":86400}}}"#;
    match run(&Stored::Absent, first) {
        Ok(created) => {
            let stored = Stored::Present(created.document);
            table.line("shadow: first update of a document", || run(&Stored::Absent, first));
            table.line("shadow: reported update of two members", || {
                run(&stored, br#"{"state":{"reported":{"battery":{"percent":80},"uptime":86460}}}"#)
            });
        }
        Err(rejected) => table.line(&format!("shadow: {rejected:?}"), || ()),
    }
}
