//! The file `cognito_identities`: which access keys are those of Amazon Cognito identities, and what their roles may do.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use thingstead_core::PolicyName;
use thingstead_policy_engine::{Applicable, Document};
use thingstead_registry::authority::Identities;

use super::StartError;
use crate::Config;

/// Reads the Cognito identities (AUTH-130, AUTH-134) into `identities`. A role without policies is an administrator, as an IAM
/// user without policies is (AUTH-109).
pub(super) fn read_into(identities: &mut Identities, config: &Config) -> Result<(), StartError> {
    let Some(file) = &config.cognito_identities else { return Ok(()) };
    let wrong = |reason: String| wrong(file, reason);
    let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
    let Entries(entries) = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    let mut known: HashMap<String, (String, bool, Option<Vec<String>>)> = HashMap::new();
    for (key, entry) in entries {
        let at = |reason: String| wrong(format!("`{key}`: {reason}"));
        check_key(config, &key).map_err(at)?;
        let Entry { identity, authenticated, role_policies } =
            serde_json::from_str(entry.get()).map_err(|error| at(without_place(&error)))?;
        if !is_identity_id(&identity) {
            return Err(at(format!("`identity` is `{identity}`, expected `REGION:UUID` in lower case")));
        }
        check_elsewhere(config, &key).and_then(|()| check_elsewhere(config, &identity)).map_err(at)?;
        let texts: Option<Vec<String>> =
            role_policies.map(|policies| policies.iter().map(|policy| policy.get().to_owned()).collect());
        if let Some(texts) = &texts {
            identities.grant(&identity, documents(&key, texts).map_err(at)?);
        }
        if let Some((other, same, policies)) = known.get(&identity)
            && (*same, policies) != (authenticated, &texts)
        {
            return Err(at(format!(
                "`identity` is `{identity}`, which `{other}` has with other values; expected the same `authenticated` and \
                 `role_policies` wherever an identity is named"
            )));
        }
        identities.assign(&key, &identity, authenticated);
        known.insert(identity, (key, authenticated, texts));
    }
    Ok(())
}

fn check_key(config: &Config, key: &str) -> Result<(), String> {
    if key.is_empty() || key.len() > 128 || !key.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err("this is no access key id, expected 1 to 128 letters and digits".to_owned());
    }
    if config.verify_signatures && !config.access_keys.iter().any(|(id, _)| id == key) {
        return Err(
            "this access key has no secret, expected one in `access_keys`, since `verify_signatures` is on"
                .to_owned(),
        );
    }
    Ok(())
}

/// Policies that one place gives and another seems to take away would be a trap.
fn check_elsewhere(config: &Config, name: &str) -> Result<(), String> {
    let file = config.iam_policies.as_ref().map(|directory| directory.join(format!("{name}.json")));
    match file.filter(|file| file.exists()) {
        Some(file) => Err(format!("{} gives policies too, expected `role_policies` only", file.display())),
        None => Ok(()),
    }
}

fn documents(key: &str, texts: &[String]) -> Result<Vec<Applicable>, String> {
    let read = |(number, text): (usize, &String)| {
        let name = PolicyName::from(format!("role_policies[{number}] of {key}").as_str());
        let document = Document::parse(text).map_err(|error| {
            format!("`role_policies[{number}]`, counted from its own first line: {error}")
        })?;
        Ok(Applicable { name, version: None, document: Arc::new(document) })
    };
    texts.iter().enumerate().map(read).collect()
}

/// `REGION:UUID` (AUTH-132).
fn is_identity_id(text: &str) -> bool {
    let Some((region, uuid)) = text.split_once(':') else { return false };
    let hexadecimal = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let in_region = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let parts: Vec<&str> = uuid.split('-').collect();
    !region.is_empty()
        && region.len() <= 32
        && region.bytes().all(in_region)
        && parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && parts.into_iter().all(hexadecimal)
}

/// The place is that in the entry, which would mislead.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.as_str(), |(reason, _)| reason).to_owned()
}

fn wrong(file: &Path, reason: String) -> StartError {
    StartError::File { key: "cognito_identities", file: file.to_owned(), reason }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    identity: String,
    authenticated: bool,
    /// Left out is an administrator; `null` is a mistake.
    #[serde(default, deserialize_with = "given")]
    role_policies: Option<Vec<Box<RawValue>>>,
}

fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Box<RawValue>>>, D::Error> {
    Vec::deserialize(deserializer).map(Some)
}

