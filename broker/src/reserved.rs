//! The table of reserved topics: which of them a client may publish to, and which it may subscribe to (MQTT-186 to MQTT-191).

/// What a client wants with a topic or filter that starts with `$`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// PUBLISH, or a Will.
    Publish,
    /// SUBSCRIBE.
    Subscribe,
}

/// Whether clients may do that with the reserved topic or filter. Topics that do not start with `$` are never asked about;
/// whether a policy allows it is a further question.
///
/// Wildcards in a filter stand for any level of the table (MQTT-189), so `$aws/#` covers whatever can be subscribed.
pub(crate) fn supports(operation: Operation, topic: &str) -> bool {
    if operation == Operation::Publish && thingstead_core::topic::basic_ingest(topic).is_some() {
        return true;
    }
    let Some(rest) = topic.strip_prefix("$aws/") else { return false };
    TABLE.iter().any(|row| {
        let allowed = match operation {
            Operation::Publish => row.publish,
            Operation::Subscribe => row.subscribe,
        };
        allowed && overlaps(row.pattern, rest)
    })
}

struct Row {
    /// Levels after `$aws/`: `*` any one level, `{a,b}` one of several, `**` any rest.
    pattern: &'static str,
    publish: bool,
    subscribe: bool,
}

const fn publish(pattern: &'static str) -> Row {
    Row { pattern, publish: true, subscribe: false }
}

const fn subscribe(pattern: &'static str) -> Row {
    Row { pattern, publish: false, subscribe: true }
}

const fn both(pattern: &'static str) -> Row {
    Row { pattern, publish: true, subscribe: true }
}

const TABLE: &[Row] = &[
    subscribe("events/**"),
    both("things/*/shadow/{get,update,delete}"),
    both("things/*/shadow/name/*/{get,update,delete}"),
    subscribe("things/*/shadow/{get,update,delete}/{accepted,rejected}"),
    subscribe("things/*/shadow/name/*/{get,update,delete}/{accepted,rejected}"),
    subscribe("things/*/shadow/update/{delta,documents}"),
    subscribe("things/*/shadow/name/*/update/{delta,documents}"),
    publish("things/*/jobs/{get,start-next}"),
    publish("things/*/jobs/*/{get,update}"),
    subscribe("things/*/jobs/{get,start-next}/{accepted,rejected}"),
    subscribe("things/*/jobs/*/{get,update}/{accepted,rejected}"),
    subscribe("things/*/jobs/{notify,notify-next}"),
    publish("things/*/defender/metrics/{cbor,json}"),
    subscribe("things/*/defender/metrics/{cbor,json}/{accepted,rejected}"),
    subscribe("things/*/tunnels/notify"),
    publish("things/*/streams/*/{get,describe}/{cbor,json}"),
    subscribe("things/*/streams/*/{data,description,rejected}/{cbor,json}"),
    publish("certificates/{create,create-from-csr}/{cbor,json}"),
    subscribe("certificates/{create,create-from-csr}/{cbor,json}/{accepted,rejected}"),
    publish("provisioning-templates/*/provision/{cbor,json}"),
    subscribe("provisioning-templates/*/provision/{cbor,json}/{accepted,rejected}"),
    subscribe("commands/{things,clients}/*/executions/*/request"),
    subscribe("commands/{things,clients}/*/executions/*/request/*"),
    publish("commands/{things,clients}/*/executions/*/response/{json,cbor}"),
    subscribe("commands/{things,clients}/*/executions/*/response/{accepted,rejected}"),
    subscribe("commands/{things,clients}/*/executions/*/response/{accepted,rejected}/*"),
    publish("device_location/*/get_position_estimate"),
    subscribe("device_location/*/get_position_estimate/{accepted,rejected}"),
    subscribe("sitewise/asset-models/*/assets/*/properties/*"),
];

/// Whether some topic fits both the table's pattern and what the client wrote, which may hold `+` and `#`.
fn overlaps(pattern: &str, written: &str) -> bool {
    let mut expected = pattern.split('/');
    let mut levels = written.split('/');
    loop {
        match (expected.next(), levels.next()) {
            (None, None) => return true,
            (Some(_), Some("#")) => return true,
            (Some("**"), Some(_)) => return true,
            (Some(level), Some(found)) if level_fits(level, found) => {}
            _ => return false,
        }
    }
}

fn level_fits(pattern: &str, found: &str) -> bool {
    if found == "+" {
        return true;
    }
    match pattern.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        Some(names) => names.split(',').any(|name| name == found),
        None if pattern == "*" => !found.is_empty(),
        None => pattern == found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_says_what_can_be_published_and_subscribed() {
        // MQTT-186, MQTT-187, MQTT-188, MQTT-189, MQTT-193, POLICY-446, POLICY-447
        for (topic, publish, subscribe) in [
            ("$aws/things/t/shadow/update", true, true),
            ("$aws/things/t/shadow/name/n/get", true, true),
            ("$aws/things/t/shadow/update/accepted", false, true),
            ("$aws/things/t/shadow/update/delta", false, true),
            ("$aws/things/t/shadow/get/delta", false, false),
            ("$aws/things/t/jobs/get", true, false),
            ("$aws/things/t/jobs/j1/update", true, false),
            ("$aws/things/t/jobs/j1/update/accepted", false, true),
            ("$aws/things/t/jobs/notify-next", false, true),
            ("$aws/events/presence/connected/c", false, true),
            // MQTT-221, MQTT-222: only the server publishes events of jobs.
            ("$aws/events/job/j/completed", false, true),
            ("$aws/events/jobExecution/j/succeeded", false, true),
            ("$aws/rules/r/a", true, false),
            ("$aws/rules/r", true, false),
            ("$aws/rules/", false, false),
            ("$aws/certificates/create/json", true, false),
            ("$aws/provisioning-templates/x/provision/cbor/accepted", false, true),
            ("$aws/commands/things/t/executions/e/response/json", true, false),
            ("$aws/commands/things/t/executions/e/response/rejected", false, true),
            ("$aws/nothing", false, false),
            ("$SYS/x", false, false),
            ("$other", false, false),
            ("$aws/things//shadow/get", false, false),
        ] {
            assert_eq!(supports(Operation::Publish, topic), publish, "publish {topic}");
            assert_eq!(supports(Operation::Subscribe, topic), subscribe, "subscribe {topic}");
        }
        for filter in ["$aws/things/+/shadow/#", "$aws/events/#", "$aws/#", "$aws/things/+/jobs/+/update/+"] {
            assert!(supports(Operation::Subscribe, filter), "{filter}");
        }
        for filter in ["$SYS/#", "$aws/rules/#", "$aws/rules/+/x"] {
            assert!(!supports(Operation::Subscribe, filter), "{filter}");
        }
    }
}
