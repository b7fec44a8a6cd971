//! Why a signature is not accepted.

/// What is wrong with a signed request. The secret never appears in a message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// A part of the `Authorization` header or of the presigned query is absent.
    #[error("the signature is incomplete: `{0}` is missing")]
    Incomplete(&'static str),
    /// Not [`super::ALGORITHM`].
    #[error("the signing algorithm is `{0}`; only `AWS4-HMAC-SHA256` is served")]
    Algorithm(String),
    /// The credential is not `KEY/DATE/REGION/SERVICE/aws4_request`.
    #[error("the credential is `{0}`; expected `KEY/YYYYMMDD/REGION/SERVICE/aws4_request`")]
    Scope(String),
    /// The date is not `YYYYMMDDTHHMMSSZ`, or its day differs from the scope's.
    #[error(
        "the signing date is `{date}`; expected `YYYYMMDDTHHMMSSZ` on the day `{day}` of the credential scope"
    )]
    Date {
        /// As sent.
        date: String,
        /// The day in the credential scope.
        day: String,
    },
    /// A header that must be signed is not.
    #[error("the header `{0}` must be among the signed headers")]
    Unsigned(&'static str),
    /// `x-amz-content-sha256` differs from the body's hash.
    #[error("`x-amz-content-sha256` is `{sent}`, but the body's SHA-256 is `{computed}`")]
    BodyHash {
        /// As sent.
        sent: String,
        /// Of the body that arrived.
        computed: String,
    },
    /// Further than [`super::Claim::MAX_SKEW`] from the server's time.
    #[error(
        "signature expired or not yet current: signed at `{signed}`, the server's time is `{now}`, allowed are 5 minutes"
    )]
    Skewed {
        /// When the client says it signed.
        signed: String,
        /// The server's time.
        now: String,
    },
    /// A presigned URL after its `X-Amz-Expires`.
    #[error(
        "the presigned URL expired: signed at `{signed}`, valid for {seconds} s, the server's time is `{now}`"
    )]
    Expired {
        /// When the client says it signed.
        signed: String,
        /// `X-Amz-Expires`.
        seconds: u64,
        /// The server's time.
        now: String,
    },
    /// `X-Amz-Expires` is no number of seconds up to a week.
    #[error("`X-Amz-Expires` is `{0}`; expected 1 to 604800 seconds")]
    Expires(String),
    /// Everything is in place and the signature is another.
    #[error("the request signature we calculated does not match the signature you provided")]
    Mismatch {
        /// What should have been signed, for comparison by a person.
        canonical_request: String,
    },
}
