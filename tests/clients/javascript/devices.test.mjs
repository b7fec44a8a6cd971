// Devices and browsers in JavaScript: the device SDK (version 1, MQTT 3.1.1 over TLS and WebSocket) and MQTT.js (MQTT 5).

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { once } from "node:events";
import { test } from "node:test";
import sdk from "aws-iot-device-sdk";
import mqtt from "mqtt";
import { endpoint, iot, open } from "./clients.mjs";

const ca = readFileSync(process.env.NODE_EXTRA_CA_CERTS);
const ports = await fetch(`${endpoint}/_thingstead/endpoints`).then((answer) => answer.json());
const port = (door) => Number(ports[door].split(":").pop());

/** A thing with a certificate and a policy of its own; the TLS options of its clients. */
async function device(name, policyDocument = open) {
  const { certificateArn, certificatePem, keyPair } = await iot.createKeysAndCertificate({ setAsActive: true });
  await iot.createThing({ thingName: name });
  await iot.createPolicy({ policyName: name, policyDocument });
  await iot.attachPolicy({ policyName: name, target: certificateArn });
  await iot.attachThingPrincipal({ thingName: name, principal: certificateArn });
  return { key: Buffer.from(keyPair.PrivateKey), cert: Buffer.from(certificatePem), ca };
}

const asked = async (path, body) => (await fetch(`${endpoint}/_thingstead/${path}`, body)).json();

test("the device SDK keeps a shadow and talks over TLS", { timeout: 20_000 }, async () => {
  // MQTT-001, SHADOW-050
  const { key, cert } = await device("js-lamp");
  const options = { privateKey: key, clientCert: cert, caCert: ca, clientId: "js-lamp", host: "localhost" };
  const shadows = sdk.thingShadow({ ...options, port: port("mqtts") }, { operationTimeout: 900 });
  await once(shadows, "connect");
  await new Promise((registered) => shadows.register("js-lamp", {}, registered));
  // Answer and delta may come in one read, so both are listened for all the time.
  const told = new Map();
  const both = new Promise((done) => {
    const tell = (event, state) => told.set(event, state).size === 2 && done();
    shadows.on("status", (_thing, status, _token, state) => tell(status, state));
    shadows.on("delta", (_thing, state) => tell("delta", state));
  });
  shadows.update("js-lamp", { state: { desired: { on: true }, reported: { on: false } } });
  await both;
  assert.deepEqual(told.get("delta").state.on, true);
  assert.ok(told.get("accepted").version >= 1);
  await new Promise((ended) => shadows.end(false, ended));
});

test("the device SDK in a browser signs a WebSocket", { timeout: 20_000 }, async () => {
  // MQTT-004, MQTT-011, MQTT-012, AUTH-105: it asks for the subprotocol `mqttv3.1`
  const browser = sdk.device({
    protocol: "wss", accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretKey: "any", region: "us-east-1", clientId: "js-browser",
    host: "localhost", port: port("https"),
  });
  await once(browser, "connect");
  await new Promise((done, failed) => browser.subscribe("js/#", { qos: 1 }, (error) => (error ? failed(error) : done())));
  browser.publish("js/1", "from the browser", { qos: 1 });
  const [topic, payload] = await once(browser, "message");
  assert.deepEqual([topic, payload.toString()], ["js/1", "from the browser"]);
  await new Promise((ended) => browser.end(false, ended));
});

test("MQTT.js reads MQTT 5 properties and the reason of a refusal", { timeout: 20_000 }, async () => {
  // MQTT-079, MQTT-086, POLICY-424, POLICY-441
  const own = JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Action: "iot:Connect", Resource: "*" },
      { Effect: "Allow", Action: ["iot:Publish", "iot:Receive"], Resource: "arn:aws:iot:*:*:topic/own/*" },
      { Effect: "Allow", Action: "iot:Subscribe", Resource: "arn:aws:iot:*:*:topicfilter/own/*" },
    ],
  });
  const tls = await device("js-five", own);
  const client = await mqtt.connectAsync(`mqtts://localhost:${port("mqtts")}`, { ...tls, protocolVersion: 5, clientId: "js-five" });
  let granted;
  client.on("packetreceive", (packet) => packet.cmd === "suback" && (granted = packet));
  await client.subscribeAsync({ "own/#": { qos: 1 }, "other/#": { qos: 1 } }).catch(() => {});
  assert.deepEqual(granted.granted, [1, 0x87]);
  assert.match(granted.properties.reasonString, /no statement allows `iot:Subscribe`/);

  const properties = { userProperties: { colour: ["red", "blue"] }, responseTopic: "own/answer", contentType: "text/plain" };
  const arrived = once(client, "message");
  await client.publishAsync("own/t", "x", { qos: 1, properties });
  const [, , message] = await arrived;
  assert.deepEqual(message.properties.userProperties.colour, ["red", "blue"]);
  assert.equal(message.properties.contentType, "text/plain");

  const refused = await client.publishAsync("other/t", "x", { qos: 1 }).then(() => null, (error) => error);
  assert.equal(refused.code, 0x87);
  const { explanations } = await asked("explain?client=js-five&outcome=denied&limit=1");
  assert.equal(explanations[0].asked.action, "iot:Publish");

  // What ends the connection is explained, too.
  client.publish("own/t", "x", { qos: 2 });
  const [goodbye] = await once(client, "disconnect");
  assert.equal(goodbye.reasonCode, 0x9b);
  assert.match(goodbye.properties.reasonString, /QoS is 2/);
  await client.endAsync(true);
});
