// The data plane as the SDK for JavaScript sees it: publish, retained messages, shadows, connections.

import assert from "node:assert/strict";
import { test } from "node:test";
import { paginateListRetainedMessages } from "@aws-sdk/client-iot-data-plane";
import { all, bytes, data, iot, refused, text } from "./clients.mjs";

test("publish and retained messages", async () => {
  // API-009, API-017, API-268, API-271, API-272, API-273
  const topic = "a/b c/ü";
  const published = await data.publish({
    topic,
    payload: bytes("hello"),
    qos: 1,
    retain: true,
    contentType: "text/plain",
    userProperties: JSON.stringify([{ colour: "red" }]),
  });
  assert.equal(published.$metadata.httpStatusCode, 200);
  const message = await data.getRetainedMessage({ topic });
  assert.deepEqual([message.topic, text(message.payload), message.qos], [topic, "hello", 1]);
  assert.ok(Math.abs(message.lastModifiedTime - Date.now()) < 60_000);
  assert.deepEqual(JSON.parse(text(message.userProperties)), [{ colour: "red" }]);
  for (const at of [1, 2, 3]) await data.publish({ topic: `r/${at}`, payload: bytes("x"), retain: true });
  const rows = await all(paginateListRetainedMessages({ client: data, pageSize: 2 }, {}), "retainedTopics");
  assert.deepEqual(rows.map((row) => row.topic).sort(), [topic, "r/1", "r/2", "r/3"]);
  assert.equal(rows.find((row) => row.topic === topic).payloadSize, 5);
  await data.publish({ topic, payload: new Uint8Array(), retain: true });
  await refused(data.getRetainedMessage({ topic }), "ResourceNotFoundException", 404);
  await refused(data.publish({ topic: "a/#", payload: bytes("x") }), "InvalidRequestException", 400);
});

test("shadows", async () => {
  // API-028, API-274, API-275, API-276
  await iot.createThing({ thingName: "lamp" });
  await refused(data.getThingShadow({ thingName: "lamp" }), "ResourceNotFoundException", 404);
  const state = { desired: { on: true }, reported: { on: false } };
  const updated = await data.updateThingShadow({ thingName: "lamp", payload: bytes(JSON.stringify({ state })) });
  assert.equal(JSON.parse(text(updated.payload)).version, 1);
  const shadow = JSON.parse(text((await data.getThingShadow({ thingName: "lamp" })).payload));
  assert.deepEqual(shadow.state.delta, { on: true });
  const stale = data.updateThingShadow({ thingName: "lamp", payload: bytes(JSON.stringify({ state, version: 9 })) });
  const conflict = await refused(stale, "ConflictException", 409);
  assert.equal(conflict.message, "Version conflict");
  await data.updateThingShadow({ thingName: "lamp", shadowName: "config", payload: bytes('{"state":{"reported":{"rate":5}}}') });
  const { results, timestamp } = await data.listNamedShadowsForThing({ thingName: "lamp" });
  assert.deepEqual(results, ["config"]);
  assert.ok(Math.abs(timestamp * 1000 - Date.now()) < 60_000);
  await data.deleteThingShadow({ thingName: "lamp" });
  await refused(data.getThingShadow({ thingName: "lamp" }), "ResourceNotFoundException", 404);
});

test("connections", async () => {
  // API-278
  await refused(data.deleteConnection({ clientId: "nobody", cleanSession: true }), "ResourceNotFoundException", 404);
  await refused(data.deleteConnection({ clientId: "$nobody" }), "InvalidRequestException", 400);
});
