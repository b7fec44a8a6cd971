//! `docs/sql.md` says what the table of functions says.

use std::path::Path;

use thingstead_rules::sql::reference;

/// Run with `UPDATE_PINNED=1` to write the page anew.
#[test]
fn the_reference_page_is_the_one_made_from_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/sql.md");
    let page = reference::page();
    if std::env::var_os("UPDATE_PINNED").is_some() {
        std::fs::write(&path, &page).expect("writable");
    }
    let written = std::fs::read_to_string(&path).expect("docs/sql.md");
    assert!(written == page, "docs/sql.md is not what the table of functions says; run with UPDATE_PINNED=1");
}
