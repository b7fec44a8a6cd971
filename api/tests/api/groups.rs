//! Thing groups, billing groups and who is in them.

use serde_json::{Value, json};

use crate::fixture::Server;

const NONE: Value = Value::Null;

fn names<'a>(answer: &'a Value, list: &str, member: &str) -> Vec<&'a str> {
    let rows = answer[list].as_array().unwrap_or_else(|| panic!("no {list} in {answer}")).iter();
    rows.map(|row| if member.is_empty() { row } else { &row[member] }.as_str().expect("a name")).collect()
}

#[tokio::test]
async fn groups_form_a_tree() {
    // API-106, API-107, API-110, API-111, API-112, API-113, API-115, API-116, API-118, API-119
    let server = Server::new();
    let child = json!({ "parentGroupName": "root", "thingGroupProperties": { "thingGroupDescription": "d", "attributePayload": { "attributes": { "a": "1" } } } });
    assert_eq!(server.call("POST", "/thing-groups/child", child.clone()).await.status, 404);
    server.call("POST", "/thing-groups/root", json!({})).await.ok();
    let created = server.call("POST", "/thing-groups/child", child).await.ok();
    assert_eq!(created["thingGroupArn"], "arn:aws:iot:us-east-1:000000000000:thinggroup/child");
    let described = server.call("GET", "/thing-groups/child", NONE).await.ok();
    assert_eq!(described["version"], 1);
    assert_eq!(described["thingGroupMetadata"]["parentGroupName"], "root");
    assert_eq!(names(&described["thingGroupMetadata"], "rootToParentThingGroups", "groupName"), ["root"]);
    assert_eq!(described["thingGroupProperties"]["attributePayload"]["attributes"], json!({ "a": "1" }));
    let root = server.call("GET", "/thing-groups/root", NONE).await.ok();
    assert_eq!(root["thingGroupProperties"], json!({}));
    assert!(root["thingGroupMetadata"].get("rootToParentThingGroups").is_none());
    let different = server
        .call(
            "POST",
            "/thing-groups/root",
            json!({ "thingGroupProperties": { "thingGroupDescription": "x" } }),
        )
        .await;
    assert_eq!(
        different.message(),
        "Thing Group root already exists in current account with different properties"
    );
    for (query, expected) in [
        ("", &["root", "child"][..]),
        ("?recursive=false", &["root"]),
        ("?parentGroup=root", &["child"]),
        ("?namePrefixFilter=ch", &["child"]),
    ] {
        let listed = server.call("GET", &format!("/thing-groups{query}"), NONE).await.ok();
        assert_eq!(names(&listed, "thingGroups", "groupName"), expected, "{query}");
    }
    let update = json!({ "thingGroupProperties": { "attributePayload": { "attributes": { "b": "2" }, "merge": true } }, "expectedVersion": 1 });
    assert_eq!(server.call("PATCH", "/thing-groups/child", update.clone()).await.ok()["version"], 2);
    assert_eq!(server.call("PATCH", "/thing-groups/child", update).await.error(), "VersionConflictException");
    let described = server.call("GET", "/thing-groups/child", NONE).await.ok();
    assert_eq!(
        described["thingGroupProperties"],
        json!({ "attributePayload": { "attributes": { "a": "1", "b": "2" } } })
    );
    let held = server.call("DELETE", "/thing-groups/root", NONE).await;
    assert!(held.message().contains("there are still child groups attached"), "{held:?}");
    server.call("DELETE", "/thing-groups/child?expectedVersion=2", NONE).await.ok();
    server.call("DELETE", "/thing-groups/root", NONE).await.ok();
    server.call("DELETE", "/thing-groups/root", NONE).await.ok();
}

