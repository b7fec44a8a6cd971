use thingstead_registry::{CreateThing, ThingTypeProperties};

use crate::support::{World, run, world};

fn pairs(tags: &[(&str, &str)]) -> Vec<(String, String)> {
    tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn arn(w: &World, resource: &str) -> String {
    thingstead_core::Arn::iot(&w.scope, resource).to_string()
}

#[test]
fn tags_live_with_their_resource() {
    // API-066, API-067, API-068, API-069, API-070
    let w = world();
    let given = pairs(&[("team", "a")]);
    run(w.registry.create_thing_type(&w.scope, "bulb", ThingTypeProperties::default(), &given))
        .expect("type");
    let arn_of = |resource: &str| arn(&w, resource);
    let list = |arn: &str| w.registry.list_tags_for_resource(&w.scope, arn);
    let tag = |arn: &str, tags: &[(&str, &str)]| run(w.registry.tag_resource(&w.scope, arn, &pairs(tags)));
    let bulb = arn_of("thingtype/bulb");
    tag(&bulb, &[("team", "b"), ("cost", "")]).expect("tag");
    let tags = list(&bulb).expect("list");
    assert_eq!(tags.into_iter().collect::<Vec<_>>(), pairs(&[("cost", ""), ("team", "b")]));
    run(w.registry.untag_resource(&w.scope, &bulb, &["cost".to_owned(), "none".to_owned()])).expect("untag");
    assert_eq!(list(&bulb).expect("list").len(), 1);
    run(w.registry.create_billing_group(&w.scope, "b", None, &[])).expect("group");
    assert!(list(&arn_of("billinggroup/b")).expect("list").is_empty());

    let many: Vec<(String, String)> = (0..51).map(|n| (format!("k{n}"), "v".to_owned())).collect();
    let too_many = run(w.registry.tag_resource(&w.scope, &bulb, &many)).expect_err("51");
    assert_eq!(too_many.code(), "LimitExceededException");
    assert_eq!(list(&bulb).expect("list").len(), 1);
    for bad in [("aws:x", "v"), ("", "v")] {
        assert_eq!(tag(&bulb, &[bad]).expect_err("bad").code(), "InvalidRequestException");
    }
    assert_eq!(tag(&bulb, &[(&"k".repeat(129), "v")]).expect_err("long").code(), "InvalidRequestException");
    assert_eq!(tag(&bulb, &[("k", &"v".repeat(257))]).expect_err("long").code(), "InvalidRequestException");
    assert_eq!(list("no arn").expect_err("no arn").code(), "InvalidRequestException");
    assert_eq!(list(&arn_of("thingtype/none")).expect_err("unknown").code(), "ResourceNotFoundException");
    assert_eq!(
        list("arn:aws:iot:eu-west-1:210987654321:thingtype/bulb").expect_err("foreign").code(),
        "ResourceNotFoundException"
    );
    run(w.registry.create_thing(&w.scope, CreateThing { name: "t".to_owned(), ..CreateThing::default() }))
        .expect("thing");
    assert_eq!(tag(&arn_of("thing/t"), &[("a", "b")]).expect_err("thing").code(), "InvalidRequestException");

    run(w.registry.deprecate_thing_type(&w.scope, "bulb", false)).expect("deprecate");
    run(w.registry.delete_thing_type(&w.scope, "bulb")).expect("delete");
    run(w.registry.create_thing_type(&w.scope, "bulb", ThingTypeProperties::default(), &[])).expect("again");
    assert!(list(&bulb).expect("list").is_empty());
}
