use std::collections::BTreeMap;
use std::path::Path;

use super::*;

fn merged(
    flags: &[(&str, &str)],
    variables: &[(&str, &str)],
    file: Option<&Path>,
) -> Result<Merged, ConfigError> {
    let flags: BTreeMap<_, _> = flags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    let names: Vec<_> = variables.iter().map(|(name, _)| (*name).to_owned()).collect();
    let environment =
        |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
    Merged::read(&flags, &environment, &names, file)
}

fn written(text: &str) -> (std::path::PathBuf, impl Drop) {
    struct Remove(std::path::PathBuf);
    impl Drop for Remove {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }
    let name = format!("thingstead-config-{}-{:x}.toml", std::process::id(), text.as_ptr() as usize);
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, text).expect("the temporary directory is writable");
    (path.clone(), Remove(path))
}

#[test]
fn flag_wins_over_environment_over_file_over_default() {
    let (file, _remove) =
        written("region = \"eu-west-1\"\naccount = \"111111111111\"\nephemeral = true\nshards = 3\n");
    let merged = merged(
        &[("region", "ap-south-1")],
        &[("THINGSTEAD_REGION", "us-west-2"), ("THINGSTEAD_ACCOUNT", "222222222222")],
        Some(&file),
    )
    .expect("valid");
    let of =
        |key| merged.get(key).map(|raw| (raw.value.as_str(), raw.origin.to_string())).expect("a setting");
    assert_eq!(of("region"), ("ap-south-1", "flag --region".to_owned()));
    assert_eq!(of("account"), ("222222222222", "environment THINGSTEAD_ACCOUNT".to_owned()));
    assert_eq!(of("ephemeral"), ("true", format!("file {}", file.display())));
    assert_eq!(of("limits"), ("aws", "default".to_owned()));
    let config = Config::from_merged(&merged).expect("valid");
    assert_eq!(
        (config.scope.account(), config.scope.region(), config.shards),
        ("222222222222", "ap-south-1", 3)
    );
    assert!(config.ephemeral && config.mqtt_addr.is_empty());
}

#[test]
fn functions_are_a_table_in_the_file_and_pairs_elsewhere() {
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:gate";
    let url = "http://127.0.0.1:9000/gate";
    let text = format!("[functions]\n\"{arn}\" = \"{url}\"\n");
    let (file, _remove) = written(&text);
    let from_file = merged(&[], &[], Some(&file)).expect("valid");
    let pairs = format!("{arn}={url},other=https://example.com/");
    let from_flag = merged(&[("functions", &pairs)], &[], None).expect("valid");
    let gate = (arn.to_owned(), url.to_owned());
    let functions = |merged| Config::from_merged(merged).expect("valid").functions;
    assert_eq!(functions(&from_file), vec![gate.clone()]);
    assert_eq!(functions(&from_flag), [gate, ("other".to_owned(), "https://example.com/".to_owned())]);
    let wrong = merged(&[("functions", "gate=localhost:9000")], &[], None).expect("text is text");
    let error = Config::from_merged(&wrong).expect_err("no URL").to_string();
    assert!(error.contains("gate=localhost:9000") && error.contains("http://"), "{error}");
}

#[test]
fn every_default_is_valid() {
    assert!(Config::from_merged(&merged(&[], &[], None).expect("valid")).is_ok());
}

#[test]
fn a_wrong_value_names_the_key_the_value_and_what_is_allowed() {
    let cases = [
        ("mqtts_addr", "here", "`mqtts_addr` is `here` (flag --mqtts-addr), expected addresses such as"),
        ("account", "12", "`account` is `12` (flag --account), expected 12 digits"),
        ("limits", "none", "`limits` is `none` (flag --limits), expected `aws` or `relaxed`"),
        ("ephemeral", "maybe", "`ephemeral` is `maybe` (flag --ephemeral), expected true or false"),
        (
            "session_expiry",
            "604801",
            "`session_expiry` is `604801` (flag --session-expiry), expected seconds from 1 to 604800",
        ),
        (
            "subscribe_denied",
            "no",
            "`subscribe_denied` is `no` (flag --subscribe-denied), expected `reject` or `disconnect`",
        ),
        ("shards", "-1", "`shards` is `-1` (flag --shards), expected a number from 0 to 64"),
        ("access_keys", "AKIA", "`access_keys` is `AKIA` (flag --access-keys), expected `ID:SECRET` pairs"),
    ];
    for (key, value, message) in cases {
        let error = Config::from_merged(&merged(&[(key, value)], &[], None).expect("merges")).expect_err(key);
        assert!(error.to_string().starts_with(message), "{error}");
    }
}

#[test]
fn an_embedded_server_keeps_to_memory_and_free_ports() {
    let config = Config::embedded(&[("region", "eu-west-1"), ("shards", "2")]).expect("valid");
    assert!(config.ephemeral && config.mqtt_addr.iter().chain(&config.api_addr).all(|door| door.port() == 0));
    assert_eq!((config.scope.region(), config.shards), ("eu-west-1", 2));
    let error = Config::embedded(&[("regoin", "x")]).expect_err("unknown key").to_string();
    assert_eq!(error, "`regoin` is no setting, did you mean `region`?; `thingstead config` lists them all");
    let error = Config::embedded(&[("limits", "none")]).expect_err("bad value").to_string();
    assert_eq!(error, "`limits` is `none` (given in code), expected `aws` or `relaxed`");
}

#[test]
fn unknown_keys_and_variables_are_refused_with_the_nearest_name() {
    let (file, _remove) = written("data_dirr = \"x\"\n");
    let error = merged(&[], &[], Some(&file)).expect_err("unknown key").to_string();
    assert!(error.contains("`data_dirr`") && error.contains("did you mean `data_dir`?"), "{error}");
    let error = merged(&[], &[("THINGSTEAD_LIMIT", "aws")], None).expect_err("unknown variable").to_string();
    assert!(error.contains("`THINGSTEAD_LIMIT`") && error.contains("did you mean `limits`?"), "{error}");
}
