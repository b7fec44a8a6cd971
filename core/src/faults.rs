//! Faults that are made on purpose, so that devices and backends can be tested against lost, late and repeated messages, broken
//! connections and refusals. A plan says which; the broker carries it out on live traffic.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::topic;

/// What shall go wrong. The same plan on the same traffic makes the same faults.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FaultPlan {
    /// Decides which messages a fault with a probability hits.
    pub seed: u64,
    /// The first one that hits a message is carried out.
    pub faults: Vec<Fault>,
}

/// One thing that shall go wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// What happens.
    pub action: FaultAction,
    /// Only to messages whose topic this filter matches; CONNECTs have none.
    pub topic: Option<Arc<str>>,
    /// Only to this client: the publisher on the way in, the receiver on the way out.
    pub client: Option<Arc<str>>,
    /// Only this way; `None` is messages in both directions.
    pub direction: Option<FaultDirection>,
    /// How likely it is, above 0 and at most 1.
    pub probability: f64,
    /// How much later, for [`FaultAction::Delay`].
    pub delay: Option<Duration>,
    /// At most so often.
    pub times: Option<u64>,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultAction {
    /// Lost on the way, without an acknowledgement.
    Drop,
    /// Comes later.
    Delay,
    /// Comes twice.
    Duplicate,
    /// The connection breaks instead.
    Disconnect,
    /// Refused as if a permission were missing.
    Refuse,
    /// Refused as if a rate were exceeded.
    Throttle,
}

/// Which way something goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultDirection {
    /// A PUBLISH from a client.
    In,
    /// A PUBLISH to a client.
    Out,
    /// A CONNECT.
    Connect,
}

/// Why a text is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` is {value}; expected {expected}")]
pub struct FaultError {
    /// The member, with its place, such as `faults[0].action`.
    pub field: String,
    /// What it holds, in backticks, or `missing`.
    pub value: String,
    /// What is allowed.
    pub expected: String,
}

impl FaultAction {
    const ALL: [Self; 6] =
        [Self::Drop, Self::Delay, Self::Duplicate, Self::Disconnect, Self::Refuse, Self::Throttle];

    /// As plans write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Drop => "drop",
            Self::Delay => "delay",
            Self::Duplicate => "duplicate",
            Self::Disconnect => "disconnect",
            Self::Refuse => "refuse",
            Self::Throttle => "throttle",
        }
    }
}

impl FaultDirection {
    const ALL: [Self; 3] = [Self::In, Self::Out, Self::Connect];

    /// As plans write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
            Self::Connect => "connect",
        }
    }
}

impl FaultPlan {
    /// Reads a plan strictly: `{"seed": 1, "faults": [{"action", "topic", "client", "direction", "probability", "delay_ms", "times"}]}`.
    ///
    /// # Errors
    /// The first member that is missing, unknown or out of range.
    pub fn read(plan: &Value) -> Result<Self, FaultError> {
        let members = object(plan, "the body")?;
        known(members, "", &["seed", "faults"])?;
        let seed = match given(members, "seed") {
            None => 0,
            Some(value) => value.as_u64().ok_or_else(|| wrong("seed", value, "a whole number from 0 up"))?,
        };
        let faults = match given(members, "faults") {
            Some(Value::Array(faults)) => faults,
            Some(other) => return Err(wrong("faults", other, "a list; an empty one ends all faults")),
            None => return Err(missing("faults", "a list; an empty one ends all faults")),
        };
        if faults.len() > MAX_FAULTS {
            let (value, expected) =
                (format!("{} long", faults.len()), format!("at most {MAX_FAULTS} faults"));
            return Err(FaultError { field: "faults".to_owned(), value, expected });
        }
        let faults = faults.iter().enumerate();
        let faults = faults.map(|(index, fault)| Fault::read(fault, &format!("faults[{index}]")));
        Ok(Self { seed, faults: faults.collect::<Result<_, _>>()? })
    }

