//! What is probably not meant.

use crate::asking::{policy, statements};

fn remarks(statement: &str) -> Vec<String> {
    statements(statement).document.advice().into_iter().map(|advice| advice.to_string()).collect()
}

fn allow(action: &str, resource: &str) -> String {
    format!(r#"{{"Effect":"Allow","Action":{action},"Resource":{resource}}}"#)
}

#[test]
fn statements_that_never_apply_are_pointed_out() {
    // POLICY-054, POLICY-056, POLICY-058, POLICY-107, POLICY-112, POLICY-163, POLICY-169, POLICY-213
    for (action, resource, expected) in [
        (r#""iot:Subscribe""#, r#""A(topic/x)""#, "`iot:Subscribe` is judged on `topicfilter/…`"),
        (r#"["iot:Publish","iot:Connect"]"#, r#""A(topic/x)""#, "`iot:Connect` is judged on `client/…`"),
        (r#""iot:ListRetainedMessages""#, r#""A(topic/*)""#, "only `\"Resource\": \"*\"`"),
        (r#""iot:Publish""#, r#""A(topic/a/+)""#, "no topic contains `+` or `#`"),
        (r#""iot:CreateThing""#, r#""*""#, "no request of a device is judged by `iot:CreateThing`; calls"),
        (r#""iot:DescribeJobExecution""#, r#""*""#, "`iotjobsdata:DescribeJobExecution` is"),
        (r#""Publish""#, r#""*""#, "lacks its prefix; `iot:Publish` is"),
        (r#""iot:Publish""#, r#""A(topic/${iot:Thing.ThingName})""#, "`iot:Connection.Thing.ThingName`"),
        (r#""iot:Publish""#, r#""A(topic/${iot:ClientId)""#, "not closed"),
        (r#""iot:Publish""#, r#""A(topic/${iot:ClientId, 'x'})""#, "default values"),
        (r#""iot:Publish""#, r#""arn:aws:iot:us-east-1:123456789012:topic/$(iot:ClientId)""#, "with braces"),
    ] {
        let found = remarks(&allow(action, resource));
        assert!(found.iter().any(|remark| remark.contains(expected)), "{action} {resource}: {found:?}");
    }
    assert_eq!(remarks(&allow(r#""iot:Subscribe""#, r#""A(topic/a/#)""#)).len(), 1);
    let old = policy(
        "p",
        "{\"Statement\":[\n {\"Sid\":\"S\",\"Effect\":\"Allow\",\"Action\":\"iot:Publish\",\"Resource\":\"A(topic/${iot:ClientId})\"}]}",
    );
    let advice = old.document.advice();
    assert_eq!(advice.len(), 1);
    assert!(
        advice[0].to_string().starts_with("line 2, column 2: statement 1 (`S`): without `\"Version\""),
        "{}",
        advice[0]
    );
    let condition = r#"{"Effect":"Deny","Action":"iot:Connect","Resource":"*","Condition":{"NumericEquals":{"iot:NoSuch":"ten"}}}"#;
    assert_eq!(remarks(condition).len(), 2);
}

#[test]
fn statements_that_restrict_nothing_are_pointed_out() {
    // POLICY-228
    assert!(remarks(&allow(r#""iot:*""#, r#""*""#))[0].contains("every action on everything"));
    let own = remarks(&allow(r#""iot:Connect""#, r#""A(client/${iot:ClientId})""#));
    assert!(own[0].contains("covers every client identifier"), "{own:?}");
}

#[test]
fn usual_policies_are_left_alone() {
    for statement in [
        allow(r#"["iot:Publish","iot:Receive"]"#, r#""A(topic/${iot:Connection.Thing.ThingName}/*)""#),
        allow(r#"["iot:Publish","iot:Subscribe"]"#, r#"["A(topic/a)","A(topicfilter/a/#)"]"#),
        allow(r#""iot:*""#, r#""A(client/x)""#),
        allow(r#""iot:Publish""#, r#""arn:aws:iot:*""#),
        allow(r#""greengrass:Discover""#, r#""*""#),
        allow(r#"["iotjobsdata:*","iot:GetThingShadow"]"#, r#""A(thing/*)""#),
        r#"{"Effect":"Deny","NotAction":"iot:Connect","NotResource":"A(topic/x)","Condition":{"Bool":{"iot:Connection.Thing.IsAttached":"false"}}}"#.to_owned(),
        r#"{"Effect":"Allow","Action":"iot:Connect","Resource":"*","Condition":{"StringEquals":{"cognito-identity.amazonaws.com:sub":"x"}}}"#.to_owned(),
    ] {
        assert_eq!(remarks(&statement), [] as [&str; 0], "{statement}");
    }
}
