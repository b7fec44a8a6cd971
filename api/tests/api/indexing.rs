//! Indexing, search, aggregations, dynamic groups: the members on the wire. What queries mean is tested with the registry.

use serde_json::{Value, json};

use crate::fixture::Server;

const NONE: Value = Value::Null;

async fn fleet(things: Value) -> Server {
    let server = Server::new();
    let body = json!({ "thingIndexingConfiguration": things, "thingGroupIndexingConfiguration": { "thingGroupIndexingMode": "ON" } });
    server.call("POST", "/indexing/config", body).await.ok();
    for (name, room, watts) in [("a", "attic", "5"), ("b", "attic", "7"), ("c", "hall", "9")] {
        let attributes = json!({ "attributePayload": { "attributes": { "room": room, "watts": watts } } });
        server.call("POST", &format!("/things/{name}"), attributes).await.ok();
    }
    server
}

fn registry() -> Value {
    json!({
        "thingIndexingMode": "REGISTRY",
        "customFields": [{ "name": "attributes.watts", "type": "Number" }, { "name": "attributes.room", "type": "String" }]
    })
}

#[tokio::test]
async fn the_configuration_is_off_and_reads_back() {
    // API-228, API-229, API-230, API-232, API-233, API-234, API-236, API-386
    let server = Server::new();
    let off = server.call("GET", "/indexing/config", NONE).await.ok();
    let things = &off["thingIndexingConfiguration"];
    for mode in [
        "thingIndexingMode",
        "thingConnectivityIndexingMode",
        "deviceDefenderIndexingMode",
        "namedShadowIndexingMode",
    ] {
        assert_eq!(things[mode], "OFF", "{mode}");
    }
    assert_eq!(off["thingGroupIndexingConfiguration"]["thingGroupIndexingMode"], "OFF");
    assert_eq!(server.call("GET", "/indices", NONE).await.ok()["indexNames"], json!([]));
    let missing = server.call("GET", "/indices/AWS_Things", NONE).await;
    assert_eq!((missing.status.as_u16(), missing.error()), (404, "ResourceNotFoundException"));

    let things = json!({
        "thingIndexingMode": "REGISTRY_AND_SHADOW", "thingConnectivityIndexingMode": "STATUS", "namedShadowIndexingMode": "ON",
        "filter": { "namedShadowNames": ["main"] }, "customFields": [{ "name": "attributes.room", "type": "String" }],
        "managedFields": [{ "name": "thingName", "type": "String" }]
    });
    server.call("POST", "/indexing/config", json!({ "thingIndexingConfiguration": things })).await.ok();
    let on = server.call("GET", "/indexing/config", NONE).await.ok();
    for member in [
        "thingIndexingMode",
        "thingConnectivityIndexingMode",
        "namedShadowIndexingMode",
        "filter",
        "customFields",
    ] {
        assert_eq!(on["thingIndexingConfiguration"][member], things[member], "{member}");
    }
    assert!(
        on["thingIndexingConfiguration"]["managedFields"].as_array().is_some_and(|fields| fields.len() > 1)
    );
    assert_eq!(server.call("GET", "/indices", NONE).await.ok()["indexNames"], json!(["AWS_Things"]));
    let index = server.call("GET", "/indices/AWS_Things", NONE).await.ok();
    assert_eq!(
        index,
        json!({ "indexName": "AWS_Things", "indexStatus": "ACTIVE", "schema": "MULTI_INDEXING_MODE" })
    );
    let refused = json!({ "thingIndexingConfiguration": { "thingIndexingMode": "OFF", "thingConnectivityIndexingMode": "STATUS" } });
    assert_eq!(server.call("POST", "/indexing/config", refused).await.error(), "InvalidRequestException");
    let geo = json!({ "thingIndexingConfiguration": { "thingIndexingMode": "REGISTRY", "filter": { "geoLocations": [{ "name": "x" }] } } });
    assert_eq!(server.call("POST", "/indexing/config", geo).await.status, 400);
}

