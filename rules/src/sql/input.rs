//! What a statement is evaluated against.

use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use thingstead_core::{Properties, topic};

use super::json::{self, JsonError};
use super::reads::Reads;
use super::value::{Object, Value};
use super::version::SqlVersion;

/// One message and what is known around it. Values only: the time and the seed of randomness are handed in.
///
/// Keeps the parsed payload, so use one `Input` for a message's statement and all its templates.
#[derive(Debug)]
pub struct Input<'a> {
    /// The bytes as published.
    pub payload: &'a [u8],
    /// The topic as published; `$aws/rules/NAME/` included for Basic Ingest.
    pub topic: &'a str,
    /// When the engine took the message, epoch milliseconds: `timestamp()` (RULES-275, RULES-276).
    pub timestamp_ms: i64,
    /// Where `rand()` and `newuuid()` come from. Draw it once per message and rule and keep it over all evaluations: the
    /// same seed gives the same values, so that a call seen again after [`super::Evaluated::Needs`] finds its answer.
    pub seed: u128,
    /// The MQTT client id; `None` when the message did not come over MQTT (RULES-277).
    pub client_id: Option<&'a str>,
    /// `principal()` (RULES-278).
    pub principal: Option<&'a str>,
    /// `accountid()`: the account of the rule (RULES-279).
    pub account_id: Option<&'a str>,
    /// `traceid()`; `None` when the message did not come over MQTT (RULES-280).
    pub trace_id: Option<&'a str>,
    /// The same as a number, written out only where a statement asks for it.
    pub trace: Option<u128>,
    /// `sourceip()` (RULES-281).
    pub source_ip: Option<&'a str>,
    /// The same as an address, written out only where a statement asks for it.
    pub address: Option<IpAddr>,
    /// The MQTT 5 properties of the publish (RULES-284 to RULES-289).
    pub properties: Option<&'a Properties>,
    /// The payload as value, per folding; see [`SqlVersion::is_v2`].
    parsed: [OnceLock<Result<Value, JsonError>>; 2],
    /// The members that one statement reads, and what came of reading them.
    partial: OnceLock<Partial>,
    /// How many templates were rendered; keeps their random values apart.
    rendered: AtomicU32,
}

impl<'a> Input<'a> {
    /// A message without context: fill the public fields in.
    pub const fn new(payload: &'a [u8], topic: &'a str, timestamp_ms: i64, seed: u128) -> Self {
        Self {
            payload,
            topic,
            timestamp_ms,
            seed,
            client_id: None,
            principal: None,
            account_id: None,
            trace_id: None,
            trace: None,
            source_ip: None,
            address: None,
            properties: None,
            parsed: [const { OnceLock::new() }; 2],
            partial: OnceLock::new(),
            rendered: AtomicU32::new(0),
        }
    }

    /// The topic as rules see it: without the prefix of Basic Ingest (RULES-273).
    pub fn visible_topic(&self) -> &'a str {
        topic::basic_ingest(self.topic).map_or(self.topic, |ingest| ingest.rest)
    }

    /// The payload as JSON; an empty one is an object without members (RULES-318).
    ///
    /// # Errors
    /// It is not JSON.
    pub fn json(&self, version: SqlVersion) -> Result<&Value, &JsonError> {
        let [plain, folded] = &self.parsed;
        let cell = if version.is_v2() { folded } else { plain };
        cell.get_or_init(|| match self.payload {
            [] => Ok(Object::new().into()),
            payload => json::parse(payload, version.is_v2()),
        })
        .as_ref()
    }

    /// As [`Self::json`], but of an object only what `reads` names; more when more was read before.
    pub(super) fn json_members(&self, version: SqlVersion, reads: &Reads) -> Result<&Value, &JsonError> {
        let [plain, folded] = &self.parsed;
        let fold = version.is_v2();
        let whole = if fold { folded } else { plain };
        let Reads::Members(wanted) = reads else { return self.json(version) };
        if self.payload.is_empty() || whole.get().is_some() {
            return self.json(version);
        }
        let partial = self.partial.get_or_init(|| Partial {
            wanted: wanted.clone(),
            fold,
            read: json::parse_members(self.payload, fold, wanted),
        });
        if partial.fold == fold && partial.wanted == *wanted {
            partial.read.as_ref()
        } else {
            self.json(version)
        }
    }

    /// Why the payload could not be read, if an evaluation tried to read it in vain: counts one ParseError (RULES-319).
    pub fn parse_error(&self) -> Option<&JsonError> {
        let partial = || self.partial.get()?.read.as_ref().err();
        self.parsed.iter().find_map(|cell| cell.get()?.as_ref().err()).or_else(partial)
    }

    /// Tells one rendering's random values from the next one's.
    pub(super) fn rendering(&self) -> u32 {
        self.rendered.load(Ordering::Relaxed)
    }

    /// A template is done with the current [`Self::rendering`].
    pub(super) fn finish_rendering(&self) {
        self.rendered.fetch_add(1, Ordering::Relaxed);
    }
}

/// Some members of the payload.
#[derive(Debug)]
struct Partial {
    wanted: Arc<[Arc<str>]>,
    fold: bool,
    read: Result<Value, JsonError>,
}
