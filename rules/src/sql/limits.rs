//! Bounds of the dialect.

/// Variables in one SET (RULES-036).
pub const MAX_VARIABLES: usize = 10;
/// Characters of a variable's name, the `@` included (RULES-028).
pub const MAX_VARIABLE_NAME: usize = 64;
/// Bytes of one variable, and of all together, as minified JSON (RULES-037).
pub const MAX_VARIABLE_BYTES: usize = 128 * 1024;
/// Bytes of the Array that transform returns (RULES-251).
pub const MAX_TRANSFORM_BYTES: usize = 128 * 1024;
/// Bytes of an item that get_dynamodb returns (RULES-294).
pub const MAX_ITEM_BYTES: usize = 8 * 1024;
/// decode calls with 'proto' in a statement (RULES-260).
pub const MAX_PROTO_DECODES: usize = 2;
/// Bytes that go into and come out of decode with 'proto' (RULES-262).
pub const MAX_PROTO_BYTES: usize = 128 * 1024;
/// Bytes of a protobuf descriptor set (RULES-262).
pub const MAX_DESCRIPTOR_BYTES: usize = 32 * 1024;
/// Levels of nested expressions; a guard of this product, not of AWS.
pub const MAX_NESTING: u32 = 64;
/// Bytes of a String that a function makes, and elements of an Array; a guard of this product. A message holds 128 KiB.
pub const MAX_MADE: usize = 1024 * 1024;
/// Elements that the nested queries of one evaluation look at; a guard of this product against queries within queries.
pub const MAX_ELEMENTS: u32 = 1_000_000;
/// Bytes of a result; a guard of this product, far above what any action can send.
pub const MAX_RESULT_BYTES: usize = 16 * 1024 * 1024;
