//! TLS: which clients get in ([`verifier`]), what the server shows them ([`config`]) at which endpoint ([`manners`]), which sessions
//! they may resume ([`sessions`]), and the record layer over buffers of our own ([`records`]).

pub(crate) mod config;
pub(crate) mod handshake;
pub(crate) mod leaf;
pub(crate) mod manners;
pub(crate) mod records;
pub(crate) mod sessions;
pub(crate) mod stream;
pub(crate) mod verifier;

pub use config::{ServerCertificate, TlsError};
