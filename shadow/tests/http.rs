//! The operations as the HTTP doors call them.

use serde_json::json;
use thingstead_core::journal::Query;
use thingstead_shadow::{NamedShadows, Rejection};

use crate::support::{World, caller, classic, in_words, named, scope, text};
use thingstead_core::{Origin, QoS, ThingName};

#[tokio::test]
async fn an_http_update_answers_and_publishes_what_an_mqtt_update_publishes() {
    // SHADOW-161, SHADOW-168, SHADOW-025, SHADOW-026
    let world = World::new();
    let payload = r#"{"state":{"desired":{"a":1}},"clientToken":"c"}"#;
    let answer = world.service.update(&classic("T"), payload.into(), caller()).await.expect("accepted");
    let published = world.bus.take_when(|published| published.len() == 3);
    assert!(published.iter().all(|publication| {
        publication.message.qos == QoS::AtLeastOnce
            && !publication.message.retain
            && publication.message.properties.is_none()
            && matches!(publication.origin, Origin::Service("shadow"))
    }));
    let over_http: Vec<_> = published.iter().map(in_words).collect();
    assert_eq!(text(&answer), over_http[0].1);
    let over_mqtt = World::new().ask("$aws/things/T/shadow/update", payload);
    assert_eq!(over_http, over_mqtt);
}

#[tokio::test]
async fn an_accepted_call_leaves_an_event_that_names_its_shadow() {
    let world = World::new();
    let id = named("T", "S");
    world.service.update(&id, r#"{"state":{"reported":{"a":1}}}"#.into(), caller()).await.expect("accepted");
    world.service.delete(&id, caller()).await.expect("accepted");
    let of_thing = Query { thing: Some("T".to_owned()), ..Query::default() };
    let events: Vec<_> = world.journal.find(&of_thing).iter().map(|event| event.to_json()).collect();
    assert_eq!(events.len(), 2);
    for (event, topic) in events.iter().zip(["update", "delete"]) {
        assert_eq!((&event["kind"], &event["shadow"]), (&json!("shadow_accepted"), &json!("S")));
        assert_eq!(event["topic"], format!("$aws/things/T/shadow/name/S/{topic}"));
    }
}

#[tokio::test]
async fn a_failed_http_request_publishes_nothing_nor_does_a_get() {
    // SHADOW-158, SHADOW-160, SHADOW-169
    let world = World::new();
    let id = named("T", "S");
    let rejected = world.service.update(&id, "{}".into(), caller()).await;
    assert_eq!(rejected, Err(Rejection::MissingState));
    let missing = world.service.get(&id, caller()).await.expect_err("no shadow");
    assert_eq!((missing.code(), missing.message().as_str()), (404, "No shadow exists with name: 'S'"));
    assert_eq!(world.service.delete(&id, caller()).await, Err(Rejection::NoShadow { name: "S".to_owned() }));
    assert!(world.bus.take().is_empty());

    world.service.update(&id, r#"{"state":{"reported":{"a":1}}}"#.into(), caller()).await.expect("accepted");
    assert_eq!(world.bus.take_when(|published| published.len() >= 2).len(), 2);
    let document = world.service.get(&id, caller()).await.expect("a document");
    assert_eq!(
        text(&document),
        r#"{"state":{"reported":{"a":1}},"metadata":{"reported":{"a":{"timestamp":1700000000}}},"version":1,"timestamp":1700000000}"#
    );
    world.service.list_named(&scope(), &ThingName::from("T"), None, None).await.expect("a list");
    assert!(world.bus.take().is_empty());
}

#[tokio::test]
async fn an_http_delete_answers_with_the_version_and_publishes_it() {
    // SHADOW-162, SHADOW-169
    let world = World::new();
    world.service.update(&classic("T"), r#"{"state":{}}"#.into(), caller()).await.expect("accepted");
    world.bus.take();
    let answer = world.service.delete(&classic("T"), caller()).await.expect("deleted");
    assert_eq!(text(&answer), r#"{"version":1,"timestamp":1700000000}"#);
    let published: Vec<_> = world.bus.take().iter().map(in_words).collect();
    assert_eq!(published, [("$aws/things/T/shadow/delete/accepted".to_owned(), text(&answer))]);
}

#[tokio::test]
async fn rejections_map_to_the_exceptions_of_the_api() {
    // SHADOW-166; SHADOW-154: the texts
    use thingstead_shadow::document::JsonError;
    let syntax = JsonError::Syntax { at: 0, expected: "a value" };
    for (rejection, code, exception, message) in [
        (Rejection::NotJson(syntax), 400, "InvalidRequestException", "Payload contains invalid json"),
        (
            Rejection::NoShadow { name: "S".into() },
            404,
            "ResourceNotFoundException",
            "No shadow exists with name: 'S'",
        ),
        (
            Rejection::VersionConflict { expected: 1, stored: None },
            409,
            "ConflictException",
            "Version conflict",
        ),
        (
            Rejection::TooLarge { size: 9000, limit: 8192 },
            413,
            "RequestEntityTooLargeException",
            "The payload exceeds the maximum size allowed",
        ),
        (
            Rejection::NotUtf8 { valid: 0 },
            415,
            "UnsupportedDocumentEncodingException",
            "Unsupported documented encoding; supported encoding is UTF-8",
        ),
        (Rejection::Throttled { limit: 1, what: "" }, 429, "ThrottlingException", "Too many requests"),
        (
            Rejection::Internal { reason: "disk".into() },
            500,
            "InternalFailureException",
            "Internal service failure",
        ),
    ] {
        assert_eq!((rejection.code(), rejection.exception()), (code, exception));
        assert_eq!(rejection.message(), message);
    }
}

#[tokio::test]
async fn named_shadows_are_listed_in_pages() {
    // SHADOW-163, SHADOW-164, SHADOW-165
    let world = World::new();
    let thing = ThingName::from("T");
    let list = async |size, token: Option<String>| {
        world.service.list_named(&scope(), &thing, size, token.as_deref()).await
    };
    let body = |page: &NamedShadows| text(&page.to_json());
    assert_eq!(body(&list(None, None).await.expect("a list")), r#"{"results":[],"timestamp":1700000000}"#);

    world.service.update(&classic("T"), r#"{"state":{}}"#.into(), caller()).await.expect("accepted");
    for n in 0..30 {
        let id = named("T", &format!("s{n:02}"));
        world.service.update(&id, r#"{"state":{}}"#.into(), caller()).await.expect("accepted");
    }
    world.service.delete(&named("T", "s07"), caller()).await.expect("deleted");

    let first = list(None, None).await.expect("a page");
    assert_eq!(first.results.len(), 25);
    assert!(!first.results.iter().any(|name| &**name == "s07"));
    let token = first.next_token.clone().expect("more");
    assert!(body(&first).ends_with(&format!(r#""s25"],"nextToken":"{token}","timestamp":1700000000}}"#)));
    let second = list(Some(100), Some(token)).await.expect("a page");
    assert_eq!(body(&second), r#"{"results":["s26","s27","s28","s29"],"timestamp":1700000000}"#);

    assert_eq!(list(Some(0), None).await, Err(Rejection::InvalidPageSize { found: 0 }));
    assert_eq!(list(Some(101), None).await, Err(Rejection::InvalidPageSize { found: 101 }));
    assert_eq!(list(None, Some("x".to_owned())).await, Err(Rejection::InvalidNextToken));
    assert_eq!(list(None, Some("zz".to_owned())).await, Err(Rejection::InvalidNextToken));
}