    /// The plan as [`FaultPlan::read`] takes it.
    pub fn to_json(&self) -> Value {
        json!({ "seed": self.seed, "faults": self.faults.iter().map(Fault::to_json).collect::<Vec<_>>() })
    }
}

impl Fault {
    fn read(fault: &Value, place: &str) -> Result<Self, FaultError> {
        let members = object(fault, place)?;
        known(members, place, MEMBERS)?;
        let field = |name: &str| format!("{place}.{name}");
        let action = one_of(members, place, "action", &FaultAction::ALL, FaultAction::name)?
            .ok_or_else(|| missing(&field("action"), &names(&FaultAction::ALL, FaultAction::name)))?;
        let direction = one_of(members, place, "direction", &FaultDirection::ALL, FaultDirection::name)?;
        let (topic, client) = (text(members, place, "topic")?, text(members, place, "client")?);
        let connects = direction == Some(FaultDirection::Connect);
        if let Some(filter) = &topic {
            let bad = |expected: &str| wrong(&field("topic"), &json!(filter), expected);
            topic::check_filter(filter).map_err(|error| bad(&format!("a topic filter: it {error}")))?;
            if connects {
                return Err(bad("nothing where `direction` is `connect`: a CONNECT has no topic"));
            }
        }
        if connects && action == FaultAction::Duplicate {
            return Err(wrong(
                &field("action"),
                &json!("duplicate"),
                "another action: a CONNECT does not come twice",
            ));
        }
        let probability = match given(members, "probability") {
            None => 1.0,
            Some(value) => value
                .as_f64()
                .filter(|probability| *probability > 0.0 && *probability <= 1.0)
                .ok_or_else(|| wrong(&field("probability"), value, "a number above 0 and at most 1"))?,
        };
        let range = format!("a whole number from 1 to {MAX_DELAY_MS}");
        let delay = match (action, given(members, "delay_ms")) {
            (FaultAction::Delay, None) => return Err(missing(&field("delay_ms"), &range)),
            (FaultAction::Delay, Some(value)) => {
                let ms = value.as_u64().filter(|ms| (1..=MAX_DELAY_MS).contains(ms));
                Some(Duration::from_millis(ms.ok_or_else(|| wrong(&field("delay_ms"), value, &range))?))
            }
            (_, None) => None,
            (_, Some(value)) => {
                return Err(wrong(&field("delay_ms"), value, "nothing: it belongs to the action `delay`"));
            }
        };
        let times = match given(members, "times") {
            None => None,
            Some(value) => Some(
                value
                    .as_u64()
                    .filter(|times| *times > 0)
                    .ok_or_else(|| wrong(&field("times"), value, "a whole number from 1 up"))?,
            ),
        };
        Ok(Self { action, topic, client, direction, probability, delay, times })
    }

    fn to_json(&self) -> Value {
        let mut members = Map::new();
        let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
        put("action", json!(self.action.name()));
        if let Some(topic) = &self.topic {
            put("topic", json!(topic));
        }
        if let Some(client) = &self.client {
            put("client", json!(client));
        }
        if let Some(direction) = self.direction {
            put("direction", json!(direction.name()));
        }
        put("probability", json!(self.probability));
        if let Some(delay) = self.delay {
            put("delay_ms", json!(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)));
        }
        if let Some(times) = self.times {
            put("times", json!(times));
        }
        Value::Object(members)
    }

    /// Whether the fault is about such traffic, by chance aside; `topic` is `None` for a CONNECT.
    pub fn concerns(&self, direction: FaultDirection, client: &str, topic: Option<&str>) -> bool {
        let way = match self.direction {
            Some(wanted) => wanted == direction,
            None => direction != FaultDirection::Connect,
        };
        let whose = self.client.as_ref().is_none_or(|wanted| **wanted == *client);
        let what = match (&self.topic, topic) {
            (None, _) => true,
            (Some(filter), Some(topic)) => topic::matches(filter, topic),
            (Some(_), None) => false,
        };
        way && whose && what
    }
}

