//! TLS: which clients get in ([`verifier`]), what the server shows them ([`config`]), and the record layer over
//! buffers of our own ([`records`]).

pub(crate) mod config;
pub(crate) mod handshake;
pub(crate) mod records;
pub(crate) mod stream;
pub(crate) mod verifier;

pub use config::{ServerCertificate, TlsError};
