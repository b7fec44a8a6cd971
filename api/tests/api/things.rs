//! Things, their types, and paging.

use serde_json::json;

use crate::fixture::Server;

const NONE: serde_json::Value = serde_json::Value::Null;

#[tokio::test]
async fn a_thing_lives_and_dies() {
    // API-058, API-060, API-072, API-073, API-074, API-080, API-081, API-082, API-083, API-084, API-088
    let server = Server::new();
    let attributes = |map: serde_json::Value| json!({ "attributePayload": { "attributes": map } });
    let created = server.call("POST", "/things/lamp", attributes(json!({ "room": "kitchen" }))).await.ok();
    assert_eq!(created["thingName"], "lamp");
    assert_eq!(created["thingArn"], "arn:aws:iot:us-east-1:000000000000:thing/lamp");
    let id = created["thingId"].as_str().expect("an id").to_owned();
    assert_eq!(id.len(), 36);
    let again = server.call("POST", "/things/lamp", attributes(json!({ "room": "kitchen" }))).await.ok();
    assert_eq!(again["thingId"], id.as_str());
    let other = server.call("POST", "/things/lamp", attributes(json!({ "room": "hall" }))).await;
    assert_eq!((other.status.as_u16(), other.error()), (409, "ResourceAlreadyExistsException"));
    // API-037
    assert_eq!(other.json()["resourceArn"], created["thingArn"]);
    assert!(other.json()["resourceId"].is_string(), "{other:?}");

    let described = server.call("GET", "/things/lamp", NONE).await.ok();
    assert_eq!(
        described,
        json!({
            "defaultClientId": "lamp", "thingName": "lamp", "thingId": id, "thingArn": created["thingArn"],
            "attributes": { "room": "kitchen" }, "version": 1
        })
    );
    let merge = json!({ "attributePayload": { "attributes": { "floor": "2" }, "merge": true } });
    server.call("PATCH", "/things/lamp", merge).await.ok();
    let merged = server.call("GET", "/things/lamp", NONE).await.ok();
    assert_eq!(
        (&merged["attributes"], &merged["version"]),
        (&json!({ "room": "kitchen", "floor": "2" }), &json!(2))
    );
    server.call("PATCH", "/things/lamp", attributes(json!({}))).await.ok();
    assert_eq!(server.call("GET", "/things/lamp", NONE).await.ok()["attributes"], json!({}));

    // API-064
    let stale = server.call("PATCH", "/things/lamp", json!({ "expectedVersion": 1 })).await;
    assert_eq!((stale.status.as_u16(), stale.error()), (409, "VersionConflictException"));
    assert_eq!(stale.message(), "The version for thing lamp does not match the expected version.");
    server.call("DELETE", "/things/lamp?expectedVersion=3", NONE).await.ok();
    let gone = server.call("GET", "/things/lamp", NONE).await;
    assert_eq!((gone.status.as_u16(), gone.error()), (404, "ResourceNotFoundException"));
    server.call("DELETE", "/things/lamp", NONE).await.ok();
}

#[tokio::test]
async fn bad_attributes_are_refused_in_the_models_words() {
    // API-041, API-077, API-061
    let server = Server::new();
    let payload = json!({ "attributePayload": { "attributes": { "room": "living room" } } });
    let refused = server.call("POST", "/things/lamp", payload).await;
    assert_eq!(
        refused.message(),
        "1 validation error detected: Value '{room=living room}' at 'attributePayload.attributes' failed to satisfy \
         constraint: Map value must satisfy constraint: [Member must have length less than or equal to 800, Member must \
         satisfy regular expression pattern: [a-zA-Z0-9_.,@/:#=\\[\\]-]*]"
    );
    let refused = server.call("POST", "/things/lamp", json!({ "attributePayload": 5 })).await;
    assert_eq!((refused.status.as_u16(), refused.error()), (400, "InvalidRequestException"));
    // API-023
    let unknown = json!({ "nonsense": { "x": 1 }, "thingTypeName": null });
    server.call("POST", "/things/lamp?x=y", unknown).await.ok();
    let broken = http::Request::post("/things/lamp").body(axum::body::Body::from("{")).expect("a request");
    let refused = server.send(broken).await;
    assert_eq!((refused.status.as_u16(), refused.error()), (400, "InvalidRequestException"));
}