/// The members of the file, none of them twice.
struct Entries(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Entries;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of access keys")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries: Vec<(String, Box<RawValue>)> = Vec::new();
                while let Some((key, entry)) = map.next_entry::<String, Box<RawValue>>()? {
                    if entries.iter().any(|(known, _)| *known == key) {
                        return Err(A::Error::custom(format!("`{key}` is there twice")));
                    }
                    entries.push((key, entry));
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

#[cfg(test)]
mod tests {
    use thingstead_core::Principal;

    use super::*;

    fn read(text: &str, more: &[(&str, &str)]) -> Result<Identities, String> {
        static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let file =
            std::env::temp_dir().join(format!("thingstead-cognito-{}-{number}.json", std::process::id()));
        std::fs::write(&file, text).expect("a file");
        let mut flags: std::collections::BTreeMap<String, String> =
            [("cognito_identities".to_owned(), file.to_string_lossy().into_owned())].into();
        flags.extend(more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        let merged = crate::config::Merged::read(&flags, &|_| None, &[], None).expect("merges");
        let mut identities = Identities::default();
        let outcome = read_into(&mut identities, &Config::from_merged(&merged).expect("valid"));
        let _ = std::fs::remove_file(&file);
        outcome.map(|()| identities).map_err(|error| error.to_string())
    }

    const GUEST: &str = "us-east-1:00000000-0000-4000-8000-00000000000a";

    #[test]
    fn access_keys_become_identities() {
        // AUTH-130, AUTH-131, AUTH-132, AUTH-134
        let user = GUEST.replace('a', "b");
        let identities = read(
            &format!(
                r#"{{"AKIAGUEST": {{"identity": "{GUEST}", "authenticated": false, "role_policies": []}},
                     "AKIAUSER": {{"identity": "{user}", "authenticated": true}}}}"#
            ),
            &[],
        )
        .expect("read");
        let cognito = |id: &str, authenticated| Principal::Cognito { identity_id: id.into(), authenticated };
        assert_eq!(identities.principal_of("1", "AKIAGUEST"), cognito(GUEST, false));
        assert_eq!(identities.principal_of("1", "AKIAUSER"), cognito(&user, true));
        assert_eq!(identities.principal_of("1", "AKIAOTHER"), Principal::of_access_key("1", "AKIAOTHER"));
    }

    #[test]
    fn mistakes_stop_the_start_and_are_named() {
        // AUTH-134
        let entry = |members: &str| format!(r#"{{"AKIA": {{{members}}}}}"#);
        let valid = format!(r#""identity": "{GUEST}", "authenticated": true"#);
        for (text, expected) in [
            ("[]".to_owned(), "expected an object of access keys at line 1"),
            (entry(""), "`AKIA`: missing field `identity`"),
            (entry(&format!(r#""identity": "{GUEST}""#)), "`AKIA`: missing field `authenticated`"),
            (
                entry(r#""identity": "us-east-1:me", "authenticated": true"#),
                "`AKIA`: `identity` is `us-east-1:me`, expected `REGION:UUID`",
            ),
            (
                entry(&format!(r#"{valid}, "role": 1"#)),
                "`AKIA`: unknown field `role`, expected one of `identity`",
            ),
            (entry(&format!(r#"{valid}, "role_policies": null"#)), "`AKIA`: invalid type: null"),
            (
                entry(&format!(r#"{valid}, "role_policies": [{{}}]"#)),
                "`AKIA`: `role_policies[0]`, counted from its own first line: line 1, column 1",
            ),
            (format!(r#"{{"a b": {{{valid}}}}}"#), "`a b`: this is no access key id, expected 1 to 128"),
            (format!(r#"{{"A": {{{valid}}}, "A": {{{valid}}}}}"#), "`A` is there twice"),
            (
                format!(r#"{{"A": {{{valid}}}, "B": {{{valid}, "role_policies": []}}}}"#),
                "`B`: `identity` is `us-east-1:00000000-0000-4000-8000-00000000000a`, which `A` has with other values",
            ),
        ] {
            let error = read(&text, &[]).expect_err(&text);
            assert!(error.starts_with("`cognito_identities` ") && error.contains(expected), "{error}");
        }
        let checked = [("verify_signatures", "true"), ("access_keys", "OTHER:secret")];
        let error = read(&entry(&valid), &checked).expect_err("no secret");
        assert!(
            error.contains("`AKIA`: this access key has no secret, expected one in `access_keys`"),
            "{error}"
        );
    }

    #[test]
    fn a_key_has_policies_from_one_place_only() {
        let folder = std::env::temp_dir().join(format!("thingstead-cognito-iam-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a directory");
        std::fs::write(folder.join("AKIA.json"), "[]").expect("a file");
        let text = format!(r#"{{"AKIA": {{"identity": "{GUEST}", "authenticated": true}}}}"#);
        let error = read(&text, &[("iam_policies", &folder.to_string_lossy())]).expect_err("two places");
        let _ = std::fs::remove_dir_all(&folder);
        assert!(error.contains("AKIA.json gives policies too"), "{error}");
    }
}
