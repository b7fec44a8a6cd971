use super::*;

fn name_of(service: Service, method: &str, path: &str) -> String {
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match service.model().route(method, &segments) {
        Routed::Operation(operation, labels) => {
            let labels: Vec<String> =
                labels.iter().map(|(name, parts)| format!("{name}={}", parts.join("/"))).collect();
            format!("{} {}", operation.name, labels.join(" ")).trim_end().to_owned()
        }
        Routed::OtherMethods => "other methods".to_owned(),
        Routed::Unknown => "unknown".to_owned(),
    }
}

#[test]
fn the_models_have_every_operation_and_every_pattern_compiles() {
    let counts = Service::ALL.map(|service| service.model().operations().len());
    assert_eq!(counts, [272, 11, 5]);
    for service in Service::ALL {
        for shape in &service.model().shapes {
            if let Some(pattern) = &shape.constraints.pattern {
                assert!(pattern.regex().is_some(), "{}: {}", shape.name, pattern.text());
            }
        }
    }
}

#[test]
fn every_operation_is_reached_by_its_own_path() {
    for service in Service::ALL {
        for operation in service.model().operations() {
            let labels = service.model().shape(operation.input.expect("every input has a shape")).members();
            let mut path = String::new();
            for part in &path_of(operation) {
                path.push('/');
                path.push_str(part);
            }
            let reached = name_of(service, &operation.method, &path);
            assert_eq!(reached.split(' ').next(), Some(operation.name.as_str()), "{path}");
            let uri_members = labels.iter().filter(|member| member.place == Place::Uri).count();
            assert_eq!(reached.split(' ').count() - 1, uri_members, "{reached}");
        }
    }
}

/// The template with labels filled in; debug output is the only view of a template outside its module.
fn path_of(operation: &Operation) -> Vec<String> {
    let debug = format!("{:?}", operation.template);
    debug
        .split('"')
        .collect::<Vec<_>>()
        .chunks(2)
        .filter_map(|pair| match pair {
            [kind, text] if kind.contains("Literal") => Some((*text).to_owned()),
            [_, text] => Some(format!("x-{text}")),
            _ => None,
        })
        .collect()
}

#[test]
fn paths_lead_to_operations() {
    use Service::{Iot, IotData, IotJobsData};
    for (service, method, path, expected) in [
        // API-005
        (Iot, "PUT", "/thing-groups/addThingToThingGroup", "AddThingToThingGroup"),
        (Iot, "PUT", "/thing-groups/removeThingFromThingGroup", "RemoveThingFromThingGroup"),
        (Iot, "PUT", "/thing-groups/updateThingGroupsForThing", "UpdateThingGroupsForThing"),
        (Iot, "PUT", "/billing-groups/addThingToBillingGroup", "AddThingToBillingGroup"),
        (IotJobsData, "PUT", "/things/t/jobs/$next", "StartNextPendingJobExecution thingName=t"),
        // API-013
        (IotJobsData, "GET", "/things/t/jobs/%24next", "DescribeJobExecution jobId=%24next thingName=t"),
        // API-006
        (Iot, "POST", "/things", "RegisterThing"),
        (Iot, "POST", "/things/t", "CreateThing thingName=t"),
        (IotData, "POST", "/things/t/shadow", "UpdateThingShadow thingName=t"),
        // API-004
        (Iot, "GET", "/things/t/jobs", "ListJobExecutionsForThing thingName=t"),
        (IotJobsData, "GET", "/things/t/jobs", "GetPendingJobExecutions thingName=t"),
        (Iot, "POST", "/command-executions", "ListCommandExecutions"),
        (IotJobsData, "POST", "/command-executions", "StartCommandExecution"),
        // API-007
        (Iot, "GET", "/authorizers/", "ListAuthorizers"),
        (Iot, "GET", "/authorizers", "ListAuthorizers"),
        (Iot, "GET", "/certificate-providers", "ListCertificateProviders"),
        (Iot, "GET", "/things/", "ListThings"),
        // API-010
        (IotData, "POST", "/topics/a%2Fb", "Publish topic=a%2Fb"),
        (IotData, "POST", "/topics/a/b", "Publish topic=a/b"),
        (IotData, "POST", "/topics/a//b/", "Publish topic=a//b/"),
        (IotData, "GET", "/retainedMessage/a/b", "GetRetainedMessage topic=a/b"),
        (IotData, "GET", "/retainedMessage", "ListRetainedMessages"),
        (IotData, "GET", "/retainedMessage/", "ListRetainedMessages"),
        // API-011
        (Iot, "GET", "/destinations/arn%3Aaws/http/1", "GetTopicRuleDestination arn=arn%3Aaws/http/1"),
        (Iot, "GET", "/confirmdestination/a/b", "ConfirmTopicRuleDestination confirmationToken=a/b"),
        // API-012
        (
            Iot,
            "POST",
            "/attached-policies/arn:aws:iot:r:a:cert/1",
            "ListAttachedPolicies target=arn:aws:iot:r:a:cert/1",
        ),
        // API-008
        (IotData, "PATCH", "/things/t/shadow", "other methods"),
        (Iot, "PUT", "/things/t/shadow", "unknown"),
        (Iot, "GET", "/", "unknown"),
        // MQTT-235
        (IotData, "GET", "/connections/a/subscriptions", "ListSubscriptions clientId=a"),
    ] {
        let mut reached: Vec<_> = name_of(service, method, path).split(' ').map(str::to_owned).collect();
        if let Some(labels) = reached.get_mut(1..) {
            labels.sort();
        }
        assert_eq!(reached.join(" "), expected, "{method} {path}");
    }
}

#[test]
fn services_are_told_apart_by_signing_name_and_host() {
    // API-001, API-002, API-003, SHADOW-170, MQTT-231
    use Service::{Iot, IotData, IotJobsData};
    for (name, service) in [
        ("iot", Some(Iot)),
        ("iotdata", Some(IotData)),
        ("iotdevicegateway", Some(IotData)),
        ("iot-data", Some(IotData)),
        ("execute-api", Some(IotData)),
        ("iot-jobs-data", Some(IotJobsData)),
        ("iotjobsdata", Some(IotJobsData)),
        ("sts", None),
    ] {
        assert_eq!(Service::of_signing_name(name), service, "{name}");
    }
    for (host, service) in [
        ("iot.eu-west-1.amazonaws.com", Some(Iot)),
        ("data-ats.iot.eu-west-1.amazonaws.com", Some(IotData)),
        ("data.iot.eu-west-1.amazonaws.com", Some(IotData)),
        ("abc-ats.iot.eu-west-1.amazonaws.com", Some(IotData)),
        ("data.jobs.iot.eu-west-1.amazonaws.com", Some(IotJobsData)),
        ("abc.jobs.iot.eu-west-1.amazonaws.com", Some(IotJobsData)),
        ("localhost:4566", None),
        ("iot", None),
    ] {
        assert_eq!(Service::of_host(host), service, "{host}");
    }
}
