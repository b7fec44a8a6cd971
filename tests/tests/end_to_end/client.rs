//! A client of somebody else's.

use std::time::Duration;

use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, Packet, Publish};
use rumqttc::v5::{AsyncClient, Event, EventLoop, MqttOptions};
use thingstead::Server;

/// A client with a session of its own.
pub(crate) async fn connected(server: &Server, client: &str) -> (AsyncClient, EventLoop) {
    let address = server.endpoints().mqtt.first().copied().expect("the plain listener");
    let mut options = MqttOptions::new(client, address.ip().to_string(), address.port());
    options.set_keep_alive(Duration::from_secs(60));
    let (client, mut events) = AsyncClient::new(options, 10);
    loop {
        if let Event::Incoming(Packet::ConnAck(ack)) = events.poll().await.expect("a connection") {
            assert_eq!(ack.code, ConnectReturnCode::Success);
            return (client, events);
        }
    }
}

/// The next message; what else happens on the way is the client's business.
pub(crate) async fn message(events: &mut EventLoop) -> Publish {
    let next = async {
        loop {
            if let Event::Incoming(Packet::Publish(message)) = events.poll().await.expect("an event") {
                return message;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), next).await.expect("a message in time")
}

/// Drives the client until the server has answered its SUBSCRIBE.
pub(crate) async fn subscribed(client: &AsyncClient, events: &mut EventLoop, filter: &str) {
    client.subscribe(filter, QoS::AtLeastOnce).await.expect("queued");
    while !matches!(events.poll().await.expect("an event"), Event::Incoming(Packet::SubAck(_))) {}
}
