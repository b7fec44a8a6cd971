//! Who may do what without a certificate: IAM policies from files, and the policy of the plain listener.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::value::RawValue;
use thingstead_core::PolicyName;
use thingstead_policy_engine::{Applicable, Document};
use thingstead_registry::authority::Identities;

use super::StartError;
use crate::Config;

/// Reads the IAM policies (AUTH-109): `KEY.json` in the directory `iam_policies` governs whoever signs with the access key
/// `KEY`. A key without a file is an administrator's.
pub(super) fn identities(config: &Config) -> Result<Identities, StartError> {
    let mut identities = Identities::default();
    identities.anonymous_policy = config.mqtt_policy.as_deref().map(PolicyName::from);
    super::cognito::read_into(&mut identities, config)?;
    let Some(directory) = &config.iam_policies else { return Ok(identities) };
    for file in json_files(directory)? {
        let Some(key) = file.file_stem().and_then(|stem| stem.to_str()) else { continue };
        let policies = read(&file).map_err(|reason| wrong(&file, reason))?;
        identities.grant(key, policies);
    }
    Ok(identities)
}

fn json_files(directory: &Path) -> Result<Vec<PathBuf>, StartError> {
    let entries = std::fs::read_dir(directory).map_err(|error| wrong(directory, error))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| wrong(directory, error))?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    Ok(files)
}

/// One document, or an array of them.
fn read(file: &Path) -> Result<Vec<Applicable>, String> {
    let text = std::fs::read_to_string(file).map_err(|error| error.to_string())?;
    let texts = match serde_json::from_str::<Vec<Box<RawValue>>>(&text) {
        Ok(several) => several.into_iter().map(|document| document.get().to_owned()).collect(),
        Err(_) => vec![text],
    };
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    texts
        .iter()
        .map(|text| {
            let document = Document::parse(text).map_err(|error| error.to_string())?;
            let name = PolicyName::from(&*name);
            Ok(Applicable { name, version: None, document: Arc::new(document) })
        })
        .collect()
}

fn wrong(file: &Path, reason: impl ToString) -> StartError {
    StartError::File { key: "iam_policies", file: file.to_owned(), reason: reason.to_string() }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use thingstead_core::{Principal, Scope};
    use thingstead_policy_engine::Protocol;
    use thingstead_registry::{Action, AuthorityRequest, Registry, RegistrySettings, TABLES};
    use thingstead_store::Store;

    use super::*;

    /// A directory of its own, gone afterwards.
    struct Folder(PathBuf);

    impl Folder {
        fn new() -> Self {
            static COUNT: AtomicU32 = AtomicU32::new(0);
            let name =
                format!("thingstead-iam-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
            let path = std::env::temp_dir().join(name);
            std::fs::create_dir_all(&path).expect("a directory");
            Self(path)
        }

        fn write(&self, name: &str, text: &str) {
            std::fs::write(self.0.join(name), text).expect("a file");
        }

        fn identities(&self) -> Result<Identities, StartError> {
            let flags = [("iam_policies".to_owned(), self.0.to_string_lossy().into_owned())].into();
            let merged = crate::config::Merged::read(&flags, &|_| None, &[], None).expect("merges");
            identities(&Config::from_merged(&merged).expect("valid"))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    const READER: &str =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iot:Receive","Resource":"*"}}"#;

    #[test]
    fn a_key_is_governed_by_its_file_and_an_administrator_without_one() {
        // AUTH-109, POLICY-362
        let folder = Folder::new();
        folder.write("READER.json", READER);
        folder.write("BOTH.json", &format!("[{READER}, {}]", READER.replace("Receive", "Publish")));
        folder.write("NOBODY.json", "[]");
        folder.write("README.md", "no policy");
        let settings = RegistrySettings {
            identities: Arc::new(folder.identities().expect("read")),
            ..RegistrySettings::default()
        };
        let store = Store::ephemeral(TABLES).expect("a store");
        let (clock, ids) = (thingstead_core::Clock::system(), thingstead_core::Ids::seeded(1));
        let registry = Registry::open(store, clock, ids, thingstead_core::Journal::default(), settings)
            .expect("no rows");
        for (key, publishes, receives) in
            [("READER", false, true), ("BOTH", true, true), ("NOBODY", false, false), ("OTHER", true, true)]
        {
            let arn = format!("arn:aws:iam::000000000000:user/{key}");
            let principal = Principal::Iam { unique_id: key.into(), arn: arn.into() };
            let scope = Scope::new("000000000000", "us-east-1");
            let mut authority = registry.authority(AuthorityRequest::new(scope, principal, Protocol::Https));
            assert_eq!(authority.permits(Action::Publish, "t"), publishes, "{key}");
            assert_eq!(authority.permits(Action::Receive, "t"), receives, "{key}");
        }
    }

    #[test]
    fn a_file_that_is_no_policy_stops_the_start_and_is_named() {
        let folder = Folder::new();
        folder.write("KEY.json", "{\n}");
        let error = folder.identities().expect_err("no policy").to_string();
        assert!(
            error.starts_with("`iam_policies` ") && error.contains("KEY.json: line 1, column 1"),
            "{error}"
        );
    }
}
