//! Custom authorizers as resources (api.md 5.7, policy.md 13.1).

use std::collections::BTreeMap;
use std::sync::Arc;

use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};
use thingstead_core::{Arn, Scope, Timestamp};
use thingstead_store::Table;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

use crate::collection::Resource;
use crate::page::{DEFAULT_MARKED, Page, PageRequest};
use crate::state::State;
use crate::{Registry, RegistryError, Result, constraints, tags};

/// A custom authorizer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Authorizer {
    /// Unique in its scope.
    #[serde(rename = "authorizerName")]
    pub name: String,
    /// The Lambda function that is asked.
    #[serde(rename = "authorizerFunctionArn")]
    pub function: Arc<str>,
    /// Under which name clients send their token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_key_name: Option<String>,
    /// PEM public keys by their names; a token signed with any of them is good (AUTH-153).
    #[serde(default)]
    pub token_signing_public_keys: BTreeMap<String, String>,
    /// Whether it may be used.
    pub status: AuthorizerStatus,
    /// Whether tokens come without a signature; cannot be changed (AUTH-151).
    pub signing_disabled: bool,
    /// Whether answers to HTTPS requests are kept (AUTH-219).
    pub enable_caching_for_http: bool,
    /// When it was created.
    #[serde(rename = "creationDate")]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[serde(rename = "lastModifiedDate")]
    pub modified_at: Timestamp,
}

/// Whether an authorizer may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum AuthorizerStatus {
    /// It may.
    Active,
    /// It may not (AUTH-154).
    #[default]
    Inactive,
}

/// What `CreateAuthorizer` takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreateAuthorizer {
    /// Its name.
    pub name: String,
    /// A Lambda function's ARN.
    pub function: String,
    /// Needed unless signing is disabled (AUTH-152).
    pub token_key_name: Option<String>,
    /// At least one is needed unless signing is disabled (AUTH-152).
    pub token_signing_public_keys: BTreeMap<String, String>,
    /// INACTIVE when absent (API-330).
    pub status: Option<AuthorizerStatus>,
    /// `false` by default (AUTH-151).
    pub signing_disabled: bool,
    /// `false` by default (AUTH-159).
    pub enable_caching_for_http: bool,
    /// Its tags.
    pub tags: Vec<(String, String)>,
}

/// What `UpdateAuthorizer` takes: what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the members are those of `CreateAuthorizer`")]
pub struct UpdateAuthorizer {
    pub function: Option<String>,
    pub token_key_name: Option<String>,
    pub token_signing_public_keys: Option<BTreeMap<String, String>>,
    pub status: Option<AuthorizerStatus>,
    pub enable_caching_for_http: Option<bool>,
}

impl Authorizer {
    /// Its ARN (AUTH-156).
    pub fn arn(&self, scope: &Scope) -> Arn {
        Arn::iot(scope, format!("authorizer/{}", self.name))
    }

    /// Judged when it is created and when it is changed (AUTH-152, AUTH-153).
    fn check(&self) -> Result<()> {
        let is_function = Arn::parse(&self.function)
            .is_some_and(|arn| arn.service == "lambda" && arn.resource.starts_with("function:"));
        if !is_function {
            return Err(RegistryError::invalid(format!(
                "Value '{}' at 'authorizerFunctionArn' is no Lambda function; expected \
                 arn:aws:lambda:REGION:ACCOUNT:function:NAME",
                self.function
            )));
        }
        if !self.signing_disabled && self.token_key_name.is_none() {
            return Err(RegistryError::invalid("tokenKeyName is required when signing is enabled"));
        }
        if !self.signing_disabled && self.token_signing_public_keys.is_empty() {
            return Err(RegistryError::invalid("tokenSigningPublicKeys is required when signing is enabled"));
        }
        match self.token_signing_public_keys.iter().find(|(_, pem)| rsa_key(pem).is_none()) {
            Some((name, _)) => Err(RegistryError::invalid(format!(
                "The public key '{name}' at 'tokenSigningPublicKeys' is no RSA public key of at least 2048 bits in PEM"
            ))),
            None => Ok(()),
        }
    }
}

