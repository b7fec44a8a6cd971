// Certificates, policies, attachments and rules as the SDK for JavaScript sees them.

import assert from "node:assert/strict";
import { X509Certificate, createHash, createPrivateKey } from "node:crypto";
import { test } from "node:test";
import { DeleteConflictException, paginateListPolicies } from "@aws-sdk/client-iot";
import { all, arn, iot, open, refused } from "./clients.mjs";

test("a certificate is what its id says", async () => {
  // API-127, API-130, API-137, API-138, API-140
  const made = await iot.createKeysAndCertificate({ setAsActive: true });
  const certificate = new X509Certificate(made.certificatePem);
  assert.equal(createHash("sha256").update(certificate.raw).digest("hex"), made.certificateId);
  assert.ok(certificate.checkPrivateKey(createPrivateKey(made.keyPair.PrivateKey)));
  const { certificateDescription } = await iot.describeCertificate({ certificateId: made.certificateId });
  assert.equal(certificateDescription.status, "ACTIVE");
  assert.equal(certificateDescription.validity.notAfter.getUTCFullYear(), 2049);
  await refused(iot.deleteCertificate({ certificateId: made.certificateId }), "CertificateStateException", 406);
  await iot.updateCertificate({ certificateId: made.certificateId, newStatus: "INACTIVE" });
  await iot.deleteCertificate({ certificateId: made.certificateId });
});

test("policies, versions and attachments", async () => {
  // API-009, API-012, API-156, API-161, API-164, API-169, API-173, API-174
  const policyName = "p@+=,.-_";
  await iot.createPolicy({ policyName, policyDocument: open });
  assert.equal((await iot.getPolicy({ policyName })).policyDocument, open);
  const next = await iot.createPolicyVersion({ policyName, policyDocument: open, setAsDefault: true });
  assert.deepEqual([next.policyVersionId, next.isDefaultVersion], ["2", true]);
  const made = await iot.createKeysAndCertificate({ setAsActive: true });
  await iot.attachPolicy({ policyName, target: made.certificateArn });
  assert.deepEqual((await iot.listAttachedPolicies({ target: made.certificateArn })).policies, [{ policyName, policyArn: arn(`policy/${policyName}`) }]);
  assert.deepEqual((await iot.listTargetsForPolicy({ policyName })).targets, [made.certificateArn]);
  await iot.deletePolicyVersion({ policyName, policyVersionId: "1" });
  const held = await refused(iot.deletePolicy({ policyName }), "DeleteConflictException", 409);
  assert.ok(held instanceof DeleteConflictException);
  await iot.detachPolicy({ policyName, target: made.certificateArn });
  await iot.deletePolicy({ policyName });
  for (let at = 0; at < 5; at++) await iot.createPolicy({ policyName: `listed-${at}`, policyDocument: open });
  const pages = paginateListPolicies({ client: iot, pageSize: 2 }, { ascendingOrder: true });
  const names = (await all(pages, "policies")).map((policy) => policy.policyName);
  assert.deepEqual(names, [0, 1, 2, 3, 4].map((at) => `listed-${at}`));
  await refused(iot.createPolicy({ policyName: "bad", policyDocument: "{" }), "MalformedPolicyException", 400);
});

test("principals of things", async () => {
  // API-015, API-178, API-180, API-181
  await iot.createThing({ thingName: "t" });
  const { certificateArn } = await iot.createKeysAndCertificate({});
  await iot.attachThingPrincipal({ thingName: "t", principal: certificateArn });
  assert.deepEqual((await iot.listThingPrincipals({ thingName: "t" })).principals, [certificateArn]);
  assert.deepEqual((await iot.listPrincipalThings({ principal: certificateArn })).things, ["t"]);
  await iot.detachThingPrincipal({ thingName: "t", principal: certificateArn });
  await refused(iot.detachThingPrincipal({ thingName: "t", principal: certificateArn }), "ResourceNotFoundException", 404);
});

test("a rule reads back as it was written", async () => {
  // API-021, API-071, API-191, API-194, API-195
  const topicRulePayload = {
    sql: "SELECT * FROM 'plant/+'",
    description: "all",
    awsIotSqlVersion: "2016-03-23",
    ruleDisabled: false,
    actions: [{ republish: { topic: "copy", roleArn: "arn:aws:iam::000000000000:role/r", qos: 1 } }],
  };
  await iot.createTopicRule({ ruleName: "copy", topicRulePayload, tags: "team=a%20b&x=" });
  const { rule } = await iot.getTopicRule({ ruleName: "copy" });
  for (const [name, value] of Object.entries(topicRulePayload)) assert.deepEqual(rule[name], value, name);
  assert.ok(rule.createdAt instanceof Date);
  const { tags } = await iot.listTagsForResource({ resourceArn: arn("rule/copy") });
  assert.deepEqual(tags, [{ Key: "team", Value: "a b" }, { Key: "x", Value: "" }]);
  await iot.disableTopicRule({ ruleName: "copy" });
  assert.equal((await iot.getTopicRule({ ruleName: "copy" })).rule.ruleDisabled, true);
  await refused(iot.createTopicRule({ ruleName: "bad", topicRulePayload: { sql: "SELECT FROM", actions: [] } }), "SqlParseException", 400);
  await iot.deleteTopicRule({ ruleName: "copy" });
  await refused(iot.getTopicRule({ ruleName: "copy" }), "UnauthorizedException", 401);
});
