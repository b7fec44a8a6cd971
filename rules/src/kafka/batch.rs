//! Record batches of format 2, which every broker since 0.11 reads.

use std::io::Write as _;

use bytes::Bytes;

use super::KafkaError;
use super::wire::Writer;

/// One record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) topic: String,
    /// `None`: by the key, else in turn.
    pub(crate) partition: Option<i32>,
    pub(crate) key: Option<String>,
    pub(crate) value: Bytes,
    pub(crate) headers: Vec<(String, String)>,
    /// Epoch milliseconds.
    pub(crate) timestamp: i64,
}

/// `compression.type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Compression {
    None,
    Gzip,
    Snappy,
    Lz4,
    Zstd,
}

impl Record {
    /// A batch that holds this record alone.
    pub(super) fn batch(&self, compression: Compression) -> Result<Vec<u8>, KafkaError> {
        let records = compression.apply(&self.encode())?;
        // What the checksum covers.
        let mut checked = Writer::default();
        checked
            .i16(compression.attributes())
            .i32(0) // the offset of the last record, relative to the first
            .i64(self.timestamp)
            .i64(self.timestamp)
            .i64(-1) // no idempotent producer: neither id,
            .i16(-1) // epoch
            .i32(-1) // nor sequence
            .i32(1)
            .raw(&records);
        let checked = checked.finish();
        let mut batch = Writer::default();
        let length = LENGTH_BEFORE_CHECKED + checked.len();
        batch
            .i64(0) // the broker sets the offset
            .i32(i32::try_from(length).unwrap_or(i32::MAX))
            .i32(0) // the leader's epoch, which the broker sets
            .i8(2)
            .raw(&crc32c::crc32c(&checked).to_be_bytes())
            .raw(&checked);
        Ok(batch.finish())
    }

    fn encode(&self) -> Vec<u8> {
        let mut body = Writer::default();
        body.i8(0).varint(0).varint(0);
        match &self.key {
            Some(key) => body.varbytes(key.as_bytes()),
            None => body.varint(-1),
        };
        body.varbytes(&self.value).varint(i64::try_from(self.headers.len()).unwrap_or(0));
        for (key, value) in &self.headers {
            body.varbytes(key.as_bytes()).varbytes(value.as_bytes());
        }
        Writer::default().varbytes(&body.finish()).finish()
    }
}

impl Compression {
    const fn attributes(self) -> i16 {
        match self {
            Self::None => 0,
            Self::Gzip => 1,
            Self::Snappy => 2,
            Self::Lz4 => 3,
            Self::Zstd => 4,
        }
    }

    fn apply(self, records: &[u8]) -> Result<Vec<u8>, KafkaError> {
        let failed = |error: &dyn std::fmt::Display| KafkaError::NotCompressed(error.to_string());
        match self {
            Self::None => Ok(records.to_vec()),
            Self::Gzip => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
                encoder.write_all(records).and_then(|()| encoder.finish()).map_err(|error| failed(&error))
            }
            Self::Snappy => {
                // Consumers in Java read only the framing of the Java library.
                let block =
                    snap::raw::Encoder::new().compress_vec(records).map_err(|error| failed(&error))?;
                let mut framed = Writer::default();
                Ok(framed.raw(b"\x82SNAPPY\0").i32(1).i32(1).bytes(&block).finish())
            }
            Self::Lz4 => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
                encoder.write_all(records).map_err(|error| failed(&error))?;
                encoder.finish().map_err(|error| failed(&error))
            }
            Self::Zstd => {
                Ok(ruzstd::encoding::compress_to_vec(records, ruzstd::encoding::CompressionLevel::Fastest))
            }
        }
    }
}

/// Epoch, format and checksum stand between the length and what the checksum covers.
const LENGTH_BEFORE_CHECKED: usize = 4 + 1 + 4;

#[cfg(test)]
mod tests {
    use super::*;

    /// Written by another implementation (kafka-python 3.0.12) for the same record.
    const REFERENCE: &str = concat!(
        "00000000000000000000004d0000000002182d8c69000000000000000001a1fd8c6900000001a1fd8c6900ff",
        "ffffffffffffffffffffffffff0000000136000000086b2dc3bc0e7b2261223a317d0404683104763104683200"
    );

    #[test]
    fn a_batch_is_byte_for_byte_what_another_implementation_writes() {
        // RULES-509, RULES-519, RULES-520
        let record = Record {
            topic: "t".to_owned(),
            partition: None,
            key: Some("k-ü".to_owned()),
            value: Bytes::from_static(br#"{"a":1}"#),
            headers: vec![("h1".to_owned(), "v1".to_owned()), ("h2".to_owned(), String::new())],
            timestamp: 1_795_255_200_000,
        };
        let batch = record.batch(Compression::None).expect("a batch");
        assert_eq!(hex::encode(batch), REFERENCE);
    }
}