#[tokio::test]
async fn things_and_groups_are_found() {
    // API-238, API-239, API-241, API-252, API-259
    let server = fleet(registry()).await;
    let found =
        server.call("POST", "/indices/search", json!({ "queryString": "attributes.room:attic" })).await.ok();
    let names: Vec<_> =
        found["things"].as_array().expect("rows").iter().map(|row| row["thingName"].clone()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(found["things"][0]["attributes"]["watts"], "5");
    assert!(found["things"][0].get("connectivity").is_none() && found["things"][0].get("shadow").is_none());
    let first =
        server.call("POST", "/indices/search", json!({ "queryString": "*", "maxResults": 2 })).await.ok();
    let next = json!({ "queryString": "*", "maxResults": 2, "nextToken": first["nextToken"] });
    let second = server.call("POST", "/indices/search", next).await.ok();
    assert_eq!((&second["things"][0]["thingName"], second.get("nextToken")), (&json!("c"), None));
    let unknown = server.call("POST", "/indices/search", json!({ "queryString": "colour:red" })).await;
    assert_eq!((unknown.status.as_u16(), unknown.error()), (400, "InvalidQueryException"));
    assert_eq!(
        server.call("POST", "/indices/search", json!({ "queryString": "" })).await.error(),
        "InvalidRequestException"
    );

    server
        .call("POST", "/thing-groups/g", json!({ "thingGroupProperties": { "thingGroupDescription": "d" } }))
        .await
        .ok();
    let groups = server
        .call(
            "POST",
            "/indices/search",
            json!({ "indexName": "AWS_ThingGroups", "queryString": "thingGroupName:g" }),
        )
        .await
        .ok();
    assert_eq!(groups["thingGroups"][0]["thingGroupDescription"], "d");
    assert!(groups.get("things").is_none());
}

#[tokio::test]
async fn fields_are_aggregated() {
    // API-260, API-261, API-263, API-264, API-265
    let server = fleet(registry()).await;
    let ask = |field: &str| json!({ "queryString": "*", "aggregationField": field });
    let statistics = server.call("POST", "/indices/statistics", ask("attributes.watts")).await.ok();
    assert_eq!(
        (&statistics["statistics"]["count"], &statistics["statistics"]["average"]),
        (&json!(3), &json!(7.0))
    );
    let text = server.call("POST", "/indices/statistics", ask("attributes.room")).await.ok();
    assert_eq!(text["statistics"], json!({ "count": 3 }));
    assert_eq!(
        server.call("POST", "/indices/cardinality", ask("attributes.room")).await.ok(),
        json!({ "cardinality": 2 })
    );
    let mut percents = ask("attributes.watts");
    percents["percents"] = json!([50]);
    let median = server.call("POST", "/indices/percentiles", percents).await.ok();
    assert_eq!(median["percentiles"], json!([{ "percent": 50.0, "value": 7.0 }]));
    let mut buckets = ask("attributes.room");
    buckets["bucketsAggregationType"] = json!({ "termsAggregation": { "maxBuckets": 1 } });
    let counted = server.call("POST", "/indices/buckets", buckets).await.ok();
    assert_eq!(counted, json!({ "totalCount": 3, "buckets": [{ "keyValue": "attic", "count": 2 }] }));
    let unknown = server.call("POST", "/indices/statistics", ask("attributes.colour")).await;
    assert_eq!((unknown.status.as_u16(), unknown.error()), (400, "InvalidAggregationException"));
}

#[tokio::test]
async fn a_query_makes_a_group() {
    // API-114, API-237, API-345, API-346, API-347
    let server = fleet(registry()).await;
    let body = json!({ "queryString": "attributes.room:attic", "tags": [{ "Key": "k", "Value": "v" }] });
    let created = server.call("POST", "/dynamic-thing-groups/attic", body).await.ok();
    assert_eq!(
        (&created["indexName"], &created["queryVersion"]),
        (&json!("AWS_Things"), &json!("2017-09-30"))
    );
    let described = server.call("GET", "/thing-groups/attic", NONE).await.ok();
    assert_eq!(
        (&described["queryString"], &described["status"]),
        (&json!("attributes.room:attic"), &json!("ACTIVE"))
    );
    assert_eq!(
        server.call("GET", "/thing-groups/attic/things", NONE).await.ok()["things"],
        json!(["a", "b"])
    );
    let update =
        json!({ "thingGroupProperties": {}, "queryString": "attributes.room:hall", "expectedVersion": 1 });
    assert_eq!(server.call("PATCH", "/dynamic-thing-groups/attic", update).await.ok()["version"], 2);
    assert_eq!(server.call("GET", "/thing-groups/attic/things", NONE).await.ok()["things"], json!(["c"]));
    assert_eq!(server.call("DELETE", "/thing-groups/attic", NONE).await.error(), "InvalidRequestException");
    let off = json!({ "thingIndexingConfiguration": { "thingIndexingMode": "OFF" } });
    assert_eq!(server.call("POST", "/indexing/config", off).await.error(), "InvalidRequestException");
    server.call("DELETE", "/dynamic-thing-groups/attic", NONE).await.ok();
    server.call("DELETE", "/dynamic-thing-groups/attic", NONE).await.ok();
}

#[tokio::test]
async fn connectivity_of_a_thing_needs_the_index_and_the_thing() {
    // API-266, API-267
    let server = Server::new();
    server.call("POST", "/things/a", json!({})).await.ok();
    assert_eq!(server.call("POST", "/things/a/connectivity-data", NONE).await.status, 404);
    let server =
        fleet(json!({ "thingIndexingMode": "REGISTRY", "thingConnectivityIndexingMode": "STATUS" })).await;
    let never = server.call("POST", "/things/a/connectivity-data", NONE).await.ok();
    assert_eq!(never, json!({ "thingName": "a", "connected": false }));
    assert_eq!(server.call("POST", "/things/nope/connectivity-data", NONE).await.status, 404);
}
