// Clients of the server that the environment names, and the words the tests share.

import assert from "node:assert/strict";
import { IoT } from "@aws-sdk/client-iot";
import { IoTDataPlane } from "@aws-sdk/client-iot-data-plane";

export const endpoint = process.env.THINGSTEAD_API;
export const account = "000000000000";
export const region = "us-east-1";

const settings = { endpoint, region, credentials: { accessKeyId: "test", secretAccessKey: "test" } };

export const iot = new IoT(settings);
export const data = new IoTDataPlane(settings);

export const as = (accessKeyId, otherRegion = region) =>
  new IoT({ ...settings, region: otherRegion, credentials: { accessKeyId, secretAccessKey: "x" } });

export const arn = (resource) => `arn:aws:iot:${region}:${account}:${resource}`;

export const open = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: "iot:*", Resource: "*" }],
});

/** The error of a call that must fail, which must have this name and status. */
export async function refused(call, name, status) {
  const error = await call.then(
    () => assert.fail(`expected ${name}, but the call succeeded`),
    (error) => error,
  );
  assert.equal(error.name, name, `${error.name}: ${error.message}`);
  assert.equal(error.$metadata.httpStatusCode, status);
  assert.match(error.$metadata.requestId, /^[0-9a-f-]{36}$/);
  assert.equal(error.$metadata.attempts, 1);
  return error;
}

/** All rows of a paginator. */
export async function all(pages, member) {
  const rows = [];
  for await (const page of pages) rows.push(...page[member]);
  return rows;
}

export const bytes = (text) => new TextEncoder().encode(text);
export const text = (payload) => new TextDecoder().decode(payload);
