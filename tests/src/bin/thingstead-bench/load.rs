//! Scenarios that deliver messages.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use thingstead_mqtt_wire::{Packet, Publish, PublishFrame, QoS, Version};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;

use crate::Outcome;
use crate::broker::{Broker, Door};
use crate::client::Client;
use crate::meter::Meter;
use crate::receivers::Receiver;
use crate::report::{Measured, Row};

/// Who talks to whom, and how much at a time.
pub(crate) struct Scenario {
    pub(crate) row: Row,
    shape: Shape,
    door: Door,
    qos: QoS,
    payload: usize,
    rule: Option<Rule>,
    /// The rule that gets messages at a steady rate meanwhile, which nobody waits for.
    beside: Option<&'static str>,
}

/// What stands between publisher and subscriber, on brokers that run rules.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rule {
    /// Publishers and subscribers use different topics, and a rule carries the message over.
    Republishes,
    /// A rule matches beside the delivery.
    Beside(&'static str),
    /// As [`Self::Republishes`], with a rule that has a receiver as well.
    Carries(&'static str),
}

#[derive(Clone, Copy)]
enum Shape {
    /// So many publishers, each with a subscriber of its own and so many messages on their way.
    Pairs { pairs: usize, in_flight: usize },
    /// So many publishers, one message on its way each, and one subscriber.
    FanIn { publishers: usize },
    /// One publisher with so many messages on their way to so many subscribers.
    /// Of the subscribers, so many never read; nobody waits for them.
    FanOut { subscribers: usize, in_flight: usize, asleep: usize },
}

impl Scenario {
    /// Those of the design's table that need no shadows, and rules whose receiver is well or dead.
    pub(crate) const fn all() -> [Self; 10] {
        use QoS::{AtLeastOnce, AtMostOnce};
        [
            Self::new(
                "16 pairs, QoS 0, 32 in flight, TCP",
                0.10,
                0.05,
                Shape::Pairs { pairs: 16, in_flight: 32 },
                Door::Plain,
                AtMostOnce,
                256,
            ),
            Self::new(
                "16 pairs, QoS 1, 32 in flight, TCP",
                0.10,
                0.05,
                Shape::Pairs { pairs: 16, in_flight: 32 },
                Door::Plain,
                AtLeastOnce,
                256,
            ),
            Self::new(
                "100 pairs, QoS 0, one in flight",
                0.85,
                0.72,
                Shape::Pairs { pairs: 100, in_flight: 1 },
                Door::MutualTls,
                AtMostOnce,
                256,
            ),
            Self::new(
                "100 pairs, QoS 1, one in flight",
                0.80,
                0.69,
                Shape::Pairs { pairs: 100, in_flight: 1 },
                Door::MutualTls,
                AtLeastOnce,
                256,
            ),
            Self::new(
                "150 publishers to 1, QoS 1",
                0.55,
                0.42,
                Shape::FanIn { publishers: 150 },
                Door::MutualTls,
                AtLeastOnce,
                256,
            ),
            Self::new(
                "1 publisher to 150, QoS 0, 4 in flight",
                0.40,
                0.31,
                Shape::FanOut { subscribers: 150, in_flight: 4, asleep: 0 },
                Door::MutualTls,
                AtMostOnce,
                256,
            ),
            Self::new(
                "16 pairs, 8 KiB, QoS 0, 4 in flight",
                0.60,
                0.40,
                Shape::Pairs { pairs: 16, in_flight: 4 },
                Door::MutualTls,
                AtMostOnce,
                8192,
            ),
            Self::ruled("a rule that republishes, 16 pairs", 0.45, 0.22, Rule::Republishes),
            Self::ruled("a rule without action, 16 pairs", 0.45, 0.22, Rule::Beside(Receiver::None.rule())),
            Self::ruled(
                "a rule with a dead receiver, 16 pairs",
                0.45,
                0.22,
                Rule::Beside(Receiver::Dead.rule()),
            ),
        ]
    }

    /// One publisher to 150, of whom some do not read, with messages so large that those soon are sent no more.
    pub(crate) const fn fan_out(asleep: usize) -> Self {
        let shape = Shape::FanOut { subscribers: 150, in_flight: 4, asleep };
        Self::new("1 publisher to 150, 4 KiB", 0.0, 0.0, shape, Door::MutualTls, QoS::AtMostOnce, 4096)
    }

    /// Messages that are delivered plainly while a rule posts them to a receiver.
    pub(crate) const fn beside_rule(receiver: Receiver) -> Self {
        Self::ruled("beside a rule", 0.0, 0.0, Rule::Beside(receiver.rule()))
    }

    /// Messages that no rule concerns, while others are posted to a receiver.
    pub(crate) const fn beside_others(receiver: Receiver) -> Self {
        let shape = Shape::Pairs { pairs: 16, in_flight: 8 };
        let name = "beside others' rule";
        let plain = Self::new(name, 0.0, 0.0, shape, Door::MutualTls, QoS::AtMostOnce, 256);
        Self { beside: Some(receiver.rule()), ..plain }
    }

    /// Messages that a rule republishes and posts to a receiver.
    pub(crate) const fn carried(receiver: Receiver) -> Self {
        Self::ruled("a rule with two actions", 0.0, 0.0, Rule::Carries(receiver.carrying_rule()))
    }

    /// Many messages through few connections: what is not a socket's cost shows.
    pub(crate) const fn busy_pairs(door: Door) -> Self {
        let shape = Shape::Pairs { pairs: 16, in_flight: 32 };
        Self::new("16 pairs, 32 in flight", 0.0, 0.0, shape, door, QoS::AtMostOnce, 256)
    }

    const fn new(
        name: &'static str,
        must: f64,
        aim: f64,
        shape: Shape,
        door: Door,
        qos: QoS,
        payload: usize,
    ) -> Self {
        Self {
            row: Row::new(name, "µs/message", must, aim),
            shape,
            door,
            qos,
            payload,
            rule: None,
            beside: None,
        }
    }

    const fn ruled(name: &'static str, must: f64, aim: f64, rule: Rule) -> Self {
        let shape = Shape::Pairs { pairs: 16, in_flight: 8 };
        let plain = Self::new(name, must, aim, shape, Door::MutualTls, QoS::AtMostOnce, 256);
        Self { rule: Some(rule), ..plain }
    }

    /// Where a pair's messages are published, and where they arrive.
    fn topics(&self, broker: &Broker, number: usize) -> (String, String) {
        match self.rule {
            None => (format!("bench/pairs/{number}"), format!("bench/pairs/{number}")),
            Some(Rule::Republishes) if broker.runs_rules() => {
                (format!("bench/rule/in/{number}"), format!("bench/rule/out/{number}"))
            }
            Some(Rule::Republishes) => {
                (format!("bench/rule/out/{number}"), format!("bench/rule/out/{number}"))
            }
            Some(Rule::Carries(name)) => {
                (format!("bench/rule/{name}/in/{number}"), format!("bench/rule/{name}/out/{number}"))
            }
            Some(Rule::Beside(name)) => {
                (format!("bench/rule/{name}/{number}"), format!("bench/rule/{name}/{number}"))
            }
        }
    }

    fn frame(&self, topic: &str) -> Outcome<PublishFrame> {
        let publish = Publish { qos: self.qos, ..Publish::new(topic, vec![b'.'; self.payload]) };
        Ok(PublishFrame::new(Version::V311, &publish)?)
    }
}

/// Connects everybody, lets them warm up, measures, and lets them go.
pub(crate) async fn run(scenario: &Scenario, broker: &Broker, measure: Duration) -> Outcome<Measured> {
    under(scenario, broker, async |meter| {
        let before = broker.cpu_time()?;
        let reading = meter.window(measure).await;
        let spent = broker.cpu_time()?.saturating_sub(before);
        Ok(Measured::per_delivery(spent, &reading))
    })
    .await
}

/// Measures something while the load of a scenario is on.
pub(crate) async fn under<T>(
    scenario: &Scenario,
    broker: &Broker,
    measure: impl AsyncFnOnce(&Meter) -> Outcome<T>,
) -> Outcome<T> {
    let meter = Rc::new(Meter::new());
    let (failed, mut failures) = mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    let mut spawn = |task: std::pin::Pin<Box<dyn Future<Output = Outcome<()>>>>| {
        let failed = failed.clone();
        tasks.spawn_local(async move {
            if let Err(error) = task.await {
                drop(failed.send(error.to_string()));
            }
        });
    };
    if let Some(rule) = scenario.beside {
        let publisher = broker.connect(scenario.door, "pub-beside").await?;
        let frame = scenario.frame(&format!("bench/rule/{rule}/beside"))?;
        spawn(Box::pin(publish_steadily(publisher, frame, Rc::clone(&meter))));
    }
    match scenario.shape {
        Shape::Pairs { pairs, in_flight } => {
            for number in 0..pairs {
                let (published, arriving) = scenario.topics(broker, number);
                let subscriber = subscriber(scenario, broker, number, &arriving).await?;
                let publisher = broker.connect(scenario.door, &format!("pub-{number}")).await?;
                let frame = scenario.frame(&published)?;
                spawn(Box::pin(pair(
                    publisher,
                    subscriber,
                    frame,
                    in_flight,
                    scenario.qos,
                    Rc::clone(&meter),
                )));
            }
        }
        Shape::FanIn { publishers } => {
            let subscriber = subscriber(scenario, broker, 0, "bench/in/+").await?;
            let delivered: Vec<_> = (0..publishers).map(|_| Rc::new(Notify::new())).collect();
            for (number, delivered) in delivered.iter().map(Rc::clone).enumerate() {
                let publisher = broker.connect(scenario.door, &format!("pub-{number}")).await?;
                let frame = scenario.frame(&format!("bench/in/{number}"))?;
                spawn(Box::pin(publish_one_by_one(publisher, frame, delivered, Rc::clone(&meter))));
            }
            let arrived = move |topic: &str| {
                let number = topic.rsplit('/').next().and_then(|number| number.parse::<usize>().ok());
                if let Some(delivered) = number.and_then(|number| delivered.get(number)) {
                    delivered.notify_one();
                }
            };
            spawn(Box::pin(consume(subscriber, Rc::clone(&meter), arrived)));
        }
        Shape::FanOut { subscribers, in_flight, asleep } => {
            for number in 0..asleep {
                let subscriber = subscriber(scenario, broker, subscribers + number, "bench/out").await?;
                spawn(Box::pin(sleep(subscriber)));
            }
            let subscribers = subscribers - asleep;
            let (on_their_way, arrival) = (Rc::new(Cell::new(0)), Rc::new(Notify::new()));
            for number in 0..subscribers {
                let subscriber = subscriber(scenario, broker, number, "bench/out").await?;
                let (on_their_way, arrival) = (Rc::clone(&on_their_way), Rc::clone(&arrival));
                let arrived = move |_: &str| {
                    on_their_way.set(on_their_way.get() - 1);
                    arrival.notify_one();
                };
                spawn(Box::pin(consume(subscriber, Rc::clone(&meter), arrived)));
            }
            let publisher = broker.connect(scenario.door, "pub").await?;
            let frame = scenario.frame("bench/out")?;
            let room = move || {
                on_their_way.get() <= (in_flight - 1) * subscribers && {
                    on_their_way.set(on_their_way.get() + subscribers);
                    true
                }
            };
            spawn(Box::pin(publish_while(publisher, frame, room, arrival, Rc::clone(&meter))));
        }
    }
    let measured = async {
        tokio::time::sleep(WARM_UP).await;
        measure(&meter).await
    };
    let outcome = tokio::select! {
        measured = measured => measured,
        Some(error) = failures.recv() => Err(error.into()),
    };
    tasks.shutdown().await;
    tokio::time::sleep(COOL_DOWN).await;
    outcome.map_err(|error| format!("{}: {}: {error}", broker.name(), scenario.row.name).into())
}

async fn subscriber(scenario: &Scenario, broker: &Broker, number: usize, filter: &str) -> Outcome<Client> {
    let mut client = broker.connect(scenario.door, &format!("sub-{number}")).await?;
    client.subscribe(filter, scenario.qos).await?;
    Ok(client)
}

/// Keeps `in_flight` messages on their way: one is done when it is delivered and, at QoS 1, acknowledged.
async fn pair(
    mut publisher: Client,
    mut subscriber: Client,
    frame: PublishFrame,
    in_flight: usize,
    qos: QoS,
    meter: Rc<Meter>,
) -> Outcome<()> {
    let (mut sent, mut delivered, mut acknowledged) = (0, 0, 0);
    loop {
        let done = if qos == QoS::AtMostOnce { delivered } else { delivered.min(acknowledged) };
        while sent - done < in_flight {
            publisher.queue_publish(&frame, meter.stamp())?;
            sent += 1;
        }
        publisher.flush().await?;
        tokio::select! {
            filled = subscriber.fill() => filled?,
            filled = publisher.fill() => filled?,
        }
        delivered += receive(&mut subscriber, &meter, &|_| ())?;
        subscriber.flush().await?;
        while let Some(packet) = publisher.next_packet()? {
            match packet {
                Packet::PubAck(_) => acknowledged += 1,
                other => return Err(format!("a publisher received {other:?}").into()),
            }
        }
    }
}

/// Publishes at a steady rate what nobody takes.
async fn publish_steadily(mut publisher: Client, frame: PublishFrame, meter: Rc<Meter>) -> Outcome<()> {
    let mut due = tokio::time::interval(Duration::from_millis(10));
    loop {
        due.tick().await;
        for _ in 0..STEADILY / 100 {
            publisher.queue_publish(&frame, meter.stamp())?;
        }
        publisher.flush().await?;
    }
}

async fn consume(mut subscriber: Client, meter: Rc<Meter>, arrived: impl Fn(&str)) -> Outcome<()> {
    loop {
        subscriber.fill().await?;
        receive(&mut subscriber, &meter, &arrived)?;
        subscriber.flush().await?;
    }
}

/// Stays and does nothing.
async fn sleep(subscriber: Client) -> Outcome<()> {
    std::future::pending::<()>().await;
    drop(subscriber);
    Ok(())
}

/// Takes every message that has arrived and queues its acknowledgement.
fn receive(subscriber: &mut Client, meter: &Meter, arrived: &impl Fn(&str)) -> Outcome<usize> {
    let mut messages = 0;
    while let Some(packet) = subscriber.next_packet()? {
        match packet {
            Packet::Publish(publish) => {
                meter.arrived(&publish.payload);
                if let Some(id) = publish.packet_id {
                    subscriber.queue_puback(id)?;
                }
                arrived(&publish.topic);
                messages += 1;
            }
            other => return Err(format!("a subscriber received {other:?}").into()),
        }
    }
    Ok(messages)
}

/// The next message is sent when the last one is delivered and acknowledged.
async fn publish_one_by_one(
    mut publisher: Client,
    frame: PublishFrame,
    delivered: Rc<Notify>,
    meter: Rc<Meter>,
) -> Outcome<()> {
    loop {
        publisher.queue_publish(&frame, meter.stamp())?;
        publisher.flush().await?;
        while !matches!(publisher.next_packet()?, Some(Packet::PubAck(_))) {
            publisher.fill().await?;
        }
        delivered.notified().await;
    }
}

/// Publishes as long as there is `room`, then waits for an arrival.
async fn publish_while(
    mut publisher: Client,
    frame: PublishFrame,
    room: impl Fn() -> bool,
    arrival: Rc<Notify>,
    meter: Rc<Meter>,
) -> Outcome<()> {
    loop {
        while room() {
            publisher.queue_publish(&frame, meter.stamp())?;
        }
        publisher.flush().await?;
        arrival.notified().await;
    }
}

/// Messages a second.
const STEADILY: usize = 5_000;
const WARM_UP: Duration = Duration::from_millis(500);
/// The broker notices that everybody is gone.
const COOL_DOWN: Duration = Duration::from_millis(300);
