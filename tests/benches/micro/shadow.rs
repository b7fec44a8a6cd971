//! Shadow documents: parse, merge, every answer.

use thingstead_core::Timestamp;
use thingstead_shadow::document::{
    DocumentLimits, Rejected, Stored, UpdateRequest, Updated, delete, get, update,
};

use crate::table::Table;

pub(crate) fn measure(table: &mut Table) {
    if let Err(rejected) = documents(table) {
        table.line(&format!("shadow: {rejected:?}"), || ());
    }
}

fn documents(table: &mut Table) -> Result<(), Rejected> {
    let first = br#"{"state":{"desired":{"interval":30,"led":{"on":true,"colour":"green"}},
        "reported":{"interval":60,"led":{"on":false,"colour":"green"},"battery":{"percent":81,"volts":3.9},
        "position":{"lat":52.1,"lon":4.3},"firmware":"1.4.2","uptime":86400}}}"#;
    table.line("shadow: first update of a document", || run(&Stored::Absent, first));
    let stored = Stored::Present(run(&Stored::Absent, first)?.document);
    table.line("shadow: reported update of two members", || {
        run(&stored, br#"{"state":{"reported":{"battery":{"percent":80},"uptime":86460}}}"#)
    });
    table.line("shadow: desired update with a delta", || {
        run(&stored, br#"{"state":{"desired":{"interval":20}}}"#)
    });

    let whole = state("reported", 42, 1);
    let kibibyte = Stored::Present(run(&Stored::Absent, whole.as_bytes())?.document);
    table.line("shadow: 1 KiB document, first update", || run(&Stored::Absent, whole.as_bytes()));
    table.line("shadow: 1 KiB document, reading the request alone", || {
        UpdateRequest::parse(whole.as_bytes(), NOW, &DocumentLimits::default())
    });
    table.line("shadow: 1 KiB document, all of it replaced", || run(&kibibyte, whole.as_bytes()));
    let tenth = state("reported", 4, 2);
    table.line("shadow: 1 KiB document, a tenth of it replaced", || run(&kibibyte, tenth.as_bytes()));
    let wanted = state("desired", 42, 3);
    let differing = Stored::Present(run(&kibibyte, wanted.as_bytes())?.document);
    table.line("shadow: 1 KiB document, nothing but its delta again", || {
        run(&differing, br#"{"state":{"desired":{}}}"#)
    });
    table.line("shadow: 1 KiB document, get", || get(&kibibyte, "thing", None, NOW));
    table.line("shadow: 1 KiB document, get with a delta", || get(&differing, "thing", None, NOW));
    table.line("shadow: 1 KiB document, delete", || delete(&kibibyte, "thing", None, NOW));
    Ok(())
}

fn run(stored: &Stored, payload: &[u8]) -> Result<Updated, Rejected> {
    let limits = DocumentLimits::default();
    update(stored, UpdateRequest::parse(payload, NOW, &limits)?, &limits)
}

/// A request of about `members` times 25 bytes, of the kinds of value that devices send.
fn state(section: &str, members: usize, value: usize) -> String {
    let members: Vec<String> = (0..members)
        .map(|n| match n % 4 {
            0 => format!(r#""temperature{n:02}":2{value}.{n:02}5"#),
            1 => format!(r#""position_{n:02}":{{"x":{n},"y":{value}}}"#),
            2 => format!(r#""mode_setting{n:02}":"auto""#),
            _ => format!(r#""is_enabled_{n:02}":{}"#, value == 1),
        })
        .collect();
    format!(r#"{{"state":{{"{section}":{{{}}}}}}}"#, members.join(","))
}

const NOW: Timestamp = Timestamp::from_millis(1_750_000_000_000);
