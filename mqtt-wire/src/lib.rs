//! Floor 1: strict MQTT 3.1.1 and 5 frames, in and out; pure.
//!
//! [`Decoder`] takes packets out of a read buffer one at a time, [`Packet::encode`] and the packets' own `encode` methods write
//! them, [`PublishFrame`] encodes a PUBLISH once for many receivers. A frame the standard calls malformed never becomes a
//! packet: it becomes a [`DecodeError`] that says what was wrong, where the standard says so and what to answer.
//!
//! The parser of `mqttbytes` does the work for the rarer packets, behind our own validation and out of sight:
//! every public type is this crate's.

mod ack;
mod auth;
mod connack;
mod connect;
mod decoder;
mod disconnect;
mod error;
mod foreign;
mod frame;
mod packet;
mod property;
mod publish;
mod publish_frame;
mod reader;
mod reason;
mod suback;
mod subscribe;
mod types;
mod unsubscribe;
mod writer;

pub use ack::{AckProperties, PubAck, PubComp, PubRec, PubRel};
pub use auth::{Auth, AuthProperties};
pub use connack::{ConnAck, ConnAckProperties};
pub use connect::{Connect, ConnectProperties, Will, WillProperties};
pub use decoder::{DEFAULT_MAX_PACKET_SIZE, Decoder};
pub use disconnect::{Disconnect, DisconnectProperties};
pub use error::{Answer, DecodeError, EncodeError};
pub use frame::{MAX_PACKET_SIZE, MAX_REMAINING_LENGTH, PacketType};
pub use packet::Packet;
pub use publish::{Publish, PublishProperties};
pub use publish_frame::PublishFrame;
pub use reason::ReasonCode;
pub use suback::{SubAck, UnsubAck};
pub use subscribe::{Filter, RetainHandling, Subscribe};
pub use types::{PacketId, QoS, Role, UserProperty, Version};
pub use unsubscribe::{Unsubscribe, UnsubscribeFilter};
