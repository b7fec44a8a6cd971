//! Shadow updates: the load, and what they cost against two plain hops of mosquitto.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;
use std::time::{Duration, Instant};

use thingstead_mqtt_wire::{Packet, Publish, QoS};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

use crate::Outcome;
use crate::broker::{Broker, Door};
use crate::client::Client;
use crate::meter::{Meter, Reading, now};
use crate::report::{Measured, Row};

pub(crate) const ACCEPTED: Row = Row::new("shadow update to accepted, 100 devices", "µs/update", 0.60, 0.40);

/// 100 devices, each with one update on its way. Thingstead stores and answers it; with mosquitto a service of one client
/// takes it and sends it back, which is two plain hops.
pub(crate) async fn update_to_accepted(broker: &Broker, measure: Duration) -> Outcome<Measured> {
    let served = broker.serves_shadows();
    let mut load = Load::new();
    if !served {
        let mut service = broker.connect(Door::MutualTls, "service").await?;
        service.subscribe("bench/things/+/update", QoS::AtLeastOnce).await?;
        load.spawn(send_back(service));
    }
    for number in 0..100 {
        let prefix = if served { "$aws/things" } else { "bench/things" };
        let things = Things { prefix, from: number, count: 1, every: 1 };
        load.device(broker, things, 1).await?;
    }
    let (spent, reading) = load.measure(broker, measure).await?;
    Ok(Measured::per_delivery(spent, &reading))
}

/// Which things a connection updates.
#[derive(Clone, Copy)]
struct Things {
    prefix: &'static str,
    from: usize,
    count: usize,
    /// From one to the next.
    every: usize,
}

impl Things {
    /// The topics of the thing whose turn it is; all come round, in no order that a cache would like.
    fn topics(&self, turn: usize) -> (String, String) {
        let number = self.from + turn.wrapping_mul(STRIDE) % self.count * self.every;
        match self.prefix {
            "$aws/things" => (
                format!("$aws/things/bench-{number}/shadow/update"),
                format!("$aws/things/bench-{number}/shadow/update/accepted"),
            ),
            prefix => (format!("{prefix}/{number}/update"), format!("{prefix}/{number}/accepted")),
        }
    }
}

/// Clients at work, and what went wrong with them.
pub(crate) struct Load {
    tasks: JoinSet<()>,
    meter: Rc<Meter>,
    failed: mpsc::UnboundedSender<String>,
    failures: mpsc::UnboundedReceiver<String>,
}

impl Load {
    pub(crate) fn new() -> Self {
        let (failed, failures) = mpsc::unbounded_channel();
        Self { tasks: JoinSet::new(), meter: Rc::new(Meter::new()), failed, failures }
    }

    fn spawn(&mut self, task: impl Future<Output = Outcome<()>> + 'static) {
        let failed = self.failed.clone();
        self.tasks.spawn_local(async move {
            if let Err(error) = task.await {
                drop(failed.send(error.to_string()));
            }
        });
    }

    /// A client that updates its things, `in_flight` at a time.
    async fn device(&mut self, broker: &Broker, things: Things, in_flight: usize) -> Outcome<()> {
        let mut client = broker.connect(Door::MutualTls, &format!("device-{}", things.from)).await?;
        client.subscribe(&things.topics(0).1, QoS::AtLeastOnce).await?;
        let meter = Rc::clone(&self.meter);
        self.spawn(update(client, things, in_flight, meter));
        Ok(())
    }

    /// Sixteen clients that update so many of the shadows that are stored, from first to last as far from each other as can be, eight at a
    /// time each, and one that sees the answers.
    pub(crate) async fn crowd(&mut self, broker: &Broker, stored: usize, updated: usize) -> Outcome<()> {
        let (each, count) = (stored / CONNECTIONS, updated / CONNECTIONS);
        // First, since nobody keeps an answer for whoever subscribes later.
        let mut watcher = broker.connect(Door::MutualTls, "watcher").await?;
        watcher.subscribe("$aws/things/+/shadow/update/accepted", QoS::AtMostOnce).await?;
        let mut senders = Vec::new();
        for number in 0..CONNECTIONS {
            let client = broker.connect(Door::MutualTls, &format!("sender-{number}")).await?;
            let things = Things { prefix: "$aws/things", from: number * each, count, every: each / count };
            let answers = Rc::new(Answers::default());
            senders.push(Rc::clone(&answers));
            self.spawn(send(client, things, answers));
        }
        self.spawn(watch(watcher, senders, each, Rc::clone(&self.meter)));
        Ok(())
    }

    pub(crate) async fn measure(
        mut self,
        broker: &Broker,
        measure: Duration,
    ) -> Outcome<(Duration, Reading)> {
        let measured = async {
            tokio::time::sleep(WARM_UP).await;
            let before = broker.cpu_time()?;
            let reading = self.meter.window(measure).await;
            let spent = broker.cpu_time()?.saturating_sub(before);
            Ok::<_, Box<dyn std::error::Error>>((spent, reading))
        };
        let outcome = tokio::select! {
            measured = measured => measured,
            Some(error) = self.failures.recv() => Err(error.into()),
        };
        self.tasks.shutdown().await;
        tokio::time::sleep(COOL_DOWN).await;
        outcome.map_err(|error| format!("{}: shadow updates: {error}", broker.name()).into())
    }
}

