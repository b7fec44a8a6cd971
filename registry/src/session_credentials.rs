//! Temporary credentials: what the credentials provider has given out, so that this server knows them again (AUTH-244).

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thingstead_core::sigv4::Secret;
use thingstead_core::wiring::SessionCredentials;
use thingstead_core::{Arn, CertificateId, Principal, Scope, ThingName, Timestamp};
use thingstead_store::Table;

use crate::collection::Resource;
use crate::{Registry, Result};

/// A session of an assumed role. It ends by the injected clock.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleSession {
    /// Unique among all scopes.
    pub access_key: String,
    secret: String,
    token: String,
    /// When the credentials end.
    pub expires_at: Timestamp,
    /// The role that was assumed.
    pub role_arn: String,
    /// The name of the session: the certificate's id.
    pub session_name: String,
    /// Since when the credentials are good; `None` for those of older databases.
    #[serde(default)]
    pub issued_at: Option<Timestamp>,
    /// The thing that the request for credentials named, and its type then (AUTH-241).
    #[serde(default)]
    pub thing: Option<SessionThing>,
}

/// The thing that a session of a role stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionThing {
    /// Its name.
    pub name: ThingName,
    /// Its type, if it had one.
    pub type_name: Option<String>,
}

/// A role to be assumed by a certificate.
#[derive(Clone, Debug)]
pub struct Assumption {
    /// The role.
    pub role_arn: String,
    /// Who assumes it; the session is called by its id.
    pub certificate: CertificateId,
    /// The thing that the request names in its header; the certificate is attached to it (AUTH-235).
    pub thing: Option<ThingName>,
}

/// Why temporary credentials are not taken; the names of `Connection.AuthNError` (AUTH-111).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionRefusal {
    /// They have ended.
    #[error("the security token of `{access_key}` expired at {at}")]
    Expired {
        /// Whose.
        access_key: String,
        /// When.
        at: Timestamp,
    },
    /// The token is missing, or not the one that was given out with the key.
    #[error("the security token that came with `{0}` is not the one that was given out with it")]
    Invalid(String),
}

impl SessionRefusal {
    /// The reason in service logs.
    pub const fn log_reason(&self) -> &'static str {
        match self {
            Self::Expired { .. } => "SECURITY_TOKEN_EXPIRED",
            Self::Invalid(_) => "SECURITY_TOKEN_INVALID",
        }
    }
}

impl RoleSession {
    /// The key that verifies signatures.
    pub fn secret(&self) -> Secret {
        Secret::new(self.secret.clone())
    }

    /// Whether a request with this token may use the session now. `strict` also wants the token that was given out.
    ///
    /// # Errors
    /// Why not.
    pub fn check(
        &self,
        token: Option<&str>,
        strict: bool,
        now: Timestamp,
    ) -> std::result::Result<(), SessionRefusal> {
        if strict && token != Some(self.token.as_str()) {
            return Err(SessionRefusal::Invalid(self.access_key.clone()));
        }
        if now >= self.expires_at {
            return Err(SessionRefusal::Expired { access_key: self.access_key.clone(), at: self.expires_at });
        }
        Ok(())
    }

    /// What IAM policies may know about the device behind the session, by key (AUTH-241).
    pub(crate) fn device_keys(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let thing = self.thing.as_ref();
        let type_name = thing.and_then(|thing| thing.type_name.as_deref());
        [
            ("credentials-iot:AwsCertificateId", Some(self.session_name.as_str())),
            ("credentials-iot:ThingName", thing.map(|thing| thing.name.as_str())),
            ("credentials-iot:ThingTypeName", type_name),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key, value?)))
    }

    /// The account of the role.
    pub fn account(&self) -> String {
        Arn::parse(&self.role_arn).map(|arn| arn.account).unwrap_or_default()
    }

    /// Who acts: the role's unique id with the session's name, and the ARN of the session (AUTH-110).
    pub fn principal(&self) -> Principal {
        let Self { role_arn, session_name, .. } = self;
        let arn = Arn::parse(role_arn);
        let account = arn.as_ref().map(|arn| arn.account.clone()).unwrap_or_default();
        let path = arn.as_ref().and_then(|arn| arn.resource_of("role")).unwrap_or_default();
        // Without the path that may stand before a role's name.
        let role = path.rsplit('/').next().unwrap_or(path);
        Principal::Iam {
            unique_id: format!("{}:{session_name}", role_id(role_arn)).into(),
            arn: format!("arn:aws:sts::{account}:assumed-role/{role}/{session_name}").into(),
        }
    }
}

impl fmt::Debug for RoleSession {
    /// Without secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoleSession")
            .field("access_key", &self.access_key)
            .field("role_arn", &self.role_arn)
            .finish_non_exhaustive()
    }
}

impl Resource for RoleSession {
    const TABLE: Table = Table::new("role_sessions");