#[tokio::test]
async fn things_are_listed_page_by_page() {
    // API-050, API-051, API-052, API-053, API-054, API-056, API-092, API-093, API-094, API-096
    let server = Server::new();
    for at in 0..7 {
        let payload = json!({ "attributePayload": { "attributes": { "n": format!("v{}", at % 2) } } });
        server.call("POST", &format!("/things/t{at}"), payload).await.ok();
    }
    let (mut names, mut token, mut pages) = (Vec::new(), None::<String>, 0);
    loop {
        let after = token
            .as_ref()
            .map(|token| format!("&nextToken={}", token.replace('+', "%2B").replace('=', "%3D")));
        let page = server
            .call("GET", &format!("/things?maxResults=3{}", after.unwrap_or_default()), NONE)
            .await
            .ok();
        let rows = page["things"].as_array().expect("rows");
        names.extend(rows.iter().map(|row| row["thingName"].as_str().expect("a name").to_owned()));
        assert!(rows.iter().all(|row| row.get("thingId").is_none()));
        pages += 1;
        token = page.get("nextToken").map(|token| token.as_str().expect("text").to_owned());
        if pages == 1 {
            // Stable under changes: what is created or deleted in between shifts nothing.
            server.call("POST", "/things/t7", json!({})).await.ok();
            server.call("DELETE", "/things/t0", NONE).await.ok();
        }
        if token.is_none() {
            break;
        }
    }
    assert_eq!((names.join(" ").as_str(), pages), ("t0 t1 t2 t3 t4 t5 t6 t7", 3));
    for (query, status) in
        [("maxResults=0", 400), ("maxResults=251", 400), ("nextToken=nonsense", 400), ("maxResults=250", 200)]
    {
        assert_eq!(
            server.call("GET", &format!("/things?{query}"), NONE).await.status.as_u16(),
            status,
            "{query}"
        );
    }
    let rows = |page: serde_json::Value| page["things"].as_array().expect("rows").len();
    assert_eq!(rows(server.call("GET", "/things?attributeName=n&attributeValue=v1", NONE).await.ok()), 3);
    let by_prefix = "/things?attributeName=n&attributeValue=v&usePrefixAttributeValue=true";
    assert_eq!(rows(server.call("GET", by_prefix, NONE).await.ok()), 6);
    let both = server.call("GET", "/things?attributeName=n&attributeValue=v&thingTypeName=x", NONE).await;
    assert_eq!(
        both.message(),
        "Listing things by the combination of attribute and thing type is not supported"
    );
}

