//! Restarts, snapshots, reloads.

use std::path::PathBuf;

use thingstead_core::wiring::Reload;
use thingstead_shadow::{SHADOWS, ShadowSettings, TABLES};
use thingstead_store::{Batch, Durability, Store};

use crate::support::{World, classic, named, scope, text};

#[test]
fn what_was_answered_is_there_after_a_restart() {
    // SHADOW-014, SHADOW-012: nothing but a delete of the shadow removes it
    let folder = Folder::new("restart");
    let store = Store::open(&folder.0, TABLES, Durability::Relaxed).expect("a store");
    let world = World::on(store, ShadowSettings::default());
    for thing in 0..50 {
        world.publish(
            &format!("$aws/things/t{thing}/shadow/name/s/update"),
            r#"{"state":{"reported":{"a":1}}}"#,
        );
    }
    world.bus.take_when(|published| published.len() == 100);
    let documents: Vec<_> =
        (0..50).map(|thing| world.service.read(&named(&format!("t{thing}"), "s"))).collect();
    drop(world);

    let store = Store::open(&folder.0, TABLES, Durability::Relaxed).expect("a store");
    let world = World::on(store, ShadowSettings::default());
    for (thing, document) in documents.iter().enumerate() {
        assert!(document.is_some());
        assert_eq!(&world.service.read(&named(&format!("t{thing}"), "s")), document);
    }
}

#[test]
fn a_restored_snapshot_replaces_what_is_in_memory() {
    let world = World::new();
    world.ask("$aws/things/T/shadow/update", r#"{"state":{"reported":{"a":1}}}"#);
    world.ask("$aws/things/T/shadow/name/kept/update", r#"{"state":{}}"#);
    world.store.snapshot("before").wait().expect("saved");
    world.ask("$aws/things/T/shadow/update", r#"{"state":{"reported":{"a":2}}}"#);
    world.ask("$aws/things/T/shadow/name/new/update", r#"{"state":{}}"#);
    world.ask("$aws/things/T/shadow/name/kept/delete", "");
    world.store.restore("before").wait().expect("restored");
    world.service.reload().expect("reloaded");

    assert!(text(&world.service.read(&classic("T")).expect("a document")).contains(r#""version":1,"#));
    assert!(world.service.read(&named("T", "new")).is_none());
    let shadows = world.service.shadows_of(&scope(), &"T".into());
    assert_eq!(
        shadows.iter().map(|shadow| shadow.shadow.as_deref()).collect::<Vec<_>>(),
        [None, Some("kept")]
    );
    let came = world.ask("$aws/things/T/shadow/update", r#"{"state":{},"version":1}"#);
    assert!(came[0].0.ends_with("accepted"));
}

#[test]
fn a_corrupt_row_stops_the_start_and_is_named() {
    let world = World::new();
    for (document, reason) in [
        ("{", "expected"),
        ("[]", "it is not an object"),
        (r#"{"version":1}"#, "it has no state"),
        (r#"{"state":{"desired":{"a":1}},"metadata":{"desired":{}},"version":1}"#, "another shape"),
    ] {
        let mut batch = Batch::new();
        batch.put(SHADOWS, &scope(), "T", document);
        world.store.commit(batch).wait().expect("stored");
        let error = world.service.reload().expect_err("corrupt");
        assert!(error.contains("`T`") && error.contains(reason), "{error}");
    }
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("thingstead-shadow-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