/// `drop`, `in` ….
impl fmt::Display for FaultAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A number from 0 up to but not 1, the same for the same arguments: what chance says about the `nth` message of a client that a
/// fault concerns, whatever other clients do meanwhile.
pub fn chance(seed: u64, fault: usize, direction: FaultDirection, client: &str, nth: u64) -> f64 {
    let start = mixed(seed ^ mixed(fault as u64 + 1) ^ mixed(direction as u64 + 101));
    let of_client = client.bytes().fold(start, |state, byte| mixed(state ^ u64::from(byte)));
    // The 53 bits that a number of this type holds exactly.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    let share = (mixed(of_client ^ mixed(nth)) >> 11) as f64;
    share / (1u64 << 53) as f64
}

/// One step of SplitMix64.
const fn mixed(state: u64) -> u64 {
    let z = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn object<'v>(value: &'v Value, place: &str) -> Result<&'v Map<String, Value>, FaultError> {
    value.as_object().ok_or_else(|| wrong(place, value, "an object"))
}

/// A member; `null` counts as absent.
fn given<'v>(members: &'v Map<String, Value>, name: &str) -> Option<&'v Value> {
    members.get(name).filter(|value| !value.is_null())
}

fn known(members: &Map<String, Value>, place: &str, names: &[&str]) -> Result<(), FaultError> {
    match members.iter().find(|(name, _)| !names.contains(&name.as_str())) {
        None => Ok(()),
        Some((name, value)) => {
            let field = if place.is_empty() { name.clone() } else { format!("{place}.{name}") };
            Err(wrong(&field, value, &format!("no such member; there are {}", names.join(", "))))
        }
    }
}

fn text(members: &Map<String, Value>, place: &str, name: &str) -> Result<Option<Arc<str>>, FaultError> {
    match given(members, name) {
        None => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(Arc::from(text.as_str()))),
        Some(other) => Err(wrong(&format!("{place}.{name}"), other, "a text that is not empty")),
    }
}

fn one_of<T: Copy>(
    members: &Map<String, Value>,
    place: &str,
    name: &str,
    all: &[T],
    named: fn(T) -> &'static str,
) -> Result<Option<T>, FaultError> {
    let Some(value) = given(members, name) else { return Ok(None) };
    match all.iter().find(|one| value.as_str() == Some(named(**one))) {
        Some(found) => Ok(Some(*found)),
        None => Err(wrong(&format!("{place}.{name}"), value, &names(all, named))),
    }
}

fn names<T: Copy>(all: &[T], named: fn(T) -> &'static str) -> String {
    let names: Vec<String> = all.iter().map(|one| format!("`{}`", named(*one))).collect();
    format!("one of {}", names.join(", "))
}

fn wrong(field: &str, value: &Value, expected: &str) -> FaultError {
    FaultError { field: field.to_owned(), value: format!("`{value}`"), expected: expected.to_owned() }
}

fn missing(field: &str, expected: &str) -> FaultError {
    FaultError { field: field.to_owned(), value: "missing".to_owned(), expected: expected.to_owned() }
}

