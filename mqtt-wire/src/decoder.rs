//! Takes packets out of a read buffer, one at a time.

use std::sync::Arc;

use bytes::{Buf, Bytes, BytesMut};

use crate::error::Section;
use crate::frame::{self, FixedHeader};
use crate::reader::Reader;
use crate::{
    Answer, DecodeError, Packet, PacketType, PubAck, PubComp, PubRec, PubRel, Role, Version, ack, auth,
    connack, connect, disconnect, foreign, publish, suback, subscribe, unsubscribe,
};

/// The service's largest packet in bytes (MQTT-173).
pub const DEFAULT_MAX_PACKET_SIZE: usize = 149_504;

/// Reads one direction of one connection.
#[derive(Debug)]
pub struct Decoder {
    role: Role,
    version: Option<Version>,
    max_packet_size: usize,
    last_topic: Option<Arc<str>>,
}

impl Decoder {
    /// For a server: the first packet must be CONNECT, which decides the version (MQTT-040, MQTT-043).
    ///
    /// A frame longer than `max_packet_size` bytes, fixed header included, is refused as soon as its length is known.
    pub const fn server(max_packet_size: usize) -> Self {
        Self { role: Role::Server, version: None, max_packet_size, last_topic: None }
    }

    /// For a client, which knows the version it asked for.
    pub const fn client(version: Version, max_packet_size: usize) -> Self {
        Self { role: Role::Client, version: Some(version), max_packet_size, last_topic: None }
    }

    /// The version of the connection; `None` before CONNECT.
    pub const fn version(&self) -> Option<Version> {
        self.version
    }

    /// Changes the size limit for the packets to come.
    pub const fn set_max_packet_size(&mut self, bytes: usize) {
        self.max_packet_size = bytes;
    }

    /// The next packet; `None` when its last byte has not arrived. Its bytes are taken out of `buffer`; a payload stays a
    /// slice of the buffer's memory.
    pub fn decode(&mut self, buffer: &mut BytesMut) -> Result<Option<Packet>, DecodeError> {
        self.decode_with(buffer, |buffer, payload| buffer.split_to(payload).freeze())
    }

    /// The same, but payloads become what `keep` makes of them: the buffer is not shared, and can be used again at once.
    pub fn decode_keeping(
        &mut self,
        buffer: &mut BytesMut,
        keep: impl FnOnce(&[u8]) -> Bytes,
    ) -> Result<Option<Packet>, DecodeError> {
        self.decode_with(buffer, |buffer, payload| {
            let kept = keep(buffer.get(..payload).unwrap_or_default());
            buffer.advance(payload);
            kept
        })
    }

    fn decode_with(
        &mut self,
        buffer: &mut BytesMut,
        take: impl FnOnce(&mut BytesMut, usize) -> Bytes,
    ) -> Result<Option<Packet>, DecodeError> {
        let Some(&first) = buffer.first() else { return Ok(None) };
        let packet = self.packet_type(first).map_err(|error| self.finish(error, None))?;
        let header = frame::fixed_header(buffer, self.max_packet_size)
            .map_err(|error| self.finish(error, Some(packet)))?;
        let Some(header) = header else { return Ok(None) };
        let total = header.length + header.remaining;
        if buffer.len() < total {
            return Ok(None);
        }
        match self.body(packet, header, buffer, take) {
            Ok(packet) => Ok(Some(packet)),
            Err(error) => {
                let error = self.finish(error, Some(packet));
                // Acknowledged errors leave the connection open: the next frame begins behind this one.
                if matches!(error.answer, Answer::PubAck(..)) {
                    buffer.advance(total);
                }
                Err(error)
            }
        }
    }

