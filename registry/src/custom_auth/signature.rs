//! The signature of the token (policy.md 13.3).

use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Refusal;
use crate::authorizers::{Authorizer, rsa_key};

/// Whether the token's signature was checked; it was not where the authorizer wants none (AUTH-183, AUTH-184).
///
/// # Errors
/// The token or its signature is missing, or no key of the authorizer made it (AUTH-181, AUTH-182).
pub(super) fn check(
    authorizer: &Authorizer,
    token: Option<&str>,
    signature: Option<&str>,
) -> Result<bool, Refusal> {
    if authorizer.signing_disabled {
        return Ok(false);
    }
    let name = || authorizer.name.as_str().into();
    let Some(token) = token else {
        let key = authorizer.token_key_name.as_deref().unwrap_or_default();
        return Err(Refusal::NoToken { authorizer: name(), key: key.into() });
    };
    let Some(signature) = signature else { return Err(Refusal::NoSignature { authorizer: name() }) };
    let Ok(signature) = STANDARD.decode(signature) else {
        return Err(Refusal::SignatureUnreadable { authorizer: name() });
    };
    let good = authorizer.token_signing_public_keys.values().filter_map(|pem| rsa_key(pem)).any(|key| {
        // AUTH-180
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).verify(token.as_bytes(), &signature).is_ok()
    });
    if good {
        return Ok(true);
    }
    let keys = authorizer.token_signing_public_keys.keys().map(|key| format!("`{key}`"));
    Err(Refusal::SignatureWrong { authorizer: name(), keys: keys.collect::<Vec<_>>().join(", ") })
}