const MEMBERS: &[&str] = &["action", "topic", "client", "direction", "probability", "delay_ms", "times"];
/// Each is looked at for each message.
const MAX_FAULTS: usize = 100;
/// A day.
const MAX_DELAY_MS: u64 = 86_400_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(plan: Value) -> String {
        FaultPlan::read(&plan).expect_err("no plan").to_string()
    }

    #[test]
    fn a_plan_is_read_and_written_back() {
        let written = json!({ "seed": 7, "faults": [
            { "action": "delay", "topic": "a/+", "client": "lamp", "direction": "out", "probability": 0.5, "delay_ms": 20, "times": 3 },
            { "action": "drop", "probability": 1.0 },
        ] });
        let plan = FaultPlan::read(&written).expect("a plan");
        assert_eq!(plan.to_json(), written);
        assert_eq!(FaultPlan::read(&json!({ "faults": [] })), Ok(FaultPlan::default()));
    }

    #[test]
    fn bad_plans_name_the_member_its_value_and_what_is_allowed() {
        let fault = |fault: Value| refused(json!({ "faults": [fault] }));
        for (message, says) in [
            (refused(json!([])), "`the body` is `[]`; expected an object"),
            (refused(json!({})), "`faults` is missing; expected a list"),
            (
                refused(json!({ "faults": [], "sed": 1 })),
                "`sed` is `1`; expected no such member; there are seed, faults",
            ),
            (refused(json!({ "faults": [], "seed": -1 })), "`seed` is `-1`"),
            (fault(json!("drop")), "`faults[0]` is `\"drop\"`; expected an object"),
            (fault(json!({})), "`faults[0].action` is missing; expected one of `drop`, `delay`"),
            (
                fault(json!({ "action": "explode" })),
                "`faults[0].action` is `\"explode\"`; expected one of `drop`",
            ),
            (fault(json!({ "action": "drop", "way": "in" })), "`faults[0].way` is"),
            (fault(json!({ "action": "drop", "direction": "up" })), "expected one of `in`, `out`, `connect`"),
            (
                fault(json!({ "action": "drop", "topic": "a/#/b" })),
                "`faults[0].topic` is `\"a/#/b\"`; expected a topic filter",
            ),
            (fault(json!({ "action": "drop", "topic": "" })), "a text that is not empty"),
            (
                fault(json!({ "action": "drop", "topic": "a", "direction": "connect" })),
                "a CONNECT has no topic",
            ),
            (fault(json!({ "action": "duplicate", "direction": "connect" })), "does not come twice"),
            (
                fault(json!({ "action": "drop", "probability": 0 })),
                "`faults[0].probability` is `0`; expected a number above 0",
            ),
            (fault(json!({ "action": "drop", "probability": 1.5 })), "at most 1"),
            (
                fault(json!({ "action": "delay" })),
                "`faults[0].delay_ms` is missing; expected a whole number from 1",
            ),
            (fault(json!({ "action": "delay", "delay_ms": 0 })), "`faults[0].delay_ms` is `0`"),
            (fault(json!({ "action": "drop", "delay_ms": 5 })), "belongs to the action `delay`"),
            (
                fault(json!({ "action": "drop", "times": 0 })),
                "`faults[0].times` is `0`; expected a whole number from 1 up",
            ),
        ] {
            assert!(message.contains(says), "{message}");
        }
    }

    #[test]
    fn a_fault_concerns_what_it_names() {
        let fault = |members: Value| {
            let mut plan = FaultPlan::read(&json!({ "faults": [members] })).expect("a plan");
            plan.faults.remove(0)
        };
        use FaultDirection::{Connect, In, Out};
        let any = fault(json!({ "action": "drop" }));
        assert!(any.concerns(In, "c", Some("t")) && any.concerns(Out, "c", Some("t")));
        assert!(!any.concerns(Connect, "c", None), "connections are spared unless they are named");
        let connects = fault(json!({ "action": "refuse", "direction": "connect", "client": "c" }));
        assert!(connects.concerns(Connect, "c", None) && !connects.concerns(Connect, "d", None));
        assert!(!connects.concerns(In, "c", Some("t")));
        let topics = fault(json!({ "action": "drop", "topic": "a/#", "direction": "in" }));
        assert!(topics.concerns(In, "c", Some("a/b")) && !topics.concerns(In, "c", Some("b")));
        assert!(!topics.concerns(Out, "c", Some("a/b")));
    }

    #[test]
    fn chance_is_the_same_for_the_same_seed_and_fair() {
        let hits = |seed: u64, client: &str| {
            (0..10_000).map(|n| chance(seed, 0, FaultDirection::In, client, n) < 0.3).collect::<Vec<_>>()
        };
        assert_eq!(hits(1, "a"), hits(1, "a"));
        assert_ne!(hits(1, "a"), hits(2, "a"));
        assert_ne!(hits(1, "a"), hits(1, "b"));
        let share = hits(1, "a").iter().filter(|hit| **hit).count();
        assert!((2_800..3_200).contains(&share), "{share}");
    }
}
