//! Randomness and identifiers, injected. Only this module draws randomness, so tests can seed it.
//!
//! Cryptographic keys are not made here: the TLS provider draws its own.

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};

/// The one source of identifiers and random choices. Cheap to clone; all clones draw from one stream.
#[derive(Clone)]
pub struct Ids(Arc<Mutex<StdRng>>);

impl Ids {
    /// Unpredictable, seeded from the operating system.
    pub fn random() -> Self {
        Self(Arc::new(Mutex::new(StdRng::from_os_rng())))
    }

    /// The same sequence for the same seed; for tests.
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(StdRng::seed_from_u64(seed))))
    }

    /// A version 4 UUID: session identifiers, request ids, trace ids.
    #[expect(clippy::disallowed_methods, reason = "this is the injected source")]
    pub fn uuid(&self) -> uuid::Uuid {
        let mut bytes = [0u8; 16];
        self.fill(&mut bytes);
        let random = u128::from_be_bytes(bytes);
        let version = 4u128 << 76;
        let variant = 2u128 << 62;
        uuid::Uuid::from_u128(random & !(0xf << 76) & !(0x3 << 62) | version | variant)
    }

    /// Fills `bytes` with randomness.
    pub fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().fill_bytes(bytes);
    }

    /// A number below `bound`; 0 when the bound is 0.
    pub fn below(&self, bound: u64) -> u64 {
        if bound == 0 {
            return 0;
        }
        // 128-bit multiply instead of modulo: no bias worth naming for the bounds used here.
        ((u128::from(self.0.lock().next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// A number in `[0, 1)`, for probabilities and the SQL function `rand()`.
    pub fn unit(&self) -> f64 {
        (self.0.lock().next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// `bytes` random bytes as lower-case hex digits.
    pub fn hex(&self, bytes: usize) -> String {
        let mut buffer = vec![0u8; bytes];
        self.fill(&mut buffer);
        hex::encode(buffer)
    }
}

impl fmt::Debug for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ids")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_version_4_and_seeds_repeat() {
        let (a, b) = (Ids::seeded(7), Ids::seeded(7));
        let id = a.uuid();
        assert_eq!(id, b.uuid());
        assert_eq!((id.get_version_num(), id.get_variant()), (4, uuid::Variant::RFC4122));
        assert!((0..1000).all(|_| a.below(3) < 3 && a.unit() < 1.0));
    }
}