#[tokio::test]
async fn things_join_and_leave() {
    // API-120, API-121, API-123, API-124, API-125, API-126
    let server = Server::new();
    server.call("POST", "/things/t", json!({})).await.ok();
    for group in ["a", "b"] {
        server.call("POST", &format!("/thing-groups/{group}"), json!({})).await.ok();
    }
    let neither =
        server.call("PUT", "/thing-groups/addThingToThingGroup", json!({ "thingGroupName": "a" })).await;
    assert_eq!(
        neither.message(),
        "Both thingArn and thingName are empty. Need to specify at least one of them"
    );
    let by_arn = json!({ "thingArn": "arn:aws:iot:us-east-1:000000000000:thing/t", "thingGroupArn": "arn:aws:iot:us-east-1:000000000000:thinggroup/a" });
    server.call("PUT", "/thing-groups/addThingToThingGroup", by_arn.clone()).await.ok();
    server.call("PUT", "/thing-groups/addThingToThingGroup", by_arn).await.ok();
    let different = json!({ "thingName": "u", "thingArn": "arn:aws:iot:us-east-1:000000000000:thing/t", "thingGroupName": "a" });
    assert_eq!(server.call("PUT", "/thing-groups/addThingToThingGroup", different).await.status, 400);
    let members = server.call("GET", "/thing-groups/a/things", NONE).await.ok();
    assert_eq!(names(&members, "things", ""), ["t"]);
    let moved = json!({ "thingName": "t", "thingGroupsToAdd": ["b"], "thingGroupsToRemove": ["a"] });
    server.call("PUT", "/thing-groups/updateThingGroupsForThing", moved).await.ok();
    let groups = server.call("GET", "/things/t/thing-groups", NONE).await.ok();
    assert_eq!(names(&groups, "thingGroups", "groupName"), ["b"]);
    let removal = json!({ "thingName": "t", "thingGroupName": "b" });
    server.call("PUT", "/thing-groups/removeThingFromThingGroup", removal.clone()).await.ok();
    server.call("PUT", "/thing-groups/removeThingFromThingGroup", removal).await.ok();
    let unknown = json!({ "thingName": "t", "thingGroupsToAdd": ["nope"] });
    assert_eq!(server.call("PUT", "/thing-groups/updateThingGroupsForThing", unknown).await.status, 404);
}

#[tokio::test]
async fn a_thing_has_at_most_one_billing_group() {
    // API-005, API-340, API-341, API-342, API-343, API-344
    let server = Server::new();
    server.call("POST", "/things/t", json!({})).await.ok();
    let body = json!({ "billingGroupProperties": { "billingGroupDescription": "d" }, "tags": [{ "Key": "k", "Value": "v" }] });
    let created = server.call("POST", "/billing-groups/b", body).await.ok();
    assert_eq!(created["billingGroupArn"], "arn:aws:iot:us-east-1:000000000000:billinggroup/b");
    let add = json!({ "billingGroupName": "b", "thingName": "t" });
    server.call("PUT", "/billing-groups/addThingToBillingGroup", add.clone()).await.ok();
    assert_eq!(server.call("GET", "/things/t", NONE).await.ok()["billingGroupName"], "b");
    assert_eq!(names(&server.call("GET", "/billing-groups/b/things", NONE).await.ok(), "things", ""), ["t"]);
    let described = server.call("GET", "/billing-groups/b", NONE).await.ok();
    assert_eq!(
        (&described["version"], &described["billingGroupProperties"]["billingGroupDescription"]),
        (&json!(1), &json!("d"))
    );
    assert!(described["billingGroupMetadata"]["creationDate"].is_f64());
    let update = json!({ "billingGroupProperties": {}, "expectedVersion": 1 });
    assert_eq!(server.call("PATCH", "/billing-groups/b", update).await.ok()["version"], 2);
    assert_eq!(
        names(&server.call("GET", "/billing-groups", NONE).await.ok(), "billingGroups", "groupName"),
        ["b"]
    );
    server.call("PUT", "/billing-groups/removeThingFromBillingGroup", add).await.ok();
    assert_eq!(
        names(&server.call("GET", "/billing-groups/b/things", NONE).await.ok(), "things", ""),
        Vec::<&str>::new()
    );
    server.call("DELETE", "/billing-groups/b", NONE).await.ok();
    assert_eq!(server.call("GET", "/billing-groups/b", NONE).await.status, 404);
}
