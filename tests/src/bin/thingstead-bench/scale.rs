//! How costs grow with what is connected, subscribed and stored. Memory is that of a process that was started on it, so
//! that the journal, which keeps what happened, is not counted.

use std::time::Duration;

use serde_json::Value;
use thingstead_mqtt_wire::{Filter, Packet, Publish, QoS};

use crate::Outcome;
use crate::broker::{Broker, Door};
use crate::client::Client;
use crate::load::{self, Scenario};
use crate::meter::now;
use crate::report::Figure;

pub(crate) const NAME: &str = "scale";

pub(crate) async fn measure(broker: &mut Broker) -> Outcome<Vec<Figure>> {
    let mut figures = Vec::new();
    figures.extend(idle_connections(broker).await?);
    let empty = restarted(broker).await?;
    figures.push(Figure::new("restart of an empty broker", "ms", empty.took));
    for subscriptions in [1_000, 10_000, SUBSCRIPTIONS] {
        populate(broker, subscriptions / PER_SESSION).await?;
        let loaded = restarted(broker).await?;
        let cost = load::run(&Scenario::busy_pairs(Door::Plain), broker, WINDOW).await?.cost();
        let name = format!("16 pairs, QoS 0, 32 in flight, TCP, among {subscriptions} subscriptions");
        figures.push(Figure::new(name, "µs/message", cost));
        if subscriptions == SUBSCRIPTIONS {
            let sessions = f64::from(SUBSCRIPTIONS / PER_SESSION);
            let grown = loaded.kib - empty.kib;
            figures.push(Figure::new(
                "memory per stored session with 10 subscriptions",
                "KiB",
                grown / sessions,
            ));
            figures.push(Figure::new(
                "100,000 of them, extrapolated",
                "MiB",
                grown / sessions * 100_000.0 / 1024.0,
            ));
            let each = grown * 1024.0 / f64::from(SUBSCRIPTIONS);
            figures.push(Figure::new(
                "memory per subscription, its share of the session included",
                "bytes",
                each,
            ));
        }
    }
    let before = restarted(broker).await?;
    let took = publish(broker, RETAINED, true).await?;
    figures.push(Figure::new("retained messages stored", "per s", f64::from(RETAINED) / took.as_secs_f64()));
    let retained = restarted(broker).await?;
    let each = (retained.kib - before.kib) * 1024.0 / f64::from(RETAINED);
    figures.push(Figure::new("memory per retained message of 256 bytes", "bytes", each));
    let took = publish(broker, QUEUED, false).await?;
    figures.push(Figure::new(
        "messages stored for an offline session",
        "per s",
        f64::from(QUEUED) / took.as_secs_f64(),
    ));
    let queued = restarted(broker).await?;
    let each = (queued.kib - retained.kib) * 1024.0 / f64::from(QUEUED);
    figures.push(Figure::new("memory per stored message of 256 bytes", "bytes", each));
    let state = "100,000 retained messages, 10,000 sessions, 100,000 subscriptions";
    figures.push(Figure::new(format!("restart with {state}"), "ms", queued.took).at_most(2_000.0));
    let start = now();
    broker.admin()?.send("POST", "/_thingstead/reset", None).await?;
    let took = start.elapsed().as_secs_f64() * 1e3;
    figures.push(Figure::new("reset of the same", "ms", took).at_most(2_000.0));
    let left: Value = serde_json::from_str(&broker.admin()?.send("GET", "/retainedMessage", None).await?)?;
    if left.get("retainedTopics").and_then(Value::as_array).is_none_or(|topics| !topics.is_empty()) {
        return Err(format!("a reset left retained messages: {left}").into());
    }
    Ok(figures)
}

