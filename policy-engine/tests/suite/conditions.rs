//! Section 5 beyond the vectors: each operator on values it accepts and on values it cannot read.

use thingstead_core::Timestamp;
use thingstead_policy_engine::Context;

use crate::asking::{allow_if, allowed, client, statements};

fn holds(condition: &str, context: &Context) -> bool {
    allowed(&[allow_if(condition)], "iot:Publish", "A(topic/a)", context)
}

fn with(key: &str, value: &str) -> Context {
    let mut context = client("dev1");
    context.insert(key, value);
    context
}

#[test]
fn binary_values_are_bytes_against_base64() {
    // POLICY-296, POLICY-308
    let blob = with("test:Blob", "abc");
    assert!(holds(r#"{"BinaryEquals":{"test:Blob":"YWJj"}}"#, &blob));
    assert!(!holds(r#"{"BinaryEquals":{"test:Blob":"YWJk"}}"#, &blob));
    assert!(!holds(r#"{"BinaryEquals":{"test:Blob":"abc"}}"#, &blob));
    assert!(!holds(r#"{"BinaryEquals":{"test:Blob":"not base64!"}}"#, &blob));
    assert!(holds(r#"{"BinaryEqualsIfExists":{"test:None":"YWJj"}}"#, &blob));
}

#[test]
fn values_that_cannot_be_read_never_match() {
    // POLICY-202, POLICY-203, POLICY-308
    let context = with("test:Key", "10");
    for (positive, negated) in [
        (
            r#"{"NumericEquals":{"test:Key":"${test:Key}"}}"#,
            r#"{"NumericNotEquals":{"test:Key":"${test:Key}"}}"#,
        ),
        (r#"{"DateEquals":{"test:Key":"soon"}}"#, r#"{"DateNotEquals":{"test:Key":"soon"}}"#),
        (r#"{"IpAddress":{"test:Key":"10.0.0.0/33"}}"#, r#"{"NotIpAddress":{"test:Key":"10.0.0.0/33"}}"#),
        (r#"{"ArnLike":{"test:Key":"*"}}"#, r#"{"ArnNotLike":{"test:Key":"*"}}"#),
    ] {
        assert!(!holds(positive, &context), "{positive}");
        assert!(holds(negated, &context), "{negated}");
    }
    let flag = with("test:Flag", "true");
    assert!(!holds(r#"{"Bool":{"test:Flag":"${test:Flag}"}}"#, &flag));
    assert!(!holds(r#"{"Bool":{"test:Flag":"1"}}"#, &flag));
    assert!(!holds(r#"{"Null":{"test:Flag":"${test:Flag}"}}"#, &flag));
    // Nor does a request's value that is not of the operator's type.
    let text = with("test:Key", "abc");
    for condition in [
        r#"{"NumericLessThan":{"test:Key":"10"}}"#,
        r#"{"DateLessThan":{"test:Key":"2999-01-01"}}"#,
        r#"{"Bool":{"test:Key":["true","false"]}}"#,
        r#"{"IpAddress":{"test:Key":"0.0.0.0/0"}}"#,
        r#"{"ArnLike":{"test:Key":"*:*:*:*:*:*"}}"#,
    ] {
        assert!(!holds(condition, &text), "{condition}");
    }
}

#[test]
fn arns_are_compared_field_by_field() {
    // POLICY-298
    let context = with("test:Arn", "arn:aws:iot:us-east-1:123456789012:topic/a:b/c");
    for (pattern, expected) in [
        ("arn:aws:iot:us-east-1:123456789012:topic/a:b/c", true),
        ("arn:*:*:*:*:*", true),
        ("arn:aws:iot:*:topic/*", false),
        ("arn:aws:iot:*", false),
        ("*", false),
        ("arn:aws:iot:us-*-1:12345678901?:topic/?:b/*", true),
        ("arn:aws:iot:us-east-1:123456789012:topic/a", false),
        ("arn:aws:iot:us-east-1:123456789012:topic/a:*", true),
        ("ARN:aws:iot:us-east-1:123456789012:topic/a:b/c", false),
    ] {
        for operator in ["ArnEquals", "ArnLike"] {
            assert_eq!(
                holds(&format!(r#"{{"{operator}":{{"test:Arn":"{pattern}"}}}}"#), &context),
                expected,
                "{pattern}"
            );
        }
        for operator in ["ArnNotEquals", "ArnNotLike"] {
            assert_ne!(
                holds(&format!(r#"{{"{operator}":{{"test:Arn":"{pattern}"}}}}"#), &context),
                expected,
                "{pattern}"
            );
        }
    }
    // A variable is inserted into its field and cannot shift the others, colons in its name and value included.
    let mut context = with("test:Arn", "arn:aws:iot:us-east-1:123456789012:topic/x:y");
    context.client_id = Some("x:y".into());
    assert!(holds(r#"{"ArnLike":{"test:Arn":"arn:aws:iot:*:*:topic/${iot:ClientId}"}}"#, &context));
    context.insert("test:Tail", "us-east-1:123456789012:topic/x:y");
    assert!(!holds(r#"{"ArnLike":{"test:Arn":"arn:aws:iot:${test:Tail}"}}"#, &context));
}

#[test]
fn addresses_are_compared_as_addresses() {
    // POLICY-224, POLICY-226, POLICY-297
    let from = |ip: &str| Context { source_ip: Some(ip.parse().expect("an address")), ..client("c") };
    for (range, ip, expected) in [
        ("203.0.113.0/24", "203.0.113.77", true),
        ("203.0.113.9/24", "203.0.113.77", true),
        ("203.0.113.9", "203.0.113.9", true),
        ("203.0.113.0/24", "::ffff:203.0.113.77", true),
        ("2001:db8::/32", "2001:0db8:0::1", true),
        ("0.0.0.0/0", "2001:db8::1", false),
        ("::/0", "203.0.113.9", false),
    ] {
        assert_eq!(
            holds(&format!(r#"{{"IpAddress":{{"aws:SourceIp":"{range}"}}}}"#), &from(ip)),
            expected,
            "{range} {ip}"
        );
        assert_ne!(
            holds(&format!(r#"{{"NotIpAddress":{{"aws:SourceIp":"{range}"}}}}"#), &from(ip)),
            expected,
            "{range} {ip}"
        );
    }
    let through_vpc = Context { source_vpc: Some("vpc-1".into()), ..from("203.0.113.9") };
    assert!(!holds(r#"{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}"#, &through_vpc));
    assert!(holds(r#"{"Null":{"aws:SourceIp":"true"}}"#, &through_vpc));
}

#[test]
fn time_is_a_key_in_two_spellings() {
    // POLICY-294, POLICY-328
    let context = Context { now: Some(Timestamp::from_millis(1_714_979_289_000)), ..client("c") };
    for condition in [
        r#"{"DateEquals":{"aws:CurrentTime":"2024-05-06T07:08:09Z"}}"#,
        r#"{"DateEquals":{"aws:CurrentTime":1714979289}}"#,
        r#"{"DateEquals":{"aws:EpochTime":"2024-05-06T09:08:09+02:00"}}"#,
        r#"{"NumericEquals":{"aws:EpochTime":1714979289}}"#,
        r#"{"StringEquals":{"aws:CurrentTime":"2024-05-06T07:08:09Z"}}"#,
        r#"{"DateGreaterThan":{"aws:CurrentTime":"2024-05-06"}}"#,
    ] {
        assert!(holds(condition, &context), "{condition}");
    }
    assert!(!holds(r#"{"NumericGreaterThan":{"aws:CurrentTime":0}}"#, &context));
}

#[test]
fn keys_exist_for_their_actions_only() {
    // POLICY-320, POLICY-323, POLICY-325, POLICY-326
    let context = Context {
        connect_attributes: vec!["LastWill".into()],
        last_will_topic: Some("arn:aws:iot:us-east-1:123456789012:topic/w".into()),
        topic: Some("t".into()),
        ..client("c")
    };
    for (key, owner) in [
        ("iot:ConnectAttributes", "iot:Connect"),
        ("iot:LastWillTopic", "iot:Connect"),
        ("iot:Topic", "iot:SendDirectMessage"),
        ("iot:IncludeSocketInformation", "iot:GetConnection"),
    ] {
        let policies = [allow_if(&format!(r#"{{"Null":{{"{key}":"false"}}}}"#))];
        for action in ["iot:Connect", "iot:Publish", "iot:SendDirectMessage", "iot:GetConnection"] {
            assert_eq!(
                allowed(&policies, action, "A(client/c)", &context),
                action == owner,
                "{key} {action}"
            );
        }
    }
    let omitted = [allow_if(r#"{"Bool":{"iot:IncludeSocketInformation":false}}"#)];
    assert!(allowed(&omitted, "iot:GetConnection", "A(client/c)", &context));
}

#[test]
fn a_key_without_values_is_an_absent_key() {
    // POLICY-301, POLICY-302, POLICY-305, POLICY-309
    let mut context = client("c");
    context.insert_list("test:Tags", []);
    for (condition, expected) in [
        (r#"{"StringEquals":{"test:Tags":"a"}}"#, false),
        (r#"{"StringNotEquals":{"test:Tags":"a"}}"#, true),
        (r#"{"ForAllValues:StringEquals":{"test:Tags":"a"}}"#, true),
        (r#"{"ForAllValues:StringNotEquals":{"test:Tags":"a"}}"#, true),
        (r#"{"ForAnyValue:StringEquals":{"test:Tags":"a"}}"#, false),
        (r#"{"ForAnyValue:StringNotEquals":{"test:Tags":"a"}}"#, false),
        (r#"{"ForAnyValue:StringNotEqualsIfExists":{"test:Tags":"a"}}"#, true),
        (r#"{"Null":{"test:Tags":true}}"#, true),
        (r#"{"Null":{"test:Tags":false}}"#, false),
    ] {
        assert_eq!(holds(condition, &context), expected, "{condition}");
    }
}

#[test]
fn variables_in_conditions_are_text_and_their_lack_fails_one_value_only() {
    // POLICY-205, POLICY-209, POLICY-292
    let mut context = client("a*");
    context.insert("test:Key", "abc");
    assert!(!holds(r#"{"StringLike":{"test:Key":"${iot:ClientId}"}}"#, &context));
    assert!(holds(r#"{"StringLike":{"test:Key":["${iot:Nothing}","a*"]}}"#, &context));
    assert!(holds(r#"{"StringNotEquals":{"test:Key":"${iot:Nothing}"}}"#, &context));
    assert!(!holds(r#"{"StringNotEquals":{"test:Key":["${iot:Nothing}","abc"]}}"#, &context));
    let own = statements(r#"{"Effect":"Allow","Action":"*","Resource":"A(topic/${iot:ClientId}/*)"}"#);
    assert!(allowed(std::slice::from_ref(&own), "iot:Publish", "A(topic/a*/x)", &context));
    assert!(!allowed(&[own], "iot:Publish", "A(topic/abc/x)", &context));
}
