//! The canonical form of a request.

use sha2::{Digest, Sha256};

/// The parts of an HTTP request that a signature covers, as they are on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// In capitals.
    pub method: &'a str,
    /// Percent-encoded as sent, without the query.
    pub path: &'a str,
    /// Without the question mark; may be empty.
    pub query: &'a str,
    /// Names in any case, values as sent.
    pub headers: &'a [(&'a str, &'a str)],
    /// The whole body.
    pub body: &'a [u8],
}

/// How the path enters the canonical request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathEncoding {
    /// As on the wire: S3.
    Once,
    /// Percent-encoded once more: everybody else (API-044).
    Twice,
    /// Dot segments and repeated slashes removed, then encoded once more, as several SDKs do before they sign.
    NormalizedTwice,
}

impl Request<'_> {
    /// All values of a header joined by commas, blanks trimmed and runs of them made one; empty when it is absent.
    pub(super) fn header(&self, name: &str) -> String {
        let values = self.headers.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name));
        values.map(|(_, value)| squeezed(value)).collect::<Vec<_>>().join(",")
    }

    /// The query's pairs, each part decoded and encoded again the one way that signing wants.
    pub(super) fn query_pairs(&self) -> Vec<(String, String)> {
        let parts = self.query.split('&').filter(|part| !part.is_empty());
        parts
            .map(|part| {
                let (name, value) = part.split_once('=').unwrap_or((part, ""));
                (encoded(&decoded(name)), encoded(&decoded(value)))
            })
            .collect()
    }

    /// The decoded value of a query parameter.
    pub(super) fn query_value(&self, name: &str) -> Option<String> {
        let (_, value) = self.query_pairs().into_iter().find(|(found, _)| found == name)?;
        Some(String::from_utf8_lossy(&decoded(&value)).into_owned())
    }
}

/// What is signed: six lines of a request.
pub(super) struct Canonical<'a> {
    pub(super) method: &'a str,
    pub(super) path: String,
    pub(super) query: Vec<(String, String)>,
    /// Names in lower case, in the order they are signed.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body_hash: &'a str,
}

impl Canonical<'_> {
    pub(super) fn text(mut self) -> String {
        self.query.sort();
        let query: Vec<_> = self.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let headers: String = self.headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        format!(
            "{}\n{}\n{}\n{headers}\n{}\n{}",
            self.method,
            self.path,
            query.join("&"),
            names.join(";"),
            self.body_hash
        )
    }
}

/// The path as it enters the canonical request.
pub(super) fn canonical_path(path: &str, encoding: PathEncoding) -> String {
    let path = if path.is_empty() { "/" } else { path };
    match encoding {
        PathEncoding::Once => path.to_owned(),
        PathEncoding::Twice => encoded_path(path),
        PathEncoding::NormalizedTwice => encoded_path(&normalized(path)),
    }
}

/// The SHA-256 of some bytes in lower-case hex digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// Percent-encodes all but unreserved characters.
pub(super) fn encoded(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

fn encoded_path(path: &str) -> String {
    path.split('/').map(|segment| encoded(segment.as_bytes())).collect::<Vec<_>>().join("/")
}

fn decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        match (byte, hex_digit(ahead.next()), hex_digit(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                out.push(high << 4 | low);
                bytes = ahead;
            }
            _ => out.push(byte),
        }
    }
    out
}

fn hex_digit(byte: Option<u8>) -> Option<u8> {
    char::from(byte?).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn squeezed(value: &str) -> String {
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn normalized(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    let directory = path.len() > 1 && (path.ends_with('/') || path.ends_with("/.") || path.ends_with("/.."));
    let tail = if directory && !kept.is_empty() { "/" } else { "" };
    format!("/{}{tail}", kept.join("/"))
}
