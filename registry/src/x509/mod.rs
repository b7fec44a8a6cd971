//! X.509: reading certificates and requests, checking who signed them, and issuing device certificates.

mod der;
mod issue;
mod pkcs12;
mod pss;
mod read;
mod signature;

pub(crate) use issue::{DeviceSubject, issue_device, pkcs1_pem};
pub use pkcs12::{Pkcs12, Pkcs12Error};
pub(crate) use read::{Parsed, ParsedRequest, pem};
pub(crate) use signature::{is_signed_by, unusable};
