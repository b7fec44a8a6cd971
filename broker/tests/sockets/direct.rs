//! Why a direct message does not arrive, in the words of service logs.

use std::sync::Arc;
use std::time::Duration;

use thingstead_broker::{DirectError, DirectMessage, Rates, Settings};
use thingstead_core::message::Sender;
use thingstead_core::{Message, Principal};
use thingstead_mqtt_wire::Connect;

use crate::client::{Client, V5};
use crate::house::{House, scope};

fn direct(confirmation: Option<Duration>) -> DirectMessage {
    let sender = Sender {
        client: None,
        principal: Principal::Anonymous,
        thing: None,
        address: None,
        session: "request".into(),
    };
    DirectMessage { message: Message::new("t", "hi"), confirmation, sender: Arc::new(sender) }
}

async fn reason(house: &House, confirmation: Option<Duration>) -> Option<&'static str> {
    let sent = house.broker.send_direct_message(&scope(), "c", direct(confirmation)).await;
    sent.err().map(|error| error.log_reason())
}

const SOON: Option<Duration> = Some(Duration::from_millis(20));

#[tokio::test]
async fn a_receiver_beyond_its_rate_gets_no_direct_message() {
    // MQTT-258, MQTT-096, MQTT-248
    let rates = Rates { publishes_of_connection: 2, ..Rates::default() };
    let house = House::with(Settings { throttles: true, rates, ..Settings::default() }).await;
    let mut client = Client::connect(house.plain(), V5, "c").await;
    assert_eq!(reason(&house, None).await, None);
    assert_eq!(reason(&house, None).await, None);
    assert_eq!(reason(&house, None).await, Some("RECEIVE_SESSION_THROTTLED"));
    assert_eq!(reason(&house, SOON).await, Some("RECEIVE_SESSION_THROTTLED"));
    client.message().await;
    client.message().await;
    client.silent().await;
    house.advance(1);
    assert_eq!(reason(&house, None).await, None);
}

#[tokio::test]
async fn a_receiver_that_acknowledges_nothing_is_full() {
    // MQTT-258, MQTT-248
    let house = House::new().await;
    let mut connect = Connect::new(V5, "c", 60);
    connect.properties.receive_maximum = Some(1);
    let (mut client, _) = Client::connect_with(house.plain(), connect).await;
    assert_eq!(reason(&house, SOON).await, Some("DELIVERY_CONFIRMATION_TIMEOUT"));
    assert_eq!(reason(&house, SOON).await, Some("RECEIVER_MAX_UNACKED_QOS1_EXCEEDED"));
    let first = client.unacknowledged().await;
    client.ack(&first).await;
    client.ping().await;
    assert_eq!(reason(&house, None).await, None);
}

#[tokio::test]
async fn a_receiver_that_does_not_read_is_not_writable() {
    // MQTT-258
    let house = House::with(Settings { output_limit: 100_000, ..Settings::default() }).await;
    let client = Client::connect(house.plain(), V5, "c").await;
    let message = Message::new("t", vec![b'x'; 100_000]);
    let mut last = Ok(());
    for _ in 0..500 {
        let message = DirectMessage { message: message.clone(), ..direct(None) };
        last = house.broker.send_direct_message(&scope(), "c", message).await;
        if last.is_err() {
            break;
        }
    }
    assert!(matches!(last, Err(DirectError::NotWritable(_))), "{last:?}");
    assert_eq!(last.err().map(|error| error.log_reason()), Some("CLIENT_ENDPOINT_NOT_WRITABLE"));
    drop(client);
}

#[test]
fn every_other_end_has_its_reason() {
    // MQTT-258
    for (error, reason) in [
        (DirectError::InvalidTopic(String::new()), "INVALID_TOPIC"),
        (DirectError::NotFound, "TARGET_CLIENT_ID_NOT_FOUND"),
        (DirectError::NotConnected, "TARGET_CLIENT_NOT_CONNECTED"),
        (DirectError::ReceiveDenied, "RECEIVE_AUTHORIZATION_FAILURE"),
        (DirectError::Stopping, "INTERNAL_SERVER_ERROR"),
    ] {
        assert_eq!(error.log_reason(), reason);
    }
}
