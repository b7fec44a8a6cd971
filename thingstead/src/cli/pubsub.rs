//! `thingstead pub` and `thingstead sub`, for places without mosquitto's clients, such as the container.

use std::io::{Read, Write};
use std::path::PathBuf;

use bytes::Bytes;
use clap::ArgMatches;
use thingstead_mqtt_wire::QoS;

use super::Failure;
use super::mqtt::{Connection, OpenKit};

/// Publishes one message and waits for its acknowledgement.
pub(super) fn publish(sub: &ArgMatches) -> Result<(), Failure> {
    let kit = kit(sub)?;
    let topic = text(sub, "topic");
    let payload = match sub.get_one::<String>("message").map(String::as_str) {
        Some("-") => {
            let mut bytes = Vec::new();
            std::io::stdin().read_to_end(&mut bytes)?;
            Bytes::from(bytes)
        }
        Some(message) => Bytes::from(message.to_owned()),
        None => Bytes::new(),
    };
    run(async {
        let mut connection = Connection::open(&kit, client_id(sub, &kit)).await?;
        connection.publish(topic, payload, qos(sub), sub.get_flag("retain")).await?;
        connection.close().await
    })
}

/// Prints `TOPIC PAYLOAD` lines until it has printed `--count`, or for ever.
pub(super) fn subscribe(sub: &ArgMatches, out: &mut dyn Write) -> Result<(), Failure> {
    let kit = kit(sub)?;
    let mut left = sub.get_one::<u64>("count").copied();
    run(async {
        let mut connection = Connection::open(&kit, client_id(sub, &kit)).await?;
        connection.subscribe(text(sub, "topic"), qos(sub)).await?;
        while left != Some(0) {
            let message = connection.message().await?;
            write!(out, "{} ", message.topic)?;
            out.write_all(&message.payload)?;
            writeln!(out)?;
            out.flush()?;
            left = left.map(|left| left - 1);
        }
        connection.close().await
    })
}

fn run(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

fn kit(sub: &ArgMatches) -> Result<OpenKit, Failure> {
    let directory = sub.get_one::<PathBuf>("kit").cloned().unwrap_or_default();
    OpenKit::read(&directory)
}

fn client_id<'a>(sub: &'a ArgMatches, kit: &'a OpenKit) -> &'a str {
    sub.get_one::<String>("client-id").map_or(kit.client_id(), String::as_str)
}

fn text<'a>(sub: &'a ArgMatches, name: &str) -> &'a str {
    sub.get_one::<String>(name).map_or("", String::as_str)
}

fn qos(sub: &ArgMatches) -> QoS {
    if text(sub, "qos") == "0" { QoS::AtMostOnce } else { QoS::AtLeastOnce }
}
