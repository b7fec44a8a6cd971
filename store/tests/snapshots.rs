use thingstead_store::{Batch, Document, Durability, Store, StoreError};

use crate::{A, B, Folder, put, scope};

#[test]
fn a_snapshot_brings_everything_back_and_keeps_what_came_later_out() {
    let folder = Folder::new("snapshots");
    let on_disk = Store::open(&folder.0, &[A, B], Durability::Full).expect("open");
    for store in [on_disk, Store::ephemeral(&[A, B]).expect("ephemeral")] {
        // Queued, not waited for: a snapshot has what was queued before it.
        drop(store.commit(put(A, "k", "before")));
        store.snapshot("lesson-1").wait().expect("save");
        store.snapshot(Store::SEEDED).wait().expect("save");
        let mut batch = Batch::new();
        for n in 0..1_000 {
            batch.put(B, &scope(), format!("{n}"), "x".repeat(100));
        }
        batch.put(A, &scope(), "k", "after");
        store.commit(batch).wait().expect("commit");

        store.restore("lesson-1").wait().expect("restore");
        assert_eq!(store.get(A, &scope(), "k"), Ok(Some(Document::from("before"))));
        assert_eq!(store.scan(B, &scope(), None, 10), Ok(Vec::new()));
        store.commit(put(A, "k", "again")).wait().expect("commit");
        store.restore(Store::SEEDED).wait().expect("restore");
        assert_eq!(store.get(A, &scope(), "k"), Ok(Some(Document::from("before"))));

        let names: Vec<_> = store.snapshots().expect("list").into_iter().map(|s| s.name).collect();
        assert_eq!(names, ["lesson-1"]);
        assert!(store.snapshots().expect("list").iter().all(|s| s.bytes > 0));
        assert!(store.has_snapshot(Store::SEEDED));
        store.delete_snapshot("lesson-1").wait().expect("delete");
        let unknown = Err(StoreError::UnknownSnapshot { name: "lesson-1".to_owned() });
        assert_eq!(store.delete_snapshot("lesson-1").wait(), unknown);
        assert_eq!(store.restore("lesson-1").wait(), unknown);
        for name in ["", "..", "../x", "a/b", "a b"] {
            assert!(matches!(store.snapshot(name).wait(), Err(StoreError::SnapshotName { .. })), "{name}");
        }
    }
}

#[test]
fn a_restored_state_survives_a_restart_and_snapshots_too() {
    let folder = Folder::new("snapshot-restart");
    let store = Store::open(&folder.0, &[A], Durability::Full).expect("open");
    store.commit(put(A, "k", "one")).wait().expect("commit");
    store.snapshot("s").wait().expect("save");
    store.commit(put(A, "k", "two")).wait().expect("commit");
    store.restore("s").wait().expect("restore");
    drop(store);
    // The snapshot is older than table B.
    let store = Store::open(&folder.0, &[A, B], Durability::Full).expect("open");
    assert_eq!(store.get(A, &scope(), "k"), Ok(Some(Document::from("one"))));
    store.commit(put(B, "k", "x")).wait().expect("commit");
    store.restore("s").wait().expect("restore");
    assert_eq!(store.get(B, &scope(), "k"), Ok(None));
}
