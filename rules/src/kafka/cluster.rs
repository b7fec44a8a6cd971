//! A cluster as a producer sees it: its brokers, who leads which partition, and connections to the leaders.

use std::collections::HashMap;

use super::connection::{Connection, LIMIT, Security};
use super::{Compression, KafkaError, Record, requests};

/// `acks`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Acks {
    /// Nothing is waited for, and nothing is known.
    None,
    /// The leader has written the record.
    Leader,
}

/// What all records of a connection share.
#[derive(Clone)]
pub(crate) struct Producer {
    /// `host:port`, tried in this order.
    pub(crate) servers: Vec<String>,
    pub(crate) security: Security,
    pub(crate) acks: Acks,
    pub(crate) compression: Compression,
}

/// Where a record went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) partition: i32,
    /// `None`: nothing was waited for.
    pub(crate) offset: Option<i64>,
}

/// Connections to one cluster.
#[derive(Default)]
pub(crate) struct Cluster {
    connections: HashMap<String, Connection>,
    /// Per topic its partitions and their leaders' addresses.
    topics: HashMap<String, Vec<(i32, String)>>,
    turn: usize,
}

impl Cluster {
    /// Sends a record once. After an error everything known is forgotten, so that the next try finds the new leader.
    pub(crate) async fn send(&mut self, producer: &Producer, record: &Record) -> Result<Placed, KafkaError> {
        let sent = self.send_once(producer, record).await;
        if sent.is_err() {
            self.connections.clear();
            self.topics.remove(&record.topic);
        }
        sent
    }

    async fn send_once(&mut self, producer: &Producer, record: &Record) -> Result<Placed, KafkaError> {
        let batch = record.batch(producer.compression)?;
        if !self.topics.contains_key(&record.topic) {
            let leaders = self.find_leaders(producer, &record.topic).await?;
            if self.topics.len() >= MAX_TOPICS {
                self.topics.clear();
            }
            self.topics.insert(record.topic.clone(), leaders);
        }
        let leaders = self.topics.get(&record.topic).map(Vec::as_slice).unwrap_or_default();
        let chosen = choose(record, leaders.len(), &mut self.turn);
        let found = leaders.iter().find(|(partition, _)| *partition == chosen);
        let (partition, server) =
            found.cloned().ok_or(KafkaError::NoPartition { partition: chosen, partitions: leaders.len() })?;
        if server.is_empty() {
            return Err(KafkaError::NoLeader(partition));
        }
        let connection = self.connection(&server, producer).await?;
        let limit = i32::try_from(LIMIT.as_millis()).unwrap_or(i32::MAX);
        let (acks, waits) = match producer.acks {
            Acks::None => (0, false),
            Acks::Leader => (1, true),
        };
        let body = requests::produce(acks, limit, &record.topic, partition, &batch);
        if !waits {
            connection.tell(requests::PRODUCE, &body).await?;
            return Ok(Placed { partition, offset: None });
        }
        let answer = connection.call(requests::PRODUCE, &body).await?;
        let (code, offset) = connection.read_with(requests::read_produce(&answer))?;
        KafkaError::check(code)?;
        Ok(Placed { partition, offset: Some(offset) })
    }

    /// Asks the first server that answers.
    async fn find_leaders(
        &mut self,
        producer: &Producer,
        topic: &str,
    ) -> Result<Vec<(i32, String)>, KafkaError> {
        let mut last = None;
        for server in &producer.servers {
            let answer = match self.connection(server, producer).await {
                Ok(connection) => connection.call(requests::METADATA, &requests::metadata(topic)).await,
                Err(error) => Err(error),
            };
            match answer {
                Ok(answer) => {
                    let metadata = requests::read_metadata(&answer)
                        .map_err(|why| KafkaError::Unreadable { server: server.clone(), why })?;
                    KafkaError::check(metadata.error)?;
                    let address = |leader| {
                        let found = metadata.brokers.iter().find(|(id, _)| *id == leader);
                        found.map(|(_, address)| address.clone()).unwrap_or_default()
                    };
                    let leaders = metadata.leaders.iter();
                    return Ok(leaders.map(|(partition, leader)| (*partition, address(*leader))).collect());
                }
                Err(error) => {
                    self.connections.remove(server);
                    last = Some(error);
                }
            }
        }
        Err(last.unwrap_or_else(|| KafkaError::NotConnected {
            server: String::new(),
            why: "`bootstrap.servers` names no server".to_owned(),
        }))
    }

    async fn connection(&mut self, server: &str, producer: &Producer) -> Result<&mut Connection, KafkaError> {
        if !self.connections.contains_key(server) {
            let connection = Connection::open(server, &producer.security).await?;
            self.connections.insert(server.to_owned(), connection);
        }
        self.connections.get_mut(server).ok_or_else(|| KafkaError::Closed(server.to_owned()))
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cluster({} connections)", self.connections.len())
    }
}

/// The partition as the Java client chooses it: the one named, else by the key's hash, else in turn.
fn choose(record: &Record, partitions: usize, turn: &mut usize) -> i32 {
    if let Some(partition) = record.partition {
        return partition;
    }
    let count = i32::try_from(partitions.max(1)).unwrap_or(i32::MAX);
    match &record.key {
        Some(key) => (murmur2(key.as_bytes()) & i32::MAX) % count,
        None => {
            *turn = turn.wrapping_add(1);
            i32::try_from(*turn % partitions.max(1)).unwrap_or(0)
        }
    }
}

/// MurmurHash 2 as the Java client computes it, so that a key finds the partition of other producers.
fn murmur2(bytes: &[u8]) -> i32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c_u32 ^ u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let (words, rest) = bytes.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    for (shift, byte) in rest.iter().enumerate().rev() {
        hash ^= u32::from(*byte) << (8 * shift);
    }
    if !rest.is_empty() {
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    (hash ^ (hash >> 15)).cast_signed()
}

/// Topics whose leaders are remembered.
const MAX_TOPICS: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_hash_as_in_the_java_client() {
        // The vectors of the Java client's own test.
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(key.as_bytes()), hash, "{key}");
        }
    }
}
