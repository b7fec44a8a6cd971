//! What starting, connecting and being connected cost.

use std::rc::Rc;
use std::time::Duration;

use crate::Outcome;
use crate::broker::{Broker, Door};
use crate::meter::{Meter, now};
use crate::report::{Measured, Row, Spread};

pub(crate) const START: [Row; 1] = [Row::new("start to first CONNACK", "ms", 4.0, 1.0)];
pub(crate) const IDLE: [Row; 1] = [Row::new("memory per idle connection", "KiB", 1.2, 0.75)];
pub(crate) const HANDSHAKE: [Row; 1] = [Row::new("full handshake to CONNACK", "µs/connection", 0.35, 0.25)];

/// From starting each broker's process on existing state to the first CONNACK over mutual TLS: the median of several starts, in turns.
pub(crate) async fn start_to_first_connack(brokers: &mut [Broker]) -> Outcome<Vec<Measured>> {
    let mut times = vec![Vec::new(); brokers.len()];
    for _ in 0..STARTS {
        for (broker, times) in brokers.iter_mut().zip(&mut times) {
            let start = broker.kill_and_spawn()?;
            let client = broker.first_client().await?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
            client.disconnect().await?;
        }
    }
    Ok(times.iter().map(|times| Measured::plain(Spread::of(times).median)).collect())
}

/// Growth of a fresh process's resident memory, divided by the connections that made it grow.
pub(crate) async fn memory_per_idle_connection(broker: &mut Broker) -> Outcome<Measured> {
    broker.restart().await?;
    // The first connections pay for what is shared by all.
    let mut clients = connect(broker, 0..20).await?;
    let before = broker.resident_kib()?;
    clients.extend(connect(broker, 20..20 + IDLE_CONNECTIONS).await?);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let grown = broker.resident_kib()?.saturating_sub(before);
    drop(clients);
    Ok(Measured::plain(grown as f64 / f64::from(IDLE_CONNECTIONS)))
}

/// Full handshakes, four at a time: each client connects, sees its CONNACK and leaves.
pub(crate) async fn handshakes(broker: &Broker, measure: Duration) -> Outcome<Measured> {
    let meter = Rc::new(Meter::new());
    let load = async {
        for batch in 0_u32.. {
            let ids = (0..4).map(|number| format!("client-{}", batch * 4 + number));
            let clients = ids.map(|id| connect_and_leave(broker, id, &meter));
            let [a, b, c, d] = <[_; 4]>::try_from(clients.collect::<Vec<_>>()).map_err(|_| "four clients")?;
            tokio::try_join!(a, b, c, d)?;
        }
        Ok::<_, Box<dyn std::error::Error>>(())
    };
    let measured = async {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let before = broker.cpu_time()?;
        let reading = meter.window(measure).await;
        let spent = broker.cpu_time()?.saturating_sub(before);
        Ok::<_, Box<dyn std::error::Error>>(Measured::per_delivery(spent, &reading))
    };
    tokio::select! {
        measured = measured => measured,
        ended = load => Err(ended.err().unwrap_or_else(|| "the load ended".into())),
    }
}

async fn connect_and_leave(broker: &Broker, id: String, meter: &Meter) -> Outcome<()> {
    let start = now();
    let client = broker.connect(Door::MutualTls, &id).await?;
    meter.took(start.elapsed());
    client.disconnect().await
}

async fn connect(broker: &Broker, numbers: std::ops::Range<u32>) -> Outcome<Vec<crate::client::Client>> {
    let mut clients = Vec::new();
    for number in numbers {
        clients.push(broker.connect(Door::MutualTls, &format!("idle-{number}")).await?);
    }
    Ok(clients)
}

const STARTS: usize = 15;
const IDLE_CONNECTIONS: u32 = 500;
