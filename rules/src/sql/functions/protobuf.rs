//! Protobuf messages to values, described by a `FileDescriptorSet` (RULES-258, RULES-262).

use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, SerializeOptions};

use crate::sql::json;
use crate::sql::limits::{MAX_DESCRIPTOR_BYTES, MAX_PROTO_BYTES};
use crate::sql::value::Value;

/// Decodes `bytes` as the message type `message` of the file `file`; fields keep their names of the file, 64-bit integers
/// are numbers.
pub(super) fn decode(
    descriptors: &[u8],
    file: &str,
    message: &str,
    bytes: &[u8],
    fold: bool,
) -> Result<Value, String> {
    if bytes.len() > MAX_PROTO_BYTES {
        return Err(format!("the payload has {} bytes; allowed are {MAX_PROTO_BYTES}", bytes.len()));
    }
    if descriptors.len() > MAX_DESCRIPTOR_BYTES {
        let length = descriptors.len();
        return Err(format!("the descriptor set has {length} bytes; allowed are {MAX_DESCRIPTOR_BYTES}"));
    }
    let pool = DescriptorPool::decode(descriptors)
        .map_err(|error| format!("the descriptor set cannot be read: {error}"))?;
    let descriptor = find(&pool, file, message)?;
    let decoded = DynamicMessage::decode(descriptor, bytes)
        .map_err(|error| format!("the payload is no `{message}`: {error}"))?;
    let options = SerializeOptions::new().use_proto_field_name(true).stringify_64_bit_integers(false);
    let mut text = Vec::new();
    let mut serializer = serde_json::Serializer::new(&mut text);
    decoded
        .serialize_with_options(&mut serializer, &options)
        .map_err(|error| format!("the message has no JSON form: {error}"))?;
    if text.len() > MAX_PROTO_BYTES {
        return Err(format!("the result has {} bytes; allowed are {MAX_PROTO_BYTES}", text.len()));
    }
    json::parse(&text, fold).map_err(|error| error.to_string())
}

fn find(pool: &DescriptorPool, file: &str, message: &str) -> Result<MessageDescriptor, String> {
    let found =
        pool.get_file_by_name(file).ok_or_else(|| format!("the descriptor set has no file `{file}`"))?;
    let mut messages = found.messages();
    messages
        .find(|known| known.name() == message || known.full_name() == message)
        .ok_or_else(|| format!("`{file}` has no message type `{message}`"))
}
