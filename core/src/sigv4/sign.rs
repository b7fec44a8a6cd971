//! Signing requests of our own.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::canonical::{Canonical, canonical_path, encoded};
use super::{ALGORITHM, PathEncoding, Request, Secret, sha256_hex};
use crate::Timestamp;

/// Credentials to sign with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The access key id.
    pub access_key: String,
    /// Its secret.
    pub secret: Secret,
    /// For temporary credentials.
    pub session_token: Option<String>,
}

/// Signs for one service in one Region.
#[derive(Clone, Copy, Debug)]
pub struct Signer<'a> {
    /// With these credentials.
    pub credentials: &'a Credentials,
    /// Such as `eu-west-1`.
    pub region: &'a str,
    /// The signing name, such as `sqs`.
    pub service: &'a str,
    /// [`PathEncoding::Once`] for S3, [`PathEncoding::Twice`] for all others.
    pub path_encoding: PathEncoding,
}

impl Signer<'_> {
    /// The headers to add to a request so that it is signed; all headers of `request` are signed, `host` must be there.
    ///
    /// Adds `x-amz-date`, `x-amz-content-sha256`, `x-amz-security-token` where there is a token, and `authorization`.
    pub fn sign(&self, request: &Request<'_>, at: Timestamp) -> Vec<(&'static str, String)> {
        let date = amz_date(at);
        let mut added =
            vec![("x-amz-date", date.clone()), ("x-amz-content-sha256", sha256_hex(request.body))];
        if let Some(token) = &self.credentials.session_token {
            added.push(("x-amz-security-token", token.clone()));
        }
        let mut names: Vec<String> =
            request.headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
        names.extend(added.iter().map(|(name, _)| (*name).to_owned()));
        names.sort();
        names.dedup();
        let value = |name: &str| {
            let own = added.iter().find(|(found, _)| *found == name);
            own.map_or_else(|| request.header(name), |(_, value)| value.clone())
        };
        let canonical = Canonical {
            method: request.method,
            path: canonical_path(request.path, self.path_encoding),
            query: request.query_pairs(),
            headers: names.iter().map(|name| (name.clone(), value(name))).collect(),
            body_hash: &value("x-amz-content-sha256"),
        };
        let signature = self.signature(&date, &canonical.text());
        let authorization = format!(
            "{ALGORITHM} Credential={}/{}, SignedHeaders={}, Signature={signature}",
            self.credentials.access_key,
            self.scope(&date),
            names.join(";")
        );
        added.push(("authorization", authorization));
        added
    }

    /// The query of a presigned URL for `request`, whose only signed header is `host` (AUTH-103).
    pub fn presign(&self, request: &Request<'_>, at: Timestamp, seconds: u64) -> String {
        let date = amz_date(at);
        let credential = format!("{}/{}", self.credentials.access_key, self.scope(&date));
        let mut query = request.query_pairs();
        let mut add = |name: &str, value: &str| query.push((name.to_owned(), encoded(value.as_bytes())));
        add("X-Amz-Algorithm", ALGORITHM);
        add("X-Amz-Credential", &credential);
        add("X-Amz-Date", &date);
        add("X-Amz-Expires", &seconds.to_string());
        add("X-Amz-SignedHeaders", "host");
        if let Some(token) = &self.credentials.session_token {
            add("X-Amz-Security-Token", token);
        }
        query.sort();
        let canonical = Canonical {
            method: request.method,
            path: canonical_path(request.path, self.path_encoding),
            query: query.clone(),
            headers: vec![("host".to_owned(), request.header("host"))],
            body_hash: &sha256_hex(request.body),
        };
        let signature = self.signature(&date, &canonical.text());
        query.push(("X-Amz-Signature".to_owned(), signature));
        query.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    }

    fn signature(&self, date: &str, canonical_request: &str) -> String {
        let text = string_to_sign(date, &self.scope(date), canonical_request);
        let key = signing_key(self.credentials.secret.text(), day_of(date), self.region, self.service);
        hex::encode(mac_of(&key, text.as_bytes()))
    }

    fn scope(&self, date: &str) -> String {
        format!("{}/{}/{}/aws4_request", day_of(date), self.region, self.service)
    }
}

pub(super) fn string_to_sign(date: &str, scope: &str, canonical_request: &str) -> String {
    format!("{ALGORITHM}\n{date}\n{scope}\n{}", sha256_hex(canonical_request.as_bytes()))
}

pub(super) fn signing_key(secret: &str, day: &str, region: &str, service: &str) -> Vec<u8> {
    let start = format!("AWS4{secret}").into_bytes();
    [day, region, service, "aws4_request"].iter().fold(start, |key, part| mac_of(&key, part.as_bytes()))
}

/// HMAC-SHA256; keys of any length are fine, so there is no error to report.
pub(super) fn mac_of(key: &[u8], message: &[u8]) -> Vec<u8> {
    match Hmac::<Sha256>::new_from_slice(key) {
        Ok(mut mac) => {
            mac.update(message);
            mac.finalize().into_bytes().to_vec()
        }
        Err(_) => Vec::new(),
    }
}

fn amz_date(at: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(at.as_millis()) {
        Ok(time) => time.strftime("%Y%m%dT%H%M%SZ").to_string(),
        Err(_) => String::new(),
    }
}

fn day_of(date: &str) -> &str {
    date.split_once('T').map_or(date, |(day, _)| day)
}