    fn packet_type(&self, first: u8) -> Result<PacketType, DecodeError> {
        let packet = frame::packet_type(first, self.version)?;
        let refuse = |section: &'static str, detail: String| {
            let error = DecodeError::protocol(Section::both(section), detail);
            Err(DecodeError { packet: Some(packet), ..error })
        };
        match (self.role, self.version, packet) {
            (Role::Server, None, PacketType::Connect) => Ok(packet),
            (Role::Server, None, _) => {
                refuse("3.1", format!("the first packet is {packet}; it must be CONNECT"))
            }
            (Role::Server, Some(_), PacketType::Connect) => refuse("3.1", "a second CONNECT".to_owned()),
            (
                Role::Server,
                _,
                PacketType::ConnAck | PacketType::SubAck | PacketType::UnsubAck | PacketType::PingResp,
            ) => refuse("2.1.2", format!("a client may not send {packet}")),
            (
                Role::Client,
                _,
                PacketType::Connect | PacketType::Subscribe | PacketType::Unsubscribe | PacketType::PingReq,
            )
            | (Role::Client, Some(Version::V311), PacketType::Disconnect) => {
                refuse("2.1.2", format!("a server may not send {packet}"))
            }
            _ => Ok(packet),
        }
    }

    /// Reads one whole frame at the start of `buffer` and takes it out, unless it is not acceptable.
    fn body(
        &mut self,
        packet: PacketType,
        header: FixedHeader,
        buffer: &mut BytesMut,
        take: impl FnOnce(&mut BytesMut, usize) -> Bytes,
    ) -> Result<Packet, DecodeError> {
        let total = header.length + header.remaining;
        let body = buffer.get(header.length..total).unwrap_or_default();
        let (version, role) = (self.version.unwrap_or(Version::V5), self.role);
        let decoded = match packet {
            PacketType::Publish => {
                let (mut publish, payload) =
                    publish::read(header.flags, body, version, role, &mut self.last_topic)?;
                buffer.advance(total - payload);
                if payload > 0 {
                    publish.payload = take(buffer, payload);
                }
                return Ok(Packet::Publish(publish));
            }
            PacketType::PubAck | PacketType::PubRec | PacketType::PubRel | PacketType::PubComp => {
                let (packet_id, reason, properties) = ack::read(packet, body, version, role)?;
                match packet {
                    PacketType::PubAck => Packet::PubAck(PubAck { packet_id, reason, properties }),
                    PacketType::PubRec => Packet::PubRec(PubRec { packet_id, reason, properties }),
                    PacketType::PubRel => Packet::PubRel(PubRel { packet_id, reason, properties }),
                    _ => Packet::PubComp(PubComp { packet_id, reason, properties }),
                }
            }
            PacketType::PingReq | PacketType::PingResp => {
                Reader::new(body).end(Section::both(if packet == PacketType::PingReq {
                    "3.12"
                } else {
                    "3.13"
                }))?;
                if packet == PacketType::PingReq { Packet::PingReq } else { Packet::PingResp }
            }
            PacketType::Connect => {
                let connect = connect::read(body)?;
                self.version = Some(connect.version);
                Packet::Connect(Box::new(connect))
            }
            PacketType::Disconnect => Packet::Disconnect(disconnect::read(body, version, role)?),
            PacketType::Auth => Packet::Auth(auth::read(body, role)?),
            PacketType::Unsubscribe => Packet::Unsubscribe(unsubscribe::read(body, version, role)?),
            PacketType::Subscribe | PacketType::SubAck | PacketType::UnsubAck | PacketType::ConnAck => {
                match packet {
                    PacketType::Subscribe => subscribe::check(body, version, role)?,
                    PacketType::ConnAck => connack::check(body, version, role)?,
                    _ => suback::check(packet, body, version, role)?,
                }
                return foreign::read(&mut buffer.split_to(total), version);
            }
        };
        buffer.advance(total);
        Ok(decoded)
    }

    /// Adds what the reader of a single field did not know: packet, version, and the answer they lead to.
    fn finish(&self, error: DecodeError, packet: Option<PacketType>) -> DecodeError {
        let answer = match (error.answer, self.version) {
            (Answer::PubAck(..), Some(Version::V5)) | (Answer::ConnAck(..), None) => error.answer,
            (_, Some(Version::V5)) => Answer::Disconnect(error.reason),
            _ => Answer::Close,
        };
        DecodeError {
            packet: packet.or(error.packet),
            version: error.version.or(self.version),
            answer,
            ..error
        }
    }
}
