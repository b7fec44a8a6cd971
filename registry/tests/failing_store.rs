//! A database that fails while the registry is in use: a trigger refuses the rows of one table.

use thingstead_core::wiring::Reload;
use thingstead_core::{Clock, Scope};
use thingstead_registry::{
    CreateThing, PageRequest, RegistryError, RegistrySettings, TABLES, ThingFilter, UpdateThing,
};
use thingstead_store::{Durability, Store};

use crate::support::{NOW, open, run};

fn thing(name: &str) -> CreateThing {
    CreateThing { name: name.to_owned(), ..CreateThing::default() }
}

#[test]
fn a_change_that_was_not_stored_ends_all_changes_until_everything_is_loaded_anew() {
    let directory = std::env::temp_dir().join(format!("thingstead-failing-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("directory");
    let store = Store::open(&directory, TABLES, Durability::Relaxed).expect("store");
    let registry = open(&store, &Clock::frozen_at(NOW), RegistrySettings::default());
    let scope = Scope::new("123456789012", "eu-west-1");
    run(registry.create_thing(&scope, thing("before"))).expect("a sound database");
    assert_eq!(registry.failure(), None);

    let file = rusqlite::Connection::open(store.file().expect("a file")).expect("open");
    let trigger =
        "CREATE TRIGGER broken BEFORE INSERT ON things BEGIN SELECT RAISE(ABORT, 'the disk is full'); END";
    file.execute_batch(trigger).expect("trigger");
    let refused = run(registry.create_thing(&scope, thing("lost"))).expect_err("not stored");
    assert_eq!((refused.code(), refused.status()), ("ServiceUnavailableException", 503));
    assert!(refused.message().contains("the disk is full"), "{refused}");
    assert!(registry.failure().is_some_and(|cause| cause.contains("the disk is full")));

    // The cause is gone, but memory is ahead of the database: nothing is built on that, in no scope.
    file.execute_batch("DROP TRIGGER broken").expect("drop");
    let update = UpdateThing { name: "lost".to_owned(), ..UpdateThing::default() };
    let refusals = [
        run(registry.update_thing(&scope, update)),
        run(registry.delete_thing(&scope, "before", None)),
        run(registry.create_thing(&Scope::new("1", "r"), thing("elsewhere"))).map(drop),
    ];
    for refusal in refusals {
        assert!(matches!(refusal, Err(RegistryError::ServiceUnavailable(_))), "{refusal:?}");
    }
    assert!(registry.describe_thing(&scope, "before").is_ok(), "reading goes on");

    registry.reload().expect("reload");
    assert_eq!(registry.failure(), None);
    let page = registry.list_things(&scope, &ThingFilter::default(), &PageRequest::default()).expect("list");
    assert_eq!(page.items.iter().map(|thing| &*thing.name).collect::<Vec<_>>(), ["before"]);
    run(registry.create_thing(&scope, thing("after"))).expect("sound again");
    drop((registry, store, file));
    std::fs::remove_dir_all(&directory).expect("tidy up");
}
