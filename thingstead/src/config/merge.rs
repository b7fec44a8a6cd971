//! From many sources to one value a setting, still as text.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::{ConfigError, Environment, SETTINGS, Setting};

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A command-line flag.
    Flag(String),
    /// An environment variable.
    Variable(String),
    /// A file.
    File(PathBuf),
    /// Code that embeds the server.
    Code,
    /// The table.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "flag --{flag}"),
            Self::Variable(name) => write!(f, "environment {name}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::Code => f.write_str("given in code"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value as text, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raw {
    /// The setting.
    pub setting: &'static Setting,
    /// Its value.
    pub value: String,
    /// From where.
    pub origin: Origin,
}

impl PartialEq for Setting {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Setting {}

/// One value for each setting, in the table's order.
#[derive(Debug, Clone)]
pub struct Merged(Vec<Raw>);

impl Merged {
    /// Merges flags (key to value), environment and file. Without `file`, `./thingstead.toml` is read where it exists.
    ///
    /// # Errors
    /// A file that cannot be read or parsed, an unknown key or `THINGSTEAD_` variable.
    pub fn read(
        flags: &BTreeMap<String, String>,
        environment: Environment<'_>,
        variables: &[String],
        file: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        let from_file = match file {
            Some(path) => read_file(path)?,
            None => {
                let usual = Path::new("thingstead.toml");
                if usual.is_file() { read_file(usual)? } else { BTreeMap::new() }
            }
        };
        let file_path = file.unwrap_or(Path::new("thingstead.toml")).to_path_buf();
        for name in variables.iter().filter(|name| name.starts_with("THINGSTEAD_")) {
            let key = name.trim_start_matches("THINGSTEAD_").to_lowercase();
            if Setting::of(&key).is_none() && !OTHER_VARIABLES.contains(&name.as_str()) {
                return Err(ConfigError::UnknownVariable {
                    name: name.clone(),
                    suggestion: suggestion(&key),
                });
            }
        }
        let values = SETTINGS.iter().map(|setting| {
            let (value, origin) = if let Some(value) = flags.get(setting.key) {
                (value.clone(), Origin::Flag(setting.flag()))
            } else if let Some(value) = environment(&setting.variable()) {
                (value, Origin::Variable(setting.variable()))
            } else if let Some(value) = from_file.get(setting.key) {
                (value.clone(), Origin::File(file_path.clone()))
            } else {
                (setting.default.to_owned(), Origin::Default)
            };
            Raw { setting, value, origin }
        });
        Ok(Self(values.collect()))
    }

    /// The defaults but for these values, by key; neither the environment nor a file is read.
    ///
    /// # Errors
    /// An unknown key.
    pub fn of(given: &[(&str, &str)]) -> Result<Self, ConfigError> {
        if let Some((key, _)) = given.iter().find(|(key, _)| Setting::of(key).is_none()) {
            return Err(ConfigError::UnknownSetting { key: (*key).to_owned(), suggestion: suggestion(key) });
        }
        let values = SETTINGS.iter().map(|setting| {
            // Of several values the last counts.
            match given.iter().rev().find(|(key, _)| *key == setting.key) {
                Some((_, value)) => Raw { setting, value: (*value).to_owned(), origin: Origin::Code },
                None => Raw { setting, value: setting.default.to_owned(), origin: Origin::Default },
            }
        });
        Ok(Self(values.collect()))
    }

    /// Every value.
    pub fn values(&self) -> &[Raw] {
        &self.0
    }

    /// The value of one setting.
    pub fn get(&self, key: &str) -> Option<&Raw> {
        self.0.iter().find(|raw| raw.setting.key == key)
    }
}

/// Variables with our prefix that are not settings.
const OTHER_VARIABLES: &[&str] = &["THINGSTEAD_CONFIG", "THINGSTEAD_API"];

fn read_file(path: &Path) -> Result<BTreeMap<String, String>, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError::Unreadable { file: path.to_path_buf(), reason: error.to_string() })?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| ConfigError::NotToml {
        file: path.to_path_buf(),
        reason: error.to_string().trim_end().to_owned(),
    })?;
    table
        .into_iter()
        .map(|(key, value)| {
            if Setting::of(&key).is_none() {
                let suggestion = suggestion(&key);
                return Err(ConfigError::UnknownKey { key, file: path.to_path_buf(), suggestion });
            }
            Ok((key, as_text(&value)))
        })
        .collect()
}

/// TOML's own types are welcome where they make sense: `ephemeral = true`, `shards = 2`, `mqtts_addr = ["a:1", "b:2"]`,
/// `[functions]` with a line `"ARN" = "URL"` for each.
fn as_text(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Table(entries) => {
            let pairs = entries.iter().map(|(key, value)| format!("{key}={}", as_text(value)));
            pairs.collect::<Vec<_>>().join(",")
        }
        toml::Value::Array(items) => items.iter().map(as_text).collect::<Vec<_>>().join(","),
        other => other.to_string(),
    }
}

fn suggestion(key: &str) -> String {
    SETTINGS
        .iter()
        .map(|setting| (distance(key, setting.key), setting.key))
        .min()
        .filter(|(distance, _)| *distance <= 3)
        .map_or_else(String::new, |(_, nearest)| format!(", did you mean `{nearest}`?"))
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (y, above) in b.iter().zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(x != *y)).min(above + 1).min(left + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}
