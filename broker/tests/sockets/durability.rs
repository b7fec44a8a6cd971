//! What is there after a restart, and what happens when the disk fails.

use std::time::Duration;

use rusqlite::Connection;
use thingstead_broker::{DisconnectReason, Doors, Settings, TABLES};
use thingstead_core::journal::{Cause, Kind};
use thingstead_core::{Clock, Timestamp};
use thingstead_mqtt_wire::{Connect, Packet, QoS};
use thingstead_store::{Batch, Document, Durability, Store};

use crate::client::{Client, V3, V5};
use crate::house::{House, scope};

pub(crate) fn directory(name: &str) -> std::path::PathBuf {
    let directory = std::env::temp_dir().join(format!("thingstead-{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).expect("a directory");
    directory
}

fn clock() -> Clock {
    Clock::frozen_at(Timestamp::from_millis(1_767_225_600_000))
}

/// The version number of the next `connected` event.
async fn version(observer: &mut Client) -> u64 {
    observer.json().await["versionNumber"].as_u64().expect("a number")
}

#[tokio::test]
async fn version_numbers_and_reasons_survive_a_restart() {
    // MQTT-209, MQTT-239, MQTT-242
    let (directory, clock) = (directory("versions"), clock());
    let house = House::on_disk(&directory, clock.clone()).await;
    let mut observer = Client::connect(house.plain(), V3, "observer").await;
    observer.subscribe("$aws/events/presence/connected/c", QoS::AtMostOnce).await;
    let mut before = 0;
    for round in 0..3 {
        let client = Client::connect(house.plain(), V3, "c").await;
        before = version(&mut observer).await;
        assert_eq!(before, round);
        let now = clock.now();
        drop(client);
        // Of this round: the journal has those of the rounds before, too.
        let this = |event: &thingstead_core::Event| event.client.as_deref() == Some("c") && event.at == now;
        house.event(Kind::Disconnected, this).await;
        house.advance(1);
    }
    house.broker.shutdown().await;
    drop(house);
    clock.advance(Duration::from_secs(60));
    let house = House::on_disk(&directory, clock).await;
    let info = house.broker.connection(&scope(), "c").await.expect("remembered");
    assert_eq!((info.connected, info.disconnect_reason), (false, Some(DisconnectReason::ConnectionLost)));
    assert!(info.clean_session && info.disconnected_since.is_some());
    let departed = house.broker.departed().expect("rows");
    assert!(
        departed
            .iter()
            .any(|client| &*client.client == "c" && client.reason == DisconnectReason::ConnectionLost)
    );
    let mut observer = Client::connect(house.plain(), V3, "observer").await;
    observer.subscribe("$aws/events/presence/connected/c", QoS::AtMostOnce).await;
    let _client = Client::connect(house.plain(), V3, "c").await;
    assert!(version(&mut observer).await > before);
    house.advance(2 * 3600);
    drop(house);
    let _ = std::fs::remove_dir_all(&directory);
}

#[tokio::test]
async fn who_left_is_written_down_once_a_second_and_before_a_snapshot() {
    // MQTT-209, MQTT-239
    let store = Store::ephemeral(TABLES).expect("a store");
    let house = House::build(Settings::default(), store.clone(), Doors::default()).await;
    let departed = || house.broker.departed().expect("rows").len();
    let leave = async |name: &str| {
        drop(Client::connect(house.plain(), V3, name).await);
        house.event(Kind::Disconnected, |event| event.client.as_deref() == Some(name)).await;
    };
    for name in ["a", "b", "c"] {
        leave(name).await;
    }
    assert_eq!(departed(), 0);
    house.advance(1);
    for _ in 0..100 {
        if departed() == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(departed(), 3);
    leave("d").await;
    house.broker.save_departed().await;
    store.flush().await.expect("a flush");
    assert_eq!(departed(), 4);
}

#[tokio::test]
async fn stored_messages_that_nobody_waits_for_are_removed_at_the_start() {
    // MQTT-169
    let directory = directory("orphans");
    let keys = |store: &Store| {
        let mut keys = Vec::new();
        store.rows(TABLES[1], |row| keys.push(row.key)).expect("rows");
        keys
    };
    let store = Store::open(&directory, TABLES, Durability::default()).expect("a store");
    let mut batch = Batch::new();
    batch.put(TABLES[1], &scope(), "00000000000000aa/0000000000000001", Document::Text("{}".into()));
    store.commit(batch).await.expect("stored");
    assert_eq!(keys(&store).len(), 1);
    let house = House::build(Settings::default(), store.clone(), thingstead_broker::Doors::default()).await;
    let (mut client, _) = Client::persistent(house.plain(), V3, "c").await;
    client.subscribe("t", QoS::AtLeastOnce).await;
    client.leave().await;
    let mut publisher = Client::connect(house.plain(), V3, "p").await;
    publisher.acked("t", "x").await;
    let left = keys(&store);
    assert_eq!(left.len(), 1);
    assert!(!left[0].starts_with("00000000000000aa"), "{left:?}");
    // What belongs to a session stays.
    let again = House::build(Settings::default(), store.clone(), thingstead_broker::Doors::default()).await;
    assert_eq!(keys(&store), left);
    drop((house, again));
    let _ = std::fs::remove_dir_all(&directory);
}

#[tokio::test]
async fn after_a_change_that_was_not_written_nobody_is_let_in() {
    let directory = directory("damage");
    let house = House::on_disk(&directory, clock()).await;
    let mut client = Client::connect(house.plain(), V5, "c").await;
    assert_eq!(client.retain("t", "kept").await.as_u8(), 0);
    assert_eq!(house.broker.damage(), None);
    let database = Connection::open(directory.join("thingstead.sqlite")).expect("a database");
    database.execute_batch(&format!("DROP TABLE \"{}\"", TABLES[2].name())).expect("dropped");
    client
        .publish_with(thingstead_mqtt_wire::Publish {
            retain: true,
            ..thingstead_mqtt_wire::Publish::new("t", "lost")
        })
        .await;
    for _ in 0..500 {
        if house.broker.damage().is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(house.broker.damage().expect("noticed").contains("mqtt_retained"));
    let (mut refused, ack) = Client::connect_with(house.plain(), Connect::new(V5, "d", 60)).await;
    assert_eq!(ack.reason.as_u8(), 0x80);
    refused.closed().await;
    let event = house.event(Kind::ConnectRefused, |_| true).await;
    assert_eq!(event.cause(), Cause::Server);
    assert!(event.why.contains("cannot store"), "{}", event.why);
    let mut v3 = Client::open(house.plain(), V3).await;
    v3.send(&Packet::Connect(Box::new(Connect::new(V3, "d", 60)))).await;
    v3.closed().await;
    drop(house);
    let _ = std::fs::remove_dir_all(&directory);
}

#[tokio::test]
async fn lifecycle_events_may_come_late_and_twice() {
    // MQTT-210
    let house = House::with(Settings { disordered_events: true, ..Settings::default() }).await;
    let mut observer = Client::connect(house.plain(), V3, "observer").await;
    observer.subscribe("$aws/events/presence/+/c", QoS::AtMostOnce).await;
    for _ in 0..12 {
        Client::connect(house.plain(), V3, "c").await.leave().await;
    }
    house.advance(10);
    let mut seen = Vec::new();
    while let Ok(Some(Packet::Publish(publish))) = observer.next(Duration::from_millis(90)).await {
        let event: serde_json::Value = serde_json::from_slice(&publish.payload).expect("JSON");
        seen.push((event["versionNumber"].as_u64().expect("a number"), event["eventType"] == "disconnected"));
    }
    let mut once = seen.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), 24, "nothing is lost: {seen:?}");
    assert!(seen.len() > 24, "some come twice");
    assert_ne!(seen, once, "some come late");
}
