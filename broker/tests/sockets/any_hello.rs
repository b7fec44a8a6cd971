//! Any bytes as the beginning of a TLS connection: never a panic, and the host name does not depend on how they were cut.
//!
//! The fuzz target and the seeded test run the same function.

use thingstead_broker::read_hello;

/// The first byte says where the stream is cut.
pub(crate) fn any_hello(data: &[u8]) {
    let Some((&cut, stream)) = data.split_first() else { return };
    let (head, tail) = stream.split_at(usize::from(cut).min(stream.len()));
    let whole = read_hello(&[stream]);
    assert_eq!(read_hello(&[head, tail]), whole);
    let bytes: Vec<&[u8]> = stream.chunks(1).take(600).collect();
    if stream.len() <= 600 {
        assert_eq!(read_hello(&bytes), whole);
    }
    if let Some(Some(name)) = whole {
        assert!(stream.windows(name.len()).any(|part| part.eq_ignore_ascii_case(name.as_bytes())));
    }
}
