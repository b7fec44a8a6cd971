//! RSASSA-PSS signatures of certificates with a salt of any length (RFC 8017, 8.1.2 and 9.1.2).
//!
//! The cryptography library verifies salts that are as long as the hash, which is all that TLS needs. Certificates may have
//! others: OpenSSL 3.0 makes them as long as possible unless it is told otherwise.

use sha2::{Digest, Sha256, Sha384, Sha512};
use x509_parser::num_bigint::BigUint;
use x509_parser::public_key::RSAPublicKey;

/// The hash of the message and of the mask, which must be the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// By its object identifier.
    pub(super) fn of(oid: &str) -> Option<Self> {
        match oid {
            "2.16.840.1.101.3.4.2.1" => Some(Self::Sha256),
            "2.16.840.1.101.3.4.2.2" => Some(Self::Sha384),
            "2.16.840.1.101.3.4.2.3" => Some(Self::Sha512),
            _ => None,
        }
    }

    /// In bytes.
    pub(super) const fn length(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn digest(self, parts: &[&[u8]]) -> Vec<u8> {
        fn of<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
            let mut digest = D::new();
            parts.iter().for_each(|part| digest.update(part));
            digest.finalize().to_vec()
        }
        match self {
            Self::Sha256 => of::<Sha256>(parts),
            Self::Sha384 => of::<Sha384>(parts),
            Self::Sha512 => of::<Sha512>(parts),
        }
    }

    /// MGF1.
    fn mask(self, seed: &[u8], length: usize) -> Vec<u8> {
        let blocks = (0u32..).map(|counter| self.digest(&[seed, &counter.to_be_bytes()]));
        blocks.flatten().take(length).collect()
    }
}

/// Whether `signature` is the key's over the message, with a salt of exactly `salt` bytes.
pub(super) fn verify(
    key: &RSAPublicKey<'_>,
    hash: Hash,
    salt: usize,
    signature: &[u8],
    message: &[u8],
) -> bool {
    check(key, hash, salt, signature, message).unwrap_or(false)
}

fn check(key: &RSAPublicKey<'_>, hash: Hash, salt: usize, signature: &[u8], message: &[u8]) -> Option<bool> {
    let (modulus, exponent) = (BigUint::from_bytes_be(key.modulus), BigUint::from_bytes_be(key.exponent));
    let bits = usize::try_from(modulus.bits()).ok()?;
    let fits = (MIN_BITS..=MAX_BITS).contains(&bits) && exponent.bits() <= MAX_EXPONENT_BITS;
    let signed = BigUint::from_bytes_be(signature);
    if !fits || signature.len() != bits.div_ceil(8) || signed >= modulus {
        return None;
    }
    let encoded_bits = bits - 1;
    let opened = signed.modpow(&exponent, &modulus).to_bytes_be();
    let length = encoded_bits.div_ceil(8);
    let padding = length.checked_sub(opened.len())?;
    let encoded: Vec<u8> = std::iter::repeat_n(0, padding).chain(opened).collect();

    let masked_length = length.checked_sub(hash.length() + 1)?;
    let (masked, rest) = encoded.split_at_checked(masked_length)?;
    let (digest, trailer) = rest.split_at_checked(hash.length())?;
    let unused = 8 * length - encoded_bits;
    let kept = 0xffu8.checked_shr(u32::try_from(unused).ok()?).unwrap_or(0);
    if trailer != [0xbc] || masked.first().is_none_or(|first| first & !kept != 0) {
        return None;
    }
    let mask = hash.mask(digest, masked_length);
    let mut block: Vec<u8> = masked.iter().zip(&mask).map(|(byte, mask)| byte ^ mask).collect();
    if let Some(first) = block.first_mut() {
        *first &= kept;
    }
    // Zeros, a one, the salt.
    let (zeros, rest) = block.split_at_checked(masked_length.checked_sub(salt + 1)?)?;
    let (one, salt) = rest.split_first()?;
    if zeros.iter().any(|byte| *byte != 0) || *one != 1 {
        return None;
    }
    let message = hash.digest(&[message]);
    Some(hash.digest(&[&[0; 8], &message, salt]) == digest)
}

const MIN_BITS: usize = 2048;
const MAX_BITS: usize = 8192;
/// As the cryptography library has it; a longer one only costs time.
const MAX_EXPONENT_BITS: u64 = 33;