/// Keeps `in_flight` updates on their way: one is done when it was acknowledged and its answer has arrived.
async fn update(mut client: Client, things: Things, in_flight: usize, meter: Rc<Meter>) -> Outcome<()> {
    let (mut sent, mut acknowledged, mut answered) = (0, 0, 0);
    let mut started = VecDeque::new();
    loop {
        while sent - answered.min(acknowledged) < in_flight {
            client.queue(&request(&things, sent))?;
            started.push_back(now());
            sent += 1;
        }
        client.flush().await?;
        client.fill().await?;
        while let Some(packet) = client.next_packet()? {
            match packet {
                Packet::PubAck(_) => acknowledged += 1,
                Packet::Publish(publish) => {
                    if let Some(id) = publish.packet_id {
                        client.queue_puback(id)?;
                    }
                    answered += 1;
                    meter.took(started.pop_front().map(|start| start.elapsed()).unwrap_or_default());
                }
                other => return Err(format!("a device received {other:?}").into()),
            }
        }
    }
}

/// How many of a sender's updates were answered.
#[derive(Default)]
struct Answers {
    count: Cell<usize>,
    started: RefCell<VecDeque<Instant>>,
    more: Notify,
}

/// Keeps [`IN_FLIGHT`] updates on their way.
async fn send(mut client: Client, things: Things, answers: Rc<Answers>) -> Outcome<()> {
    let (mut sent, mut acknowledged) = (0, 0);
    loop {
        while sent - answers.count.get().min(acknowledged) < IN_FLIGHT {
            client.queue(&request(&things, sent))?;
            answers.started.borrow_mut().push_back(now());
            sent += 1;
        }
        client.flush().await?;
        tokio::select! {
            filled = client.fill() => filled?,
            () = answers.more.notified() => {}
        }
        while let Some(packet) = client.next_packet()? {
            match packet {
                Packet::PubAck(_) => acknowledged += 1,
                other => return Err(format!("a sender received {other:?}").into()),
            }
        }
    }
}

async fn watch(mut watcher: Client, senders: Vec<Rc<Answers>>, each: usize, meter: Rc<Meter>) -> Outcome<()> {
    loop {
        watcher.fill().await?;
        while let Some(packet) = watcher.next_packet()? {
            let Packet::Publish(publish) = packet else {
                return Err(format!("the watcher received {packet:?}").into());
            };
            let number =
                publish.topic.split(['/', '-']).nth(3).and_then(|number| number.parse::<usize>().ok());
            let Some(answers) = number.and_then(|number| senders.get(number / each)) else {
                return Err(format!("the watcher received {}", publish.topic).into());
            };
            answers.count.set(answers.count.get() + 1);
            // Answers of different shadows may overtake each other; for the latency that makes no difference.
            let start = answers.started.borrow_mut().pop_front();
            meter.took(start.map(|start| start.elapsed()).unwrap_or_default());
            answers.more.notify_one();
        }
    }
}

/// Answers every update with what it says.
async fn send_back(mut service: Client) -> Outcome<()> {
    loop {
        service.flush().await?;
        service.fill().await?;
        while let Some(packet) = service.next_packet()? {
            match packet {
                Packet::PubAck(_) => {}
                Packet::Publish(publish) => {
                    if let Some(id) = publish.packet_id {
                        service.queue_puback(id)?;
                    }
                    let topic = publish.topic.replace("/update", "/accepted");
                    service
                        .queue(&Publish { qos: QoS::AtLeastOnce, ..Publish::new(topic, publish.payload) })?;
                }
                other => return Err(format!("the service received {other:?}").into()),
            }
        }
    }
}

/// Updates shadows once through one connection, many at a time.
pub(crate) async fn update_once(broker: &Broker, numbers: Range<usize>) -> Outcome<()> {
    let mut client = broker.connect(Door::MutualTls, "creator").await?;
    client.subscribe("$aws/things/+/shadow/update/accepted", QoS::AtMostOnce).await?;
    let (mut sent, mut answered) = (numbers.start, numbers.start);
    while answered < numbers.end {
        while sent < numbers.end && sent - answered < 90 {
            let topic = format!("$aws/things/bench-{sent}/shadow/update");
            client.queue(&Publish { qos: QoS::AtMostOnce, ..Publish::new(topic, payload(sent)) })?;
            sent += 1;
        }
        client.flush().await?;
        client.fill().await?;
        while let Some(packet) = client.next_packet()? {
            answered += usize::from(matches!(packet, Packet::Publish(_)));
        }
    }
    client.disconnect().await
}

fn request(things: &Things, turn: usize) -> Publish {
    Publish { qos: QoS::AtLeastOnce, ..Publish::new(things.topics(turn).0, payload(turn)) }
}

/// What a device reports, in about 256 bytes.
fn payload(number: usize) -> String {
    format!(
        r#"{{"state":{{"reported":{{"uptime":{number},"temperature":21.5,"humidity":40,"mode":"auto","battery":{{"percent":81,"volts":3.9}},"position":{{"lat":52.1,"lon":4.3}},"firmware":"1.4.2","network":{{"rssi":-67,"ssid":"workshop","channel":11}},"errors":[],"interval":60}}}},"clientToken":"c-{number}"}}"#
    )
}

const CONNECTIONS: usize = 16;
const IN_FLIGHT: usize = 8;
/// A prime, so that every thing has its turn.
const STRIDE: usize = 7919;
const WARM_UP: Duration = Duration::from_millis(500);
/// The broker notices that everybody is gone.
const COOL_DOWN: Duration = Duration::from_millis(300);
