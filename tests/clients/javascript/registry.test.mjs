// Things, types, groups, tags and search as the SDK for JavaScript sees them.

import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ResourceAlreadyExistsException,
  ResourceNotFoundException,
  paginateListThingGroups,
  paginateListThings,
  paginateListTopicRules,
} from "@aws-sdk/client-iot";
import { all, arn, as, iot, refused } from "./clients.mjs";

test("a thing lives and dies", async () => {
  // API-072, API-080, API-082, API-084
  const made = await iot.createThing({ thingName: "lamp", attributePayload: { attributes: { room: "kitchen" } } });
  assert.equal(made.thingArn, arn("thing/lamp"));
  assert.equal(made.$metadata.httpStatusCode, 200);
  await iot.updateThing({ thingName: "lamp", attributePayload: { attributes: { floor: "2" }, merge: true } });
  const thing = await iot.describeThing({ thingName: "lamp" });
  assert.deepEqual(thing.attributes, { room: "kitchen", floor: "2" });
  assert.deepEqual([thing.version, thing.thingId, thing.defaultClientId], [2, made.thingId, "lamp"]);
  await iot.deleteThing({ thingName: "lamp", expectedVersion: 2 });
  const gone = await refused(iot.describeThing({ thingName: "lamp" }), "ResourceNotFoundException", 404);
  assert.ok(gone instanceof ResourceNotFoundException);
});

test("errors have classes, names and members", async () => {
  // API-029, API-034, API-036, API-037, API-041, API-042, API-064
  await iot.createThing({ thingName: "lamp" });
  const other = iot.createThing({ thingName: "lamp", attributePayload: { attributes: { a: "b" } } });
  const exists = await refused(other, "ResourceAlreadyExistsException", 409);
  assert.ok(exists instanceof ResourceAlreadyExistsException);
  assert.deepEqual([exists.resourceId, exists.resourceArn], ["lamp", arn("thing/lamp")]);
  assert.equal(exists.$fault, "client");
  const bad = await refused(iot.createThing({ thingName: "a b" }), "InvalidRequestException", 400);
  assert.match(bad.message, /^1 validation error detected: Value 'a b' at 'thingName'/);
  await refused(iot.updateThing({ thingName: "lamp", expectedVersion: 9 }), "VersionConflictException", 409);
  // A name that the operation does not model is still an error of that name.
  const unbuilt = await refused(iot.listSecurityProfiles({}), "NotImplementedException", 501);
  assert.match(unbuilt.message, /ListSecurityProfiles/);
});

test("paginators walk to the end", async () => {
  // API-050, API-052, API-096
  const names = Array.from({ length: 13 }, (_, at) => `paged-${String(at).padStart(2, "0")}`);
  for (const thingName of names) await iot.createThing({ thingName, attributePayload: { attributes: { paged: "1" } } });
  const pages = paginateListThings({ client: iot, pageSize: 5 }, { attributeName: "paged", attributeValue: "1" });
  assert.deepEqual((await all(pages, "things")).map((thing) => thing.thingName), names);
  for (const thingGroupName of names) await iot.createThingGroup({ thingGroupName });
  const groups = await all(paginateListThingGroups({ client: iot, pageSize: 1 }, { namePrefixFilter: "paged-" }), "thingGroups");
  assert.deepEqual(groups.map((group) => group.groupName), names);
  assert.deepEqual(await all(paginateListTopicRules({ client: iot, pageSize: 1 }, {}), "rules"), []);
});

test("types, groups and their tags", async () => {
  // API-099, API-101, API-110, API-120, API-125, API-068, API-070
  await iot.createThingType({ thingTypeName: "bulb", thingTypeProperties: { searchableAttributes: ["a"] } });
  await iot.deprecateThingType({ thingTypeName: "bulb" });
  const bulb = await iot.describeThingType({ thingTypeName: "bulb" });
  assert.equal(bulb.thingTypeMetadata.deprecated, true);
  assert.ok(bulb.thingTypeMetadata.deprecationDate instanceof Date);
  assert.ok(Math.abs(bulb.thingTypeMetadata.creationDate - Date.now()) < 60_000);
  await iot.createThingGroup({ thingGroupName: "house", tags: [{ Key: "k", Value: "v w/ü" }] });
  await iot.createThingGroup({ thingGroupName: "room", parentGroupName: "house" });
  await iot.createThing({ thingName: "chair" });
  await iot.addThingToThingGroup({ thingName: "chair", thingGroupName: "room" });
  const room = await iot.describeThingGroup({ thingGroupName: "room" });
  assert.deepEqual(room.thingGroupMetadata.rootToParentThingGroups, [{ groupName: "house", groupArn: arn("thinggroup/house") }]);
  const below = await iot.listThingsInThingGroup({ thingGroupName: "house", recursive: true });
  assert.deepEqual(below.things, ["chair"]);
  const tags = () => iot.listTagsForResource({ resourceArn: arn("thinggroup/house") }).then((answer) => answer.tags);
  await iot.tagResource({ resourceArn: arn("thinggroup/house"), tags: [{ Key: "l", Value: "" }] });
  await iot.untagResource({ resourceArn: arn("thinggroup/house"), tagKeys: ["k", "never"] });
  assert.deepEqual(await tags(), [{ Key: "l", Value: "" }]);
});

test("search and aggregations", async () => {
  // API-238, API-239, API-253, API-261, API-265
  await iot.updateIndexingConfiguration({
    thingIndexingConfiguration: { thingIndexingMode: "REGISTRY", customFields: [{ name: "attributes.size", type: "Number" }] },
  });
  for (const size of [10, 20, 30]) {
    await iot.createThing({ thingName: `box-${size}`, attributePayload: { attributes: { size: String(size) } } });
  }
  const found = await iot.searchIndex({ queryString: "thingName:box-* AND attributes.size:[20 TO 40]" });
  assert.deepEqual(found.things.map((thing) => thing.thingName), ["box-20", "box-30"]);
  const { statistics } = await iot.getStatistics({ queryString: "thingName:box-*", aggregationField: "attributes.size" });
  assert.deepEqual([statistics.count, statistics.average, statistics.maximum], [3, 20, 30]);
  const buckets = await iot.getBucketsAggregation({
    queryString: "thingName:box-*",
    aggregationField: "attributes.size",
    bucketsAggregationType: { termsAggregation: { maxBuckets: 2 } },
  });
  assert.deepEqual([buckets.totalCount, buckets.buckets.length, buckets.buckets[0].count], [3, 2, 1]);
  await refused(iot.searchIndex({ queryString: "nonsense:1" }), "InvalidQueryException", 400);
});

test("accounts and Regions are apart", async () => {
  // API-046
  const [ours, theirs] = [as("111111111111"), as("111111111111", "eu-west-1")];
  await ours.createThing({ thingName: "mine" });
  assert.equal((await ours.describeThing({ thingName: "mine" })).thingArn, "arn:aws:iot:us-east-1:111111111111:thing/mine");
  assert.deepEqual((await theirs.listThings({})).things, []);
  await refused(iot.describeThing({ thingName: "mine" }), "ResourceNotFoundException", 404);
});