    fn key(&self) -> &str {
        &self.access_key
    }
}

impl Registry {
    /// Makes up credentials for a session of a role and keeps them until they end.
    ///
    /// # Errors
    /// `InternalFailure`.
    pub async fn issue_session(
        &self,
        scope: &Scope,
        assumption: &Assumption,
        duration_seconds: u32,
    ) -> Result<SessionCredentials> {
        let ids = &self.0.ids;
        let duration = std::time::Duration::from_secs(u64::from(duration_seconds));
        let credentials = SessionCredentials {
            access_key: format!("ASIA{}", text(ids, 16, KEY_LETTERS)),
            secret: Secret::new(text(ids, 40, TOKEN_LETTERS)),
            session_token: text(ids, 356, TOKEN_LETTERS),
            expires_at: self.0.clock.now().plus(duration),
        };
        self.keep_session(scope, assumption, &credentials).await?;
        Ok(credentials)
    }

    /// Keeps credentials that somebody else issued for a session of a role, and forgets those that have ended.
    ///
    /// # Errors
    /// `InternalFailure`.
    pub async fn keep_session(
        &self,
        scope: &Scope,
        assumption: &Assumption,
        credentials: &SessionCredentials,
    ) -> Result<()> {
        let Assumption { role_arn, certificate, thing } = assumption;
        self.change(scope, |state, change| {
            let session = RoleSession {
                access_key: credentials.access_key.clone(),
                secret: credentials.secret.expose().to_owned(),
                token: credentials.session_token.clone(),
                expires_at: credentials.expires_at,
                role_arn: role_arn.clone(),
                session_name: certificate.to_string(),
                issued_at: Some(change.now),
                thing: thing.as_ref().map(|name| SessionThing {
                    name: name.clone(),
                    type_name: state.things.get(name.as_str()).and_then(|thing| thing.type_name.clone()),
                }),
            };
            let long_ago = |session: &RoleSession| change.now.since(session.expires_at) > REMEMBERED;
            let ended: Vec<String> = state
                .role_sessions
                .iter()
                .filter(|it| long_ago(it))
                .map(|it| it.access_key.clone())
                .collect();
            for key in ended {
                change.remove(&mut state.role_sessions, &key);
                change.registry.sessions.remove(&key);
            }
            let stored = change.put(&mut state.role_sessions, session);
            change.registry.sessions.insert(stored.access_key.clone(), stored);
            Ok(())
        })
        .await
    }

    /// The session that an access key belongs to, whoever's it is. Answers from memory.
    pub fn role_session(&self, access_key: &str) -> Option<Arc<RoleSession>> {
        self.0.sessions.get(access_key).map(|found| Arc::clone(&found))
    }

    /// Who signs with an access key that is no session's: a Cognito identity of the configuration, else an IAM user of the
    /// account (AUTH-109, AUTH-134).
    pub fn principal_of_access_key(&self, account: &str, access_key: &str) -> Principal {
        self.0.settings.identities.principal_of(account, access_key)
    }
}

/// `AROA` and 17 letters or digits, the same for the same role.
fn role_id(role_arn: &str) -> String {
    let digest = Sha256::digest(role_arn);
    let letters = digest.iter().take(17).map(|byte| letter(KEY_LETTERS, *byte));
    format!("AROA{}", letters.collect::<String>())
}

fn text(ids: &thingstead_core::Ids, length: usize, letters: &[u8]) -> String {
    let mut bytes = vec![0; length];
    ids.fill(&mut bytes);
    bytes.into_iter().map(|byte| letter(letters, byte)).collect()
}

/// Both alphabets have a power of two, so that each letter is as likely as the others.
fn letter(letters: &[u8], byte: u8) -> char {
    letters.get(usize::from(byte) % letters.len().max(1)).map_or('A', |letter| char::from(*letter))
}

const KEY_LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const TOKEN_LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
/// So that credentials that have just ended are called expired and not unknown.
const REMEMBERED: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_older_databases_are_read() {
        // AUTH-241: sessions from before devices were kept with them stand for none.
        let session = RoleSession {
            access_key: "ASIA".to_owned(),
            secret: "s".to_owned(),
            token: "t".to_owned(),
            expires_at: Timestamp::from_millis(5),
            role_arn: "arn:aws:iam::1:role/r".to_owned(),
            session_name: "c".to_owned(),
            issued_at: None,
            thing: None,
        };
        let mut row = serde_json::to_value(&session).expect("a row");
        let members = row.as_object_mut().expect("an object");
        assert!(members.remove("issued_at").is_some() && members.remove("thing").is_some());
        let read: RoleSession = serde_json::from_value(row).expect("reads");
        assert!(read == session);
        assert_eq!(read.device_keys().collect::<Vec<_>>(), [("credentials-iot:AwsCertificateId", "c")]);
    }
}
