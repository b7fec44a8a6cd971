use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};

use thingstead_core::Scope;
use thingstead_store::{Batch, Document, Durability, Store, StoreError, Table};

use crate::{A, B, Folder, put, scope};

fn keys(store: &Store, after: Option<&str>, limit: usize) -> Vec<String> {
    store.scan(A, &scope(), after, limit).expect("scan").into_iter().map(|row| row.key).collect()
}

#[test]
fn rows_come_in_key_order_page_by_page_and_stay_in_their_scope() {
    let folder = Folder::new("order");
    let on_disk = Store::open(&folder.0, &[A, B], Durability::Relaxed).expect("open");
    for store in [on_disk, Store::ephemeral(&[A, B]).expect("ephemeral")] {
        let elsewhere = Scope::new("000000000000", "eu-west-1");
        let mut batch = Batch::new();
        for key in ["b", "a", "a/2", "a/1", "ä", "c", ""] {
            batch.put(A, &scope(), key, format!("{{\"k\":\"{key}\"}}"));
        }
        batch.put(A, &elsewhere, "other", vec![0u8, 159, 146]);
        store.commit(batch).wait().expect("commit");
        assert_eq!(keys(&store, None, 3), ["", "a", "a/1"]);
        assert_eq!(keys(&store, Some("a/1"), 100), ["a/2", "b", "c", "ä"]);
        let with_prefix = store.scan_prefix(A, &scope(), "a/", None, 10).expect("scan");
        assert_eq!(with_prefix.iter().map(|row| row.key.as_str()).collect::<Vec<_>>(), ["a/1", "a/2"]);
        let binary = store.get(A, &elsewhere, "other").expect("get");
        assert_eq!(binary, Some(Document::Binary(vec![0, 159, 146])));

        let mut batch = Batch::new();
        batch.delete_prefix(A, &scope(), "a/");
        batch.delete(A, &scope(), "c");
        store.commit(batch).wait().expect("commit");
        assert_eq!(keys(&store, None, 100), ["", "a", "b", "ä"]);
        let mut all = Vec::new();
        store.rows(A, |row| all.push((row.scope.region().to_owned(), row.key))).expect("rows");
        assert_eq!(all.len(), 5);
        assert_eq!(all.first(), Some(&("eu-west-1".to_owned(), "other".to_owned())));

        let mut batch = Batch::new();
        batch.put(A, &elsewhere, "a", "kept");
        store.commit(batch).wait().expect("commit");
        assert!(store.get(A, &elsewhere, "a").expect("get").is_some());

        let mut batch = Batch::new();
        batch.delete_scope(A, &scope());
        store.commit(batch).wait().expect("commit");
        assert_eq!(keys(&store, None, 100), Vec::<String>::new());
        assert!(store.get(A, &elsewhere, "other").expect("get").is_some());
    }
}

#[test]
fn commits_resolve_in_call_order_by_await_wait_or_callback() {
    let store = Store::ephemeral(&[A]).expect("store");
    let (told, heard) = mpsc::channel();
    for n in 0..2_000 {
        let told = told.clone();
        store.commit(put(A, "same", &n.to_string())).then(move |outcome, _| {
            told.send((n, outcome)).expect("heard");
        });
    }
    drop(told);
    let outcomes: Vec<_> = heard.iter().collect();
    assert_eq!(outcomes.len(), 2_000);
    assert!(outcomes.iter().enumerate().all(|(at, (n, outcome))| at == *n && outcome.is_ok()));
    assert_eq!(store.get(A, &scope(), "same"), Ok(Some(Document::from("1999"))));

    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("runtime");
    let awaited = Arc::new(AtomicUsize::new(0));
    runtime.block_on(async {
        let commits: Vec<_> = (0..100).map(|n| store.commit(put(A, &n.to_string(), "x"))).collect();
        for commit in commits {
            commit.await.expect("commit");
            awaited.fetch_add(1, Ordering::Relaxed);
        }
    });
    assert_eq!(awaited.load(Ordering::Relaxed), 100);
}

#[test]
fn a_batch_is_durable_after_reopening_and_a_table_may_come_later() {
    let folder = Folder::new("reopen");
    let store = Store::open(&folder.0, &[A], Durability::Full).expect("open");
    store.commit(put(A, "k", "v")).wait().expect("commit");
    // Not waited for: closing writes what is queued.
    drop(store.commit(put(A, "l", "w")));
    drop(store);
    let store = Store::open(&folder.0, &[A, B], Durability::Full).expect("open again");
    assert_eq!(store.get(A, &scope(), "k"), Ok(Some(Document::from("v"))));
    assert_eq!(store.get(A, &scope(), "l"), Ok(Some(Document::from("w"))));
    assert_eq!(store.get(B, &scope(), "k"), Ok(None));
}

#[test]
fn unknown_tables_and_bad_names_are_refused() {
    let store = Store::ephemeral(&[A]).expect("store");
    assert!(matches!(store.commit(put(B, "k", "v")).wait(), Err(StoreError::UnknownTable { .. })));
    assert!(matches!(store.get(B, &scope(), "k"), Err(StoreError::UnknownTable { .. })));
    for name in ["", "a b", "A", "a\"b", "sqlite_x"] {
        assert!(matches!(Store::ephemeral(&[Table::new(name)]), Err(StoreError::UnknownTable { .. })));
    }
}

#[test]
fn two_servers_do_not_share_a_directory() {
    let folder = Folder::new("lock");
    let first = Store::open(&folder.0, &[A], Durability::Full).expect("open");
    let second = Store::open(&folder.0, &[A], Durability::Full).expect_err("locked");
    assert_eq!(
        second.to_string(),
        format!(
            "the data directory `{}` is in use by another server (process {}); stop it or choose another `data_dir`",
            folder.0.display(),
            std::process::id()
        )
    );
    drop(first);
    Store::open(&folder.0, &[A], Durability::Full).expect("free again");
}

#[test]
fn a_file_that_is_no_database_is_named() {
    let folder = Folder::new("garbage");
    std::fs::create_dir_all(&folder.0).expect("folder");
    std::fs::write(folder.0.join("thingstead.sqlite"), "this is not a database, it is a sentence".repeat(40))
        .expect("file");
    let error = Store::open(&folder.0, &[A], Durability::Full).expect_err("garbage");
    assert!(
        matches!(&error, StoreError::Open { file, .. } if file.ends_with("thingstead.sqlite")),
        "{error}"
    );
}
