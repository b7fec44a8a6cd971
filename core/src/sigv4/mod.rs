//! AWS Signature Version 4: what a request claims, whether the claim holds, and signing requests of our own.
//!
//! Pure: requests come in as borrowed parts, time as an argument. The API, the WebSocket door and the rule actions use it.
//! The rules are those of the signing standard plus what real SDKs do (AUTH-100 – AUTH-107): the path enters the canonical
//! request encoded a second time except for S3 (API-044), a security token may be added to a presigned URL after signing
//! (AUTH-104), and some device SDKs sign the host without its port.

mod canonical;
mod claim;
mod error;
mod sign;

pub use canonical::{PathEncoding, Request, sha256_hex};
pub use claim::{Claim, Secret};
pub use error::SignatureError;
pub use sign::{Credentials, Signer};

/// The only algorithm served: `AWS4-HMAC-SHA256`.
pub const ALGORITHM: &str = "AWS4-HMAC-SHA256";

#[cfg(test)]
mod tests;
