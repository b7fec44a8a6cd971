//! The requests a producer sends, in the versions that all brokers from 1.0 to 4.x serve.

use super::wire::{Malformed, Reader, Writer};

/// Key and version of a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Api {
    pub(super) key: i16,
    pub(super) version: i16,
}

pub(super) const PRODUCE: Api = Api { key: 0, version: 3 };
pub(super) const METADATA: Api = Api { key: 3, version: 4 };
pub(super) const SASL_HANDSHAKE: Api = Api { key: 17, version: 1 };
pub(super) const SASL_AUTHENTICATE: Api = Api { key: 36, version: 0 };

/// A request as it goes over the wire, length included.
pub(super) fn frame(api: Api, correlation: i32, body: &[u8]) -> Vec<u8> {
    let mut frame = Writer::default();
    frame.i16(api.key).i16(api.version).i32(correlation).string(CLIENT_ID).raw(body);
    Writer::default().bytes(&frame.finish()).finish()
}

/// Where a topic's partitions are led.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Metadata {
    /// Node ids and addresses.
    pub(super) brokers: Vec<(i32, String)>,
    /// The topic's error code, 0 when it has none.
    pub(super) error: i16,
    /// Partition numbers and the node ids of their leaders, in the order of the numbers.
    pub(super) leaders: Vec<(i32, i32)>,
}

/// Asks for one topic; a broker that makes topics by itself makes it.
pub(super) fn metadata(topic: &str) -> Vec<u8> {
    Writer::default().i32(1).string(topic).i8(1).finish()
}

pub(super) fn read_metadata(answer: &[u8]) -> Result<Metadata, Malformed> {
    let mut reader = Reader::new(answer);
    reader.i32()?; // throttled for so long
    let brokers = reader.list(|reader| {
        let (id, host, port) = (reader.i32()?, reader.string()?.unwrap_or_default(), reader.i32()?);
        reader.string()?; // rack
        Ok((id, if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }))
    })?;
    reader.string()?; // cluster
    reader.i32()?; // controller
    let mut topics = reader.list(|reader| {
        let error = reader.i16()?;
        reader.string()?;
        reader.i8()?; // internal
        let leaders = reader.list(|reader| {
            reader.i16()?;
            let (partition, leader) = (reader.i32()?, reader.i32()?);
            reader.list(Reader::i32)?; // replicas
            reader.list(Reader::i32)?; // those in sync
            Ok((partition, leader))
        })?;
        Ok((error, leaders))
    })?;
    let (error, mut leaders) = topics.pop().ok_or(Malformed("it names no topic"))?;
    leaders.sort_unstable();
    Ok(Metadata { brokers, error, leaders })
}

/// Puts one batch.
pub(super) fn produce(acks: i16, limit_ms: i32, topic: &str, partition: i32, batch: &[u8]) -> Vec<u8> {
    let mut body = Writer::default();
    body.i16(-1) // no transaction
        .i16(acks)
        .i32(limit_ms)
        .i32(1)
        .string(topic)
        .i32(1)
        .i32(partition)
        .bytes(batch);
    body.finish()
}

/// The error code and the offset of a batch.
pub(super) fn read_produce(answer: &[u8]) -> Result<(i16, i64), Malformed> {
    let mut reader = Reader::new(answer);
    let topics = reader.list(|reader| {
        reader.string()?;
        reader.list(|reader| {
            reader.i32()?;
            let end = (reader.i16()?, reader.i64()?);
            reader.i64()?; // the time of the log
            Ok(end)
        })
    })?;
    topics.into_iter().flatten().next().ok_or(Malformed("it names no partition"))
}

pub(super) fn sasl_handshake(mechanism: &str) -> Vec<u8> {
    Writer::default().string(mechanism).finish()
}

/// The error code and the mechanisms that the broker knows.
pub(super) fn read_sasl_handshake(answer: &[u8]) -> Result<(i16, Vec<String>), Malformed> {
    let mut reader = Reader::new(answer);
    let code = reader.i16()?;
    Ok((code, reader.list(|reader| Ok(reader.string()?.unwrap_or_default().to_owned()))?))
}

pub(super) fn sasl_authenticate(bytes: &[u8]) -> Vec<u8> {
    Writer::default().bytes(bytes).finish()
}

/// The broker's next words, or its refusal.
pub(super) fn read_sasl_authenticate(answer: &[u8]) -> Result<Result<Vec<u8>, String>, Malformed> {
    let mut reader = Reader::new(answer);
    let (code, message) = (reader.i16()?, reader.string()?);
    if code != 0 {
        return Ok(Err(message.map_or_else(|| format!("error code {code}"), str::to_owned)));
    }
    Ok(Ok(reader.bytes()?.to_vec()))
}

/// How the producer calls itself.
const CLIENT_ID: &str = "thingstead-rules";