impl Resource for Authorizer {
    const TABLE: Table = Table::new("authorizers");

    fn key(&self) -> &str {
        &self.name
    }
}

impl Registry {
    /// Creates an authorizer (API-330).
    ///
    /// # Errors
    /// `InvalidRequest`, `ResourceAlreadyExists`, `LimitExceeded`.
    pub async fn create_authorizer(&self, scope: &Scope, asked: CreateAuthorizer) -> Result<Arc<Authorizer>> {
        self.change(scope, |state, change| {
            constraints::authorizer_name(&asked.name)?;
            if let Some(found) = state.authorizers.get(&asked.name) {
                let (name, arn) = (&found.name, found.arn(scope).to_string());
                return Err(RegistryError::exists(format!("Authorizer {name} already exists"), name, arn));
            }
            let authorizer = Authorizer {
                name: asked.name,
                function: asked.function.into(),
                token_key_name: asked.token_key_name,
                token_signing_public_keys: asked.token_signing_public_keys,
                status: asked.status.unwrap_or_default(),
                signing_disabled: asked.signing_disabled,
                enable_caching_for_http: asked.enable_caching_for_http,
                created_at: change.now,
                modified_at: change.now,
            };
            authorizer.check()?;
            if change.limited() && state.authorizers.len() >= MOST_AUTHORIZERS {
                return Err(RegistryError::LimitExceeded(format!(
                    "An account can have at most {MOST_AUTHORIZERS} authorizers"
                )));
            }
            tags::add(state, change, &authorizer.arn(scope).to_string(), &asked.tags)?;
            Ok(change.put(&mut state.authorizers, authorizer))
        })
        .await
    }

    /// An authorizer (API-331).
    ///
    /// # Errors
    /// `ResourceNotFound`.
    pub fn describe_authorizer(&self, scope: &Scope, name: &str) -> Result<Arc<Authorizer>> {
        self.read(scope, |state| known_authorizer(state, name).cloned())
    }

    /// Authorizers of a status, or all (API-332).
    ///
    /// # Errors
    /// `InvalidRequest` for an unknown token.
    pub fn list_authorizers(
        &self,
        scope: &Scope,
        status: Option<AuthorizerStatus>,
        newest_first: bool,
        page: &PageRequest,
    ) -> Result<Page<Arc<Authorizer>>> {
        self.read(scope, |state| {
            state.authorizers.page("authorizers", page, DEFAULT_MARKED, newest_first, |authorizer| {
                status.is_none_or(|status| authorizer.status == status)
            })
        })
    }

    /// Changes all but `signingDisabled` (API-332).
    ///
    /// # Errors
    /// `ResourceNotFound`, `InvalidRequest`.
    pub async fn update_authorizer(
        &self,
        scope: &Scope,
        name: &str,
        asked: UpdateAuthorizer,
    ) -> Result<Arc<Authorizer>> {
        self.change(scope, |state, change| {
            let mut authorizer = Authorizer::clone(known_authorizer(state, name)?);
            if let Some(function) = asked.function {
                authorizer.function = function.into();
            }
            authorizer.token_key_name = asked.token_key_name.or(authorizer.token_key_name);
            if let Some(keys) = asked.token_signing_public_keys {
                authorizer.token_signing_public_keys = keys;
            }
            authorizer.status = asked.status.unwrap_or(authorizer.status);
            if let Some(caching) = asked.enable_caching_for_http {
                authorizer.enable_caching_for_http = caching;
            }
            authorizer.modified_at = change.now;
            authorizer.check()?;
            Ok(change.put(&mut state.authorizers, authorizer))
        })
        .await
    }

