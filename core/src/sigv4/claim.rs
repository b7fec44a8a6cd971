//! What a request claims about its signer.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::canonical::{Canonical, canonical_path};
use super::sign::{signing_key, string_to_sign};
use super::{ALGORITHM, PathEncoding, Request, SignatureError, sha256_hex};
use crate::Timestamp;

/// The signature of a request taken apart: who says they signed it, for which Region and service, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The access key id.
    pub access_key: String,
    /// The Region of the credential scope.
    pub region: String,
    /// The service name of the credential scope.
    pub service: String,
    /// The session token of temporary credentials.
    pub session_token: Option<String>,
    /// Whether the signature is in the query instead of the `Authorization` header.
    pub presigned: bool,
    /// `YYYYMMDD` of the credential scope.
    day: String,
    signed_headers: Vec<String>,
    signature: String,
    date: String,
    expires: Option<String>,
}

/// The secret access key that belongs to an access key id.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Claim {
    /// How far the client's clock may be off (API-045).
    pub const MAX_SKEW: Duration = Duration::from_secs(300);
    /// How long a presigned URL is good at most, and the upper bound of `X-Amz-Expires`.
    pub const MAX_EXPIRES: Duration = Duration::from_secs(7 * 24 * 3600);

    /// The claim of a request; `None` when it is not signed at all.
    ///
    /// # Errors
    /// The signature is there and malformed.
    pub fn of(request: &Request<'_>) -> Result<Option<Self>, SignatureError> {
        if request.query_value("X-Amz-Signature").is_some()
            || request.query_value("X-Amz-Credential").is_some()
        {
            return Self::of_query(request).map(Some);
        }
        let authorization = request.header("authorization");
        if authorization.is_empty() {
            return Ok(None);
        }
        Self::of_header(&authorization, request).map(Some)
    }

    fn of_header(authorization: &str, request: &Request<'_>) -> Result<Self, SignatureError> {
        let (algorithm, fields) = authorization.split_once(' ').unwrap_or((authorization, ""));
        if algorithm != ALGORITHM {
            return Err(SignatureError::Algorithm(algorithm.to_owned()));
        }
        let field = |name: &'static str| {
            let mut pairs = fields.split(',').filter_map(|field| field.trim().split_once('='));
            let found = pairs.find(|(found, _)| *found == name).map(|(_, value)| value.to_owned());
            found.ok_or(SignatureError::Incomplete(name))
        };
        let date = [request.header("x-amz-date"), http_date(&request.header("date"))];
        let date = date.into_iter().find(|date| !date.is_empty());
        let token = request.header("x-amz-security-token");
        Self {
            session_token: (!token.is_empty()).then_some(token),
            date: date.ok_or(SignatureError::Incomplete("x-amz-date"))?,
            ..Self::scoped(&field("Credential")?, &field("SignedHeaders")?, field("Signature")?)?
        }
        .checked()
    }

    fn of_query(request: &Request<'_>) -> Result<Self, SignatureError> {
        let value = |name: &'static str| request.query_value(name).ok_or(SignatureError::Incomplete(name));
        let algorithm = value("X-Amz-Algorithm")?;
        if algorithm != ALGORITHM {
            return Err(SignatureError::Algorithm(algorithm));
        }
        Self {
            session_token: request.query_value("X-Amz-Security-Token"),
            presigned: true,
            date: value("X-Amz-Date")?,
            expires: request.query_value("X-Amz-Expires"),
            ..Self::scoped(
                &value("X-Amz-Credential")?,
                &value("X-Amz-SignedHeaders")?,
                value("X-Amz-Signature")?,
            )?
        }
        .checked()
    }

    fn scoped(credential: &str, signed_headers: &str, signature: String) -> Result<Self, SignatureError> {
        let malformed = || SignatureError::Scope(credential.to_owned());
        let mut parts = credential.rsplitn(5, '/');
        let mut next =
            || parts.next().filter(|part| !part.is_empty()).map(str::to_owned).ok_or_else(malformed);
        let (last, service, region, day, access_key) = (next()?, next()?, next()?, next()?, next()?);
        if last != "aws4_request" {
            return Err(malformed());
        }
        let signed_headers = signed_headers.split(';').map(str::to_ascii_lowercase).collect();
        Ok(Self {
            access_key,
            region,
            service,
            session_token: None,
            presigned: false,
            day,
            signed_headers,
            signature,
            date: String::new(),
            expires: None,
        })
    }

    fn checked(self) -> Result<Self, SignatureError> {
        if self.signed_at().is_none() || !self.date.starts_with(&self.day) || self.day.len() != 8 {
            return Err(SignatureError::Date { date: self.date, day: self.day });
        }
        if !self.signs("host") {
            return Err(SignatureError::Unsigned("host"));
        }
        Ok(self)
    }

    /// Checks the claim against the secret key: the time window, the body's hash, and the signature itself in constant time.
    ///
    /// # Errors
    /// What does not hold; the first of them.
    pub fn verify(
        &self,
        request: &Request<'_>,
        secret: &Secret,
        now: Timestamp,
    ) -> Result<(), SignatureError> {
        self.check_window(now)?;
        let body_hash = self.check_body(request)?;
        let signature = hex::decode(&self.signature).unwrap_or_default();
        let key = signing_key(&secret.0, &self.day, &self.region, &self.service);
        let scope = format!("{}/{}/{}/aws4_request", self.day, self.region, self.service);
        let mut first = None;
        for canonical_request in self.candidates(request, &body_hash) {
            let text = string_to_sign(&self.date, &scope, &canonical_request);
            let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&key) else { continue };
            mac.update(text.as_bytes());
            if mac.verify_slice(&signature).is_ok() {
                return Ok(());
            }
            first.get_or_insert(canonical_request);
        }
        Err(SignatureError::Mismatch { canonical_request: first.unwrap_or_default() })
    }

    /// Every canonical request that a well-behaved SDK may have signed, the standard's own first.
    fn candidates(&self, request: &Request<'_>, body_hash: &str) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let token_in_query = self.presigned && self.session_token.is_some();
        for encoding in [PathEncoding::Twice, PathEncoding::NormalizedTwice] {
            for drop_port in [false, true] {
                for drop_token in [false, token_in_query] {
                    let text = self.canonical(request, body_hash, encoding, drop_port, drop_token);
                    if !found.contains(&text) {
                        found.push(text);
                    }
                }
            }
        }
        found
    }

    fn canonical(
        &self,
        request: &Request<'_>,
        body_hash: &str,
        encoding: PathEncoding,
        drop_port: bool,
        drop_token: bool,
    ) -> String {
        let mut query = request.query_pairs();
        if self.presigned {
            query.retain(|(name, _)| {
                name != "X-Amz-Signature" && !(drop_token && name == "X-Amz-Security-Token")
            });
        }
        let headers = self.signed_headers.iter().map(|name| {
            let value = request.header(name);
            let bare = (drop_port && name == "host")
                .then(|| value.rsplit_once(':').map(|(host, _)| host.to_owned()));
            (name.clone(), bare.flatten().unwrap_or(value))
        });
        Canonical {
            method: request.method,
            path: canonical_path(request.path, encoding),
            query,
            headers: headers.collect(),
            body_hash,
        }
        .text()
    }

    fn check_window(&self, now: Timestamp) -> Result<(), SignatureError> {
        let signed_at = self.signed_at().unwrap_or_default();
        let skewed = || SignatureError::Skewed { signed: self.date.clone(), now: now.to_string() };
        if signed_at.since(now) > Self::MAX_SKEW {
            return Err(skewed());
        }
        let age = now.since(signed_at);
        match &self.expires {
            Some(text) => {
                let seconds = text.parse().ok().filter(|s| (1..=Self::MAX_EXPIRES.as_secs()).contains(s));
                let seconds = seconds.ok_or_else(|| SignatureError::Expires(text.clone()))?;
                if age > Duration::from_secs(seconds) {
                    let (signed, now) = (self.date.clone(), now.to_string());
                    return Err(SignatureError::Expired { signed, seconds, now });
                }
            }
            None if age > Self::MAX_SKEW => return Err(skewed()),
            None => {}
        }
        Ok(())
    }

    /// The hash that enters the canonical request: the body's own; a header that says otherwise is refused.
    fn check_body(&self, request: &Request<'_>) -> Result<String, SignatureError> {
        let computed = sha256_hex(request.body);
        let sent = request.header("x-amz-content-sha256");
        if sent.is_empty() {
            return Ok(computed);
        }
        if !self.signs("x-amz-content-sha256") {
            return Err(SignatureError::Unsigned("x-amz-content-sha256"));
        }
        if sent != computed {
            return Err(SignatureError::BodyHash { sent, computed });
        }
        Ok(computed)
    }

    fn signs(&self, name: &str) -> bool {
        self.signed_headers.iter().any(|signed| signed == name)
    }

    fn signed_at(&self) -> Option<Timestamp> {
        let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", &self.date).ok()?;
        let time = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
        Some(Timestamp::from_millis(time.timestamp().as_millisecond()))
    }
}

impl Secret {
    /// A secret access key; of any length.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The key itself, for whoever hands it to its owner.
    pub fn expose(&self) -> &str {
        &self.0
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The signing date of a client that sends only `Date`; empty when it is no HTTP date.
fn http_date(text: &str) -> String {
    match jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text.replace("GMT", "+0000")) {
        Ok(time) => time.strftime("%Y%m%dT%H%M%SZ").to_string(),
        Err(_) => String::new(),
    }
}