async fn idle_connections(broker: &mut Broker) -> Outcome<Vec<Figure>> {
    broker.restart().await?;
    let mut clients = Vec::new();
    let mut before = 0;
    for number in 0..20 + CONNECTIONS {
        if number == 20 {
            before = broker.resident_kib()?;
        }
        clients.push(broker.connect(Door::MutualTls, &format!("idle-{number}")).await?);
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    let each = broker.resident_kib()?.saturating_sub(before) as f64 / f64::from(CONNECTIONS);
    let spent = broker.cpu_time()?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let idle = (broker.cpu_time()?.saturating_sub(spent)).as_secs_f64() / 2.0 * 100.0;
    drop(clients);
    Ok(vec![
        Figure::new(format!("memory per idle connection, of {CONNECTIONS} over mutual TLS"), "KiB", each),
        Figure::new("100,000 of them, extrapolated", "MiB", each * 100_000.0 / 1024.0),
        Figure::new("processor while all of them are idle", "% of a core", idle),
    ])
}

/// A process that was started on what is stored.
struct Restarted {
    /// Milliseconds to the first CONNACK.
    took: f64,
    /// Resident memory.
    kib: f64,
}

async fn restarted(broker: &mut Broker) -> Outcome<Restarted> {
    // Everything that was acknowledged is on the disk.
    let start = broker.kill_and_spawn()?;
    let client = broker.first_client().await?;
    let took = start.elapsed().as_secs_f64() * 1e3;
    client.disconnect().await?;
    tokio::time::sleep(Duration::from_millis(300)).await;
    Ok(Restarted { took, kib: broker.resident_kib()? as f64 })
}

/// Makes stored sessions until there are so many, each with ten filters, two of them with wildcards.
async fn populate(broker: &Broker, sessions: u32) -> Outcome<()> {
    let one = async |number: u32| -> Outcome<()> {
        let mut client = broker.persistent(&format!("stored-{number}")).await?;
        let filter = |last: String| Filter::new(format!("bench/scale/{number}/{last}"), QoS::AtLeastOnce);
        let named: Vec<Filter> = (0..PER_SESSION - 2).map(|place| filter(place.to_string())).collect();
        client.subscribe_to(named).await?;
        client.subscribe_to(vec![filter("+/on".to_owned()), filter("all/#".to_owned())]).await?;
        client.disconnect().await
    };
    for number in (0..sessions).step_by(4) {
        let (a, b, c, d) = (one(number), one(number + 1), one(number + 2), one(number + 3));
        tokio::try_join!(a, b, c, d)?;
    }
    Ok(())
}

/// Publishes with QoS 1, a hundred at a time: retained, each to a topic of its own; else for the first stored session.
async fn publish(broker: &Broker, messages: u32, retain: bool) -> Outcome<Duration> {
    let mut client = broker.connect(Door::Plain, "writer").await?;
    let start = now();
    for hundred in 0..messages / 100 {
        for number in hundred * 100..(hundred + 1) * 100 {
            let topic = if retain { format!("bench/kept/{number}") } else { "bench/scale/0/0".to_owned() };
            let publish = Publish::new(topic, vec![b'.'; 256]);
            client.queue(&Publish { qos: QoS::AtLeastOnce, retain, ..publish })?;
        }
        client.flush().await?;
        acknowledged(&mut client, 100).await?;
    }
    let took = start.elapsed();
    client.disconnect().await?;
    Ok(took)
}

async fn acknowledged(client: &mut Client, messages: usize) -> Outcome<()> {
    let mut left = messages;
    while left > 0 {
        match client.next_packet()? {
            Some(Packet::PubAck(_)) => left -= 1,
            Some(other) => return Err(format!("a publisher received {other:?}").into()),
            None => client.fill().await?,
        }
    }
    Ok(())
}

const CONNECTIONS: u32 = 5_000;
const SUBSCRIPTIONS: u32 = 100_000;
const PER_SESSION: u32 = 10;
const RETAINED: u32 = 100_000;
const QUEUED: u32 = 20_000;
const WINDOW: Duration = Duration::from_millis(2_500);