    /// Deletes an authorizer that is INACTIVE and not the default (AUTH-155, API-332).
    ///
    /// # Errors
    /// `ResourceNotFound`, `DeleteConflict`.
    pub async fn delete_authorizer(&self, scope: &Scope, name: &str) -> Result<()> {
        self.change(scope, |state, change| {
            let authorizer = known_authorizer(state, name)?;
            if authorizer.status == AuthorizerStatus::Active {
                return Err(RegistryError::DeleteConflict(format!(
                    "Authorizer {name} is ACTIVE; set its status to INACTIVE before you delete it"
                )));
            }
            if state.default_authorizer.as_deref() == Some(name) {
                return Err(RegistryError::DeleteConflict(format!(
                    "Authorizer {name} is the default authorizer; clear the default before you delete it"
                )));
            }
            let arn = authorizer.arn(scope).to_string();
            tags::forget(state, change, &arn);
            change.remove(&mut state.authorizers, name);
            Ok(())
        })
        .await
    }

    /// Makes an authorizer the account's default (AUTH-157, API-333).
    ///
    /// # Errors
    /// `ResourceNotFound`, `ResourceAlreadyExists` while another one is.
    pub async fn set_default_authorizer(&self, scope: &Scope, name: &str) -> Result<Arc<Authorizer>> {
        self.change(scope, |state, change| {
            let authorizer = Arc::clone(known_authorizer(state, name)?);
            match &state.default_authorizer {
                Some(default) if default != name => {
                    let arn = Arn::iot(scope, format!("authorizer/{default}")).to_string();
                    Err(RegistryError::exists(
                        format!("Authorizer {default} is the default authorizer already"),
                        default,
                        arn,
                    ))
                }
                _ => {
                    let row = serde_json::to_string(name).unwrap_or_default();
                    change.batch.put(DEFAULT_AUTHORIZER, scope, DEFAULT_KEY, row);
                    state.default_authorizer = Some(name.to_owned());
                    Ok(authorizer)
                }
            }
        })
        .await
    }

    /// The account's default authorizer (API-333).
    ///
    /// # Errors
    /// `ResourceNotFound` without one.
    pub fn describe_default_authorizer(&self, scope: &Scope) -> Result<Arc<Authorizer>> {
        self.read(scope, |state| match &state.default_authorizer {
            Some(name) => known_authorizer(state, name).cloned(),
            None => Err(RegistryError::not_found(NO_DEFAULT)),
        })
    }

    /// Leaves the account without a default authorizer (API-333).
    ///
    /// # Errors
    /// `ResourceNotFound` without one.
    pub async fn clear_default_authorizer(&self, scope: &Scope) -> Result<()> {
        self.change(scope, |state, change| {
            if state.default_authorizer.take().is_none() {
                return Err(RegistryError::not_found(NO_DEFAULT));
            }
            change.batch.delete(DEFAULT_AUTHORIZER, scope, DEFAULT_KEY);
            Ok(())
        })
        .await
    }

    /// Whether the scope has an authorizer that may be used: without one nobody needs to be let in who may still name one.
    pub fn has_active_authorizer(&self, scope: &Scope) -> bool {
        self.read(scope, |state| {
            state.authorizers.iter().any(|authorizer| authorizer.status == AuthorizerStatus::Active)
        })
    }
}

/// The bits of an RSA public key of at least 2048 bits in PEM, as a DER `RSAPublicKey` (AUTH-153).
pub(crate) fn rsa_key(pem: &str) -> Option<Vec<u8>> {
    let der = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).ok()?;
    let (_, key) = SubjectPublicKeyInfo::from_der(der.as_ref()).ok()?;
    match key.parsed() {
        Ok(PublicKey::RSA(rsa)) if rsa.key_size() >= 2048 => Some(key.subject_public_key.data.to_vec()),
        _ => None,
    }
}

fn known_authorizer<'a>(state: &'a State, name: &str) -> Result<&'a Arc<Authorizer>> {
    let found = state.authorizers.get(name);
    found.ok_or_else(|| RegistryError::not_found(format!("Authorizer {name} does not exist")))
}

/// One row: the name of the default authorizer.
pub(crate) const DEFAULT_AUTHORIZER: Table = Table::new("default_authorizer");
const DEFAULT_KEY: &str = "default";
const NO_DEFAULT: &str = "The account has no default authorizer";
const MOST_AUTHORIZERS: usize = 10;