#[tokio::test]
async fn thing_types_are_described_deprecated_and_tagged() {
    // API-031, API-033, API-066, API-068, API-070, API-097, API-099, API-100, API-101, API-103, API-105
    let server = Server::new();
    let body = json!({
        "thingTypeProperties": { "thingTypeDescription": "a lamp", "searchableAttributes": ["room"] },
        "tags": [{ "Key": "team", "Value": "iot" }]
    });
    let created = server.call("POST", "/thing-types/lamp", body).await.ok();
    let arn = created["thingTypeArn"].as_str().expect("an ARN").to_owned();
    assert_eq!(arn, "arn:aws:iot:us-east-1:000000000000:thingtype/lamp");
    let described = server.call("GET", "/thing-types/lamp", NONE).await.ok();
    assert_eq!(described["thingTypeProperties"]["searchableAttributes"], json!(["room"]));
    assert_eq!(described["thingTypeMetadata"]["deprecated"], false);
    let created_at = described["thingTypeMetadata"]["creationDate"].as_f64().expect("seconds");
    assert_eq!(created_at, server.deps.clock.now().as_secs_f64());
    assert!(described["thingTypeMetadata"].get("deprecationDate").is_none());
    let tags = server.call("GET", &format!("/tags?resourceArn={arn}"), NONE).await.ok();
    assert_eq!(tags, json!({ "tags": [{ "Key": "team", "Value": "iot" }] }));
    let more =
        json!({ "resourceArn": arn, "tags": [{ "Key": "team", "Value": "b" }, { "Key": "x", "Value": "" }] });
    server.call("POST", "/tags", more).await.ok();
    server.call("POST", "/untag", json!({ "resourceArn": arn, "tagKeys": ["x", "unknown"] })).await.ok();
    let tags = server.call("GET", &format!("/tags?resourceArn={arn}"), NONE).await.ok();
    assert_eq!(tags["tags"], json!([{ "Key": "team", "Value": "b" }]));
    let reserved = json!({ "resourceArn": arn, "tags": [{ "Key": "aws:x", "Value": "" }] });
    assert_eq!(server.call("POST", "/tags", reserved).await.error(), "InvalidRequestException");
    assert_eq!(server.call("GET", &format!("/tags?resourceArn={arn}x"), NONE).await.status, 404);

    let refused = server
        .call("PATCH", "/thing-types/lamp", json!({ "thingTypeProperties": { "thingTypeDescription": "b" } }))
        .await;
    assert_eq!(refused.message(), "Can only update mqtt5Configuration.");
    assert_eq!(server.call("DELETE", "/thing-types/lamp", NONE).await.error(), "InvalidRequestException");
    server.call("POST", "/thing-types/lamp/deprecate", json!({})).await.ok();
    let deprecated = server.call("GET", "/thing-types?thingTypeName=lamp", NONE).await.ok();
    let metadata = &deprecated["thingTypes"][0]["thingTypeMetadata"];
    assert!(metadata["deprecated"] == true && metadata["deprecationDate"].is_f64(), "{metadata}");
    server.call("POST", "/thing-types/lamp/deprecate", json!({ "undoDeprecate": true })).await.ok();
    server.call("POST", "/thing-types/lamp/deprecate", json!({})).await.ok();
    server.call("DELETE", "/thing-types/lamp", NONE).await.ok();
    assert_eq!(server.call("GET", "/thing-types/lamp", NONE).await.status, 404);
}

#[tokio::test]
async fn accounts_and_regions_do_not_see_each_other() {
    // API-046
    let server = Server::new();
    let of = |account: &str, region: &str, method: &str| {
        let credential = format!(
            "AWS4-HMAC-SHA256 Credential={account}/20261121/{region}/iot/aws4_request, SignedHeaders=host;x-amz-date, Signature=00"
        );
        let request =
            http::Request::builder().method(method).uri("/things/t").header("authorization", credential);
        let request = request.header("host", "localhost").header("x-amz-date", "20261121T090000Z");
        request.body(axum::body::Body::empty()).expect("a request")
    };
    let created = server.send(of("111111111111", "eu-west-1", "POST")).await.ok();
    assert_eq!(created["thingArn"], "arn:aws:iot:eu-west-1:111111111111:thing/t");
    assert_eq!(server.send(of("111111111111", "eu-west-1", "GET")).await.status, 200);
    assert_eq!(server.send(of("111111111111", "us-east-1", "GET")).await.status, 404);
    assert_eq!(server.send(of("222222222222", "eu-west-1", "GET")).await.status, 404);
    // A key that is no account id belongs to the default account.
    let other = server.send(of("AKIDEXAMPLE", "eu-west-1", "POST")).await.ok();
    assert_eq!(other["thingArn"], "arn:aws:iot:eu-west-1:000000000000:thing/t");
    let odd = server.send(of("111111111111", "eu_west", "POST")).await;
    assert_eq!(odd.status, 403, "a Region becomes part of ARNs: {odd:?}");
}
